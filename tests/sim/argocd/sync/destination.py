"""A simulated cluster with all its controllers, and syncs to it as the application controller drives them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import yaml

from lab.sim.api import crd
from lab.sim.api.status import ApiError
from lab.sim.api.tokens import Tokens
from lab.sim.argocd.live.key import key_of
from lab.sim.argocd.ports import ApiResource
from lab.sim.argocd.sync import KubectlCache, Pair, SyncContext, SyncOptions, SyncRequest, SyncState
from lab.sim.argocd.sync.hooks import is_hook
from lab.sim.argocd.tracking import Tracking
from lab.sim.clock import ManualClock, settle
from lab.sim.control_plane import ControlPlane, Needs
from lab.sim.inprocess import InProcessClient
from lab.sim.logs import Logs
from lab.sim.objects import Object
from lab.sim.programs import Programs
from tests.sim.clusters import Bare, bare
from tests.sim.controllers.cluster_running import namespace

NAMESPACE = "shop"
TRACKING = Tracking()
INSTANCE = "web"


@cache
def _key() -> bytes:
    return Tokens.create_key()


@dataclass
class Destination:
    """A cluster as `lab.sim.argocd.ports.Connection`, and short words for what tests ask of it."""

    cluster: Bare
    client: InProcessClient
    server: str = "https://kubernetes.default.svc"
    version: str = "v1.34.0"
    cache: KubectlCache = field(default_factory=KubectlCache)

    @property
    def clock(self) -> ManualClock:
        return self.cluster.clock

    async def resources(self) -> Sequence[ApiResource]:
        return [
            ApiResource(row.group, row.version, row.kind, row.plural, row.namespaced)
            for row in self.cluster.rest.registry
            if row.stored
        ]

    async def find(self, resource: str, name: str, place: str = NAMESPACE) -> Object | None:
        try:
            return await self.client.get(resource, place, name)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    async def get(self, resource: str, name: str, place: str = NAMESPACE) -> Object:
        return await self.client.get(resource, place, name)

    def marked(self) -> list[Object]:
        """All live objects with a tracking mark that nothing owns: some owners' marks are on what they own."""
        store = self.cluster.rest.store
        found = [obj for storage in store.storages for obj in store.scan(storage)]
        return [
            one for one in found if TRACKING.instance(one) == INSTANCE and not one["metadata"].get("ownerReferences")
        ]

    async def settle(self) -> None:
        for _ in range(60):
            before = self.cluster.rest.store.revision
            await settle(60)
            await self.clock.advance(0)
            if self.cluster.rest.store.revision == before:
                return
        raise AssertionError("the cluster does not come to rest")

    async def pairs(self, targets: Iterable[Object], namespace: str = NAMESPACE) -> list[Pair]:
        """What a comparison would find: each target with its live object, and what is live and not wanted."""
        live = {key_of(obj): obj for obj in self.marked()}
        made = []
        for target in targets:
            row = self.cluster.rest.registry.kind(target["apiVersion"], target["kind"])
            found = None
            if row is not None:
                place = target["metadata"].get("namespace", namespace) if row.namespaced else ""
                name = f"{row.plural}.{row.version}.{row.group}" if row.group else row.plural
                found = await self.find(name, target["metadata"]["name"], place)
            if found is not None:
                live.pop(key_of(found), None)
            made.append(Pair(target, found))
        return made + [Pair(None, one) for one in live.values()]


@asynccontextmanager
async def destination() -> AsyncIterator[Destination]:
    """A cluster at work with the namespaces `default` and `shop`."""
    cluster = bare()
    rest = cluster.rest
    crd.Definitions(rest.store, rest.registry)
    for name in ("default", "kube-system", "kube-node-lease", NAMESPACE):
        await cluster.client("bootstrap").create("namespaces", namespace(name))
    plane = ControlPlane(
        Needs(
            loaded=lambda _: True,
            rest=rest,
            clock=cluster.clock,
            name="lab",
            workers=0,
            timing="instant",
            certificate=b"",
            sign=lambda *_: b"",  # type: ignore[arg-type]
            tokens=Tokens(rest, _key()),
            logs=Logs(cluster.clock),
            programs=Programs(),
            client_for=lambda space, account: InProcessClient(rest, f"{space}/{account}"),
        )
    )
    made = Destination(cluster, InProcessClient(rest, "argocd-controller"))
    await made.settle()
    try:
        yield made
    finally:
        await plane.stop()


def manifests(text: str) -> list[Object]:
    """Objects from YAML, marked as the Application's."""
    return [TRACKING.marked(one, INSTANCE, NAMESPACE) for one in yaml.safe_load_all(text) if one]


@dataclass
class Operation:
    """One sync operation: `run` takes it through as many passes as it needs."""

    destination: Destination
    targets: Sequence[Object]
    options: SyncOptions = field(default_factory=lambda: SyncOptions(prune=True))
    wave_delay: float = 2.0
    more: dict[str, Any] = field(default_factory=dict)
    state: SyncState | None = None
    passes: int = 0
    messages: list[str] = field(default_factory=list)
    context: SyncContext | None = None

    async def _context(self) -> SyncContext:
        clock = self.destination.clock
        if self.state is None:
            self.state = SyncState(started_at=clock.now())
        wanted = [one for one in self.targets if not is_hook(one)]
        request = SyncRequest(
            pairs=self.more.get("pairs") or await self.destination.pairs(wanted, self.more.get("namespace", NAMESPACE)),
            hooks=[one for one in self.targets if is_hook(one)],
            revision="0123456789abcdef",
            namespace=NAMESPACE,
            options=self.options,
            wave_delay=self.wave_delay,
        )
        return SyncContext(self.destination, replace(request, **self.more), clock, self.state, self.destination.cache)

    async def step(self) -> SyncContext:
        """One pass, time passing as it needs, and the cluster at rest after it."""
        context = await self._context()
        await self._passing(context.step())
        self._keep(context)
        await self.destination.settle()
        return context

    async def _passing(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        await settle()
        for _ in range(1200):
            if task.done():
                break
            await self.destination.clock.advance(0.5)
        await task

    def _keep(self, context: SyncContext) -> None:
        assert self.state is not None
        self.state = SyncState(context.phase, context.message, context.results, self.state.started_at)
        self.passes += 1
        self.messages.append(context.message)
        self.context = context

    async def run(self, until: Callable[[SyncContext], bool] | None = None, most: int = 30) -> SyncContext:
        """Passes until the operation is over or `until` holds."""
        for _ in range(most):
            context = await self.step()
            if context.done or (until is not None and until(context)):
                return context
        raise AssertionError(f"not over after {most} passes: {self.messages}")

    async def terminate(self) -> SyncContext:
        context = await self._context()
        await self._passing(context.terminate())
        self._keep(context)
        await self.destination.settle()
        return context


def told(context: SyncContext) -> dict[str, tuple[str, str, str]]:
    """Results as `{KIND/NAME: (status, hook phase, message)}`."""
    return {f"{one.key.kind}/{one.key.name}": (one.status, one.hook_phase, one.message) for one in context.results}
