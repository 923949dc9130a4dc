"""Kill a daemon while it writes, start it again, and compare what it holds with what it acknowledged."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.sim import control
from lab.sim.http_client import Endpoint

WRITERS = 3
PATH = "/api/v1/namespaces/default/configmaps"


class Zygote:
    """Starts daemons quickly; see `tests.sim.zygote`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sim.zygote"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, home: Path) -> int:
        """The process id of a new daemon, which need not answer yet."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{home}\n")
        self._process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def answering(home: Path, pid: int, seconds: float = 20) -> control.Control:
    """The daemon `pid`, once it answers."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = control.connect(home)
        if found is not None and found.pid == pid:
            return found
        time.sleep(0.005)
    raise AssertionError(f"daemon {pid} does not answer: {(home / 'daemon.log').read_text()}")


def wire(kubeconfig: Path) -> tuple[int, ssl.SSLContext]:
    """Port and TLS settings of a kubeconfig's cluster."""
    found = Endpoint.of_kubeconfig(kubeconfig)
    return int(found.server.rsplit(":", 1)[1]), found.tls


@dataclass
class Known:
    """What is known of one object: its last acknowledged state, and whether a request was under way."""

    revision: int = 0
    value: str | None = None
    """None: not there."""
    trying: tuple[str, str | None] | None = None
    """(verb, value) of a request that was not answered."""


@dataclass
class Ledger:
    """What the daemon acknowledged so far."""

    objects: dict[str, Known] = field(default_factory=dict)
    newest: int = 0
    """The highest resourceVersion seen in any answer."""
    acknowledged: int = 0


class Writer(threading.Thread):
    """Creates, changes and deletes objects of its own until the daemon is gone."""

    def __init__(self, number: int, seed: int, ledger: Ledger, port: int, tls: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self._number = number
        self._random = random.Random(seed)
        self._ledger = ledger
        self._port = port
        self._tls = tls

    def run(self) -> None:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._tls, timeout=20)
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                self._write(connection)
        connection.close()

    def _write(self, connection: http.client.HTTPSConnection) -> None:
        name = f"w{self._number}-{self._random.randrange(12)}"
        known = self._ledger.objects.setdefault(name, Known())
        value = f"{self._random.getrandbits(64):x}" * self._random.choice((1, 1, 200))
        if known.value is None:
            verb, path, body = "POST", PATH, {"metadata": {"name": name}, "data": {"value": value}}
        elif self._random.random() < 0.3:
            verb, path, body = "DELETE", f"{PATH}/{name}", None
        else:
            verb, path, body = "PATCH", f"{PATH}/{name}", {"data": {"value": value}}
        wanted = None if verb == "DELETE" else value
        known.trying = (verb, wanted)
        content = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        sent = None if body is None else json.dumps(body)
        connection.request(verb, path, sent, {"Content-Type": content})
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status in (200, 201), answer
        known.trying = None
        known.value = wanted
        if wanted is not None:
            known.revision = int(answer["metadata"]["resourceVersion"])
            self._ledger.newest = max(self._ledger.newest, known.revision)
        self._ledger.acknowledged += 1


def listed(port: int, tls: ssl.SSLContext) -> dict[str, Any]:
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=20)
    try:
        connection.request("GET", PATH)
        return dict(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def compare(ledger: Ledger, found: dict[str, Any]) -> list[str]:
    """What the daemon lost or made up. The ledger takes over what it holds."""
    wrong = []
    revision = int(found["metadata"]["resourceVersion"])
    if revision < ledger.newest:
        wrong.append(f"resourceVersion went back from {ledger.newest} to {revision}")
    ledger.newest = max(ledger.newest, revision)
    present = {one["metadata"]["name"]: one for one in found["items"] if one["metadata"]["name"].startswith("w")}
    for name in {*present, *ledger.objects}:
        known = ledger.objects.setdefault(name, Known())
        one = present.get(name)
        value = one["data"]["value"] if one else None
        allowed = [known.value] + ([known.trying[1]] if known.trying else [])
        if value not in allowed:
            wrong.append(
                f"{name}: acknowledged {known.value!s:.20}, under way {known.trying!s:.40}, found {value!s:.20}"
            )
        if (
            one
            and value == known.value
            and not known.trying
            and int(one["metadata"]["resourceVersion"]) != known.revision
        ):
            wrong.append(f"{name}: resourceVersion {one['metadata']['resourceVersion']}, acknowledged {known.revision}")
        known.value, known.trying = value, None
        known.revision = int(one["metadata"]["resourceVersion"]) if one else known.revision
    return wrong


def rounds(home: Path, count: int, seed: int) -> tuple[Ledger, list[str]]:
    """Kill the daemon `count` times while three writers write; what was acknowledged, and everything that was lost."""
    zygote, chance, ledger, wrong = Zygote(), random.Random(seed), Ledger(), []
    pid = zygote.start(home)
    try:
        answering(home, pid).create({"name": "one", "timing": "instant"})
        port, tls = wire(home / "clusters" / "one" / "kubeconfig")
        for number in range(count):
            writers = [Writer(one, chance.getrandbits(32), ledger, port, tls) for one in range(WRITERS)]
            for writer in writers:
                writer.start()
            time.sleep(chance.uniform(0.005, 0.15))
            os.kill(pid, signal.SIGKILL)
            for writer in writers:
                writer.join(30)
            pid = zygote.start(home)
            answering(home, pid)
            port, tls = wire(home / "clusters" / "one" / "kubeconfig")
            wrong += [f"round {number}: {text}" for text in compare(ledger, listed(port, tls))]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        zygote.close()
    return ledger, wrong
