"""What thread workers tell the screens. Widgets change only where these are handled."""

from dataclasses import dataclass

from textual.message import Message

from lab.events import Event, StepInfo
from lab.results import Diagnosis, LabStatus, LessonStatus, Pushed
from lab.tui.source import Card, CheckRow, Choice, Loss, Standing, Ticket


@dataclass
class CatalogRead(Message):
    """The scenarios and the lab that stands were read."""

    cards: tuple[Card, ...]
    standing: Standing | None
    active: Ticket | None
    providers: tuple[str, ...]


@dataclass
class Diagnosed(Message):
    """Doctor looked."""

    choice: Choice
    diagnosis: Diagnosis | None
    error: str = ""


@dataclass
class Planned(Message):
    """The steps of a choice are known."""

    choice: Choice
    steps: tuple[StepInfo, ...]
    error: str = ""
    hint: str = ""


@dataclass
class RunStartedHere(Message):
    """A run was started."""

    ticket: Ticket


@dataclass
class RunAdvanced(Message):
    """Events of the followed run arrived."""

    events: tuple[Event, ...]


@dataclass
class RunVanished(Message):
    """The followed run is gone and wrote no end."""

    lines: tuple[str, ...]


@dataclass
class StatusArrived(Message):
    """The lab answered."""

    status: LabStatus
    at: float


@dataclass
class StatusFailed(Message):
    """The lab did not answer."""

    reason: str


@dataclass
class LessonArrived(Message):
    """A step of the lesson and the checks were read."""

    lesson: LessonStatus | None
    checks: tuple[CheckRow, ...]
    current: bool
    """Whether it is the step the learner is at, not one that was browsed to."""


@dataclass
class PushEnded(Message):
    """A push was applied, or refused."""

    pushed: Pushed | None
    error: str = ""
    hint: str = ""


@dataclass
class LossNamed(Message):
    """What `down` takes away is known."""

    loss: Loss


@dataclass
class Refused(Message):
    """Something that was asked for did not work."""

    error: str
    hint: str = ""


@dataclass
class ActiveFound(Message):
    """The run that goes on was looked for."""

    ticket: Ticket | None


@dataclass
class RepositoriesRead(Message):
    """What can be pushed is known."""

    names: tuple[str, ...]
