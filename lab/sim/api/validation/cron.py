"""What is wrong with a cron schedule, in the words of the parser that Kubernetes uses.

Source: github.com/robfig/cron `parser.go`.
"""

from __future__ import annotations

import re
import zoneinfo

_MONTHS = dict(zip("jan feb mar apr may jun jul aug sep oct nov dec".split(), range(1, 13), strict=True))  # noqa: SIM905
_DAYS = dict(zip("sun mon tue wed thu fri sat".split(), range(7), strict=True))  # noqa: SIM905
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_EVERY = "@every "
_is_duration = re.compile(r"[-+]?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[-+]?0", re.ASCII).fullmatch
_UNIT = re.compile(
    r"[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))*(?:[0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]+)", re.ASCII
)


class _Wrong(ValueError):
    pass


def problem(schedule: str) -> str:
    """What is wrong with `schedule`; "" for nothing."""
    try:
        _check(schedule)
    except _Wrong as error:
        return str(error)
    return ""


def _check(schedule: str) -> None:
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        zone, _, schedule = schedule.partition("=")[2].partition(" ")
        _check_zone(zone)
        schedule = schedule.strip()
    if schedule.startswith("@"):
        _check_macro(schedule)
        return
    fields = schedule.split()
    if len(fields) != 5:
        raise _Wrong(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    for text, (low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in filter(None, text.split(",")):
            _check_range(part, low, high, words)


def _check_zone(zone: str) -> None:
    try:
        zoneinfo.ZoneInfo(zone or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise _Wrong(f"provided bad location {zone}: unknown time zone {zone}") from None


def _check_macro(text: str) -> None:
    if text in _MACROS:
        return
    if not text.startswith(_EVERY):
        raise _Wrong(f"unrecognized descriptor: {text}")
    said = text.removeprefix(_EVERY)
    if not _is_duration(said):
        raise _Wrong(f"failed to parse duration {text}: {_duration_problem(said)}")


def _duration_problem(text: str) -> str:
    if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)", text, re.ASCII):
        return f'time: missing unit in duration "{text}"'
    read = _UNIT.match(text)
    return f'time: unknown unit "{read[1]}" in duration "{text}"' if read else f'time: invalid duration "{text}"'


def _check_range(text: str, low: int, high: int, words: dict[str, int]) -> None:
    span, *steps = text.split("/")
    bounds = span.split("-")
    if bounds[0] in ("*", "?"):
        start, end = low, high
    else:
        start = _number(bounds[0], words)
        if len(bounds) > 2:
            raise _Wrong(f"too many hyphens: {text}")
        end = _number(bounds[1], words) if len(bounds) == 2 else start
    step = 1
    if len(steps) > 1:
        raise _Wrong(f"too many slashes: {text}")
    if steps:
        step = _number(steps[0], {})
        if len(bounds) == 1:
            end = high
    if start < low:
        raise _Wrong(f"beginning of range ({start}) below minimum ({low}): {text}")
    if end > high:
        raise _Wrong(f"end of range ({end}) above maximum ({high}): {text}")
    if start > end:
        raise _Wrong(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise _Wrong(f"step of range should be a positive number: {text}")


def _number(text: str, words: dict[str, int]) -> int:
    known = words.get(text.lower())
    if known is not None:
        return known
    if not re.fullmatch(r"[-+]?[0-9]{1,18}", text, re.ASCII):
        raise _Wrong(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if number < 0:
        raise _Wrong(f"negative number ({number}) not allowed: {text}")
    return number
