"""A refresh of one Application: validate, compare, perhaps start a sync, write the status.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (processAppRefreshQueueItem, refreshAppConditions, autoSync).
"""

from __future__ import annotations

from lab.sim.api.status import ApiError
from lab.sim.argocd import go_types
from lab.sim.argocd.application import autosync, finalizers, tree
from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.audit import OPERATION_STARTED
from lab.sim.argocd.application.context import Context
from lab.sim.argocd.application.hub import ProjectNotFound, ProjectNotPermitted
from lab.sim.argocd.application.refresh import Level, Refresh
from lab.sim.argocd.application.state import Compared, compare_state
from lab.sim.argocd.application.status import (
    ERRORS_OF_SPEC,
    ORPHANED,
    SYNC_ERROR,
    as_go_writes,
    set_field,
    with_conditions,
)
from lab.sim.argocd.application.status_writer import StatusWriter
from lab.sim.argocd.comparison.records import UNKNOWN, Condition
from lab.sim.argocd.destinations import DestinationError, cluster_of
from lab.sim.argocd.live.cluster import LiveCluster
from lab.sim.argocd.permissions import problems
from lab.sim.argocd.ports import ConnectError
from lab.sim.argocd.project import Project
from lab.sim.argocd.sync_windows import SyncWindowError, SyncWindows, matching
from lab.sim.objects import Object, evolve, name_of, namespace_of

_CONFLICTS_BORNE = 10


