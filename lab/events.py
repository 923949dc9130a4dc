"""What happened, as frozen facts in the past tense.

A run writes its events as JSON lines; replaying the lines replays the run. Events carry no markup and no secrets.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

StepOutcome = Literal["done", "already", "failed", "skipped", "cancelled"]
CheckOutcome = Literal["passed", "failed", "skipped"]
RunOutcome = Literal["success", "partial", "error", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class StepInfo:
    """One line of the plan, as a listener needs it."""

    id: str
    """Stable within a plan, e.g. `create:hub`."""
    title: str
    """Present participle, e.g. `creating cluster hub`."""
    clusters: tuple[str, ...] = ()
    """Clusters the step works on, for the board."""
    needs: tuple[str, ...] = ()
    """Ids of the steps that come first."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events."""

    kinds: ClassVar[dict[str, type["Event"]]] = {}

    time: float = 0.0
    """Seconds since the epoch; set by the sink that records the run."""
    run: str = ""
    """Run id; set by the sink that records the run."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Event.kinds[cls.__name__] = cls

    def to_json(self) -> str:
        """One line without newline characters."""
        return json.dumps({"event": type(self).__name__, **asdict(self)}, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A command with a plan began."""

    command: str
    """`up`, `down`, `pause`, `resume` or `check`."""
    lab: str
    scenario: str
    provider: str
    steps: tuple[StepInfo, ...] = ()
    checks: tuple[str, ...] = ()
    """Ids of the checks that will run, in order."""
    pid: int = 0
    """Process that runs it; SIGINT there stops it after the running steps."""
    log: str = ""
    """Path of this run's event log."""


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    step: str


@dataclass(frozen=True, kw_only=True)
class StepProgressed(Event):
    """What the step waits for or does now."""

    step: str
    detail: str
    cluster: str = ""


@dataclass(frozen=True, kw_only=True)
class StepFinished(Event):
    step: str
    outcome: StepOutcome
    seconds: float = 0.0
    detail: str = ""
    """Why it was already satisfied, skipped or failed."""


@dataclass(frozen=True, kw_only=True)
class CommandFinished(Event):
    """A child process ended. The command is shown without secrets."""

    step: str = ""
    cluster: str = ""
    command: str
    exit_code: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class ChangeMade(Event):
    """Something outside the lab folder was changed; a run that finds everything in place has none of these."""

    step: str = ""
    cluster: str = ""
    command: str
    """The kubectl, git, kind or docker command a person would type for the same change."""


@dataclass(frozen=True, kw_only=True)
class LogLine(Event):
    """One line a child process printed, control characters removed."""

    step: str = ""
    cluster: str = ""
    text: str


@dataclass(frozen=True, kw_only=True)
class ClusterChanged(Event):
    cluster: str
    state: str
    """`creating`, `ready`, `paused`, `gone` or `unreachable`."""


@dataclass(frozen=True, kw_only=True)
class CheckStarted(Event):
    check: str
    title: str
    cluster: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckRetried(Event):
    """A check does not hold yet."""

    check: str
    mismatch: str
    """`path: got …, want …`."""


@dataclass(frozen=True, kw_only=True)
class CheckFinished(Event):
    check: str
    title: str
    outcome: CheckOutcome
    seconds: float = 0.0
    reason: str = ""
    """Last mismatch, or why it was skipped."""
    hint: str = ""
    evidence: tuple[str, ...] = ()
    """Events, conditions and pod states that were collected on failure."""


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    outcome: RunOutcome
    exit_code: int
    seconds: float
    changes: int = 0
    """How many `ChangeMade` came before."""
    error: str = ""
    """Code of the error that ended it, e.g. `docker-stopped`."""
    message: str = ""
    hint: str = ""


def _step(data: dict[str, Any]) -> StepInfo:
    lists = {name: tuple(data.get(name, ())) for name in ("clusters", "needs")}
    return StepInfo(id=data["id"], title=data["title"], **lists)


def from_json(line: str) -> Event:
    """Read one line of an event log. Unknown events and fields raise ValueError."""
    data = json.loads(line)
    kind = Event.kinds.get(data.pop("event", ""))
    if kind is None:
        raise ValueError("not an event of this version")
    known = {f.name: f for f in fields(kind)}
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name not in known:
            raise ValueError(f"{kind.__name__} has no field {name}")
        if name == "steps":
            value = tuple(_step(step) for step in value)
        elif isinstance(value, list):
            value = tuple(value)
        values[name] = value
    return kind(**values)


def read(lines: Iterator[str]) -> Iterator[Event]:
    """All complete events of a log; a last line cut short by a crash is left out."""
    for line in lines:
        if not line.endswith("\n"):
            return
        yield from_json(line)
