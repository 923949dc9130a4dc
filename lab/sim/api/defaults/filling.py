"""How defaults are put in."""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object


def fill(holder: Object, **values: Any) -> None:
    """Set the fields that are missing or null."""
    for name, value in values.items():
        if holder.get(name) is None:
            holder[name] = value


def fill_empty(holder: Object, **values: Any) -> None:
    """Set the fields that are missing, null or empty."""
    for name, value in values.items():
        if not holder.get(name):
            holder[name] = value


def spec_of(obj: Object) -> Object:
    """`spec`, made where it is missing."""
    spec = obj.get("spec")
    if spec is None:
        spec = obj["spec"] = {}
    return spec


def status(obj: Object) -> None:
    """Make `status` where it is missing."""
    if obj.get("status") is None:
        obj["status"] = {}
