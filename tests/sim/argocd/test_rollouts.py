"""Rolling syncs from change to change."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.applicationset import progressive
from lab.sim.argocd.applicationset.rollout_issues import RolloutIssues, max_update_of
from lab.sim.argocd.applicationset.rollout_operations import with_operations, without_automation
from lab.sim.clock import timestamp
from lab.sim.objects import Object

NOW = 1_800_000_000.0


def step(env: str, **more: Any) -> Object:
    return {"matchExpressions": [{"key": "env", "operator": "In", "values": [env]}], **more}


def appset(*statuses: Object, steps: list[Object] | None = None) -> Object:
    rolling = {"steps": steps or [step("dev"), step("prod")]}
    return {
        "metadata": {"name": "set"},
        "spec": {"strategy": {"type": "RollingSync", "rollingSync": rolling}},
        "status": {"applicationStatus": list(statuses)},
    }


def application(name: str, env: str, *, sync: str = "OutOfSync", health: str = "Healthy", **status: Any) -> Object:
    revision = status.pop("revision", "r1")
    return {
        "metadata": {"name": name, "labels": {"env": env}},
        "spec": {},
        "status": {"sync": {"status": sync, "revision": revision}, "health": {"status": health}, **status},
    }


def status(name: str, code: str, at: float = NOW - 60, **more: Any) -> Object:
    return {
        "application": name,
        "status": code,
        "message": "",
        "step": "1",
        "targetRevisions": ["r1"],
        "lastTransitionTime": timestamp(at),
        **more,
    }


def updated(held: Object | None, live: Object, *, same: bool = True) -> Object:
    made = appset(*([held] if held else []))
    steps = progressive.select_steps(made, [live])
    (found,) = progressive.update_statuses(made, [live], [live], steps, NOW, lambda *_: same)
    return found


def test_a_new_application_waits() -> None:
    found = updated(None, application("a", "dev"))
    assert (found["status"], found["step"], found["targetRevisions"]) == ("Waiting", "1", ["r1"])
    assert found["message"] == "No Application status found, defaulting status to Waiting"
    assert updated(None, application("a", "other"))["step"] == "-1"


@pytest.mark.parametrize(
    ("revision", "same", "message"),
    [
        ("r2", True, "Application has pending changes, setting status to Waiting"),
        ("r1", False, "Application has pending changes (spec differs), setting status to Waiting"),
        ("r2", False, "Application has pending changes (revision and spec differ), setting status to Waiting"),
    ],
)
def test_a_change_makes_it_wait_again(revision: str, same: bool, message: str) -> None:
    found = updated(status("a", "Healthy"), application("a", "dev", revision=revision), same=same)
    assert (found["status"], found["message"], found["targetRevisions"]) == ("Waiting", message, [revision])
    assert found["lastTransitionTime"] == timestamp(NOW)


@pytest.mark.parametrize(("health", "code"), [("Healthy", "Healthy"), ("Degraded", "Progressing")])
def test_one_that_waits_and_is_synced_goes_on(health: str, code: str) -> None:
    found = updated(status("a", "Waiting"), application("a", "dev", sync="Synced", health=health))
    assert (found["status"], found["message"]) == (code, f"Application resource has synced, updating status to {code}")


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({"reconciledAt": timestamp(NOW - 90)}, "Pending", ""),
        ({"reconciledAt": timestamp(NOW)}, "Pending", ""),
        (
            {"reconciledAt": timestamp(NOW), "operationState": {"phase": "Running", "startedAt": timestamp(NOW - 5)}},
            "Progressing",
            "Application resource became Progressing, updating status from Pending to Progressing",
        ),
        (
            {"operationState": {"phase": "Succeeded", "startedAt": timestamp(NOW - 5)}},
            "Progressing",
            "Application resource completed a sync successfully, updating status from Pending to Progressing",
        ),
        (
            {"operationState": {"phase": "Failed", "startedAt": timestamp(NOW - 5)}},
            "Progressing",
            "Application resource completed a sync, updating status from Pending to Progressing",
        ),
        ({"operationState": {"phase": "Succeeded", "startedAt": timestamp(NOW - 90)}}, "Pending", ""),
        (
            {"conditions": [{"type": "InvalidSpecError"}]},
            "Progressing",
            "Application resource has error and cannot sync, updating status to Progressing",
        ),
    ],
)
def test_pending(more: dict[str, Any], code: str, message: str) -> None:
    found = updated(status("a", "Pending"), application("a", "dev", **more))
    assert (found["status"], found["message"]) == (code, message)


def test_progressing_ends_when_healthy_and_synced() -> None:
    for sync, health, code in (
        ("Synced", "Healthy", "Healthy"),
        ("OutOfSync", "Healthy", "Progressing"),
        ("Synced", "Degraded", "Progressing"),
    ):
        assert updated(status("a", "Progressing"), application("a", "dev", sync=sync, health=health))["status"] == code


def test_the_next_step_opens_when_all_are_healthy() -> None:
    live = [application("a", "dev"), application("b", "prod")]
    for code, allowed in (("Progressing", {"a"}), ("Healthy", {"a", "b"})):
        made = appset(status("a", code), status("b", "Waiting"))
        steps = progressive.select_steps(made, live)
        assert progressive.applications_to_sync(made, steps, live) == allowed
        assert progressive.applications_to_sync(made, steps, live[1:]) == {"a"}


@pytest.mark.parametrize(("amount", "released"), [(None, 4), (1, 0), (2, 1), ("50%", 1), ("1%", 0), ("0%", 0), (0, 0)])
def test_max_update(amount: Any, released: int) -> None:
    names = ["a", "b", "c", "d", "busy"]
    codes = {name: "Waiting" for name in names} | {"busy": "Progressing"}
    steps = [step("dev", **({} if amount is None else {"maxUpdate": amount}))]
    made = appset(*[status(name, codes[name]) for name in names], steps=steps)
    selected = progressive.select_steps(made, [application(name, "dev") for name in names])
    found = progressive.release(made, set(names), selected, NOW)
    assert sum(one["status"] == "Pending" for one in found) == released


def test_an_amount_that_cannot_be_read_lets_one_through() -> None:
    issues = RolloutIssues()
    assert max_update_of("many", 10, 2, issues) == 1
    assert issues.message() == "Step 3 has an invalid maxUpdate value: many"


def test_only_pending_applications_get_an_operation() -> None:
    policy = {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=true"]}
    desired = [{**application(name, "dev"), "spec": {"syncPolicy": policy}} for name in ("a", "b")]
    made = appset(status("a", "Pending"), status("b", "Waiting"))
    first, second = with_operations(made, {"a", "b"}, desired)
    assert first["spec"]["syncPolicy"]["automated"] == {"prune": True, "enabled": False}
    assert first["operation"] == {
        "initiatedBy": {"username": "applicationset-controller", "automated": True},
        "info": [
            {"name": "Reason", "value": "ApplicationSet RollingSync triggered a sync of this Application resource"}
        ],
        "sync": {"revision": "r1", "syncOptions": ["CreateNamespace=true"], "prune": True},
        "retry": {"limit": 5},
    }
    assert "operation" not in second
    assert desired[0]["spec"]["syncPolicy"]["automated"] == {"prune": True}
    assert without_automation(application("x", "dev"))["spec"] == {}


def test_conditions() -> None:
    made = appset(status("a", "Healthy", step="1"), status("b", "Pending", step="2"))
    progress = {one["type"]: one for one in progressive.conditions(made, RolloutIssues())}
    assert progress["RolloutProgressing"]["message"] == "ApplicationSet is performing rollout of step 2"
    assert progress["RolloutProgressing"]["reason"] == "ApplicationSetModified"
    assert progress["InvalidRolloutConfig"]["message"] == "Rolling Sync Configured correctly"
    done = appset(status("a", "Healthy", step="1"), status("x", "Waiting", step="-1"))
    assert progressive.conditions(done, RolloutIssues())[1]["message"] == "ApplicationSet Rollout has completed"
    assert progressive.conditions({"spec": {}}, RolloutIssues()) == []


def test_reconciliation_after_a_change() -> None:
    changed = status("a", "Waiting", NOW - 10, message="Application has pending changes, setting status to Waiting")
    since = progressive.latest_change(appset(changed, status("new", "Waiting", NOW)))
    assert since == NOW - 10
    late = application("a", "dev", reconciledAt=timestamp(NOW - 20))
    fresh = application("b", "dev", reconciledAt=timestamp(NOW))
    assert progressive.reconciled_since([fresh], since, NOW) == progressive.Reconciled(True, [])
    assert progressive.reconciled_since([late, fresh], since, NOW) == progressive.Reconciled(False, ["a"])
    assert progressive.reconciled_since([late], since, NOW, grace=60) == progressive.Reconciled(False, [])
    asked = {**late, "metadata": {**late["metadata"], "annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    assert progressive.reconciled_since([asked], since, NOW) == progressive.Reconciled(False, [])
    assert progressive.reconciled_since([late], None, NOW).done


def test_deletion_goes_from_the_last_step_to_the_first() -> None:
    live = [application("a", "dev"), application("b", "prod"), application("c", "prod")]
    assert progressive.deletion_order(appset(), live) == ["b", "c", "a"]
