"""What every object's metadata must be like."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.rest import has_generation
from tests.sim.invariants.world import Found, World, closing, leaving, number, rule, rule_at_rest, seconds

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_SLACK_SECONDS = 1.0


@rule
def revisions_are_the_stores(world: World) -> Found:
    seen: Counter[str] = Counter()
    for _, obj in world.all():
        revision = obj["metadata"].get("resourceVersion", "")
        seen[revision] += 1
        if not isinstance(revision, str) or not revision.isdigit() or not 0 < int(revision) <= world.revision:
            yield obj, f"resourceVersion is {revision!r}, the store's {world.revision}"
        if seen[revision] == 2:
            yield obj, f"resourceVersion {revision} belongs to another object too"


@rule
def uids_are_unique(world: World) -> Found:
    for _, obj in world.all():
        uid = obj["metadata"].get("uid", "")
        if not _UID.fullmatch(uid):
            yield obj, f"uid is {uid!r}"
        elif world.by_uid[uid] is not obj:
            yield obj, f"uid {uid} belongs to another object too"


@rule
def objects_are_complete(world: World) -> Found:
    rows = {(row.storage, row.api_version, row.kind): row for row in world.registry}
    for storage, obj in world.all():
        metadata = obj["metadata"]
        row = rows.get((storage, obj.get("apiVersion", ""), obj.get("kind", "")))
        if row is None:
            yield obj, f"{obj.get('apiVersion')} {obj.get('kind')} is not served as {storage}"
        elif row.namespaced != bool(metadata.get("namespace")):
            yield obj, f"namespace is {metadata.get('namespace')!r}"
        if not metadata.get("name"):
            yield obj, "it has no name"
        created = seconds(metadata.get("creationTimestamp"))
        if created is None or created > world.now + _SLACK_SECONDS:
            yield obj, f"creationTimestamp is {metadata.get('creationTimestamp')!r}"


@rule
def namespaces_exist(world: World) -> Found:
    for _, obj in world.all():
        namespace = obj["metadata"].get("namespace")
        if namespace and world.get("namespaces", "", namespace) is None:
            yield obj, "its namespace does not exist"


@rule
def owners_are_well_formed(world: World) -> Found:
    for _, obj in world.all():
        owners = obj["metadata"].get("ownerReferences") or ()
        if sum(bool(one.get("controller")) for one in owners) > 1:
            yield obj, "it has two controllers"
        if len({one.get("uid") for one in owners}) != len(owners):
            yield obj, "one owner is named twice"
        for one in owners:
            if not all(one.get(key) for key in ("apiVersion", "kind", "name", "uid")):
                yield obj, f"its owner {one} is incomplete"
                continue
            owner = world.by_uid.get(one["uid"])
            if owner is None:
                continue
            if (one["kind"], one["name"]) != (owner["kind"], owner["metadata"]["name"]):
                yield obj, f"its owner is called {one['kind']} {one['name']}"
            if owner["metadata"].get("namespace", "") not in ("", obj["metadata"].get("namespace", "")):
                yield obj, "its owner lives in another namespace"


@rule_at_rest
def owners_exist(world: World) -> Found:
    for _, obj in world.all():
        owners = obj["metadata"].get("ownerReferences") or ()
        if owners and not leaving(obj) and not any(one.get("uid") in world.by_uid for one in owners):
            yield obj, "none of its owners exists"


@rule
def deletions_have_a_reason_to_wait(world: World) -> Found:
    for storage, obj in world.all():
        metadata = obj["metadata"]
        grace = metadata.get("deletionGracePeriodSeconds")
        if not leaving(obj):
            if grace is not None:
                yield obj, f"deletionGracePeriodSeconds is {grace} without a deletionTimestamp"
            continue
        if seconds(metadata["deletionTimestamp"]) is None:
            yield obj, f"deletionTimestamp is {metadata['deletionTimestamp']!r}"
        waits = metadata.get("finalizers") or (storage == "namespaces" and obj.get("spec", {}).get("finalizers"))
        if not waits and not grace:
            yield obj, "it is being deleted, and nothing holds it"


@rule
def generations_are_counted(world: World) -> Found:
    rows = {(row.storage, row.api_version, row.kind): row for row in world.registry}
    for storage, obj in world.all():
        generation = obj["metadata"].get("generation")
        row = rows.get((storage, obj.get("apiVersion", ""), obj.get("kind", "")))
        if row is None:
            continue
        counted = has_generation(row)
        if counted and (type(generation) is not int or generation < 1):
            yield obj, f"generation is {generation!r}"
        if not counted and generation is not None:
            yield obj, f"generation is {generation!r} though this kind has none"
        if row.custom is None and number(obj, "observedGeneration") > (generation or 0):
            yield obj, f"generation is {generation}, observed is {number(obj, 'observedGeneration')}"


_OBSERVED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "PodDisruptionBudget")


@rule_at_rest
def generations_are_observed(world: World) -> Found:
    for _, obj in world.all():
        if obj["kind"] in _OBSERVED and not closing(world, obj):
            seen = number(obj, "observedGeneration")
            if seen != obj["metadata"].get("generation"):
                yield obj, f"generation is {obj['metadata'].get('generation')}, observed is {seen}"


@rule
def labels_are_labels(world: World) -> Found:
    for _, obj in world.all():
        for field in ("labels", "annotations"):
            for key, value in (obj["metadata"].get(field) or {}).items():
                if not isinstance(value, str):
                    yield obj, f"{field} {key} is {value!r}"
                elif field == "labels" and not (_LABEL.fullmatch(value) and _LABEL.fullmatch(key.rpartition("/")[2])):
                    yield obj, f"label {key} is {value!r}"


@rule
def conditions_are_conditions(world: World) -> Found:
    for _, obj in world.all():
        status = obj.get("status")
        found = (status.get("conditions") or ()) if isinstance(status, dict) else ()
        if not isinstance(found, list):
            continue
        kinds = [one.get("type") for one in found if isinstance(one, dict)]
        for kind, times in Counter(kinds).items():
            if times > 1 or not kind:
                yield obj, f"condition {kind!r} stands there {times} times"
        for one in found:
            if obj["kind"] != "CertificateSigningRequest" and one.get("status") not in ("True", "False", "Unknown"):
                yield obj, f"condition {one.get('type')} is {one.get('status')!r}"
            since = one.get("lastTransitionTime")
            if since is not None:
                at = seconds(since)
                if at is None or at > world.now + _SLACK_SECONDS:
                    yield obj, f"condition {one.get('type')} since {since!r}"


@rule
def managed_fields_are_well_formed(world: World) -> Found:
    for _, obj in world.all():
        seen = set()
        for entry in obj["metadata"].get("managedFields") or ():
            who = tuple(entry.get(key, "") for key in ("manager", "operation", "apiVersion", "subresource"))
            if who in seen:
                yield obj, f"manager {who} stands there twice"
            seen.add(who)
            if not entry.get("manager") or entry.get("operation") not in ("Apply", "Update"):
                yield obj, f"manager {who}"
            if entry.get("fieldsType") != "FieldsV1" or not entry.get("fieldsV1"):
                yield obj, f"manager {who} has no fields"
            if "time" in entry and seconds(entry["time"]) is None:
                yield obj, f"manager {who} at {entry['time']!r}"


@rule
def managed_fields_exist(world: World) -> Found:
    for _, obj in world.all():
        for entry in obj["metadata"].get("managedFields") or ():
            if entry.get("apiVersion") == obj["apiVersion"]:
                missing = _missing(entry.get("fieldsV1") or {}, obj, "")
                if missing and not (obj["kind"] == "Service" and missing.rpartition(".")[2] in _DROPPED):
                    yield obj, f"{entry.get('manager')} owns {missing}, which is not there"


_DROPPED = (
    "allocateLoadBalancerNodePorts",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "loadBalancerClass",
    "nodePort",
)
"""A Service that changes its type loses these after the server has noted who owns them: a real one shows the same."""


def _missing(fields: Object, value: Any, path: str) -> str:
    """The first path of a field set that `value` does not have, or ""."""
    for key, inner in fields.items():
        sort, _, rest = key.partition(":")
        if key == ".":
            continue
        if sort == "f":
            if not isinstance(value, dict) or rest not in value:
                return f"{path}.{rest}"
            below = value[rest]
        elif sort == "k":
            wanted = json.loads(rest)
            same = [one for one in value or () if isinstance(one, dict) and _same_keys(one, wanted)]
            if not same:
                return f"{path}[{rest}]"
            below = same[0]
        elif sort == "v":
            if json.loads(rest) not in (value or ()):
                return f"{path}[={rest}]"
            continue
        else:
            below = value[int(rest)] if isinstance(value, list) and int(rest) < len(value) else None
        missing = _missing(inner, below, f"{path}.{rest}") if inner else ""
        if missing:
            return missing
    return ""


def _same_keys(item: Object, wanted: Object) -> bool:
    return all(item.get(key) == value or (key not in item and value in ("", None)) for key, value in wanted.items())
