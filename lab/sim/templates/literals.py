"""What numbers and quoted texts of a template mean. Source: Go's `text/template/parse/node.go` and `strconv`."""

from __future__ import annotations

import ast
import math

from .nodes import Number


def number(pos: int, text: str) -> Number:
    """A number as written. Raises ValueError or SyntaxError for what is none, OverflowError beyond 64 bits."""
    lowered = text.lower()
    digits = lowered.lstrip("+-")
    hexadecimal = digits.startswith("0x") and "p" not in digits
    if not hexadecimal and not digits.startswith(("0b", "0o")) and any(sign in digits for sign in ".ep"):
        plain = lowered.replace("_", "")
        real = float.fromhex(plain) if "0x" in plain else float(plain)
        if math.isinf(real):
            raise ValueError
        return Number(pos, text, int(real) if real.is_integer() and abs(real) < 2**63 else None, real, True)
    octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567_"
    whole = int(digits, 8) if octal else int(ast.literal_eval(digits))
    if lowered.startswith("-"):
        whole = -whole
    if not -(2**63) <= whole < 2**64:
        raise OverflowError
    return Number(pos, text, whole, float(whole), False)


_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def unescape(inner: str, quote: str) -> str:
    """The meaning of an interpreted Go literal. Raises ValueError."""
    if "\\" not in inner:
        return inner
    out = bytearray()
    index = 0
    while index < len(inner):
        sign = inner[index]
        index += 1
        if sign != "\\":
            out += sign.encode()
            continue
        sign = inner[index]
        index += 1
        if sign in _SIMPLE:
            out += _SIMPLE[sign].encode()
        elif sign == quote:
            out += sign.encode()
        elif sign in "xuU":
            width = {"x": 2, "u": 4, "U": 8}[sign]
            code = int(_whole(inner[index : index + width], width), 16)
            out += bytes([code]) if sign == "x" else chr(code).encode()
            index += width
        elif sign in "01234567":
            code = int(_whole(inner[index - 1 : index + 2], 3), 8)
            if code > 255:
                raise ValueError(inner)
            out.append(code)
            index += 2
        else:
            raise ValueError(inner)
    return out.decode(errors="replace")


def _whole(digits: str, width: int) -> str:
    if len(digits) != width or not digits.isalnum():
        raise ValueError(digits)
    return digits
