"""What a Python value is in Go: its type's name, whether it is true, and how it is printed.

Data come as plain Python values: `dict` is `map[string]interface {}`, `list` is `[]interface {}`, `float` is
`float64`, `int` is `int`, None is a nil `interface {}`. The classes here stand for what Python has no type of its own
for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

_ESCAPES = {
    "\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v",
    "\\": r"\\", '"': r"\"",
}  # fmt: skip


LARGEST = 16 * 1024 * 1024
"""Characters of a text, and of a value written as one, that templates may make."""
_DEEPEST = 500
_NODE = 16


class TooLarge(ValueError):
    """A value that would be too large or too deep as text."""


def checked(value: Any) -> Any:
    """The value itself, if it is not too large to be written. Raises TooLarge.

    A value that holds another many times counts it as often, so that small templates cannot make huge texts.
    """
    left = LARGEST
    level = [value] if isinstance(value, (dict, list, tuple)) else []
    depth = 0
    while level:
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(one.values())
                left -= sum(map(len, one))
            elif isinstance(one, (list, tuple)):
                below.extend(one)
            elif isinstance(one, str):
                left -= len(one)
            left -= _NODE
            if left < 0 or len(below) > LARGEST // _NODE:
                raise TooLarge(f"value is longer than {LARGEST} characters")
        depth += 1
        if depth > _DEEPEST:
            raise TooLarge("value is nested too deeply")
        level = below
    return value


class _Invalid:
    """Go's zero `reflect.Value`: no value at all, not even nil of a type."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<no value>"

    def __bool__(self) -> bool:
        return False


INVALID = _Invalid()


class Int64(int):
    """A Go `int64`, which is another type than `int`."""


class StringMap(dict[str, Any]):
    """A Go `map[string]string`."""


class BytesMap(dict[str, Any]):
    """A Go `map[string][]byte`."""


class StringList(list[Any]):
    """A Go `[]string`."""


class IntList(list[Any]):
    """A Go `[]int`."""


class Callee(Protocol):
    """A function or method that templates may call: `lab.sim.templates.calls.Function`."""

    @property
    def call(self) -> Callable[..., Any]:
        """What runs."""


class Struct:
    """A Go struct: a name for its type, fields, and methods that templates may call.

    Templates reach nothing else of a Python object, so that no template can leave its sandbox.
    """

    __slots__ = ("fields", "json", "methods", "type_name")

    def __init__(
        self, type_name: str, fields: Mapping[str, Any], methods: Mapping[str, Callee] | None = None, json: Any = None
    ) -> None:
        """`methods` are called with the template's arguments; one named `String` prints the struct.

        `json`: what stands for it in JSON, None for its fields.
        """
        self.type_name = type_name
        self.fields = fields
        self.methods = methods or {}
        self.json = fields if json is None else json


class Methods(dict[str, Any]):
    """A Go map type with methods, e.g. Helm's `.Files`."""

    __slots__ = ("element", "methods", "type_name")

    def __init__(self, type_name: str, element: str, items: Mapping[str, Any], methods: Mapping[str, Callee]) -> None:
        """`element`: the Go type of the map's elements."""
        super().__init__(items)
        self.type_name = type_name
        self.element = element
        self.methods = methods


class NamedMap(dict[str, Any]):
    """A map of Go's `common.Values`, which is another name for `map[string]interface {}`."""

    type_name = "common.Values"


class MethodList(StringList):
    """A Go list type with methods, e.g. Helm's `.Capabilities.APIVersions`."""

    type_name = ""
    methods: Mapping[str, Callee]


def type_name(value: Any) -> str:
    """The Go type of a value, as `%T` and error messages show it."""
    kind = type(value)
    if kind in _NAMES:
        return _NAMES[kind]
    if isinstance(value, (Struct, Methods, MethodList, NamedMap)):
        return value.type_name
    for base, name in _NAMES.items():
        if isinstance(value, base):
            return name
    if isinstance(value, datetime):
        return "time.Time"
    return "func()" if callable(value) else kind.__name__


_NAMES: dict[type, str] = {
    type(None): "interface {}",
    _Invalid: "<nil>",
    bool: "bool",
    str: "string",
    Int64: "int64",
    int: "int",
    float: "float64",
    StringMap: "map[string]string",
    BytesMap: "map[string][]uint8",
    dict: "map[string]interface {}",
    StringList: "[]string",
    IntList: "[]int",
    list: "[]interface {}",
    tuple: "[]interface {}",
    bytes: "[]uint8",
}


def is_true(value: Any) -> bool:
    """Go's truth: false for nil, zero, and what is empty; a struct is always true."""
    if value is None or value is INVALID:
        return False
    if isinstance(value, (bool, int, float, str, dict, list, tuple, bytes)):
        return bool(value)
    return True


def zero_of(mapping: dict[str, Any]) -> Any:
    """The zero value of a map's elements."""
    if isinstance(mapping, StringMap):
        return ""
    if isinstance(mapping, BytesMap) or (isinstance(mapping, Methods) and mapping.element == "[]uint8"):
        return b""
    return None


def printed(value: Any) -> str:
    """What `{{ value }}` writes: Go's `%v`, and `<no value>` for none."""
    if type(value) is str:
        return value
    if value is None or value is INVALID:
        return "<no value>"
    return shown(checked(value))


def shown(value: Any) -> str:
    """Go's `%v`, in which a nil is `<nil>` and maps are in order of their keys."""
    if isinstance(value, str):
        return str(value)
    if value is None or value is INVALID:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, dict):
        return "map[" + " ".join(f"{shown(key)}:{shown(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(map(shown, value)) + "]"
    if isinstance(value, bytes):
        return "[" + " ".join(str(one) for one in value) + "]"
    if isinstance(value, Struct):
        write = value.methods.get("String")
        if write is not None:
            return str(write.call())
        return "{" + " ".join(shown(one) for one in value.fields.values()) + "}"
    if isinstance(value, datetime):
        return _time_text(value)
    return str(value)


def _time_text(value: datetime) -> str:
    """Go's `time.Time.String`."""
    fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
    return f"{value:%Y-%m-%d %H:%M:%S}{fraction} {value:%z %Z}"


def float_text(value: float) -> str:
    """Go's `%v` of a float64: shortest digits, an exponent below 1e-4 and from 1e+06 on."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, _, exponent = f"{value!r}".partition("e")
    digits, power = _digits(mantissa, int(exponent or 0))
    sign = "-" if value < 0 else ""
    if power < -4 or power >= 6:
        tail = digits[1:]
        return f"{sign}{digits[0]}{'.' + tail if tail else ''}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    if len(digits) <= power + 1:
        return sign + digits + "0" * (power + 1 - len(digits))
    return f"{sign}{digits[: power + 1]}.{digits[power + 1 :]}"


def _digits(mantissa: str, exponent: int) -> tuple[str, int]:
    """Digits without leading and trailing zeros, and the power of ten of the first."""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = whole + fraction
    power = len(whole) - 1 + exponent
    stripped = digits.lstrip("0")
    power -= len(digits) - len(stripped)
    return stripped.rstrip("0") or "0", power


def quoted(text: str) -> str:
    """Go's `%q`."""
    out = []
    for char in text:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char.isprintable():
            out.append(char)
        elif ord(char) < 0x80:
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return '"' + "".join(out) + '"'
