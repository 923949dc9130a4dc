"""Where the screens get their data: one protocol, so that tests feed them without a lab."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from lab.events import Event, StepInfo
from lab.model import Scenario
from lab.results import CheckResult, Diagnosis, LabStatus, LessonStatus, Pushed


@dataclass(frozen=True, kw_only=True)
class Card:
    """A scenario in the list of what exists."""

    id: str
    scenario: Scenario | None
    """None when its folder does not follow the format."""
    problems: tuple[str, ...] = ()
    """Why it cannot be used, one line each."""
    done: bool = False
    """Whether its lesson was finished."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The lab of the chosen name, as its folder knows it without asking any cluster."""

    lab: str
    scenario: str
    """Scenario id."""
    provider: str
    complete: bool
    """Whether an `up` reached its end."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A run that can be followed."""

    command: str
    """`up`, `down`, `pause`, `resume` or `check`."""
    pid: int = 0
    """Process that runs it; 0 when it is not known yet."""
    log: Path | None = None
    """Its event log; None: the first one that appears after `after`."""
    after: str = ""
    """Name of the newest log before it began."""
    output: Path | None = None
    """What a run that was started here printed."""


class RunLost(Exception):
    """The process of a run ended without a word in its log."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        super().__init__("the run ended without a word")
        self.lines = tuple(lines)
        """The last it printed, without control characters."""


CheckState = Literal["passed", "failed", "skipped", "running", "unknown"]


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """A check of the scenario and what is known of it."""

    id: str
    title: str
    phase: str
    state: CheckState = "unknown"
    reason: str = ""
    hint: str = ""
    cluster: str = ""
    seconds: float = 0.0
    evidence: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: CheckResult, phase: str, cluster: str) -> "CheckRow":
        """A row from a result of the lesson."""
        return cls(
            id=result.id,
            title=result.title,
            phase=phase,
            state=result.outcome,
            reason=result.reason,
            hint=result.hint,
            cluster=cluster,
            seconds=result.seconds,
            evidence=result.evidence,
        )


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a person chose to bring up."""

    scenario: str
    """Scenario id."""
    provider: str
    ui: bool = False
    """With Argo CD's own UI."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What `down` takes away, named."""

    lines: tuple[str, ...] = field(default=())
    """One line each, e.g. `clusters hub, w1, w2`."""
    unsaved: str = ""
    """Work that is nowhere else; empty: none."""


class LabSource(Protocol):
    """Everything the screens ask for.

    Calls may block and are made from threads, except those that only read a few files: `now`, `standing`, `active`,
    `up_arguments`, `interrupt`, `close`.
    """

    name: str
    """Name of the lab."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def scenarios(self) -> Sequence[Card]:
        """All scenarios, sorted by id."""

    def providers(self) -> Sequence[str]:
        """Providers a lab can be brought up with; the first is taken unless a person chooses."""

    def standing(self) -> Standing | None:
        """The lab, or None when there is none."""

    def active(self) -> Ticket | None:
        """The run that goes on now, started here or elsewhere."""

    def diagnose(self, choice: Choice) -> Diagnosis:
        """Doctor's verdict. Raises LabError."""

    def plan(self, choice: Choice) -> Sequence[StepInfo]:
        """The steps `up` would take. Raises LabError."""

    def up_arguments(self, choice: Choice, force: bool = False) -> Sequence[str]:
        """Arguments of `lab up` that bring the choice up.

        :param force: although doctor found what would make it fail
        """

    def status(self) -> LabStatus:
        """What is there now. Raises LabError."""

    def lesson(self, step: int = 0) -> LessonStatus | None:
        """A step of the lesson, or with 0 the one the learner is at; None without a lesson. Raises LabError."""

    def checks(self) -> Sequence[CheckRow]:
        """The scenario's checks with what the newest runs said."""

    def repositories(self) -> Sequence[str]:
        """The repositories the learner can push to. Raises LabError."""

    def push(self, repository: str, message: str) -> Pushed:
        """Commit, push and wait until it is applied. Raises LabError."""

    def loss(self) -> Loss:
        """What `down` would take away. Raises LabError."""

    def start(self, command: str, arguments: Sequence[str] = ()) -> Ticket:
        """Start `lab COMMAND ARGUMENTS` for this lab so that it outlives the screens."""

    def follow(self, ticket: Ticket, stop: threading.Event) -> Iterator[tuple[Event, ...]]:
        """Its events from the first, in batches, until it finished or `stop` is set. Raises RunLost."""

    def interrupt(self, pid: int) -> None:
        """Ask the run to stop after its running steps."""

    def shell(self) -> int:
        """Open the lab's shell on this terminal; its exit code."""

    def close(self) -> None:
        """Let go of what was started in this process; runs go on."""
