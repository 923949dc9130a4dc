"""Regular expressions out of a repository, which Python's engine could spend hours on where Go's cannot.

Those that may need more than a few steps for each letter are refused by name, so that nobody's repository stops the
simulator.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lab.sim.render.errors import NotSupported, RenderError

_LONGEST = 500
"""Characters of an expression, and of a text that is compared with one."""
_MOST_REPEATS = 3
"""Repeats without bound in one expression."""
_REPEAT = re.compile(r"[*+]|\{\d*,\d*\}")
_ESCAPED = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


def fits(pattern: str, text: str) -> bool:
    """Whether an expression fits the whole text. Raises RenderError for one that is broken, or NotSupported."""
    return len(text) <= _LONGEST and _compiled(pattern).fullmatch(text) is not None


def found_in(pattern: str, text: str) -> bool:
    """Whether an expression fits somewhere in the text. Raises as `fits` does."""
    return len(text) <= _LONGEST and _compiled(pattern).search(text) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        made = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise RenderError(f"error parsing regexp: {error}: `^(?:{pattern})$`") from None
    if _is_slow(pattern):
        raise NotSupported(f"the regular expression {pattern[:80]}")
    return made


def _is_slow(pattern: str) -> bool:
    plain = _ESCAPED.sub("x", pattern)
    if len(pattern) > _LONGEST or len(_REPEAT.findall(plain)) > _MOST_REPEATS:
        return True
    opened: list[int] = []
    for place, char in enumerate(plain):
        if char == "(":
            opened.append(place)
        elif char == ")" and opened:
            inside = plain[opened.pop() : place]
            if plain[place + 1 : place + 2] in ("*", "+", "{") and re.search(r"[*+{|]|[^(]\?", inside):
                return True
    return False
