"""LimitRanger: defaults, minima and maxima of a namespace's containers, pods and claims.

Source: Kubernetes `plugin/pkg/admission/limitranger/admission.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.sim.api.admission import amounts
from lab.sim.api.admission.amounts import NOTHING, Amounts
from lab.sim.api.admission.write import Write
from lab.sim.api.resources import Object
from lab.sim.quantity import Quantity

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_NOTE = "kubernetes.io/limit-ranger"


def fill_in(rest: Rest, write: Write) -> None:
    """Give containers of a new pod the requests and limits that the namespace's ranges name as defaults."""
    new = write.new
    if new is None or write.operation != "CREATE" or not rest.store.count("limitranges", write.namespace):
        return
    for limit_range in rest.store.scan("limitranges", write.namespace):
        requests: Object = {}
        limits: Object = {}
        for limit in limit_range.get("spec", {}).get("limits") or ():
            if limit.get("type") == "Container":
                requests.update(limit.get("defaultRequest") or {})
                limits.update(limit.get("default") or {})
        notes: list[str] = []
        for group, kind in (("containers", "container"), ("initContainers", "init container")):
            for container in new["spec"].get(group) or ():
                notes += _fill(container, requests, limits, kind)
        if notes:
            metadata = new["metadata"]
            note = "LimitRanger plugin set: " + "; ".join(notes)
            metadata["annotations"] = {**(metadata.get("annotations") or {}), _NOTE: note}


def _fill(container: Object, requests: Object, limits: Object, kind: str) -> list[str]:
    notes = []
    resources = dict(container.get("resources") or {})
    for field, defaults, word in (("requests", requests, "request"), ("limits", limits, "limit")):
        held = resources.get(field) or {}
        missing = {name: value for name, value in defaults.items() if name not in held}
        if missing:
            resources[field] = {**held, **missing}
            notes.append(f"{', '.join(sorted(missing))} {word} for {kind} {container.get('name', '')}")
    container["resources"] = resources
    return notes


def check(rest: Rest, write: Write) -> None:
    """Refuse a pod or claim outside the namespace's ranges. Raises ApiError 403."""
    new = write.new
    if new is None or not rest.store.count("limitranges", write.namespace):
        return
    claim = write.resource.plural == "persistentvolumeclaims"
    if write.old is not None and (not claim or write.old["metadata"].get("deletionTimestamp")):
        return
    for limit_range in rest.store.scan("limitranges", write.namespace):
        wrong: list[str] = []
        for limit in limit_range.get("spec", {}).get("limits") or ():
            wrong += _claim_errors(limit, new) if claim else _pod_errors(limit, new)
        if wrong:
            raise write.forbidden(wrong[0] if len(wrong) == 1 else f"[{', '.join(dict.fromkeys(wrong))}]")


def _claim_errors(limit: Object, claim: Object) -> Iterator[str]:
    if limit.get("type") != "PersistentVolumeClaim":
        return
    requests = amounts.read((claim["spec"].get("resources") or {}).get("requests"))
    yield from _below("PersistentVolumeClaim", limit, requests, {})
    for name, most in sorted(amounts.read(limit.get("max")).items()):
        if name not in requests:
            yield f"maximum {name} usage per PersistentVolumeClaim is {most}.  No request is specified"
        elif requests[name].nanos > most.nanos:
            yield f"maximum {name} usage per PersistentVolumeClaim is {most}, but request is {requests[name]}"


def _pod_errors(limit: Object, pod: Object) -> Iterator[str]:
    spec, kind = pod["spec"], limit.get("type", "")
    if kind == "Container":
        for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
            resources = container.get("resources") or {}
            yield from _errors(
                kind, limit, amounts.read(resources.get("requests")), amounts.read(resources.get("limits"))
            )
    elif kind == "Pod":
        yield from _errors(kind, limit, amounts.of_pod(spec, "requests"), amounts.of_pod(spec, "limits"))


def _errors(kind: str, limit: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    yield from _below(kind, limit, requests, limits)
    for name, most in sorted(amounts.read(limit.get("max")).items()):
        rule = f"maximum {name} usage per {kind} is {most}"
        if name not in limits:
            yield f"{rule}.  No limit is specified"
        elif limits[name].nanos > most.nanos:
            yield f"{rule}, but limit is {limits[name]}"
        elif name in requests and requests[name].nanos > most.nanos:
            yield f"{rule}, but request is {requests[name]}"
    for name, ratio in sorted(amounts.read(limit.get("maxLimitRequestRatio")).items()):
        yield from _ratio(f"{name} max limit to request ratio per {kind} is {ratio}", name, ratio, requests, limits)


def _below(kind: str, limit: Object, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, least in sorted(amounts.read(limit.get("min")).items()):
        rule = f"minimum {name} usage per {kind} is {least}"
        if name not in requests:
            yield f"{rule}.  No request is specified"
        elif requests[name].nanos < least.nanos:
            yield f"{rule}, but request is {requests[name]}"
        elif name in limits and limits[name].nanos < least.nanos:
            yield f"{rule}, but limit is {limits[name]}"


def _ratio(rule: str, name: str, ratio: Quantity, requests: Amounts, limits: Amounts) -> Iterator[str]:
    request, limit = requests.get(name, NOTHING), limits.get(name, NOTHING)
    if not request.nanos:
        yield f"{rule}, but no request is specified or request is 0"
    elif not limit.nanos:
        yield f"{rule}, but no limit is specified or limit is 0"
    elif limit.nanos * 10**9 > ratio.nanos * request.nanos:
        yield f"{rule}, but provided ratio is {limit.nanos / request.nanos:f}"
