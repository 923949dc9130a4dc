"""Sets of fields, in the very form in which `metadata.managedFields` holds them: FieldsV1 as dicts.

A key names a field (`f:NAME`), an item of a list by its key fields (`k:{"name":"web"}`) or by its value (`v:"a"`). An
empty dict below a key is a member of the set; `"."` makes a member of a key that has members below it. No function
changes its arguments, and results may share parts with them: treat every set as frozen.
Source: structured-merge-diff `fieldpath/{set,element,serialize}.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import orjson

Fields = dict[str, Any]

SELF = "."
_RANKS: tuple[tuple[type, int], ...] = ((str, 1), (bool, 2), (int, 0), (float, 0), (list, 3), (dict, 4))


class BadFields(ValueError):
    """Something that is not FieldsV1."""


def is_member(node: Fields) -> bool:
    """Whether the node stands for a member itself, not only for members below it."""
    return not node or SELF in node


# -- order and form of the keys


@lru_cache(maxsize=8192)
def order(element: str) -> tuple[Any, ...]:
    """Sort key: fields by name, items by their key fields' names and values, as numbers where they are numbers."""
    mark = element[:2]
    if mark == "k:":
        read = orjson.loads(element[2:])
        return (1, tuple((name, _value_order(value)) for name, value in read.items()))
    if mark == "v:":
        return (2, _value_order(orjson.loads(element[2:])))
    if mark == "i:":
        return (3, int(element[2:]))
    return (0, element)


def _value_order(value: Any) -> tuple[int, Any]:
    for kind, rank in _RANKS:
        if type(value) is kind:
            return (rank, str(value) if rank > 2 else value)
    return (5, 0)


def in_order(fields: Fields) -> Fields:
    """One level with its keys in the server's order, `.` first."""
    names = list(fields)
    first = names[0] if names[0] != SELF else names[-1]
    ordered = sorted(names) if first.startswith("f:") else sorted(names, key=_item_order)
    return fields if ordered == names else {name: fields[name] for name in ordered}


def _item_order(element: str) -> tuple[Any, ...]:
    return () if element == SELF else order(element)


def encoded(value: Any) -> str:
    """JSON as the server writes it into keys: without spaces, with `<`, `>` and `&` escaped."""
    text = orjson.dumps(value).decode()
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text


def checked(fields: Any) -> Fields:
    """Foreign FieldsV1 in the server's own form; keys of unknown kinds are dropped. Raises BadFields."""
    if not isinstance(fields, dict):
        raise BadFields("FieldsV1 must be an object")
    made: Fields = {}
    for key, below in fields.items():
        if key == SELF:
            made[SELF] = {}
            continue
        element = _checked_element(key)
        if element is None:
            continue
        node = checked(below) if isinstance(below, dict) else {}
        made[element] = {} if list(node) == [SELF] else node
    return in_order(made) if made else made


def _checked_element(key: str) -> str | None:
    if len(key) < 2 or key[1] != ":":
        raise BadFields(f"not a path element: {key}")
    mark, rest = key[:2], key[2:]
    try:
        if mark == "f:":
            return key
        if mark == "v:":
            return "v:" + encoded(orjson.loads(rest))
        if mark == "k:":
            read = orjson.loads(rest)
            if not isinstance(read, dict):
                raise BadFields(f"not a path element: {key}")
            return "k:" + encoded(dict(sorted(read.items())))
        if mark == "i:":
            return f"i:{int(rest)}"
    except ValueError:
        raise BadFields(f"not a path element: {key}") from None
    return None


# -- algebra


def union(left: Fields, right: Fields) -> Fields:
    """Members of either set."""
    if not left or not right:
        return left or right
    made = dict(left)
    for key, theirs in right.items():
        ours = made.get(key)
        made[key] = theirs if ours is None else _both_nodes(ours, theirs)
    return in_order(made)


def _both_nodes(left: Fields, right: Fields) -> Fields:
    if left == right:
        return left
    if not left:
        return right if SELF in right else {SELF: {}, **right}
    if not right:
        return left if SELF in left else {SELF: {}, **left}
    return union(left, right)


def _node(member: bool, below: Fields) -> Fields | None:
    """A node of these parts, None for nothing."""
    if not below:
        return {} if member else None
    return {SELF: {}, **below} if member else below


def difference(left: Fields, right: Fields) -> Fields:
    """Members of `left` that are not in `right`, path by path."""
    if not left or not right:
        return left
    return _filtered(left, right, _without)


def _without(ours: Fields, theirs: Fields | None) -> Fields | None:
    if theirs is None:
        return ours
    member = is_member(ours) and not is_member(theirs)
    return _node(member, _filtered(ours, theirs, _without))


def intersection(left: Fields, right: Fields) -> Fields:
    """Members of both."""
    if not left or not right:
        return {}
    return _filtered(left, right, _shared)


def _shared(ours: Fields, theirs: Fields | None) -> Fields | None:
    if theirs is None:
        return None
    return _node(is_member(ours) and is_member(theirs), _filtered(ours, theirs, _shared))


def excluded(left: Fields, right: Fields) -> Fields:
    """Members of `left` that neither are in `right` nor lie below a member of it."""
    return _filtered(left, right, _outside)


def _outside(ours: Fields, theirs: Fields | None) -> Fields | None:
    if theirs is None:
        return ours
    if is_member(theirs):
        return None
    return _node(is_member(ours), _filtered(ours, theirs, _outside))


def _filtered(left: Fields, right: Fields, keep: Callable[[Fields, Fields | None], Fields | None]) -> Fields:
    made = {}
    for key, ours in left.items():
        if key != SELF:
            kept = keep(ours, right.get(key))
            if kept is not None:
                made[key] = kept
    return made


# -- paths


def paths(fields: Fields, prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every member as (path for people, keys): those of a level first, then those below."""
    yield from _paths(fields, prefix, ())


def _paths(fields: Fields, prefix: str, keys: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, node in fields.items():
        if key != SELF and is_member(node):
            yield prefix + shown(key), (*keys, key)
    for key, node in fields.items():
        if key != SELF and node:
            yield from _paths(node, prefix + shown(key), (*keys, key))


def contains(fields: Fields, keys: tuple[str, ...]) -> bool:
    """Whether the path is a member."""
    node = fields
    for key in keys:
        below = node.get(key)
        if below is None:
            return False
        node = below
    return is_member(node)


def shown(element: str) -> str:
    """A key as messages name it: `.spec`, `[name="web"]`, `[="a"]`."""
    mark, rest = element[:2], element[2:]
    if mark == "f:":
        return "." + rest
    if mark == "k:":
        return "[" + ",".join(f"{name}={_shown(value)}" for name, value in orjson.loads(rest).items()) + "]"
    if mark == "v:":
        return f"[={_shown(orjson.loads(rest))}]"
    return f"[{rest}]"


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()
