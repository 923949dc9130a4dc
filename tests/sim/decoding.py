"""What `test_decode.py` and `record_decode.py` share: the objects that cases change, and a custom kind."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Custom, Resource

CASES = Path(__file__).parent / "data" / "decode_cases.json"
"""Rows of form (as `schema.decode` has it), kind, path and value, or the patch, and the refusal; null for none."""
Object = dict[str, Any]

_NAMED = {
    "l": {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "proto": {"type": "string", "default": "TCP"}},
        },
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name", "proto"],
    }
}
WIDGET_SCHEMA: Object = {
    "description": "A widget.",
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "replicas": {"type": "integer"},
                "size": {"type": "string", "nullable": True},
                "any": {"x-kubernetes-preserve-unknown-fields": True},
                "some": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}},
                },
                "port": {"x-kubernetes-int-or-string": True},
                "free": {
                    "type": "object",
                    "x-kubernetes-embedded-resource": True,
                    "x-kubernetes-preserve-unknown-fields": True,
                },
                "inner": {
                    "type": "object",
                    "x-kubernetes-embedded-resource": True,
                    "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}},
                },
                "m": {
                    "type": "object",
                    "additionalProperties": {"type": "object", "properties": {"x": {"type": "string"}}},
                },
                **_NAMED,
            },
        },
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
    },
}
GROUP = "decode.example.com"
WIDGET = Resource(
    GROUP,
    "v1",
    "widgets",
    "Widget",
    "widget",
    subresources=frozenset(("scale", "status")),
    storage=f"widgets.{GROUP}",
    custom=Custom(f"widgets.{GROUP}", WIDGET_SCHEMA, scale={}),
)
ROWS = {row.kind: row for row in (*BUILT_IN, WIDGET) if row.kind in ("ConfigMap", "Deployment", "Service", "Widget")}
BASES: dict[str, Object] = {
    "ConfigMap": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}},
    "Service": {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"ports": [{"port": 80}]}},
    "Widget": {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": {"replicas": 2}},
    "Deployment": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    },
}


def changed(kind: str, path: list[Any], value: Any) -> Object:
    """The base of a kind with `value` at `path`."""
    made = copy.deepcopy(BASES[kind])
    at: Any = made
    for step in path[:-1]:
        at = at[step] if isinstance(step, int) else at.setdefault(step, {})
    at[path[-1]] = value
    return made


def bare_text(message: str, kind: str, form: str) -> str:
    """A refusal without what stands before every one of its form, and without the whole object a patch has made."""
    if form in ("json", "merge"):
        assert message.startswith(' "" is invalid: patch: Invalid value: "{')
        return message.rpartition('}": ')[2]
    before = {"": f'{kind} in version "v1" cannot be handled as a {kind}: ', "strategic": ' "" is invalid: patch: '}
    start = before.get(form, "failed to ")
    assert message.startswith(start), message
    return message.removeprefix(start)
