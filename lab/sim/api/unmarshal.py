"""JSON into a built-in kind, exactly as Go does it: the same messages in the same order.

`lab.sim.api.schema` comes here only when something is wrong with an object or to be rewritten. Go keeps the first wrong
type and reads on; a type that reads itself (time, quantity) ends it at once, and so its error wins. Source:
sigs.k8s.io/json `internal/golang/encoding/json/decode.go`, apimachinery `pkg/runtime/converter.go`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Any, NoReturn

from lab.sim import quantity
from lab.sim.api import gotime
from lab.sim.api.types import ANY, LIST, MAP, OBJECT, TIMES, Type

_MOST = 100
"""A server reports no more unknown and duplicate fields than this."""
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


class Unreadable(Exception):
    """The object does not fit its kind; the message is Go's."""


class Unmarshaller:
    """Reads one object."""

    def __init__(self, duplicates: Collection[str] = ()) -> None:
        """`duplicates`: paths of keys that stood twice."""
        self.strict: list[str] = []
        """`unknown field "spec.foo"`, `duplicate field "spec.bar"`, in the order a server finds them."""
        self._wrong = ""
        self._duplicates = duplicates

    def read(self, root: Type, obj: Any, struct: str = "", path: str = "") -> Any:
        """`obj` as the kind holds it, changed in place. Raises Unreadable.

        `struct` and `path` are where `obj` stands in a larger one, for messages.
        """
        made = self._value(root, obj, struct, path, path)
        if self._wrong:
            raise Unreadable(self._wrong)
        del self.strict[_MOST:]
        return made

    def _value(self, kind: Type, value: Any, struct: str, go: str, path: str) -> Any:
        """`go` is the path as Go's type errors name it, without indices and keys of maps; `path` has both."""
        if kind.kind == OBJECT:
            if isinstance(value, dict):
                self._object(kind, value, go, path)
            else:
                self._mismatch(kind, value, struct, go)
        elif kind.kind == MAP:
            self._map(kind, value, struct, go, path)
        elif kind.kind == LIST:
            self._list(kind, value, struct, go, path)
        elif kind.kind != ANY:
            return self._scalar(kind, value, struct, go)
        return value

    def _object(self, kind: Type, obj: dict[str, Any], go: str, path: str) -> None:
        struct = kind.name.rpartition(".")[2]
        for key, value in list(obj.items()):
            below = f"{path}.{key}" if path else key
            child = kind.fields.get(key)
            if child is None:
                self.strict.append(f'unknown field "{below}"')
                del obj[key]
                continue
            if value is not None:
                value = self._value(child, value, struct, f"{go}.{key}" if go else key, below)
            if value is None and child.scalar in TIMES and key in kind.written:
                continue
            if value is None or (not value and key in kind.left_out):
                del obj[key]
            else:
                obj[key] = value
        self._twice(obj, path)
        fill(kind, obj)

    def _map(self, kind: Type, value: Any, struct: str, go: str, path: str) -> None:
        if not isinstance(value, dict):
            self._mismatch(kind, value, struct, go)
            return
        assert kind.items is not None
        for key, one in value.items():
            below = f"{path}.{key}" if path else key
            value[key] = empty(kind.items) if one is None else self._value(kind.items, one, struct, go, below)
        self._twice(value, path)

    def _list(self, kind: Type, value: Any, struct: str, go: str, path: str) -> None:
        if not isinstance(value, list):
            self._mismatch(kind, value, struct, go)
            return
        assert kind.items is not None
        for index, one in enumerate(value):
            below = f"{path}[{index}]"
            value[index] = empty(kind.items) if one is None else self._value(kind.items, one, struct, go, below)

    def _twice(self, obj: dict[str, Any], path: str) -> None:
        if self._duplicates:
            for key in obj:
                below = f"{path}.{key}" if path else key
                if below in self._duplicates:
                    self.strict.append(f'duplicate field "{below}"')

    def _scalar(self, kind: Type, value: Any, struct: str, go: str) -> Any:
        match kind.scalar:
            case "string":
                right = isinstance(value, str)
            case "boolean":
                right = isinstance(value, bool)
            case "integer":
                low, high = RANGES[kind.name]
                right = type(value) is int and low <= value <= high
            case "number":
                right = isinstance(value, int | float) and not isinstance(value, bool)
            case "bytes":
                return self._bytes(kind, value, struct, go)
            case "quantity":
                try:
                    return quantity.canonical(value)
                except quantity.NotAQuantity as error:
                    raise Unreadable(str(error)) from None
            case "time" | "micro-time":
                if not isinstance(value, str):
                    raise Unreadable(self._words("string", value, struct, go))
                try:
                    return gotime.canonical(value, kind.scalar == "micro-time")
                except gotime.NotATime as error:
                    raise Unreadable(str(error)) from None
            case _:
                low, high = RANGES["int32"]
                if not isinstance(value, str) and not (type(value) is int and low <= value <= high):
                    raise Unreadable(self._words("int32", value, struct, go))
                right = True
        if not right:
            self._mismatch(kind, value, struct, go)
        return value

    def _bytes(self, kind: Type, value: Any, struct: str, go: str) -> Any:
        if isinstance(value, list):
            for one in value:
                if type(one) is not int or not 0 <= one <= 255:
                    self._mismatch(_BYTE, one, struct, go)
                    return value
            return base64.b64encode(bytes(value)).decode()
        if not isinstance(value, str):
            self._mismatch(kind, value, struct, go)
            return value
        if standard(value):
            return value
        at = corrupt(value)
        if at is not None:
            self._wrong = self._wrong or f"illegal base64 data at input byte {at}"
            return value
        return base64.b64encode(binascii.a2b_base64(value)).decode()

    def _mismatch(self, kind: Type, value: Any, struct: str, go: str) -> None:
        self._wrong = self._wrong or self._words(kind.name, value, struct, go)

    def _words(self, target: str, value: Any, struct: str, go: str) -> str:
        said = _word(value)
        if said == "number" and (target in RANGES or target == _BYTE.name):
            said = f"number {value!r}"
        where = f"Go struct field {struct}.{go} of type" if struct else "Go value of type"
        return f"json: cannot unmarshal {said} into {where} {target}"


