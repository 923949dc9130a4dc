"""A child that outlives the lab: killed with `kill -9`, the lab takes none of its children along."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from lab.ports import Clock
from lab.state import make_private
from lab.waiting import wait_until


@contextlib.contextmanager
def alone(path: Path, awaited: str, timeout: float, clock: Clock, cancel: threading.Event) -> Iterator[int]:
    """Hold a lock that a child can be given, so that it lasts until the child has ended, too.

    :param path: the lock's file
    :param awaited: what is waited for while the child of an earlier lab still holds it
    :param timeout: seconds to wait
    :return: file descriptor for `Command.inherits`
    :raises WaitTimeout: when the lock is not let go in time
    """
    make_private(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def held() -> str:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "it still runs"
        return ""

    try:
        wait_until(held, awaited=awaited, timeout=timeout, clock=clock, cancel=cancel, more=f"fuser -v {path}")
        yield descriptor
    finally:
        os.close(descriptor)
