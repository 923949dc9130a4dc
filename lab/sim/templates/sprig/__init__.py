"""Sprig's functions: what Helm and Argo CD add to Go's templates.

Common ones are our own, written to the letter of sprig; the rest is borrowed from gotpl (`borrowed`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import builtins
from ..calls import Function
from . import chance, collections, kinds, numbers, strings

_FIXED = {
    **builtins.functions(),
    **{
        name: Function(signature, call)
        for table in (strings.TABLE, collections.TABLE, kinds.TABLE, numbers.TABLE)
        for name, (signature, call) in table.items()
    },
}


def functions(now: Callable[[], float], seed: str) -> dict[str, Function]:
    """Go's own functions and sprig's, without `env`, `expandenv` and `fail`.

    `now`: seconds since 1970, what `now` and `date` read; `seed`: what functions of chance depend on.
    """
    return _FIXED | {name: Function(signature, call) for name, (signature, call) in chance.table(now, seed).items()}


def fail(message: str) -> Any:
    """`fail`: end the template with a message. Raises GoError."""
    raise builtins.GoError(message)
