"""Field selectors: which fields a kind offers, and what a selector's text selects by them.

Source: apimachinery `pkg/fields/selector.go`; the fields a kind offers stand in `pkg/apis/*/v1/conversion.go` and, for
custom resources, in apiextensions `pkg/apiserver/conversion/converter.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError, bad_request

Matcher = Callable[[Object], bool]
Getter = Callable[[Object], str]


def fields(text: str, resource: Resource) -> Matcher | None:
    """What a `fieldSelector` selects; None for everything. Raises ApiError 400 for a field this kind does not offer."""
    return _fields(text, resource) if text else None


@lru_cache(maxsize=2048)
def _fields(text: str, resource: Resource) -> Matcher | None:
    terms = []
    for part in sorted(_split(text)):
        if part:
            found = _TERM.search(part)
            if found is None:
                raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
            terms.append((part[: found.start()], found[0] == "!=", _unescaped(part[found.end() :])))
    tests = [_term(_getter(resource, field), negative, value) for field, negative, value in terms]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda obj: all(test(obj) for test in tests)


_TERM = re.compile("!=|==|=")
_UNESCAPED_COMMA = re.compile(r"((?:[^\\,]|\\.|\\\Z)*)(,|\Z)", re.DOTALL)


def _split(text: str) -> list[str]:
    parts, at = [], 0
    while True:
        found = _UNESCAPED_COMMA.match(text, at)
        assert found is not None
        parts.append(found[1])
        if not found[2]:
            return parts
        at = found.end()


def _unescaped(text: str) -> str:
    if "\\" not in text and "=" not in text:
        return text
    made = []
    characters = iter(text)
    for one in characters:
        if one == "\\":
            following = next(characters, "")
            if following not in ("\\", ",", "="):
                raise bad_request(f"invalid field selector: invalid escape sequence: \\{following}")
            made.append(following)
        elif one in ",=":
            raise bad_request(f"invalid field selector: unescaped character in value: {ord(one)}")
        else:
            made.append(one)
    return "".join(made)


def _term(get: Getter, negative: bool, value: str) -> Matcher:
    if negative:
        return lambda obj: get(obj) != value
    return lambda obj: get(obj) == value


def _path(path: str, default: str = "") -> Getter:
    """What stands at a dotted path, as a selector compares it."""
    *parents, last = path.split(".")

    def get(obj: Object) -> str:
        at: Any = obj
        for parent in parents:
            at = at.get(parent)
            if not isinstance(at, dict):
                return default
        found = at.get(last)
        if found is None:
            return default
        if isinstance(found, bool):
            return "true" if found else "false"
        return str(found)

    return get


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", ""))


def _pod_address(obj: Object) -> str:
    found = obj.get("status", {}).get("podIPs") or ()
    return str(found[0].get("ip", "")) if found else ""


def _event_source(obj: Object) -> str:
    return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")


def _event_fields(about: str, reporter: str) -> dict[str, Getter]:
    """The fields of events, under the names a version of the API has for them."""
    named = {
        f"{about}.{one}": _path(f"involvedObject.{one}")
        for one in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    }
    return {
        **named,
        "reason": _path("reason"),
        reporter: _path("reportingComponent"),
        "type": _path("type"),
        "metadata.name": _name,
        "metadata.namespace": _namespace,
    }


_ANY: dict[str, Getter] = {"metadata.name": _name, "metadata.namespace": _namespace}
_OFFERED: dict[tuple[str, str], dict[str, Getter]] = {
    ("", "pods"): {
        **_ANY,
        "spec.nodeName": _path("spec.nodeName"),
        "spec.host": _path("spec.nodeName"),
        "spec.restartPolicy": _path("spec.restartPolicy"),
        "spec.schedulerName": _path("spec.schedulerName"),
        "spec.serviceAccountName": _path("spec.serviceAccountName"),
        "spec.hostNetwork": _path("spec.hostNetwork", "false"),
        "status.phase": _path("status.phase"),
        "status.podIP": _pod_address,
        # Offered by the server, yet never filled: it selects pods only when asked for "".
        "status.podIPs": lambda _: "",
        "status.nominatedNodeName": _path("status.nominatedNodeName"),
    },
    ("", "nodes"): {"metadata.name": _name, "spec.unschedulable": _path("spec.unschedulable", "false")},
    ("", "namespaces"): {"metadata.name": _name, "status.phase": _path("status.phase")},
    ("", "secrets"): {**_ANY, "type": _path("type")},
    ("", "services"): {**_ANY, "spec.clusterIP": _path("spec.clusterIP"), "spec.type": _path("spec.type")},
    ("", "replicationcontrollers"): {**_ANY, "status.replicas": _path("status.replicas", "0")},
    ("batch", "jobs"): {**_ANY, "status.successful": _path("status.succeeded", "0")},
    ("certificates.k8s.io", "certificatesigningrequests"): {
        "metadata.name": _name,
        "spec.signerName": _path("spec.signerName"),
    },
    ("", "events"): {**_event_fields("involvedObject", "reportingComponent"), "source": _event_source},
    ("events.k8s.io", "events"): _event_fields("regarding", "reportingController"),
}


def _getter(resource: Resource, field: str) -> Getter:
    if resource.custom is not None:
        if field in _ANY and (resource.namespaced or field == "metadata.name"):
            return _ANY[field]
        if f".{field}" in resource.custom.selectable:
            return _path(field)
        raise bad_request(f"field label not supported: {field}")
    offered = _OFFERED.get((resource.group, resource.plural), _ANY)
    get = offered.get(field)
    if get is not None:
        return get
    raise _unknown(resource, field, offered)


def _unknown(resource: Resource, field: str, offered: dict[str, Getter]) -> ApiError:
    if offered is _ANY:
        return bad_request(f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    if resource.plural == "jobs":
        return bad_request(f'field label "{field}" not supported for Job')
    return bad_request(f"field label not supported: {field}")
