"""Reading manifests that may lack any field."""

from __future__ import annotations

from typing import Any

from lab.sim.objects import Object


def spec_of(obj: Object) -> Object:
    """`spec`, {} when there is none."""
    return obj.get("spec") or {}


def status_of(obj: Object) -> Object:
    """`status`, {} when there is none."""
    return obj.get("status") or {}


def conditions_of(obj: Object) -> list[Object]:
    """`status.conditions`, [] when there are none."""
    return list(status_of(obj).get("conditions") or ())


def number(fields: Object, key: str) -> int:
    """A whole number, 0 when it is missing."""
    return int(fields.get(key) or 0)


def text(fields: Object, key: str) -> str:
    """A text, "" when it is missing."""
    return str(fields.get(key) or "")


def group_and_kind(obj: Object) -> tuple[str, str]:
    """API group, "" for the core one, and kind."""
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    return (group if slash else ""), str(obj.get("kind", ""))


def annotations_of(obj: Object) -> dict[str, Any]:
    """`metadata.annotations`, {} when there are none."""
    return obj.get("metadata", {}).get("annotations") or {}
