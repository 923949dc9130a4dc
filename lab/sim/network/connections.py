"""Connections to clusters: those of this daemon are asked in process, and check the same; others over HTTPS."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.sim.api.context import User
from lab.sim.api.discovery import groups
from lab.sim.api.resources import Resource
from lab.sim.api.status import ApiError
from lab.sim.argocd.ports import ApiResource
from lab.sim.client import Client
from lab.sim.cluster import Cluster
from lab.sim.http_client import HttpClient
from lab.sim.inprocess import InProcessClient
from lab.sim.objects import Object

MANAGER = "argocd-controller"
"""Field manager of all Argo CD writes to its destinations (`common.ArgoCDSSAManager`)."""
_NEEDED = frozenset(("create", "delete", "list"))
Identify = Callable[[], User]
"""Whom the credentials stand for now. Raises ApiError 401."""
Dial = Callable[[], None]
"""Whether the server can still be reached. Raises ApiError 503."""


class LabConnection:
    """`lab.sim.argocd.ports.Connection` to a cluster of this daemon.

    Credentials count at every call, as they do over a wire: a token whose Secret is deleted is refused from then on,
    and a cluster that is paused does not answer.
    """

    def __init__(self, server: str, cluster: Cluster, identify: Identify, dial: Dial) -> None:
        self.server = server
        self.version = f"v{cluster.settings.kubernetes}.0"
        self._cluster = cluster
        self._changes = -1
        self._resources: Sequence[ApiResource] = ()
        self._dial = dial
        self.client: Client = InProcessClient(cluster.rest, MANAGER, identify(), _Gate(cluster, identify, dial))

    async def resources(self) -> Sequence[ApiResource]:
        """Every resource that can be listed, created and deleted."""
        self._dial()
        registry = self._cluster.registry
        if self._changes != registry.changes:
            self._changes = registry.changes
            self._resources = _served(registry)
        return self._resources


class _Gate:
    """Checks the way to the server, then who asks, then whether they may."""

    def __init__(self, cluster: Cluster, identify: Identify, dial: Dial) -> None:
        self._authorizer = cluster.authorizer
        self._identify = identify
        self._dial = dial

    def check(
        self, _: User, verb: str, resource: Resource, namespace: str, name: str = "", subresource: str = ""
    ) -> None:
        """Return if the request is let through. Raises ApiError."""
        self._dial()
        self._authorizer.check(self._identify(), verb, resource, namespace, name, subresource)


def _served(rows: object) -> list[ApiResource]:
    found = []
    for versions in groups(rows).values():  # type: ignore[arg-type]
        for rank, listed in enumerate(versions.values()):
            found += [_row(row, rank == 0) for row in listed if set(row.verbs) >= _NEEDED]
    return found


def _row(row: Resource, preferred: bool) -> ApiResource:
    return ApiResource(row.group, row.version, row.kind, row.plural, row.namespaced, preferred)


class HttpsConnection:
    """`lab.sim.argocd.ports.Connection` to a cluster elsewhere."""

    def __init__(self, server: str, client: HttpClient, version: str) -> None:
        """`version`: its `gitVersion`."""
        self.server = server
        self.version = version.removesuffix("+sim")
        self._http = client
        self.client: Client = client

    async def resources(self) -> Sequence[ApiResource]:
        """Every resource that can be listed, created and deleted. Raises ApiError.

        A version that does not answer is left out, as client-go does with an aggregated API that is down.
        """
        paths = {"/api/v1": True}
        for group in (await self._http.document("/apis"))["groups"]:
            first = group["preferredVersion"]["groupVersion"]
            paths |= {f"/apis/{one['groupVersion']}": one["groupVersion"] == first for one in group["versions"]}
        found: list[ApiResource] = []
        for path, preferred in paths.items():
            try:
                document = await self._http.document(path)
            except ApiError as error:
                if error.code not in (404, 503):
                    raise
                continue
            group, _, version = document["groupVersion"].rpartition("/")
            found += [_read(group, version, one, preferred) for one in document["resources"] if _is_whole(one)]
        return found


def _is_whole(resource: Object) -> bool:
    return "/" not in resource["name"] and set(resource["verbs"]) >= _NEEDED


def _read(group: str, version: str, resource: Object, preferred: bool) -> ApiResource:
    return ApiResource(group, version, resource["kind"], resource["name"], bool(resource["namespaced"]), preferred)
