"""`app` and `appset` read what Argo CD writes."""

from pathlib import Path
from typing import Any

import pytest

from lab.checks.run import run
from lab.events import CheckRetried
from lab.ports import Object
from tests.fakes.kube import FakeKube
from tests.fakes.stand_in import StandIn, check, stand_in

OLD, NEW = "a" * 40, "b" * 40


def application(name: str = "web-w1", **status: Any) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {"destination": {"name": "w1", "namespace": "web"}},
        "status": {
            "sync": {"status": "Synced", "revision": OLD},
            "health": {"status": "Healthy"},
            **status,
        },
    }


def condition(text: str, kind: str = "ComparisonError") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "message": text}]}


def operation(phase: str, text: str, *resources: dict[str, str]) -> dict[str, Any]:
    return {"operationState": {"phase": phase, "message": text, "syncResult": {"resources": list(resources)}}}


@pytest.fixture
def stand(tmp_path: Path) -> StandIn:
    made = stand_in(tmp_path)
    made.git.heads = {"platform": NEW}
    return made


def outcome(stand: StandIn, **values: Any) -> tuple[str, str]:
    result = run(stand.lab, [check(app={"name": "web-w1", **values})])[0]
    return result.outcome, result.reason


@pytest.mark.parametrize(
    ("status", "values"),
    [
        ({}, {}),
        ({}, {"sync": "Synced", "health": "Healthy"}),
        ({}, {"revision": OLD}),
        ({}, {"revision": OLD[:7]}),
        ({"sync": {"status": "Synced", "revision": NEW}}, {"revision": "head:platform"}),
        ({"sync": {"status": "Synced", "revisions": [OLD, NEW]}}, {"revision": "head:platform"}),
        ({"sync": {"status": "OutOfSync", "revision": NEW}}, {"revision": "head:platform", "sync": "OutOfSync"}),
        (condition("there are no clusters with this name: w9"), {"condition": "no clusters .* w9"}),
        (operation("Failed", "one or more objects failed to apply"), {"condition": "failed to apply"}),
        (
            operation("Failed", "x", {"kind": "Role", "name": "r", "status": "SyncFailed", "message": "not permitted"}),
            {"condition": "not permitted"},
        ),
    ],
)
def test_it_holds(stand: StandIn, status: dict[str, Any], values: dict[str, Any]) -> None:
    stand.hub.add(application(**status))
    assert outcome(stand, **values) == ("passed", "")


@pytest.mark.parametrize(
    ("status", "values", "reason"),
    [
        (
            {"sync": {"status": "OutOfSync"}, "health": {"status": "Missing"}},
            {"sync": "Synced", "health": "Healthy"},
            "sync: got OutOfSync, want Synced; health: got Missing, want Healthy",
        ),
        ({"sync": {}, "health": {}}, {"sync": "Synced"}, "sync: got nothing, want Synced"),
        (
            {"sync": {"status": "Unknown"}, **condition("repository not found")},
            {"sync": "Synced"},
            "sync: got Unknown, want Synced (repository not found)",
        ),
        (
            {"health": {"status": "Degraded"}, **operation("Succeeded", "successfully synced (all tasks run)")},
            {"health": "Healthy"},
            "health: got Degraded, want Healthy",
        ),
        ({}, {"revision": "head:platform"}, "revision: got aaaaaaa, want bbbbbbb"),
        (
            {"sync": {"status": "OutOfSync", "revision": NEW}},
            {"revision": "head:platform"},
            "sync: got OutOfSync, want Synced",
        ),
        ({}, {"revision": "head:other"}, "revision: repository other has no commit on main"),
        ({"sync": {"status": "Synced"}}, {"revision": OLD}, "revision: got nothing, want aaaaaaa"),
        ({}, {"condition": "denied"}, 'condition: got nothing, want "denied"'),
        (
            condition("some other trouble"),
            {"condition": "denied"},
            'condition: got ComparisonError: some other trouble, want "denied"',
        ),
    ],
)
def test_it_does_not_hold(stand: StandIn, status: dict[str, Any], values: dict[str, Any], reason: str) -> None:
    stand.hub.add(application(**status))
    assert outcome(stand, **values) == ("failed", reason)


