"""Cron schedules as CronJobs write them: five fields, names, `@hourly` and its like, `@every 90m`, and `TZ=`.

Written here rather than taken from a library because the rules are those of one Go package and differ from all
others': Sunday is 0 and never 7, `?` is `*`, a star with a step of 2 or more counts as a restriction of the day, and a
local time that occurs twice fires twice while one that is skipped does not fire. Source: `github.com/robfig/cron`
v3 `parser.go`, `spec.go`, which Kubernetes uses with `ParseStandard`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_AMOUNT = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(rf"({_AMOUNT})({'|'.join(sorted(_UNITS, key=len, reverse=True))})", re.ASCII)
_is_duration = re.compile(rf"[-+]?(?:{_PART.pattern})+|[-+]?0", re.ASCII).fullmatch
_is_bare_amount = re.compile(rf"[-+]?{_AMOUNT}", re.ASCII).fullmatch
_unknown_unit = re.compile(rf"[-+]?(?:{_PART.pattern})*{_AMOUNT}(?P<unit>[^0-9.]+)", re.ASCII).match
_is_number = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII).fullmatch
_EVERY = "@every "
_YEARS = 5


class Schedule(Protocol):
    """When something is to happen again and again."""

    def after(self, moment: float) -> float | None:
        """The first time after `moment`, both in seconds since 1970; None when there is none within five years."""


@dataclass(frozen=True, slots=True)
class _Every:
    seconds: int

    def after(self, moment: float) -> float | None:
        return int(moment) + self.seconds


@dataclass(frozen=True, slots=True)
class _Field:
    values: frozenset[int]
    star: bool


@dataclass(frozen=True, slots=True)
class _Fields:
    minute: _Field
    hour: _Field
    day: _Field
    month: _Field
    weekday: _Field
    zone: tzinfo

    def after(self, moment: float) -> float | None:
        at = int(moment // 60 + 1) * 60
        limit = datetime.fromtimestamp(at, self.zone).year + _YEARS
        while True:
            local = datetime.fromtimestamp(at, self.zone)
            if local.year > limit:
                return None
            if local.month not in self.month.values:
                at = self._start_of(local.year + local.month // 12, local.month % 12 + 1, 1, at)
            elif not self._is_day(local):
                following = local.date() + timedelta(days=1)
                at = self._start_of(following.year, following.month, following.day, at)
            elif local.hour not in self.hour.values:
                at += 3600 - local.minute * 60
            elif local.minute not in self.minute.values:
                later = [minute for minute in self.minute.values if minute > local.minute]
                at += (min(later, default=60) - local.minute) * 60
            else:
                return float(at)

    def _start_of(self, year: int, month: int, day: int, at: int) -> int:
        """Midnight of a day, or what comes in its place where it is skipped; always later than `at`."""
        return max(int(datetime(year, month, day, tzinfo=self.zone).timestamp()), at + 60)

    def _is_day(self, local: datetime) -> bool:
        by_month = local.day in self.day.values
        by_week = local.isoweekday() % 7 in self.weekday.values
        if self.day.star or self.weekday.star:
            return by_month and by_week
        return by_month or by_week


@lru_cache(maxsize=1024)
def parse(text: str, time_zone: str = "") -> Schedule:
    """The schedule a text describes, in `time_zone` (an IANA name, "" for UTC). Raises ValueError with Go's words."""
    if not text:
        raise ValueError("empty spec string")
    zone: tzinfo = zone_of(time_zone)
    if text.startswith(("TZ=", "CRON_TZ=")):
        head, _, text = text.partition(" ")
        name = head.partition("=")[2]
        try:
            zone = zone_of(name)
        except ValueError as error:
            raise ValueError(f"provided bad location {name}: {error}") from None
        text = text.strip()
    if text.startswith(_EVERY):
        return _Every(max(int(_duration(text.removeprefix(_EVERY))), 1))
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise ValueError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    return _Fields(
        _field(fields[0], 0, 59, {}),
        _field(fields[1], 0, 23, {}),
        _field(fields[2], 1, 31, {}),
        _field(fields[3], 1, 12, _MONTHS),
        _field(fields[4], 0, 6, _DAYS),
        zone,
    )


def problem(text: str) -> str:
    """What is wrong with a schedule, in Go's words; "" for nothing."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """A time zone by its IANA name; "" is UTC. Raises ValueError."""
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"unknown time zone {name}") from None


def _duration(text: str) -> float:
    if not _is_duration(text):
        raise ValueError(f"failed to parse duration {_EVERY}{text}: {_duration_problem(text)}")
    total = sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
    return -total if text.startswith("-") else total


def _duration_problem(text: str) -> str:
    if _is_bare_amount(text):
        return f'time: missing unit in duration "{text}"'
    read = _unknown_unit(text)
    return f'time: unknown unit "{read["unit"]}" in duration "{text}"' if read else f'time: invalid duration "{text}"'


def _field(text: str, lowest: int, highest: int, names: dict[str, int]) -> _Field:
    values: set[int] = set()
    star = False
    for part in (one for one in text.split(",") if one):
        found, starred = _range(part, lowest, highest, names)
        values |= found
        star = star or starred
    return _Field(frozenset(values), star)


def _range(text: str, lowest: int, highest: int, names: dict[str, int]) -> tuple[set[int], bool]:
    bounds, *steps = text.split("/")
    ends = bounds.split("-")
    star = ends[0] in ("*", "?")
    if star:
        first, last = lowest, highest
    else:
        first = last = _number(ends[0], names)
        if len(ends) > 2:
            raise ValueError(f"too many hyphens: {text}")
        if len(ends) == 2:
            last = _number(ends[1], names)
    if len(steps) > 1:
        raise ValueError(f"too many slashes: {text}")
    step = 1
    if steps:
        step = _number(steps[0], {})
        if len(ends) == 1:
            last = highest
        star = star and step <= 1
    if first < lowest:
        raise ValueError(f"beginning of range ({first}) below minimum ({lowest}): {text}")
    if last > highest:
        raise ValueError(f"end of range ({last}) above maximum ({highest}): {text}")
    if first > last:
        raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {text}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {text}")
    return set(range(first, last + 1, step)), star


def _number(text: str, names: dict[str, int]) -> int:
    known = names.get(text.lower())
    if known is not None:
        return known
    if not _is_number(text):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if number < 0:
        raise ValueError(f"negative number ({number}) not allowed: {text}")
    return number
