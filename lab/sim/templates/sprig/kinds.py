"""Sprig's functions on types and JSON. Source of the rules: Masterminds/sprig `reflect.go` and `defaults.go`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..json_text import BadJson, Unsupported, dumps, loads
from ..values import Struct, type_name


def kind_of(value: Any) -> str:
    """Go's kind."""
    name = type_name(value)
    if value is None:
        return "invalid"
    for start, kind in (("map[", "map"), ("[]", "slice"), ("*", "ptr")):
        if name.startswith(start):
            return kind
    if isinstance(value, dict):
        return "map"
    return "struct" if isinstance(value, Struct) else name


def type_of(value: Any) -> str:
    """Go's `%T`."""
    return "<nil>" if value is None else type_name(value)


def to_json(value: Any, **options: Any) -> str:
    """JSON, or nothing when it cannot hold the value."""
    try:
        return dumps(value, **options)
    except Unsupported:
        return ""


def from_json(source: str) -> Any:
    """A value of JSON, or nil."""
    try:
        return loads(source)
    except BadJson:
        return None


def _pretty(value: Any) -> str:
    return dumps(value, indent="  ")


def _raw(value: Any) -> str:
    return dumps(value, escape=False)


TABLE: dict[str, tuple[str, Callable[..., Any]]] = {
    "fromJson": ("(string) any", from_json),
    "mustFromJson": ("(string) any", loads),
    "kindIs": ("(string, any) bool", lambda kind, value: kind == kind_of(value)),
    "kindOf": ("(any) string", kind_of),
    "toJson": ("(any) string", to_json),
    "mustToJson": ("(any) string", dumps),
    "toPrettyJson": ("(any) string", lambda value: to_json(value, indent="  ")),
    "mustToPrettyJson": ("(any) string", _pretty),
    "toRawJson": ("(any) string", _raw),
    "mustToRawJson": ("(any) string", _raw),
    "typeIs": ("(string, any) bool", lambda name, value: name == type_of(value)),
    "typeIsLike": ("(string, any) bool", lambda name, value: type_of(value) in (name, "*" + name)),
    "typeOf": ("(any) string", type_of),
}
