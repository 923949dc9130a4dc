"""YAML as the API server reads it: what JSON could hold, and nothing that runs, swells or refers to itself.

The types of plain scalars are those of Go's reader, not Python's: `12:30` and dates are texts, `y` is a boolean, `1e3`
a number. Only the first document counts. Source: `sigs.k8s.io/yaml` with its `goyaml.v2` (resolve.go, decode.go).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

import orjson
import yaml

DEEPEST = 200
_MOST_NODES = 100_000
_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_NULLS = ("", "~", "null", "Null", "NULL")
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]{0,400})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 400
_TAG = "tag:yaml.org,2002:"
_OPEN = object()


class Malformed(ValueError):
    """Text that is no YAML or that JSON could not hold."""


def read(body: bytes) -> tuple[Any, tuple[str, ...]]:
    """The value of a body's first document, None for an empty one, and the paths of keys that stand twice.

    Raises Malformed.
    """
    reader = _Reader(body)
    try:
        value = reader.document()
        # Aliases made one object stand in several places; whoever reads the result may take each for its own.
        return orjson.loads(orjson.dumps(value)), tuple(sorted(reader.twice))
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Malformed(f"yaml: {line}{error.problem}") from None
    except yaml.YAMLError as error:
        raise Malformed("yaml: " + " ".join(str(error).split())[:200]) from None
    except (orjson.JSONEncodeError, orjson.JSONDecodeError) as error:
        raise Malformed(f"yaml: {error}") from None


class _Reader:
    """Builds the value from the parser's events in one go, counting depth and size as it would be written out."""

    def __init__(self, body: bytes) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(body, yaml.CSafeLoader))
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._size = 0
        self._depth = 0
        self.twice: list[str] = []

    def document(self) -> Any:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                return self._value(next(self._events), "")
        return None

    def _value(self, event: Any, path: str) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor))
        before = self._size
        self._grow(1)
        anchor = event.anchor
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        else:
            if anchor is not None:
                self._anchors[anchor] = (_OPEN, 0)
            self._depth += 1
            if self._depth > DEEPEST:
                raise Malformed(f"yaml: exceeded max depth of {DEEPEST}")
            value = self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._map(path)
            self._depth -= 1
        if anchor is not None:
            self._anchors[anchor] = (value, self._size - before)
        return value

    def _grow(self, by: int) -> None:
        self._size += by
        if self._size > _MOST_NODES:
            raise Malformed("yaml: document contains excessive aliasing")

    def _alias(self, name: str) -> Any:
        value, size = self._anchors.get(name, (None, -1))
        if size < 0:
            raise Malformed(f"yaml: unknown anchor '{name[:60]}' referenced")
        if value is _OPEN:
            raise Malformed(f"yaml: anchor '{name[:60]}' value contains itself")
        self._grow(size)
        return value

    def _list(self, path: str) -> list[Any]:
        made: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            made.append(self._value(event, f"{path}[{len(made)}]"))
        return made

    def _map(self, path: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
                merged += _mergeable(self._value(next(self._events), path))
                continue
            key = _key(self._value(event, path))
            below = f"{path}.{key}" if path else key
            if key in made:
                self.twice.append(below)
            made[key] = self._value(next(self._events), below)
        for one in merged:
            made = {**one, **made}
        return made


def _mergeable(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in found):
        raise Malformed("yaml: map merge requires map or sequence of maps as the value")
    return found


def _key(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise Malformed("unsupported map key of type: null")
    if isinstance(value, dict | list):
        raise Malformed("yaml: invalid map key")
    return orjson.dumps(value).decode()


def _scalar(event: Any) -> Any:
    text, tag = event.value, event.tag
    if tag in (None, "!"):
        return _resolved(text) if event.implicit[0] else text
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        try:
            return base64.b64decode(text).decode(errors="replace")
        except (binascii.Error, ValueError):
            raise Malformed("yaml: !!binary value contains invalid base64 data") from None
    wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(kind)
    if wanted is None:
        return text
    value = _resolved(text)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise Malformed(f"yaml: cannot decode !!str `{text[:40]}` as a !!{kind}")
    return value


def _resolved(text: str) -> Any:
    """The value of a plain scalar."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "-+.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        number = _whole(plain)
        if -(2**63) <= number < 2**64:
            return number
    if _FLOAT.fullmatch(plain):
        value = float(plain)
        return text if value in (float("inf"), float("-inf")) else value
    if _SPECIAL.fullmatch(text):
        raise Malformed(f"json: unsupported value: {text}")
    return text


def _whole(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)
