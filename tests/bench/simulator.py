"""The simulator: start, writes, watches, lists and memory, each beside what the libraries under it need alone."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from lab.sim import control
from tests.bench.measure import Figure, median, seconds_of
from tests.sim.killing import wire

CLUSTERS = 50
CREATES = 2000
WATCHERS = 200
LISTED = 2000
LISTS = 40
IN_FLIGHT = 16
ROUNDS = 3
IDLE_SECONDS = 10
PATH = "/api/v1/namespaces/default/configmaps"
LIST = f"{PATH}?limit={LISTED}"
DATA = {"a": "b", "text": "x" * 200}


class Measured:
    """A measured process; see `tests.bench.simulator_server`."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.simulator_server", kind, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def body(name: str) -> bytes:
    return orjson.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": DATA})


async def posts(session: aiohttp.ClientSession, url: str, prefix: str, count: int, status: int) -> float:
    """Seconds for `count` creations, 16 at a time."""
    names = iter(range(count))

    async def worker() -> None:
        for number in names:
            async with session.post(
                url, data=body(f"{prefix}-{number}"), headers={"Content-Type": "application/json"}
            ) as response:
                await response.read()
                assert response.status == status, await response.text()

    begin = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - begin


def session(tls: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls, limit=0), read_bufsize=4 * 1024 * 1024)


async def with_clients(folder: Path, call: Callable[[aiohttp.ClientSession, str], Awaitable[Any]]) -> Any:
    port, tls = wire(folder / "c0" / "kubeconfig")
    async with session(tls) as client:
        return await call(client, f"https://127.0.0.1:{port}")


def empty(folder: Path) -> dict[str, Figure]:
    measured = Measured("cluster", folder)
    try:
        measured.ask("facts")
        begin = measured.ask(f"start {CLUSTERS}")
        time.sleep(3)
        before = measured.ask("facts")
        time.sleep(IDLE_SECONDS)
        after = measured.ask("facts")
    finally:
        measured.end()
    share = (after["cpu"] - before["cpu"]) / IDLE_SECONDS * 100
    return {
        "sim.start_50": Figure(value=begin["seconds"], unit="s", limit=0.5, note=f"{CLUSTERS} empty clusters served"),
        "sim.memory_50": Figure(
            value=after["megabytes"], unit="MB", limit=80, note="resident, the interpreter included"
        ),
        "sim.idle": Figure(
            value=share, unit="% of a core", limit=1.0, note=f"{CLUSTERS} idle clusters, {IDLE_SECONDS} s"
        ),
    }


def throughput(folder: Path) -> dict[str, Figure]:
    cluster, echo = Measured("cluster", folder / "cluster"), Measured("echo", folder / "echo")
    shares = []
    try:
        cluster.ask("start 1")
        (port,) = echo.ask("start 1")["ports"]
        _, tls = wire(folder / "echo" / "c0" / "kubeconfig")

        async def bare() -> float:
            async with session(tls) as client:
                return await posts(client, f"https://127.0.0.1:{port}{PATH}", "n", CREATES, 200)

        for number in range(ROUNDS + 1):
            base = asyncio.run(bare())
            prefix = f"r{number}"
            taken = asyncio.run(
                with_clients(
                    folder / "cluster",
                    lambda client, url, prefix=prefix: posts(client, url + PATH, prefix, CREATES, 201),
                )
            )
            if number:
                shares.append(taken / base)
        before = cluster.ask("facts")
        asyncio.run(with_clients(folder / "cluster", lambda client, url: posts(client, url + PATH, "m", CREATES, 201)))
        after = cluster.ask("facts")
        listing = cluster.ask(f"list {LISTS}")
        wall, raw = asyncio.run(with_clients(folder / "cluster", lambda client, url: _gets(client, url + LIST)))
        base, _ = asyncio.run(with_clients(folder / "echo", lambda client, url: _gets(client, url + PATH, raw)))
    finally:
        cluster.end()
        echo.end()
    grown = (after["megabytes"] - before["megabytes"]) * 1000 / CREATES
    return {
        "sim.create": Figure(
            value=median(shares),
            unit="times a bare aiohttp echo",
            limit=2.0,
            note="time; a share of 0.5 in throughput is 2.0",
        ),
        "sim.memory_1000": Figure(
            value=grown, unit="MB", note="for 1,000 ConfigMaps of 300 bytes, managed fields included"
        ),
        "sim.list": Figure(
            value=listing["whole"] / listing["alone"],
            unit="times orjson of the same",
            limit=4.0,
            note=f"{LISTED} objects, from the store to the answer's bytes",
        ),
        "sim.list_wall": Figure(
            value=wall / base,
            unit="times a bare aiohttp sending the same bytes",
            note=f"{len(raw) / 1e6:.1f} MB, request to last byte, {wall * 1000:.1f} ms",
        ),
    }


