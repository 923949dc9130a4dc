"""The functions every Go template has. `and` and `or` are here by name only: the compiler runs them.

Source of rules and wording: Go's `text/template/funcs.go`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import quote_plus

from .calls import Function
from .formatting import sprintf
from .values import INVALID, BytesMap, Methods, Struct, checked, is_true, shown, type_name, zero_of

_HTML = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"},
)
_JS = str.maketrans(
    {"\\": r"\\", "'": r"\'", '"': r"\"", "<": r"\u003C", ">": r"\u003E", "&": r"\u0026", "=": r"\u003D"},
)
_JS.update({one: f"\\u{one:04X}" for one in range(0x20)})


class GoError(Exception):
    """A function's error; its text is what the template's error ends with."""


def functions() -> dict[str, Function]:
    """All by name."""
    return {
        "and": Function("(reflect.Value, ...reflect.Value) reflect.Value", _call),
        "or": Function("(reflect.Value, ...reflect.Value) reflect.Value", _call),
        "call": Function("(reflect.Value, ...reflect.Value) reflect.Value", _call),
        "html": Function("(...any) string", lambda *values: sprint(*values).translate(_HTML)),
        "index": Function("(reflect.Value, ...reflect.Value) reflect.Value", index),
        "slice": Function("(reflect.Value, ...reflect.Value) reflect.Value", slice_of),
        "js": Function("(...any) string", lambda *values: sprint(*values).translate(_JS)),
        "len": Function("(reflect.Value) int", length),
        "not": Function("(reflect.Value) bool", lambda value: not is_true(value)),
        "print": Function("(...any) string", sprint),
        "printf": Function("(string, ...any) string", sprintf),
        "println": Function("(...any) string", lambda *values: " ".join(map(shown, checked(values))) + "\n"),
        "urlquery": Function("(...any) string", lambda *values: quote_plus(sprint(*values), safe="")),
        "eq": Function("(reflect.Value, ...reflect.Value) bool", equal),
        "ne": Function("(reflect.Value, reflect.Value) bool", lambda one, other: not equal(one, other)),
        "lt": Function("(reflect.Value, reflect.Value) bool", less),
        "le": Function("(reflect.Value, reflect.Value) bool", _less_or_equal),
        "gt": Function("(reflect.Value, reflect.Value) bool", lambda one, other: not _less_or_equal(one, other)),
        "ge": Function("(reflect.Value, reflect.Value) bool", lambda one, other: not less(one, other)),
    }


def sprint(*values: Any) -> str:
    """Go's `fmt.Sprint`: a space between two values of which neither is a string."""
    checked(values)
    out = ""
    for place, value in enumerate(values):
        if place and not isinstance(value, str) and not isinstance(values[place - 1], str):
            out += " "
        out += shown(value)
    return out


def _call(name: str, function: Any, *_: Any) -> Any:
    """No value of a template is a function; `name` is how the template calls it."""
    if function is None or function is INVALID:
        raise GoError("call of nil")
    raise GoError(f"non-function {name} of type {type_name(function)}")


def length(value: Any) -> int:
    """`len`: bytes of a string, entries of everything else that has any."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, (dict, list, tuple, bytes)):
        return len(value)
    if value is None or value is INVALID:
        raise GoError("len of nil pointer" if value is None else "reflect: call of reflect.Value.Type on zero Value")
    raise GoError(f"len of type {type_name(value)}")


def _place(value: Any, limit: int) -> int:
    if value is None or value is INVALID:
        raise GoError("cannot index slice/array with nil")
    if not isinstance(value, int) or isinstance(value, bool):
        raise GoError(f"cannot index slice/array with type {type_name(value)}")
    if not 0 <= value <= limit:
        raise GoError(f"index out of range: {value}")
    return int(value)


def index(item: Any, *keys: Any) -> Any:
    """`index item key…`; what a map lacks is the zero value of its elements."""
    if item is None or item is INVALID:
        raise GoError("index of untyped nil")
    for key in keys:
        if item is None:
            raise GoError("index of nil pointer")
        if isinstance(item, dict):
            if key is None or key is INVALID:
                raise GoError("value is nil; should be of type string")
            if not isinstance(key, str):
                raise GoError(f"value has type {type_name(key)}; should be string")
            item = item[key] if key in item else zero_of(item)
        elif isinstance(item, (list, tuple, bytes, str)):
            data = item.encode() if isinstance(item, str) else item
            place = _place(key, len(data))
            if place == len(data):
                kind = "string" if isinstance(item, str) else "slice"
                raise GoError(f"reflect: {kind} index out of range")
            item = data[place]
        else:
            raise GoError(f"can't index item of type {type_name(item)}")
    return item


def slice_of(item: Any, *places: Any) -> Any:
    """`slice item from to`."""
    if item is None or item is INVALID:
        raise GoError("slice of untyped nil")
    if len(places) > 3:
        raise GoError(f"too many slice indexes: {len(places)}")
    if isinstance(item, str):
        if len(places) == 3:
            raise GoError("cannot 3-index slice a string")
    elif not isinstance(item, (list, tuple, bytes)):
        raise GoError(f"can't slice item of type {type_name(item)}")
    data = item.encode() if isinstance(item, str) else item
    found = [_place(one, len(data)) for one in places]
    bounds = found + [0, len(data)][len(found) :]
    for low, high in pairwise(bounds):
        if low > high:
            raise GoError(f"invalid slice index: {low} > {high}")
    made = data[bounds[0] : bounds[1]]
    if isinstance(item, str):
        assert isinstance(made, bytes)
        return made.decode(errors="replace")
    return type(item)(made) if isinstance(item, list) else made


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    return "string" if isinstance(value, str) else ""


def equal(one: Any, *others: Any) -> bool:
    """`eq`: whether the first is equal to any of the others. Raises GoError for types that cannot be compared."""
    if not others:
        raise GoError("missing argument for comparison")
    kind = _kind(one)
    for other in others:
        if _kind(other) != kind:
            if not (one is None or one is INVALID or other is None or other is INVALID):
                raise GoError(f"incompatible types for comparison: {type_name(one)} and {type_name(other)}")
        elif kind:
            if one == other:
                return True
        elif _equal_otherwise(one, other):
            return True
    return False


def _equal_otherwise(one: Any, other: Any) -> bool:
    """Values that are neither numbers, strings nor booleans."""
    none, other_none = one is None or one is INVALID, other is None or other is INVALID
    if none or other_none:
        return none == other_none
    if _shape(one) != _shape(other):
        raise GoError(sprintf("non-comparable types %s: %v, %s: %v", one, type_name(one), type_name(other), other))
    if _shape(other) in ("map", "slice"):
        raise GoError(sprintf("non-comparable type %s: %v", other, type_name(other)))
    return one is other


def _shape(value: Any) -> str:
    if isinstance(value, (dict, BytesMap, Methods)):
        return "map"
    if isinstance(value, (list, tuple, bytes)):
        return "slice"
    return "struct" if isinstance(value, Struct) else type_name(value)


def less(one: Any, other: Any) -> bool:
    """`lt`. Raises GoError for types without an order."""
    kind, other_kind = _kind(one), _kind(other)
    if not kind or not other_kind:
        raise GoError("invalid type for comparison")
    if kind != other_kind:
        raise GoError(f"incompatible types for comparison: {type_name(one)} and {type_name(other)}")
    if kind == "bool":
        raise GoError("invalid type for comparison")
    return bool(one < other)


def _less_or_equal(one: Any, other: Any) -> bool:
    return less(one, other) or equal(one, other)
