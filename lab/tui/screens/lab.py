"""Is it true: the fleet, the clusters, the lesson step and the checks of a lab that stands."""

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import DataTable, Input, OptionList

from lab.report.states import size
from lab.tui.actions import Facts, bindings
from lab.tui.cadence import Cadence
from lab.tui.fleet import arrange, well
from lab.tui.messages import ActiveFound, LessonArrived, StatusArrived, StatusFailed
from lab.tui.screens.ask import PickScreen
from lab.tui.screens.changes import CHECKING, Changes
from lab.tui.screens.detail import of_application, of_check
from lab.tui.states import ago, since
from lab.tui.widgets.bar import crumbs, speaker
from lab.tui.widgets.find import Find
from lab.tui.widgets.fleet import FleetGrid
from lab.tui.widgets.panels import LessonPane, check_rows, cluster_rows
from lab.tui.widgets.rows import Panel, Row, RowList

TICK = 1.0
LESSON_EVERY = 12.0
"""Seconds between two looks at where the learner is."""


class LabScreen(Changes):
    """Four panes that keep their place."""

    PAGE = "lab"
    BINDINGS: ClassVar[list[BindingType]] = bindings("lab")

    def __init__(self) -> None:
        super().__init__()
        self.cadence = Cadence()
        self.failure = ""
        self.grid = FleetGrid(id="fleet")
        self.clusters = Panel("clusters", id="clusters")
        self.lesson = LessonPane(id="lesson")
        self.checks = RowList("checks", id="checks")
        self._lesson_asked = float("-inf")

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
        self.draw_bar()

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
        self.draw_bar()

    @on(StatusFailed)
    def _take_failure(self, message: StatusFailed) -> None:
        self.cadence.failed()
        self.failure = message.reason
        self.draw_bar()

    @on(LessonArrived)
    def _take_lesson(self, message: LessonArrived) -> None:
        if message.current:
            self.learner.look(message.lesson)
        else:
            self.learner.arrive(message.lesson)
            # Browsing marks what was read: the learner may be further now.
            self._ask_lesson()
        if self.doing != CHECKING:
            self.learner.know(message.checks)
        self._draw_lesson()
        self.draw_checks()
        self.draw_bar()

    def look_again(self) -> None:
        self.cadence.hurry()
        self._ask_lesson()

    # --- facts --------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        status = self.status
        running = status.running if status else ""
        return Facts(lab=status.state if status else "", busy=self.doing or running, watched=bool(running))

    # --- drawing ------------------------------------------------------------------------------------------------

    def draw_bar(self) -> None:
        status, here = self.status, self.learner.here
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
        doing = Content.styled(f"{self.doing}…", "$accent") if self.doing else Content("")
        if not doing and status and status.running:
            doing = Content.styled(status.running.partition(", ")[0].replace("`", ""), "$accent")
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
        here = self.learner.here
        self.lesson.show(self.learner.shown, here.step if here else 0, self.learner.hint)

    def draw_checks(self) -> None:
        learner, chosen = self.learner, self.checks.chosen
        hinting = learner.hinting(chosen)
        rows = check_rows(learner.board.values(), learner.deciding, "*", hinting)
        if not self.checks.fits(rows):
            full = chosen if self.checks.has_focus else ""
            rows = check_rows(learner.board.values(), learner.deciding, full, hinting)
        held, count = learner.held(row.id for row in rows if row.id)
        self.checks.border_title = f"checks {held}/{count}" if count else "checks"
        self.checks.show(rows or [Row(left=Content.styled("no checks", "$text-muted"))])

    def on_resize(self) -> None:
        """What fits has changed."""
        self.call_after_refresh(self.draw_checks)

    @on(DataTable.CellHighlighted, "#fleet")
    def _moved(self) -> None:
        self._draw_place()

    @on(OptionList.OptionHighlighted, "#checks")
    def _open_check(self) -> None:
        self.draw_checks()

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
        check = self.learner.board.get(self.checks.chosen) if self.checks.has_focus else None
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
        if refusal := self.learner.browse(by):
            self.notify(refusal)
        elif self.learner.wanted:
            self._ask_lesson(self.learner.wanted)
        else:
            self._draw_lesson()

    def do_hint(self) -> None:
        self.learner.hint = not self.learner.hint
        self._draw_lesson()
        self.draw_checks()

    def do_find(self) -> None:
        if self.maximized is not None:
            self.minimize()
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
