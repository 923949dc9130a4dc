"""The glob patterns of AppProjects, sync windows and resource customizations.

`*` and `?` do not match a separator, `**` matches everything, `{a,b}` is a choice, `[abc]`, `[a-z]` and `[!a]` are
classes, `\\` takes the next character as it is. Source: `github.com/gobwas/glob` v1.0.0 `syntax/lexer.go`, `parse.go`;
Argo CD `util/glob`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_NEVER = re.compile(r"(?!)")
_IN_TEXT = frozenset("?*[{")
_IN_TERMS = frozenset("?*[{},")
_IN_CLASS = frozenset("]")


class GlobError(ValueError):
    """A pattern that cannot be read; the text is that of gobwas/glob."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"glob: syntax error at {offset}: {reason}")


def matches(pattern: str, text: str, separators: str = "") -> bool:
    """Whether a glob matches the whole of `text`; a pattern that cannot be read matches nothing."""
    try:
        return _compiled(pattern, separators).fullmatch(text) is not None
    except GlobError:
        return False


def check(pattern: str, separators: str = "") -> None:
    """Raise GlobError when a pattern cannot be read."""
    _compiled(pattern, separators)


def in_list(patterns: Iterable[str], text: str) -> bool:
    """Whether a glob, or a regular expression between slashes, matches.

    Source: Argo CD `util/glob/list.go` with `REGEXP`, which project `sourceNamespaces` and the controllers'
    `application.namespaces` use. An expression is found anywhere in the text.
    """
    return any(_expression(one).search(text) or matches(one, text) for one in patterns)


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    if len(pattern) <= 2 or not (pattern.startswith("/") and pattern.endswith("/")):
        return _NEVER
    try:
        return re.compile(pattern[1:-1])
    except re.error:
        return _NEVER


@lru_cache(maxsize=10_000)
def _compiled(pattern: str, separators: str) -> re.Pattern[str]:
    return re.compile(_Reader(pattern, separators).read(), re.DOTALL)


class _Reader:
    """Turns a glob into a regular expression, from left to right."""

    def __init__(self, pattern: str, separators: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._one = f"[^{re.escape(separators)}]" if separators else "."

    def read(self) -> str:
        parts: list[str] = []
        while self._at < len(self._pattern):
            parts.append(self._item())
        if self._depth:
            raise self._wrong("unclosed `{`")
        return "".join(parts)

    def _wrong(self, reason: str) -> GlobError:
        return GlobError(len(self._pattern[: self._at].encode()), reason)

    def _item(self) -> str:
        char = self._pattern[self._at]
        if char in "{,}" and (self._depth or char == "{"):
            self._at += 1
            self._depth += {"{": 1, "}": -1}.get(char, 0)
            return {"{": "(?:", "}": ")"}.get(char, "|")
        if char == "[":
            self._at += 1
            return self._class()
        if char == "?":
            self._at += 1
            return self._one
        if char == "*":
            stars = 2 if self._pattern.startswith("**", self._at) else 1
            self._at += stars
            return ".*" if stars == 2 else f"{self._one}*"
        return re.escape(self._text(_IN_TERMS if self._depth else _IN_TEXT))

    def _text(self, breakers: frozenset[str]) -> str:
        found: list[str] = []
        while self._at < len(self._pattern) and self._pattern[self._at] not in breakers:
            if self._pattern[self._at] == "\\":
                self._at += 1
                if self._at == len(self._pattern):
                    raise self._wrong("unexpected end of input" if breakers is _IN_CLASS else "trailing backslash")
            found.append(self._pattern[self._at])
            self._at += 1
        return "".join(found)

    def _class(self) -> str:
        negated = self._peek() == "!"
        if negated:
            self._at += 1
        if not self._peek():
            raise self._wrong("unexpected end of input")
        inside = self._span() if self._pattern.startswith("-", self._at + 1) else self._set()
        return f"[{'^' if negated else ''}{inside}]"

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _span(self) -> str:
        low = self._peek()
        self._at += 2
        high = self._peek()
        if not high:
            raise self._wrong("unexpected end of input")
        self._at += 1
        self._close()
        if high < low:
            raise self._wrong("range hi character is less than lo")
        return f"{re.escape(low)}-{re.escape(high)}"

    def _set(self) -> str:
        listed = self._text(_IN_CLASS)
        self._close()
        if not listed:
            raise self._wrong("could not parse range")
        return re.escape(listed)

    def _close(self) -> None:
        closed = self._peek()
        if not closed:
            raise self._wrong("unexpected end of input")
        self._at += 1
        if closed != "]":
            raise self._wrong("expected close range character")
