"""What a sync has to do: its tasks, in order, worked out anew in every pass.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/sync_context.go` (getSyncTasks, autoCreateNamespace),
`controller/sync_namespace.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.sim.api.status import ApiError
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.ports import ApiResource, Connection
from lab.sim.argocd.sync import hooks
from lab.sim.argocd.sync.discovery import Discovery
from lab.sim.argocd.sync.ledger import Ledger
from lab.sim.argocd.sync.options import SYNC_OPTIONS, has_option
from lab.sim.argocd.sync.order import defined_kind, in_order, is_namespace, turn_prune_waves
from lab.sim.argocd.sync.records import ERROR, PRE_SYNC, SYNC_FAILED, Pair, SyncRequest
from lab.sim.argocd.sync.task import Task
from lab.sim.objects import Object, name_of


class Planner:
    """Makes the tasks of one request."""

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        request: SyncRequest,
        ledger: Ledger,
        started_at: float,
    ) -> None:
        """`started_at`: seconds since 1970; names of hooks are made of it."""
        self._connection = connection
        self._discovery = discovery
        self._request = request
        self._ledger = ledger
        self._started_at = started_at
        self._pairs: dict[ResourceKey, Pair] = {one.key: one for one in request.pairs}
        wanted = [*request.hooks, *(one.target for one in request.pairs if one.target is not None)]
        self._defined = {kind for kind in map(defined_kind, wanted) if kind is not None}

    async def tasks(self) -> tuple[list[Task], bool]:
        """The tasks in order, and whether all of them may be done; results tell what is wrong with the others."""
        request = self._request
        tasks = self._of_resources()
        if not request.options.skip_hooks:
            tasks += self._of_hooks()
        for task in tasks:
            task.place_in(request.namespace)
        valid = True
        if request.create_namespace and request.namespace:
            tasks += await self._namespace()
        for task in tasks:
            if task.live is None and task.target is not None:
                task.live = self._live(task.key)
        for task in tasks:
            valid = await self._check(task) and valid
        turn_prune_waves(tasks, request.options.prune_last)
        tasks = in_order(tasks)
        for task in tasks:
            self._ledger.remember(task)
        return tasks, valid

    def _of_resources(self) -> list[Task]:
        selected = self._request.selected
        made = []
        for key, pair in self._pairs.items():
            if selected is not None and not selected(key, pair.target, pair.live):
                continue
            obj = pair.target if pair.target is not None else pair.live
            if obj is not None and not hooks.is_hook(obj):
                made += [Task(phase, pair.target, pair.live) for phase in hooks.phases(obj)]
        return made

    def _of_hooks(self) -> list[Task]:
        return [
            Task(phase, self._finalized(self._named(obj, phase)))
            for obj in self._request.hooks
            for phase in hooks.phases(obj)
        ]

    def _named(self, obj: Object, phase: str) -> Object:
        """A hook with `generateName` gets a name that is the same in every pass of this operation."""
        if name_of(obj):
            return obj
        revision = self._request.revision
        revision = revision[:7] if len(revision) >= 8 else revision
        base = str(obj.get("metadata", {}).get("generateName") or "")
        name = base + f"{revision}-{phase}-{int(self._started_at)}".lower()
        return {**obj, "metadata": {**obj.get("metadata", {}), "name": name}}

    def _finalized(self, obj: Object) -> Object:
        finalizers = obj["metadata"].get("finalizers") or []
        if hooks.HOOK_FINALIZER in finalizers:
            return obj
        return {**obj, "metadata": {**obj["metadata"], "finalizers": [*finalizers, hooks.HOOK_FINALIZER]}}

    def _live(self, key: ResourceKey) -> Object | None:
        """The live object of a target, which may have been given a namespace although it is cluster-wide."""
        for one in (key, key._replace(namespace="")):
            pair = self._pairs.get(one)
            if pair is not None:
                return pair.live
        return None

    # -- the destination's namespace

    async def _namespace(self) -> list[Task]:
        """A task that makes the namespace or labels it; [] when there is nothing to do or it is in Git."""
        request = self._request
        if any(is_namespace(one.target, request.namespace) for one in request.pairs):
            return []
        target: Object = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": request.namespace},
            "spec": {},
            "status": {},
        }
        try:
            live: Object | None = await self._connection.client.get("namespaces", "", request.namespace)
        except ApiError as error:
            if error.code != 404:
                failed = Task(PRE_SYNC, target)
                self._ledger.record(failed, SYNC_FAILED, ERROR, f"namespace auto creation failed: {error.message}")
                return [failed]
            live = None
        if request.namespace_metadata is not None:
            target["metadata"] = _managed(request.namespace, request.namespace_metadata)
        elif live is not None:
            return []
        return [Task(PRE_SYNC, target, live)]

    # -- permissions

    async def _check(self, task: Task) -> bool:
        try:
            resource = await self._discovery.find(task.api_version, task.key.kind)
        except ApiError as error:
            if error.code == 404 and self._may_be_missing(task):
                task.skip_dry_run = True
                return True
            self._ledger.record(task, SYNC_FAILED, "", error.message)
            return False
        wrong = self._forbidden(task, resource)
        if wrong:
            self._ledger.record(task, SYNC_FAILED, "", wrong)
        return not wrong

    def _forbidden(self, task: Task, resource: ApiResource) -> str:
        return self._request.permitted(task.obj, resource)

    def _may_be_missing(self, task: Task) -> bool:
        return (
            self._request.options.skip_dry_run_on_missing
            or has_option(task.target, "SkipDryRunOnMissingResource=true")
            or (task.key.group, task.key.kind) in self._defined
        )


def _managed(name: str, metadata: Mapping[str, Mapping[str, str]]) -> Object:
    """Metadata of a namespace whose labels and annotations are managed: applied server-side, to leave others alone."""
    made: Object = {"name": name}
    labels = metadata.get("labels")
    if labels is not None:
        made["labels"] = dict(labels)
    made["annotations"] = {**(metadata.get("annotations") or {}), SYNC_OPTIONS: "ServerSideApply=true"}
    return made
