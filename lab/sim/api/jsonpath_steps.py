"""What the parts of a JSONPath do: each takes the values found so far and gives those it leads to.

Every step raises ValueError where client-go's evaluation fails.
Source: client-go `util/jsonpath/jsonpath.go` with `AllowMissingKeys`, `third_party/forked/golang/template/funcs.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Values = list[Any]
Step = Callable[[Values], Values]
Comparison = Callable[[Any, Any], bool]


def walk(values: Values, steps: list[Step]) -> Values:
    """What `steps` lead to, one after the other."""
    for step in steps:
        values = step(values)
    return values


def field(name: str) -> Step:
    """The values of a key; nothing where there is no such key."""

    def step(values: Values) -> Values:
        return [one[name] for one in values if isinstance(one, dict) and name in one]

    return step


def constant(value: Any) -> Step:
    """A literal."""
    if isinstance(value, str):
        return lambda _values: [value]
    return lambda values: [value for _ in values]


def unknown(word: str) -> Step:
    """A bare word, which means nothing outside of ranges."""

    def step(_values: Values) -> Values:
        raise ValueError(f"unrecognized identifier {word}")

    return step


def _inner(value: Any) -> Values:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list):
        return value
    return list(value.encode()) if isinstance(value, str) else []


def wildcard(values: Values) -> Values:
    """Everything one level down."""
    return [inner for one in values for inner in _inner(one)]


def recursive(values: Values) -> Values:
    """Everything that has something inside, outer before inner."""
    found: Values = []
    waiting = values[::-1]
    while waiting:
        one = waiting.pop()
        inner = _inner(one)
        if inner:
            found.append(one)
            if not isinstance(one, str):
                waiting += inner[::-1]
    return found


def union(parts: list[list[Step]]) -> Step:
    """What each of `parts` leads to."""
    return lambda values: [found for steps in parts for found in walk(values, steps)]


def cut(begin: int, end: int | None, step: int | None, one: bool) -> Step:
    """Items `begin` to `end` of lists, each `step`th; `one`: a single index, where -1 stands for the last."""

    def take(values: Values) -> Values:
        found: Values = []
        for value in values:
            if value is None:
                continue
            if not isinstance(value, list):
                raise ValueError("is not array or slice")
            size = len(value)
            first = begin + size if begin < 0 else begin
            last = size if end is None else end
            if last < 0 or (last == 0 and one):
                last += size
            if first == last:
                return found
            if not 0 <= first < size:
                raise ValueError(f"array index out of bounds: index {first}, length {size}")
            if not 0 <= last <= size:
                raise ValueError(f"array index out of bounds: index {last - 1}, length {size}")
            if first > last:
                raise ValueError(f"starting index {first} is greater than ending index {last}")
            if step is not None and step <= 0:
                raise ValueError("step must be > 0")
            found += value[first : last : step or 1]
        return found

    return take


def _items(values: Values) -> Values:
    for value in values:
        if not isinstance(value, list):
            raise ValueError("is not array or slice and cannot be filtered")
    return [item for value in values for item in value]


def exists(steps: list[Step]) -> Step:
    """The items of lists for which `steps` lead to something."""

    def has(item: Any) -> bool:
        try:
            return bool(walk([item], steps))
        except ValueError:
            return False

    return lambda values: [item for item in _items(values) if has(item)]


def compare(left: list[Step], operator: str, right: list[Step]) -> Step:
    """The items of lists for which the comparison of what both sides lead to holds."""
    compare = _OPERATORS.get(operator)

    def passes(item: Any) -> bool:
        sides: Values = []
        for steps in (left, right):
            found = walk([item], steps)
            if not found:
                return False
            if len(found) > 1:
                raise ValueError("can only compare one element at a time")
            sides.append(found[0])
        if compare is None:
            raise ValueError(f"unrecognized filter operator {operator}")
        return compare(sides[0], sides[1])

    return lambda values: [item for item in _items(values) if passes(item)]


def _alike(left: Any, right: Any) -> None:
    for one in (left, right):
        if not isinstance(one, bool | int | float | str):
            raise ValueError("invalid type for comparison")
    if type(left) is not type(right):
        raise ValueError("incompatible types for comparison")


def _equal(left: Any, right: Any) -> bool:
    _alike(left, right)
    return bool(left == right)


def _less(left: Any, right: Any) -> bool:
    _alike(left, right)
    if isinstance(left, bool):
        raise ValueError("invalid type for comparison")
    return bool(left < right)


_OPERATORS: dict[str, Comparison] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _less,
    "<=": lambda left, right: _less(left, right) or _equal(left, right),
    ">": lambda left, right: not (_less(left, right) or _equal(left, right)),
    ">=": lambda left, right: not _less(left, right),
}
