"""What is happening: a run with its steps, its checks and its log, from the first event to the last."""

import threading
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content

from lab.report.states import seconds
from lab.tui.actions import Facts, bindings
from lab.tui.messages import RunAdvanced, RunStartedHere, RunVanished
from lab.tui.runview import RunView, StepView
from lab.tui.screens.ask import AskScreen
from lab.tui.screens.page import Page
from lab.tui.source import CheckRow, RunLost, Ticket
from lab.tui.states import CHECK, OUTCOME, STEP, clock
from lab.tui.widgets.bar import crumbs, speaker
from lab.tui.widgets.log import RunLog
from lab.tui.widgets.rows import BLANK, Panel, Row, Rows

DOING = {
    "up": "bringing up",
    "down": "taking down",
    "pause": "pausing",
    "resume": "resuming",
    "check": "checking",
    "push": "pushing",
}
TICK = 1.0
"""Seconds between two drawings of the elapsed time."""


class RunScreen(Page):
    """Follows one run. Leaving it does not stop the run."""

    PAGE = "run"
    BINDINGS: ClassVar[list[BindingType]] = bindings("run")

    def __init__(self, ticket: Ticket) -> None:
        super().__init__()
        self.ticket = ticket
        self.view = RunView(command=ticket.command, lab="", pid=ticket.pid)
        self.lost: tuple[str, ...] | None = None
        self.stopping = False
        self.asking = False
        self._settled = False
        self.steps = Panel("steps", id="steps")
        self.log_pane = RunLog(id="log")
        self.outcome = Rows(id="outcome")
        self._stop = threading.Event()

    def compose(self) -> ComposeResult:
        yield self.bar
        with Horizontal(id="run-panes"):
            yield self.steps
            yield self.log_pane
        yield self.outcome
        yield self.foot

    def on_mount(self) -> None:
        self.outcome.display = False
        self.steps.focus()
        self.set_interval(TICK, self._draw)
        self._draw()
        self._follow()

    def on_unmount(self) -> None:
        self._stop.set()

    @work(thread=True, group="follow", exit_on_error=False)
    def _follow(self) -> None:
        try:
            for events in self.source.follow(self.ticket, self._stop):
                self.post_message(RunAdvanced(events))
        except RunLost as lost:
            self.post_message(RunVanished(lost.lines))
        except Exception as error:  # an unreadable log must not take the screens down
            self.post_message(RunVanished((repr(error),)))

    # --- facts --------------------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        return self.view.finished is not None or self.lost is not None

    @property
    def facts(self) -> Facts:
        finished = self.view.finished
        again = self.ended and not (finished is not None and finished.outcome == "success")
        return Facts(running=not self.ended, ready=again, reason="it is done")

    @property
    def gone(self) -> bool:
        """Whether there is no lab any more after this run."""
        finished = self.view.finished
        return self.view.command == "down" and finished is not None and finished.outcome == "success"

    # --- what arrives -------------------------------------------------------------------------------------------

    @on(RunAdvanced)
    def _advance(self, message: RunAdvanced) -> None:
        lines = self.view.apply(message.events)
        self.log_pane.clusters(self.view.clusters)
        self.log_pane.write(lines)
        self._draw()
        if self.view.finished is not None:
            self._say_end()

    @on(RunVanished)
    def _vanish(self, message: RunVanished) -> None:
        self.lost = message.lines
        self._draw()
        self._say_end()

    # --- drawing ------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        now = self.source.now()
        view = self.view
        name = view.scenario.rpartition("/")[2]
        doing = DOING.get(view.command, view.command)
        if self.ended:
            outcome = view.finished.outcome if view.finished else "lost"
            state = Content(f"{doing}: ") + OUTCOME[outcome].content()
        else:
            state = Content(f"{doing}, stopping after this step" if self.stopping else doing)
        self.bar.left = crumbs(Content.styled(name, "bold $accent") if name else "", state)
        count = f"{view.ended}/{len(view.steps)} steps" if view.steps else ""
        self.bar.right = crumbs(count, clock(view.elapsed(now)), speaker(view.provider) if view.provider else "")
        rows = [row for step in view.steps.values() for row in self._step_rows(step, now)]
        if view.checks:
            rows += [Row(), Row(left=Content.styled(f"checks {view.passed}/{len(view.checks)}", "bold"))]
            rows += [check_row(check) for check in view.checks.values()]
        silent = f"… {doing}" if view.started else "… waiting for its first word"
        self.steps.show(rows or [Row(left=Content.styled(silent, "$text-muted"))])
        self.call_after_refresh(self._keep_in_sight)

    def _step_rows(self, step: StepView, now: float) -> list[Row]:
        mark = STEP.get(step.state, STEP["waiting"])
        right = BLANK
        if step.state == "running":
            right = Content.styled(clock(self.view.seconds(step, now)), "$accent")
        elif step.state == "done":
            right = Content.styled(seconds(step.seconds), "$text-muted")
        elif step.state != "waiting":
            right = Content.styled(mark.word, f"${mark.color}")
        title = Content(step.info.title)
        if step.state == "waiting":
            title = title.stylize("$text-muted")
        rows = [Row(left=mark.only() + Content(" ") + title, right=right)]
        several = len(step.info.clusters) > 1
        details = {f"{cluster}: {text}" if cluster and several else text for cluster, text in step.detail.items()}
        rows += [Row(left=Content.styled(detail, "$text-muted"), indent=2, hang=0) for detail in sorted(details)]
        if step.state in ("failed", "cancelled") and step.note:
            rows.append(Row(left=Content.styled(step.note, f"${mark.color}"), indent=2, hang=0))
        return rows

    def _keep_in_sight(self) -> None:
        """Scroll to what happens now, or at the end to what failed; once it ended, scrolling is left to the person."""
        if self._settled:
            return
        self._settled = self.ended
        failed = STEP["failed"].glyph if self.ended else STEP["running"].glyph
        lines = self.steps.body.plain.split("\n")
        first = next((index for index, line in enumerate(lines) if line.startswith(failed)), None)
        height = self.steps.scrollable_content_region.height
        if first is not None:
            self.steps.scroll_to(y=max(0, first - height // 3), animate=False)
        elif self.ended:
            self.steps.scroll_end(animate=False)

    def _say_end(self) -> None:
        self.outcome.display = True
        self.outcome.show(self._end_rows())
        self.refresh_bindings()

    def _end_rows(self) -> list[Row]:
        finished = self.view.finished
        if finished is None:
            rows = [Row(left=OUTCOME["lost"].content(f"the run {OUTCOME['lost'].word}; what is done stays"))]
            said = [Row(left=Content.styled(line, "$text-muted"), indent=2, limit=2) for line in (self.lost or ())[-4:]]
            return [*rows, *said, Row(left=Content("r runs it again and goes on from there"), indent=2)]
        took = clock(finished.seconds)
        mark = OUTCOME[finished.outcome]
        match finished.outcome:
            case "success":
                words = {"up": "the lab is up", "down": "the lab is gone, nothing is left"}
                what = words.get(self.view.command, "done")
                checks = f", {self.view.passed} of {len(self.view.checks)} checks hold" if self.view.checks else ""
                changes = "nothing had to be changed" if finished.changes == 0 else f"{finished.changes} changes"
                end = "enter goes to the scenarios" if self.gone else "enter goes to the lab"
                return [
                    Row(
                        left=mark.content(f"{what} after {took}{checks}"), right=Content.styled(changes, "$text-muted")
                    ),
                    Row(left=Content(end), indent=2),
                ]
            case "cancelled":
                return [
                    Row(left=mark.content(f"stopped after {took}; what is done stays")),
                    Row(left=Content("r goes on from there"), indent=2),
                ]
            case _:
                failed = [c for c in self.view.checks.values() if c.state == "failed"]
                rows = [Row(left=mark.content(finished.message or f"{mark.word} after {took}"))]
                rows += [Row(left=Content(f"{c.title}: {c.reason}"), indent=2, limit=2) for c in failed[:3] if c.reason]
                if finished.hint:
                    rows.append(Row(left=Content.styled(f"$ {finished.hint}", "$accent"), indent=2))
                return [
                    *rows,
                    Row(left=Content.styled("r runs it again and goes on from what is done", "$text-muted"), indent=2),
                ]

    # --- actions ------------------------------------------------------------------------------------------------

    def do_leave(self) -> None:
        self.host.leave_run(ended=self.ended)

    def do_left(self) -> None:
        self.do_go_on()

    def do_go_on(self) -> None:
        if self.gone:
            self.host.show_choose()
        else:
            self.host.leave_run(ended=True)

    def do_quit(self) -> None:
        self.app.exit(message="" if self.ended else "The run goes on. `lab tui` shows it again.")

    def do_stop(self) -> None:
        if self.asking or self.stopping:
            return
        self.asking = True

        def answer(yes: bool | None) -> None:
            self.asking = False
            if yes and not self.ended:
                self.stopping = True
                self.source.interrupt(self.view.pid or self.ticket.pid)
                self._draw()

        self.app.push_screen(
            AskScreen(
                "Stop after the running steps?",
                ["Steps that have begun end first. What is done stays,", "and the same command goes on from there."],
                yes="stop",
                no="keep running",
            ),
            answer,
        )

    def do_again(self) -> None:
        command, choice = self.view.command or self.ticket.command, self.host.choice_again(self.view)
        arguments = self.source.up_arguments(choice) if command == "up" and choice else ()
        self.in_thread(lambda: RunStartedHere(self.source.start(command, arguments)), "start", self.refused)

    @on(RunStartedHere)
    def _started(self, message: RunStartedHere) -> None:
        self.host.show_run(message.ticket)

    def do_log_file(self) -> None:
        path = self.view.log or str(self.ticket.log or self.ticket.output or "")
        if path:
            self.app.copy_to_clipboard(path)
        self.notify(path or "there is none yet", title="event log, copied" if path else "event log", markup=False)


def check_row(check: CheckRow) -> Row:
    """One check in a list that is only read."""
    mark = CHECK[check.state]
    below: tuple[Row, ...] = ()
    if check.reason and check.state in ("failed", "running", "skipped"):
        below = (Row(left=Content.styled(check.reason, "$text-muted"), indent=2, hang=0, limit=3),)
    return Row(left=mark.only() + Content(f" {check.title}"), below=below)
