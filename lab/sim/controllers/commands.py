"""What a container's command line says about how long it runs and how it ends, read without running it.

Only plain sequences of `echo`, `sleep`, `exit`, `true` and `false` are understood; anything with a variable, a loop, a
condition or a pipe is left alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_SHELLS = frozenset(["sh", "bash", "ash", "dash"])
_SEPARATORS = re.compile(r"\s*(?:;|&&|\n)\s*")
_BEYOND = re.compile(r"[|`<>(){}*$]|(?<!&)&(?!&)|\b(?:while|until|for|if|case|trap|wait)\b")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Script:
    """A command line that ends by itself."""

    seconds: float
    """How long its sleeps take."""
    code: int
    """Exit code."""
    output: tuple[tuple[float, str], ...]
    """Lines it writes: seconds after its start, and text."""


def read(argv: Sequence[str]) -> Script | None:
    """What a command line does, or None where that cannot be told from reading it."""
    if not argv:
        return None
    name = PurePosixPath(argv[0]).name
    if name in _SHELLS and len(argv) >= 3 and argv[1].startswith("-") and argv[1].endswith("c"):
        return _shell(argv[2])
    if name in _SHELLS or len(argv) > 64:
        return None
    return _run([[name, *argv[1:]]])


def _shell(text: str) -> Script | None:
    if len(text) > 4096 or _BEYOND.search(_unquoted(text)):
        return None
    steps = []
    for part in _SEPARATORS.split(text.strip()):
        try:
            words = shlex.split(part)
        except ValueError:
            return None
        if words:
            steps.append(words)
    return _run(steps)


def _unquoted(text: str) -> str:
    """The text without what stands in single quotes, where a shell's signs mean nothing."""
    return re.sub(r"'[^']*'", "", text)


def _run(steps: list[list[str]]) -> Script | None:
    at, code = 0.0, 0
    output: list[tuple[float, str]] = []
    for number, words in enumerate(steps, 1):
        command = PurePosixPath(words[0]).name
        code = 0
        if command == "echo":
            said = [word for word in words[1:] if word not in ("-n", "-e")]
            output.append((at, " ".join(said)))
        elif command == "sleep" and len(words) == 2:
            seconds = _seconds(words[1])
            if seconds is None:
                return None
            at += seconds
        elif command == "exit":
            if len(words) > 1 and not words[1].isdecimal():
                return None
            return Script(at, int(words[1]) % 256 if len(words) > 1 else 0, tuple(output))
        elif command == "false" and number == len(steps):
            code = 1
        elif command not in ("true", ":"):
            return None
    return Script(at, code, tuple(output)) if steps else None


def _seconds(text: str) -> float | None:
    unit = _UNITS.get(text[-1:], 0)
    try:
        return float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        return None
