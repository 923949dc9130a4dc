"""The protobuf wire format: bytes of a message, by its fields, into the value JSON has for it.

Fields the table does not have are skipped. What is left out when it is empty follows the Go types, so that the result
is what the same object is in a JSON request. Source: protobuf.dev "Encoding", gogo's generated `Unmarshal` methods.
"""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

from lab.sim.api.protobuf.messages import INLINE, MANY, MAP, ONE, Field, Message, message
from lab.sim.api.protobuf.values import SPECIAL

MAX_DEPTH = 64
"""Deepest nesting of messages and groups."""

_VARINT, _FIXED64, _BYTES, _START, _END, _FIXED32 = 0, 1, 2, 3, 4, 5
_DOUBLE = struct.Struct("<d")
_EXACT = 2.0**53
"""Whole numbers below are written without a fraction, as Go does."""
_EOF = "unexpected EOF"
_ZERO: dict[str, Any] = {"s": "", "b": "", "t": False, "d": 0.0}


class Malformed(ValueError):
    """Bytes that are not such a message."""


def read(shape: Message, data: bytes, begin: int, end: int, depth: int = 0) -> Any:
    """The JSON value of the message in `data[begin:end]`; None is null. Raises Malformed."""
    found: dict[str, Any] = {}
    _fill(shape, data, begin, end, depth, found)
    special = SPECIAL.get(shape.name)
    if special is not None:
        try:
            return special(found)
        except ValueError as error:
            raise Malformed(str(error)) from None
    return found.get("items", []) if shape.is_list else found


def _fill(shape: Message, data: bytes, pos: int, end: int, depth: int, found: dict[str, Any]) -> None:
    if depth > MAX_DEPTH:
        raise Malformed("message is nested too deeply")
    fields = shape.fields
    while pos < end:
        tag = data[pos]
        pos += 1
        if tag > 0x7F:
            tag, pos = varint(data, pos - 1, end)
        wire = tag & 7
        field = fields.get(tag >> 3)
        if field is None:
            if tag >> 3 == 0 or wire == _END:
                raise Malformed(f"proto: {shape.name}: illegal tag {tag >> 3} (wire type {wire})")
            pos = _skip(wire, data, pos, end, depth)
        elif wire == _BYTES:
            length, pos = varint(data, pos, end)
            stop = pos + length
            if stop > end:
                raise Malformed(_EOF)
            _delimited(field, data, pos, stop, depth, found)
            pos = stop
        else:
            value, pos = _number(field, wire, data, pos, end)
            _put(field, value, found)