async def _gets(client: aiohttp.ClientSession, url: str, first: bytes = b"") -> tuple[float, bytes]:
    """Median seconds of a GET from request to last byte, and its body; `first` is posted before, to be sent back."""
    if first:
        async with client.post(url, data=first) as response:
            await response.read()
    walls, raw = [], b""
    for _ in range(LISTS):
        begin = time.perf_counter()
        async with client.get(url) as response:
            raw = await response.read()
        walls.append(time.perf_counter() - begin)
    return median(walls), raw


def watching(folder: Path) -> dict[str, Figure]:
    measured = Measured("cluster", folder)
    try:
        measured.ask("start 1")
        before = measured.ask("facts")["encoded"]
        seconds, received = asyncio.run(with_clients(folder, _watched))
        encodings = (measured.ask("facts")["encoded"] - before) / CREATES
    finally:
        measured.end()
    lost = WATCHERS * CREATES - received
    return {
        "sim.watch_lost": Figure(
            value=lost, unit="events", limit=0, note=f"{WATCHERS} watchers of {CREATES} creates, {seconds:.1f} s in all"
        ),
        "sim.watch_encodings": Figure(value=encodings, unit="for each create", limit=1.0),
    }


async def _watched(client: aiohttp.ClientSession, url: str) -> tuple[float, int]:
    received = [0] * WATCHERS
    ready = asyncio.Semaphore(0)

    async def watch(number: int) -> None:
        params = {"watch": "true", "resourceVersion": "0", "fieldSelector": "metadata.name!=kube-root-ca.crt"}
        async with client.get(url + PATH, params=params) as response:
            ready.release()
            async for block in response.content.iter_any():
                received[number] += block.count(b'"type":"ADDED"')
                if received[number] >= CREATES:
                    return

    begin = time.perf_counter()
    tasks = [asyncio.ensure_future(watch(number)) for number in range(WATCHERS)]
    for _ in tasks:
        await ready.acquire()
    await posts(client, url + PATH, "w", CREATES, 201)
    await asyncio.wait(tasks, timeout=60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return time.perf_counter() - begin, sum(received)


def cold(folder: Path) -> dict[str, Figure]:
    """From nothing to one cluster that answers, the interpreter's start included."""
    shares = []
    for number in range(ROUNDS):
        home = folder / str(number)
        base = min(seconds_of([sys.executable, "-c", "pass"]) for _ in range(5))
        try:
            shares.append(seconds_of([sys.executable, "-m", "lab.sim", "--home", home, "create", "one"]) / base)
        finally:
            running = control.connect(home)
            if running is not None:
                running.stop()
    return {"sim.start": Figure(value=median(shares), unit="times python -c pass", note="daemon and one cluster, cold")}


def figures() -> dict[str, Figure]:
    """All of them; each part with processes and a folder of its own."""
    found: dict[str, Figure] = {}
    for part in (empty, throughput, watching, cold):
        with tempfile.TemporaryDirectory() as folder:
            found |= part(Path(folder))
    return found
