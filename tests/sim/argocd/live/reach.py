"""Destinations for tests: bare clusters in this process, reached as Argo CD reaches its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import yaml

from lab.sim.api import crd
from lab.sim.api.context import User
from lab.sim.api.resources import Resource
from lab.sim.api.status import forbidden
from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.comparison.settings import DEFAULTS, ComparisonSettings
from lab.sim.argocd.live.cluster import LiveChange
from lab.sim.argocd.live.state import LiveState
from lab.sim.argocd.ports import ApiResource, ConnectError
from lab.sim.clock import settle
from lab.sim.inprocess import InProcessClient
from lab.sim.objects import Object, evolve
from tests.sim.clusters import Bare, bare

SERVER = "https://one.example:6443"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass
class OneConnection:
    """`lab.sim.argocd.ports.Connection` to a bare cluster."""

    cluster: Bare
    client: InProcessClient
    server: str = SERVER
    version: str = "v1.34.0"

    async def resources(self) -> Sequence[ApiResource]:
        rows = [one for one in self.cluster.rest.registry if one.stored]
        return [ApiResource(one.group, one.version, one.kind, one.plural, one.namespaced) for one in rows]


@dataclass
class Reach:
    """One cluster; `refused` says why it cannot be reached, `hidden` which kinds may not be listed."""

    cluster: Bare = field(default_factory=bare)
    refused: str = ""
    hidden: tuple[str, ...] = ()
    connected: int = 0

    async def connect(self, cluster: Cluster) -> OneConnection:
        self.connected += 1
        if self.refused:
            raise ConnectError(self.refused)
        gate = self if self.hidden else None
        return OneConnection(self.cluster, InProcessClient(self.cluster.rest, "argocd-controller", gate=gate))

    def check(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str = "", subresource: str = ""
    ) -> None:
        if resource.plural in self.hidden:
            why = f'User "{user.name}" cannot {verb} resource "{resource.plural}"'
            raise forbidden(resource.group, resource.plural, name, why)


@dataclass
class Seen:
    """A cluster's live state, and what it told."""

    reach: Reach
    state: LiveState
    changes: list[LiveChange] = field(default_factory=list)

    @property
    def client(self) -> InProcessClient:
        return self.reach.cluster.client("somebody")

    async def live(self, **fields: Any):  # type: ignore[no-untyped-def]
        return await self.state.cluster(Cluster(SERVER, "one", **fields))

    async def told(self) -> list[LiveChange]:
        """What was told since the last time."""
        await settle()
        found, self.changes[:] = list(self.changes), []
        return found


@asynccontextmanager
async def seen(
    settings: ComparisonSettings = DEFAULTS, namespaces: Sequence[str] = ("shop",), **fields: Any
) -> AsyncIterator[Seen]:
    reach = Reach(**fields)
    crd.Definitions(reach.cluster.rest.store, reach.cluster.rest.registry)
    for name in namespaces:
        await reach.cluster.client().create("namespaces", {"metadata": {"name": name}})
    changes: list[LiveChange] = []
    made = Seen(reach, LiveState(reach, reach.cluster.clock, settings, changes.append), changes)
    try:
        yield made
    finally:
        await made.state.close()


def objects(text: str) -> list[Object]:
    """Objects from YAML."""
    return [one for one in yaml.safe_load_all(text) if one]


def applied(obj: Object) -> Object:
    """As client-side apply creates it."""
    notes = dict(obj["metadata"].get("annotations") or {})
    notes[LAST_APPLIED] = orjson.dumps(obj).decode() + "\n"
    return evolve(obj, metadata={"annotations": notes})
