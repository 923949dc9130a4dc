"""ConfigMaps and Secrets, quotas and limits, namespaces, nodes, priorities, leases and events.

Source: Kubernetes `validation.go` under `pkg/apis/{core,scheduling,coordination,node}/validation`, core's `events.go`.
"""

from __future__ import annotations

import base64
import binascii
from functools import partial

import orjson

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    duplicate,
    forbidden_field,
    immutable,
    invalid_value,
    labels,
    named,
    one_of,
    required,
    same,
    too_long,
)
from lab.sim.api.validation.internal import written
from lab.sim.api.validation.meta import finalizers, qualified_finalizers
from lab.sim.api.validation.resources import amount_of, read, requirements
from lab.sim.api.validation.scheduling import taints, tolerations

LIMIT = 1024 * 1024
"""Bytes of data that a ConfigMap or Secret may hold."""


def config_map(wrong: Wrong, obj: Object) -> None:
    """A ConfigMap."""
    data, binary = obj.get("data"), obj.get("binaryData")
    size = 0
    for field, values in (("data", data), ("binaryData", binary)):
        for key, value in (values or {}).items():
            for message in names.config_key(key):
                wrong.append(invalid_value(f"{field}[{key}]", key, message))
            if field == "data" and binary and key in binary:
                wrong.append(invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData"))
            size += len(value or "") if field == "data" else _decoded_size(value or "")
    if size > LIMIT or (size * 4 > LIMIT and sum(len(one.encode()) for one in (data or {}).values()) > LIMIT):
        wrong.append(too_long("[]", LIMIT))


def _decoded_size(text: str) -> int:
    return len(text) * 3 // 4 - text.count("=", max(len(text) - 2, 0))


def _kept(wrong: Wrong, new: Object, old: Object, fields: tuple[str, ...]) -> None:
    if not old.get("immutable"):
        return
    said = "field is immutable when `immutable` is set"
    if not new.get("immutable"):
        wrong.append(forbidden_field("immutable", said))
    for field in fields:
        if not same(new.get(field), old.get(field)):
            wrong.append(forbidden_field(field, said))


def changed_config_map(wrong: Wrong, new: Object, old: Object) -> None:
    """A ConfigMap in place of another."""
    _kept(wrong, new, old, ("data", "binaryData"))


_NEEDED = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_ACCOUNT = "kubernetes.io/service-account.name"


def secret(wrong: Wrong, obj: Object) -> None:
    """A Secret."""
    data, size = obj.get("data") or {}, 0
    for key, value in data.items():
        for message in names.config_key(key):
            wrong.append(invalid_value(f"data[{key}]", key, message))
        size += _decoded_size(value or "")
    if size > LIMIT:
        wrong.append(too_long("data", LIMIT))
    kind = obj.get("type") or ""
    if kind in _NEEDED:
        _docker(wrong, data, _NEEDED[kind])
    elif kind == "kubernetes.io/service-account-token":
        if not (obj["metadata"].get("annotations") or {}).get(_ACCOUNT):
            wrong.append(required(f"metadata.annotations[{_ACCOUNT}]"))
    elif kind == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            wrong.extend((required("data[username]"), required("data[password]")))
    elif kind == "kubernetes.io/ssh-auth":
        if not data.get("ssh-privatekey"):
            wrong.append(required("data[ssh-privatekey]"))
    elif kind == "kubernetes.io/tls":
        wrong.extend(required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data)


def _docker(wrong: Wrong, data: Object, key: str) -> None:
    if key not in data:
        wrong.append(required(f"data[{key}]"))
        return
    try:
        text = base64.b64decode(data[key] or "", validate=True)
        fine = isinstance(orjson.loads(text), dict)
        said = "json: cannot unmarshal into Go value of type map[string]interface {}"
    except binascii.Error:
        return
    except orjson.JSONDecodeError:
        fine, said = False, _json_problem(text)
    if not fine:
        wrong.append(invalid_value(f"data[{key}]", "<secret contents redacted>", said))


def _json_problem(text: bytes) -> str:
    stripped = text.strip()
    if not stripped:
        return "unexpected end of JSON input"
    first = stripped[:1].decode("utf-8", "replace")
    if first in '{["-0123456789tfn':
        return "unexpected end of JSON input"
    return f"invalid character '{first}' looking for beginning of value"


def changed_secret(wrong: Wrong, new: Object, old: Object) -> None:
    """A Secret in place of another."""
    immutable(wrong, "type", new.get("type"), old.get("type"))
    _kept(wrong, new, old, ("data",))


def namespace(wrong: Wrong, obj: Object) -> None:
    """A Namespace."""
    found = (obj.get("spec") or {}).get("finalizers") or []
    for one in found:
        finalizers(wrong, "spec.finalizers", [one])
        qualified_finalizers(wrong, [one], "spec.finalizers", indexed=False)


def finalized_namespace(wrong: Wrong, obj: Object) -> None:
    """A Namespace through its `finalize` subresource."""
    for index, one in enumerate((obj.get("spec") or {}).get("finalizers") or ()):
        finalizers(wrong, f"spec.finalizers[{index}]", [one])
        qualified_finalizers(wrong, [one], f"spec.finalizers[{index}]", indexed=False)


def namespace_status(wrong: Wrong, obj: Object) -> None:
    """A Namespace is Terminating exactly while it is being deleted."""
    phase = (obj.get("status") or {}).get("phase") or ""
    going = bool(obj["metadata"].get("deletionTimestamp"))
    if phase != ("Terminating" if going else "Active"):
        state = (
            "'Terminating' if `deletionTimestamp` is not empty" if going else "'Active' if `deletionTimestamp` is empty"
        )
        wrong.append(invalid_value("status.Phase", phase, f"may only be {state}"))


def node(wrong: Wrong, obj: Object) -> None:
    """A Node."""
    spec, found = obj.get("spec") or {}, obj.get("status") or {}
    if spec.get("taints"):
        taints(wrong, "metadata.taints", spec["taints"])
    for field in ("capacity", "allocatable"):
        for name, value in (found.get(field) or {}).items():
            amount = read(value)
            if amount is not None:
                amount_of(wrong, f"status.{field}.{name}", name, amount)
    ranges = spec.get("podCIDRs") or []
    for index, one in enumerate(ranges):
        if names.network(one) is None:
            said = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            wrong.append(invalid_value(f"spec.podCIDRs[{index}]", one, said))
    if len(ranges) > 1 and len({":" in one for one in ranges}) < 2:
        said = "may specify no more than one CIDR for each IP family"
        wrong.append(invalid_value("spec.podCIDRs", ranges, said))


def changed_node(wrong: Wrong, new: Object, old: Object) -> None:
    """A Node keeps its addresses and its provider's name."""
    node(wrong, {**new, "spec": {**(new.get("spec") or {}), "podCIDRs": None}})
    after, before = new.get("spec") or {}, old.get("spec") or {}
    for field, spelt in (("podCIDRs", "podCIDR"), ("providerID", "providerID")):
        if before.get(field) and after.get(field) != before[field]:
            said = f'node updates may not change {spelt} except from "" to valid'
            wrong.append(forbidden_field(f"spec.{field}", said))


_HIGHEST = 1_000_000_000
_SYSTEM = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}


