"""Which resources a cluster serves, as a sync asks for them.

Source: Argo CD 3.6.1 `gitops-engine/pkg/utils/kube/kube.go` (ServerResourceForGroupVersionKind).
"""

from __future__ import annotations

from lab.sim.api.status import ApiError, not_found
from lab.sim.argocd.ports import ApiResource, Connection
from lab.sim.clock import Clock
from lab.sim.objects import Object, name_of, namespace_of


class Discovery:
    """A cluster's resources by apiVersion and kind; asked for again when one is not found, since it may be new."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], ApiResource] | None = None
        self._versions: set[str] = set()

    async def _load(self) -> dict[tuple[str, str], ApiResource]:
        found: dict[tuple[str, str], ApiResource] = {}
        self._versions = set()
        for one in await self._connection.resources():
            api_version = f"{one.group}/{one.version}" if one.group else one.version
            found.setdefault((api_version, one.kind), one)
            self._versions.add(api_version)
        self._known = found
        return found

    async def find(self, api_version: str, kind: str) -> ApiResource:
        """The resource of a kind. Raises ApiError: 404 for one that is not served, with Argo CD's words."""
        found = (self._known or await self._load()).get((api_version, kind))
        if found is None:
            found = (await self._load()).get((api_version, kind))
        if found is not None:
            return found
        if api_version not in self._versions:
            raise ApiError(
                404,
                "NotFound",
                f"failed to discover server resources for group version {api_version}: "
                "the server could not find the requested resource",
            )
        raise not_found(api_version.rpartition("/")[0], kind, "")

    async def of(self, obj: Object) -> ApiResource:
        """The resource an object is of. Raises ApiError."""
        return await self.find(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""))

    async def kinds(self) -> list[tuple[str, str]]:
        """apiVersion and kind of all there is now. Raises ApiError."""
        return list(await self._load())


class KubectlCache:
    """When one controller's kubectl has read what clusters serve: it keeps that in files for six hours."""

    SECONDS = 6 * 3600.0

    def __init__(self) -> None:
        self._read: dict[str, float] = {}

    def begin(self, server: str, now: float) -> bool:
        """Whether what a server serves has to be read at `now` (seconds since 1970), and then that it was."""
        if now < self._read.get(server, -self.SECONDS) + self.SECONDS:
            return False
        self._read[server] = now
        return True


class Mapper:
    """Which resource kubectl thinks a kind is. What it has read itself it never reads again.

    For a kind that is missing it looks again only where its files were there before. So in a controller's very first
    sync to a cluster a kind is not found that this sync itself defines.
    Source: client-go `discovery/cached/disk/cached_discovery.go` (Fresh), `restmapper/discovery.go`.
    """

    def __init__(self, connection: Connection, discovery: Discovery, clock: Clock, cache: KubectlCache | None) -> None:
        """`cache`: None for one that has been there before."""
        self._server = connection.server
        self._discovery = discovery
        self._clock = clock
        self._cache = cache
        self._first: frozenset[tuple[str, str]] | None = None

    async def of(self, obj: Object) -> ApiResource:
        """The resource of an object. Raises ApiError."""
        cache, self._cache = self._cache, None
        if cache is not None and cache.begin(self._server, self._clock.now()):
            self._first = frozenset(await self._discovery.kinds())
        kind = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
        if self._first is not None and kind not in self._first:
            raise not_found(kind[0].rpartition("/")[0], kind[1], "")
        return await self._discovery.find(*kind)


def resource_in_version(resource: ApiResource) -> str:
    """The name by which a client asks for just this version."""
    if not resource.group:
        return resource.plural
    return f"{resource.plural}.{resource.version}.{resource.group}"


def placed(obj: Object, resource: ApiResource) -> Object:
    """An object as it is sent: one of a cluster-wide kind has no namespace, whatever it says."""
    if resource.namespaced or not namespace_of(obj):
        return obj
    metadata = {key: value for key, value in obj["metadata"].items() if key != "namespace"}
    return {**obj, "metadata": metadata}


async def read_live(connection: Connection, discovery: Discovery, obj: Object) -> Object | None:
    """An object as the cluster has it now; None when it is not there. Raises ApiError."""
    resource = await discovery.of(obj)
    namespace = namespace_of(obj) if resource.namespaced else ""
    try:
        return await connection.client.get(resource_in_version(resource), namespace, name_of(obj))
    except ApiError as error:
        if error.code != 404:
            raise
        return None
