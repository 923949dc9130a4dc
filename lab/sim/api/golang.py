"""How Go prints and names values in the messages of a real server."""

from __future__ import annotations

from typing import Any


def printed(value: Any) -> str:
    """A decoded JSON value as `%v` prints it, e.g. `map[a:1 b:[x y]]`."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{printed(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(printed, value)) + "]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def kind_of(value: Any) -> str:
    """The name of a value's kind in the errors of Go's JSON decoder."""
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "bool"
    return "null" if value is None else "number"


def type_of(value: Any) -> str:
    """The Go type that a JSON value is decoded into, e.g. `[]interface {}`."""
    if isinstance(value, dict):
        return "map[string]interface {}"
    if isinstance(value, list):
        return "[]interface {}"
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int64"
    return "%!s(<nil>)" if value is None else "float64"
