"""jq, as far as it says which fields of a document to leave out.

Paths, pipes, `select`, comparisons, conditions, variables and the functions of `functions.py` and `calls.py` are known;
what is not (`reduce`, `foreach`, `def`, assignments, formats, text with `\\(…)` in it) is refused by name. Order,
equality and errors are those of gojq, which Argo CD uses. Source: the jq manual 1.7; gojq's README on differences.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lab.sim.argocd.comparison.jq.parser import parse
from lab.sim.argocd.comparison.jq.paths import without
from lab.sim.argocd.comparison.jq.values import Environment, JqError, Path

__all__ = ["JqError", "deletion"]

_STEPS_A_SECOND = 300_000
"""What counts as a second of work, so that an expression that never ends does end, and always at the same place."""


@lru_cache(maxsize=1024)
def deletion(expression: str, seconds: float = 1.0) -> Callable[[Any], Any]:
    """A function that gives a document without everything `expression` names, sharing the rest: jq's `del(expression)`.

    Raises JqError for an expression that cannot be read. The function raises it when the expression fails on a
    document, or takes longer than `seconds`.
    """
    evaluate = parse(expression)

    def removed(document: Any) -> Any:
        environment = Environment({}, [int(seconds * _STEPS_A_SECOND)])
        found: list[Path] = []
        for path, value in evaluate((), document, environment):
            if path is None or path is False:
                raise JqError(f"invalid path against: {value!r}")
            found.append(path)
        return without(document, found)

    return removed
