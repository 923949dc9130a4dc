"""Patterns that clients bring along, matched in time that grows with the text alone.

Python's `re` can be made to run for ever; the expressions of Go's RE2 cannot, and neither can those of the engine
behind CEL's `matches`, which knows almost the same syntax. So that is what matches them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _program() -> Any:
    import cel

    return cel.compile("text.matches(pattern)")


@lru_cache(maxsize=512)
def matcher(pattern: str) -> Callable[[str], bool] | None:
    """Whether a text holds a match of `pattern`; None for what is no pattern."""

    def matches(text: str) -> bool:
        import cel

        context = cel.Context()
        context.add_variable("text", text)
        context.add_variable("pattern", pattern)
        return bool(_program().execute(context))

    try:
        matches("")
    except (RuntimeError, ValueError):
        return None
    return matches
