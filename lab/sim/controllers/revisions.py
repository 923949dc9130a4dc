"""ControllerRevisions: the templates a StatefulSet or DaemonSet had, kept to update from and to go back to.

Source: Kubernetes `pkg/controller/history/controller_history.go`, `pkg/controller/daemon/update.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Objects
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.controllers.informer import Informer
from lab.sim.controllers.template_hash import equal, hash_of
from lab.sim.controllers.workload import annotations_of
from lab.sim.objects import evolve, owner_reference, thaw

HASH = "controller-revision-hash"
"""Label of pods: a DaemonSet's have the revision's hash, a StatefulSet's its name."""
RESOURCE = "controllerrevisions.apps"


def snapshot(owner: Object) -> Object:
    """The patch a revision holds: `spec.template` of the owner, to be put back as a whole."""
    return {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}


def template_in(revision: Object) -> Object:
    """The pod template a revision holds."""
    template = revision["data"]["spec"]["template"]
    return {key: value for key, value in template.items() if key != "$patch"}


def in_order(revisions: Objects) -> Objects:
    """Oldest first."""

    def key(one: Object) -> tuple[int, str, str]:
        return int(one["revision"]), one["metadata"]["creationTimestamp"], one["metadata"]["name"]

    return sorted(revisions, key=key)


class Revisions:
    """Reads and writes the revisions of one controller's objects."""

    def __init__(self, client: Client, informer: Informer, label: str) -> None:
        """`label`: which label of a revision carries its hash; the two kinds of owners differ."""
        self._client = client
        self._informer = informer
        self._label = label

    async def newest(self, owner: Object, held: Objects) -> tuple[Object, int]:
        """The revision of the owner's template as it is now, made or raised if need be, and the collision count.

        `held`: the owner's revisions.
        """
        held = in_order(held)
        number = int(held[-1]["revision"]) + 1 if held else 1
        data = snapshot(owner)
        same = [one for one in held if equal(one["data"], data)]
        collisions = int(owner.get("status", {}).get("collisionCount") or 0)
        if not same:
            return await self._create(owner, data, number, collisions)
        if same[-1] is held[-1]:
            return same[-1], collisions
        written = await self._client.update(RESOURCE, evolve(same[-1], revision=number))
        await self._informer.reached(written)
        return written, collisions

    async def _create(self, owner: Object, data: Object, number: int, collisions: int) -> tuple[Object, int]:
        metadata = owner["metadata"]
        while True:
            mark = hash_of(data, collisions)
            labels = {**((owner["spec"]["template"].get("metadata") or {}).get("labels") or {}), self._label: mark}
            made: Object = {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {
                    "name": f"{metadata['name'][:223]}-{mark}",
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "ownerReferences": [owner_reference(owner)],
                },
                "data": thaw(data),
                "revision": number,
            }
            if annotations_of(owner):
                made["metadata"]["annotations"] = dict(annotations_of(owner))
            try:
                written = await self._client.create(RESOURCE, made)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
                there = await self._client.get(RESOURCE, metadata["namespace"], made["metadata"]["name"])
                if equal(there.get("data"), data):
                    return there, collisions
                collisions += 1
                continue
            await self._informer.reached(written)
            return written, collisions

    async def truncate(self, owner: Object, held: Objects, live: set[str]) -> None:
        """Delete the oldest revisions beyond `revisionHistoryLimit`, not counting those named in `live`."""
        limit = owner["spec"].get("revisionHistoryLimit", 10)
        spare = [one for one in in_order(held) if one["metadata"]["name"] not in live]
        for one in spare[: max(len(spare) - limit, 0)]:
            try:
                await self._client.delete(RESOURCE, one["metadata"]["namespace"], one["metadata"]["name"])
            except ApiError as error:
                if error.code != 404:
                    raise
            await self._informer.dropped(one)
