"""Steps into documents, and documents without what paths name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.sim.argocd.comparison.jq.values import JqError, Path, Place, Result, Slice, shown


def field(place: Place, value: Any, name: str) -> tuple[Place, Any]:
    """`.name`. Raises JqError."""
    if value is None:
        return below(place, name), None
    if not isinstance(value, dict):
        raise JqError(f"expected an object but got: {shown(value)}")
    return below(place, name), value.get(name)


def indexed(place: Place, value: Any, key: Any) -> tuple[Place, Any]:
    """`.[key]`. Raises JqError."""
    if isinstance(key, str):
        return field(place, value, key)
    if isinstance(key, bool) or not isinstance(key, int | float):
        raise JqError(f"invalid index {shown(key)}")
    number = int(key)
    if value is None:
        return below(place, number), None
    if not isinstance(value, list):
        raise JqError(f"expected an array but got: {shown(value)}")
    at = number + len(value) if number < 0 else number
    return below(place, at), value[at] if 0 <= at < len(value) else None


def sliced(place: Place, value: Any, start: Any, end: Any) -> tuple[Place, Any]:
    """`.[start:end]`. Raises JqError."""
    if value is None:
        return below(place, Slice(0, 0)), None
    if not isinstance(value, list | str):
        raise JqError(f"expected an array but got: {shown(value)}")
    first, last, _ = slice(*(None if one is None else int(one) for one in (start, end))).indices(len(value))
    return below(place, Slice(first, max(first, last))), value[first:last]


def each(place: Place, value: Any) -> Result:
    """`.[]`. Raises JqError."""
    if isinstance(value, list):
        for at, one in enumerate(value):
            yield below(place, at), one
    elif isinstance(value, dict):
        for name in sorted(value):
            yield below(place, name), value[name]
    else:
        raise JqError(f"cannot iterate over: {shown(value)}")


def below(place: Place, step: str | int | Slice) -> Place:
    """One step further. Raises JqError where a path is asked for and the value stands nowhere."""
    if place is None:
        return None
    if place is False:
        raise JqError(f"invalid path with: {step}")
    if place and isinstance(place[-1], Slice) and not isinstance(step, str):
        start = place[-1].start
        made = Slice(start + step.start, start + step.end) if isinstance(step, Slice) else start + step
        return (*place[:-1], made)
    return (*place, step)


_HERE: Any = object()
_Marks = dict[Any, Any]


def without(document: Any, paths: Iterable[Path]) -> Any:
    """The document without all that stands at `paths`; the very same where nothing does."""
    marks: _Marks = {}
    for path in paths:
        if not path:
            return None
        node = marks
        for step in path[:-1]:
            node = node.setdefault(step, {})
            if node is _HERE:
                break
        else:
            node[path[-1]] = _HERE
    return _without(document, marks) if marks else document


def _without(value: Any, marks: _Marks) -> Any:
    if isinstance(value, dict):
        made = value
        for name, mark in marks.items():
            if name not in value:
                continue
            if made is value:
                made = dict(value)
            if mark is _HERE:
                del made[name]
            else:
                made[name] = _without(value[name], mark)
        return made
    if not isinstance(value, list):
        return value
    gone: set[int] = set()
    changed: dict[int, Any] = {}
    for step, mark in marks.items():
        if isinstance(step, Slice):
            gone.update(range(step.start, min(step.end, len(value))))
        elif isinstance(step, int) and 0 <= step < len(value):
            if mark is _HERE:
                gone.add(step)
            else:
                changed[step] = _without(value[step], mark)
    if not gone and not changed:
        return value
    return [changed.get(at, one) for at, one in enumerate(value) if at not in gone]
