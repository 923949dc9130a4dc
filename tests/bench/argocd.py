"""The simulator's Argo CD: a fleet from nothing, pushes, sameness."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from lab.sim import control
from lab.sim.argocd import install
from lab.sim.clock import SystemClock
from lab.sim.http_client import Endpoint, HttpClient
from tests.bench.measure import Figure, percentile, seconds_of

CLUSTERS, SERVICES = 12, 30
PARTS = 4
"""Pods of a core install."""
PUSHES = 20
RUNS = 20
COLD_RUNS = 3
SMALL_CLUSTERS, SMALL_SERVICES = 2, 3
DEADLINE = 120.0
APPLICATIONS, SETS = "applications.argoproj.io", "applicationsets.argoproj.io"
PASSWORD = "bench"
_RESOURCES = {
    "AppProject": "appprojects.argoproj.io",
    "NetworkPolicy": "networkpolicies.networking.k8s.io",
    "ApplicationSet": SETS,
}
_GROUPS = {"apps": "apps", "rbac.authorization.k8s.io": "rbac.authorization.k8s.io"}

Object = dict[str, Any]


class Fleet:
    """A daemon with a hub, `clusters` more and a repository of `services` folders; Argo CD runs on the hub."""

    def __init__(self, folder: Path, clusters: int, services: int) -> None:
        self._folder = folder
        self._clusters = [f"c{number:02}" for number in range(1, clusters + 1)]
        self._services = [f"s{number:02}" for number in range(1, services + 1)]
        self._work = folder / "work"
        self.wanted = clusters * services

    def begin(self) -> None:
        """Everything outside the clusters, as a command line would do it."""
        self.daemon = control.start(self._folder / "sim", programs=True)
        self.daemon.create(*({"name": name, "timing": "instant"} for name in ("hub", *self._clusters)))
        self._url = str(self.daemon.start_git()["url"])
        self.daemon.set_account("lab", PASSWORD)

    def endpoint(self, cluster: str) -> Endpoint:
        return Endpoint.of_kubeconfig(self._kubeconfig(cluster))

    def _kubeconfig(self, cluster: str) -> Path:
        return self._folder / "sim" / "clusters" / cluster / "kubeconfig"

    async def seed(self) -> None:
        """The repository with a folder for each service."""
        basic = aiohttp.BasicAuth("lab", PASSWORD)
        async with (
            aiohttp.ClientSession(auth=basic) as session,
            session.post(f"{self._url}/api/v1/user/repos", json={"name": "fleet"}) as made,
        ):
            assert made.status == 201, await made.text()
        for name in self._services:
            (self._work / name).mkdir(parents=True)
            self.write(name, "1")
        self._git("init", "-q", "-b", "main")
        self._git("config", "user.email", "bench@example.com")
        self._git("config", "user.name", "bench")
        host = self._url.removeprefix("http://")
        self._git("remote", "add", "origin", f"http://lab:{PASSWORD}@{host}/lab/fleet.git")
        self.push()

    def write(self, service: str, value: str) -> None:
        labels = {"app": service}
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "nginx:1.29"}]}}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": service},
            "spec": {"selector": {"matchLabels": labels}, "template": pod},
        }
        settings = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": service},
            "data": {"value": value},
        }
        (self._work / service / "all.yaml").write_text(yaml.safe_dump_all([deployment, settings]))

    def push(self) -> str:
        """Commit and push what was written; the commit."""
        self._git("add", "-A")
        self._git("commit", "-q", "-m", "change")
        self._git("push", "-q", "origin", "main")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self._work, check=True, capture_output=True, text=True)
        return done.stdout

    async def install(self, hub: HttpClient) -> None:
        """Argo CD, the clusters' Secrets, and one ApplicationSet over clusters and services."""
        objects = install.objects("argocd")
        for obj in objects:
            if obj["kind"] in ("Deployment", "StatefulSet"):
                for container in obj["spec"]["template"]["spec"]["containers"]:
                    # As the lab installs it: a program that serves at once needs no first delay of a probe.
                    container.pop("readinessProbe", None)
            await hub.apply(_resource(obj), obj)
        for name in self._clusters:
            await hub.create("secrets", self._secret(name))
        while not await self._is_ready(hub):
            await asyncio.sleep(0.01)
        await hub.create(SETS, self._application_set())

    async def _is_ready(self, hub: HttpClient) -> bool:
        """Whether Argo CD serves: a generator that finds no repository server would wait three minutes."""
        pods, _ = await hub.list("pods", "argocd")
        ready = [{one["type"]: one["status"] for one in pod["status"].get("conditions", ())} for pod in pods]
        return len(pods) == PARTS and all(one.get("Ready") == "True" for one in ready)

    def _secret(self, cluster: str) -> Object:
        config = yaml.safe_load(self._kubeconfig(cluster).read_text())
        user, where = config["users"][0]["user"], config["clusters"][0]["cluster"]
        tls = {
            "caData": where["certificate-authority-data"],
            "certData": user["client-certificate-data"],
            "keyData": user["client-key-data"],
        }
        data = {
            "name": cluster,
            "server": f"https://{cluster}-control-plane:6443",
            "config": orjson.dumps({"tlsClientConfig": tls}).decode(),
        }
        labels = {"argocd.argoproj.io/secret-type": "cluster"}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"cluster-{cluster}", "namespace": "argocd", "labels": labels},
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
        }

    def _application_set(self) -> Object:
        source = {"repoURL": "http://lab-git:3000/lab/fleet.git", "targetRevision": "main", "path": "{{.path.path}}"}
        spec = {
            "project": "default",
            "source": source,
            "destination": {"name": "{{.name}}", "namespace": "fleet"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]},
        }
        chosen = {"matchLabels": {"argocd.argoproj.io/secret-type": "cluster"}}
        folders = {"repoURL": source["repoURL"], "revision": "main", "directories": [{"path": "*"}]}
        matrix = {"generators": [{"git": folders}, {"clusters": {"selector": chosen}}]}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "ApplicationSet",
            "metadata": {"name": "fleet", "namespace": "argocd"},
            "spec": {
                "goTemplate": True,
                "generators": [{"matrix": matrix}],
                "template": {"metadata": {"name": "{{.path.basename}}-{{.name}}"}, "spec": spec},
            },
        }

    async def until(self, hub: HttpClient, holds: Callable[[Object], bool], pause: float = 0.05) -> list[Object]:
        """Wait until every Application is there and as wanted; returns them."""
        ends = time.perf_counter() + DEADLINE
        while True:
            found, _ = await hub.list(APPLICATIONS, "argocd")
            if len(found) == self.wanted and all(map(holds, found)):
                return found
            if time.perf_counter() > ends:
                late = [one["metadata"]["name"] for one in found if not holds(one)]
                raise TimeoutError(f"{len(found)} of {self.wanted} Applications; not as wanted: {late[:5]}")
            await asyncio.sleep(pause)

    def end(self) -> None:
        self.daemon.stop()


