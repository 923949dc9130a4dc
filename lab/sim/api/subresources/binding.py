"""Binding: how a scheduler gives a pod its node. Source: Kubernetes `pkg/registry/core/pod/storage/storage.go`."""

from __future__ import annotations

from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import Cause, bad_request, conflict, invalid, not_supported, required
from lab.sim.api.subresources.eviction import SUCCESS
from lab.sim.clock import timestamp


def bind(rest: Rest, resource: Resource, namespace: str, name: str, body: Object, context: Context) -> Object:
    """Assign a pod to the node of a Binding; answers a Status. Raises ApiError 400, 404, 409, 422."""
    metadata, target = body.get("metadata") or {}, body.get("target") or {}
    if metadata.get("name") != name:
        raise bad_request("name in URL does not match name in Binding object")
    wrong: list[Cause] = []
    if target.get("kind") not in (None, "", "Node"):
        wrong.append(not_supported("target.kind", target["kind"], ("Node", "<empty>")))
    if not target.get("name"):
        wrong.append(required("target.name"))
    if wrong:
        raise invalid("", "Binding", name, wrong)
    pod = rest.get(resource, namespace, name)
    why = _refusal(pod, metadata)
    if why:
        raise conflict("", "pods/binding", name, why)
    if not context.dry_run:
        now = timestamp(rest.clock.now())
        rest.transform(resource, namespace, name, lambda obj: _assign(obj, metadata, target["name"], now))
    return SUCCESS


def _refusal(pod: Object, metadata: Object) -> str:
    held, spec = pod["metadata"], pod["spec"]
    for field, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if metadata.get(field) and metadata[field] != held[field]:
            return (
                f"Precondition failed: {word} in precondition: {metadata[field]}, {word} in object meta: {held[field]}"
            )
    if held.get("deletionTimestamp"):
        return f"pod {held['name']} is being deleted, cannot be assigned to a host"
    if spec.get("nodeName"):
        return f'pod {held["name"]} is already assigned to node "{spec["nodeName"]}"'
    if spec.get("schedulingGates"):
        return f"pod {held['name']} has non-empty .spec.schedulingGates"
    return ""


def _assign(pod: Object, said: Object, node: str, now: str) -> None:
    metadata = pod["metadata"]
    pod["spec"]["nodeName"] = node
    for field in ("annotations", "labels"):
        if said.get(field):
            metadata[field] = {**(metadata.get(field) or {}), **said[field]}
    status = pod.setdefault("status", {})
    status.pop("nominatedNodeName", None)
    conditions = [one for one in status.get("conditions") or () if one.get("type") != "PodScheduled"]
    made = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    status["conditions"] = [*conditions, made]
