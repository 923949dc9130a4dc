"""Times as Go's `time.Parse` reads them with the layout RFC 3339, with its words for what is wrong.

Source: Go `time/format.go`, `time/format_rfc3339.go`; apimachinery `pkg/apis/meta/v1/{time,micro_time}.go`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_STEPS = tuple(
    (re.compile(pattern, re.ASCII), shown)
    for pattern, shown in (
        (r"\d{4}", "2006"),
        ("-", "-"),
        (r"\d\d", "01"),
        ("-", "-"),
        (r"\d\d", "02"),
        ("T", "T"),
        (r"\d\d?", "15"),
        (":", ":"),
        (r"\d\d", "04"),
        (":", ":"),
        (r"\d\d(?:[.,]\d+)?", "05"),
        (r"Z|[+-]\d\d:\d\d", "Z07:00"),
    )
)
"""What is read one after the other, with the part of the layout a message names."""


class NotATime(ValueError):
    """The text is no time; the message is Go's."""


def canonical(text: str, micro: bool = False) -> str:
    """How a server writes a time back: in UTC, with whole seconds or, `micro`, six decimals. Raises NotATime."""
    if not micro and _PLAIN.fullmatch(text) and _in_range(text):
        return text
    return _parsed(text).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def _in_range(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _parsed(text: str) -> datetime:
    rest, parts = text, []
    for pattern, shown in _STEPS:
        read = pattern.match(rest)
        if read is None:
            raise NotATime(f'parsing time "{text}" as "{_LAYOUT}": cannot parse "{rest}" as "{shown}"')
        parts.append(read[0])
        rest = rest[read.end() :]
    if rest:
        raise NotATime(f'parsing time "{text}": extra text: "{rest}"')
    year, month, day, hour, minute = (int(parts[at]) for at in (0, 2, 4, 6, 8))
    second, _, fraction = parts[10].replace(",", ".").partition(".")
    zone = parts[11]
    for name, value, low, high in (
        ("month", month, 1, 12),
        ("hour", hour, 0, 23),
        ("minute", minute, 0, 59),
        ("second", int(second), 0, 59),
    ):
        if not low <= value <= high:
            raise NotATime(f'parsing time "{text}": {name} out of range')
    offset = timedelta()
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 24:
            raise NotATime(f'parsing time "{text}": time zone offset hour out of range')
        if minutes > 60:
            raise NotATime(f'parsing time "{text}": time zone offset minute out of range')
        offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    try:
        made = datetime(year, month, day, hour, minute, int(second), int(f"{fraction[:6]:0<6}"), UTC)
    except ValueError:
        raise NotATime(f'parsing time "{text}": day out of range') from None
    try:
        return made - offset
    except OverflowError:
        raise NotATime(f'parsing time "{text}": year is not in the range [0,9999]') from None
