"""Doing tasks: prune first, then apply, one kind after the other.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/sync_context.go` (runTasks, applyObject, pruneObject,
removeHookFinalizer).
"""

from __future__ import annotations

from lab.sim.api.status import ApiError
from lab.sim.argocd.ports import Connection
from lab.sim.argocd.sync.discovery import Discovery, KubectlCache, read_live, resource_in_version
from lab.sim.argocd.sync.hooks import HOOK_FINALIZER
from lab.sim.argocd.sync.kubectl import Kubectl, OperationError
from lab.sim.argocd.sync.ledger import Ledger
from lab.sim.argocd.sync.migration import ownership_patch, updates
from lab.sim.argocd.sync.options import CONFIRM, NEVER, has_option, option_value
from lab.sim.argocd.sync.records import (
    CLIENT_MANAGER,
    ERROR,
    FAILED,
    MANAGER,
    PRUNE_SKIPPED,
    PRUNED,
    RUNNING,
    SUCCEEDED,
    SYNC_FAILED,
    SYNCED,
    SyncOptions,
)
from lab.sim.argocd.sync.task import Task
from lab.sim.argocd.tracking import is_definition
from lab.sim.clock import Clock, settle
from lab.sim.objects import Object, condition, name_of, namespace_of

DONE, PENDING, BROKEN = "done", "pending", "broken"
"""How a run of tasks ended: all done, something has to go first, something failed."""
_STATES = {SYNCED: RUNNING, SYNC_FAILED: FAILED, PRUNED: SUCCEEDED, PRUNE_SKIPPED: SUCCEEDED}
_CONFLICT_RETRIES = 5
_DEFINITION_SECONDS, _DEFINITION_STEP = 3.0, 0.1


