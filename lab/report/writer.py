"""The one place that writes: data to stdout, narration to stderr, questions to the terminal."""

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import IO

from rich.console import Console, RenderableType
from rich.live import Live

from lab.errors import LabError
from lab.events import Event
from lab.report import text
from lab.report.envelope import envelope, error_item
from lab.report.narrator import Narrator
from lab.report.states import ASCII_ERRORS

WIDE = 4096
"""Columns of a file or a pipe: nothing is folded there, so that lines can be searched."""
REFRESH = 4


class _Console(Console):
    """Leaves a closed pipe to its caller; rich would end the process, in the middle of a run."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(stream: IO[str], color: bool = True) -> Console:
    """A console that shows text as it is: no markup, no emoji codes, no guessed highlights."""
    width = None if stream.isatty() or os.environ.get("COLUMNS") else WIDE
    return _Console(file=stream, markup=False, highlight=False, emoji=False, width=width, no_color=not color or None)


def to_text(renderable: RenderableType, width: int = WIDE) -> str:
    """What a file would get: no colours, no blanks at line ends."""
    buffer = io.StringIO()
    Console(file=buffer, markup=False, highlight=False, emoji=False, width=width, color_system=None).print(renderable)
    return "".join(line.rstrip() + "\n" for line in buffer.getvalue().splitlines())


class Progress:
    """A sink that shows a run on stderr while it goes on: a board on a terminal, plain lines elsewhere."""

    def __init__(self, err: Console, verbose: int = 0, quiet: bool = False) -> None:
        # A forced colour is no terminal, and a dumb one cannot go back over its lines.
        self._live = err.file.isatty() and not err.is_dumb_terminal and not quiet
        self.narrator = Narrator(verbose, self._live, ending=False)
        self._err = err
        self._quiet = quiet
        self._guard = threading.RLock()
        self._board: Live | None = None

    def __enter__(self) -> "Progress":
        if self._live:
            self._board = Live(
                get_renderable=lambda: self.narrator.board(time.time()),
                console=self._err,
                transient=True,
                refresh_per_second=REFRESH,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._board.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._board is not None:
            with contextlib.suppress(OSError):
                self._board.stop()
            self._board = None

    def __call__(self, event: Event) -> None:
        with self._guard:
            lines = self.narrator.take(event)
            if self._quiet:
                return
            try:
                for line in lines:
                    self._err.print(line)
            except OSError:
                # Nobody reads any more, e.g. the terminal was closed: the run matters more than its telling.
                self._quiet = True

    def note(self, words: str) -> None:
        """Say something from a signal handler, where only the simplest write is safe."""
        self.narrator.note = words
        if self._board is None:
            with contextlib.suppress(OSError):
                os.write(2, f"{words}\n".encode("ascii", "replace"))


class Writer:
    """Renders what a verb answers.

    :param command: the verb, for the envelope
    :param verbose: how often -v was given
    """

    def __init__(
        self, command: str, as_json: bool = False, verbose: int = 0, quiet: bool = False, color: bool = True
    ) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=ASCII_ERRORS)
        self.command = command
        self.as_json = as_json
        self.verbose = verbose
        self.quiet = quiet
        self.out = console(sys.stdout, color)
        self.err = console(sys.stderr, color)
        self.log = ""
        """Path of the event log of the run this command made, once there is one."""

    @property
    def terminal(self) -> bool:
        """Whether a person reads stdout directly."""
        return self.out.file.isatty()

    def say(self, words: RenderableType) -> None:
        """Narration: left out with --quiet."""
        if not self.quiet:
            self._show(self.err, words)

    def line(self, words: RenderableType) -> None:
        """One piece of a result that comes bit by bit, on stdout."""
        self._show(self.out, words)

    def answer(
        self, shown: RenderableType, data: object, exit_code: int, errors: list[dict[str, str]], status: str = ""
    ) -> int:
        """The result on stdout; the exit code."""
        if self.as_json:
            self.out.file.write(envelope(self.command, exit_code, data, errors, status) + "\n")
        elif shown != "":
            self._show(self.out, shown)
        return exit_code

    def fail(self, error: LabError) -> int:
        """An error instead of a result; its exit code."""
        if self.as_json:
            return self.answer("", None, error.exit_code, [error_item(error, self.log)])
        self._show(self.err, text.error(error, self.log))
        return error.exit_code

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """Show the events of one run."""
        shown = Progress(self.err, self.verbose, self.quiet)
        try:
            with shown:
                yield shown
        finally:
            self.log = shown.narrator.log

    def ask(self, what: str, command: str) -> None:
        """Go on only when the person says yes.

        :param what: names exactly what will be done
        :param command: the command that needs no question, without `--yes`
        :raises LabError: `consent` when the answer is no or nobody is there to ask
        """
        if not (sys.stdin.isatty() and self.err.file.isatty()):
            raise LabError("consent", what=what, command=command)
        self.err.print(f"{what}\nGo on? [y/N] ", end="")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise LabError("consent", what=what, command=command)

    @staticmethod
    def _show(to: Console, words: RenderableType) -> None:
        if to.file.isatty():
            to.print(words)
        else:
            to.file.write(words + "\n" if isinstance(words, str) else to_text(words, to.width))
            to.file.flush()