class Reconciliation:
    """Refreshes Applications."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writer = StatusWriter(context)

    async def refresh(self, app: Object, due: Refresh) -> None:
        """Refresh an Application; what cannot be written is logged and left to the next refresh."""
        context = self._context
        destination = specs.destination(app["spec"])
        context.log.about(
            "info",
            app,
            f"Refreshing app status ({due.reason}), level ({due.level:d})",
            dest_server=destination.get("server") or "",
            dest_name=destination.get("name") or "",
            dest_namespace=destination.get("namespace") or "",
        )
        if due.level is Level.NOTHING and await self._tree_only(app):
            return
        status: Object = dict(app.get("status") or {})
        project, status = self._validated(app, status)
        if project is None:
            sync = status.get("sync") or {}
            status["sync"] = {**sync, "status": UNKNOWN}
            status["health"] = _health(status, UNKNOWN, "")
            memory = context.memory(app)
            memory.managed, memory.missing = None, ()
            await self._writer.write(app, status)
            return
        await self._compared(app, status, project, due)

    # -- validation

    def _validated(self, app: Object, status: Object) -> tuple[Project | None, Object]:
        """The project, None when the spec may not be used, and the status with the conditions that say why."""
        context = self._context
        found: list[Condition]
        project: Project | None = None
        try:
            project = context.hub.project(app)
            found = [
                Condition("InvalidSpecError", message)
                for message in problems(app["spec"], project, context.hub.clusters)
            ]
        except ProjectNotFound:
            name = app["spec"].get("project") or ""
            found = [Condition("InvalidSpecError", f"Application referencing project {name} which does not exist")]
        except ProjectNotPermitted as error:
            found = [Condition("UnknownError", str(error))]
        return None if found else project, with_conditions(status, found, ERRORS_OF_SPEC, context.now())

    # -- comparison

    async def _compared(self, app: Object, status: Object, project: Project, due: Refresh) -> None:
        context = self._context
        began = context.now()
        spec = app["spec"]
        multiple = specs.is_multiple(spec)
        sources = specs.sources(spec)
        revisions = [str(one.get("targetRevision") or "") for one in sources]
        if due.level is Level.RECENT:
            known = status.get("sync") or {}
            revisions = list(known.get("revisions") or ()) if multiple else [str(known.get("revision") or "")]
        operation = (specs.operation_state(app) or {}).get("operation") or {}
        try:
            outcome = await compare_state(
                context,
                app,
                status,
                project,
                sources,
                revisions,
                multiple=multiple,
                hard=due.hard,
                force_resolve=due.level is Level.FORCED,
                manifests=(operation.get("sync") or {}).get("manifests") or (),
            )
        except DestinationError as error:
            context.log.about("error", app, "Failed to get destination cluster", error=str(error))
            return
        if outcome is None:
            context.log.about("warn", app, "Ignoring temporary failed attempt to compare app state against repo")
            return
        app = await self._normalized(app)
        status = self._with_tree(app, dict(outcome.status), outcome, project)
        status = await self._auto_synced(app, status, outcome, project)
        if not status.get("reconciledAt") or due.level >= Level.LATEST:
            status["reconciledAt"] = began
        status["sync"] = outcome.sync
        status["health"] = _health(status, outcome.comparison.health.status, outcome.comparison.health.cause)
        set_field(status, "resources", outcome.comparison.status_resources())
        set_field(status, "sourceTypes", list(outcome.source_types) if multiple else [])
        set_field(status, "sourceType", outcome.source_types[0] if outcome.source_types and not multiple else "")
        if outcome.settings is not None:
            set_field(status, "resourceHealthSource", "" if outcome.settings.persist_health else "appTree")
        status["controllerNamespace"] = context.namespace
        await finalizers.follow_hooks(context, app, outcome.comparison)
        await self._writer.write(app, status)

    async def _normalized(self, app: Object) -> Object:
        """Take blocks that say nothing out of the spec."""
        change = specs.normalization(app["spec"])
        if not change:
            return app
        try:
            await self._context.hub.patch(app, {"spec": change})
        except ApiError as error:
            self._context.log.about("error", app, "Error persisting normalized application spec", error=error.message)
        return evolve(app, spec=specs.normalized(app["spec"]))

    # -- the tree

    def _with_tree(self, app: Object, status: Object, outcome: Compared, project: Project) -> Object:
        memory = self._context.memory(app)
        memory.managed = tree.managed_keys(outcome.comparison)
        memory.missing = [one.key for one in outcome.comparison.resources if one.live is None]
        if outcome.live is None:
            return status
        return self._summarized(app, status, outcome.live, project)

    def _summarized(self, app: Object, status: Object, live: LiveCluster, project: Project) -> Object:
        memory = self._context.memory(app)
        managed = memory.managed or ()
        found = tree.orphans(app, [*managed, *memory.missing], live, project, self._exists)
        status = dict(with_conditions(status, found, ORPHANED, self._context.now()))
        set_field(status, "summary", tree.summary(app, managed, memory.missing, live, project))
        return status

    def _exists(self, instance: str) -> bool:
        return self._context.hub.application(specs.instance_key(instance, self._context.namespace)) is not None

    async def _tree_only(self, app: Object) -> bool:
        """Look at the resource tree alone; False when there is nothing to go by."""
        context = self._context
        memory = context.memory(app)
        if memory.managed is None:
            return False
        try:
            cluster = cluster_of(specs.destination(app["spec"]), context.hub.clusters)
            live = await context.live.cluster(cluster)
            project = context.hub.project(app)
        except (DestinationError, ConnectError, ProjectNotFound, ProjectNotPermitted):
            return False
        await self._writer.write(app, self._summarized(app, dict(app.get("status") or {}), live, project))
        return True

    # -- automated sync

    async def _auto_synced(self, app: Object, status: Object, outcome: Compared, project: Project) -> Object:
        context = self._context
        now = context.clock.now()
        try:
            may = SyncWindows(matching(project.sync_windows, app), now).can_sync(False)
        except SyncWindowError:
            may = False
        if not may:
            context.log.about("info", app, "Sync prevented by sync window")
            return status
        decision = autosync.decide(
            app,
            outcome.sync,
            outcome.comparison.status_resources(),
            outcome.revisions_may_differ,
            context.env,
            now,
        )
        if decision.note:
            context.log.about("info", app, decision.note)
        if decision.wait > 0:
            context.request_refresh((namespace_of(app), name_of(app)), Level.LATEST, decision.wait)
        condition = decision.condition
        if decision.operation is not None:
            condition = await self._started(app, decision)
        return with_conditions(status, [condition] if condition else [], SYNC_ERROR, context.now())

    async def _started(self, app: Object, decision: autosync.Decision) -> Condition | None:
        """Write the operation onto the Application; the condition to show when that fails."""
        context = self._context
        named = f'"{name_of(app)}"'
        for _ in range(_CONFLICTS_BORNE):
            try:
                fresh = await context.hub.fresh(app)
            except ApiError as error:
                return Condition("SyncError", f"error getting application {named}: {error.message}")
            if fresh is None:
                text = f"applications.argoproj.io {named} not found"
                return Condition("SyncError", f"error getting application {named}: {text}")
            if fresh.get("operation") is not None:
                context.log.about("warn", app, f"Failed to initiate auto-sync to {list(decision.revisions)}")
                return None
            status = as_go_writes(fresh.get("status") or {})
            status.pop("operationState", None)
            try:
                # The Application is written whole and as Go's types hold it, not only its operation.
                spec = go_types.written(fresh.get("spec") or {})
                operation = go_types.written(decision.operation, "Operation")
            except go_types.DecodeError as error:
                return Condition("SyncError", f"error getting application {named}: {error}")
            try:
                written = await context.hub.client.update(
                    specs.RESOURCE, evolve(fresh, spec=spec, status=status, operation=operation)
                )
            except ApiError as error:
                if error.code == 409:
                    continue
                return Condition("SyncError", f"error updating application {named}: {error.message}")
            context.hub.note(written)
            break
        message = f"Initiated automated sync to '{', '.join(decision.revisions)}'"
        await context.audit.tell(app, "Normal", OPERATION_STARTED, message)
        context.log.about("info", app, message)
        return None


def _health(status: Object, code: str, message: str) -> Object:
    health: Object = {**(status.get("health") or {}), "status": code}
    set_field(health, "message", message)
    return health
