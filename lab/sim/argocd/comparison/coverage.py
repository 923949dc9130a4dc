"""Whether a live object plainly has all that is wanted, so that nothing needs to be worked out."""

from __future__ import annotations

from typing import Any

from lab.sim.api.types import ANY, MAP, Type

_MISSING: Any = object()
_NO_STRATEGY: frozenset[str] = frozenset()


def covers(wanted: Any, have: Any, type_: Type | None) -> bool:
    """Whether an apply of `wanted`, applied before, leaves `have` as it is, for certain.

    False is no verdict: empty fields, values written in another way, and fields the type does not have need a closer
    look. `type_` is None for a custom resource, whose lists are replaced as a whole.
    """
    for key, value in wanted.items():
        other = have.get(key, _MISSING)
        if value.__class__ is str:
            if value != other:
                return False
        elif value.__class__ is dict:
            if other.__class__ is not dict or not _covers_fields(value, other, key, type_):
                return False
        elif value.__class__ is list:
            if other.__class__ is not list or len(other) != len(value) or not _covers_items(value, other, key, type_):
                return False
        elif value is None or value != other or value.__class__ is not other.__class__:
            return False
    return True


def _below(type_: Type | None, key: str) -> Type | None:
    if type_ is None:
        return None
    return type_.fields.get(key) or (type_.items if type_.kind == MAP else None)


def _is_unknown(type_: Type | None, below: Type | None) -> bool:
    return below is None and type_ is not None and type_.kind != ANY


def _covers_fields(wanted: Any, have: Any, key: str, type_: Type | None) -> bool:
    below = _below(type_, key)
    if _is_unknown(type_, below):
        return False
    strategy = below.patch_strategy if below is not None else _NO_STRATEGY
    if type_ is not None and not wanted and have:
        # Go leaves out an empty map of what is wanted, but not of what was applied last: that takes away all of it.
        return False
    if "replace" in strategy:
        return bool(wanted == have)
    if "retainKeys" in strategy and len(wanted) != len(have):
        return False
    return covers(wanted, have, below)


def _covers_items(wanted: list[Any], have: list[Any], key: str, type_: Type | None) -> bool:
    below = _below(type_, key)
    if _is_unknown(type_, below):
        return False
    strategy = below.patch_strategy if below is not None else _NO_STRATEGY
    if type_ is not None and type_.kind != ANY and "merge" not in strategy:
        return wanted == have
    items, merge_key = (below.items, below.merge_key) if below is not None else (None, "")
    retain = "retainKeys" in strategy
    for one, other in zip(wanted, have, strict=True):
        if one.__class__ is dict:
            if other.__class__ is not dict or (merge_key and merge_key not in one):
                return False
            if (retain and len(one) != len(other)) or not covers(one, other, items):
                return False
        elif one.__class__ is list:
            if one != other:
                return False
        elif one != other or one.__class__ is not other.__class__:
            return False
    return True
