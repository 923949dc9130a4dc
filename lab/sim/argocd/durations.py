"""Go's `time.ParseDuration`: `1h30m`, `1.5h`, `-200ms`."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_pieces = re.compile(rf"({_NUMBER})([^0-9.]*)", re.ASCII).findall
_is_duration = re.compile(rf"[-+]?(?:{_NUMBER}[^0-9.]*)+", re.ASCII).fullmatch


def parse_duration(text: str) -> float:
    """Seconds. Raises ValueError with Go's words."""
    body = text.removeprefix("-").removeprefix("+") if text[:1] in "+-" else text
    if body == "0":
        return 0.0
    if not _is_duration(text):
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = 0.0
    for amount, unit in _pieces(body):
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in _UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
        seconds += float(amount) * _UNITS[unit]
    return -seconds if text.startswith("-") else seconds
