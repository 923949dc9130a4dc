"""The door to child processes, and the only module that knows plumbum."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import IO, Any, ClassVar, NoReturn

from plumbum.machines.local import LocalCommand, LocalMachine

from lab.errors import LabError
from lab.events import ChangeMade, CommandFinished, LogLine
from lab.plaintext import clean
from lab.ports import Command, CommandResult, Sink

INHERITED = (
    "HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR", "USER", "LOGNAME", "SSH_AUTH_SOCK",
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "XDG_RUNTIME_DIR",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What a child sees of the caller's environment. Above all not KUBECONFIG and KIND_*: the lab names its own."""

INSTALL = {
    "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation    # then: lab doctor",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/#kubectl    # then: lab doctor",
    "docker": "https://docs.docker.com/get-docker/    # then: lab doctor",
    "git": "sudo apt-get install git    # or your system's package manager",
}
LAST_LINES = 5
DETAIL_LINES = 40


class _BareMachine(LocalMachine):
    """Plumbum's machine without the caller's environment, so that Command.env is all a child gets."""

    env: ClassVar[dict[str, str]] = {}  # type: ignore[misc, assignment]


_bare = _BareMachine()


class _Program(LocalCommand):
    __slots__ = ()

    @property
    def machine(self) -> LocalMachine:
        return _bare


def display(command: Command) -> str:
    """The command as a person would type it, secrets hidden, private environment left out."""
    return _hide(shlex.join(command.argv), command.secrets)


def _hide(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


class SystemShell:
    """Starts real programs. Each child has its own process group: Ctrl-C reaches the lab, not the child."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._children: set[int] = set()
        self._guard = threading.Lock()

    def which(self, program: str) -> Path | None:
        found = which(program)
        return Path(found).absolute() if found else None

    def run(self, command: Command, check: bool = True) -> CommandResult:
        """Run to the end.

        :raises LabError: `tool-missing`; with check also `command-failed` and `command-timeout`
        """
        path = self.which(command.argv[0])
        if path is None:
            tool = Path(command.argv[0]).name
            raise LabError("tool-missing", tool=tool, install=INSTALL.get(tool, f"install {tool}"))
        result, timed_out = self._execute(path, command)
        self._report(command, result)
        if check and (timed_out or result.exit_code != 0):
            _fail(command, result, timed_out)
        return result

    def _execute(self, path: Path, command: Command) -> tuple[CommandResult, bool]:
        """Run the program; its result, and whether it was ended because it took too long."""
        environment = {k: os.environ[k] for k in INHERITED if k in os.environ} | dict(command.env)
        start = time.monotonic()
        with _input(command.stdin) as (stdin, text):
            process: Any = _Program(str(path)).popen(
                command.argv[1:],
                env=environment,
                # Not the caller's folder, which may have gone.
                cwd=str(command.cwd or "/"),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                new_session=True,
                pass_fds=command.inherits,
            )
            with self._guard:
                self._children.add(process.pid)
            try:
                stdout, stderr, timed_out = self._communicate(process, command, text)
            finally:
                with self._guard:
                    self._children.discard(process.pid)
        seconds = time.monotonic() - start
        result = CommandResult(exit_code=process.returncode or 0, stdout=stdout, stderr=stderr, seconds=seconds)
        return result, timed_out

    def abort(self) -> None:
        """Ask every running child with its group to end; for the second Ctrl-C. Scripts may still tidy up."""
        with self._guard:
            children = list(self._children)
        for pid in children:
            _end(pid, signal.SIGTERM)

    def _communicate(self, process: Any, command: Command, text: bytes | None) -> tuple[str, str, bool]:
        lines: dict[str, list[str]] = {"stdout": [], "stderr": []}

        def read(name: str, stream: IO[bytes]) -> None:
            for raw in stream:
                line = _hide(raw.decode("utf-8", "replace"), command.secrets)
                lines[name].append(line)
                if command.changes and command.step:
                    self._sink(LogLine(step=command.step, cluster=command.cluster, text=clean(line).rstrip()))

        def write() -> None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(text)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

        threads = [
            threading.Thread(target=read, args=(name, getattr(process, name)), daemon=True)
            for name in ("stdout", "stderr")
        ]
        if text is not None:
            threads.append(threading.Thread(target=write, daemon=True))
        for thread in threads:
            thread.start()
        timed_out = False
        try:
            process.wait(timeout=command.timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            _end(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=command.grace)
            # The group outlives its leader as long as somebody in it does not listen.
            _end(process.pid, signal.SIGKILL)
            process.wait()
        # A grandchild may hold the pipe open after the child has gone.
        for thread in threads:
            thread.join(timeout=2)
        return "".join(lines["stdout"]), "".join(lines["stderr"]), timed_out

    def _report(self, command: Command, result: CommandResult) -> None:
        shown, seconds = display(command), round(result.seconds, 3)
        step, cluster = command.step, command.cluster
        finished = CommandFinished(
            step=step, cluster=cluster, command=shown, exit_code=result.exit_code, seconds=seconds
        )
        self._sink(finished)
        if command.changes:
            self._sink(ChangeMade(step=step, cluster=cluster, command=shown))


def _fail(command: Command, result: CommandResult, timed_out: bool) -> NoReturn:
    output = [clean(line).rstrip() for line in (result.stderr.strip() or result.stdout.strip()).splitlines()]
    details = "\n".join(output[-DETAIL_LINES:])
    said = result.stdout + result.stderr
    if "no space left on device" in said.lower():
        raise LabError("disk-full", path=command.cwd or "/", details=details)
    if away := re.search(r"Cannot connect to the Docker daemon at ([^\s,]+?)\.?(?:\s|$)", said):
        raise LabError("docker-stopped", host=away[1], details=details)
    values: dict[str, str] = {
        "program": " ".join(command.argv[:2]),
        "last_lines": "\n".join(output[-LAST_LINES:]) or "it printed nothing",
        "command": display(command),
    }
    if timed_out:
        raise LabError("command-timeout", timeout=command.timeout, details=details, **values)
    raise LabError("command-failed", exit_code=result.exit_code, details=details, **values)


@contextlib.contextmanager
def _input(source: str | Path | None) -> Iterator[tuple[Any, bytes | None]]:
    """Standard input for Popen, and the text to write to it."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file, None
    elif source is None:
        yield subprocess.DEVNULL, None
    else:
        yield subprocess.PIPE, source.encode()


def _end(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
