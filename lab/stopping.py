"""Ctrl-C on a run: the first asks it to stop after its running steps, the second ends it at once."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from lab.errors import INTERRUPTED
from lab.session import Lab

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stoppable(lab: Lab, note: Callable[[str], None]) -> Iterator[None]:
    """While inside, signals stop this lab's run and nothing else; must be entered in the main thread.

    Children have process groups of their own, so that Ctrl-C at the terminal reaches none of them half way; the
    second one ends them, too.

    :param note: told in one line how it goes on; called from a signal handler
    """
    asked = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            lab.cancel.set()
            note("stopping after the running steps; Ctrl-C again stops at once. The same command goes on from there.")
            return
        abort = getattr(lab.shell, "abort", None)
        if abort is not None:
            abort()
        note("stopped at once. `lab up` mends what is half done.")
        # Worker threads may still wait for a cluster: only the process's end stops them.
        os._exit(INTERRUPTED)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
