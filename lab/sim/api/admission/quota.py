"""ResourceQuota: how much of what a namespace may hold, counted on the stored objects themselves.

A real server counts on `status.used`, which its controller corrects now and then; here a check always sees the truth.
Source: apiserver `pkg/admission/plugin/resourcequota/controller.go`, Kubernetes `pkg/quota/v1/evaluator/core`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.sim.api.admission import amounts
from lab.sim.api.admission.amounts import NOTHING, ONE, Amounts
from lab.sim.api.admission.write import Write
from lab.sim.api.resources import Object
from lab.sim.api.strategies.pods import quality
from lab.sim.clock import parse_timestamp
from lab.sim.quantity import Quantity

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_COUNTED = frozenset(["configmaps", "secrets", "replicationcontrollers", "resourcequotas"])
"""Kinds whose plain plural is a countable resource, beside `count/PLURAL`."""
_POD_KEYS = frozenset(
    [
        "pods",
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
    ]
)
_NATIVE = ("cpu", "memory", "ephemeral-storage")
_MUST_ASK = ("cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory")
_SERVICE_KEYS = frozenset(["services", "services.nodeports", "services.loadbalancers"])
_CLAIM_KEYS = ("persistentvolumeclaims", "requests.storage")
_BY_CLASS = ".storageclass.storage.k8s.io/"
_UPDATED = frozenset(["services", "persistentvolumeclaims"])
"""Kinds whose updates can use more."""


def check(rest: Rest, write: Write) -> None:
    """Refuse what would exceed a quota of the namespace, or lacks what a quota requires. Raises ApiError 403."""
    new = write.new
    if new is None or not rest.store.count("resourcequotas", write.namespace):
        return
    storage = write.resource.storage
    if write.operation == "UPDATE" and storage not in _UPDATED:
        return
    now = rest.clock.now()
    for quota in rest.store.list("resourcequotas", write.namespace):
        hard = amounts.read(quota.get("spec", {}).get("hard"))
        keys = {key for key in hard if covers(storage, key)}
        if not keys or not _in_scope(quota, storage, new):
            continue
        name = quota["metadata"]["name"]
        if storage == "pods":
            missing = _unasked(new["spec"], keys)
            if missing:
                raise write.forbidden(f"failed quota: {name}: must specify {missing}")
        delta = {key: amount for key, amount in usage(storage, new, now).items() if key in keys}
        if write.old is not None:
            before = usage(storage, write.old, now)
            delta = {key: _less(amount, before.get(key, NOTHING)) for key, amount in delta.items()}
        delta = {key: amount for key, amount in delta.items() if amount.nanos}
        if not delta:
            continue
        held = _used(rest, quota, storage, delta)
        over = {key for key, amount in delta.items() if held[key].nanos + amount.nanos > hard[key].nanos}
        if over:
            raise write.forbidden(
                f"exceeded quota: {name}, requested: {_part(delta, over)}, used: {_part(held, over)}, "
                f"limited: {_part(hard, over)}"
            )


def used(rest: Rest, quota: Object) -> dict[str, str]:
    """What `status.used` of a ResourceQuota should say now: an amount for every key of `spec.hard`."""
    hard = quota.get("spec", {}).get("hard") or {}
    total: Amounts = dict.fromkeys(hard, NOTHING)
    for storage in rest.store.storages:
        keys = [key for key in hard if covers(storage, key)]
        if keys:
            amounts.add(total, _used(rest, quota, storage, keys))
    return {key: str(total[key]) for key in sorted(hard)}


def _used(rest: Rest, quota: Object, storage: str, keys: Iterable[str]) -> Amounts:
    """Usage by what is stored: an update is there in its old state, a creation not yet."""
    total: Amounts = dict.fromkeys(keys, NOTHING)
    now = rest.clock.now()
    for obj in rest.store.scan(storage, quota["metadata"].get("namespace", "")):
        if _in_scope(quota, storage, obj):
            found = usage(storage, obj, now)
            amounts.add(total, {key: found[key] for key in total if key in found})
    return total


def _less(amount: Quantity, before: Quantity) -> Quantity:
    return Quantity(max(amount.nanos - before.nanos, 0), amount.form)


def _part(all_of: Amounts, keys: set[str]) -> str:
    return amounts.shown({key: all_of[key] for key in keys})


def covers(storage: str, key: str) -> bool:
    """Whether objects kept under `storage` count towards `key` of a quota."""
    if key.startswith("count/"):
        return key[6:] == storage
    if storage == "pods":
        return key in _POD_KEYS or key.startswith(("hugepages-", "requests.hugepages-")) or _extended(key)
    if storage == "services":
        return key in _SERVICE_KEYS
    if storage == "persistentvolumeclaims":
        return key in _CLAIM_KEYS or key.partition(_BY_CLASS)[2] in _CLAIM_KEYS
    return key == storage and storage in _COUNTED


def _extended(key: str) -> bool:
    name = key.removeprefix("requests.")
    return name != key and "/" in name and "kubernetes.io/" not in name


def usage(storage: str, obj: Object, now: float) -> Amounts:
    """What one object takes of everything that can be limited. `now`: seconds since 1970."""
    found: Amounts = {f"count/{storage}": ONE}
    if storage == "pods":
        if _counts(obj, now):
            _pod_usage(obj, found)
    elif storage == "services":
        _service_usage(obj["spec"], found)
    elif storage == "persistentvolumeclaims":
        _claim_usage(obj, found)
    elif storage in _COUNTED:
        found[storage] = ONE
    return found


def _counts(pod: Object, now: float) -> bool:
    """Not a pod that has ended, nor one whose end is overdue."""
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return False
    metadata = pod["metadata"]
    deleted, grace = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
    return not deleted or grace is None or now <= parse_timestamp(deleted) + grace


def _pod_usage(pod: Object, found: Amounts) -> None:
    found["pods"] = ONE
    for name, amount in amounts.of_pod(pod["spec"], "requests", overhead=True).items():
        if name in _NATIVE or name.startswith("hugepages-"):
            found[name] = amount
        found[f"requests.{name}"] = amount
    for name, amount in amounts.of_pod(pod["spec"], "limits", overhead=True).items():
        if name in _NATIVE:
            found[f"limits.{name}"] = amount


def _service_usage(spec: Object, found: Amounts) -> None:
    ports = spec.get("ports") or ()
    found["services"] = ONE
    kind = spec.get("type")
    found["services.loadbalancers"] = ONE if kind == "LoadBalancer" else NOTHING
    node_ports = len(ports) if kind in ("NodePort", "LoadBalancer") else 0
    if kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False:
        node_ports = sum(1 for port in ports if port.get("nodePort"))
    found["services.nodeports"] = amounts.count(node_ports)


def _claim_usage(claim: Object, found: Amounts) -> None:
    found["persistentvolumeclaims"] = ONE
    storage = amounts.read((claim["spec"].get("resources") or {}).get("requests")).get("storage")
    if storage is not None:
        found["requests.storage"] = storage
    annotations = claim["metadata"].get("annotations") or {}
    name = annotations.get("volume.beta.kubernetes.io/storage-class") or claim["spec"].get("storageClassName")
    if name:
        for key in _CLAIM_KEYS:
            if key in found:
                found[f"{name}{_BY_CLASS}{key}"] = found[key]


def _unasked(spec: Object, keys: set[str]) -> str:
    """Which containers do not say how much they need of what the quota limits, as the refusal lists them."""
    if spec.get("resources"):
        return ""
    required = [key for key in _MUST_ASK if key in keys]
    missing: dict[str, set[str]] = {}
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        resources = container.get("resources") or {}
        for key in required:
            kind, _, name = key.rpartition(".")
            if name not in (resources.get(kind or "requests") or {}):
                missing.setdefault(key, set()).add(container.get("name", ""))
    return "; ".join(f"{key} for: {','.join(sorted(missing[key]))}" for key in sorted(missing))


# -- scopes


def _in_scope(quota: Object, storage: str, obj: Object) -> bool:
    spec = quota.get("spec", {})
    wanted = [{"scopeName": one, "operator": "Exists"} for one in spec.get("scopes") or ()]
    wanted += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if not wanted:
        return True
    return storage == "pods" and all(_matches(one, obj) for one in wanted)


def _matches(wanted: Object, pod: Object) -> bool:
    spec: Object = pod["spec"]
    name: str = wanted["scopeName"]
    terminating = spec.get("activeDeadlineSeconds") is not None
    if name in ("Terminating", "NotTerminating"):
        return terminating == (name == "Terminating")
    if name in ("BestEffort", "NotBestEffort"):
        return (quality(pod) == "BestEffort") == (name == "BestEffort")
    if name == "PriorityClass":
        held, values = spec.get("priorityClassName") or "", wanted.get("values") or ()
        operator = wanted.get("operator")
        if operator in ("In", "NotIn"):
            return bool((held in values) == (operator == "In"))
        return bool(held) == bool(operator == "Exists")
    return name == "CrossNamespacePodAffinity" and _looks_elsewhere(spec)


def _looks_elsewhere(spec: Object) -> bool:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = (spec.get("affinity") or {}).get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        weighted = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [one.get("podAffinityTerm") or {} for one in weighted]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False
