"""The end of an Application: what its finalizers ask for is done, then they are taken off.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (finalizeApplicationDeletion, updateFinalizers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from lab.sim.api.status import ApiError
from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.context import Context
from lab.sim.argocd.application.hub import ProjectNotFound, ProjectNotPermitted
from lab.sim.argocd.application.target import KUSTOMIZE_OPTIONS, Destination, TargetError, load
from lab.sim.argocd.comparison import Comparison, ComparisonSettings, SettingsError
from lab.sim.argocd.destinations import DestinationError, cluster_of
from lab.sim.argocd.live.cluster import LiveCluster
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.ports import ConnectError
from lab.sim.argocd.project import Project
from lab.sim.argocd.sync.delete_hooks import DeleteHooks
from lab.sim.argocd.sync.delete_hooks import DeletionError as HookError
from lab.sim.argocd.sync.deletion import (
    POST_DELETE_FINALIZER,
    PRE_DELETE_FINALIZER,
    Deletion,
    finalizers_without_cluster,
)
from lab.sim.argocd.sync.discovery import Discovery
from lab.sim.argocd.sync.request import permission
from lab.sim.argocd.tracking import TrackingError
from lab.sim.objects import Object


class DeletionError(Exception):
    """A deletion that cannot go on; the text is Argo CD's."""


class Finalization:
    """Deletes what belongs to Applications that are being deleted."""

    def __init__(self, context: Context, project_freed: Callable[[str], object]) -> None:
        """`project_freed`: called with the project of an Application that is about to go."""
        self._context = context
        self._project_freed = project_freed

    async def advance(self, app: Object) -> None:
        """Take a deletion one pass further. Raises DeletionError.

        :param app: the Application as the API has it now, with a `deletionTimestamp`
        """
        context = self._context
        try:
            project = context.hub.project(app)
            settings = context.hub.settings()
        except (ProjectNotFound, ProjectNotPermitted, SettingsError) as error:
            raise DeletionError(str(error)) from None
        try:
            cluster = cluster_of(specs.destination(app["spec"]), context.hub.clusters)
        except DestinationError as error:
            context.log.about("warn", app, "Unable to get destination cluster", error=str(error))
            await self._store(app, finalizers_without_cluster(app))
            return
        left = list(app["metadata"].get("finalizers") or ())
        try:
            if left:
                live = await context.live.cluster(cluster)
                stepped = await self._deletion(app, project, settings, live).step()
                if stepped is None:
                    context.log.about("info", app, "objects remaining for deletion")
                    return
                await self._store(app, stepped)
                left = stepped
        except (ConnectError, HookError, TargetError, TrackingError) as error:
            raise DeletionError(str(error)) from None
        except ApiError as error:
            raise DeletionError(error.message) from None
        if not left:
            self._project_freed(specs.project_name(app["spec"]))

    def _deletion(self, app: Object, project: Project, settings: ComparisonSettings, live: LiveCluster) -> Deletion:
        context = self._context
        namespace = str(specs.destination(app["spec"]).get("namespace") or "")
        instance = context.instance(app)
        hooks = DeleteHooks(
            live.connection,
            Discovery(live.connection),
            namespace,
            permission(project, live.cluster),
            partial(settings.tracking.marked, instance=instance, namespace=namespace),
            settings.health,
            context.clock.now(),
        )
        return Deletion(
            app,
            live.connection,
            hooks,
            partial(self._live, instance, project, live),
            partial(self._targets, app, instance, settings, live),
        )

    @staticmethod
    async def _live(instance: str, project: Project, live: LiveCluster) -> dict[ResourceKey, Object]:
        found = await live.managed(instance, ())
        return {
            key: obj
            for key, obj in found.items()
            if project.permits_resource(key.group, key.kind, key.name, key.namespace, live.cluster)
        }

    async def _targets(
        self, app: Object, instance: str, settings: ComparisonSettings, live: LiveCluster
    ) -> Sequence[Object]:
        sources = specs.sources(app["spec"])
        target = await load(
            app,
            instance,
            sources,
            [str(one.get("targetRevision") or "") for one in sources],
            Destination(live.version, live.api_versions()),
            settings.tracking,
            self._context.repo_server,
            kustomize_options=self._context.hub.config.get(KUSTOMIZE_OPTIONS, ""),
        )
        return target.objects

    async def _store(self, app: Object, left: Sequence[str]) -> None:
        try:
            await self._context.hub.patch(app, {"metadata": {"finalizers": list(left)}})
        except ApiError as error:
            if error.code != 404:
                raise DeletionError(error.message) from None


async def follow_hooks(context: Context, app: Object, comparison: Comparison) -> None:
    """Hold an Application by a finalizer for each kind of hook of its deletion that it wants, and by no other."""
    if specs.is_deleting(app):
        return
    held = list(app["metadata"].get("finalizers") or ())
    wanted = held
    for has, finalizer in (
        (comparison.has_pre_delete_hooks, PRE_DELETE_FINALIZER),
        (comparison.has_post_delete_hooks, POST_DELETE_FINALIZER),
    ):
        for one in (finalizer, f"{finalizer}/cleanup"):
            if has and one not in wanted:
                wanted = [*wanted, one]
            elif not has and one in wanted:
                wanted = [other for other in wanted if other != one]
    if wanted == held:
        return
    try:
        await context.hub.patch(app, {"metadata": {"finalizers": wanted}})
    except ApiError as error:
        context.log.about("error", app, "Failed to update delete finalizers", error=error.message)
