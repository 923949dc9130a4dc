"""What may change in a pod that exists.

Source: Kubernetes `pkg/apis/core/validation/validation.go`: ValidatePodUpdate and its kin.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    LARGEST,
    Wrong,
    forbidden_field,
    immutable,
    invalid_value,
    named,
    required,
    same,
)
from lab.sim.api.validation.internal import difference
from lab.sim.api.validation.pod import pod
from lab.sim.api.validation.scheduling import tolerations

_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_MIRROR = "kubernetes.io/config.mirror"


def changed_pod(wrong: Wrong, new: Object, old: Object) -> None:
    """A pod in place of `old`: images, a shorter deadline and more tolerations, else nothing of its spec."""
    pod(wrong, new)
    _annotations(wrong, new, old)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    for group in ("containers", "initContainers"):
        if len(after.get(group) or ()) != len(before.get(group) or ()):
            wrong.append(forbidden_field(f"spec.{group}", "pod updates may not add or remove containers"))
            return
        for index, one in enumerate(after.get(group) or ()):
            image = one.get("image") or ""
            if not image:
                wrong.append(required(f"spec.{group}[{index}].image"))
            if image != image.strip():
                said = "must not have leading or trailing whitespace"
                wrong.append(invalid_value(f"spec.{group}[{index}].image", image, said))
    _deadline(wrong, after.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"))
    _tolerations(wrong, after.get("tolerations") or [], before.get("tolerations") or [])
    _gates(wrong, after.get("schedulingGates") or [], before.get("schedulingGates") or [])
    if same(after, before):
        return
    munged = _without_allowed(after, before)
    if before.get("schedulingGates"):
        _gated(wrong, munged, before)
    if not same(munged, before):
        diff = difference("core.PodSpec", before, munged)
        said = f"pod updates may not change fields other than {_UPDATABLE}\n{diff}"
        wrong.append(forbidden_field("spec", said))


def _without_allowed(after: Object, before: Object) -> Object:
    """The new spec with what may change set back."""
    munged = dict(after)
    for group in ("containers", "initContainers"):
        if munged.get(group):
            old = before[group]
            munged[group] = [{**one, "image": old[index].get("image")} for index, one in enumerate(munged[group])]
    for field in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        _set(munged, field, before.get(field))
    if (before.get("terminationGracePeriodSeconds") or 0) < 0 and munged.get("terminationGracePeriodSeconds") == 1:
        munged["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    return munged


def _set(holder: Object, field: str, value: Any) -> None:
    if value is None:
        holder.pop(field, None)
    else:
        holder[field] = value


def _annotations(wrong: Wrong, new: Object, old: Object) -> None:
    after, before = (one["metadata"].get("annotations") or {} for one in (new, old))
    if after.get(_MIRROR) != before.get(_MIRROR):
        verb = "remove or update" if _MIRROR in before else "add"
        wrong.append(forbidden_field(f"metadata.annotations[{_MIRROR}]", f"may not {verb} mirror pod annotation"))


def _deadline(wrong: Wrong, after: int | None, before: int | None) -> None:
    path = "spec.activeDeadlineSeconds"
    if after is not None:
        if not 0 <= after <= LARGEST:
            wrong.append(invalid_value(path, after, names.between(0, LARGEST)))
        if before is not None and before < after:
            wrong.append(invalid_value(path, after, "must be less than or equal to previous value"))
    elif before is not None:
        wrong.append(invalid_value(path, None, "must not update from a positive integer to nil value"))


def _tolerations(wrong: Wrong, after: list[Object], before: list[Object]) -> None:
    if after == before:
        return
    kept = [{**one, "tolerationSeconds": None} for one in after]
    for one in before:
        if not any(same({**one, "tolerationSeconds": None}, other) for other in kept):
            said = "existing toleration can not be modified except its tolerationSeconds"
            wrong.append(forbidden_field("spec.tolerations", said))
    tolerations(wrong, "spec.tolerations", after)


def _gates(wrong: Wrong, after: list[Object], before: list[Object]) -> None:
    known = {one.get("name") for one in before}
    for index, one in enumerate(after):
        if one.get("name") not in known:
            said = f"only deletion is allowed, but found new scheduling gate '{one.get('name')}'"
            wrong.append(forbidden_field(f"spec.schedulingGates[{index}].name", said))


def _gated(wrong: Wrong, munged: Object, before: Object) -> None:
    """A pod that waits may still get a narrower choice of nodes."""
    after, old = munged.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    if after != old:
        if any(after.get(key) != value for key, value in old.items()):
            said = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
            wrong.append(invalid_value("spec.nodeSelector", after, said))
        _set(munged, "nodeSelector", before.get("nodeSelector"))
    wanted, had = munged.get("affinity") or {}, before.get("affinity") or {}
    if not same(wanted.get("nodeAffinity"), had.get("nodeAffinity")):
        _narrower(wrong, wanted.get("nodeAffinity") or {}, had.get("nodeAffinity") or {})
        rest = {**wanted, "nodeAffinity": had.get("nodeAffinity")}
        _set(munged, "affinity", rest if any(rest.values()) or before.get("affinity") is not None else None)


def _narrower(wrong: Wrong, after: Object, before: Object) -> None:
    field = "requiredDuringSchedulingIgnoredDuringExecution"
    old = (before.get(field) or {}).get("nodeSelectorTerms") or []
    if not old:
        return
    new = (after.get(field) or {}).get("nodeSelectorTerms") or []
    path = f"spec.affinity.nodeAffinity.{field}.nodeSelectorTerms"
    if len(new) != len(old):
        said = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        wrong.append(invalid_value(path, new, said))
        return
    for index, (one, other) in enumerate(zip(new, old, strict=True)):
        parts = ("matchExpressions", "matchFields")
        if not all((one.get(part) or [])[: len(other.get(part) or [])] == (other.get(part) or []) for part in parts):
            said = "only additions are allowed (no mutations or deletions)"
            wrong.append(invalid_value(f"{path}[{index}]", one, said))


def changed_status(wrong: Wrong, new: Object, old: Object) -> None:
    """A pod's status in place of another."""
    after, before = new.get("status") or {}, old.get("status") or {}
    for index, one in enumerate(after.get("conditions") or ()):
        if one.get("type") not in ("PodScheduled", "Ready", "Initialized"):
            named(wrong, f"status.conditions[{index}].Type", one.get("type") or "", names.qualified_name)
    if (new.get("spec") or {}).get("nodeName") != (old.get("spec") or {}).get("nodeName"):
        wrong.append(forbidden_field("status.nodeName", "may not be changed directly"))
    if before.get("qosClass"):
        immutable(wrong, "status.qosClass", after.get("qosClass"), before["qosClass"])


def changed_attachments(wrong: Wrong, new: Object, old: Object) -> None:
    """Ephemeral containers may be added and stay as they are."""
    pod(wrong, new)
    named_now = {one.get("name"): one for one in (new.get("spec") or {}).get("ephemeralContainers") or ()}
    path = "spec.ephemeralContainers"
    for one in (old.get("spec") or {}).get("ephemeralContainers") or ():
        name = one.get("name")
        if name not in named_now:
            said = f'existing ephemeral containers "{name}" may not be removed\n'
            wrong.append(forbidden_field(path, said))
        elif not same(one, named_now[name]):
            diff = difference("core.EphemeralContainer", one, named_now[name])
            wrong.append(forbidden_field(path, f'existing ephemeral containers "{name}" may not be changed\n{diff}'))
