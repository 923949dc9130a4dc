"""The objects of one cluster, found by key, by Application, by owner and by namespace.

An object is held once: what an in-process client gives out is shared with the cluster's own store.
Source: Argo CD 3.6.1 `gitops-engine/pkg/cache/{cluster,references,resource}.go`, `controller/cache/cache.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.tracking import Tracking
from lab.sim.objects import Object

_NOTHING: dict[ResourceKey, Object] = {}
_TOKEN = "kubernetes.io/service-account"  # noqa: S105


class LiveObjects:
    """Live objects of every kind that is looked at. They are shared: never change one."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        self._objects: dict[ResourceKey, Object] = {}
        self._instances: dict[str, dict[ResourceKey, Object]] = {}
        self._owned: dict[str, dict[ResourceKey, Object]] = {}
        self._namespaces: dict[str, dict[ResourceKey, Object]] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: ResourceKey) -> Object | None:
        """One object, or None."""
        return self._objects.get(key)

    def of_kind(self, group: str, kind: str) -> list[ResourceKey]:
        """The keys of all objects of a kind."""
        return [key for key in self._objects if key.group == group and key.kind == kind]

    def managed(self, instance: str) -> dict[ResourceKey, Object]:
        """Top-level objects that bear an Application's mark."""
        return dict(self._instances.get(instance, _NOTHING))

    def top_level(self, namespace: str) -> list[ResourceKey]:
        """Objects of a namespace that nothing owns."""
        return [key for key, obj in self._namespaces.get(namespace, _NOTHING).items() if not owners_of(obj)]

    def put(self, key: ResourceKey, new: Object | None) -> Object | None:
        """Take in a state, None for a removal; returns the one before."""
        old = self._objects.get(key)
        if new is None:
            if old is None:
                return None
            del self._objects[key]
        else:
            self._objects[key] = new
        self._index(self._namespaces, (key.namespace,), (key.namespace,) if new is not None else (), key, new)
        before = self._owning(old) if old is not None else ((), ())
        after = self._owning(new) if new is not None else ((), ())
        if before[0] or after[0]:
            self._index(self._instances, before[0], after[0], key, new)
        if before[1] or after[1]:
            self._index(self._owned, before[1], after[1], key, new)
        return old

    def _owning(self, obj: Object) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The Application whose it is, and the UIDs of its owners."""
        owners = owners_of(obj)
        if owners:
            return (), tuple(str(one["uid"]) for one in owners if one.get("uid"))
        instance = self._tracking.instance(obj)
        return ((instance,) if instance else ()), ()

    @staticmethod
    def _index(
        table: dict[str, dict[ResourceKey, Object]],
        before: Iterable[str],
        after: Iterable[str],
        key: ResourceKey,
        new: Object | None,
    ) -> None:
        for value in before:
            if value not in after:
                held = table.get(value)
                if held is not None and held.pop(key, None) is not None and not held:
                    del table[value]
        if new is not None:
            for value in after:
                table.setdefault(value, {})[key] = new

    # -- ownership

    def application_of(self, obj: Object) -> str:
        """The Application an object belongs to, by its own mark or by that of what owns it; "" for none."""
        return self._application(obj, set())

    def _application(self, obj: Object, seen: set[ResourceKey]) -> str:
        key = key_of(obj)
        if key in seen:
            return ""
        owners = owners_of(obj)
        if not owners:
            return self._tracking.instance(obj)
        for owner in self._owners(key, obj):
            found = self._application(owner, seen | {key})
            if found:
                return found
        return ""

    def _owners(self, key: ResourceKey, obj: Object) -> Iterator[Object]:
        for one in owners_of(obj):
            group = _group(str(one.get("apiVersion") or ""))
            owner = self._objects.get(ResourceKey(group, str(one.get("kind")), key.namespace, str(one.get("name"))))
            if owner is not None:
                yield owner
        if (key.group, key.kind) == ("", "PersistentVolumeClaim"):
            for other in self._namespaces.get(key.namespace, _NOTHING).values():
                if _claims(other, key.name):
                    yield other

    def children(self, key: ResourceKey) -> list[Object]:
        """What an object owns: by owner reference, or by name where Argo CD infers it."""
        obj = self._objects.get(key)
        if obj is None:
            return []
        uid = str((obj.get("metadata") or {}).get("uid") or "")
        found = dict(self._owned.get(uid, _NOTHING)) if uid else {}
        if (key.group, key.kind) == ("", "Service"):
            endpoints = ResourceKey("", "Endpoints", key.namespace, key.name)
            if endpoints in self._objects and not (self._objects[endpoints]["metadata"].get("ownerReferences")):
                found[endpoints] = self._objects[endpoints]
        elif key.kind == "StatefulSet":
            found |= {
                other: claim
                for other, claim in self._namespaces.get(key.namespace, _NOTHING).items()
                if (other.group, other.kind) == ("", "PersistentVolumeClaim") and _claims(obj, other.name)
            }
        return list(found.values())

    def walk(self, keys: Iterable[ResourceKey], enter: Callable[[ResourceKey, Object], bool]) -> None:
        """Call `enter` for the objects and all they own, each once; nothing below one where it returns False."""
        seen: set[ResourceKey] = set()
        todo = [key for key in reversed(list(keys)) if key in self._objects]
        while todo:
            key = todo.pop()
            if key in seen:
                continue
            seen.add(key)
            if enter(key, self._objects[key]):
                todo += [key_of(one) for one in reversed(self.children(key))]


def owners_of(obj: Object) -> list[Object]:
    """The owner references Argo CD sees: those written down, and those of Endpoints and token Secrets by their name."""
    metadata = obj.get("metadata") or {}
    found = metadata.get("ownerReferences")
    kind = obj.get("kind")
    if kind == "Endpoints" and not found and obj.get("apiVersion") == "v1":
        return [{"apiVersion": "v1", "kind": "Service", "name": metadata.get("name")}]
    if kind == "Secret" and obj.get("type") == f"{_TOKEN}-token":
        notes = metadata.get("annotations") or {}
        name, uid = notes.get(f"{_TOKEN}.name"), notes.get(f"{_TOKEN}.uid")
        if name and uid:
            return [*(found or ()), {"apiVersion": "v1", "kind": "ServiceAccount", "name": name, "uid": uid}]
    return found or []


def _group(api_version: str) -> str:
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def _claims(obj: Object, name: str) -> bool:
    """Whether a StatefulSet's volumeClaimTemplates made a claim of this name."""
    if obj.get("kind") != "StatefulSet":
        return False
    templates = (obj.get("spec") or {}).get("volumeClaimTemplates") or ()
    owner = str(obj["metadata"].get("name"))
    return any(_claim_pattern(str((one.get("metadata") or {}).get("name")), owner).search(name) for one in templates)


@lru_cache(maxsize=1024)
def _claim_pattern(template: str, owner: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(template)}-{re.escape(owner)}-\d+$")
