"""One destination cluster as Argo CD sees it: what it serves and what is live, kept up to date by watches.

Source: Argo CD 3.6.1 `gitops-engine/pkg/cache/cluster.go`, `controller/cache/cache.go`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.sim.api.status import ApiError
from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.comparison.settings import ComparisonSettings
from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.live.objects import LiveObjects
from lab.sim.argocd.live.updates import matters
from lab.sim.argocd.live.versions import in_version
from lab.sim.argocd.ports import ApiResource, ConnectError, Connection, Destinations
from lab.sim.clock import Clock
from lab.sim.objects import Object

_RETRY_SECONDS = 1.0
"""After which a broken watch begins again."""
FAILURE_SECONDS = 10.0
"""How long a failure to reach a cluster counts: `ARGOCD_CLUSTER_SYNC_RETRY_TIMEOUT_DURATION`."""
RENEWAL_SECONDS = 12 * 3600.0
"""After which everything is listed anew: `ARGOCD_CLUSTER_CACHE_RESYNC_DURATION`."""
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
_SERVICE = ("apiregistration.k8s.io", "APIService")
_UNTOLD = ("", "Endpoints")
"""Changes too often, and never to anybody's interest."""
_log = logging.getLogger(__name__)

Kind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class LiveChange:
    """A live object that came, changed or went."""

    server: str
    key: ResourceKey
    object: Object
    """As it is, or was last."""
    instances: Mapping[str, bool]
    """The Applications it belongs or belonged to, and whether by its own mark: then they are to be compared anew. {}
    for one that belongs to nobody: it may be an orphan in some Application's namespace."""


Listener = Callable[[LiveChange], object]


class _Followed:
    """A kind that is watched."""

    __slots__ = ("api", "tasks")

    def __init__(self, api: ApiResource) -> None:
        self.api = api
        self.tasks: list[asyncio.Task[None]] = []


