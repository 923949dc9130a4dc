"""Validation, measured against what a real server (Kubernetes 1.34.4) said about the same objects."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab.sim.api import defaults, validation
from lab.sim.api.status import Cause, invalid
from tests.sim.cases import DATA, NAMESPACE, Case, families, registry

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


SERVED = json.loads((DATA / "defaults" / "recorded.json").read_text())
KINDS = [f"{one['made']['kind']}-{one['made']['metadata']['name']}" for one in SERVED]


def holes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in an object: its holder and the key or index."""
    for key, one in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(one, dict | list):
            yield from holes(one)


@pytest.mark.parametrize("pair", SERVED, ids=KINDS)
def test_what_a_real_server_serves_is_valid(pair: dict[str, Any]) -> None:
    made = pair["made"]
    resource = registry().kind(made["apiVersion"], made["kind"])
    assert resource is not None
    obj = copy.deepcopy(made)
    if obj["kind"] == "Job":  # its generated labels hold the uid that the recording leaves out
        obj["metadata"]["uid"] = obj["spec"]["template"]["metadata"]["labels"]["controller-uid"]
    assert validation.on_create(resource, obj) == []
    assert validation.on_update(resource, obj, obj) == []


@pytest.mark.parametrize("pair", SERVED, ids=KINDS)
def test_holes_are_reported_not_stumbled_over(pair: dict[str, Any]) -> None:
    made = pair["made"]
    resource = registry().kind(made["apiVersion"], made["kind"])
    assert resource is not None
    for number, empty in itertools.product(range(sum(1 for _ in holes(made))), (True, False)):
        obj = copy.deepcopy(made)
        holder, key = list(holes(obj))[number]
        if holder is obj and key in ("apiVersion", "kind", "metadata"):
            continue
        if empty and isinstance(holder, dict):
            holder[key] = None
        else:
            del holder[key]
        assert isinstance(validation.on_update(resource, obj, made), list)
        assert isinstance(validation.on_create(resource, obj), list)
        defaults.apply(resource, obj)
        assert isinstance(validation.on_create(resource, obj), list)