class Restorer(Unmarshaller):
    """Reads the object a strategic merge patch has made: the same types, other words, a stop at the first error."""

    def _mismatch(self, kind: Type, value: Any, struct: str, go: str) -> NoReturn:  # noqa: ARG002
        said = _go_kind(value)
        if kind.kind == OBJECT:
            raise Unreadable(f"cannot restore struct from: {said}")
        if kind.kind == MAP:
            raise Unreadable(f"cannot restore map from {said}")
        if kind.kind == LIST or kind.scalar == "bytes":
            raise Unreadable(f"cannot restore slice from {said}")
        numeric = kind.scalar in ("integer", "number")
        if (said == "int64" and (numeric or kind.scalar == "string")) or (said == "float64" and numeric):
            raise Unreadable(f"cannot convert {said} to {kind.name}")
        raise Unreadable(f"unrecognized type: {'string' if kind.scalar == 'string' else kind.name}")

    def _scalar(self, kind: Type, value: Any, struct: str, go: str) -> Any:  # noqa: ARG002
        if kind.scalar == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)
        return super()._scalar(kind, value, "", "")


_BYTE = Type("scalar", "uint8", "integer")


def _word(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _go_kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "slice"
    return "map"


def fill(kind: Type, obj: dict[str, Any]) -> None:
    """Give `obj` what a server writes though nobody gave it: a container's empty `resources`, a time that is null."""
    for key in kind.written:
        if key not in obj:
            obj[key] = empty(kind.fields[key])


def empty(kind: Type) -> Any:
    """What a server writes for a value nobody gave."""
    match kind.kind:
        case "object":
            made: dict[str, Any] = {}
            fill(kind, made)
            return made
        case "map" | "any":
            return {}
        case "list":
            return []
    if kind.scalar in TIMES:
        return None
    return {"integer": 0, "number": 0, "boolean": False, "int-or-string": 0, "quantity": "0"}.get(kind.scalar, "")


def standard(text: str) -> bool:
    """Whether a text is base64 in the very form a server would write it. Quick, unlike `corrupt`."""
    try:
        raw = text.encode("ascii")
        return binascii.b2a_base64(binascii.a2b_base64(raw, strict_mode=True), newline=False) == raw
    except ValueError:
        return False


def corrupt(text: str) -> int | None:
    """Where Go's decoder finds standard base64 to be illegal, in bytes, or None. Line breaks are passed over.

    Source: Go `encoding/base64/base64.go`.
    """
    data = text.encode()
    end = len(data)
    at = 0
    while True:
        for place in range(4):
            while at < end and data[at] in b"\r\n":
                at += 1
            if at == end:
                return None if place == 0 else at - place
            char = data[at]
            at += 1
            if char in _BASE64:
                continue
            if char != 0x3D or place < 2:
                return at - 1
            return _padding(data, at, place)


def _padding(data: bytes, at: int, place: int) -> int | None:
    """`at` is behind the first `=`, which stood at `place` of its group of four."""
    rest = [index for index in range(at, len(data)) if data[index] not in b"\r\n"]
    if place == 2:
        if not rest:
            return len(data)
        if data[rest[0]] != 0x3D:
            return rest[0] - 1
        rest = rest[1:]
    return rest[0] if rest else None
