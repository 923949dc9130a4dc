"""Values of jq: their types, their order, and what an evaluation carries along."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import orjson


class JqError(Exception):
    """An expression that cannot be read, or fails on a document."""


class Slice(NamedTuple):
    """A step of a path that stands for several items of a list, from `start` to before `end`."""

    start: int
    end: int


Path = tuple[str | int | Slice, ...]
Place = Path | None | Literal[False]
"""Where a value stands in the document; False for one that was made and stands nowhere, None where nobody asks."""


class Environment(NamedTuple):
    """What an evaluation carries along."""

    variables: dict[str, Any]
    budget: list[int]
    """Steps that are left."""

    def step(self) -> None:
        """Take one. Raises JqError when there are none left."""
        self.budget[0] -= 1
        if self.budget[0] < 0:
            raise JqError("JQ patch execution timed out")


Result = Iterator[tuple[Place, Any]]
Evaluate = Callable[[Place, Any, Environment], Result]


def type_of(value: Any) -> str:
    """`null`, `boolean`, `number`, `string`, `array` or `object`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


_RANKS = {"null": 0, "number": 3, "string": 4, "array": 5, "object": 6}


def order(value: Any) -> tuple[Any, ...]:
    """Sort key over all types: null, false, true, numbers, texts, lists, objects. Equal keys, equal values."""
    if isinstance(value, bool):
        return (2 if value else 1,)
    rank = _RANKS[type_of(value)]
    if isinstance(value, list):
        return (rank, [order(one) for one in value])
    if isinstance(value, dict):
        names = sorted(value)
        return (rank, names, [order(value[name]) for name in names])
    return (rank,) if value is None else (rank, value)


def truth(value: Any) -> bool:
    """Everything but null and false."""
    return value is not None and value is not False


def shown(value: Any) -> str:
    """A value as messages name it: its type, and its JSON where there is any."""
    kind = type_of(value)
    return kind if value is None else f"{kind} ({orjson.dumps(value).decode()})"
