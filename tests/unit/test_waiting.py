"""Waiting ends with the state, with the last mismatch, or when somebody asks it to."""

import threading
from collections.abc import Callable, Iterable

import pytest

from lab.errors import Cancelled, KubeError, LabError, WaitTimeout
from lab.waiting import SystemClock, wait_until
from tests.fakes.clock import FakeClock


def answers(*values: str | Exception) -> Callable[[], str]:
    """A probe that gives one after the other; the last one again and again."""
    left = list(values)

    def probe() -> str:
        value = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(value, Exception):
            raise value
        return value

    return probe


def wait(probe: Callable[[], str], clock: FakeClock | None = None, **more: object) -> float:
    given: dict[str, object] = {"timeout": 10.0, "cancel": threading.Event(), **more}
    return wait_until(probe, awaited="the thing", clock=clock or FakeClock(), **given)  # type: ignore[arg-type]


def test_a_state_that_is_there_costs_no_time() -> None:
    clock = FakeClock()
    assert wait(answers(""), clock) == 0.0
    assert clock.waits == []


def test_it_returns_the_seconds_it_took() -> None:
    clock = FakeClock()
    assert wait(answers("no", "no", ""), clock, interval=0.5) == pytest.approx(clock.passed)
    assert clock.passed > 0


def test_it_asks_soon_and_then_ever_less_often() -> None:
    clock = FakeClock()
    wait(answers(*["no"] * 6, ""), clock, interval=0.5)
    assert clock.waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.5, 0.5])


def test_a_timeout_says_what_was_seen_last_and_where_to_look() -> None:
    with pytest.raises(WaitTimeout) as late:
        wait(answers("first", "second"), timeout=3.0, more="lab shell hub")
    assert late.value.seen == "second"
    assert late.value.what == "the thing did not come within 3 s"
    assert late.value.why == "Last seen: second"
    assert late.value.fix == "lab shell hub"


def test_it_waits_to_the_deadline_and_not_beyond() -> None:
    clock = FakeClock()
    with pytest.raises(WaitTimeout):
        wait(answers("no"), clock, timeout=1.2, interval=0.5)
    assert clock.passed == pytest.approx(1.2)


def test_the_state_that_comes_at_the_deadline_counts() -> None:
    clock, seen = FakeClock(), [""]
    clock.at(1.0, lambda: seen.clear())
    assert wait(lambda: "no" if seen else "", clock, timeout=1.0, interval=0.4) == pytest.approx(1.0)


@pytest.mark.parametrize("code", ["kube-unreachable", "git-failed", "docker-failed"])
def test_what_is_away_is_asked_again(code: str) -> None:
    values = {"cluster": "w1", "reason": "away", "request": "GET /", "log": "docker logs lab-git", "problem": "away"}
    assert wait(answers(LabError(code, **values), KubeError("w1", 500, "Internal", "etcd"), "")) > 0


@pytest.mark.parametrize("code", ["docker-stopped", "disk-full"])
def test_what_cannot_get_better_ends_the_wait(code: str) -> None:
    clock = FakeClock()
    with pytest.raises(LabError) as error:
        wait(answers(LabError(code, host="unix:///x", path="/x")), clock)
    assert error.value.code == code
    assert clock.waits == []


def test_each_new_mismatch_is_told_once() -> None:
    told: list[str] = []
    wait(answers("a", "a", "b", "b", "a", ""), seen=told.append)
    assert told == ["a", "b", "a"]


def cancels(after: int) -> Iterable[object]:
    cancel = threading.Event()
    calls = 0

    def probe() -> str:
        nonlocal calls
        calls += 1
        if calls == after:
            cancel.set()
        return "no"

    return probe, cancel


def test_cancel_ends_it_without_asking_again() -> None:
    clock = FakeClock()
    probe, cancel = cancels(after=3)
    with pytest.raises(Cancelled, match="the thing"):
        wait(probe, clock, cancel=cancel)  # type: ignore[arg-type]
    assert len(clock.waits) == 3


def test_cancel_before_the_start_asks_nothing() -> None:
    asked: list[int] = []
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        wait(lambda: str(asked.append(1)), cancel=cancel)
    assert asked == []


def test_the_real_clock_lets_go_at_once_when_cancelled() -> None:
    clock, cancel = SystemClock(), threading.Event()
    threading.Timer(0.05, cancel.set).start()
    start = clock.monotonic()
    assert clock.wait(20.0, cancel) is True
    assert clock.monotonic() - start < 5
