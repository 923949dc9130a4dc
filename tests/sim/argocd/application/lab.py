"""An Argo CD at work in process: a hub, further clusters, a git server, and a clock moved by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lab.sim.api import crd
from lab.sim.api.status import ApiError
from lab.sim.api.tokens import Tokens
from lab.sim.argocd.application import run
from lab.sim.argocd.clusters import IN_CLUSTER_SERVER, Cluster
from lab.sim.argocd.install.definitions import definitions
from lab.sim.argocd.install.settings import default_project
from lab.sim.argocd.ports import ApiResource, ConnectError
from lab.sim.argocd.repo_server import Addresses, Checkouts, LabRepoServer, Renderer
from lab.sim.argocd.world import INSTANT, Profile, World
from lab.sim.clock import ManualClock, settle, timestamp
from lab.sim.control_plane import ControlPlane, Needs
from lab.sim.git.repositories import Person
from lab.sim.git.server import GitServer
from lab.sim.inprocess import InProcessClient
from lab.sim.logs import Logs
from lab.sim.objects import Object, thaw
from lab.sim.programs import Process, Programs
from tests.sim.clusters import Bare, bare
from tests.sim.controllers.cluster_running import namespace

ARGOCD = "argocd"
HUB, SPOKE = "hub", "spoke"
OWNER, REPOSITORY = "lab", "apps"
URL = f"http://lab-git:3000/{OWNER}/{REPOSITORY}.git"
AUTHOR = Person("Ada", "ada@example.com")
APPS = "applications.argoproj.io"


@cache
def _key() -> bytes:
    return Tokens.create_key()


@dataclass
class Reached:
    """`lab.sim.argocd.ports.Connection` to a cluster of this process."""

    server: str
    client: InProcessClient
    cluster: Bare
    version: str = "v1.34.0"

    async def resources(self) -> Sequence[ApiResource]:
        return [
            ApiResource(row.group, row.version, row.kind, row.plural, row.namespaced)
            for row in self.cluster.rest.registry
            if row.stored
        ]


@dataclass
class Lab:
    """Everything of one test."""

    clock: ManualClock
    git: GitServer
    env: dict[str, str]
    profile: Profile
    clusters: dict[str, Bare] = field(default_factory=dict)
    planes: list[ControlPlane] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    controller: asyncio.Task[None] | None = None
    repo_server: LabRepoServer | None = None

    # -- lab.sim.argocd.ports.Destinations

    async def connect(self, cluster: Cluster) -> Reached:
        name = HUB if cluster.server == IN_CLUSTER_SERVER else cluster.server.split("//")[1].split("-control-plane")[0]
        if name not in self.clusters or name in self.unreachable:
            text = f'Get "{cluster.server}/version?timeout=32s": dial tcp 172.18.0.3:6443: connect: connection refused'
            raise ConnectError(text)
        return Reached(cluster.server, self.client(name, "argocd-controller"), self.clusters[name])

    # -- clusters

    def client(self, cluster: str = HUB, manager: str = "tester") -> InProcessClient:
        return InProcessClient(self.clusters[cluster].rest, manager)

    async def add_cluster(self, name: str, *, controllers: bool = True) -> None:
        made = bare()
        made.clock = self.clock
        made.rest.clock = self.clock
        rest = made.rest
        crd.Definitions(rest.store, rest.registry)
        self.clusters[name] = made
        for one in ("default", "kube-system", "kube-node-lease"):
            await self.client(name).create("namespaces", namespace(one))
        if controllers:
            needs = Needs(
                rest=rest,
                clock=self.clock,
                name=name,
                workers=0,
                timing="instant",
                certificate=b"",
                sign=lambda *_: b"",  # type: ignore[arg-type]
                tokens=Tokens(rest, _key()),
                logs=Logs(self.clock),
                programs=Programs(),
                loaded=lambda _: True,
                client_for=lambda space, account: InProcessClient(rest, f"{space}/{account}"),
            )
            self.planes.append(ControlPlane(needs))

    async def register(self, name: str, *, server: str = "", **more: str) -> None:
        """A cluster Secret; `more`: further keys of its data."""
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": f"cluster-{name}",
                "namespace": ARGOCD,
                "labels": {"argocd.argoproj.io/secret-type": "cluster"},
            },
            "stringData": {"name": name, "server": server or f"https://{name}-control-plane:6443", **more},
        }
        await self.client().create("secrets", secret)

    # -- git

    def push(self, files: Mapping[str, str | None], *, branch: str = "main", name: str = REPOSITORY) -> str:
        """Commit changes (None removes a file); returns the commit."""
        held = self.files if (branch, name) == ("main", REPOSITORY) else {}
        for path, text in files.items():
            if text is None:
                held.pop(path)
            else:
                held[path] = text.encode()
        return self.git.repositories.commit(
            OWNER, name, held, message="change", author=AUTHOR, when=self.clock.now(), branch=branch
        )

    # -- Argo CD

    async def start(self) -> None:
        """Start the application controller."""
        checkouts = Checkouts(self.git)
        addresses = Addresses(lambda: ["http://lab-git:3000"])
        hub = self.clusters[HUB].rest
        secrets = hub.registry.plural("", "secrets")
        assert secrets is not None
        self.repo_server = LabRepoServer(
            Renderer(checkouts), addresses, lambda: hub.list(secrets, ARGOCD).items, self.clock
        )
        process = Process(
            client=self.client(HUB, "argocd-application-controller"),
            clock=self.clock,
            namespace=ARGOCD,
            pod="argocd-application-controller-0",
            container="application-controller",
            argv=("argocd-application-controller",),
            env=self.env,
            log=self.lines.append,
        )
        self.controller = asyncio.create_task(run(process, World(self, self.repo_server, self.profile, self.git)))

    async def stop(self) -> None:
        if self.controller is not None:
            self.controller.cancel()
            await asyncio.gather(self.controller, return_exceptions=True)
            self.controller = None

    def revision(self) -> tuple[int, ...]:
        return tuple(one.rest.store.revision for one in self.clusters.values())

    async def settle(self) -> None:
        """Let everything happen that needs next to no time."""
        for _ in range(200):
            before = self.revision()
            await settle(60)
            await self.clock.advance(0.02)
            if self.revision() == before:
                if self.controller is not None and self.controller.done():
                    self.controller.result()
                return
        raise AssertionError("the lab does not come to rest")

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        while seconds > 0:
            await self.clock.advance(min(step, seconds))
            await settle(60)
            seconds -= step
        await self.settle()

    def now(self) -> str:
        """The present as the API writes it."""
        return timestamp(self.clock.now())

    # -- Applications

    async def create_app(self, name: str = "web", **changes: Any) -> Object:
        return await self.client().create(APPS, application(name, **changes))

    async def app(self, name: str = "web", space: str = ARGOCD) -> Object:
        return await self.client().get(APPS, space, name)

    async def patch_app(self, patch: Any, name: str = "web", kind: str = "merge", space: str = ARGOCD) -> Object:
        return await self.client().patch(APPS, space, name, patch, kind)

    async def configure(self, data: Mapping[str, str]) -> None:
        """Set keys of argocd-cm."""
        await self.client().patch("configmaps", ARGOCD, "argocd-cm", {"data": dict(data)})

    async def find(self, resource: str, name: str, space: str = "shop", cluster: str = SPOKE) -> Object | None:
        try:
            return await self.client(cluster).get(resource, space, name)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    async def events(self, name: str = "web", space: str = ARGOCD) -> list[tuple[str, str, str]]:
        """(type, reason, message) of the events about an Application, oldest first."""
        found, _ = await self.client().list("events", space)
        about = [one for one in found if one["involvedObject"].get("name") == name]
        about.sort(key=lambda one: int(one["metadata"]["name"].rpartition(".")[2], 16))
        return [(one["type"], one["reason"], one["message"]) for one in about]


def application(
    name: str = "web",
    *,
    path: str = "shop",
    namespace: str = "shop",
    cluster: str = SPOKE,
    automated: Object | None = None,
    space: str = ARGOCD,
    project: str = "default",
    metadata: Object | None = None,
    **spec: Any,
) -> Object:
    """An Application with one source in the lab's repository."""
    policy = dict(spec.pop("syncPolicy", None) or {})
    if automated is not None:
        policy["automated"] = automated
    made: Object = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": space, **(metadata or {})},
        "spec": {
            "project": project,
            "source": {"repoURL": URL, "path": path, "targetRevision": "main"},
            "destination": {"name": "in-cluster" if cluster == HUB else cluster, "namespace": namespace},
            **({"syncPolicy": policy} if policy else {}),
            **spec,
        },
    }
    for key in [key for key, value in made["spec"].items() if value is None]:
        del made["spec"][key]
    return made


