"""Keeps a run's events: stamps them, writes them as JSON lines, counts changes, passes them on."""

import contextlib
import contextvars
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from lab.errors import LabError
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
    :param strict: whether a log that does not fit on the disk is an error
    """

    def __init__(self, folder: LabFolder, command: str, clock: Clock, listener: Sink, strict: bool = True) -> None:
        stamp = f"{int(clock.now() * 1000):013d}"
        self.run = f"{stamp}-{command}-{os.getpid()}"
        self.path: Path = folder.runs / f"{self.run}.jsonl"
        self.changes = 0
        self._clock = clock
        self._listener = listener
        self._guard = threading.Lock()
        self._strict = strict
        self._file: TextIO | None = None
        with self._on_disk():
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
            with self._on_disk():
                if self._file is not None:
                    self._file.write(event.to_json() + "\n")
                    self._file.flush()
            self._listener(event)

    @contextlib.contextmanager
    def _on_disk(self) -> Iterator[None]:
        """End the log when the disk is full; that is said once, and whoever listens still hears how the run ends."""
        try:
            yield
        except (OSError, LabError) as error:
            self.close()
            full = error if isinstance(error, LabError) else full_disk(error, self.path)
            if self._strict or not isinstance(full, LabError):
                raise full from error

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            # What did not fit before does not fit now.
            with contextlib.suppress(OSError):
                file.close()


class Switch:
    """A sink whose target can change, so that a lab's doors report into whichever run is going on."""

    def __init__(self, target: Sink = silent) -> None:
        self.target = target

    def __call__(self, event: Event) -> None:
        self.target(event)
