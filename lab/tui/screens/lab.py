"""Is it true: the fleet, the clusters, the lesson step and the checks of a lab that stands."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.widgets import DataTable, Input, OptionList

from lab.events import CheckFinished, CheckRetried, CheckStarted, RunFinished
from lab.report.states import seconds, size
from lab.results import LabStatus, LessonStatus
from lab.tui.actions import Facts, bindings
from lab.tui.cadence import Cadence
from lab.tui.fleet import arrange, well
from lab.tui.messages import (
    ActiveFound,
    LessonArrived,
    LossNamed,
    PushEnded,
    RepositoriesRead,
    RunAdvanced,
    RunStartedHere,
    RunVanished,
    StatusArrived,
    StatusFailed,
)
from lab.tui.runview import advance
from lab.tui.screens.ask import AskScreen, LineScreen, PickScreen
from lab.tui.screens.detail import of_application, of_check
from lab.tui.screens.page import Page
from lab.tui.source import CheckRow, RunLost, Ticket
from lab.tui.states import ago, since
from lab.tui.widgets.bar import crumbs, speaker
from lab.tui.widgets.find import Find
from lab.tui.widgets.fleet import FleetGrid
from lab.tui.widgets.panels import LessonPane, check_rows, cluster_rows
from lab.tui.widgets.rows import Panel, Row, RowList

TICK = 1.0
LESSON_EVERY = 12.0
"""Seconds between two looks at where the learner is."""


class LabScreen(Page):
    """Four panes that keep their place."""

    PAGE = "lab"
    BINDINGS: ClassVar[list[BindingType]] = bindings("lab")

    def __init__(self) -> None:
        super().__init__()
        self.cadence = Cadence()
        self.status: LabStatus | None = None
        self.failure = ""
        self.board: dict[str, CheckRow] = {}
        self.here: LessonStatus | None = None
        self.browsed: LessonStatus | None = None
        self.wanted = 0
        """Number of the step that was browsed to; 0: the one the learner is at."""
        self.hint = False
        self.doing = ""
        """What was started from this screen and goes on."""
        self.grid = FleetGrid(id="fleet")
        self.clusters = Panel("clusters", id="clusters")
        self.lesson = LessonPane(id="lesson")
        self.checks = RowList("checks", id="checks")
        self._lesson_asked = float("-inf")
        self._stop = threading.Event()

    def compose(self) -> ComposeResult:
        yield self.bar
        with Container(id="lab-panes"):
            with Vertical(id="fleet-box"):
                yield Find("find an application")
                yield self.grid
            yield self.clusters
            yield self.lesson
            yield self.checks
        yield self.foot

    def on_mount(self) -> None:
        self.grid.focus()
        self.set_interval(TICK, self._tick)
        self._tick()

    def on_unmount(self) -> None:
        self._stop.set()

    def on_key(self, _: Key) -> None:
        if self.cadence.equal:
            self.cadence.hurry()

    # --- asking -------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = self.source.now()
        if self.is_active and self.cadence.due(now):
            self.cadence.ask(now)
            self.in_thread(self._ask_status, "status", lambda error, _: StatusFailed(error))
        if self.is_active and now - self._lesson_asked >= LESSON_EVERY:
            self._ask_lesson()
        self._draw_bar()

    def _ask_status(self) -> StatusArrived:
        status = self.source.status()
        return StatusArrived(status, self.source.now())

    def _ask_lesson(self, step: int = 0) -> None:
        self._lesson_asked = self.source.now()

        def ask() -> LessonArrived:
            return LessonArrived(self.source.lesson(step), tuple(self.source.checks()), current=step == 0)

        self.in_thread(ask, "browse" if step else "lesson", self.refused)

    @on(StatusArrived)
    def _take_status(self, message: StatusArrived) -> None:
        changed = message.status != self.status
        # How long another command holds the lab changes by itself.
        before = replace(self.status, running="") if self.status else None
        self.cadence.answered(message.at, replace(message.status, running="") != before)
        self.failure = ""
        if changed:
            self.status = message.status
            self._draw_fleet()
            self.clusters.show(cluster_rows(message.status))
            self.refresh_bindings()
        self._draw_bar()

    @on(StatusFailed)
    def _take_failure(self, message: StatusFailed) -> None:
        self.cadence.failed()
        self.failure = message.reason
        self._draw_bar()

    @on(LessonArrived)
    def _take_lesson(self, message: LessonArrived) -> None:
        if message.current:
            if self.here and message.lesson and message.lesson.step != self.here.step:
                self.browsed, self.wanted, self.hint = None, 0, False
            self.here = message.lesson
        elif message.lesson and message.lesson.step == self.wanted:
            self.browsed = message.lesson
        if not self.doing.startswith("check"):
            self.board = merged(self.board, message.checks, self.here)
        if not message.current:
            # Browsing marks what was read: the learner may be further now.
            self._ask_lesson()
        self._draw_lesson()
        self._draw_checks()
        self._draw_bar()

    # --- facts --------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        status = self.status
        running = status.running if status else ""
        return Facts(lab=status.state if status else "", busy=self.doing or running, watched=bool(running))

    @property
    def shown(self) -> LessonStatus | None:
        """The step on the screen."""
        return self.browsed or self.here

    # --- drawing ------------------------------------------------------------------------------------------------

    def _draw_bar(self) -> None:
        status, here = self.status, self.here
        step = f"step {here.step} of {here.steps}: {here.title}" if here else ""
        if here and here.done:
            step = "the lesson is done"
        name = (status.scenario.rpartition("/")[2] if status else "") or self.source.name
        state = "" if status is None or status.state == "up" else status.state
        self.bar.left = crumbs(Content.styled(name, "bold $accent"), Content.styled(state, "$warning"), step)
        age = self.cadence.age(self.source.now())
        old = Content.styled(f" last answer {ago(age)} ", "reverse $warning") if age is not None else Content("")
        if not old and self.failure and status is None:
            old = Content.styled(f" no answer: {self.failure} ", "reverse $warning")
        self.set_class(age is not None, "-stale")
        doing = Content.styled(f"… {self.doing}", "$accent") if self.doing else Content("")
        if not doing and status and status.running:
            doing = Content.styled(f"… {status.running}", "$accent")
        used = sum(cluster.memory_bytes for cluster in status.clusters) if status else 0
        memory = size(used) if used and not old else ""
        provider = speaker(status.provider) if status else ""
        lab = f"lab {self.source.name}" if self.source.name != "lab" or not status else ""
        self.bar.right = crumbs(old, doing, lab, provider, memory)

    def _draw_fleet(self) -> None:
        status = self.status
        if status is None:
            return
        fleet = arrange(status)
        total = len(status.fleet)
        self.grid.border_title = f"fleet {well(status.fleet)}/{total} well" if total else "fleet"
        self.grid.show(fleet.matching(self.query_one(Find).value))
        self._draw_place()

    def _draw_place(self) -> None:
        status = self.status
        place = self.grid.place
        worst = place.worst
        if worst is not None:
            state = f"{worst.sync}, {worst.health}" if place.mark.rank else ""
            age = ago(since(worst.since, self.source.now())) if worst.since else ""
            words = (worst.application, state, worst.revision, age)
            self.grid.border_subtitle = "  ".join(word for word in words if word)
        elif status is not None and not status.fleet:
            why = {"paused": "paused; r resumes", "absent": "there is no lab any more; esc goes back"}
            self.grid.border_subtitle = why.get(status.state, "no applications yet")
        else:
            self.grid.border_subtitle = ""

    def _draw_lesson(self) -> None:
        self.lesson.show(self.shown, self.here.step if self.here else 0, self.hint)

    def _draw_checks(self) -> None:
        step = [result.id for result in self.here.checks] if self.here else []
        chosen = self.checks.chosen
        open_one = chosen if self.checks.has_focus else ""
        hinting = self._hinting(chosen) if self.hint else ""
        rows = check_rows(self.board.values(), step, "*", hinting)
        if not self.checks.fits(rows):
            rows = check_rows(self.board.values(), step, open_one, hinting)
        # A drill that nobody asked for is not missing.
        listed = [self.board[row.id] for row in rows if row.id]
        visible = [check for check in listed if check.phase != "drill" or check.state != "unknown"]
        held = sum(check.state == "passed" for check in visible)
        self.checks.border_title = f"checks {held}/{len(visible)}" if visible else "checks"
        self.checks.show(rows or [Row(left=Content.styled("no checks", "$text-muted"))])

    def on_resize(self) -> None:
        """What fits has changed."""
        self.call_after_refresh(self._draw_checks)

    def _hinting(self, chosen: str) -> str:
        """The check whose hint helps most: the first that failed, else the chosen one."""
        return next((c.id for c in self.board.values() if c.state == "failed" and c.hint), chosen)

    @on(DataTable.CellHighlighted, "#fleet")
    def _moved(self) -> None:
        self._draw_place()

    @on(OptionList.OptionHighlighted, "#checks")
    def _open_check(self) -> None:
        self._draw_checks()

    @on(DataTable.CellSelected, "#fleet")
    @on(OptionList.OptionSelected, "#checks")
    def _clicked(self) -> None:
        self.do_why()

    @on(Input.Changed, "#find")
    def _filter(self) -> None:
        self._draw_fleet()

    @on(Input.Submitted, "#find")
    def _found(self) -> None:
        self.grid.focus()

    # --- actions: looking ---------------------------------------------------------------------------------------

    def do_why(self) -> None:
        provider = self.status.provider if self.status else ""
        check = self.board.get(self.checks.chosen) if self.checks.has_focus else None
        if check is not None:
            self.host.open_detail(of_check(check), provider, self.facts.busy)
        elif cells := self.grid.place.cells:
            worst = self.grid.place.worst
            age = ago(since(worst.since, self.source.now())) if worst and worst.since else ""
            self.host.open_detail(of_application(cells, age), provider, self.facts.busy)
        else:
            self.notify("no application here", severity="warning")

    def do_next(self) -> None:
        self._browse(1)

    def do_previous(self) -> None:
        self._browse(-1)

    def _browse(self, by: int) -> None:
        shown = self.shown
        if shown is None:
            return
        # Counted from the step asked for last, which may still be on its way.
        step = (self.wanted or shown.step) + by
        if not 1 <= step <= shown.steps:
            self.notify("this is the last step" if by > 0 else "this is the first step")
        elif self.here and step == self.here.step:
            self.browsed, self.wanted = None, 0
            self._draw_lesson()
        else:
            self.wanted = step
            self._ask_lesson(step)

    def do_hint(self) -> None:
        self.hint = not self.hint
        self._draw_lesson()
        self._draw_checks()

    def do_find(self) -> None:
        self.query_one(Find).open()

    def do_scenarios(self) -> None:
        self.host.show_choose()

    def do_watch(self) -> None:
        self.in_thread(lambda: ActiveFound(self.source.active()), "active", self.refused)

    @on(ActiveFound)
    def _watch(self, message: ActiveFound) -> None:
        if message.ticket is not None:
            self.host.show_run(message.ticket)
        else:
            self.notify("it has ended meanwhile")

    def do_open(self) -> None:
        status = self.status
        places = [("Argo CD's UI", status.ui_url), ("git server", status.git_url)] if status else []
        there = [(url, f"{name}  {url}") for name, url in places if url]
        if not there:
            self.notify("there is nothing to open in a browser", severity="warning")
        elif len(there) == 1:
            self.host.open_address(there[0][0])
        else:
            self.app.push_screen(PickScreen("open", there), lambda url: self.host.open_address(url) if url else None)

    def do_shell(self) -> None:
        try:
            with self.app.suspend():
                self.source.shell()
        except SuspendNotSupported:
            self.notify("lab shell", title="this terminal cannot be lent; type in another one:", severity="warning")
        self.cadence.hurry()

    # --- actions: changing --------------------------------------------------------------------------------------

    def do_check(self) -> None:
        step = [result.id for result in self.here.checks] if self.here else []
        usual = [check.id for check in self.board.values() if check.phase == "up"]
        self.check_these(list(dict.fromkeys([*step, *usual])))

    def check_these(self, ids: list[str]) -> None:
        """Run these checks, or with none the lab's own, and show here what they say."""
        self.doing = "checking"
        self._draw_bar()
        self.refresh_bindings()
        self._follow(ids)

    @work(thread=True, group="check", exit_on_error=False)
    def _follow(self, ids: list[str]) -> None:
        try:
            ticket = self.source.start("check", ids)
            for events in self.source.follow(ticket, self._stop):
                self.post_message(RunAdvanced(events))
        except RunLost as lost:
            self.post_message(RunVanished(lost.lines))
        except Exception as error:  # a run that cannot be started must not take the screens down
            self.post_message(RunVanished((repr(error),)))

    @on(RunAdvanced)
    def _advance(self, message: RunAdvanced) -> None:
        for event in message.events:
            if isinstance(event, CheckStarted | CheckRetried | CheckFinished):
                self.board[event.check] = advance(self.board.get(event.check), event)
            elif isinstance(event, RunFinished):
                self._end_check(event)
        self._draw_checks()

    def _end_check(self, event: RunFinished) -> None:
        self.doing = ""
        self._again()
        if event.error and event.error != "checks-failed":
            self.notify(f"{event.message}\n{event.hint}", severity="error", markup=False, timeout=12)

    @on(RunVanished)
    def _vanish(self, message: RunVanished) -> None:
        self.doing = ""
        self._again()
        said = "\n".join(message.lines[-4:]) or "it ended without a word"
        self.notify(said, title="lab check", severity="error", markup=False, timeout=12)

    def _again(self) -> None:
        """Look at everything once more, now."""
        self.cadence.hurry()
        self._ask_lesson()
        self.refresh_bindings()
        self._draw_bar()

    def do_push(self) -> None:
        self.in_thread(lambda: RepositoriesRead(tuple(self.source.repositories())), "repositories", self.refused)

    @on(RepositoriesRead)
    def _ask_repository(self, message: RepositoriesRead) -> None:
        names = message.names
        if not names:
            self.notify("the scenario has no repository", severity="warning")
        elif len(names) == 1:
            self._ask_message(names[0])
        else:
            self.app.push_screen(PickScreen("push", [(name, name) for name in names]), self._ask_message)

    def _ask_message(self, repository: str | None) -> None:
        if repository:
            self.app.push_screen(
                LineScreen(f"push {repository}: commit message", "change from the lab"),
                lambda message: self._push(repository, message),
            )

    def _push(self, repository: str, message: str | None) -> None:
        if not message:
            return
        self.doing = "pushing"
        self._draw_bar()
        self.refresh_bindings()
        self.in_thread(
            lambda: PushEnded(self.source.push(repository, message)),
            "push",
            lambda error, hint: PushEnded(None, error, hint),
        )

    @on(PushEnded)
    def _pushed(self, message: PushEnded) -> None:
        self.doing = ""
        self._again()
        pushed = message.pushed
        if pushed is None:
            self.notify(f"{message.error}\n{message.hint}", severity="error", markup=False, timeout=12)
            return
        count = len(pushed.applications)
        reached = f"{count} application{'s' if count != 1 else ''} in {seconds(pushed.seconds)}"
        title = f"pushed {pushed.repository} {pushed.revision[:7]}"
        self.notify(f"reached {reached}", title=title, markup=False, timeout=8)

    def do_pause(self) -> None:
        self._start("pause")

    def do_resume(self) -> None:
        self._start("resume")

    def do_mend(self) -> None:
        choice = self.host.choice_of(self.status)
        if choice is not None:
            self._start("up", tuple(self.source.up_arguments(choice)))

    def do_down(self) -> None:
        self.in_thread(lambda: LossNamed(self.source.loss()), "loss", self.refused)

    @on(LossNamed)
    def _ask_down(self, message: LossNamed) -> None:
        name = "the lab" if self.source.name == "lab" else f"lab {self.source.name}"
        lines = [*message.loss.lines]
        if message.loss.unsaved:
            lines += ["", f"Only there: {message.loss.unsaved}"]
        self.app.push_screen(
            AskScreen(
                f"Remove {name}? This goes:",
                lines,
                yes="remove",
                no="keep",
            ),
            lambda yes: self._start("down", ("--yes",)) if yes else None,
        )

    def _start(self, command: str, arguments: tuple[str, ...] = ()) -> None:
        def start() -> Message:
            ticket: Ticket = self.source.start(command, arguments)
            return RunStartedHere(ticket)

        self.in_thread(start, "start", self.refused)

    @on(RunStartedHere)
    def _started(self, message: RunStartedHere) -> None:
        self.host.show_run(message.ticket)


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
