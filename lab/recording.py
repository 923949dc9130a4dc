"""Keeps a run's events: stamps them, writes them as JSON lines, counts changes, passes them on."""

import contextlib
import contextvars
import os
import threading
from dataclasses import replace
from pathlib import Path

from lab.events import ChangeMade, Event
from lab.ports import Clock, Sink
from lab.state import LabFolder, full_disk, make_private

KEPT_RUNS = 20
current_step: contextvars.ContextVar[str] = contextvars.ContextVar("current_step", default="")
"""Step the calling thread works on; events that name none get this one."""


def silent(event: Event) -> None:
    """A sink for callers that do not listen."""


class Recording:
    """A sink that records one run.

    :param listener: gets every event after it is on disk, in order, one at a time
    """

    def __init__(self, folder: LabFolder, command: str, clock: Clock, listener: Sink) -> None:
        stamp = f"{int(clock.now() * 1000):013d}"
        self.run = f"{stamp}-{command}-{os.getpid()}"
        self.path: Path = folder.runs / f"{self.run}.jsonl"
        self.changes = 0
        self._clock = clock
        self._listener = listener
        self._guard = threading.Lock()
        make_private(folder.runs)
        for old in sorted(folder.runs.glob("*.jsonl"))[: -KEPT_RUNS + 1 or None]:
            old.unlink(missing_ok=True)
        self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w")

    def __call__(self, event: Event) -> None:
        with self._guard:
            if getattr(event, "step", None) == "":
                event = replace(event, step=current_step.get())  # type: ignore[call-arg]
            event = replace(event, time=self._clock.now(), run=self.run)
            # What a check applies to try something out, it removes again.
            if isinstance(event, ChangeMade) and not event.step.startswith("check:"):
                self.changes += 1
            if not self._file.closed:
                self._write(event.to_json() + "\n")
            self._listener(event)

    def _write(self, line: str) -> None:
        """Put a line on disk. When that fails it is said once; whoever listens still hears how the run ends."""
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.close()
            raise full_disk(error, self.path) from error

    def close(self) -> None:
        self._file.close()


class Switch:
    """A sink whose target can change, so that a lab's doors report into whichever run is going on."""

    def __init__(self, target: Sink = silent) -> None:
        self.target = target

    def __call__(self, event: Event) -> None:
        self.target(event)
