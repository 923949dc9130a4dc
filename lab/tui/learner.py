"""Where the learner is, what is on the screen of it, and what is known of the checks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lab.events import CheckFinished, CheckRetried, CheckStarted, Event
from lab.results import LessonStatus
from lab.tui.runview import advance
from lab.tui.source import CheckRow


@dataclass
class Learner:
    """The lesson and the checks as the lab screen shows them."""

    board: dict[str, CheckRow] = field(default_factory=dict)
    """All checks of the scenario by id."""
    here: LessonStatus | None = None
    """The step the learner is at; None without a lesson or before it is known."""
    browsed: LessonStatus | None = None
    """Another step that was browsed to."""
    wanted: int = 0
    """Number of the step that was asked for last; 0: the one the learner is at."""
    hint: bool = False
    """Whether hints are shown."""

    @property
    def shown(self) -> LessonStatus | None:
        """The step on the screen."""
        return self.browsed or self.here

    @property
    def deciding(self) -> tuple[str, ...]:
        """Ids of the checks that decide the step the learner is at."""
        return tuple(result.id for result in self.here.checks) if self.here else ()

    @property
    def usual(self) -> tuple[str, ...]:
        """Ids of the checks that `check` runs: the step's first, then the lab's own; no drills but the step's."""
        own = [check.id for check in self.board.values() if check.phase == "up"]
        step = [id for id in self.deciding if id in self.board and self.board[id].phase != "drill"]
        return tuple(dict.fromkeys([*step, *own]))

    def look(self, here: LessonStatus | None) -> None:
        """The learner is at this step; one that has moved on is taken along."""
        if self.here and here and here.step != self.here.step:
            self.browsed, self.wanted, self.hint = None, 0, False
        self.here = here

    def arrive(self, step: LessonStatus | None) -> None:
        """A step that was browsed to has come; one that nobody waits for any more is dropped."""
        if step is not None and step.step == self.wanted:
            self.browsed = step

    def browse(self, by: int) -> str:
        """Go some steps on or back. Empty when the step is `wanted` now, or shown already; else why not."""
        shown = self.shown
        if shown is None:
            return "there is no lesson"
        # Counted from the step asked for last, which may still be on its way.
        step = (self.wanted or shown.step) + by
        if not 1 <= step <= shown.steps:
            return "this is the last step" if by > 0 else "this is the first step"
        if self.here and step == self.here.step:
            self.browsed, self.wanted = None, 0
        else:
            self.wanted = step
        return ""

    def know(self, checks: Iterable[CheckRow]) -> None:
        """Take in what the newest runs and the lesson said of the checks."""
        self.board = merged(self.board, tuple(checks), self.here)

    def hear(self, events: Iterable[Event]) -> None:
        """Take in what a run says while it goes on."""
        for event in events:
            if isinstance(event, CheckStarted | CheckRetried | CheckFinished):
                self.board[event.check] = advance(self.board.get(event.check), event)

    def hinting(self, chosen: str) -> str:
        """Id of the check whose hint helps most: the first that failed, else the chosen one; empty without hints."""
        if not self.hint:
            return ""
        return next((c.id for c in self.board.values() if c.state == "failed" and c.hint), chosen)

    def held(self, ids: Iterable[str]) -> tuple[int, int]:
        """How many of these checks hold, and of how many; a drill that nobody asked for is not missing."""
        listed = [self.board[id] for id in ids]
        counted = [check for check in listed if check.phase != "drill" or check.state != "unknown"]
        return sum(check.state == "passed" for check in counted), len(counted)


def merged(
    before: Mapping[str, CheckRow], checks: Sequence[CheckRow], here: LessonStatus | None
) -> dict[str, CheckRow]:
    """The scenario's checks with what the lesson saw just now; evidence of an outcome that still stands is kept."""
    board = {check.id: check for check in checks}
    for result in here.checks if here else ():
        known = board.get(result.id)
        board[result.id] = CheckRow.of(result, known.phase if known else "lesson", known.cluster if known else "")
    for id, check in board.items():
        old = before.get(id)
        if old and old.evidence and not check.evidence and (old.state, old.reason) == (check.state, check.reason):
            board[id] = replace(check, evidence=old.evidence)
    return board
