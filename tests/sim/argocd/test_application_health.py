"""The health of Applications. Cases follow Argo CD 3.6.1 `controller/health_test.go`."""

from __future__ import annotations

from typing import Any

from lab.sim.argocd.health import HealthOverride, ManagedResource, application_health

APPLICATION = {"metadata": {"name": "web", "namespace": "argocd", "uid": "1"}}
APP_LUA = {
    "argoproj.io/Application": HealthOverride(
        'hs = {status="Progressing"} if obj.status and obj.status.health then hs.status = obj.status.health.status end '
        "return hs"
    )
}


def claim(name: str, phase: str = "Bound", **metadata: Any) -> ManagedResource:
    live = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "web", **metadata},
        "status": {"phase": phase},
    }
    return ManagedResource("", "PersistentVolumeClaim", "web", name, live, live)


def missing(name: str) -> ManagedResource:
    return ManagedResource("", "PersistentVolumeClaim", "web", name, claim(name).live)


def child(name: str, status: str, uid: str = "2") -> ManagedResource:
    live = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "uid": uid},
        "status": {"health": {"status": status}},
    }
    return ManagedResource("argoproj.io", "Application", "argocd", name, live, live)


def test_nothing_is_healthy() -> None:
    assert application_health([], APPLICATION).status == "Healthy"


def test_the_worst_counts_and_is_named() -> None:
    made = application_health([claim("a"), claim("b", "Pending"), claim("c", "Lost"), claim("d", "Lost")], APPLICATION)
    assert made.status == "Degraded"
    assert made.cause == "Caused by PersistentVolumeClaim:web/c, PersistentVolumeClaim:web/d"
    assert {place: one.status for place, one in made.resources.items()} == {
        0: "Healthy",
        1: "Progressing",
        2: "Degraded",
        3: "Degraded",
    }


def test_only_three_causes_are_named() -> None:
    made = application_health([claim(name, "Lost") for name in "abcde"], APPLICATION)
    assert made.cause.endswith("web/c and 2 more")


def test_missing_resources_count_only_when_nothing_lives() -> None:
    assert application_health([claim("a"), missing("b")], APPLICATION).status == "Healthy"
    made = application_health([missing("a"), missing("b")], APPLICATION)
    assert (made.status, made.cause) == ("Missing", "")
    assert made.resources[0].status == "Missing"


def test_hooks_and_ignored_resources_do_not_count() -> None:
    hook = claim("a", "Lost", annotations={"argocd.argoproj.io/hook": "PreSync"})
    skipped = claim("b", "Lost", annotations={"argocd.argoproj.io/hook": "Skip"})
    ignored = claim("c", "Lost", annotations={"argocd.argoproj.io/ignore-healthcheck": "true"})
    helm = claim("d", "Lost", annotations={"helm.sh/hook": "pre-install"})
    assert application_health([hook, skipped, ignored, helm], APPLICATION).status == "Healthy"
    assert application_health([hook], APPLICATION).resources == {}


def test_children() -> None:
    assert application_health([child("kid", "Degraded")], APPLICATION).status == "Healthy"
    assert application_health([child("kid", "Degraded")], APPLICATION, APP_LUA).status == "Degraded"
    assert application_health([child("kid", "Unknown")], APPLICATION, APP_LUA).status == "Healthy"
    assert application_health([child("web", "Degraded", uid="1")], APPLICATION, APP_LUA).status == "Healthy"


def test_a_check_that_fails() -> None:
    broken = {"PersistentVolumeClaim": HealthOverride("return obj.a.b")}
    made = application_health([claim("a")], APPLICATION, broken)
    assert made.status == "Unknown"
    assert made.error.startswith(
        'failed to get resource health for "PersistentVolumeClaim" with name "a" in namespace "web": '
        "failed to get resource health for web/a: <string>:1: "
    )
