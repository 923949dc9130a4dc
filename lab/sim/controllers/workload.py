"""What the workload controllers share: who owns whom, adoption and release, and writing a status.

Source: Kubernetes `pkg/controller/controller_ref_manager.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lab.sim.api.resources import Object, Objects
from lab.sim.api.selectors import matches
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.informer import Informer
from lab.sim.objects import controller_of, evolve, owner_reference, thaw

BY_CONTROLLER = "controller"
"""Name of the index by `by_controller`, the same wherever an informer is shared."""
Labels = dict[str, str]


def labels_of(obj: Object) -> Labels:
    """`metadata.labels`."""
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Object) -> Labels:
    """`metadata.annotations`."""
    return obj["metadata"].get("annotations") or {}


def selected(owner: Object, labels: Labels) -> bool:
    """Whether `owner.spec.selector`, a label selector or a plain map, selects these labels."""
    selector = owner["spec"].get("selector")
    if owner["kind"] == "ReplicationController":
        selector = {"matchLabels": selector} if selector else None
    return matches(selector, labels)


def controller_uid(obj: Object) -> str:
    """The uid of the owner that controls `obj`, or ""."""
    owner = controller_of(obj)
    return str(owner["uid"]) if owner else ""


def by_controller(obj: Object) -> Iterable[str]:
    """Keys of the index `BY_CONTROLLER`: the controller's uid, or that there is none, by namespace."""
    uid = controller_uid(obj)
    return (uid or f"none in {obj['metadata'].get('namespace', '')}",)


class WorkloadController(Controller):
    """Base of controllers that keep children of one or two kinds for each of their objects."""

    resource = ""
    """What it works on, e.g. `deployments.apps`."""
    kind = ""
    """Its kind, as owner references name it."""
    api_version = "apps/v1"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        """As `Controller`."""
        super().__init__(client, clock, informers)
        self.minor = informers.minor
        self.objects = self.informer(self.resource)
        self.objects.handle(self._object_changed)

    def _object_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new if new is not None else old
        assert obj is not None
        self.enqueue_object(obj)

    def children(self, resource: str, *, followed: bool = True) -> Informer:
        """The informer of the children's resource; a change of a child puts its owner into the queue.

        `followed`: False where changes of these children are not looked at.
        """
        informer = self.informer(resource)
        informer.index(BY_CONTROLLER, by_controller)
        if followed:
            informer.handle(self._child_changed)
        return informer

    def _child_changed(self, old: Object | None, new: Object | None) -> None:
        names = set()
        for state in (old, new):
            owner = controller_of(state) if state is not None else None
            if owner and owner["kind"] == self.kind and owner["apiVersion"] == self.api_version and state is not None:
                names.add((state["metadata"]["namespace"], owner["name"]))
        for key in names:
            self.enqueue(*key)
        if new is not None and not names and controller_of(new) is None:
            self._orphan_changed(new)

    def _orphan_changed(self, orphan: Object) -> None:
        for obj in self.objects.list(orphan["metadata"]["namespace"]):
            if selected(obj, labels_of(orphan)):
                self.enqueue_object(obj)

    def owned(self, informer: Informer, owner: Object) -> Objects:
        """The children of `owner` as the informer knows them."""
        return informer.by(BY_CONTROLLER, owner["metadata"]["uid"])

    async def claim(
        self,
        informer: Informer,
        owner: Object,
        keep: Callable[[Object], bool] | None = None,
        finalizer: str = "",
        candidate: Callable[[Object], bool] | None = None,
    ) -> Objects:
        """The children of `owner`, after adopting what its selector matches and releasing what it does not.

        `keep`: what a child must be beside matching the selector; `finalizer` is put on adopted and taken from released
        ones; `candidate`: objects for which it says no are left as they are and left out.
        """
        namespace = owner["metadata"].get("namespace", "")
        leaving = bool(owner["metadata"].get("deletionTimestamp"))
        claimed = []

        def wanted(obj: Object) -> bool:
            return selected(owner, labels_of(obj)) and (keep is None or keep(obj))

        for child in self.owned(informer, owner):
            if candidate is not None and not candidate(child):
                continue
            if wanted(child):
                claimed.append(child)
            elif not leaving:
                await self._release(informer, owner, child, finalizer)
        if leaving:
            return claimed
        checked = False
        for orphan in informer.by(BY_CONTROLLER, f"none in {namespace}"):
            if orphan["metadata"].get("deletionTimestamp") or not wanted(orphan):
                continue
            if candidate is not None and not candidate(orphan):
                continue
            if not checked:
                fresh = await self.client.get(self.resource, namespace, owner["metadata"]["name"])
                same = fresh["metadata"]["uid"] == owner["metadata"]["uid"]
                if not same or fresh["metadata"].get("deletionTimestamp"):
                    return claimed
                checked = True
            adopted = await self._adopt(informer, owner, orphan, finalizer)
            if adopted is not None:
                claimed.append(adopted)
        return claimed

    async def _adopt(self, informer: Informer, owner: Object, orphan: Object, finalizer: str) -> Object | None:
        references = [*orphan["metadata"].get("ownerReferences", ()), owner_reference(owner)]
        changes: Object = {"ownerReferences": references}
        finalizers = orphan["metadata"].get("finalizers", [])
        if finalizer and finalizer not in finalizers:
            changes["finalizers"] = [*finalizers, finalizer]
        return await self._rewrite(informer, orphan, changes)

    async def _release(self, informer: Informer, owner: Object, child: Object, finalizer: str) -> None:
        uid = owner["metadata"]["uid"]
        references = [one for one in child["metadata"]["ownerReferences"] if one["uid"] != uid]
        changes: Object = {"ownerReferences": references}
        if finalizer:
            changes["finalizers"] = [one for one in child["metadata"].get("finalizers", ()) if one != finalizer]
        await self._rewrite(informer, child, changes)

    async def _rewrite(self, informer: Informer, obj: Object, metadata: Object) -> Object | None:
        try:
            written = await self.client.update(informer.resource, thaw(evolve(obj, metadata=metadata)))
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        await informer.reached(written)
        return written

    async def write_status(self, obj: Object, status: Object) -> Object:
        """Write a status that differs from the one there is; returns the object as it is now."""
        if status == obj.get("status", {}):
            return obj
        written = await self.client.status(self.resource, evolve(obj, status=status))
        await self.objects.reached(written)
        return written

    async def event(self, about: Object, kind: str, reason: str, message: str) -> None:
        """Record an event in this controller's name."""
        await self.client.event(about, kind, reason, message, self.name)

    def stamp(self) -> str:
        """The time now, as objects hold it."""
        return timestamp(self.clock.now())


def compact(status: Object, *always: str) -> Object:
    """A status without zeros, empty lists and Nones, as Go's `omitempty` leaves it; `always` names what stays."""
    return {key: value for key, value in status.items() if key in always or value not in (0, None, [], "")}


def scaled(value: Any, total: int, *, up: bool) -> int:
    """An `IntOrString` such as 2 or "25%" of `total`, rounded up or down. None is 0."""
    if isinstance(value, str):
        percent = int(value.rstrip("%"))
        return -(-percent * total // 100) if up else percent * total // 100
    return int(value or 0)
