"""JSON text as Go's `encoding/json` writes it: keys sorted, no spaces, `<`, `>` and `&` escaped.

Names made from a hash of such text, and messages that quote it, are the same only when every byte is.
"""

from __future__ import annotations

from typing import Any

import orjson

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029", "\x7f": "\x7f"}
_TABLE = str.maketrans(_ESCAPES)


def dumps(value: Any) -> str:
    """The text of a JSON value. Raises TypeError for what JSON cannot hold."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(key)}:{dumps(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, float):
        return number(value)
    return orjson.dumps(value).decode().translate(_TABLE)


def number(value: float) -> str:
    """A float as Go writes it: no exponent between 1e-6 and 1e21, and none of one digit padded."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return text if abs(value) >= 1e-6 else _with_exponent(value)
    if -6 <= int(exponent) < 21:
        return f"{value:f}".rstrip("0").rstrip(".")
    return f"{mantissa.removesuffix('.0')}e{'-' if int(exponent) < 0 else '+'}{abs(int(exponent)):02d}"


def _with_exponent(value: float) -> str:
    mantissa, _, exponent = f"{value:e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"
