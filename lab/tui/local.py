"""The source of a real lab: the operations, and `lab` processes that outlive the screens."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab import catalogue, launch
from lab import scenario as scenarios
from lab.errors import LabError
from lab.events import Event, RunFinished, StepInfo
from lab.results import Diagnosis, LabStatus, LessonStatus, Pushed
from lab.settings import Settings
from lab.state import LabFolder, Options, Record, write_private
from lab.tui.source import Card, CheckRow, Choice, Loss, RunLost, Standing, Ticket
from lab.tui.tail import follow, last_lines
from lab.waiting import SystemClock

if TYPE_CHECKING:
    from lab.session import Lab

OUTPUT = "output.log"
"""File of the lab folder that takes what a started command prints."""
FINISHED = "finished.json"
"""File of the lab's home with the ids of scenarios whose lesson was finished; survives `down`."""


class LocalSource:
    """A lab on this machine."""

    def __init__(self, settings: Settings, name: str) -> None:
        from lab.session import checked_name

        self.name = checked_name(name)
        self.settings = settings
        self.folder = LabFolder(settings.home, name)
        self.clock = SystemClock()
        self._children: dict[int, launch.Child] = {}
        self._open: tuple[Record, Lab] | None = None
        self._guard = threading.Lock()
        self._cancels: list[threading.Event] = []

    def now(self) -> float:
        return self.clock.now()

    # --- what exists --------------------------------------------------------------------------------------------

    def scenarios(self) -> Sequence[Card]:
        finished = self._finished()
        cards = []
        for name in catalogue.names(self.settings):
            try:
                found = scenarios.load(self.settings.scenarios_dir / name, self.settings.scenarios_dir)
                cards.append(Card(id=name, scenario=found, done=name in finished))
            except scenarios.ScenarioProblems as error:
                cards.append(Card(id=name, scenario=None, problems=tuple(map(str, error.problems))))
        return cards

    def providers(self) -> Sequence[str]:
        """The one that would be taken unasked comes first."""
        from lab.providers import NAMES, choose

        record = self.folder.record()
        first = record.provider if record is not None else choose("auto")[0]
        return sorted(NAMES, key=lambda name: name != first)

    def standing(self) -> Standing | None:
        record = self.folder.record()
        if record is None:
            return None
        return Standing(lab=record.name, scenario=record.scenario, provider=record.provider, complete=record.complete)

    def diagnose(self, choice: Choice) -> Diagnosis:
        from lab.doctor import diagnose

        found = scenarios.find(self.settings, choice.scenario)
        return diagnose(self.settings, found, self.name, options=self._options(choice), provider=choice.provider)

    def plan(self, choice: Choice) -> Sequence[StepInfo]:
        from lab import plan
        from lab.operations.up import refuse_impossible
        from lab.providers import CAPABILITIES

        found = scenarios.find(self.settings, choice.scenario)
        refuse_impossible(found, self._options(choice), choice.provider)
        return [step.info for step in plan.make(found, self.settings, able=CAPABILITIES[choice.provider])]

    def up_arguments(self, choice: Choice, force: bool = False) -> Sequence[str]:
        options = self._options(choice)
        arguments = [choice.scenario, "--provider", choice.provider, "--timing", options.timing]
        return [*arguments, *(["--ui"] if options.ui else []), *(["--yes"] if force else [])]

    def _options(self, choice: Choice) -> Options:
        """What was chosen, or for a lab that exists what it was begun with."""
        record = self.folder.record()
        return record.options if record is not None else Options(ui=choice.ui)

    # --- what is there ------------------------------------------------------------------------------------------

    def _lab(self) -> "Lab":
        """The lab to look at; opened again when its record changed."""
        record = self.folder.record()
        if record is None:
            raise LabError("lab-unknown", name=self.name)
        with self._guard:
            if self._open is None or self._open[0] != record:
                self._open = (record, self._fresh())
            return self._open[1]

    def _fresh(self) -> "Lab":
        from lab.session import Lab

        lab = Lab.open(self.settings, self.name)
        self._cancels.append(lab.cancel)
        return lab

    def status(self) -> LabStatus:
        from lab.operations.status import status

        if self.folder.record() is None:
            return LabStatus(lab=self.name, scenario="", provider="", state="absent")
        found = status(self._lab())
        # A lab that was begun and has no part yet can be gone on with and taken down like any unfinished one.
        return replace(found, state="partial") if found.state == "absent" else found

    def lesson(self, step: int = 0) -> LessonStatus | None:
        from lab.operations import lesson

        lab = self._lab()
        if not lab.scenario.lesson:
            return None
        found = lesson.show(lab, step) if step else lesson.where(lab)
        if found.done and len(found.finished) == found.steps:
            self._finish(found.scenario)
        return found

    def checks(self) -> Sequence[CheckRow]:
        from lab.checks import outcomes

        known = outcomes.read(self.folder)
        rows = []
        for check in self._lab().scenario.spec.checks:
            row = CheckRow(id=check.id, title=check.title, phase=check.phase, hint=check.hint, cluster=check.on)
            if (last := known.get(check.id)) is not None:
                row = CheckRow(
                    id=check.id,
                    title=check.title,
                    phase=check.phase,
                    hint=check.hint,
                    cluster=check.on,
                    state=last.outcome,
                    reason=last.reason,
                    seconds=last.seconds,
                )
            rows.append(row)
        return rows

    def repositories(self) -> Sequence[str]:
        return [repository.name for repository in self._lab().scenario.spec.repositories]

    def push(self, repository: str, message: str) -> Pushed:
        from lab.operations.push import push

        # A lab of its own: what the screens look at meanwhile is not part of the push's record.
        return push(self._fresh(), repository, message)

    def loss(self) -> Loss:
        from lab.git_workspace import unpushed

        lab = self._lab()
        names = ", ".join(cluster.name for cluster in lab.scenario.clusters)
        repositories = ", ".join(repository.name for repository in lab.scenario.spec.repositories)
        return Loss(
            lines=(
                f"clusters {names} with everything in them",
                f"the git server with {repositories}" if repositories else "the git server",
                f"your workspace {lab.workspace}",
                "kubeconfigs, passwords and logs of this lab",
            ),
            unsaved="; ".join(unpushed(lab.shell, lab.workspace)),
        )

    # --- runs ---------------------------------------------------------------------------------------------------

    def active(self) -> Ticket | None:
        held = self.folder.held_by()
        pid = int(held["pid"]) if held else 0
        child = self._children.get(pid)
        if held is None or pid == os.getpid() or (child is not None and not child.alive()):
            return None
        return Ticket(command=str(held["command"]).split(" ")[0], pid=pid, log=self._log_of(pid))

    def start(self, command: str, arguments: Sequence[str] = ()) -> Ticket:
        newest = self.folder.last_run()
        output = self.folder.path / OUTPUT
        child = launch.detached(
            [command, *arguments, "--name", self.name], output, {"LAB_HOME": str(self.settings.home)}
        )
        self._children[child.pid] = child
        return Ticket(command=command, pid=child.pid, after=newest.name if newest else "", output=output)

    def _log_of(self, pid: int, after: str = "") -> Path | None:
        """The newest event log that this process writes; its name ends with the process id."""
        logs = sorted(path for path in self.folder.runs.glob(f"*-{pid}.jsonl") if path.name > after)
        return logs[-1] if logs else None

    def _alive(self, pid: int) -> bool:
        child = self._children.get(pid)
        return child.alive() if child is not None else launch.alive(pid)

    def follow(self, ticket: Ticket, stop: threading.Event) -> Iterator[tuple[Event, ...]]:
        def find() -> Path | None:
            return ticket.log or self._log_of(ticket.pid, ticket.after)

        def output() -> tuple[str, ...]:
            return last_lines(ticket.output)

        try:
            yield from follow(find, lambda: self._alive(ticket.pid), output, self.clock, stop)
        except RunLost:
            # `down` removes the log with everything else; a folder that is gone is its word.
            if ticket.command != "down" or self.folder.path.exists():
                raise
            yield (RunFinished(time=self.now(), outcome="success", exit_code=0, seconds=0.0),)
        finally:
            self._tidy(ticket)

    def _tidy(self, ticket: Ticket) -> None:
        """A command that made no lab leaves no folder behind."""
        if not self._alive(ticket.pid) and not self.folder.record_path.exists() and self.folder.last_run() is None:
            self.folder.remove()

    def interrupt(self, pid: int) -> None:
        launch.interrupt(pid)

    def shell(self) -> int:
        return launch.attached(["shell", "--name", self.name])

    def close(self) -> None:
        for cancel in self._cancels:
            cancel.set()

    # --- what was finished --------------------------------------------------------------------------------------

    def _finished(self) -> set[str]:
        try:
            return set(json.loads((self.settings.home / FINISHED).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return set()

    def _finish(self, scenario: str) -> None:
        known = self._finished()
        if scenario not in known:
            write_private(self.settings.home / FINISHED, json.dumps(sorted(known | {scenario})) + "\n")
