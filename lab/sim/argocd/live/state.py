"""The live state of every destination, cluster by cluster.

Source: Argo CD 3.6.1 `controller/cache/cache.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.comparison.settings import ComparisonSettings
from lab.sim.argocd.live.cluster import Listener, LiveCluster
from lab.sim.argocd.ports import Destinations
from lab.sim.clock import Clock


class LiveState:
    """Clusters that some Application deploys to; each is watched from when it is first asked for."""

    def __init__(
        self, destinations: Destinations, clock: Clock, settings: ComparisonSettings, on_change: Listener
    ) -> None:
        """`on_change` is called in the event loop for each change that matters, never for what a first list finds."""
        self._destinations = destinations
        self._clock = clock
        self._settings = settings
        self._on_change = on_change
        self._clusters: dict[str, LiveCluster] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def cluster(self, cluster: Cluster) -> LiveCluster:
        """The live state of a cluster, complete. Raises ConnectError with Argo CD's whole text.

        A cluster that cannot be reached is tried again after ten seconds. One that falls silent later keeps the state
        that was seen last, as in Argo CD.
        """
        found = self._clusters.get(cluster.server)
        if found is None:
            found = self._clusters[cluster.server] = LiveCluster(
                cluster, self._destinations, self._clock, self._settings, self._on_change
            )
        await found.synced()
        return found

    def known(self, server: str) -> LiveCluster | None:
        """The live state of a cluster that was asked for before; it may not be complete."""
        return self._clusters.get(server)

    def update(self, clusters: Iterable[Cluster]) -> None:
        """Take notice of the clusters there are now.

        What is no longer registered is forgotten, and so is the state of one whose credentials, address or namespaces
        changed, or that was asked to be refreshed since.
        """
        registered = {one.server: one for one in clusters}
        for server, live in list(self._clusters.items()):
            now = registered.get(server)
            if now is None:
                self._end(server)
                continue
            before = live.cluster
            asked = now.refresh_requested_at
            if (now.config, now.namespaces, now.cluster_resources) != (
                before.config,
                before.namespaces,
                before.cluster_resources,
            ) or (asked is not None and live.synced_at is not None and live.synced_at < asked):
                self._end(server)
            else:
                live.cluster = now

    def reconfigure(self, settings: ComparisonSettings) -> None:
        """Go by other settings: everything is listed anew when it is next asked for."""
        self._settings = settings
        for server in list(self._clusters):
            self._end(server)

    def _end(self, server: str) -> None:
        task = asyncio.create_task(self._clusters.pop(server).close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Stop watching."""
        for server in list(self._clusters):
            self._end(server)
        await asyncio.gather(*self._ending)
