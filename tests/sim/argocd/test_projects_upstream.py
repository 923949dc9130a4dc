"""AppProject rules, sync windows and globs against Argo CD's own tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lab.sim.argocd import glob, project_validation
from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.project import Project
from lab.sim.argocd.sync_windows import SyncWindowError, SyncWindows, matching
from tests.sim.argocd.upstream import Case, cases

_NOON = datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC).timestamp()
_OPEN = {"schedule": "0 * * * *", "duration": "1h"}
_CLOSED = {"schedule": "0 3 * * *", "duration": "1h"}


def _cluster(fields: dict[str, str]) -> Cluster:
    return Cluster(server=fields.get("server", ""), name=fields.get("name", ""))


@pytest.mark.parametrize("case", cases("project"))
def test_project(case: Case) -> None:
    project = Project(
        {"metadata": {"name": "p"}, "spec": case.get("spec") or {}}, [_cluster(one) for one in case.get("clusters", ())]
    )
    match case["ask"]:
        case "source":
            answer = project.permits_source(case["url"])
        case "destination":
            answer = project.permits_destination(_cluster(case["cluster"]), case["namespace"])
        case "kind":
            answer = project.permits_kind(case["group"], case["kind"], case["name"], namespaced=case["namespaced"])
        case _:
            answer = project.permits_application_namespace(case["namespace"], case["controller"])
    assert answer is case["expect"]


@pytest.mark.parametrize("case", cases("project_validation"))
def test_validation(case: Case) -> None:
    project = {"metadata": {"name": "my-proj"}, "spec": case.get("spec") or {}}
    if "error" not in case:
        project_validation.check(project)
        return
    with pytest.raises(project_validation.ProjectError) as failed:
        project_validation.check(project)
    assert case["error"] == "*" or case["error"] in str(failed.value)


@pytest.mark.parametrize("case", cases("sync_windows"))
def test_sync_window(case: Case) -> None:
    if case["ask"] == "matching":
        assert len(matching(case["windows"], case["application"])) == case["expect"]
        return
    if case["ask"] == "can_sync":
        windows = [{**one, **(_OPEN if one["open"] else _CLOSED)} for one in case["windows"]]
        assert SyncWindows(windows, _NOON).can_sync(case["manual"]) is case["expect"]
        return
    if case["ask"] == "overrun":
        started = _NOON + case["started"] if "started" in case else None
        assert SyncWindows(case["windows"], _NOON).can_sync(False, started) is case["expect"]
        return
    zone = {"UTC": UTC, "-4": timezone(timedelta(hours=-4))}[case["at"]["zone"]]
    at = datetime(2026, 11, 23, case["at"]["hour"], tzinfo=zone).timestamp()
    windows = SyncWindows(case["windows"], at)
    ask = windows.active if case["ask"] == "active" else windows.inactive_allows
    if case.get("fails"):
        with pytest.raises(SyncWindowError):
            ask()
    else:
        assert len(ask()) == case["expect"]


@pytest.mark.parametrize("case", cases("glob"))
def test_glob(case: Case) -> None:
    if "list" in case:
        assert glob.in_list(case["list"], case["text"]) is case["expect"]
    else:
        assert glob.matches(case["pattern"], case["text"], case.get("separators", "")) is case["expect"]