class Runner:
    """Does tasks on one cluster and writes down what became of them."""

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        options: SyncOptions,
        ledger: Ledger,
        clock: Clock,
        cache: KubectlCache | None = None,
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._discovery = discovery
        self._options = options
        self._ledger = ledger
        self._clock = clock
        self._kubectl = Kubectl(connection, discovery, clock, cache)

    async def run(self, tasks: list[Task], dry_run: bool) -> str:
        """Do tasks, or only try them: `DONE`, `PENDING` or `BROKEN`."""
        dry_run = dry_run or self._options.dry_run
        if not dry_run:
            state = await self._release(tasks)
            if state != DONE:
                return state
        state = await self._prune([one for one in tasks if one.is_prune], dry_run)
        if state != DONE:
            return state
        creating = [one for one in tasks if not one.is_prune]
        if not dry_run:
            state = await self._delete_earlier(creating)
            if state != DONE:
                return state
        for task in creating:
            if not (dry_run and task.skip_dry_run) and not await self._create(task, dry_run):
                state = BROKEN
        return state

    # -- hooks

    async def _release(self, tasks: list[Task]) -> str:
        """Take the finalizer off hooks of an earlier sync that are in the way."""
        state = DONE
        for task in tasks:
            if task.is_hook and task.pending and task.live is not None:
                try:
                    await self.remove_finalizer(task)
                except OperationError as error:
                    state = BROKEN
                    self._ledger.record(task, task.status, ERROR, f"failed to remove hook finalizer: {error}")
        return state

    async def _delete_earlier(self, tasks: list[Task]) -> str:
        state = DONE
        for task in tasks:
            if not task.delete_before_creation:
                continue
            try:
                if await self.delete(task):
                    state = PENDING if state == DONE else state
                else:
                    task.live = None
            except OperationError as error:
                state = BROKEN
                self._ledger.record(task, task.status, ERROR, f"failed to delete resource: {error}")
        return state

    async def live(self, task: Task) -> Object | None:
        """The task's object as the cluster has it now. Raises OperationError."""
        try:
            return await read_live(self._connection, self._discovery, task.obj)
        except ApiError as error:
            raise OperationError(f"failed to get resource: {error.message}") from None

    async def delete(self, task: Task) -> bool:
        """Delete the task's object; False when it was not there. Raises OperationError."""
        try:
            resource = await self._discovery.of(task.obj)
            name = resource_in_version(resource)
            namespace = task.key.namespace if resource.namespaced else ""
            await self._client.delete(name, namespace, task.key.name, self._options.propagation)
        except ApiError as error:
            if error.code == 404:
                return False
            raise OperationError(f"failed to delete resource: {error.message}") from None
        return True

    async def remove_finalizer(self, task: Task) -> None:
        """Let a hook go when it is deleted. Raises OperationError."""
        if task.live is None:
            task.live = await self.live(task)
        for _ in range(_CONFLICT_RETRIES):
            if task.live is None or HOOK_FINALIZER not in (task.live["metadata"].get("finalizers") or ()):
                return
            left = [one for one in task.live["metadata"]["finalizers"] if one != HOOK_FINALIZER]
            changed = {**task.live, "metadata": {**task.live["metadata"], "finalizers": left}}
            why = ""
            try:
                resource = await self._discovery.of(task.obj)
                task.live = await self._client.update(resource_in_version(resource), changed, manager=CLIENT_MANAGER)
                return
            except ApiError as error:
                if error.code == 404:
                    return
                why = error.message
                if error.code != 409:
                    raise OperationError(f"failed to update resource: failed to update resource: {why}") from None
            task.live = await self.live(task)
        raise OperationError(f"failed to update resource: failed to update resource: {why}")

    # -- prune

    async def _prune(self, tasks: list[Task], dry_run: bool) -> str:
        options = self._options
        if not options.prune_confirmed and any(needs_confirmation(one, options) for one in tasks):
            return PENDING
        state = DONE
        for task in tasks:
            status, message = await self._prune_one(task, dry_run)
            if status == SYNC_FAILED:
                state = BROKEN
            if not dry_run or options.dry_run or status == SYNC_FAILED:
                self._ledger.record(task, status, _STATES[status], message)
        return state

    async def _prune_one(self, task: Task, dry_run: bool) -> tuple[str, str]:
        assert task.live is not None
        if not self._options.prune:
            return PRUNE_SKIPPED, "ignored (requires pruning)"
        if _prune_option(task, self._options) == NEVER:
            return PRUNE_SKIPPED, "ignored (no prune)"
        if dry_run:
            return PRUNED, "pruned (dry run)"
        if not task.live["metadata"].get("deletionTimestamp"):
            try:
                resource = await self._discovery.of(task.live)
                name = resource_in_version(resource)
                await self._client.delete(name, namespace_of(task.live), name_of(task.live), self._options.propagation)
            except ApiError as error:
                return SYNC_FAILED, error.message
        return PRUNED, "pruned"

    # -- apply

    async def _create(self, task: Task, dry_run: bool) -> bool:
        try:
            status, message = SYNCED, await self._apply(task, dry_run)
        except OperationError as error:
            status, message = SYNC_FAILED, str(error)
        if not dry_run or self._options.dry_run or status == SYNC_FAILED:
            state = _STATES[status]
            if self._options.dry_run and state == RUNNING:
                state = SUCCEEDED
            self._ledger.record(task, status, state, message)
        return status == SYNCED

    async def _apply(self, task: Task, dry_run: bool) -> str:
        target, live, options = task.target, task.live, self._options
        assert target is not None
        replacing = options.replace or _either_has(target, live, "Replace=true")
        force = options.force or _either_has(target, live, "Force=true")
        server_side = self._is_server_side(target, dry_run)
        if server_side and options.migrate_manager and updates(live, options.migrate_manager):
            assert live is not None
            await self._take_over(task, live)
        if not replacing:
            message = await self._kubectl.apply(target, dry_run=dry_run, force=force, server_side=server_side)
        elif live is None:
            validate = options.validate and not has_option(target, "Validate=false")
            message = await self._kubectl.create(target, dry_run=dry_run, validate=validate)
        elif is_definition(target) or task.key.kind == "Namespace":
            # A forced replace would delete these with everything that lives in them.
            await self._kubectl.update(target, live["metadata"]["resourceVersion"], dry_run=dry_run)
            message = f"{task.key.kind}/{task.key.name} updated"
        else:
            message = await self._kubectl.replace(target, dry_run=dry_run, force=force)
        if not dry_run and is_definition(target):
            await self._await_definition(task.key.name)
        return message

    def _is_server_side(self, target: Object, dry_run: bool) -> bool:
        if dry_run or has_option(target, "ServerSideApply=false"):
            return False
        return self._options.server_side or has_option(target, "ServerSideApply=true")

    async def _take_over(self, task: Task, live: Object) -> None:
        """Make the fields of another manager's client-side apply ours, so that they can be changed and removed."""
        manager = self._options.migrate_manager
        try:
            resource = await self._discovery.of(live)
            name, place = resource_in_version(resource), (namespace_of(live), name_of(live))
            for attempt in range(_CONFLICT_RETRIES):
                fresh = await self._client.get(name, *place)
                patch = ownership_patch(fresh, (manager,), MANAGER) if updates(fresh, manager) else None
                if patch is None:
                    return
                try:
                    await self._client.patch(name, *place, patch, "json", manager=CLIENT_MANAGER)
                    return
                except ApiError as error:
                    if error.code != 409 or attempt == _CONFLICT_RETRIES - 1:
                        raise
        except ApiError as error:
            key = task.compared_key
            raise OperationError(f"Failed to perform client-side apply migration for {key}: {error.message}") from None

    async def _await_definition(self, name: str) -> None:
        """Wait up to three seconds until a definition's resources are served; longer is for the next resource."""
        until = self._clock.now() + _DEFINITION_SECONDS
        while not await self._is_established(name):
            await settle(5)
            if await self._is_established(name):
                return
            if self._clock.now() >= until:
                return
            await self._clock.sleep(_DEFINITION_STEP)

    async def _is_established(self, name: str) -> bool:
        try:
            found = await self._client.get("customresourcedefinitions.apiextensions.k8s.io", "", name)
        except ApiError:
            return True
        established = condition(found, "Established")
        return established is not None and established.get("status") == "True"


def _either_has(target: Object, live: Object | None, option: str) -> bool:
    return has_option(target, option) or has_option(live, option)


def _prune_option(task: Task, options: SyncOptions) -> str | None:
    own = option_value(task.live, "Prune")
    return own if own is not None else options.default_prune


def needs_confirmation(task: Task, options: SyncOptions) -> bool:
    """Whether somebody has to agree before a resource is pruned."""
    return task.is_prune and _prune_option(task, options) == CONFIRM