def _resource(obj: Object) -> str:
    kind = str(obj["kind"])
    group = obj["apiVersion"].rpartition("/")[0]
    if kind in _RESOURCES:
        return _RESOURCES[kind]
    plural = f"{kind.lower()}s"
    return f"{plural}.{group}" if group else plural


def _is_synced(app: Object) -> bool:
    return bool(app.get("status", {}).get("sync", {}).get("status") == "Synced")


def _is_done(app: Object) -> bool:
    return _is_synced(app) and app["status"].get("health", {}).get("status") == "Healthy"


async def _with(fleet: Fleet, call: Callable[[HttpClient], Awaitable[Any]]) -> Any:
    async with HttpClient(fleet.endpoint("hub"), "bench", SystemClock()) as hub:
        return await call(hub)


def from_nothing(folder: Path) -> dict[str, Figure]:
    """A fleet from nothing, then single pushes."""
    fleet = Fleet(folder, CLUSTERS, SERVICES)
    base = min(seconds_of([sys.executable, "-c", "pass"]) for _ in range(7))
    begin = time.perf_counter()
    fleet.begin()
    try:

        async def rise(hub: HttpClient) -> tuple[float, float]:
            await fleet.seed()
            await fleet.install(hub)
            await fleet.until(hub, _is_synced)
            synced = time.perf_counter() - begin
            await fleet.until(hub, _is_done)
            return synced, time.perf_counter() - begin

        synced, healthy = asyncio.run(_with(fleet, rise))
        pushes = asyncio.run(_with(fleet, lambda hub: _pushes(fleet, hub)))
    finally:
        fleet.end()
    return {
        "argocd.fleet": Figure(
            value=synced / base,
            unit="times python -c pass",
            limit=300,
            note=f"{fleet.wanted} Applications on {CLUSTERS} clusters, cold start to all Synced: {synced:.2f} s; "
            f"all Healthy after {healthy:.2f} s",
        ),
        "argocd.push": Figure(
            value=percentile(pushes, 0.95) * 1000,
            unit="ms",
            limit=100,
            note=f"p95 of {PUSHES} pushes to one service, from the end of git push to its Applications Synced to it",
        ),
    }


