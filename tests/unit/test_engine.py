"""The engine runs what the graph allows, says what happened, and stops in order."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lab import engine
from lab.errors import Cancelled, LabError
from lab.events import ChangeMade, Event, StepFinished, StepProgressed, StepStarted
from lab.recording import current_step
from lab.session import Lab
from lab.steps.step import Step, Told
from tests.fakes.stand_in import stand_in

AGAIN = "lab up duo"
TIMEOUT = 10


def nothing(lab: Lab) -> None:
    """Work that does nothing."""


@dataclass(frozen=True, kw_only=True)
class Piece(Step):
    """A step made of two functions."""

    name: str
    work: Callable[[Lab], None] = nothing
    missing: Callable[[], str] = lambda: "not yet"
    back: Callable[[Lab], None] = nothing

    @property
    def id(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        return f"doing {self.name}"

    def satisfied(self, lab: Lab) -> str:
        return self.missing()

    def run(self, lab: Lab, told: Told) -> None:
        told(f"{self.name} runs")
        self.work(lab)

    def undo(self, lab: Lab, told: Told) -> None:
        self.back(lab)


@dataclass(frozen=True, kw_only=True)
class Slotted(Piece):
    slot: ClassVar[str] = "create"


@dataclass
class Bench:
    """A lab whose events are kept."""

    lab: Lab
    events: list[Event] = field(default_factory=list)

    def run(self, *steps: Step) -> LabError | None:
        return self._caught(lambda: engine.run(steps, self.lab, AGAIN))

    def undo(self, *steps: Step) -> LabError | None:
        return self._caught(lambda: engine.undo(steps, self.lab))

    def _caught(self, work: Callable[[], None]) -> LabError | None:
        try:
            work()
        except LabError as error:
            return error
        return None

    @property
    def outcomes(self) -> dict[str, str]:
        return {event.step: event.outcome for event in self.events if isinstance(event, StepFinished)}

    def order(self, kind: type[Any]) -> list[str]:
        return [event.step for event in self.events if isinstance(event, kind)]

    def detail(self, step: str) -> str:
        return next(e.detail for e in self.events if isinstance(e, StepFinished) and e.step == step)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    parts = stand_in(tmp_path)
    return Bench(parts.lab, parts.events)


def fail(code: str = "disk-full") -> Callable[[Lab], None]:
    def work(_: Lab) -> None:
        raise LabError(code, path="/x", cluster="w1", reason="away", host="docker")

    return work


# --- order ----------------------------------------------------------------------------------------------------------


def test_every_step_runs_after_what_it_needs(bench: Bench) -> None:
    steps = [Piece(name="a"), Piece(name="b", needs=("a",)), Piece(name="c", needs=("a", "b")), Piece(name="d")]
    assert bench.run(*steps) is None
    assert set(bench.outcomes.values()) == {"done"}
    ended = bench.order(StepFinished)
    started = bench.order(StepStarted)
    assert ended.index("a") < ended.index("b") < ended.index("c")
    assert sorted(started) == list("abcd")
    positions = {(type(e), e.step): i for i, e in enumerate(bench.events) if isinstance(e, StepStarted | StepFinished)}
    assert positions[StepFinished, "a"] < positions[StepStarted, "b"]
    assert positions[StepFinished, "b"] < positions[StepStarted, "c"]


def test_what_needs_nothing_of_each_other_runs_at_the_same_time(bench: Bench) -> None:
    together = threading.Barrier(3, timeout=TIMEOUT)
    steps = [Piece(name=name, work=lambda _: together.wait()) for name in "abc"]
    assert bench.run(*steps) is None
    assert set(bench.outcomes.values()) == {"done"}


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_no_more_steps_of_a_slot_run_at_once_than_allowed(bench: Bench, slots: int) -> None:
    bench.lab = replace(bench.lab, settings=replace(bench.lab.settings, create_slots=slots))
    guard, now, most = threading.Lock(), 0, 0
    full = threading.Barrier(slots, timeout=TIMEOUT)

    def work(_: Lab) -> None:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        full.wait()
        with guard:
            now -= 1

    steps = [Slotted(name=f"s{number}", work=work) for number in range(slots * 3)]
    assert bench.run(*steps) is None
    assert most == slots


def test_a_full_slot_does_not_hold_up_other_steps(bench: Bench) -> None:
    bench.lab = replace(bench.lab, settings=replace(bench.lab.settings, create_slots=1))
    free = threading.Event()

    def wait(_: Lab) -> None:
        assert free.wait(TIMEOUT)

    steps = [
        Slotted(name="s1", work=wait),
        Slotted(name="s2"),
        Piece(name="other", work=lambda _: free.set()),
    ]
    assert bench.run(*steps) is None
    assert bench.outcomes == {"s1": "done", "s2": "done", "other": "done"}


# --- what is there --------------------------------------------------------------------------------------------------


def test_a_satisfied_step_is_not_run_and_not_told_as_started(bench: Bench) -> None:
    assert bench.run(Piece(name="a", missing=lambda: "", work=fail())) is None
    assert bench.outcomes == {"a": "already"}
    assert bench.order(StepStarted) == []
    assert list(bench.lab.folder.journal()) == []


def test_a_step_that_is_run_says_why_and_is_in_the_journal(bench: Bench) -> None:
    bench.run(Piece(name="a", missing=lambda: "the node is gone"))
    told = [event.detail for event in bench.events if isinstance(event, StepProgressed)]
    assert told == ["the node is gone", "a runs"]
    assert [(f["what"], f["step"]) for f in bench.lab.folder.journal()] == [("step-begun", "a"), ("step-done", "a")]


@pytest.mark.parametrize("code", ["kube-unreachable", "git-failed"])
def test_a_step_whose_state_cannot_be_told_is_run(bench: Bench, code: str) -> None:
    def unknown() -> str:
        raise LabError(code, cluster="w1", reason="away", request="GET /", log="docker logs lab-git")

    assert bench.run(Piece(name="a", missing=unknown)) is None
    assert bench.outcomes == {"a": "done"}


def test_a_step_that_cannot_even_be_asked_fails(bench: Bench) -> None:
    def stopped() -> str:
        raise LabError("docker-stopped", host="unix:///x")

    error = bench.run(Piece(name="a", missing=stopped))
    assert error is not None
    assert error.code == "docker-stopped"
    assert bench.outcomes == {"a": "failed"}


# --- failure --------------------------------------------------------------------------------------------------------


def test_when_one_fails_the_running_ones_end_and_no_other_starts(bench: Bench) -> None:
    failed = threading.Event()

    def slow(lab: Lab) -> None:
        assert failed.wait(TIMEOUT)

    def boom(lab: Lab) -> None:
        failed.set()
        fail()(lab)

    error = bench.run(
        Piece(name="slow", work=slow),
        Piece(name="boom", work=boom),
        Piece(name="after-slow", needs=("slow",)),
        Piece(name="after-boom", needs=("boom",)),
    )
    assert error is not None
    assert error.code == "disk-full"
    assert bench.outcomes == {"slow": "done", "boom": "failed", "after-slow": "skipped", "after-boom": "skipped"}
    assert bench.detail("boom").startswith("no space left on /x")
    assert bench.order(StepStarted) == ["slow", "boom"]


def test_the_first_of_two_errors_is_the_one_that_counts(bench: Bench) -> None:
    first = threading.Event()

    def one(lab: Lab) -> None:
        try:
            fail("disk-full")(lab)
        finally:
            first.set()

    def two(lab: Lab) -> None:
        assert first.wait(TIMEOUT)
        threading.Event().wait(0.3)
        fail("docker-stopped")(lab)

    error = bench.run(Piece(name="one", work=one), Piece(name="two", work=two))
    assert error is not None
    assert error.code == "disk-full"
    assert set(bench.outcomes.values()) == {"failed"}


def test_a_defect_of_a_step_is_told_and_raised_as_it_is(bench: Bench) -> None:
    def defect(_: Lab) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        bench.run(Piece(name="a", work=defect), Piece(name="b", needs=("a",)))
    assert bench.outcomes == {"a": "failed", "b": "skipped"}
    assert bench.detail("a") == "KeyError: 'x'"


# --- cancel ---------------------------------------------------------------------------------------------------------


def test_cancel_lets_running_steps_end_and_starts_no_other(bench: Bench) -> None:
    def cancel(lab: Lab) -> None:
        lab.cancel.set()

    error = bench.run(Piece(name="a", work=cancel), Piece(name="b", needs=("a",)))
    assert error is not None
    assert (error.code, error.exit_code, error.fix) == ("interrupted", 130, AGAIN)
    assert bench.outcomes == {"a": "done", "b": "skipped"}
    assert "on request" in bench.detail("b")


def test_a_step_that_gives_up_waiting_was_cancelled_and_did_not_fail(bench: Bench) -> None:
    def wait(lab: Lab) -> None:
        lab.cancel.set()
        raise Cancelled("the node")

    error = bench.run(Piece(name="a", work=wait), Piece(name="b", needs=("a",)))
    assert error is not None
    assert error.code == "interrupted"
    assert bench.outcomes == {"a": "cancelled", "b": "skipped"}
    assert bench.detail("a") == "while waiting for the node"


def test_an_error_counts_more_than_a_cancel(bench: Bench) -> None:
    def both(lab: Lab) -> None:
        lab.cancel.set()
        fail()(lab)

    error = bench.run(Piece(name="a", work=both))
    assert error is not None
    assert error.code == "disk-full"


# --- undo -----------------------------------------------------------------------------------------------------------


def test_undo_keeps_going_and_raises_the_first_error_at_the_end(bench: Bench) -> None:
    undone: list[str] = []
    error = bench.undo(
        Piece(name="a", back=fail()),
        Piece(name="b", needs=("a",), back=lambda _: undone.append("b")),
        Piece(name="c", needs=("b",), back=fail("docker-stopped")),
        Piece(name="d", needs=("c",), back=lambda _: undone.append("d")),
    )
    assert error is not None
    assert error.code == "disk-full"
    assert undone == ["b", "d"]
    assert bench.outcomes == {"a": "failed", "b": "done", "c": "failed", "d": "done"}


def test_undo_stops_when_asked_to(bench: Bench) -> None:
    error = bench.undo(
        Piece(name="a", back=lambda lab: lab.cancel.set()),
        Piece(name="b", needs=("a",), back=fail()),
    )
    assert error is not None
    assert (error.code, error.fix) == ("interrupted", "lab down")
    assert bench.outcomes == {"a": "done", "b": "skipped"}


# --- events ---------------------------------------------------------------------------------------------------------


def test_what_happens_in_a_step_is_known_to_be_of_that_step(bench: Bench) -> None:
    together = threading.Barrier(2, timeout=TIMEOUT)
    seen: dict[str, str] = {}

    def work(name: str) -> Callable[[Lab], None]:
        def run(lab: Lab) -> None:
            together.wait()
            seen[name] = current_step.get()

        return run

    with bench.lab.recording("up") as recording:
        steps = [Piece(name=name, work=work(name)) for name in "ab"]
        steps.append(Piece(name="c", needs=("a",), work=lambda lab: lab.sink(ChangeMade(command="x"))))
        bench.run(*steps)
    assert seen == {"a": "a", "b": "b"}
    assert current_step.get() == ""
    assert recording.changes == 1
    assert [event.step for event in bench.events if isinstance(event, ChangeMade)] == ["c"]


def test_seconds_are_those_of_the_labs_clock(bench: Bench) -> None:
    bench.run(Piece(name="a", work=lambda lab: lab.clock.advance(7)))  # type: ignore[attr-defined]
    assert [event.seconds for event in bench.events if isinstance(event, StepFinished)] == [7]


def test_nothing_to_do_is_done_at_once(bench: Bench) -> None:
    assert bench.run() is None
    assert bench.events == []
