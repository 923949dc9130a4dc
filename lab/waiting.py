"""The one way to wait."""

import threading
import time
from collections.abc import Callable

from lab.errors import Cancelled, LabError, WaitTimeout
from lab.ports import Clock, Probe

QUICK = 0.05
"""Seconds before the second question: on the simulator much is done by then."""


class SystemClock:
    """Real time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        return cancel.wait(seconds)


def wait_until(
    probe: Probe,
    *,
    awaited: str,
    timeout: float,
    clock: Clock,
    cancel: threading.Event,
    interval: float = 0.5,
    more: str = "lab status",
    seen: Callable[[str], None] | None = None,
) -> float:
    """Ask the probe until it answers with an empty text; return the seconds it took.

    :param awaited: what is waited for, e.g. `repo-server on hub`
    :param timeout: seconds
    :param interval: seconds between two questions, once the first, quicker ones are asked
    :param more: command that shows more, for the error
    :param seen: told every new mismatch once
    :raises WaitTimeout: with the last mismatch; an API that refuses or is away counts as a mismatch
    :raises Cancelled: when the run was asked to stop
    """
    start = clock.monotonic()
    last = ""
    pause = min(QUICK, interval)
    while True:
        if cancel.is_set():
            raise Cancelled(awaited)
        try:
            mismatch = probe()
        except LabError as error:
            if error.code not in ("kube-refused", "kube-unreachable", "git-failed", "docker-failed"):
                raise
            mismatch = f"{error.what}: {error.why}"
        elapsed = clock.monotonic() - start
        if not mismatch:
            return elapsed
        if mismatch != last and seen is not None:
            seen(mismatch)
        last = mismatch
        if elapsed >= timeout:
            raise WaitTimeout(awaited, timeout, last, more)
        if clock.wait(min(pause, max(0.0, timeout - elapsed)), cancel):
            raise Cancelled(awaited)
        pause = min(pause * 2, interval)