def config_map(name: str, data: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None) -> str:
    """A manifest, as JSON (which is YAML)."""
    metadata: Object = {"name": name, **({"annotations": dict(annotations)} if annotations else {})}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data or {"a": "1"})})


@asynccontextmanager
async def lab(
    folder: Path, *, env: Mapping[str, str] | None = None, profile: Profile = INSTANT, controllers: bool = True
) -> AsyncIterator[Lab]:
    """A hub with Argo CD's definitions and an empty repository, a registered spoke with the namespace `shop`."""
    clock = ManualClock()
    git = GitServer(folder / "git", clock)
    git.forge.create(OWNER, REPOSITORY)
    made = Lab(clock, git, dict(env or {}), profile)
    await made.add_cluster(HUB, controllers=controllers)
    await made.add_cluster(SPOKE, controllers=controllers)
    for definition in definitions():
        await made.client().create("customresourcedefinitions.apiextensions.k8s.io", thaw(definition))
    await made.client().create("namespaces", namespace(ARGOCD))
    await made.client(SPOKE).create("namespaces", namespace("shop"))
    await made.settle()
    await made.client().create("appprojects.argoproj.io", thaw(default_project(ARGOCD)))
    await made.client().create(
        "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": ARGOCD}}
    )
    await made.register(SPOKE)
    try:
        yield made
    finally:
        await made.stop()
        for plane in made.planes:
            await plane.stop()
