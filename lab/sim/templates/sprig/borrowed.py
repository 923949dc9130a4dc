"""The functions of sprig that come from the library gotpl, which is imported when the first of them is called.

The only module that imports gotpl (pinned `>=0.1,<0.2`): it takes a fifth of a second, and most templates need none
of these.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..builtins import GoError
from ..values import LARGEST, StringList, Struct


def borrowed(name: str, **options: Any) -> Callable[..., Any]:
    """`gotpl.funcs.sprig.NAME`, e.g. `strings.title`, given `options` and giving plain values."""
    module, _, attribute = name.rpartition(".")
    found: Callable[..., Any] | None = None

    def call(*arguments: Any) -> Any:
        nonlocal found
        if found is None:
            found = getattr(import_module(f"gotpl.funcs.sprig.{module}"), attribute)
        return plain(found(*arguments, **options))

    return call


def expression(name: str, must: bool = False) -> Callable[..., Any]:
    """A function of regular expressions, whose failures are worded as Go does; the pattern comes first.

    `must`: one that Go lets fail with an error instead of a panic.
    """
    function = borrowed(f"regex.{name}")

    def call(pattern: str, *arguments: Any) -> Any:
        if len(arguments) > 1 and isinstance(arguments[1], str):
            longest = (len(arguments[0]) + 1) * (len(arguments[1]) + 1)
            if len(arguments[1]) > 1024 and longest > LARGEST:
                raise GoError(f"result is longer than {LARGEST} characters")
        try:
            return function(pattern, *arguments)
        except Exception as error:
            reason = _REASONS.get(str(error), f"{error}: `{{}}`")
            where = pattern[pattern.rfind("[") :] if "[" in pattern and "]" in reason else pattern
            message = f"error parsing regexp: {reason.format(where)}"
            raise GoError(message if must else f"regexp: Compile(`{pattern}`): {message}") from None

    return call


_REASONS = {
    "missing closing bracket": "missing closing ]: `{}`",
    "missing closing parenthesis": "missing closing ): `{}`",
    "unexpected closing parenthesis": "unexpected ): `{}`",
    "missing argument to repetition operator": "missing argument to repetition operator: `{}`",
    "invalid escape sequence": "invalid escape sequence: `{}`",
    "unexpected end of pattern": "trailing backslash at end of expression: ``",
}


def plain(value: Any) -> Any:
    """What gotpl gives as values of our own. Raises GoError for its failures."""
    kind = type(value).__name__
    if kind == "FunctionResult":
        if value.error is not None:
            raise GoError(str(value.error))
        return plain(value.value)
    if kind == "Certificate":
        return Struct("sprig.certificate", {"Cert": value.Cert, "Key": value.Key})
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return StringList(value)
    return value
