from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from lab.sim.api import types
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Custom, Resource
from lab.sim.api.types import Type
from tests.sim.decoding import WIDGET

ROW = {(row.group, row.kind): row for row in BUILT_IN if row.version != "v2"}


def at(kind: Type, path: str) -> Type:
    for step in path.split("."):
        found = kind.items if step == "[]" else kind.fields[step]
        assert found is not None
        kind = found
    return kind


def built_in(group: str, kind: str, path: str, minor: int = 34) -> Type:
    return at(types.of(ROW[group, kind], minor), path)


CONTAINERS = "spec.template.spec.containers"


@pytest.mark.parametrize(
    ("group", "kind", "path", "expected"),
    [
        ("apps", "Deployment", "spec", {"kind": "object", "name": "v1.DeploymentSpec"}),
        ("apps", "Deployment", "spec.replicas", {"kind": "scalar", "scalar": "integer", "name": "int32"}),
        ("apps", "Deployment", "spec.selector", {"kind": "object", "atomic": True}),
        ("apps", "Deployment", "spec.strategy", {"patch_strategy": frozenset({"retainKeys"})}),
        ("apps", "Deployment", "spec.strategy.rollingUpdate.maxSurge", {"scalar": "int-or-string"}),
        (
            "apps",
            "Deployment",
            CONTAINERS,
            {"kind": "list", "list_type": "map", "keys": ("name",), "merge_key": "name", "name": "[]v1.Container"},
        ),
        (
            "apps",
            "Deployment",
            f"{CONTAINERS}.[].ports",
            {
                "keys": ("containerPort", "protocol"),
                "merge_key": "containerPort",
                "key_defaults": {"containerPort": 0, "protocol": "TCP"},
            },
        ),
        ("apps", "Deployment", f"{CONTAINERS}.[].ports.[].protocol", {"scalar": "string", "name": "v1.Protocol"}),
        ("apps", "Deployment", f"{CONTAINERS}.[].command", {"list_type": "atomic", "atomic": True, "keys": ()}),
        ("apps", "Deployment", f"{CONTAINERS}.[].resources.limits", {"kind": "map", "name": "v1.ResourceList"}),
        ("apps", "Deployment", f"{CONTAINERS}.[].resources.limits.[]", {"scalar": "quantity"}),
        (
            "apps",
            "Deployment",
            "spec.template.spec.volumes",
            {"patch_strategy": frozenset({"merge", "retainKeys"}), "merge_key": "name", "keys": ("name",)},
        ),
        ("apps", "Deployment", "spec.template.spec.nodeSelector", {"kind": "map", "atomic": True}),
        ("", "Service", "spec.ports", {"keys": ("port", "protocol"), "key_defaults": {"port": 0, "protocol": "TCP"}}),
        ("", "ConfigMap", "data", {"kind": "map", "name": "map[string]string", "atomic": False}),
        ("", "ConfigMap", "binaryData.[]", {"scalar": "bytes", "name": "[]uint8"}),
        ("", "ConfigMap", "metadata.creationTimestamp", {"scalar": "time", "name": "v1.Time"}),
        ("", "ConfigMap", "metadata.finalizers", {"list_type": "set", "merge_key": "", "atomic": False}),
        ("", "ConfigMap", "metadata.ownerReferences", {"list_type": "map", "keys": ("uid",), "merge_key": "uid"}),
        ("", "ConfigMap", "metadata.managedFields.[].fieldsV1", {"kind": "any"}),
        ("", "Event", "eventTime", {"scalar": "micro-time"}),
        ("", "ServiceAccount", "secrets", {"list_type": "map", "keys": ("name",), "merge_key": "name"}),
        ("apps", "ControllerRevision", "data", {"kind": "any"}),
        ("", "PersistentVolume", "spec.accessModes.[]", {"name": "v1.PersistentVolumeAccessMode"}),
    ],
)
def test_built_in_fields(group: str, kind: str, path: str, expected: dict[str, Any]) -> None:
    found = built_in(group, kind, path)
    assert {name: getattr(found, name) for name in expected} == expected


def test_every_field_of_every_built_in_kind_is_reached_once_and_complete() -> None:
    seen: dict[int, Type] = {}
    waiting = [types.of(row, minor) for row in BUILT_IN for minor in (34, 35, 36)]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        assert one.kind in ("object", "map", "list", "scalar", "any")
        assert (one.items is not None) == (one.kind in ("map", "list"))
        assert bool(one.scalar) == (one.kind == "scalar")
        assert one.name
        if one.list_type == "map":
            assert one.items is not None
            assert one.keys
            assert one.items.kind == "object"
            assert set(one.keys) <= one.items.fields.keys()
        assert (one.left_out | one.written | one.required) <= one.fields.keys()
        waiting += [*one.fields.values(), *([one.items] if one.items else [])]
    assert len(seen) > 2000


def test_a_schema_of_schemas_refers_to_itself() -> None:
    props = built_in("apiextensions.k8s.io", "CustomResourceDefinition", "spec.versions.[].schema.openAPIV3Schema")
    assert at(props, "properties.[]") is props


def test_minors_differ() -> None:
    assert "workloadRef" not in built_in("", "Pod", "spec").fields
    assert "workloadRef" in built_in("", "Pod", "spec", 35).fields


def test_custom_fields() -> None:
    kind = types.of(WIDGET, 34)
    assert kind.name == "Widget"
    assert kind.fields["metadata"] is types.metadata(34)
    assert not kind.preserve_unknown
    spec = kind.fields["spec"]
    assert (spec.fields["l"].list_type, spec.fields["l"].keys) == ("map", ("name", "proto"))
    assert spec.fields["l"].key_defaults == {"proto": "TCP"}
    assert spec.fields["any"].kind == "any"
    assert spec.fields["some"].preserve_unknown
    assert spec.fields["port"].scalar == "int-or-string"
    assert spec.fields["size"].nullable
    assert spec.fields["m"].kind == "map"
    assert spec.fields["inner"].embedded
    assert at(spec, "inner.metadata") is types.metadata(34)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"x-kubernetes-preserve-unknown-fields": True},
        {"type": "object", "additionalProperties": True},
        {"type": "array"},
        {"type": "object", "properties": None},
        {"type": "object", "properties": {"spec": True, "other": {"type": "array", "items": [1]}}},
        {"type": "object", "properties": {"spec": {"type": "strange", "x-kubernetes-list-type": 5}}},
        "x",
    ],
)
def test_odd_custom_schemas_still_have_a_type(schema: Any) -> None:
    row = Resource("e.com", "v1", "odds", "Odd", "odd", custom=Custom("odds.e.com", schema))
    kind = types.of(row, 34)
    assert kind.kind == "object"
    assert kind.fields["metadata"] is types.metadata(34)


def test_a_custom_type_goes_with_its_row() -> None:
    row = Resource("e.com", "v1", "gone", "Gone", "gone", custom=Custom("gone.e.com", {"type": "object"}))
    kind = types.of(row, 34)
    assert types.of(row, 34) is kind
    alive = weakref.ref(row)
    del row
    gc.collect()
    assert alive() is None
