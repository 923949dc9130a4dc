"""Talking to a daemon from another process: start it, ask it, stop it.

Blocking, and of the standard library alone, so that it costs a command line next to nothing to ask.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_START_SECONDS = 20.0
_ANSWER_SECONDS = 60.0


class ControlError(Exception):
    """The daemon refused, or could not be started or reached; the text says which."""


@dataclass(frozen=True, slots=True)
class Control:
    """A running daemon."""

    home: Path
    pid: int
    port: int
    token: str

    def status(self) -> dict[str, Any]:
        """`{pid, began, clusters: [facts], git: facts or None}`.

        Facts of a cluster: see `lab.sim.cluster.Cluster.facts`; of the git server: see `git`.
        """
        return dict(self._ask("GET", "/status"))

    def clusters(self) -> list[dict[str, Any]]:
        """Facts of every cluster, by name."""
        return list(self.status()["clusters"])

    def create(self, *wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Create clusters by their settings (see `lab.sim.cluster.Settings`); those that exist are left as they are."""
        return list(self._ask("POST", "/clusters", [dict(one) for one in wanted]))

    def delete(self, name: str) -> None:
        """Remove a cluster and all it holds."""
        self._ask("DELETE", f"/clusters/{name}")

    def pause(self, name: str) -> None:
        """Stop serving a cluster; its objects and port are kept."""
        self._ask("POST", f"/clusters/{name}/pause")

    def resume(self, name: str) -> None:
        """Serve a paused cluster again."""
        self._ask("POST", f"/clusters/{name}/resume")

    def load(self, name: str, images: Sequence[str]) -> None:
        """Have these images on every node of a cluster, also after restarts: no pod pulls them.

        Loading again what is there changes nothing. Raises ControlError for a cluster that is not there and for a
        reference that cannot be parsed.
        """
        self._ask("POST", f"/clusters/{name}/images", list(images))

    # -- git

    def git(self) -> dict[str, Any] | None:
        """The git server's facts `{url, inside, port, state, why}`; None when there is none.

        `url`: on this machine, `http://127.0.0.1:PORT`; `inside`: what every cluster of this daemon knows it as,
        `http://lab-git:3000`, for `repoURL`; `state`: `running`, `stopped` or `failed`; `why`: what failed.
        """
        found = self.status()["git"]
        return None if found is None else dict(found)

    def start_git(self, port: int = 0) -> dict[str, Any]:
        """Serve git, with an empty server if there was none yet; its facts as `git` tells them.

        `port`: on 127.0.0.1; 0 for the one it had, the first time any free one. The port is kept over restarts of the
        daemon. Raises ControlError for a port that cannot be listened on.
        """
        return dict(self._ask("POST", "/git/start", {"port": port}))

    def stop_git(self) -> None:
        """Serve git no longer; repositories, accounts and port are kept. Nothing happens without a git server."""
        self._ask("POST", "/git/stop")

    def remove_git(self) -> None:
        """Forget the git server with its repositories and accounts; clusters stay."""
        self._ask("DELETE", "/git")

    def set_account(self, name: str, password: str, admin: bool = True) -> None:
        """Make an account of the git server, or give it another password; tokens it has stay good.

        `admin`: may read and write every repository; it does not change for an account that exists. Repositories of
        account `lab` are made through the API (`POST /api/v1/user/repos`) or with `lab.git.Gitea.create`. Raises
        ControlError when there is no git server or the name cannot be one.
        """
        self._ask("POST", "/git/accounts", {"name": name, "password": password, "admin": admin})

    # -- the end

    def stop(self, seconds: float = 10.0) -> None:
        """End the daemon and wait until it is gone. Raises ControlError after `seconds`."""
        with contextlib.suppress(ControlError):
            self._ask("POST", "/stop")
        if not _until(lambda: not _alive(self.pid), seconds):
            raise ControlError(f"the simulator (process {self.pid}) did not end within {seconds:.0f} s")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ANSWER_SECONDS)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Authorization": f"Bearer {self.token}"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ControlError(f"the simulator of {self.home} does not answer: {error}") from None
        finally:
            connection.close()
        if response.status >= 400:
            raise ControlError(str(answer.get("error", answer)))
        return answer


def connect(home: Path) -> Control | None:
    """The daemon that serves `home`, or None if there is none."""
    try:
        facts = json.loads((home / "daemon.json").read_bytes())
        control = Control(home, int(facts["pid"]), int(facts["port"]), str(facts["token"]))
        if control.status()["pid"] != control.pid:
            return None
    except (OSError, ValueError, KeyError, TypeError, ControlError):
        return None
    return control


def anticipate() -> None:
    """Begin to load the daemon's program for a `start` of this process that will come. Nothing is made by it.

    What is loading waits to be told its folder; it ends when this process ends without having told.
    """
    if not _waiting:
        _waiting.append(_spawn((sys.executable,), ["--home", "-", "--programs"], subprocess.PIPE))


def start(
    home: Path, python: Sequence[str] = (sys.executable,), seconds: float = _START_SECONDS, programs: bool = False
) -> Control:
    """The daemon that serves `home`, started if there is none. It outlives the caller.

    `programs`: have it load what Argo CD's pods run before they do. Raises ControlError with the end of its log when it
    does not come up within `seconds`.
    """
    running = connect(home)
    if running is not None:
        return running
    process = _told(home) or _spawn(python, ["--home", str(home), *(["--programs"] if programs else [])])
    found: list[Control] = []

    def answers() -> bool:
        control = connect(home)
        if control is not None:
            found.append(control)
        return control is not None or process.poll() is not None

    _until(answers, seconds)
    if not found:
        running = connect(home)
        if running is not None:
            return running
        raise ControlError(f"the simulator did not start in {home}: {_last_words(home)}")
    return found[0]


_waiting: list[subprocess.Popen[bytes]] = []
"""The process that waits for its folder."""


def _spawn(python: Sequence[str], options: Sequence[str], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*python, "-m", "lab.sim", "serve", *options],
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": _import_path()},
    )


def _told(home: Path) -> subprocess.Popen[bytes] | None:
    """The process that waited, told its folder; None when none waits."""
    if not _waiting:
        return None
    process = _waiting.pop()
    try:
        assert process.stdin is not None
        process.stdin.write(os.fsencode(home) + b"\n")
        process.stdin.close()
    except OSError:
        return None
    return process


def _import_path() -> str:
    """Where this very package is imported from, for a child that starts in another folder."""
    own = str(Path(__file__).resolve().parents[2])
    present = os.environ.get("PYTHONPATH", "")
    return f"{own}{os.pathsep}{present}" if present else own


def _last_words(home: Path) -> str:
    try:
        text = (home / "daemon.log").read_text(errors="replace").strip()
    except OSError:
        return "it left no log"
    return text.splitlines()[-1] if text else "its log is empty"


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _until(done: Callable[[], bool], seconds: float) -> bool:
    """Ask until `done`, ever more slowly, at most `seconds`."""
    ends = time.monotonic() + seconds
    pause = 0.01
    while not done():
        if time.monotonic() > ends:
            return False
        time.sleep(pause)
        pause = min(pause * 1.3, 0.2)
    return True
