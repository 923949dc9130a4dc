"""Which fields an object has, and which differ between two objects: as field sets.

Source: structured-merge-diff `typed/{tofieldset,compare}.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.managed_fields.fieldset import SELF, Fields, in_order
from lab.sim.api.managed_fields.shape import ANY_SHAPE, Shape
from lab.sim.api.types import ANY, LIST

Items = dict[str, list[Any]]
_SCALARS = frozenset([str, int, bool, float])


def added(value: Any, shape: Shape) -> Fields:
    """The node of a value that comes or goes as a whole: it and everything in it."""
    if shape.leaf:
        return {}
    if type(value) is dict:
        node: Fields = {SELF: {}}
        _add_fields(value, shape, node)
        return node if len(node) > 1 else {}
    if type(value) is list and value and shape.kind == LIST and shape.items is not None:
        node = {SELF: {}}
        for element, items in _indexed(value, shape).items():
            node[element] = added(items[0], shape.items) if len(items) == 1 else {}
        return in_order(node)
    return {}


def _add_fields(value: dict[str, Any], shape: Shape, node: Fields) -> None:
    fields = shape.fields
    names = sorted(value)
    for name in shape.always:
        if name not in value:
            names = sorted({*value, *shape.always})
            break
    for name in names:
        below = value.get(name, _MISSING)
        if type(below) in _SCALARS:
            node["f:" + name] = {}
        else:
            node["f:" + name] = added(below, fields[name] or ANY_SHAPE)


_MISSING: dict[str, Any] = {}


def _indexed(items: list[Any], shape: Shape) -> Items:
    """Items by the key they are named with, those of one name together."""
    made: Items = {}
    for item in items:
        made.setdefault(shape.element(item), []).append(item)
    return made


def compared(old: dict[str, Any], new: dict[str, Any], shape: Shape) -> tuple[Fields, Fields]:
    """Fields that `new` adds or changes, and fields that it no longer has."""
    changed: Fields = {}
    removed: Fields = {}
    if not old and not shape.always:
        _add_fields(new, shape, changed)
        return changed, removed
    _compare_fields(old, new, shape, changed, removed)
    return changed, removed


def _compare_fields(old: dict[str, Any], new: dict[str, Any], shape: Shape, changed: Fields, removed: Fields) -> None:
    fields, always = shape.fields, shape.always
    for name in sorted(new):
        after = new[name]
        before = old.get(name, _ABSENT)
        if before is _ABSENT:
            if name not in always:
                changed["f:" + name] = {} if type(after) in _SCALARS else added(after, fields[name] or ANY_SHAPE)
                continue
            if not after:
                continue
            before = None
        elif before == after:
            continue
        _compare(before, after, fields[name] or ANY_SHAPE, "f:" + name, changed, removed)
    for name in sorted(old):
        if name not in new:
            if name not in always:
                removed["f:" + name] = added(old[name], fields[name] or ANY_SHAPE)
            elif old[name]:
                _compare(old[name], None, fields[name] or ANY_SHAPE, "f:" + name, changed, removed)


_ABSENT: Any = object()


def _compare(before: Any, after: Any, shape: Shape, key: str, changed: Fields, removed: Fields) -> None:
    """Both are there and differ; the outcome goes below `key`."""
    if shape.leaf or not (before or after):
        if before != after:
            changed[key] = {}
        return
    more: Fields = {}
    less: Fields = {}
    maps = isinstance(before, dict) or isinstance(after, dict)
    if maps and (isinstance(before, dict) or before is None) and (isinstance(after, dict) or after is None):
        _compare_fields(before or {}, after or {}, shape, more, less)
    elif shape.kind == LIST and shape.items is not None and _is_list(before) and _is_list(after):
        _compare_items(before or [], after or [], shape, more, less)
    elif shape.kind == ANY and maps:
        if isinstance(after, dict):
            _add_fields(after, shape, more)
        else:
            _add_fields(before, shape, less)
        more = {SELF: {}, **more} if more else {}
        changed[key] = more
    else:
        changed[key] = {}
        return
    if more:
        changed[key] = more
    if less:
        removed[key] = less


def _is_list(value: Any) -> bool:
    """What stands where a list should, in an object that is refused later, is compared as a whole."""
    return value is None or isinstance(value, list)


def _compare_items(before: list[Any], after: list[Any], shape: Shape, changed: Fields, removed: Fields) -> None:
    items = shape.items
    assert items is not None
    old, new = _indexed(before, shape), _indexed(after, shape)
    more: Fields = {}
    less: Fields = {}
    for element, known in old.items():
        given = new.get(element, [])
        if len(known) == 1 and len(given) == 1:
            if known[0] != given[0]:
                _compare(known[0], given[0], items, element, more, less)
        elif len(known) > 1 and len(given) > 1:
            if known != given:
                more[element] = {}
        elif len(known) > 1:
            less[element] = {}
            if given:
                more[element] = added(given[0], items)
        elif given:
            more[element] = {}
            less[element] = added(known[0], items)
        else:
            less[element] = added(known[0], items)
    for element, given in new.items():
        if element not in old:
            more[element] = added(given[0], items) if len(given) == 1 else {}
    if more:
        changed.update(in_order(more))
    if less:
        removed.update(in_order(less))


def owned(value: dict[str, Any], shape: Shape) -> Fields:
    """The set of all leaf fields and list items that an applied configuration mentions."""
    made: Fields = {}
    for name in sorted(value):
        below = value[name]
        field = shape.fields[name] or ANY_SHAPE
        member = not shape.declares(name) or below is None or below == {}
        node = _owned_below(below, field)
        if node is None:
            made["f:" + name] = {}
        elif node:
            made["f:" + name] = {SELF: {}, **node} if member else node
        elif member:
            made["f:" + name] = {}
    return made


def _owned_below(value: Any, shape: Shape) -> Fields | None:
    """What lies below a value, None for a leaf."""
    if shape.leaf or (shape.kind == ANY and not isinstance(value, dict)):
        return None
    if isinstance(value, dict):
        return owned(value, shape)
    if not isinstance(value, list) or shape.items is None:
        return {}
    made: Fields = {}
    for element, items in _indexed(value, shape).items():
        below = _owned_below(items[0], shape.items) if len(items) == 1 else None
        made[element] = {SELF: {}, **below} if below else {}
    return in_order(made) if made else made


def with_named(fields: Fields, shape: Shape) -> Fields:
    """The set with every declared field above a member made a member itself."""
    made: Fields = {}
    for key, node in fields.items():
        if not node or key == SELF:
            made[key] = node
            continue
        name = key[2:]
        if key.startswith("f:"):
            below = shape.fields[name] or ANY_SHAPE
            named = shape.declares(name)
        else:
            below, named = shape.items or ANY_SHAPE, False
        inner = with_named(node, below)
        made[key] = {SELF: {}, **inner} if named and SELF not in inner else inner
    return made
