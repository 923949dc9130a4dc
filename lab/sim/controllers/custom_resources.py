"""CustomResourceDefinitions: names are accepted, resources established, objects cleared away with their definition.

Source: apiextensions `pkg/controller/{status,establish,finalizer}`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.objects import CUSTOM_RESOURCE_CLEANUP, condition, evolve

_RESOURCE = "customresourcedefinitions.apiextensions.k8s.io"
_AGAIN_SECONDS = 1.0


class CustomResources(Controller):
    """Accepts, establishes and finalizes definitions."""

    name = "kube-apiserver"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._definitions = informers.of(_RESOURCE)
        self._definitions.handle(self._changed)

    def _changed(self, old: Object | None, new: Object | None) -> None:  # noqa: ARG002 - every handler's signature
        if new is not None:
            self.enqueue_object(new)
            return
        for other in self._definitions.list():
            if not _true(other, "NamesAccepted"):
                self.enqueue_object(other)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bring one definition's status up to date, or clear its objects away."""
        definition = self._definitions.get(namespace, name)
        if definition is None:
            return
        if definition["metadata"].get("deletionTimestamp"):
            if CUSTOM_RESOURCE_CLEANUP in definition["metadata"].get("finalizers", ()):
                await self._finalize(definition)
            return
        status = self._status(definition)
        if status != definition.get("status"):
            await self.client.status(_RESOURCE, evolve(definition, status=status))

    def _status(self, definition: Object) -> Object:
        spec = definition["spec"]
        accepted, wrong = self._names(definition)
        before = definition.get("status", {})
        now = timestamp(self.clock.now())
        conditions = list(before.get("conditions", ()))
        if wrong:
            _set(conditions, "NamesAccepted", "False", wrong[0], wrong[1], now)
            if not _true(definition, "Established"):
                _set(conditions, "Established", "False", "NotAccepted", "not all names are accepted", now)
        else:
            _set(conditions, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now)
            if not _true(definition, "Established"):
                text = "the initial names have been accepted"
                _set(conditions, "Established", "True", "InitialNamesAccepted", text, now)
        stored = list(before.get("storedVersions", ()))
        stored += [one["name"] for one in spec["versions"] if one.get("storage") and one["name"] not in stored]
        return {"acceptedNames": accepted, "conditions": conditions, "storedVersions": stored}

    def _names(self, definition: Object) -> tuple[Object, tuple[str, str] | None]:
        """The names it may have, and reason and message of the last one that is another definition's.

        A name that is taken stays what it was; the others are accepted all the same.
        """
        names = definition["spec"]["names"]
        wanted = {"listKind": f"{names['kind']}List", **names}
        accepted = {"plural": "", "kind": "", **(definition.get("status", {}).get("acceptedNames") or {})}
        words, kinds = self._taken(definition)
        wrong = None
        for field, reason, taken in (
            ("plural", "PluralConflict", words),
            ("singular", "SingularConflict", words),
            ("shortNames", "ShortNamesConflict", words),
            ("kind", "KindConflict", kinds),
            ("listKind", "ListKindConflict", kinds),
        ):
            asked, had = wanted.get(field), accepted.get(field)
            if asked == had:
                continue
            new = [asked] if isinstance(asked, str) else [one for one in asked or () if one not in (had or ())]
            used = [f'"{one}" is already in use' for one in new if one in taken]
            if used:
                wrong = reason, used[0] if len(used) == 1 else f"[{', '.join(used)}]"
            elif asked is None:
                accepted.pop(field, None)
            else:
                accepted[field] = asked
        accepted.pop("categories", None)
        if wanted.get("categories"):
            accepted["categories"] = wanted["categories"]
        return accepted, wrong

    def _taken(self, definition: Object) -> tuple[set[str], set[str]]:
        """Resource names and kinds that other definitions of the group have."""
        words: set[str] = set()
        kinds: set[str] = set()
        for other in self._definitions.list():
            if other["spec"]["group"] != definition["spec"]["group"]:
                continue
            if other["metadata"]["name"] == definition["metadata"]["name"]:
                continue
            accepted = other.get("status", {}).get("acceptedNames", {})
            words.update((accepted.get("plural", ""), accepted.get("singular", ""), *accepted.get("shortNames", ())))
            kinds.update((accepted.get("kind", ""), accepted.get("listKind", "")))
        return words - {""}, kinds - {""}

    async def _finalize(self, definition: Object) -> None:
        spec = definition["spec"]
        resource = f"{spec['names']['plural']}.{spec['group']}"
        left = await self._clear(resource) if _true(definition, "Established") else 0
        if left:
            self.enqueue_after("", definition["metadata"]["name"], _AGAIN_SECONDS)
            return
        metadata: dict[str, Any] = dict(definition["metadata"])
        metadata["finalizers"] = [one for one in metadata["finalizers"] if one != CUSTOM_RESOURCE_CLEANUP]
        await self.client.update(_RESOURCE, {**definition, "metadata": metadata})

    async def _clear(self, resource: str) -> int:
        """Delete every object of the resource; how many are still there."""
        objects, _ = await self.client.list(resource)
        for obj in objects:
            metadata = obj["metadata"]
            if not metadata.get("deletionTimestamp"):
                try:
                    await self.client.delete(resource, metadata.get("namespace", ""), metadata["name"])
                except ApiError as error:
                    if error.code != 404:
                        raise
        return len((await self.client.list(resource))[0])


def _true(definition: Object, kind: str) -> bool:
    found = condition(definition, kind)
    return found is not None and found["status"] == "True"


def _set(conditions: list[Any], kind: str, status: str, reason: str, message: str, now: str) -> None:
    """Put a condition into a list of the caller's own; its time changes with its status only."""
    for index, one in enumerate(conditions):
        if one["type"] == kind:
            since = one["lastTransitionTime"] if one["status"] == status else now
            conditions[index] = _condition(kind, status, reason, message, since)
            return
    conditions.append(_condition(kind, status, reason, message, now))


def _condition(kind: str, status: str, reason: str, message: str, since: str) -> Object:
    return {"lastTransitionTime": since, "message": message, "reason": reason, "status": status, "type": kind}
