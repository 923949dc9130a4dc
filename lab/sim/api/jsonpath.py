r"""The JSONPath dialect of printer columns, scale subresources and selectable fields: compiled once, evaluated often.

`.a.b`, `['a\.b']`, `[0]`, `[-1]`, `[:2]`, `[*]`, `..`, unions and filters such as `[?(@.type=="Ready")]`; ranges are no
part of it. What is missing gives nothing, what cannot be done raises ValueError.
Source: client-go `util/jsonpath/{parser,jsonpath}.go`, with `AllowMissingKeys`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import orjson

from lab.sim.api.jsonpath_steps import (
    Step,
    Values,
    compare,
    constant,
    cut,
    exists,
    field,
    recursive,
    union,
    unknown,
    wildcard,
)

MAX_LENGTH = 4096
"""Longest path, in characters."""
_MAX_DEPTH = 20
"""Deepest nesting of filters."""

_TERMINATORS = frozenset(" \t\r\n.,[]$@{}")
_KEY = re.compile(r"'([^']*)'")
_SLICE = re.compile(r"(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?")
_NUMBER = re.compile(r"[+-]?[0-9.]*")
_FILTER = re.compile(r"([^!<>=]+)([!<>=]+)(.+)", re.S)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


class JSONPath:
    """One compiled path."""

    __slots__ = ("_steps", "text")

    def __init__(self, text: str) -> None:
        """`text`: a path without braces. Raises ValueError when it is none."""
        if len(text) > MAX_LENGTH:
            raise ValueError(f"path is longer than {MAX_LENGTH} characters")
        self.text = text
        self._steps = _Parser(text, 0).steps()

    def find(self, obj: Any) -> Values:
        """What the path leads to in `obj`. Raises ValueError, e.g. for an index that is out of bounds."""
        values = [obj]
        for step in self._steps:
            values = step(values)
        return values


@lru_cache(maxsize=1024)
def compiled(text: str) -> JSONPath:
    """The path `text`. Raises ValueError when it is none."""
    return JSONPath(text)


class _Parser:
    def __init__(self, text: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise ValueError("filters are nested too deeply")
        self.text = text
        self.pos = 0
        self.depth = depth
        self.found: list[Step] = []

    def steps(self) -> list[Step]:
        while self.pos < len(self.text):
            self._next()
        return self.found

    def _next(self) -> None:
        text, char = self.text, self.text[self.pos]
        if text.startswith("[?(", self.pos):
            self._filter()
        elif text.startswith("..", self.pos):
            if self.found and self.found[-1] is recursive:
                raise ValueError("invalid multiple recursive descent")
            self.pos += 2
            self.found.append(recursive)
            if text[self.pos : self.pos + 1].isalnum() or text.startswith("_", self.pos):
                self._field()
        elif char in " @$":
            self.pos += 1
        elif char == "[":
            self._array()
        elif char in "\"'":
            self._quoted(char)
        elif char == ".":
            self.pos += 1
            self._field()
        elif char in "+-" or char.isdigit():
            self._number()
        elif char == "_" or char.isalpha():
            self._word()
        elif char in "\r\n":
            raise ValueError("unclosed action")
        else:
            raise ValueError(f"unrecognized character in action: {char!r}")

    def _field(self) -> None:
        text, begin = self.text, self.pos
        while self.pos < len(text) and text[self.pos] not in _TERMINATORS:
            self.pos += 2 if text[self.pos] == "\\" else 1
        if self.pos > len(text):
            raise ValueError("unclosed action")
        name = text[begin : self.pos].replace("\\", "")
        self.found.append(wildcard if name == "*" else field(name))

    def _word(self) -> None:
        begin = self.pos
        while self.pos < len(self.text) and self.text[self.pos] not in _TERMINATORS:
            self.pos += 1
        word = self.text[begin : self.pos]
        self.found.append(constant(word == "true") if word in ("true", "false") else unknown(word))

    def _number(self) -> None:
        match = _NUMBER.match(self.text, self.pos)
        word = match.group() if match else ""
        if not word:
            raise ValueError(f"cannot parse number {self.text[self.pos :]}")
        self.pos += len(word)
        try:
            self.found.append(constant(float(word) if "." in word else int(word)))
        except ValueError:
            raise ValueError(f"cannot parse number {word}") from None

    def _quoted(self, quote: str) -> None:
        begin, end = self.pos + 1, self.pos + 1
        while True:
            end = self.text.find(quote, end)
            if end < 0 or "\n" in self.text[begin:end]:
                raise ValueError("unterminated quoted string")
            if self.text[end - 1] != "\\":
                break
            end += 1
        self.pos = end + 1
        self.found.append(constant(_ESCAPE.sub(_unescaped, self.text[begin:end])))

    def _array(self) -> None:
        end = self.text.find("]", self.pos)
        if end < 0 or "\n" in self.text[self.pos : end]:
            raise ValueError("unterminated array")
        inside = self.text[self.pos + 1 : end]
        self.pos = end + 1
        self._inside(":" if inside == "*" else inside)

    def _inside(self, inside: str) -> None:
        if "," in inside:
            parts = [_Parser(f"[{one.strip(' ')}]", self.depth + 1).steps() for one in inside.split(",")]
            self.found.append(union(parts))
            return
        key = _KEY.fullmatch(inside)
        if key:
            self.found += _Parser(f".{key.group(1)}", self.depth + 1).steps()
            return
        match = _SLICE.fullmatch(inside)
        if not match:
            raise ValueError(f"invalid array index {inside}")
        begin, end, step = (_bound(one) for one in match.groups())
        one = match.group(2) is None
        if one:
            end = (begin or 0) + 1
        self.found.append(cut(begin or 0, end, step, one))

    def _filter(self) -> None:
        begin = self.pos = self.pos + 3
        quote = ""
        closed = True
        while True:
            if self.pos >= len(self.text) or self.text[self.pos] == "\n":
                raise ValueError("unterminated filter")
            char = self.text[self.pos]
            if char in "\"'" and not quote:
                quote, closed = char, False
            elif char == quote and self.text[self.pos - 1] != "\\":
                closed = True
            elif char == ")" and closed:
                break
            self.pos += 1
        inside = self.text[begin : self.pos]
        if not self.text.startswith(")]", self.pos):
            raise ValueError("unclosed array expect ]")
        self.pos += 2
        match = _FILTER.fullmatch(inside)
        if not match:
            self.found.append(exists(_Parser(inside, self.depth + 1).steps()))
            return
        left, operator, right = match.groups()
        self.found.append(
            compare(_Parser(left, self.depth + 1).steps(), operator, _Parser(right, self.depth + 1).steps())
        )


def _bound(text: str | None) -> int | None:
    digits = (text or "").lstrip(":")
    if not digits:
        return None
    try:
        return int(digits)
    except ValueError:
        raise ValueError(f"array index {digits} is not a number") from None


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1) or match.group(2) or match.group(3)
    if code:
        number = int(code, 16)
        if number > 0x10FFFF:
            raise ValueError("invalid escape in quoted string")
        return chr(number)
    char = match.group(4)
    if char not in _ESCAPED and char not in "\"'":
        raise ValueError("invalid escape in quoted string")
    return _ESCAPED.get(char, char)


def text_of(value: Any) -> str:
    """A value as the dialect prints it: strings bare, lists and objects as JSON, null as `<no value>`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    made = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return made.translate(_HTML)


_HTML = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""What Go's JSON escapes in strings; elsewhere these characters do not stand."""


def _float(value: float) -> str:
    """As Go's `%v`: the fewest digits, with an exponent below 1e-4 and from 1e6 on."""
    shortest = next(text for places in range(18) if float(text := f"{value:.{places}e}") == value)
    digits, _, power = shortest.partition("e")
    if -4 <= int(power) < 6:
        places = len(digits.partition(".")[2]) - int(power)
        return f"{value:.{max(places, 0)}f}"
    return shortest
