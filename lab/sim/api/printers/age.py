"""Times as `kubectl get` shows them: how long ago, in two figures.

Source: apimachinery `pkg/util/duration/duration.go`, `HumanDuration`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.clock import parse_timestamp

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 24, 365
"""Seconds, seconds, hours and days."""


def human(seconds: float) -> str:
    """A duration in seconds, e.g. `90s`, `2m30s`, `5d3h`; `<invalid>` when it is more than a second below zero."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    minutes, rest = divmod(whole, _MINUTE)
    if minutes < 10:
        return _pair(minutes, "m", rest, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // _HOUR
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 2 * _DAY:
        return f"{hours}h"
    days, rest = divmod(hours, _DAY)
    if days < 8:
        return _pair(days, "d", rest, "h")
    if days < 2 * _YEAR:
        return f"{days}d"
    years, rest = divmod(days, _YEAR)
    return _pair(years, "y", rest, "d") if years < 8 else f"{years}y"


def _pair(much: int, unit: str, little: int, smaller: str) -> str:
    return f"{much}{unit}{little}{smaller}" if little else f"{much}{unit}"


def since(timestamp: Any, now: float) -> str:
    """How long before `now` (seconds since 1970) an RFC 3339 time was; `<unknown>` when there is none."""
    if not timestamp:
        return "<unknown>"
    try:
        return human(now - parse_timestamp(timestamp))
    except (ValueError, TypeError):
        return "<invalid>"
