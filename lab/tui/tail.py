"""Follow an event log while it is written."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.events import Event, RunFinished, from_json
from lab.plaintext import clean
from lab.ports import Clock
from lab.tui.source import RunLost

CHUNK = 1 << 18
"""Bytes read at once; keeps one batch small enough to draw between two frames."""
INTERVAL = 0.1
"""Seconds between two looks when nothing new was written."""


class Tail:
    """Reads whole lines of a growing file. A line that is not finished is left for the next look."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._rest = b""

    def read(self) -> tuple[Event, ...]:
        """The events since the last look; lines that another version wrote are passed over."""
        data = self._file.read(CHUNK)
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = []
        for line in lines:
            try:
                events.append(from_json(line.decode("utf-8", "replace")))
            except (ValueError, TypeError):
                continue
        return tuple(events)

    def close(self) -> None:
        self._file.close()


def follow(
    find: Callable[[], Path | None],
    alive: Callable[[], bool],
    output: Callable[[], tuple[str, ...]],
    clock: Clock,
    stop: threading.Event,
) -> Iterator[tuple[Event, ...]]:
    """Yield the events of a run in batches until it finished or `stop` is set.

    :param find: the event log, as soon as there is one
    :param alive: whether the process still runs
    :param output: the last lines it printed, for the error
    :raises RunLost: when the process is gone and no end was written
    """
    tail: Tail | None = None
    try:
        while not stop.is_set():
            # Asked before reading: what a process wrote last is then read before it counts as lost.
            running = alive()
            if tail is None and (path := find()) is not None:
                # `down` removes its log at the end; one that is gone already is as good as none.
                with contextlib.suppress(FileNotFoundError):
                    tail = Tail(path)
            events = tail.read() if tail is not None else ()
            if events:
                yield events
                if any(isinstance(event, RunFinished) for event in events):
                    return
            elif not running:
                raise RunLost(output())
            else:
                clock.wait(INTERVAL, stop)
    finally:
        if tail is not None:
            tail.close()


def last_lines(path: Path | None, count: int = 12) -> tuple[str, ...]:
    """The last lines of a text file without control characters; none when it cannot be read."""
    if path is None:
        return ()
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(line.rstrip() for line in clean(text).splitlines() if line.strip())[-count:]
