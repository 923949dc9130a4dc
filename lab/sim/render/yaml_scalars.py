"""The values of plain scalars in YAML, as Go's libraries take them: two flavours that differ.

Source: go-yaml v2 and v3 `resolve.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

_TRUE = dict.fromkeys(("true", "True", "TRUE"), True)
_FALSE = dict.fromkeys(("false", "False", "FALSE"), False)
_NULLS = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_OLD_TRUE = dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True)
_OLD_FALSE = dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), False)
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]{0,400})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TIME = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt](\d\d?):(\d\d?):(\d\d?)(\.\d+)?(Z|[-+]\d\d:\d\d))|"
    r"(?: (\d\d?):(\d\d?):(\d\d?)(\.\d+)?))?"
)
_LONGEST_NUMBER = 400


class Malformed(ValueError):
    """Text that is no YAML, or that JSON could not hold. The line counts within its document, as Go's does."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """How one family of readers treats what YAML leaves open."""

    plain: Callable[[str], Any]
    """The value of a plain scalar."""
    strict: bool
    """A key that stands twice is an error, else the last one wins; a key is the text as it stands.

    It also means that a merge key never overrides a key of the map itself, wherever it stands.
    """


def _number(text: str) -> Any:
    """The number a plain scalar is, or the text itself."""
    if text[0] not in "-+.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        whole = _whole(digits)
        return whole if -(2**63) <= whole < 2**63 else float(whole)
    if _FLOAT.fullmatch(digits):
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            return text
        return int(value) if value == int(value) and abs(value) < 2**63 else value
    if _NOT_A_NUMBER.fullmatch(text):
        raise Malformed(f"json: unsupported value: {text.lower().replace('.inf', '+Inf').replace('.nan', 'NaN')}")
    return text


def _whole(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    return sign * (int(digits, 8) if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit() else int(digits, 0))


_OLD_WORDS: dict[str, Any] = _TRUE | _FALSE | _NULLS | _OLD_TRUE | _OLD_FALSE
_WORDS: dict[str, Any] = _TRUE | _FALSE | _NULLS


@lru_cache(maxsize=16384)
def _plain_kubernetes(text: str) -> Any:
    return _OLD_WORDS[text] if text in _OLD_WORDS else _number(text)


@lru_cache(maxsize=16384)
def _plain_kustomize(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "12" and (found := _TIME.fullmatch(text)):
        return _time(found) or _number(text)
    return _number(text)


def _time(found: re.Match[str]) -> str | None:
    """RFC 3339 with as many digits as needed, as Go writes a `time.Time` into JSON."""
    year, month, day = (int(found[place]) for place in (1, 2, 3))
    at = 4 if found[4] else 9
    hour, minute, second = (int(found[at + place] or 0) for place in (0, 1, 2))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (found[at + 3] or "").rstrip("0").rstrip(".") + (found[8] or "Z")


KUBERNETES = Flavour(_plain_kubernetes, strict=False)
KUSTOMIZE = Flavour(_plain_kustomize, strict=True)