async def _pushes(fleet: Fleet, hub: HttpClient) -> list[float]:
    """Seconds from the end of a push until one Application of the changed service is Synced to the commit."""
    taken = []
    for number in range(PUSHES):
        service = fleet._services[number % SERVICES]
        name = f"{service}-{fleet._clusters[0]}"
        fleet.write(service, str(number + 2))
        commit = await asyncio.to_thread(fleet.push)
        begin = time.perf_counter()
        while True:
            app = await hub.get(APPLICATIONS, "argocd", name)
            if _is_synced(app) and app["status"]["sync"].get("revision") == commit:
                break
            assert time.perf_counter() - begin < DEADLINE, f"{name} does not come to {commit}"
            await asyncio.sleep(0.002)
        taken.append(time.perf_counter() - begin)
        await fleet.until(hub, lambda one, commit=commit: one["status"]["sync"].get("revision") == commit)
    return taken


def same(folder: Path) -> dict[str, Figure]:
    """How many different outcomes the same fleet has in several runs."""
    seen = set()
    for number in range(RUNS):
        fleet = Fleet(folder / str(number), SMALL_CLUSTERS, SMALL_SERVICES)
        fleet.begin()
        try:

            async def rise(hub: HttpClient, fleet: Fleet = fleet) -> list[Object]:
                await fleet.seed()
                await fleet.install(hub)
                return await fleet.until(hub, _is_done)

            seen.add(_digest(asyncio.run(_with(fleet, rise))))
        finally:
            fleet.end()
    return {
        "argocd.outcomes": Figure(
            value=len(seen), unit="outcomes", limit=1, note=f"{RUNS} runs, {fleet.wanted} Applications each"
        )
    }


_FREE = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "revision", "revisions"}


def _digest(objects: list[Object]) -> str:
    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            named = {key: one for key, one in value.items() if key not in _FREE and not key.endswith(("At", "Time"))}
            kept = {key: bare(one) for key, one in named.items()}
            return {key: kept[key] for key in sorted(kept)}
        return [bare(one) for one in value] if isinstance(value, list) else value

    return hashlib.sha256(orjson.dumps([bare(one) for one in objects])).hexdigest()


def cold(folder: Path) -> dict[str, Figure]:
    """The main job on a machine without Docker: `lab up centralized`, its checks included, from nothing."""
    lab = Path(sys.executable).with_name("lab")
    base = min(seconds_of([sys.executable, "-c", "pass"]) for _ in range(7))
    taken = []
    for number in range(COLD_RUNS):
        environment = {**os.environ, "LAB_HOME": str(folder / str(number))}
        taken.append(seconds_of([lab, "up", "centralized", "--provider", "sim", "--yes"], environment, DEADLINE))
        seconds_of([lab, "down", "--yes"], environment, DEADLINE)
    value = statistics.median(taken)
    return {
        "argocd.cold": Figure(
            value=value / base, unit="times python -c pass", limit=150, note=f"lab up centralized: {value:.2f} s"
        )
    }


def figures() -> dict[str, Figure]:
    """Everything, each fleet in a daemon of its own."""
    found: dict[str, Figure] = {}
    for call in (cold, from_nothing, same):
        with tempfile.TemporaryDirectory() as folder:
            found |= call(Path(folder))
    return found
