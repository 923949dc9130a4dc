"""Go's `path.Match`, with which git directories and named cluster resources are selected.

`*` and `?` stop at `/`, `[^a-z]` is a class, `\\` takes the next character as it is; there is no `**`.
"""

from __future__ import annotations

import re
from functools import lru_cache


class BadPattern(ValueError):
    """`path.ErrBadPattern`."""

    def __init__(self) -> None:
        super().__init__("syntax error in pattern")


def path_match(pattern: str, path: str) -> bool:
    """Whether the pattern matches the whole path. Raises BadPattern."""
    return _compiled(pattern).fullmatch(path) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            piece, at = _class(pattern, at)
            parts.append(piece)
        else:
            if char == "\\":
                char, at = _taken(pattern, at)
            parts.append(re.escape(char))
    return re.compile("".join(parts), re.DOTALL)


def _taken(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern):
        raise BadPattern
    return pattern[at], at + 1


def _class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern.startswith("^", at)
    at += negated
    spans: list[str] = []
    while not (spans and pattern.startswith("]", at)):
        low, at = _bound(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _bound(pattern, at + 1)
        if low <= high:
            spans.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            spans.append("")
    inside = "".join(spans)
    if not inside:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{inside}]", at + 1


def _bound(pattern: str, at: int) -> tuple[str, int]:
    char, at = _taken(pattern, at)
    if char in "-]":
        raise BadPattern
    if char == "\\":
        char, at = _taken(pattern, at)
    if at >= len(pattern):
        raise BadPattern
    return char, at
