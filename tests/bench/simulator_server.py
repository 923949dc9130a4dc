"""The measured side: `python -m tests.bench.simulator_server cluster|echo FOLDER`, asked by lines on standard input.

`start N` serves N clusters (or echo ports) and answers with seconds and ports; `list N` times N lists; `facts` answers
with resident memory, processor time and how often an object was encoded. Answers are JSON lines.
"""

import asyncio
import gc
import json
import os
import resource
import ssl
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
from aiohttp import web

from lab.sim import daemon, kubeconfig
from lab.sim.api import negotiation, store
from lab.sim.certificates import Authority
from lab.sim.clock import SystemClock
from lab.sim.cluster import Cluster, Settings
from lab.sim.files import make_folder
from lab.sim.journal import Database

encoded = 0


def count_encodings() -> None:
    original = store._encoded

    def counted(obj: dict[str, object]) -> bytes:
        global encoded
        encoded += 1
        return original(obj)

    store._encoded = counted


def facts() -> dict[str, float]:
    gc.collect()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "megabytes": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "cpu": usage.ru_utime + usage.ru_stime,
        "encoded": encoded,
    }


async def clusters(folder: Path, count: int) -> list[int]:
    daemon.collect_seldom()
    make_folder(folder)
    database = Database(folder / "state.db")
    loop = asyncio.get_running_loop()
    database.on_dirty = lambda: loop.call_later(0.05, database.flush)
    made = []
    for number in range(count):
        settings = Settings(f"c{number}", timing="instant")
        database.add_cluster(settings.name, {"name": settings.name})
        cluster = Cluster(settings, folder / settings.name, database, SystemClock())
        await cluster.start()
        made.append(cluster)
    database.commit()
    kept.extend(made)
    return [cluster.settings.port for cluster in made]


async def echo(folder: Path, count: int) -> list[int]:
    """What aiohttp does by itself, over the same TLS: read a body, send it back, or send the last one again."""
    make_folder(folder)
    authority = Authority.create("kubernetes", SystemClock())
    pair, client = authority.server(), authority.client()
    (folder / "server.pem").write_bytes(pair.certificate + pair.key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem")

    last = b""

    async def answer(request: web.BaseRequest) -> web.Response:
        nonlocal last
        if request.method == "POST":
            last = await request.content.read()
        return web.Response(body=last, content_type="application/json")

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    kept.append(runner)
    port = int(runner.addresses[0][1])
    text = kubeconfig.with_certificate(port, authority.pair.certificate, client, name="echo")
    make_folder(folder / "c0")
    (folder / "c0" / "kubeconfig").write_text(text)
    return [port]


def listing(rounds: int) -> dict[str, float]:
    """Medians of the seconds from the store to a list's bytes, and of orjson alone for the same objects."""
    cluster = kept[0]
    assert isinstance(cluster, Cluster)
    row = cluster.registry.find("", "v1", "configmaps")
    assert row is not None
    whole, alone = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        listed = cluster.rest.list(row, "default", limit=2000)
        body = {"kind": row.list_kind, "apiVersion": "v1", "metadata": {}, "items": listed.items}
        negotiation.encoded(body, negotiation.PLAIN)
        whole.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        orjson.dumps(body)
        alone.append(time.perf_counter() - begin)
    return {"whole": statistics.median(whole), "alone": statistics.median(alone)}


kept: list[object] = []
KINDS: dict[str, Callable[[Path, int], Awaitable[list[int]]]] = {"cluster": clusters, "echo": echo}


async def main() -> None:
    kind, folder = KINDS[sys.argv[1]], Path(sys.argv[2])
    count_encodings()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        word, *rest = line.split()
        if word == "start":
            begin = time.perf_counter()
            ports = await kind(folder, int(rest[0]))
            print(json.dumps({"seconds": time.perf_counter() - begin, "ports": ports}), flush=True)
        elif word == "list":
            print(json.dumps(listing(int(rest[0]))), flush=True)
        else:
            print(json.dumps(facts()), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
