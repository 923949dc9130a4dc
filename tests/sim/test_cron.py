"""Cron schedules against a walk over every minute, and the texts for bad ones."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from lab.sim.cron import parse


def local(zone: str, *parts: int) -> float:
    return datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[arg-type, misc]


NEXT = [
    ("* * * * *", "2026-11-23T10:00:30", "2026-11-23T10:01:00"),
    ("* * * * *", "2026-11-23T10:00:00", "2026-11-23T10:01:00"),
    ("*/15 * * * *", "2026-11-23T10:50:00", "2026-11-23T11:00:00"),
    ("7/20 * * * *", "2026-11-23T10:08:00", "2026-11-23T10:27:00"),
    ("0 3 * * *", "2026-11-23T10:00:00", "2026-11-24T03:00:00"),
    ("0 0 31 * *", "2026-11-23T10:00:00", "2026-12-31T00:00:00"),
    ("0 0 29 2 *", "2026-11-23T10:00:00", "2028-02-29T00:00:00"),
    ("0 0 * * mon", "2026-11-23T10:00:00", "2026-11-30T00:00:00"),
    ("0 0 * * SUN", "2026-11-23T10:00:00", "2026-11-29T00:00:00"),
    ("0 0 1 * mon", "2026-11-24T00:00:00", "2026-11-30T00:00:00"),
    ("0 0 */2 * mon", "2026-11-23T10:00:00", "2026-11-25T00:00:00"),
    ("0 0 * */3 ?", "2026-11-23T10:00:00", "2027-01-01T00:00:00"),
    ("30 4 1,15 jan-mar *", "2026-11-23T10:00:00", "2027-01-01T04:30:00"),
    ("@hourly", "2026-11-23T10:00:00", "2026-11-23T11:00:00"),
    ("@daily", "2026-11-23T10:00:00", "2026-11-24T00:00:00"),
    ("@weekly", "2026-11-23T10:00:00", "2026-11-29T00:00:00"),
    ("@monthly", "2026-11-23T10:00:00", "2026-12-01T00:00:00"),
    ("@yearly", "2026-11-23T10:00:00", "2027-01-01T00:00:00"),
    ("@every 1h30m", "2026-11-23T10:00:00", "2026-11-23T11:30:00"),
    ("TZ=Asia/Tokyo 0 3 * * *", "2026-11-23T10:00:00", "2026-11-23T18:00:00"),
]


@pytest.mark.parametrize(("text", "after", "expected"), NEXT)
def test_the_next_time_of_a_schedule(text: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after + "Z").timestamp()
    found = parse(text).after(moment)
    assert found == datetime.fromisoformat(expected + "Z").timestamp()


def test_a_schedule_that_never_comes_has_no_next_time() -> None:
    assert parse("0 0 30 2 *").after(1_800_000_000) is None


BAD = [
    ("", "empty spec string"),
    ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
    ("60 * * * *", "end of range (60) above maximum (59): 60"),
    ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    ("* * * * 7", "end of range (7) above maximum (6): 7"),
    ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
    ("*/0 * * * *", "step of range should be a positive number: */0"),
    ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
    ("*/1/2 * * * *", "too many slashes: */1/2"),
    ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
    ("@often", "unrecognized descriptor: @often"),
    ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
    ("TZ=Mars/Base 0 3 * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_bad_schedule_is_refused_in_go_s_words(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        parse(text)
    assert str(refused.value) == message


def test_a_local_time_that_is_skipped_does_not_fire_and_one_that_occurs_twice_fires_twice() -> None:
    zone = "Europe/Berlin"
    spring, autumn = parse("30 2 * * *", zone), parse("30 2 * * *", zone)
    assert spring.after(local(zone, 2027, 3, 28, 0, 0)) == local(zone, 2027, 3, 29, 2, 30)
    first = autumn.after(local(zone, 2027, 10, 31, 0, 0))
    assert first == local(zone, 2027, 10, 31, 2, 30)
    assert autumn.after(first) == first + 3600


@pytest.mark.parametrize("text", ["*/7 */5 * * *", "3,33 1-4 10-20/3 * 1-5", "0 12 13 * 5", "15 */6 * 2,3,10-12 *"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_every_minute_of_months_agrees_with_the_fields(text: str, zone: str) -> None:
    fields = []
    for part, (low, high) in zip(text.split(), [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)], strict=True):
        values = set()
        for one in part.split(","):
            bounds, _, step = one.partition("/")
            first, _, last = bounds.partition("-")
            start = low if first == "*" else int(first)
            end = high if first == "*" else int(last or first)
            values |= set(range(start, end + 1, int(step or 1)))
        fields.append(values)
    day_star, week_star = text.split()[2] == "*", text.split()[4] == "*"
    schedule = parse(text, zone)
    at = local(zone, 2027, 2, 20, 0, 0)
    end = local(zone, 2027, 4, 5, 0, 0)
    expected = []
    minute = at + 60
    while minute <= end:
        now = datetime.fromtimestamp(minute, ZoneInfo(zone))
        by_month, by_week = now.day in fields[2], now.isoweekday() % 7 in fields[4]
        day = (by_month and by_week) if day_star or week_star else (by_month or by_week)
        if now.minute in fields[0] and now.hour in fields[1] and now.month in fields[3] and day:
            expected.append(minute)
        minute += 60
    found = []
    following = schedule.after(at)
    while following is not None and following <= end:
        found.append(following)
        following = schedule.after(following)
    assert found == expected
