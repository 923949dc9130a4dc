"""Records what Argo CD's own ApplicationSet controller makes of `data/sets.yaml`.

    ARGOCD=/path/to/argocd-3.6.1 MANIFESTS=/path/to/install.yaml python -m tests.sim.argocd.applicationset.record

The controller and, for git generators, the repository server run as processes against a simulated cluster.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import yaml

from lab.sim import kubeconfig
from lab.sim.clock import SystemClock
from lab.sim.cluster import Cluster, Settings
from lab.sim.objects import Object
from tests.sim.argocd.applicationset.play import NAMESPACE, RECORDED, cases, outside, play, surround

ARGOCD = os.environ.get("ARGOCD", "/var/cache/lab-rig/bin/argocd")
MANIFESTS = os.environ.get("MANIFESTS", "/var/cache/lab-rig/manifests/argocd/v3.6.1/install.yaml")
ACCOUNT = "argocd-applicationset-controller"
SETTLED_SECONDS = 12.0
_KINDS = {
    "CustomResourceDefinition": "customresourcedefinitions.apiextensions.k8s.io",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles.rbac.authorization.k8s.io",
    "RoleBinding": "rolebindings.rbac.authorization.k8s.io",
    "ConfigMap": "configmaps",
}
_REPO_SERVER = 18081
_REDIS = 18083


@contextmanager
def running(name: str, folder: Path, *flags: str, **env: str) -> Iterator[None]:
    """One of Argo CD's programs, its log in `folder`."""
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [ARGOCD, *flags],
            env={**os.environ, "ARGOCD_BINARY_NAME": name, "HOME": str(folder), **env},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


async def _memory(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: dict[bytes, bytes]) -> None:
    """As much of Redis as the repository server's cache needs."""
    while (head := await reader.readline()).startswith(b"*"):
        words = []
        for _ in range(int(head[1:])):
            length = int((await reader.readline())[1:])
            words.append((await reader.readexactly(length + 2))[:-2])
        verb, *rest = words
        if verb.upper() == b"GET":
            held = kept.get(rest[0])
            writer.write(b"$-1\r\n" if held is None else b"$%d\r\n%s\r\n" % (len(held), held))
        elif verb.upper() == b"SET":
            if b"NX" in [one.upper() for one in rest[2:]] and rest[0] in kept:
                writer.write(b"$-1\r\n")
            else:
                kept[rest[0]] = rest[1]
                writer.write(b"+OK\r\n")
        elif verb.upper() == b"DEL":
            writer.write(b":%d\r\n" % sum(kept.pop(one, None) is not None for one in rest))
        else:
            writer.write(b"+PONG\r\n" if verb.upper() == b"PING" else b"-ERR unknown command\r\n")
        await writer.drain()


async def record(folder: Path, wanted: set[str]) -> list[Object]:
    """What there is after each step of the cases that are `wanted`; logs are left in `folder`."""
    cluster = Cluster(Settings("hub", "1.34", timing="instant"), folder / "hub", None, SystemClock())
    await cluster.start()
    client = cluster.admin("recorder")
    await client.create("namespaces", {"metadata": {"name": NAMESPACE}})
    for obj in yaml.load_all(Path(MANIFESTS).read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if obj and obj["kind"] in _KINDS:
            within = {} if obj["kind"] == "CustomResourceDefinition" else {"namespace": NAMESPACE}
            await client.create(_KINDS[obj["kind"]], {**obj, "metadata": {**obj["metadata"], **within}})
    await client.create(
        "secrets",
        {"metadata": {"name": "argocd-secret", "namespace": NAMESPACE}, "stringData": {"server.secretkey": "a2V5"}},
    )
    while cluster.registry.plural("argoproj.io", "applicationsets") is None:
        await asyncio.sleep(0.05)
    config = folder / "kubeconfig"
    certificate = (folder / "hub" / "ca.crt").read_bytes()
    account = await client.get("serviceaccounts", NAMESPACE, ACCOUNT)
    token = cluster._tokens.issue(account)
    config.write_text(kubeconfig.with_token(cluster.settings.port, certificate, token, name="hub", namespace=NAMESPACE))

    async def quiet() -> None:
        last, since = -1, 0.0
        while since < SETTLED_SECONDS:
            await asyncio.sleep(0.5)
            now = cluster.store.revision
            last, since = (last, since + 0.5) if now == last else (now, 0.0)

    repo_server = (
        f"--port={_REPO_SERVER}",
        "--metrics-port=18082",
        "--address=127.0.0.1",
        f"--redis=127.0.0.1:{_REDIS}",
    )
    free = [f"--{name}-addr=127.0.0.1:0" for name in ("metrics", "probe", "webhook")]
    controller = (
        *("--kubeconfig", str(config), "--namespace", NAMESPACE, f"--argocd-repo-server=127.0.0.1:{_REPO_SERVER}"),
        *("--enable-progressive-syncs", "--refresh-grace-period-seconds=0", *free),
    )
    kept: dict[bytes, bytes] = {}
    redis = await asyncio.start_server(lambda reader, writer: _memory(reader, writer, kept), "127.0.0.1", _REDIS)
    async with redis, outside(folder) as around:
        await surround(client, around)
        keys = folder / "gpg"
        keys.mkdir()
        with (
            running(
                "argocd-repo-server",
                folder,
                *repo_server,
                ARGOCD_GNUPGHOME=str(keys),
                ARGOCD_GPG_ENABLED="false",
                TMPDIR=str(folder),
            ),
            running("argocd-applicationset-controller", folder, *controller, KUBECONFIG=str(config)),
        ):
            found = [one async for one in play(client, around, quiet, wanted)]
    await cluster.stop()
    return sorted(found, key=lambda one: (list(cases()).index(one["case"]), one["step"]))


def main() -> None:
    folder, wanted = Path(tempfile.mkdtemp(prefix="record-")), set(sys.argv[1:]) or set(cases())
    found = asyncio.run(record(folder, wanted))
    RECORDED.write_bytes(b"".join(orjson.dumps(one, option=orjson.OPT_SORT_KEYS) + b"\n" for one in found))
    print(f"{len(found)} states of {len(wanted)} cases; logs: {folder}")


if __name__ == "__main__":
    main()
