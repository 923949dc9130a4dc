"""Git pathspecs, as `git ls-files -- PATTERN` reads them: how the git files generator finds its files.

`*` and `?` cross `/`, a pattern without wildcards also selects all that lies under a folder of that name.
Source: git `dir.c` `match_pathspec_item`, `wildmatch.c` without `WM_PATHNAME`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache

_WILD = re.compile(r"[*?\[\\]")
_CLASS = re.compile(r"\[(?P<not>[!^]?)(?P<inside>\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*)\]", re.DOTALL)
_NAMED = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "xdigit": "0-9a-fA-F",
}
_named = re.compile(r"\[:([a-z]+):\]|\\(.)|(.)", re.DOTALL).finditer


class PathspecError(ValueError):
    """A pathspec git refuses, in git's words, or one with magic that is not simulated."""


def select(pattern: str, paths: Iterable[str]) -> list[str]:
    """The paths a pathspec selects, in their order. Raises PathspecError."""
    if pattern.startswith(":"):
        raise PathspecError(
            f"pathspec {pattern!r} with magic is not supported by the simulator; use --provider kind for a real cluster"
        )
    if pattern.startswith("/"):
        raise PathspecError(f"fatal: '{pattern}' is outside repository")
    under = pattern.endswith("/")
    wanted = posixpath.normpath(pattern)
    if wanted == ".":
        return list(paths)
    if wanted == ".." or wanted.startswith("../"):
        raise PathspecError(f"fatal: {pattern}: '{pattern}' is outside repository")
    if not _WILD.search(wanted):
        return [one for one in paths if one.startswith(f"{wanted}/") or (one == wanted and not under)]
    found = _compiled(f"{wanted}/" if under else wanted)
    return [
        one for one in paths if found.fullmatch(one) or (one == wanted and not under) or one.startswith(f"{wanted}/")
    ]


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        inside = _CLASS.match(pattern, at) if char == "[" else None
        if char == "*":
            parts.append(".*")
        elif char == "?":
            parts.append(".")
        elif inside:
            parts.append(_class(inside))
            at = inside.end() - 1
        elif char == "[":
            return re.compile("(?!)")
        elif char == "\\":
            at += 1
            parts.append(re.escape(pattern[at : at + 1]))
        else:
            parts.append(re.escape(char))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def _class(read: re.Match[str]) -> str:
    inside = "".join(
        _NAMED.get(one[1], "") if one[1] else one[3] if one[3] == "-" else re.escape(one[2] or one[3])
        for one in _named(read["inside"])
    )
    return f"[{'^' if read['not'] else ''}{inside}]"