class LiveCluster:
    """A destination cluster. Nothing is asked of it before `synced` is called first."""

    def __init__(
        self,
        cluster: Cluster,
        destinations: Destinations,
        clock: Clock,
        settings: ComparisonSettings,
        on_change: Listener,
    ) -> None:
        self.cluster = cluster
        self.version = ""
        """`gitVersion`, e.g. `v1.34.0`."""
        self.apis: Sequence[ApiResource] = ()
        """All it serves, excluded kinds too."""
        self.objects = LiveObjects(settings.tracking)
        self.synced_at: float | None = None
        """Seconds since 1970 of the last full list, None before the first."""
        self._destinations = destinations
        self._clock = clock
        self._settings = settings
        self._on_change = on_change
        self._connection: Connection | None = None
        self._followed: dict[Kind, _Followed] = {}
        self._namespaced: dict[Kind, bool] = {}
        self._error = ""
        self._tried_at: float | None = None
        self._syncing: asyncio.Task[None] | None = None
        self._discovering: asyncio.Task[None] | None = None
        self._discover_again = False
        self._converted: dict[tuple[ResourceKey, str], tuple[Object, Object]] = {}
        self._api_versions: tuple[Sequence[ApiResource], list[str]] | None = None

    # -- what is asked

    @property
    def connection(self) -> Connection:
        """The way to write to it; only after `synced`."""
        assert self._connection is not None, "not synced"
        return self._connection

    async def synced(self) -> None:
        """Return when everything was listed once. Raises ConnectError, which holds for ten seconds."""
        if self._is_current():
            if self._error:
                raise ConnectError(self._error)
            return
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync(), name=f"live state of {self.cluster.server}")
        await asyncio.shield(self._syncing)
        if self._error:
            raise ConnectError(self._error)

    def _is_current(self) -> bool:
        if self._tried_at is None or (self._syncing is not None and not self._syncing.done()):
            return False
        lasts = FAILURE_SECONDS if self._error else RENEWAL_SECONDS
        return self._clock.now() < self._tried_at + lasts

    def api_versions(self) -> list[str]:
        """`GROUP/VERSION` and `GROUP/VERSION/KIND` of all it serves, sorted: what renderers are told."""
        if self._api_versions is None or self._api_versions[0] is not self.apis:
            found = set()
            for one in self.apis:
                group_version = f"{one.group}/{one.version}" if one.group else one.version
                found |= {group_version, f"{group_version}/{one.kind}"}
            self._api_versions = (self.apis, sorted(found))
        return self._api_versions[1]

    def is_namespaced(self, group: str, kind: str) -> bool | None:
        """Whether a kind is namespaced; None for one that is not served or not looked at."""
        return self._namespaced.get((group, kind))

    def plural(self, group: str, kind: str) -> str:
        """The name of a kind's resource, e.g. `deployments`; "" for one that is not served."""
        return next((one.plural for one in self.apis if (one.group, one.kind) == (group, kind)), "")

    def resource(self, group: str, version: str, kind: str) -> str:
        """A kind in one version as clients name it, e.g. `deployments.v1.apps`; "" for one that is not served."""
        for one in self.apis:
            if (one.group, one.version, one.kind) == (group, version, kind):
                return f"{one.plural}.{version}.{group}" if group else one.plural
        return ""

    async def managed(self, instance: str, targets: Iterable[Object]) -> dict[ResourceKey, Object]:
        """Live objects that bear an Application's mark, and those its targets name, in the targets' versions.

        Raises ConnectError for what the cluster's settings or the cluster itself forbid.
        """
        found = self.objects.managed(instance)
        for target in targets:
            key = key_of(target)
            self._check_scope(key)
            live = found.get(key) or self.objects.get(key)
            if live is None and (key.group, key.kind) not in self._followed:
                live = await self._asked_for(target, key)
            if live is not None:
                found[key] = self._as_targeted(key, live, str(target.get("apiVersion")))
        return found

    def _check_scope(self, key: ResourceKey) -> None:
        within = self.cluster.namespaces
        if not within:
            return
        if not key.namespace and not self.cluster.cluster_resources:
            raise ConnectError(f'cluster level {key.kind} "{key.name}" can not be managed when in namespaced mode')
        if key.namespace and key.namespace not in within:
            raise ConnectError(f'namespace "{key.namespace}" for {key.kind} "{key.name}" is not managed')

    async def _asked_for(self, target: Object, key: ResourceKey) -> Object | None:
        """An object of a kind that is not watched; None where there is none, or no such kind."""
        resource = self.resource(key.group, str(target.get("apiVersion")).rpartition("/")[2], key.kind)
        if not resource:
            return None
        try:
            return await self.connection.client.get(resource, key.namespace, key.name)
        except ApiError as error:
            if error.code in (404, 405):
                return None
            text = f"failed to get managed objects: unexpected error getting managed object: {error.message}"
            raise ConnectError(text) from None

    def _as_targeted(self, key: ResourceKey, live: Object, api_version: str) -> Object:
        if live.get("apiVersion") == api_version:
            return live
        known = self._converted.get((key, api_version))
        if known is not None and known[0] is live:
            return known[1]
        made = in_version(live, api_version)
        self._converted[key, api_version] = (live, made)
        return made

    # -- how it is kept

    async def close(self) -> None:
        """Forget everything and stop watching; `synced` begins anew."""
        self._tried_at = None
        tasks = self._stop()
        for one in (self._syncing, self._discovering):
            if one is not None and one is not asyncio.current_task():
                one.cancel()
                tasks.append(one)
        self._syncing = self._discovering = None
        for one in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await one

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks = [task for followed in self._followed.values() for task in followed.tasks]
        for task in tasks:
            task.cancel()
        self._followed.clear()
        return tasks

    async def _sync(self) -> None:
        self._stop()
        self.objects = LiveObjects(self._settings.tracking)
        self._converted.clear()
        self._error = ""
        try:
            await self._load()
            self.synced_at = self._clock.now()
        except ConnectError as error:
            self._stop()
            self._error = (
                f'failed to get cluster info for "{self.cluster.server}": error synchronizing cache state : {error}'
            )
            _log.warning("%s", self._error)
        finally:
            self._tried_at = self._clock.now()

    async def _load(self) -> None:
        try:
            self._connection = await self._destinations.connect(self.cluster)
        except ConnectError as error:
            raise ConnectError(f"failed to get server version: failed to get server version: {error}") from None
        self.version = self._connection.version
        await self._discovered()
        wanted = self._wanted()
        self._namespaced = {(one.group, one.kind): one.namespaced for one in wanted}
        try:
            await _together(self._begin(one) for one in wanted)
        except ApiError as error:
            raise ConnectError(f"failed to sync cluster {self.cluster.server}: {error.message}") from None

    async def _discovered(self) -> None:
        try:
            self.apis = tuple(await self.connection.resources())
        except ApiError as error:
            raise ConnectError(f"failed to get api resources: {error.message}") from None

    def _wanted(self) -> list[ApiResource]:
        """Each kind once, in the version its group prefers, unless it is excluded."""
        found: dict[Kind, ApiResource] = {}
        for one in self.apis:
            kind = (one.group, one.kind)
            if (
                kind not in found or (one.preferred and not found[kind].preferred)
            ) and not self._settings.filter.excludes(one.group, one.kind, self.cluster.server):
                found[kind] = one
        return list(found.values())

    def _places(self, api: ApiResource) -> Sequence[str]:
        """The namespaces a kind is looked for in; "" for everywhere."""
        within = self.cluster.namespaces
        if not within or (not api.namespaced and self.cluster.cluster_resources):
            return ("",)
        return within if api.namespaced else ()

    async def _begin(self, api: ApiResource) -> None:
        """List a kind and watch it from there. Raises ApiError with Argo CD's words before the server's."""
        kind = (api.group, api.kind)
        followed = self._followed[kind] = _Followed(api)
        for place in self._places(api):
            try:
                since = await self._list(api, place, quiet=True)
            except ApiError as error:
                if self._settings.respect_rbac and error.code in (401, 403):
                    self._followed.pop(kind, None)
                    self._namespaced.pop(kind, None)
                    return
                if error.code == 404:
                    continue
                name = f"{api.kind}.{api.group}" if api.group else api.kind
                text = f"failed to load initial state of resource {name}: {error.message}"
                raise ApiError(error.code, error.reason, text) from None
            if self._followed.get(kind) is followed:
                followed.tasks.append(asyncio.create_task(self._watch(api, place, since)))

    def _selector(self, api: ApiResource) -> str:
        return self._settings.filter.selector(api.group, api.kind, self.cluster.server)

    async def _list(self, api: ApiResource, place: str, *, quiet: bool) -> str:
        """Take in all objects of a kind; returns their resourceVersion."""
        items, since = await self.connection.client.list(api.resource, place, labels=self._selector(api))
        if quiet:
            for obj in items:
                self.objects.put(_key(api, obj), obj)
            return since
        seen = set()
        for obj in items:
            key = _key(api, obj)
            seen.add(key)
            self._take(key, obj)
        for key in self.objects.of_kind(api.group, api.kind):
            if key not in seen and (not place or key.namespace == place):
                self._take(key, None)
        return since

    async def _watch(self, api: ApiResource, place: str, since: str) -> None:
        """Follow a kind until cancelled, or until it is served no longer."""
        labels = self._selector(api)
        while True:
            try:
                if not since:
                    since = await self._list(api, place, quiet=False)
                events = self.connection.client.watch(api.resource, place, labels=labels, since=since)
                async with contextlib.aclosing(events) as told:  # type: ignore[type-var]
                    async for event, obj in told:
                        self._take(_key(api, obj), None if event == "DELETED" else obj, obj)
            except ApiError as error:
                if error.code == 404:
                    self._gone(api, place)
                    return
                _log.debug("watch of %s on %s: %s", api.resource, self.cluster.server, error.message)
            except Exception:
                _log.exception("the watch of %s on %s broke", api.resource, self.cluster.server)
            since = ""
            await self._clock.sleep(_RETRY_SECONDS)

    def _gone(self, api: ApiResource, place: str) -> None:
        self._followed.pop((api.group, api.kind), None)
        for key in self.objects.of_kind(api.group, api.kind):
            if not place or key.namespace == place:
                self._take(key, None)

    def _take(self, key: ResourceKey, new: Object | None, last: Object | None = None) -> None:
        """Take in a change and tell of it where it matters."""
        kind = (key.group, key.kind)
        old = self.objects.get(key)
        if (old is None and new is None) or old is new:
            return
        if old is not None and new is not None and _version(old) == _version(new):
            return
        owner = self.objects.application_of(old) if old is not None else ""
        self.objects.put(key, new)
        if kind in (_DEFINITION, _SERVICE):
            self._rediscover()
        if old is not None and new is not None and not matters(old, new, self._settings):
            return
        instances: dict[str, bool] = {}
        if kind != _UNTOLD:
            for obj, instance in ((new, self.objects.application_of(new) if new is not None else ""), (old, owner)):
                if obj is not None and instance:
                    own = not obj["metadata"].get("ownerReferences") and self._settings.tracking.instance(obj) != ""
                    instances[instance] = own or instances.get(instance, False)
        told = new if new is not None else last if last is not None else old
        assert told is not None
        self._on_change(LiveChange(self.cluster.server, key, told, instances))

    # -- kinds that come and go

    def _rediscover(self) -> None:
        if self._discovering is not None and not self._discovering.done():
            self._discover_again = True
            return
        self._discovering = asyncio.create_task(self._discover())

    async def _discover(self) -> None:
        """Ask anew what is served; begin to watch what came, stop where something went."""
        while True:
            self._discover_again = False
            try:
                await self._discovered()
                wanted = {(one.group, one.kind): one for one in self._wanted()}
                self._namespaced = {kind: one.namespaced for kind, one in wanted.items()}
                for kind in [one for one in self._followed if one not in wanted]:
                    followed = self._followed.pop(kind)
                    for task in followed.tasks:
                        task.cancel()
                    self._gone(followed.api, "")
                await _together(self._begin(one) for kind, one in wanted.items() if kind not in self._followed)
            except (ApiError, ConnectError) as error:
                _log.warning("cannot discover what %s serves: %s", self.cluster.server, error)
            if not self._discover_again:
                return


async def _together(parts: Iterable[Coroutine[None, None, None]]) -> None:
    """Run all; the first error is raised when all have ended."""
    for one in await asyncio.gather(*parts, return_exceptions=True):
        if isinstance(one, BaseException):
            raise one


def _key(api: ApiResource, obj: Object) -> ResourceKey:
    metadata = obj["metadata"]
    return ResourceKey(api.group, api.kind, str(metadata.get("namespace") or ""), str(metadata["name"]))


def _version(obj: Object) -> str:
    return str(obj["metadata"].get("resourceVersion") or "")
