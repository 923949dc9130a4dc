"""Argo CD's ApplicationSet controller.

Source: Argo CD 3.6.1 `applicationset/controllers/applicationset_controller.go` (SetupWithManager),
`clustereventhandler.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import orjson

from lab.sim.api.status import ApiError
from lab.sim.argocd.application.queue import WorkQueue
from lab.sim.argocd.applicationset import triggers
from lab.sim.argocd.applicationset.applications import WriteError
from lab.sim.argocd.applicationset.asking import Asking, CallPlugin
from lab.sim.argocd.applicationset.hub import Hub, set_of
from lab.sim.argocd.applicationset.plugin_client import call_plugin
from lab.sim.argocd.applicationset.reconciler import Reconciler, SourcesFor, key_of
from lab.sim.argocd.applicationset.settings import Settings, read_settings
from lab.sim.argocd.applicationset.sources import Sources
from lab.sim.argocd.applicationset.world import Hub as HubObjects
from lab.sim.argocd.applicationset.world import LabWorld
from lab.sim.argocd.clusters import is_cluster_secret
from lab.sim.argocd.repo_server.addresses import Addresses
from lab.sim.argocd.world import World
from lab.sim.clock import timestamp
from lab.sim.objects import Object, namespace_of
from lab.sim.programs import Process
from lab.sim.templates.render_tree import TemplateFailure

Key = tuple[str, str]
_FIRST_RETRY, _LONGEST_RETRY = 0.001, 5.0


async def run(process: Process, world: World) -> None:
    """Follow and reconcile ApplicationSets until cancelled. Raises SettingsError for what it cannot be started with."""
    settings = read_settings(process.argv, process.env, process.namespace)
    hub = Hub(process.client, process.clock, process.namespace, settings)
    controller = Controller(process, hub, settings, partial(sources, hub, settings, world))
    # Pushes may be told from the thread that took them in.
    loop = asyncio.get_running_loop()
    forget: Callable[[], None] | None = None
    if world.profile.eager:
        forget = world.repo_server.on_push(lambda url: loop.call_soon_threadsafe(controller.pushed, url))
    try:
        await controller.run()
    finally:
        if forget is not None:
            forget()


def sources(hub: Hub, settings: Settings, world: World, asking: Asking, fresh: bool) -> Sources:
    """What generators find: the lab's repositories and forge, and the hub's objects."""
    objects = HubObjects(
        namespace=hub.namespace,
        secrets=hub.secrets.list,
        secret=lambda name: hub.secrets.get(hub.namespace, name),
        config_map=lambda name: hub.config_maps.get(hub.namespace, name),
        project=lambda name: hub.projects.get(hub.namespace, name),
        decisions=asking.decisions,
        call_plugin=asking.call_plugin,
    )
    return LabWorld(
        objects,
        world.repo_server,
        world.git.forge if world.git is not None else None,
        world.addresses or Addresses(lambda: ()),
        fresh=fresh,
        new_globbing=settings.new_file_globbing,
        providers_enabled=settings.scm_providers,
        allowed_providers=settings.allowed_scm_providers,
    )


class Controller:
    """The queue of ApplicationSets to look at, and what puts them there."""

    def __init__(
        self, process: Process, hub: Hub, settings: Settings, sources: SourcesFor, call: CallPlugin = call_plugin
    ) -> None:
        self._process = process
        self._hub = hub
        self._settings = settings
        self._reconciler = Reconciler(hub, settings, sources, call, self._log)
        self._queue: WorkQueue[Key] = WorkQueue("applicationset", process.clock, self._one)
        self._failures: dict[Key, int] = {}
        self._pushed: set[Key] = set()
        """Sets for which git has to be asked anew."""
        hub.sets.handle(self._set_changed)
        hub.applications.handle(self._application_changed)
        hub.secrets.handle(self._secret_changed)

    async def run(self) -> None:
        """Work until cancelled."""
        self._log("info", "ArgoCD ApplicationSet Controller is starting")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hub.run())
            await self._hub.synced()
            self._log("info", "Starting workers")
            await self._queue.run(self._settings.workers)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do now."""
        return not len(self._queue)

    async def _one(self, key: Key) -> None:
        fresh = key in self._pushed
        self._pushed.discard(key)
        try:
            after = await self._reconciler.reconcile(*key, fresh=fresh)
        except (ApiError, WriteError, TemplateFailure) as error:
            if fresh:
                self._pushed.add(key)
            failed = self._failures[key] = self._failures.get(key, 0) + 1
            message = error.message if isinstance(error, ApiError) else str(error)
            self._log("error", f"Reconciler error: {'/'.join(key)}: {message}")
            self._queue.add_after(key, min(_FIRST_RETRY * 2.0 ** min(failed - 1, 20), _LONGEST_RETRY))
            return
        self._failures.pop(key, None)
        if after:
            self._queue.add_after(key, after)

    # -- triggers

    def _set_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            assert old is not None
            self._queue.forget(key_of(old))
            self._failures.pop(key_of(old), None)
            self._pushed.discard(key_of(old))
            return
        if not self._settings.watches(namespace_of(new)):
            return
        progressive = self._settings.progressive_syncs
        if old is None or triggers.application_set_changed(old, new, progressive=progressive):
            self._queue.add(key_of(new))

    def _application_changed(self, old: Object | None, new: Object | None) -> None:
        if old is None:
            return
        progressive = self._settings.progressive_syncs
        if new is not None and not triggers.application_changed(old, new, progressive=progressive):
            return
        for key in {set_of(one) for one in (old, new) if one is not None} - {None}:
            if key is not None and self._settings.watches(key[0]):
                self._queue.add(key)

    def _secret_changed(self, old: Object | None, new: Object | None) -> None:
        seen = new if new is not None else old
        if seen is None or not is_cluster_secret(seen):
            return
        for one in self._hub.sets.list():
            if self._settings.watches(namespace_of(one)) and triggers.follows_clusters(one):
                self._queue.add(key_of(one))

    def pushed(self, url: str) -> None:
        """Look at what reads a repository to which something was pushed, as a webhook makes it do."""
        for one in self._hub.sets.list():
            if self._settings.watches(namespace_of(one)) and triggers.follows_repository(one, url):
                self._pushed.add(key_of(one))
                self._queue.add(key_of(one))

    # -- log

    def _log(self, level: str, message: str) -> None:
        line = {"level": level, "msg": message, "time": timestamp(self._process.clock.now())}
        self._process.log(orjson.dumps(line).decode())
