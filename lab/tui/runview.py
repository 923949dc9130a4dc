"""A run as the screen shows it: its events, folded."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from lab.events import (
    ChangeMade,
    CheckFinished,
    CheckRetried,
    CheckStarted,
    CommandFinished,
    Event,
    LogLine,
    RunFinished,
    RunStarted,
    StepFinished,
    StepInfo,
    StepProgressed,
    StepStarted,
)
from lab.tui.source import CheckRow

LINES = 2000
"""Log lines kept; older ones stay in the log file."""
ALL = ""
"""Stands for all clusters."""

LineKind = Literal["output", "command", "failed", "change"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the streamed log."""

    at: float
    """Seconds since the run began."""
    cluster: str
    text: str
    kind: LineKind = "output"


@dataclass
class StepView:
    """One step of the plan and how far it is."""

    info: StepInfo
    state: str = "waiting"
    started: float = 0.0
    """Seconds since the epoch."""
    seconds: float = 0.0
    detail: dict[str, str] = field(default_factory=dict)
    """What it waits for now, by cluster."""
    note: str = ""
    """Why it was already there, skipped or failed."""


@dataclass
class RunView:
    """Everything a run said so far. `apply` takes its events in order; unknown steps are passed over."""

    command: str = ""
    lab: str = ""
    scenario: str = ""
    provider: str = ""
    pid: int = 0
    log: str = ""
    started: float = 0.0
    steps: dict[str, StepView] = field(default_factory=dict)
    checks: dict[str, CheckRow] = field(default_factory=dict)
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=LINES))
    finished: RunFinished | None = None
    _said: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=20))
    """Commands shown last: a change and the end of its command are one line."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """Clusters of the plan, in its order."""
        return tuple(dict.fromkeys(cluster for step in self.steps.values() for cluster in step.info.clusters))

    @property
    def ended(self) -> int:
        """How many steps came to an end."""
        return sum(step.state not in ("waiting", "running") for step in self.steps.values())

    @property
    def passed(self) -> int:
        return sum(check.state == "passed" for check in self.checks.values())

    def elapsed(self, now: float) -> float:
        """Seconds it runs, or ran."""
        if self.finished is not None:
            return self.finished.seconds
        return max(0.0, now - self.started) if self.started else 0.0

    def seconds(self, step: StepView, now: float) -> float:
        """Seconds a step runs, or ran."""
        return max(0.0, now - step.started) if step.state == "running" else step.seconds

    def apply(self, events: Iterable[Event]) -> tuple[Line, ...]:
        """Take events in; returns the log lines they brought."""
        fresh: list[Line] = []
        for event in events:
            self._take(event, fresh)
        self.lines.extend(fresh)
        return tuple(fresh)

    def _take(self, event: Event, fresh: list[Line]) -> None:
        def line(cluster: str, text: str, kind: LineKind) -> None:
            fresh.append(Line(at=max(0.0, event.time - self.started), cluster=cluster, text=text, kind=kind))

        match event:
            case RunStarted():
                self._begin(event)
            case StepStarted() | StepProgressed() | StepFinished():
                self._step(event)
            case CheckStarted() | CheckRetried() | CheckFinished():
                self._check(event)
            case LogLine():
                line(event.cluster, event.text, "output")
            case CommandFinished() if event.exit_code:
                line(event.cluster, f"{event.command}  # exit code {event.exit_code}", "failed")
            case CommandFinished() | ChangeMade() if (event.cluster, event.command) not in self._said:
                self._said.append((event.cluster, event.command))
                line(event.cluster, event.command, "change" if isinstance(event, ChangeMade) else "command")
            case RunFinished():
                self.finished = event

    def _begin(self, event: RunStarted) -> None:
        self.command, self.lab, self.scenario = event.command, event.lab, event.scenario
        self.provider, self.pid, self.log, self.started = event.provider, event.pid, event.log, event.time
        self.steps = {info.id: StepView(info) for info in event.steps}
        self.checks = {check: CheckRow(id=check, title=check, phase="") for check in event.checks}

    def _step(self, event: StepStarted | StepProgressed | StepFinished) -> None:
        step = self.steps.get(event.step)
        if step is None:
            return
        match event:
            case StepStarted():
                step.state, step.started = "running", event.time
            case StepProgressed():
                step.detail[event.cluster] = event.detail
            case StepFinished():
                step.state, step.seconds, step.note = event.outcome, event.seconds, event.detail
                step.detail.clear()

    def _check(self, event: CheckStarted | CheckRetried | CheckFinished) -> None:
        self.checks[event.check] = advance(self.checks.get(event.check), event)


def advance(row: CheckRow | None, event: CheckStarted | CheckRetried | CheckFinished) -> CheckRow:
    """The row of a check after one more event about it."""
    phase = row.phase if row else ""
    title = row.title if row else event.check
    cluster = row.cluster if row else ""
    hint = row.hint if row else ""
    match event:
        case CheckStarted():
            return CheckRow(
                id=event.check, title=event.title, phase=phase, state="running", cluster=event.cluster, hint=hint
            )
        case CheckRetried():
            return CheckRow(
                id=event.check,
                title=title,
                phase=phase,
                state="running",
                reason=event.mismatch,
                cluster=cluster,
                hint=hint,
            )
        case CheckFinished():
            return CheckRow(
                id=event.check,
                title=event.title,
                phase=phase,
                state=event.outcome,
                reason=event.reason,
                hint=event.hint or hint,
                cluster=cluster,
                seconds=event.seconds,
                evidence=event.evidence,
            )
