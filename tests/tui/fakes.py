"""A source without a lab: it answers from data and replays recorded runs as its clock goes on."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.errors import LabError
from lab.events import Event, RunFinished, StepInfo, read
from lab.results import Diagnosis, LabStatus, LessonStatus, Pushed
from lab.tui.source import Card, CheckRow, Choice, Loss, RunLost, Standing, Ticket
from tests.tui import data

RECORDED = Path(__file__).parent / "recorded"
PIDS = {"up": 4711, "check": 4801, "down": 4902, "pause": 4950, "resume": 4960}
STANDING = Standing(lab="lab", scenario=data.CENTRALIZED, provider="kind", complete=True)


def recorded(name: str) -> tuple[Event, ...]:
    """The events of `recorded/NAME.jsonl`."""
    with (RECORDED / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return tuple(read(lines))


@dataclass
class FakeSource:
    """What a test sets, the screens see. Time stands still until `time` is changed."""

    name: str = "lab"
    time: float = data.START
    lab: Standing | None = None
    running: Ticket | None = None
    """A run that went on before the screens were opened; it began at START."""
    cards: tuple[Card, ...] = data.CARDS
    names: tuple[str, ...] = ("kind",)
    diagnosis: Diagnosis = data.READY
    state: LabStatus = data.UP
    step: LessonStatus | None = field(default_factory=lambda: data.lesson(3))
    board: tuple[CheckRow, ...] = data.AFTER_UP
    logs: dict[str, str] = field(default_factory=lambda: {"up": "up", "check": "check", "down": "down"})
    """Recorded log by command."""
    lost_after: float | None = None
    """Seconds after which a run is gone without a word."""
    fail: dict[str, LabError] = field(default_factory=dict)
    """Errors by method."""
    unsaved: str = ""
    repository_names: tuple[str, ...] = ("platform",)

    started: list[tuple[str, ...]] = field(default_factory=list)
    interrupted: list[int] = field(default_factory=list)
    pushed: list[tuple[str, str]] = field(default_factory=list)
    diagnosed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    followers: int = 0
    shells: int = 0
    closed: bool = False
    _begun: dict[int, float] = field(default_factory=dict)

    def _may(self, method: str) -> None:
        self.asked.append(method)
        if method in self.fail:
            raise self.fail[method]

    def now(self) -> float:
        return self.time

    def scenarios(self) -> Sequence[Card]:
        return self.cards

    def providers(self) -> Sequence[str]:
        return self.names

    def standing(self) -> Standing | None:
        return self.lab

    def active(self) -> Ticket | None:
        return self.running

    def diagnose(self, choice: Choice) -> Diagnosis:
        self._may("diagnose")
        self.diagnosed.append(choice.scenario)
        return self.diagnosis

    def plan(self, choice: Choice) -> Sequence[StepInfo]:
        self._may("plan")
        return data.PLAN

    def up_arguments(self, choice: Choice, force: bool = False) -> Sequence[str]:
        return [
            choice.scenario,
            "--provider",
            choice.provider,
            *(["--ui"] if choice.ui else []),
            *(["--yes"] if force else []),
        ]

    def status(self) -> LabStatus:
        self._may("status")
        return self.state

    def lesson(self, step: int = 0) -> LessonStatus | None:
        self._may("lesson")
        return data.lesson(step) if step else self.step

    def checks(self) -> Sequence[CheckRow]:
        return self.board

    def repositories(self) -> Sequence[str]:
        return self.repository_names

    def push(self, repository: str, message: str) -> Pushed:
        self._may("push")
        self.pushed.append((repository, message))
        return Pushed(
            repository=repository, revision="9bc01de77", applications=("hub/web-w1", "hub/web-w2"), seconds=4.2
        )

    def loss(self) -> Loss:
        self._may("loss")
        lines = ("clusters hub, w1, w2 with everything in them", "the git server with platform")
        return Loss(lines=lines, unsaved=self.unsaved)

    def start(self, command: str, arguments: Sequence[str] = ()) -> Ticket:
        self._may("start")
        self.started.append((command, *arguments))
        pid = PIDS[command]
        self._begun[pid] = self.time
        return Ticket(command=command, pid=pid)

    def follow(self, ticket: Ticket, stop: threading.Event) -> Iterator[tuple[Event, ...]]:
        self.followers += 1
        try:
            yield from self._follow(ticket, stop)
        finally:
            self.followers -= 1

    def _follow(self, ticket: Ticket, stop: threading.Event) -> Iterator[tuple[Event, ...]]:
        events = recorded(self.logs[ticket.command])
        begun = self._begun.get(ticket.pid, data.START)
        shift = begun - events[0].time
        events = tuple(replace(event, time=event.time + shift) for event in events)
        given = 0
        while not stop.is_set():
            if self.lost_after is not None and self.time >= begun + self.lost_after:
                raise RunLost(("Traceback", "MemoryError"))
            batch = tuple(event for event in events[given:] if event.time <= self.time)
            given += len(batch)
            if batch:
                yield batch
                if any(isinstance(event, RunFinished) for event in batch):
                    return
            stop.wait(0.02)

    def interrupt(self, pid: int) -> None:
        self.interrupted.append(pid)

    def shell(self) -> int:
        self.shells += 1
        return 0

    def close(self) -> None:
        self.closed = True
