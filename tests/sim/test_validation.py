"""Validation, measured against what a real server (Kubernetes 1.34.4) said about the same objects."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from lab.sim.api import defaults, validation
from lab.sim.api.status import Cause, invalid
from tests.sim.cases import DATA, NAMESPACE, Case, families

RECORDED = {family: json.loads((DATA / "validation" / f"{family}.json").read_text()) for family in families()}
CASES = [(family, case) for family, cases in families().items() for case in cases]
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid"), ("job-name", "batch.kubernetes.io/job-name")


def decoded(case: Case, recorded: dict[str, Any]) -> dict[str, Any]:
    """The object as it reaches validation: in its namespace, with the name and uid that the server gave it."""
    obj = case.object()
    said = recorded["status"]
    if case.resource.namespaced:
        obj["metadata"]["namespace"] = NAMESPACE
    if not obj["metadata"].get("name") and obj["metadata"].get("generateName"):
        obj["metadata"]["name"] = said["details"]["name"]
    found = UID.search(said["message"])
    obj["metadata"]["uid"] = found[0] if found else "11111111-2222-3333-4444-555555555555"
    return obj


def generated(obj: dict[str, Any]) -> None:
    """What the strategy of Jobs adds before validation."""
    spec, uid = obj.get("spec") or {}, obj["metadata"]["uid"]
    if obj["kind"] != "Job" or spec.get("manualSelector"):
        return
    meta = spec.setdefault("template", {}).setdefault("metadata", {})
    labels = meta.setdefault("labels", {})
    for names, value in zip(LABELS, (uid, obj["metadata"]["name"]), strict=True):
        labels.update(dict.fromkeys(names, value))
    if not spec.get("selector"):
        spec["selector"] = {}
    spec["selector"].setdefault("matchLabels", {})["batch.kubernetes.io/controller-uid"] = uid


def causes(case: Case, recorded: dict[str, Any]) -> list[Cause]:
    if not case.updates:
        obj = decoded(case, recorded)
        defaults.apply(case.resource, obj)
        generated(obj)
        return validation.on_create(case.resource, obj)
    old = recorded["old"]
    new = case.update(copy.deepcopy(old))
    if case.resource.plural == "daemonsets":
        new["metadata"]["generation"] = old["metadata"]["generation"]
    defaults.apply(case.resource, new)
    return validation.on_update(case.resource, new, old, case.subresource)


@pytest.mark.parametrize(("family", "case"), CASES, ids=[f"{family}-{case.name}" for family, case in CASES])
def test_refused_as_by_a_real_server(family: str, case: Case) -> None:
    recorded = RECORDED[family][case.name]
    assert recorded["code"] == 422, "only refusals of validation are kept"
    found = causes(case, recorded)
    wanted = recorded["status"]["details"]["causes"]
    assert [{"reason": one.reason, "message": one.message, "field": one.field} for one in found] == [
        {"field": "", **one} for one in wanted
    ]
    details = recorded["status"]["details"]
    group = "" if case.resource.storage == "events" else case.resource.group  # events are kept as the core group's
    refusal = invalid(group, case.resource.kind, details.get("name", ""), found)
    assert refusal.message == recorded["status"]["message"]


def test_at_least_as_many_cases_as_promised() -> None:
    assert len(CASES) >= 150