def priority_class(wrong: Wrong, obj: Object) -> None:
    """A PriorityClass."""
    name, value = obj["metadata"].get("name") or "", obj.get("value") or 0
    if name.startswith("system-"):
        problem = _system_problem(name, value, bool(obj.get("globalDefault")))
        if problem:
            lead = "priority class names with 'system-' prefix are reserved for system use only. error: "
            wrong.append(forbidden_field("metadata.name", f"{lead}{problem}"))
    elif value > _HIGHEST:
        said = f"maximum allowed value of a user defined priority is {_HIGHEST}"
        wrong.append(forbidden_field("value", said))
    one_of(wrong, "preemptionPolicy", obj.get("preemptionPolicy"), ("PreemptLowerPriority", "Never"))


def _system_problem(name: str, value: int, default: bool) -> str:
    if name not in _SYSTEM:
        return f"{name} is not a known system priority class"
    if value != _SYSTEM[name]:
        return f"value of {name} PriorityClass must be {_SYSTEM[name]}"
    return f"globalDefault of {name} PriorityClass must be false" if default else ""


def changed_priority_class(wrong: Wrong, new: Object, old: Object) -> None:
    """A PriorityClass keeps its value and policy."""
    if (new.get("value") or 0) != (old.get("value") or 0):
        wrong.append(forbidden_field("value", "may not be changed in an update."))
    immutable(wrong, "preemptionPolicy", new.get("preemptionPolicy"), old.get("preemptionPolicy"))


