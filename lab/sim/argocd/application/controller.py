"""The application controller: what it watches, and what it then looks at.

Source: Argo CD 3.6.1 `controller/appcontroller.go`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable

from lab.sim.api.status import ApiError
from lab.sim.argocd.application import finalizers
from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.audit import STATUS_REFRESHED, Audit, Log, event_labels
from lab.sim.argocd.application.context import Context
from lab.sim.argocd.application.hub import Hub, Key, ProjectNotFound, ProjectNotPermitted
from lab.sim.argocd.application.operations import Operations
from lab.sim.argocd.application.projects import PROJECT_RETRY_SECONDS, release_project
from lab.sim.argocd.application.queue import WorkQueue
from lab.sim.argocd.application.reconciliation import Reconciliation
from lab.sim.argocd.application.refresh import Level, needed
from lab.sim.argocd.application.settings import read_environment, with_flags
from lab.sim.argocd.application.sharding import Sharding
from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.comparison.records import Condition
from lab.sim.argocd.comparison.settings import DEFAULTS, SettingsError
from lab.sim.argocd.destinations import DestinationError, cluster_of
from lab.sim.argocd.live.cluster import LiveChange
from lab.sim.argocd.live.state import LiveState
from lab.sim.argocd.world import World
from lab.sim.objects import Object, name_of, namespace_of
from lab.sim.programs import Process

_BY_NAMESPACE, _BY_REPOSITORY, _BY_PROJECT = "destination namespace", "repository", "project"
_LIVE_SETTINGS = ("resource.", "application.", "installationID")
"""Keys of argocd-cm that change what is looked at in clusters."""
_CLUSTER_INFO_SECONDS = 10.0
_AUTO_LABEL = "argocd.argoproj.io/auto-label-cluster-info"
_VERSION_LABEL = "argocd.argoproj.io/kubernetes-version"


class ApplicationController:
    """Keeps the Applications of one Argo CD."""

    def __init__(self, process: Process, world: World) -> None:
        """Raises Unsupported and ShardingError for settings that are not simulated."""
        self._clock = process.clock
        self._world = world
        said = with_flags(process.env, process.argv)
        env = self._env = read_environment(said, world.profile, process.pod)
        self._sharding = Sharding(env.replicas, env.shard, env.sharding)
        hub = self._hub = Hub(process.client, process.clock, process.namespace, env.application_namespaces, said)
        self._live = LiveState(world.destinations, process.clock, DEFAULTS, self._live_changed)
        self._log = Log(process.log, process.clock, env.log_level, env.log_format)
        self._context = Context(
            namespace=process.namespace,
            clock=process.clock,
            env=env,
            hub=hub,
            live=self._live,
            repo_server=world.repo_server,
            audit=Audit(process.client, process.clock, env.events, self._event_labels),
            log=self._log,
            request_refresh=self._request_refresh,
        )
        self._reconciliation = Reconciliation(self._context)
        self._refreshes: WorkQueue[Key] = WorkQueue("application refresh", process.clock, self._refresh)
        self._later: WorkQueue[tuple[Key, Level]] = WorkQueue("later refresh", process.clock, self._refresh_later)
        self._works: WorkQueue[Key] = WorkQueue("application operation", process.clock, self._work)
        self._project_works: WorkQueue[str] = WorkQueue("project", process.clock, self._look_at_project)
        self._operations = Operations(self._context, self._works.add_after)
        self._finalization = finalizers.Finalization(self._context, self._project_works.add)
        self._requested: dict[Key, Level] = {}
        self._watches_orphans = False
        self._settings: Object = {}
        self._begun = False

    async def run(self) -> None:
        """Work until cancelled."""
        self._log("info", "ArgoCD Application Controller is starting", namespace=self._context.namespace)
        forget_pushes = self._world.repo_server.on_push(self._pushed) if self._env.eager else None
        try:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(self._hub.run())
                await self._hub.synced()
                self._begin()
                for queue, workers in (
                    (self._refreshes, self._env.status_processors),
                    (self._works, self._env.operation_processors),
                ):
                    group.create_task(queue.run(workers))
                group.create_task(self._later.run(1))
                group.create_task(self._project_works.run(1))
                group.create_task(self._resync())
                group.create_task(self._tell_cluster_versions())
                await following
        finally:
            if forget_pushes is not None:
                forget_pushes()
            await self._live.close()

    def _begin(self) -> None:
        hub = self._hub
        hub.applications.index(_BY_NAMESPACE, lambda app: [str(specs.destination(app["spec"]).get("namespace") or "")])
        hub.applications.index(_BY_PROJECT, lambda app: [specs.project_name(app["spec"])])
        hub.applications.index(_BY_REPOSITORY, _repositories)
        self._settings_changed()
        hub.projects.handle(self._project_seen)
        hub.on_clusters(self._clusters_changed)
        hub.config_map.handle(lambda _old, _new: self._settings_changed())
        hub.applications.handle(self._application_seen)
        self._begun = True

    # -- what was seen

    def _can_process(self, app: Object) -> bool:
        if not self._hub.watches(app) or specs.is_skipped(app):
            return False
        cluster: Cluster | None
        try:
            cluster = cluster_of(specs.destination(app["spec"]), self._hub.clusters)
        except DestinationError:
            cluster = None
        uids = self._hub.cluster_uids() if self._env.replicas > 1 else {}
        return self._sharding.looks_after(cluster, self._hub.clusters, uids)

    def _application_seen(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            key = _key(old)
            self._context.remembered.pop(key, None)
            self._requested.pop(key, None)
            for queue in (self._refreshes, self._works):
                queue.forget(key)
            self._project_works.add(specs.project_name(old["spec"]))
            return
        if not self._can_process(new):
            return
        key = _key(new)
        level = Level.LATEST if old is not None and _automation_came(old, new) else None
        self._request_refresh(key, level, 0.0)
        if _has_work(new):
            self._works.add(key)

    def _project_seen(self, old: Object | None, new: Object | None) -> None:
        self._watches_orphans = any(
            (one.get("spec") or {}).get("orphanedResources") is not None for one in self._hub.projects.list()
        )
        one = new if new is not None else old
        assert one is not None
        name = name_of(one)
        self._project_works.add(name)
        same = old is not None and new is not None and old.get("spec") == new.get("spec")
        if self._env.eager and self._begun and not same:
            self._refresh_all(self._hub.applications.by(_BY_PROJECT, name), Level.LATEST)

    def _clusters_changed(self) -> None:
        self._live.update(one for one in self._hub.clusters.all() if not one.skipped)
        if self._env.eager:
            self._refresh_all(self._hub.applications.list(), Level.LATEST)

    def _settings_changed(self) -> None:
        try:
            settings = self._hub.settings()
        except SettingsError as error:
            self._log("error", f"argocd-cm cannot be read: {error}")
            return
        said = {key: text for key, text in self._hub.config.items() if key.startswith(_LIVE_SETTINGS)}
        if said != self._settings or not self._begun:
            self._settings = said
            self._live.reconfigure(settings)

    def _pushed(self, url: str) -> None:
        self._refresh_all(self._hub.applications.by(_BY_REPOSITORY, _repository(url)), Level.FORCED)

    def _refresh_all(self, apps: Iterable[Object], level: Level) -> None:
        for app in apps:
            if self._can_process(app):
                self._request_refresh(_key(app), level, 0.0)

    def _live_changed(self, change: LiveChange) -> None:
        instances = dict(change.instances)
        if not instances and change.key.namespace and self._watches_orphans:
            instances = {
                self._context.instance(app): True
                for app in self._hub.applications.by(_BY_NAMESPACE, change.key.namespace)
                if self._monitors_orphans(app)
            }
        for instance, managed in instances.items():
            key = specs.instance_key(instance, self._context.namespace)
            app = self._hub.application(key)
            if app is None or _is_itself(app, change.object) or not self._can_process(app):
                continue
            self._request_refresh(key, Level.RECENT if managed else Level.NOTHING, 0.0)
            if managed and _has_work(app):
                self._works.add_after(key, self._env.batching)

    def _monitors_orphans(self, app: Object) -> bool:
        try:
            return self._hub.watches(app) and self._hub.project(app).watches_orphans
        except (ProjectNotFound, ProjectNotPermitted):
            return False

    # -- what is done

    def _request_refresh(self, key: Key, level: Level | None, after: float) -> None:
        if level is not None and after > 0:
            self._later.add_after((key, level), after)
            return
        if level is not None:
            self._requested[key] = max(level, self._requested.get(key, level))
        self._refreshes.add_after(key, after)

    async def _refresh_later(self, entry: tuple[Key, Level]) -> None:
        key, level = entry
        self._request_refresh(key, level, 0.0)

    async def _refresh(self, key: Key) -> None:
        app = self._hub.application(key)
        if app is None:
            return
        due = needed(
            app,
            self._clock.now(),
            self._env.resync,
            self._env.hard_resync,
            lambda: self._requested.pop(key, None),
        )
        if due is not None:
            await self._reconciliation.refresh(app, due)

    async def _work(self, key: Key) -> None:
        app = self._hub.application(key)
        if app is None or not _has_work(app):
            return
        try:
            fresh = await self._hub.fresh(app)
        except ApiError as error:
            self._log.about("error", app, "Failed to retrieve latest application state", error=error.message)
            return
        if fresh is None:
            return
        if fresh.get("operation") is not None:
            await self._operations.process(fresh)
        elif specs.is_deleting(fresh):
            await self._finalize(fresh)

    async def _finalize(self, app: Object) -> None:
        try:
            await self._finalization.advance(app)
        except finalizers.DeletionError as error:
            await self._context.set_condition(app, Condition("DeletionError", str(error)))
            await self._context.audit.tell(
                app, "Warning", STATUS_REFRESHED, f"Unable to delete application resources: {error}"
            )

    async def _look_at_project(self, name: str) -> None:
        project = self._hub.projects.get(self._context.namespace, name)
        if project is None:
            return
        apps = [app for app in self._hub.applications.by(_BY_PROJECT, name) if self._hub.watches(app)]
        try:
            await release_project(self._hub, project, apps, self._log)
        except ApiError as error:
            self._log("warn", "Failed to finalize project deletion", error=error.message)
            self._project_works.add_after(name, PROJECT_RETRY_SECONDS)

    # -- what is done from time to time

    async def _resync(self) -> None:
        """Look at every Application when its comparison expires, spread over the jitter."""
        periods = [one for one in (self._env.resync, self._env.hard_resync) if one > 0]
        if not periods:
            return
        while True:
            await self._clock.sleep(min(periods))
            for app in self._hub.applications.list():
                if self._can_process(app):
                    key = _key(app)
                    self._request_refresh(key, None, self._env.jitter * _spread(key))
                    if _has_work(app):
                        self._works.add(key)

    async def _tell_cluster_versions(self) -> None:
        """Label cluster Secrets that ask for it with the version of their cluster."""
        while True:
            await self._clock.sleep(_CLUSTER_INFO_SECONDS)
            for cluster in self._hub.clusters.registered:
                live = self._live.known(cluster.server)
                if cluster.labels.get(_AUTO_LABEL) != "true" or live is None or not live.version:
                    continue
                if cluster.labels.get(_VERSION_LABEL) == live.version:
                    continue
                patch = {"metadata": {"labels": {_VERSION_LABEL: live.version}}}
                try:
                    await self._hub.client.patch("secrets", self._context.namespace, cluster.secret, patch)
                except ApiError as error:
                    self._log("warn", "Failed to update cluster labels", error=error.message)

    def _event_labels(self, app: Object) -> dict[str, str]:
        try:
            project = self._hub.project(app).manifest
        except (ProjectNotFound, ProjectNotPermitted):
            project = None
        return event_labels(app, project, self._hub.config)


async def run(process: Process, world: World) -> None:
    """The program `argocd-application-controller`: works until it is cancelled."""
    await ApplicationController(process, world).run()


def _key(obj: Object) -> Key:
    return namespace_of(obj), name_of(obj)


def _has_work(app: Object) -> bool:
    return app.get("operation") is not None or specs.is_deleting(app)


def _automation_came(old: Object, new: Object) -> bool:
    """Whether automated syncs, or self-heal, were switched on."""
    if old["spec"] is new["spec"] or old["spec"].get("syncPolicy") == new["spec"].get("syncPolicy"):
        return False
    before, after = specs.automated(old["spec"]), specs.automated(new["spec"])
    if after is None:
        return False
    return before is None or bool(after.get("selfHeal") and not before.get("selfHeal"))


def _is_itself(app: Object, obj: Object) -> bool:
    return (
        obj.get("kind") == "Application"
        and obj["metadata"].get("uid") == app["metadata"].get("uid")
        and str(obj.get("apiVersion")).startswith("argoproj.io/")
    )


def _repositories(app: Object) -> list[str]:
    return list({_repository(str(one.get("repoURL") or "")) for one in specs.sources(app["spec"])})


def _repository(url: str) -> str:
    """`OWNER/NAME`, by which a repository is known whatever its host is called."""
    return "/".join(url.lower().rstrip("/").removesuffix(".git").split("/")[-2:])


def _spread(key: Key) -> float:
    """A number from 0 to 1 that is always the same for an Application."""
    return zlib.crc32("/".join(key).encode()) / 0xFFFFFFFF
