"""The JSON merge patch between two values. Source: RFC 7386."""

from __future__ import annotations

from lab.sim.objects import Object


def merge_patch(before: Object, after: Object) -> Object:
    """What makes `after` of `before`; {} when they are the same."""
    patch: Object = {key: None for key in before if key not in after}
    for key, value in after.items():
        held = before.get(key)
        if key in before and held == value and type(held) is type(value):
            continue
        if isinstance(held, dict) and isinstance(value, dict):
            below = merge_patch(held, value)
            if below:
                patch[key] = below
        else:
            patch[key] = value
    return patch
