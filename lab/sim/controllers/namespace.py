"""The namespace controller: a namespace that is being deleted is emptied, pods first, and then let go.

Source: Kubernetes `pkg/controller/namespace/deletion/{namespaced_resources_deleter,status_condition_utils}.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.removal import remove
from lab.sim.objects import evolve, name_of

_FINALIZER = "kubernetes"
_FINE = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
)


@dataclass(slots=True)
class _Remains:
    """What is still in a namespace."""

    objects: Counter[str] = field(default_factory=Counter)
    """By `PLURAL.GROUP`."""
    finalizers: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def conditions(self) -> dict[str, tuple[str, str]]:
        """Reason and message of the conditions that are true, by type."""
        made = {}
        if self.errors:
            text = (
                f"Failed to delete all resource types, {len(self.errors)} remaining: {', '.join(sorted(self.errors))}"
            )
            made["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", text)
        if self.objects:
            told = sorted(f"{name} has {count} resource instances" for name, count in self.objects.items())
            text = f"Some resources are remaining: {', '.join(told)}"
            made["NamespaceContentRemaining"] = ("SomeResourcesRemain", text)
        if self.finalizers:
            told = sorted(f"{name} in {count} resource instances" for name, count in self.finalizers.items())
            text = f"Some content in the namespace has finalizers remaining: {', '.join(told)}"
            made["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", text)
        return made


class Namespaces(Controller):
    """Empties namespaces. `observe` must be told of every change of every resource."""

    name = "namespace-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers, resources: Iterable[Resource]) -> None:
        """`resources`: what the cluster serves at each time it is gone through, e.g. its `Registry`."""
        super().__init__(client, clock, informers)
        self._resources = resources
        self._namespaces = self.informer("namespaces")
        self._ending: set[str] = set()
        self._namespaces.handle(self._namespace_changed)

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None:
            self._ending.discard(name_of(old or {}))
        elif new["metadata"].get("deletionTimestamp"):
            self._ending.add(name_of(new))
            self.enqueue("", name_of(new))

    def observe(self, old: Object | None, new: Object | None) -> None:
        """One change of any object: the end of one that was waited for is looked into."""
        if not self._ending:
            return
        obj = new if new is not None else old
        assert obj is not None
        namespace = obj["metadata"].get("namespace", "")
        if namespace in self._ending and (new is None or obj["metadata"].get("deletionTimestamp") or old is None):
            self.enqueue("", namespace)

    async def reconcile(self, namespace: str, name: str) -> None:  # noqa: ARG002 - cluster-wide
        """Delete what is left in a namespace that is being deleted, say what remains, and let an empty one go."""
        try:
            found = await self.client.get("namespaces", "", name)
        except ApiError as error:
            if error.code == 404:
                return
            raise
        finalizers = found["spec"].get("finalizers") or []
        if not found["metadata"].get("deletionTimestamp") or not finalizers:
            return
        rows = self._rows()
        remains = _Remains()
        await self._empty([row for row in rows if row.storage == "pods"], name, remains)
        pods_first = bool(remains.objects)
        if not pods_first:
            await self._empty([row for row in rows if row.storage != "pods"], name, remains)
        # While pods remain a real server says nothing of them yet.
        told = {} if pods_first else remains.conditions()
        found = await self._tell(found, told)
        if not remains.objects and not remains.errors and _FINALIZER in finalizers:
            spec = {**found["spec"], "finalizers": [one for one in finalizers if one != _FINALIZER]}
            await self.client.update("namespaces", evolve(found, spec=spec), "finalize")

    def _rows(self) -> list[Resource]:
        rows: dict[str, Resource] = {}
        for row in self._resources:
            if row.namespaced and "delete" in row.verbs and "list" in row.verbs:
                rows.setdefault(row.storage or row.qualified, row)
        return list(rows.values())

    async def _empty(self, rows: Iterable[Resource], namespace: str, remains: _Remains) -> None:
        for row in rows:
            items, _ = await self.client.list(row.qualified, namespace)
            if not items:
                continue
            for obj in items:
                if obj["metadata"].get("deletionTimestamp"):
                    continue
                try:
                    await remove(self.client, row.qualified, obj, "Background")
                except ApiError as error:
                    remains.errors.append(error.message)
            items, _ = await self.client.list(row.qualified, namespace)
            if items:
                remains.objects[f"{row.plural}.{row.group}"] += len(items)
            for obj in items:
                remains.finalizers.update(obj["metadata"].get("finalizers") or ())

    async def _tell(self, namespace: Object, told: dict[str, tuple[str, str]]) -> Object:
        status = namespace.get("status") or {}
        before = {one["type"]: one for one in status.get("conditions") or ()}
        now = timestamp(self.clock.now())
        made = []
        for kind, reason, message in _FINE:
            wrong = told.get(kind)
            one = {"type": kind, "status": "True" if wrong else "False", "reason": reason, "message": message}
            if wrong:
                one["reason"], one["message"] = wrong
            known = before.pop(kind, {})
            same = known.get("status") == one["status"]
            one["lastTransitionTime"] = known["lastTransitionTime"] if same else now
            made.append(one)
        made += before.values()
        if made == status.get("conditions"):
            return namespace
        return await self.client.status("namespaces", evolve(namespace, status={**status, "conditions": made}))