def lease(wrong: Wrong, obj: Object) -> None:
    """A Lease."""
    spec = obj.get("spec") or {}
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        wrong.append(invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        wrong.append(invalid_value("spec.leaseTransitions", transitions, "must be greater than or equal to 0"))


def runtime_class(wrong: Wrong, obj: Object) -> None:
    """A RuntimeClass."""
    named(wrong, "handler", obj.get("handler") or "", names.dns_label)
    overhead, scheduling = obj.get("overhead"), obj.get("scheduling")
    if overhead:
        requirements(wrong, "overhead", {"limits": overhead.get("podFixed")})
    if scheduling:
        labels(wrong, "scheduling.nodeSelector", scheduling.get("nodeSelector"))
        found = scheduling.get("tolerations") or []
        tolerations(wrong, "scheduling.tolerations.tolerations", found)
        for index, one in enumerate(found):
            if any(same(one, other) for other in found[:index]):
                wrong.append(duplicate(f"scheduling.tolerations[{index}]", one))


def changed_runtime_class(wrong: Wrong, new: Object, old: Object) -> None:
    """A RuntimeClass keeps its handler."""
    immutable(wrong, "handler", new.get("handler"), old.get("handler"))


# -- events

_OF_CORE = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "source": "deprecatedSource",
}


def _reader(obj: Object) -> tuple[bool, dict[str, str]]:
    core = obj.get("apiVersion") == "v1"
    return core, {name: name if core else other for name, other in _OF_CORE.items()}


def event(wrong: Wrong, obj: Object) -> None:
    """An Event, in either of its two versions."""
    core, spelt = _reader(obj)
    namespace, at = obj["metadata"].get("namespace") or "", obj.get("eventTime")
    about = (obj.get(spelt["involvedObject"]) or {}).get("namespace") or ""
    homes = ("default",) if not at else ("default", "kube-system")
    if (not about and namespace not in homes) or (about and not at and about != namespace):
        wrong.append(invalid_value("involvedObject.namespace", about, "does not match event.namespace"))
    if at:
        _reported(wrong, obj, core, spelt)


def _reported(wrong: Wrong, obj: Object, core: bool, spelt: dict[str, str]) -> None:
    path = "reportingComponent" if core else "reportingController"
    controller = obj.get(spelt["reportingComponent"]) or ""
    if not controller:
        wrong.append(required(path))
    named(wrong, path, controller, names.qualified_name)
    for field in ("reportingInstance", "action", "reason"):
        value = obj.get(field) or ""
        if not value:
            wrong.append(required(field))
        if len(value) > 128:
            wrong.append(invalid_value(field, "", "can have at most 128 characters"))
    if len(obj.get(spelt["message"]) or "") > 1024:
        wrong.append(invalid_value("message", "", "can have at most 1024 characters"))


def new_event(wrong: Wrong, obj: Object) -> None:
    """An Event to be created; in `events.k8s.io/v1` with the time it happened."""
    event(wrong, obj)
    core, spelt = _reader(obj)
    if core:
        return
    if not obj.get("eventTime"):
        wrong.append(required("eventTime"))
    kind = obj.get("type") or ""
    if kind not in ("Normal", "Warning"):
        wrong.append(invalid_value("type", "", f"has invalid value: {kind}"))
    for field in ("firstTimestamp", "lastTimestamp", "count", "source"):
        if obj.get(spelt[field]):
            wrong.append(invalid_value(field, "", "needs to be unset"))


_FIXED = ("involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count", "reason", "type")
_WHOLE = {"involvedObject": "core.ObjectReference", "related": "*core.ObjectReference", "source": "core.EventSource"}
"""Internal types of the fields that are printed whole."""
_FIXED_TOO = ("eventTime", "action", "related", "reportingComponent", "reportingInstance")


def changed_event(wrong: Wrong, new: Object, old: Object) -> None:
    """An Event in place of another; in `events.k8s.io/v1` nothing but its series changes."""
    event(wrong, new)
    core, spelt = _reader(new)
    if core:
        return
    for field in (*_FIXED, *_FIXED_TOO):
        path = "reportingController" if field == "reportingComponent" else field
        kind = _WHOLE.get(field)
        name = spelt.get(field, field)
        immutable(wrong, path, new.get(name), old.get(name), partial(written, kind) if kind else None)
