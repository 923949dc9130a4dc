"""One object laid over another, and fields taken out of one, as the shape says.

Source: structured-merge-diff `typed/{merge,remove}.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.managed_fields.fieldset import Fields, is_member
from lab.sim.api.managed_fields.shape import ANY_SHAPE, Shape
from lab.sim.api.types import LIST


def merged(live: Any, applied: Any, shape: Shape) -> Any:
    """`live` with everything `applied` says; parts that only one of them has are shared with it."""
    if shape.leaf or not (live or applied):
        return applied
    if isinstance(applied, dict) or (applied is None and isinstance(live, dict)):
        made = dict(live) if isinstance(live, dict) else {}
        for name, value in (applied or {}).items():
            below = shape.fields[name] or ANY_SHAPE
            made[name] = merged(made[name], value, below) if name in made else value
        return made
    if shape.kind == LIST and shape.items is not None and isinstance(live or applied, list):
        return _merged_items(live or [], applied or [], shape, shape.items)
    return applied


def _merged_items(live: list[Any], applied: list[Any], shape: Shape, items: Shape) -> list[Any]:
    """Items of both, in the order of `applied` where that has a say.

    Items that only `live` has keep their place before the shared item they came before.
    """
    mine = [shape.element(one) for one in applied]
    theirs = [shape.element(one) for one in live]
    given = dict(zip(mine, applied, strict=True))
    known: dict[str, Any] = {}
    for element, item in zip(theirs, live, strict=True):
        known[element] = _DUPLICATE if element in known else item
    shared = [element for element in mine if element in known]
    done: set[str] = set()
    made: list[Any] = []
    left = right = turn = 0

    def take(element: str) -> None:
        done.add(element)
        before = known.get(element, _DUPLICATE)
        made.append(given[element] if before is _DUPLICATE else merged(before, given[element], items))

    while left < len(theirs) or right < len(mine):
        if left < len(theirs) and right < len(mine):
            element = theirs[left]
            if element == mine[right]:
                take(element)
                left, right, turn = left + 1, right + 1, turn + 1
                continue
            if element in given and turn < len(shared) and shared[turn] != element:
                left += 1
                continue
        if left < len(theirs):
            element = theirs[left]
            if element not in given:
                made.append(live[left])
                left += 1
                continue
            if element in done:
                left += 1
        if right < len(mine):
            element = mine[right]
            take(element)
            right += 1
            if turn < len(shared) and shared[turn] == element:
                turn += 1
    return made


_DUPLICATE: Any = object()


def without(value: Any, fields: Fields, shape: Shape) -> Any:
    """`value` without the members of `fields`; null where nothing is left of a map or a list."""
    if isinstance(value, dict) and shape.kind != LIST:
        if shape.leaf:
            return None
        return _without_fields(value, fields, shape) or None
    if isinstance(value, list) and shape.kind != "scalar":
        if shape.leaf or shape.items is None:
            return None
        return _without_items(value, fields, shape, shape.items) or None
    return value


def _without_fields(value: dict[str, Any], fields: Fields, shape: Shape) -> dict[str, Any]:
    made = {}
    for name, below in value.items():
        node = fields.get("f:" + name)
        if node is None:
            made[name] = below
        elif not is_member(node):
            made[name] = without(below, node, shape.fields[name] or ANY_SHAPE)
    return made


def _without_items(value: list[Any], fields: Fields, shape: Shape, items: Shape) -> list[Any]:
    made = []
    for item in value:
        node = fields.get(shape.element(item))
        if node is None:
            made.append(item)
        elif not is_member(node):
            made.append(without(item, node, items))
    return made
