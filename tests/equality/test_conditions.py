"""What stories wait for is true when it is, and only then."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.equality import conditions
from tests.equality.conditions import Condition
from tests.equality.world import World

HEAD = "2e" * 20
APPLICATION = {
    "kind": "Application",
    "metadata": {"name": "web", "namespace": "argocd", "uid": "one"},
    "status": {
        "sync": {"status": "Synced", "revision": HEAD},
        "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded", "startedAt": "2026-01-01T10:00:00Z"},
    },
}
SET = {
    "kind": "ApplicationSet",
    "metadata": {"name": "web", "namespace": "argocd", "uid": "set"},
    "status": {"conditions": [{"type": "ErrorOccurred", "status": "True", "message": "no region"}]},
}
DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "uid": "two", "generation": 3, "annotations": {"a/b": "c"}},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "containers": [{"env": "x"}]},
    "status": {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "observedGeneration": 3},
}
POD = {
    "kind": "Pod",
    "metadata": {
        "name": "web-0",
        "namespace": "shop",
        "uid": "three",
        "labels": {"app": "web", "more": "1"},
        "ownerReferences": [{"kind": "StatefulSet", "name": "db"}],
    },
}


def world(**changes: Any) -> World:
    """The objects above in one cluster; a change names an object and a path, and None takes the object away."""
    objects = copy.deepcopy({"application": APPLICATION, "set": SET, "deployment": DEPLOYMENT, "pod": POD})
    for name, change in changes.items():
        if change is None:
            del objects[name]
            continue
        for path, value in change.items():
            *parents, last = path.split("/")
            at: Any = objects[name]
            for step in parents:
                at = at[step]
            at[last] = value
    return World({"hub": list(objects.values())}, ["1f" * 20, HEAD])


WEB = ("hub", "Deployment", "shop", "web")
COMPLAINT = {"status/conditions": [{"type": "SyncError", "message": "no such thing"}]}
CASES: list[tuple[Condition, dict[str, Any], bool]] = [
    (conditions.synced("hub", "web"), {}, True),
    (conditions.synced("hub", "web", "other"), {}, False),
    (conditions.synced("hub", "web"), {"application": {"status/sync/revision": "1f" * 20}}, False),
    (conditions.synced("hub", "web"), {"application": {"status/health/status": "Degraded"}}, False),
    (conditions.synced("hub", "web", health="Degraded"), {"application": {"status/health/status": "Degraded"}}, True),
    (conditions.synced("hub", "web"), {"application": {"operation": {}}}, False),
    (conditions.synced("hub", "web"), {"application": {"status/operationState/phase": "Running"}}, False),
    (conditions.synced("hub", "web"), {"application": COMPLAINT}, False),
    (conditions.complains("hub", "web", "SyncError", "such"), {"application": COMPLAINT}, True),
    (conditions.complains("hub", "web", "SyncError", "other"), {"application": COMPLAINT}, False),
    (conditions.complains("hub", "web", "SyncError"), {}, False),
    (conditions.operated("hub", "web"), {}, False),
    (conditions.operated("hub", "web"), {"application": {"status/operationState/startedAt": "later"}}, True),
    (conditions.sync_status("hub", "web", "Synced"), {}, True),
    (conditions.sync_status("hub", "web", "Unknown"), {}, False),
    (conditions.set_says("hub", "web", "ErrorOccurred", "True", "region"), {}, True),
    (conditions.set_says("hub", "web", "ErrorOccurred", "False"), {}, False),
    (conditions.set_says("hub", "web", "ErrorOccurred", "True"), {"set": None}, False),
    (conditions.runs("hub", "shop", "web"), {}, True),
    (conditions.runs("hub", "shop", "web", 2), {}, False),
    (conditions.runs("hub", "shop", "web"), {"pod": None}, False),
    (conditions.runs("hub", "shop", "web"), {"deployment": {"status/observedGeneration": 2}}, False),
    (conditions.runs("hub", "shop", "web"), {"deployment": {"status/readyReplicas": 0}}, False),
    (conditions.stopped("hub", "shop", "db"), {}, False),
    (conditions.stopped("hub", "shop", "db"), {"pod": None}, True),
    (conditions.there(*WEB), {}, True),
    (conditions.there(*WEB), {"deployment": None}, False),
    (conditions.gone(*WEB), {}, False),
    (conditions.gone(*WEB), {"deployment": None}, True),
    (conditions.gone("away", "Deployment", "shop", "web"), {}, False),
    (conditions.remade(*WEB), {}, False),
    (conditions.remade(*WEB), {"deployment": None}, False),
    (conditions.remade(*WEB), {"deployment": {"metadata/uid": "another"}}, True),
    (conditions.has(*WEB, "metadata/annotations/a~1b", "c"), {}, True),
    (conditions.has(*WEB, "spec/containers/0/env", "x"), {}, True),
    (conditions.has(*WEB, "spec/containers/1/env", "x"), {}, False),
    (conditions.has(*WEB, "spec/paused", None), {}, True),
    (conditions.has(*WEB, "spec/paused", None), {"deployment": None}, False),
]


@pytest.mark.parametrize(("condition", "changes", "expected"), CASES)
def test_conditions(condition: Condition, changes: dict[str, Any], expected: bool) -> None:
    assert condition.holds(world(), world(**changes)) is expected


def test_one_of_two_is_enough() -> None:
    yes, no = Condition("yes", lambda *_: True), Condition("no", lambda *_: False)
    world = World({})
    assert conditions.either(yes, no).holds(world, world)
    assert conditions.either(no, yes).holds(world, world)
    assert not conditions.either(no, no).holds(world, world)
