"""The garbage collector: what is owned goes when its owners are gone, in the background, before them, or not at all.

Owners are known by uid alone. Of the cluster's objects only those with owners, and those whose deletion waits for their
dependents, are remembered; whether an owner exists is asked when it matters. Source: Kubernetes
`pkg/controller/garbagecollector/{garbagecollector,graph_builder}.go`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.removal import remove
from lab.sim.objects import evolve

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
Mapper = Callable[[str, str], Resource | None]
"""The resource of an apiVersion and kind, None for one the cluster does not serve: `Registry.kind`."""
_RECENTLY_GONE = 500


@dataclass(slots=True)
class _Item:
    """Where an object is found, and who owns it."""

    api_version: str
    kind: str
    namespace: str
    name: str
    owners: tuple[Object, ...]


class GarbageCollector(Controller):
    """Deletes and releases dependents. `observe` must be told of every change of every resource."""

    name = "garbage-collector-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers, mapper: Mapper) -> None:
        super().__init__(client, clock, informers)
        self._mapper = mapper
        self._items: dict[str, _Item] = {}
        self._dependents: dict[str, set[str]] = {}
        self._unmapped: set[str] = set()
        self._gone: OrderedDict[str, None] = OrderedDict()

    # -- the graph

    def observe(self, old: Object | None, new: Object | None) -> None:
        """One change: (None, new) for a creation, (old, None) for a removal. An informer's handler."""
        obj = new if new is not None else old
        assert obj is not None
        if obj["kind"] == "Event":
            return
        metadata = obj["metadata"]
        uid = metadata["uid"]
        if new is None:
            self._vanished(uid)
            return
        owners = tuple(metadata.get("ownerReferences") or ())
        waits = metadata.get("deletionTimestamp") and _waits(metadata)
        known = self._items.get(uid)
        if owners or waits or known is not None:
            self._remember(uid, obj, owners, known)
        if waits:
            self.enqueue("", uid)
            if FOREGROUND in metadata["finalizers"]:
                self._enqueue_all(self._dependents.get(uid, ()))
        if obj["kind"] == "CustomResourceDefinition" and self._unmapped:
            self._enqueue_all(self._unmapped)
            self._unmapped = set()

    def _remember(self, uid: str, obj: Object, owners: tuple[Object, ...], known: _Item | None) -> None:
        before = known.owners if known is not None else ()
        if known is None or before != owners:
            metadata = obj["metadata"]
            namespace = metadata.get("namespace", "")
            self._items[uid] = _Item(obj["apiVersion"], obj["kind"], namespace, metadata["name"], owners)
        if before == owners:
            return
        now = {one["uid"] for one in owners}
        for one in before:
            if one["uid"] not in now:
                self._forget_dependent(one["uid"], uid)
            # An owner that waited for this object may wait no longer.
            self._enqueue_all([one["uid"]])
        for owner in now:
            self._dependents.setdefault(owner, set()).add(uid)
        if now:
            self.enqueue("", uid)

    def _vanished(self, uid: str) -> None:
        self._gone[uid] = None
        if len(self._gone) > _RECENTLY_GONE:
            self._gone.popitem(last=False)
        item = self._items.pop(uid, None)
        self._enqueue_all(self._dependents.get(uid, ()))
        if item is not None:
            for owner in item.owners:
                self._forget_dependent(owner["uid"], uid)
                self._enqueue_all([owner["uid"]])

    def _forget_dependent(self, owner: str, uid: str) -> None:
        held = self._dependents.get(owner)
        if held is not None:
            held.discard(uid)
            if not held:
                del self._dependents[owner]

    def _enqueue_all(self, uids: Any) -> None:
        for uid in uids:
            if uid in self._items:
                self.enqueue("", uid)

    # -- one object

    async def reconcile(self, namespace: str, name: str) -> None:  # noqa: ARG002 - every key is a uid
        """Look at one object, by its uid: may it stay, does it wait for dependents?"""
        uid = name
        item = self._items.get(uid)
        if item is None:
            return
        row = self._mapper(item.api_version, item.kind)
        if row is None:
            self._unmapped.add(uid)
            return
        latest = await self._get(row, item.namespace, item.name)
        if latest is None or latest["metadata"]["uid"] != uid:
            self._vanished(uid)
            return
        metadata = latest["metadata"]
        finalizers = metadata.get("finalizers") or ()
        if metadata.get("deletionTimestamp"):
            if ORPHAN in finalizers:
                await self._orphan(row, latest)
            elif FOREGROUND in finalizers:
                await self._wait_for_dependents(row, latest)
            return
        if metadata.get("ownerReferences"):
            await self._judge(row, latest)

    async def _get(self, row: Resource, namespace: str, name: str) -> Object | None:
        try:
            return await self.client.get(row.qualified, namespace if row.namespaced else "", name)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def _judge(self, row: Resource, latest: Object) -> None:
        """Delete an object none of whose owners is left; take references to absent owners from one that stays."""
        metadata = latest["metadata"]
        uid = metadata["uid"]
        solid, dangling, waiting = [], [], []
        for reference in metadata["ownerReferences"]:
            owner_row = self._mapper(reference["apiVersion"], reference["kind"])
            if owner_row is None:
                # Nobody knows whether the owner exists: look again when the cluster serves a new kind.
                self._unmapped.add(uid)
                return
            if owner_row.namespaced and not row.namespaced:
                return
            owner = await self._get(owner_row, metadata.get("namespace", ""), reference["name"])
            if owner is None or owner["metadata"]["uid"] != reference["uid"]:
                dangling.append(reference)
                if owner_row.namespaced:
                    await self._warn(owner_row, latest, reference)
            elif owner["metadata"].get("deletionTimestamp") and FOREGROUND in owner["metadata"].get("finalizers", ()):
                waiting.append(reference)
            else:
                solid.append(reference)
        if solid:
            if dangling or waiting:
                await self._write(row, latest, ownerReferences=solid)
        elif waiting and self._dependents.get(uid):
            if await self._is_circle(uid):
                unblocking = [{**one, "blockOwnerDeletion": False} for one in metadata["ownerReferences"]]
                await self._write(row, latest, ownerReferences=unblocking)
            await remove(self.client, row.qualified, latest, "Foreground")
        else:
            await remove(self.client, row.qualified, latest, _policy(metadata))

    async def _warn(self, owner_row: Resource, latest: Object, reference: Object) -> None:
        """Say so when the owner exists in another namespace, where it cannot own this object."""
        if reference["uid"] in self._gone:
            return
        found, _ = await self.client.list(owner_row.qualified)
        if not any(one["metadata"]["uid"] == reference["uid"] for one in found):
            self._gone[reference["uid"]] = None
            return
        namespace = latest["metadata"].get("namespace", "")
        told = (
            f"[{reference['apiVersion']}/{reference['kind']}, namespace: {namespace}, name: {reference['name']}, "
            f"uid: {reference['uid']}]"
        )
        text = f'ownerRef {told} does not exist in namespace "{namespace}"'
        await self.client.event(latest, "Warning", "OwnerRefInvalidNamespace", text, self.name)

    async def _is_circle(self, uid: str) -> bool:
        for dependent in self._dependents.get(uid, ()):
            if await self._deletes_dependents(dependent):
                return True
        return False

    async def _deletes_dependents(self, uid: str) -> bool:
        item = self._items[uid]
        row = self._mapper(item.api_version, item.kind)
        found = await self._get(row, item.namespace, item.name) if row is not None else None
        if found is None or found["metadata"]["uid"] != uid:
            return False
        return bool(found["metadata"].get("deletionTimestamp")) and FOREGROUND in found["metadata"].get(
            "finalizers", ()
        )

    async def _wait_for_dependents(self, row: Resource, owner: Object) -> None:
        """Foreground deletion: the owner goes when no dependent blocks it."""
        uid = owner["metadata"]["uid"]
        blocking = []
        for dependent in list(self._dependents.get(uid, ())):
            owners = self._items[dependent].owners
            if any(one["uid"] == uid and one.get("blockOwnerDeletion") for one in owners):
                blocking.append(dependent)
        if not blocking:
            await self._unhold(row, owner, FOREGROUND)
            return
        for dependent in blocking:
            if not await self._deletes_dependents(dependent):
                self.enqueue("", dependent)

    async def _orphan(self, row: Resource, owner: Object) -> None:
        """Take the reference to the owner from every dependent, then let the owner go."""
        uid = owner["metadata"]["uid"]
        for dependent in list(self._dependents.get(uid, ())):
            item = self._items[dependent]
            dependent_row = self._mapper(item.api_version, item.kind)
            if dependent_row is None:
                continue
            latest = await self._get(dependent_row, item.namespace, item.name)
            if latest is not None and latest["metadata"]["uid"] == dependent:
                kept = [one for one in latest["metadata"].get("ownerReferences") or () if one["uid"] != uid]
                await self._write(dependent_row, latest, ownerReferences=kept)
        await self._unhold(row, owner, ORPHAN)

    # -- writes

    async def _unhold(self, row: Resource, obj: Object, finalizer: str) -> None:
        kept = [one for one in obj["metadata"].get("finalizers") or () if one != finalizer]
        await self._write(row, obj, finalizers=kept)

    async def _write(self, row: Resource, obj: Object, **fields: list[Any]) -> None:
        try:
            await self.client.update(row.qualified, evolve(obj, metadata=fields))
        except ApiError as error:
            if error.code != 404:
                raise


def _waits(metadata: Object) -> bool:
    finalizers = metadata.get("finalizers") or ()
    return FOREGROUND in finalizers or ORPHAN in finalizers


def _policy(metadata: Object) -> str:
    finalizers = metadata.get("finalizers") or ()
    if ORPHAN in finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in finalizers else "Background"