def varint(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """An unsigned 64-bit number and the position behind it. Raises Malformed."""
    value = shift = 0
    while True:
        if pos >= end:
            raise Malformed(_EOF)
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, pos
        shift += 7
        if shift >= 64 + 6:
            raise Malformed("proto: integer overflow")


def _skip(wire: int, data: bytes, pos: int, end: int, depth: int) -> int:
    """The position behind a field of which nothing is known."""
    if wire == _VARINT:
        return varint(data, pos, end)[1]
    if wire in (_FIXED64, _FIXED32):
        pos += 8 if wire == _FIXED64 else 4
    elif wire == _BYTES:
        length, pos = varint(data, pos, end)
        pos += length
    elif wire == _START:
        if depth > MAX_DEPTH:
            raise Malformed("message is nested too deeply")
        while True:
            tag, pos = varint(data, pos, end)
            if tag & 7 == _END:
                return pos
            pos = _skip(tag & 7, data, pos, end, depth + 1)
    else:
        raise Malformed(f"proto: illegal wireType {wire}")
    if pos > end:
        raise Malformed(_EOF)
    return pos


def _number(field: Field, wire: int, data: bytes, pos: int, end: int) -> tuple[Any, int]:
    """A number or bool of `field` at `pos`, and the position behind it."""
    kind = field.kind
    if kind == "d":
        if wire != _FIXED64:
            raise _wrong(wire, field)
        if pos + 8 > end:
            raise Malformed(_EOF)
        value = _DOUBLE.unpack_from(data, pos)[0]
        if not math.isfinite(value):
            raise Malformed(f"{field.name}: JSON has no value for {value}")
        return int(value) if value.is_integer() and abs(value) < _EXACT else value, pos + 8
    if wire != _VARINT or not field.scalar or kind in "sbr" or field.mode == MAP:
        raise _wrong(wire, field)
    number, pos = varint(data, pos, end)
    return _integer(kind, number), pos


def _integer(kind: str, number: int) -> int | bool:
    if kind == "t":
        return number != 0
    if kind in "iu":
        number &= 0xFFFFFFFF
    if kind == "i":
        return number - 0x100000000 if number > 0x7FFFFFFF else number
    if kind == "l":
        return number - 0x10000000000000000 if number > 0x7FFFFFFFFFFFFFFF else number
    return number


def _delimited(field: Field, data: bytes, pos: int, end: int, depth: int, found: dict[str, Any]) -> None:
    """The value of `field` in `data[pos:end]`, put into `found`."""
    mode = field.mode
    if mode == MAP:
        key, value = _entry(field, data, pos, end, depth)
        entries = found.setdefault(field.name, {})
        if value is not None:
            entries[key] = value
    elif field.scalar:
        if field.kind in "sbr":
            _put(field, _bytes(field.kind, data, pos, end), found)
        elif mode == MANY:
            wire = _FIXED64 if field.kind == "d" else _VARINT
            while pos < end:
                value, pos = _number(field, wire, data, pos, end)
                _put(field, value, found)
        else:
            raise _wrong(_BYTES, field)
    elif mode == INLINE:
        _fill(message(field.kind), data, pos, end, depth + 1, found)
    elif mode == ONE and isinstance(found.get(field.name), dict) and field.kind not in SPECIAL:
        _fill(message(field.kind), data, pos, end, depth + 1, found[field.name])
    else:
        _put(field, read(message(field.kind), data, pos, end, depth + 1), found)


def _put(field: Field, value: Any, found: dict[str, Any]) -> None:
    if field.mode == MANY:
        found.setdefault(field.name, []).append(value)
    elif value is None or (field.omit_empty and not value):
        found.pop(field.name, None)
    else:
        found[field.name] = value


def _bytes(kind: str, data: bytes, pos: int, end: int) -> str | bytes:
    if kind == "r":
        return data[pos:end]
    if kind == "b":
        return base64.b64encode(data[pos:end]).decode()
    try:
        return str(data[pos:end], "utf-8")
    except UnicodeDecodeError:
        raise Malformed("string field contains invalid UTF-8") from None


def _entry(field: Field, data: bytes, pos: int, end: int, depth: int) -> tuple[str, Any]:
    """One entry of a map: a message with key 1 and value 2, either of which may be left out when it is empty."""
    key = ""
    value: Any = None
    seen = False
    one = Field(field.name, field.kind, ONE, False, field.scalar)
    while pos < end:
        tag, pos = varint(data, pos, end)
        number, wire = tag >> 3, tag & 7
        if number not in (1, 2):
            if number == 0 or wire == _END:
                raise Malformed(f"proto: {field.name}: illegal tag {number} (wire type {wire})")
            pos = _skip(wire, data, pos, end, depth)
            continue
        if wire != _BYTES:
            if number == 1:
                raise _wrong(wire, field)
            value, pos = _number(one, wire, data, pos, end)
            seen = True
            continue
        length, pos = varint(data, pos, end)
        stop = pos + length
        if stop > end:
            raise Malformed(_EOF)
        if number == 1:
            key = str(_bytes("s", data, pos, stop))
        elif field.scalar and field.kind not in "sbr":
            raise _wrong(wire, field)
        else:
            seen = True
            value = (
                _bytes(field.kind, data, pos, stop)
                if field.scalar
                else read(message(field.kind), data, pos, stop, depth + 1)
            )
        pos = stop
    if not seen:
        value = _ZERO.get(field.kind, 0) if field.scalar else read(message(field.kind), data, end, end, depth + 1)
    return key, value


def _wrong(wire: int, field: Field) -> Malformed:
    return Malformed(f"proto: wrong wireType = {wire} for field {field.name}")