def test_a_missing_application_names_the_nearest(stand: StandIn) -> None:
    stand.hub.add(application("web-w2"), application("metrics"))
    assert outcome(stand) == ("failed", "Application argocd/web-w1 on hub: not found (there is web-w2)")


def test_a_wrong_expression_fails_at_once(stand: StandIn) -> None:
    stand.hub.add(application())
    found, reason = outcome(stand, condition="(")
    assert found == "failed"
    assert '"(" is not a regular expression' in reason
    assert stand.clock.passed == 0


def test_a_new_commit_is_awaited(stand: StandIn) -> None:
    stand.hub.add(application())
    stand.clock.at(4, lambda: stand.hub.add(application(sync={"status": "Synced", "revision": NEW})))
    assert outcome(stand, revision="head:platform") == ("passed", "")
    assert [event.mismatch for event in stand.told(CheckRetried)] == ["revision: got aaaaaaa, want bbbbbbb"]


def test_evidence_comes_from_the_application_and_from_where_it_deploys_to(stand: StandIn) -> None:
    stand.hub.add(application(health={"status": "Degraded"}, **operation("Failed", "one object failed to apply")))
    stand.kubes["w1"].add(waiting_pod())
    result = run(stand.lab, [check(app={"name": "web-w1", "health": "Healthy"})])[0]
    assert result.evidence == (
        "operation Failed: one object failed to apply",
        "pod web-1 on w1: web waiting: ImagePullBackOff: Back-off pulling image",
    )


def waiting_pod() -> Object:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "web"},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "web", "state": {"waiting": waiting}}]},
    }


# --- appset ---------------------------------------------------------------------------------------------------------


def appset(error: str = "") -> Object:
    conditions = [
        {"type": "ErrorOccurred", "status": "True" if error else "False", "message": error or "all generated"},
        {"type": "ResourcesUpToDate", "status": "False" if error else "True", "message": error or "all generated"},
    ]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "web", "namespace": "argocd", "uid": "set-1"},
        "spec": {},
        "status": {"conditions": conditions},
    }


def generated(kube: FakeKube, *names: str, owner: str = "set-1") -> None:
    for name in names:
        app = application(name)
        app["metadata"]["ownerReferences"] = [{"kind": "ApplicationSet", "name": "web", "uid": owner}]
        kube.add(app)


def generates(stand: StandIn, **values: Any) -> tuple[str, str]:
    result = run(stand.lab, [check(appset={"name": "web", **values})])[0]
    return result.outcome, result.reason


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ("passed", "")),
        ({"applications": ["web-w2", "web-w1"]}, ("passed", "")),
        ({"count": 2}, ("passed", "")),
        ({"applications": ["web-w1"]}, ("failed", "applications: not wanted web-w2")),
        ({"applications": ["web-w1", "web-w3"]}, ("failed", "applications: missing web-w3; not wanted web-w2")),
        ({"applications": []}, ("failed", "applications: not wanted web-w1, web-w2")),
        ({"count": 3}, ("failed", "applications: got 2, want 3")),
        ({"name": "nope"}, ("failed", "ApplicationSet argocd/nope on hub: not found")),
    ],
)
def test_what_an_applicationset_generates(stand: StandIn, values: dict[str, Any], expected: tuple[str, str]) -> None:
    stand.hub.add(appset(), application("by-hand"))
    generated(stand.hub, "web-w1", "web-w2")
    generated(stand.hub, "another-set", owner="set-2")
    assert generates(stand, **values) == expected


def test_its_error_is_the_reason(stand: StandIn) -> None:
    stand.hub.add(appset("map has no entry for key env"))
    assert generates(stand, count=1) == (
        "failed",
        "applications: got 0, want 1 (ErrorOccurred: map has no entry for key env)",
    )
    assert generates(stand) == ("failed", "ErrorOccurred: map has no entry for key env")


def test_an_application_that_comes_later_is_awaited(stand: StandIn) -> None:
    stand.hub.add(appset())
    stand.clock.at(2, lambda: generated(stand.hub, "web-w1"))
    assert generates(stand, applications=["web-w1"]) == ("passed", "")
