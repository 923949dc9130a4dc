"""JSON text as Go's `encoding/json` writes and reads it, for values of templates.

Keys stand in order, numbers without a needless fraction, and a number that is read is a `float64`.
"""

from __future__ import annotations

import base64
import json
import math
from decimal import Decimal
from typing import Any

import orjson

from .values import Struct, checked, float_text, type_name

_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_LINES = str.maketrans({"\u2028": "\\u2028", "\u2029": "\\u2029"})


class Unsupported(ValueError):
    """A value that JSON cannot hold, worded as Go does."""


def dumps(value: Any, *, escape: bool = True, indent: str = "") -> str:
    """The text of a value; `escape`: `<`, `>` and `&` as `\\u003c` …; `indent`: of each level, "" for one line.

    Raises Unsupported.
    """
    return _dumps(checked(value), _HTML if escape else _LINES, indent, "")


def _dumps(value: Any, table: dict[int, str], indent: str, margin: str) -> str:
    if isinstance(value, str):
        return orjson.dumps(str(value), default=str).decode().translate(table)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Struct):
        return _dumps(value.json, table, indent, margin)
    inner = margin + indent
    before, after = (f"\n{inner}", f"\n{margin}") if indent else ("", "")
    if isinstance(value, dict):
        colon = ": " if indent else ":"
        parts = [
            f"{before}{_dumps(str(key), table, '', '')}{colon}{_dumps(value[key], table, indent, inner)}"
            for key in sorted(value)
        ]
        return "{" + ",".join(parts) + after + "}" if parts else "{}"
    if isinstance(value, (list, tuple)):
        parts = [before + _dumps(one, table, indent, inner) for one in value]
        return "[" + ",".join(parts) + after + "]" if parts else "[]"
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    raise Unsupported(f"json: unsupported type: {type_name(value)}")


def number(value: float) -> str:
    """A float64 as JSON. Raises Unsupported for infinities."""
    if not math.isfinite(value):
        raise Unsupported(f"json: unsupported value: {float_text(value)}")
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    if 1e-6 <= abs(value) < 1e21:
        text = repr(value)
        if "e" in text:
            return f"{Decimal(text):f}"
        return text.removesuffix(".0")
    return float_text(value).replace("e-0", "e-").replace("e+0", "e+")


class BadJson(ValueError):
    """Text that is no JSON, worded as Go does where that is feasible."""


def loads(text: str) -> Any:
    """The value, numbers being floats. Raises BadJson."""
    try:
        return json.loads(text, parse_int=float, parse_constant=_constant)
    except RecursionError:
        raise BadJson("exceeded max depth") from None
    except ValueError as error:
        raise BadJson(_reason(text, error)) from None


def _constant(word: str) -> float:
    raise ValueError(word)


def _reason(text: str, error: ValueError) -> str:
    place = error.pos if isinstance(error, json.JSONDecodeError) else text.find(str(error))
    if not text.strip() or place >= len(text) or "Unterminated" in str(error):
        return "unexpected end of JSON input"
    sign = text[place]
    shown = {"'": "'\\''", '"': "'\"'"}.get(sign, f"'{sign}'")
    message = str(error)
    if message.startswith("Extra data"):
        return f"invalid character {shown} after top-level value"
    if "property name" in message:
        return f"invalid character {shown} looking for beginning of object key string"
    if "':' delimiter" in message:
        return f"invalid character {shown} after object key"
    if "',' delimiter" in message:
        inside = "array element" if text.rfind("[", 0, place) > text.rfind("{", 0, place) else "object key:value pair"
        return f"invalid character {shown} after {inside}"
    for word in ("true", "false", "null"):
        if sign == word[0] and not text.startswith(word, place):
            matched = next(n for n in range(len(word)) if text[place + n : place + n + 1] != word[n])
            if place + matched >= len(text):
                return "unexpected end of JSON input"
            return f"invalid character '{text[place + matched]}' in literal {word} (expecting '{word[matched]}')"
    return f"invalid character {shown} looking for beginning of value"


def floats(value: Any) -> Any:
    """The same value with every integer as a float, as Go's JSON reads numbers."""
    if isinstance(value, dict):
        return {key: floats(one) for key, one in value.items()}
    if isinstance(value, list):
        return [floats(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value
