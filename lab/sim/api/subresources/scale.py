"""`scale`: the number of replicas of whatever has one, as `autoscaling/v1` Scale.

Source: Kubernetes `pkg/registry/apps/*/storage`, apiextensions `pkg/registry/customresource/etcd.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api import patch as patches
from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import bad_request, conflict, internal, invalid, invalid_value, not_simulated
from lab.sim.objects import thaw

_SPEC, _STATUS = ".spec.replicas", ".status.replicas"
_LARGEST = 2**31


def _at(obj: Object, path: str) -> Any:
    found: Any = obj
    for field in path.strip(".").split("."):
        found = found.get(field) if isinstance(found, dict) else None
    return found


def of(resource: Resource, obj: Object) -> Object:
    """The Scale of an object. Raises ApiError 500 for a custom resource that has no replicas where they should be."""
    metadata = obj["metadata"]
    paths = (resource.custom.scale if resource.custom is not None else None) or {}
    wanted = _at(obj, paths.get("specReplicasPath", _SPEC))
    if wanted is None and resource.custom is not None:
        raise internal(f'the spec replicas field "{paths.get("specReplicasPath")}" does not exist')
    status: Object = {"replicas": _at(obj, paths.get("statusReplicasPath", _STATUS)) or 0}
    if resource.custom is None:
        selector = _selector(obj.get("spec", {}).get("selector"))
    else:
        selector = str(_at(obj, paths["labelSelectorPath"]) or "") if paths.get("labelSelectorPath") else ""
    if selector:
        status["selector"] = selector
    shown = {
        field: metadata[field]
        for field in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if field in metadata
    }
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": shown,
        "spec": {"replicas": wanted} if wanted else {},
        "status": status,
    }


def _selector(selector: Object | None) -> str:
    """A selector as text, in order of keys. A replication controller's is a plain map."""
    if not selector:
        return ""
    plain = "matchLabels" not in selector and "matchExpressions" not in selector
    parts = [
        (key, f"{key}={value}") for key, value in (selector if plain else selector.get("matchLabels") or {}).items()
    ]
    for one in (() if plain else selector.get("matchExpressions")) or ():
        key, values = one["key"], ",".join(sorted(one.get("values") or ()))
        text = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        parts.append((key, text.get(one["operator"], key)))
    return ",".join(text for _, text in sorted(parts, key=lambda part: part[0]))


def replace(rest: Rest, resource: Resource, namespace: str, name: str, body: Object, context: Context) -> Object:
    """Set the replicas as a Scale says. Raises ApiError 400, 404, 409 and 422."""
    kind, version = body.get("kind", "Scale"), body.get("apiVersion", "autoscaling/v1")
    if (kind, version) != ("Scale", "autoscaling/v1"):
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version (autoscaling/v1)"
            if kind == "Scale"
            else f"the object provided is unrecognized (must be of type Scale): {kind}"
        )
    old = rest.get(resource, namespace, name)
    return _write(rest, resource, old, body, context)


def patch(rest: Rest, resource: Resource, namespace: str, name: str, patch: Any, kind: str, context: Context) -> Object:
    """Patch the Scale of an object. Raises as `replace`, and 501 for server-side apply."""
    if kind == "apply":
        raise not_simulated("server-side apply to scale")
    old = rest.get(resource, namespace, name)
    # A Scale has no lists that strategic merge would treat in its own way.
    form = "merge" if kind == "strategic" else kind
    return _write(rest, resource, old, patches.patched(resource, of(resource, old), patch, form, rest.minor), context)


def _write(rest: Rest, resource: Resource, old: Object, said: Object, context: Context) -> Object:
    namespace, name = old["metadata"].get("namespace", ""), old["metadata"]["name"]
    metadata = said.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise bad_request("json: cannot unmarshal the metadata of a Scale into an object")
    if metadata.get("name", name) != name:
        raise bad_request(f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})")
    if metadata.get("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    replicas = _replicas(resource, name, said)
    if metadata.get("uid") and metadata["uid"] != old["metadata"]["uid"]:
        why = (
            f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {old['metadata']['uid']}"
        )
        raise conflict(resource.group, f"{resource.plural}/scale", name, why)
    new = thaw(old)
    if metadata.get("resourceVersion"):
        new["metadata"]["resourceVersion"] = metadata["resourceVersion"]
    path = _SPEC if resource.custom is None else (resource.custom.scale or {}).get("specReplicasPath", _SPEC)
    *parents, last = path.strip(".").split(".")
    at = new
    for field in parents:
        at = at.setdefault(field, {})
    at[last] = replicas
    return of(resource, rest.update(resource, namespace, name, new, context, "scale"))


def _replicas(resource: Resource, name: str, said: Object) -> int:
    spec = said.get("spec") or {}
    replicas = spec.get("replicas", 0) if isinstance(spec, dict) else None
    if replicas is None:
        replicas = 0
    if isinstance(replicas, bool) or not isinstance(replicas, int) or not -_LARGEST <= replicas < _LARGEST:
        word = {str: "string", bool: "bool"}.get(type(replicas), "number")
        raise bad_request(
            'Scale in version "v1" cannot be handled as a Scale: '
            f"json: cannot unmarshal {word} into Go struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        if resource.custom is not None:
            path = (resource.custom.scale or {}).get("specReplicasPath", _SPEC)
            wrong = invalid_value(path.lstrip("."), replicas, "should be a non-negative integer")
            raise invalid(resource.group, resource.kind, name, [wrong])
        wrong = invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", name, [wrong])
    return replicas
