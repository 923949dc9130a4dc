"""Tells a run from its events: lines that stay, and what goes on right now."""

from rich.console import Group, RenderableType
from rich.text import Text

from lab import events as e
from lab.plaintext import clean, one_line
from lab.providers import spoken
from lab.report.states import glyph, mark, seconds

PROGRESS_GAP = 10.0
"""Seconds between two lines about the same step's waiting in a log without a live part."""
BOARD_ROWS = 8
EVIDENCE_LINES = 12


class Narrator:
    """Takes events in order; answers with the lines that belong into the log.

    :param verbose: 1 shows the command behind every change, 2 also what children print
    :param live: whether `board` is shown too, so that starts, waits, what was there already and checks that
        hold need no line of their own
    :param ending: whether to tell the run's end; no, where its result is shown anyway
    """

    def __init__(self, verbose: int = 0, live: bool = False, ending: bool = True) -> None:
        self.verbose = verbose
        self.live = live
        self.ending = ending
        self.log = ""
        self.note = ""
        """Shown at the board's foot, e.g. that the run is about to stop."""
        self._began = 0.0
        self._now = 0.0
        self._titles: dict[str, str] = {}
        self._running: dict[str, tuple[float, str]] = {}
        self._told: dict[str, float] = {}
        self._total = 0
        self._ended = 0
        self._last_command = ""

    def take(self, event: e.Event) -> list[Text]:
        """The lines this event adds."""
        self._now = event.time or self._now
        match event:
            case e.RunStarted():
                return self._run_started(event)
            case e.StepStarted():
                return self._step_started(event)
            case e.StepProgressed():
                return self._step_progressed(event)
            case e.StepFinished():
                return self._step_finished(event)
            case e.CommandFinished():
                return self._command_finished(event)
            case e.ChangeMade():
                return self._change_made(event)
            case e.LogLine():
                return self._log_line(event)
            case e.ClusterChanged():
                return self._cluster_changed(event)
            case e.CheckStarted():
                return self._check_started(event)
            case e.CheckRetried():
                return self._check_retried(event)
            case e.CheckFinished():
                return self._check_finished(event)
            case e.RunFinished():
                return self._run_finished(event)
            case _:
                return []

    def board(self, now: float) -> RenderableType:
        """What is running at this moment (seconds since the epoch), newest last."""
        if not self._began:
            return Group()
        rows = []
        running = list(self._running.items())
        for key, (start, detail) in running[:BOARD_ROWS]:
            line = Text.assemble(glyph("running"), " ", (self._titles.get(key, key), "bold"))
            line.append(f"  {seconds(max(0.0, now - start))}", style="dim")
            rows.append(line)
            if detail:
                rows.append(Text(f"    {detail}", style="dim", no_wrap=True, overflow="ellipsis"))
        if len(running) > BOARD_ROWS:
            rows.append(Text(f"  and {len(running) - BOARD_ROWS} more", style="dim"))
        foot = f"{self._ended} of {self._total} · {seconds(max(0.0, now - self._began))}"
        rows.append(Text(f"{foot} · log {self.log}" if self.log else foot, style="dim", no_wrap=True))
        if self.note:
            rows.append(Text(self.note, style="yellow"))
        return Group(*rows)

    # --- lines ------------------------------------------------------------------------------------------------------

    def _stamped(self, state: str, text: str, *rest: Text | str) -> Text:
        stamp = f"[{max(0.0, self._now - self._began):5.1f}s] "
        return Text.assemble((stamp, "dim"), glyph(state), " ", one_line(text), *rest)

    def _indented(self, text: str, style: str = "dim") -> list[Text]:
        return [Text(f"{'':10}{line}", style=style) for line in clean(text).splitlines()]

    def _run_started(self, event: e.RunStarted) -> list[Text]:
        self._began = self._now = event.time
        self.log = event.log
        self._titles = {step.id: step.title for step in event.steps}
        self._total = len(event.steps) + len(event.checks)
        parts = [f"lab {event.command}: {event.scenario or 'no scenario'} on {spoken(event.provider)}, lab {event.lab}"]
        if event.log:
            parts.append(f"log {event.log}")
        return [Text(one_line(" · ".join(parts)), style="bold")]

    def _step_started(self, event: e.StepStarted) -> list[Text]:
        self._running[event.step] = (self._now, "")
        return [] if self.live else [self._stamped("running", self._titles.get(event.step, event.step))]

    def _step_progressed(self, event: e.StepProgressed) -> list[Text]:
        detail = one_line(f"{event.cluster}: {event.detail}" if event.cluster else event.detail)
        return self._progress(event.step, detail)

    def _progress(self, key: str, detail: str) -> list[Text]:
        if key in self._running:
            self._running[key] = (self._running[key][0], detail)
        if self.live or self._now - self._told.get(key, -PROGRESS_GAP) < PROGRESS_GAP:
            return []
        self._told[key] = self._now
        return self._indented(f"{self._titles.get(key, key)}: {detail}")

    def _step_finished(self, event: e.StepFinished) -> list[Text]:
        self._running.pop(event.step, None)
        self._ended += 1
        if self.live and event.outcome == "already":
            return []
        rest = Text(style="dim")
        if event.outcome in ("done", "failed"):
            rest.append(f"  {seconds(event.seconds)}")
        else:
            rest.append(f"  {event.outcome}")
        if event.detail and event.outcome != "failed":
            rest.append(f": {one_line(event.detail)}")
        lines = [self._stamped(event.outcome, self._titles.get(event.step, event.step), rest)]
        return lines + (self._indented(event.detail, "") if event.outcome == "failed" else [])

    def _command_finished(self, event: e.CommandFinished) -> list[Text]:
        if not self.verbose:
            return []
        self._last_command = event.command
        end = "" if event.exit_code == 0 else f", exit code {event.exit_code}"
        return self._indented(f"$ {event.command}    # {seconds(event.seconds)}{end}")

    def _change_made(self, event: e.ChangeMade) -> list[Text]:
        # A child that changes something is told as a command first and as a change right after.
        if not self.verbose or event.command == self._last_command:
            self._last_command = ""
            return []
        return self._indented(f"$ {event.command}")

    def _log_line(self, event: e.LogLine) -> list[Text]:
        return self._indented(f"| {event.text}") if self.verbose > 1 else []

    def _cluster_changed(self, event: e.ClusterChanged) -> list[Text]:
        return self._indented(f"cluster {event.cluster}: {event.state}") if self.verbose else []

    def _check_started(self, event: e.CheckStarted) -> list[Text]:
        self._titles[event.check] = f"check {event.check}: {event.title}"
        self._running[event.check] = (self._now, "")
        return []

    def _check_retried(self, event: e.CheckRetried) -> list[Text]:
        return self._progress(event.check, one_line(event.mismatch))

    def _check_finished(self, event: e.CheckFinished) -> list[Text]:
        self._running.pop(event.check, None)
        self._ended += 1
        if self.live and event.outcome == "passed":
            return []
        rest = Text(f"  {event.check}  {seconds(event.seconds)}", style="dim")
        lines = [self._stamped(event.outcome, event.title, rest)]
        return lines + (self._indented(event.reason, "") if event.reason and event.outcome != "passed" else [])

    def _run_finished(self, event: e.RunFinished) -> list[Text]:
        self._running.clear()
        if not self.ending:
            return []
        word = {"success": "done", "partial": "done in part", "error": "failed", "cancelled": "stopped"}
        many = "1 change" if event.changes == 1 else f"{event.changes} changes"
        text = Text.assemble(mark(event.outcome, word[event.outcome]), f" in {seconds(event.seconds)}, {many}")
        return [text]
