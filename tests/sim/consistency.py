"""A checker that rejects states a real cluster could never show.

At the end of a test with a cluster, settled: `assert violations(cluster) == []`. A `Witness` that listens from the
beginning also sees what a single moment cannot tell: objects changed in place, revisions that go back.
"""

from __future__ import annotations

from typing import Any

import orjson

from lab.sim.api.admission import quota
from lab.sim.api.resources import Object
from lab.sim.api.rest import Rest
from lab.sim.api.store import Change
from lab.sim.clock import parse_timestamp
from tests.sim.invariants import cluster, metadata, network, pods, workloads
from tests.sim.invariants.world import RULES, World, said

__all__ = ["Witness", "broken", "violations", "world_of"]
_NEW_SECONDS = 10.0
MODULES = (metadata, pods, workloads, network, cluster)


def world_of(rest: Rest) -> World:
    """What a cluster holds now."""
    objects = {storage: rest.store.list(storage) for storage in rest.store.storages}
    return World(objects, rest.store.revision, rest.clock.now(), rest.registry, lambda one: quota.used(rest, one))


def broken(world: World, *, at_rest: bool = True) -> list[tuple[str, str]]:
    """(rule, text) of everything that cannot be. `at_rest`: the controllers have nothing left to do."""
    found = []
    for one in RULES.values():
        if at_rest or not one.at_rest:
            found += [(one.name, f"{said(obj)}: {why}") for obj, why in one.check(world)]
    return found


def violations(cluster: Any, *, at_rest: bool = True, witness: Witness | None = None) -> list[str]:
    """Everything about a cluster that cannot be, a line each; [] when all is well.

    :param cluster: a `Rest`, or anything with one as `rest`
    :param at_rest: False while controllers are still at work: rules about their results are left out
    :param witness: what was seen since the beginning
    """
    rest: Rest = cluster if isinstance(cluster, Rest) else cluster.rest
    lines = [f"{name}: {text}" for name, text in broken(world_of(rest), at_rest=at_rest)]
    return lines + (witness.violations() if witness else [])


class Witness:
    """Listens to every write of a cluster from now on."""

    def __init__(self, rest: Rest) -> None:
        self._store = rest.store
        self._clock = rest.clock
        self._written: dict[tuple[str, str, str], bytes] = {}
        self._uids: dict[str, str] = {}
        self._revision = rest.store.revision
        self._seen: list[str] = []
        for storage in self._store.storages:
            for obj in self._store.scan(storage):
                meta = obj["metadata"]
                self._written[storage, meta.get("namespace", ""), meta["name"]] = orjson.dumps(obj)
        self.stop = self._store.listen(self._told)

    def _told(self, change: Change) -> None:
        key = (change.storage, change.namespace, change.name)
        where = "/".join(filter(None, key))
        if change.revision <= self._revision:
            self._seen.append(f"revisions_only_rise: {where}: {change.revision} after {self._revision}")
        self._revision = change.revision
        if change.object["metadata"].get("resourceVersion") != str(change.revision):
            self._seen.append(f"revisions_only_rise: {where}: told as {change.revision}, but is another")
        before = self._written.get(key)
        if change.new is None:
            self._written.pop(key, None)
        else:
            self._written[key] = change.raw
        if (change.old is None) != (before is None):
            self._seen.append(f"changes_follow_each_other: {where}: {change.type}")
        elif change.new is not None and change.old is not None and before != orjson.dumps(change.old):
            self._seen.append(f"objects_are_never_changed_in_place: {where}")
        if change.old is None and change.new is not None:
            self._created(change.new, where)
        elif change.new is not None and change.old is not None:
            for field in ("uid", "creationTimestamp"):
                if change.new["metadata"].get(field) != change.old["metadata"].get(field):
                    self._seen.append(f"identity_stays: {where}: {field} has changed")
            if change.new["metadata"].get("generation", 0) < change.old["metadata"].get("generation", 0):
                self._seen.append(f"generations_only_rise: {where}")
            if change.old["metadata"].get("deletionTimestamp") and not change.new["metadata"].get("deletionTimestamp"):
                self._seen.append(f"deletions_are_not_taken_back: {where}")

    def _created(self, obj: Object, where: str) -> None:
        uid = obj["metadata"].get("uid", "")
        if uid in self._uids:
            self._seen.append(f"uids_are_never_used_again: {where}: {self._uids[uid]}")
        self._uids[uid] = where
        namespace = obj["metadata"].get("namespace", "")
        if namespace:
            home = self._store.get("namespaces", "", namespace)
            # Events may still be written about what is being cleared away.
            if home is None or (home["metadata"].get("deletionTimestamp") and obj["kind"] not in ("Event", "Lease")):
                self._seen.append(f"nothing_is_made_in_a_leaving_namespace: {where}")
        if obj["kind"] == "Pod":
            account = obj["spec"].get("serviceAccountName", "")
            if self._store.get("serviceaccounts", namespace, account) is None and not self._begins(namespace, account):
                self._seen.append(f"pods_begin_with_their_account: {where}: {account!r} does not exist")

    def _begins(self, namespace: str, account: str) -> bool:
        """Whether a server would still have waited for the account: a namespace gets it a moment after it is made."""
        home = self._store.get("namespaces", "", namespace)
        age = self._clock.now() - parse_timestamp(home["metadata"]["creationTimestamp"]) if home else _NEW_SECONDS
        return account == "default" and age < _NEW_SECONDS

    def violations(self) -> list[str]:
        """What was wrong in any write so far, and objects that are no longer what was written."""
        lines = list(self._seen)
        for storage in self._store.storages:
            for obj in self._store.scan(storage):
                key = (storage, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
                if orjson.dumps(obj) != self._written.get(key):
                    lines.append(f"objects_are_never_changed_in_place: {'/'.join(filter(None, key))}")
        return lines
