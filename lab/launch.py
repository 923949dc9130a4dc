"""Start `lab` commands that outlive their caller, or that take over the terminal.

It stands beside the door `lab.shell` because that door waits for the end of what it starts. A run that is watched
must go on when the watching screen closes: it gets a session of its own, and no terminal.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.state import make_private


class Child:
    """A command that was started and goes on by itself."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.output = output
        """What it printed, standard output and error together."""

    def alive(self) -> bool:
        """Whether it still runs; a child that ended is reaped by asking."""
        return self._process.poll() is None

    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()


def command(arguments: Sequence[str]) -> list[str]:
    """`lab ARGUMENTS` with the interpreter and package that run now."""
    return [sys.executable, "-m", "lab", *arguments]


def detached(arguments: Sequence[str], output: Path, environment: Mapping[str, str] | None = None) -> Child:
    """Start `lab ARGUMENTS` in its own session, without a terminal.

    :param output: file that takes its output; 0600, emptied first
    :param environment: set on top of this process's environment
    """
    make_private(output.parent)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        process = subprocess.Popen(
            command(arguments),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    return Child(process, output)


def attached(arguments: Sequence[str]) -> int:
    """Run `lab ARGUMENTS` on this terminal until it ends; its exit code. For `lab shell`."""
    return subprocess.run(command(arguments), check=False).returncode


def alive(pid: int) -> bool:
    """Whether a process of that id exists."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def interrupt(pid: int) -> None:
    """Ask a `lab` process to stop after its running steps, as Ctrl-C does. Nothing happens when it is gone."""
    if pid > 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
