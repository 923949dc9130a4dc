"""The identity of a StatefulSet's pod: its ordinal, its names and its claims.

Source: Kubernetes `pkg/controller/statefulset/stateful_set_utils.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Objects
from lab.sim.controllers.pod_control import pod_from_template
from lab.sim.controllers.revisions import HASH, template_in
from lab.sim.controllers.workload import labels_of
from lab.sim.objects import name_of, owner_reference, thaw

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
_RETAIN = {"whenDeleted": "Retain", "whenScaled": "Retain"}


def ordinal(name: str) -> tuple[str, int]:
    """The set's name and the number in a pod's name; ("", -1) for a name that has none."""
    parent, dash, digits = name.rpartition("-")
    if not dash or not digits.isascii() or not digits.isdigit() or int(digits) >= 2**31:
        return "", -1
    return parent, int(digits)


def ordinal_of(pod: Object) -> int:
    """The pod's number, or -1."""
    return ordinal(name_of(pod))[1]


def first_ordinal(owner: Object) -> int:
    """`spec.ordinals.start`."""
    return int((owner["spec"].get("ordinals") or {}).get("start", 0))


def in_range(owner: Object, number: int) -> bool:
    """Whether the set asks for a pod with this number."""
    start = first_ordinal(owner)
    return start <= number < start + int(owner["spec"].get("replicas", 1))


def is_member(owner: Object, pod: Object) -> bool:
    """Whether the pod's name is one the set gives."""
    return ordinal(name_of(pod))[0] == name_of(owner)


def new_pod(owner: Object, revision: Object, number: int) -> Object:
    """The pod with this number as `revision` has it."""
    pod = pod_from_template(template_in(revision), owner)
    metadata, spec = pod["metadata"], pod["spec"]
    name = metadata["name"] = f"{name_of(owner)}-{number}"
    spec["hostname"] = name
    if owner["spec"].get("serviceName"):
        spec["subdomain"] = owner["spec"]["serviceName"]
    labels = metadata.setdefault("labels", {})
    labels.update({POD_NAME: name, POD_INDEX: str(number), HASH: name_of(revision)})
    volumes = volumes_of(owner, number, spec.get("volumes") or [])
    if volumes:
        spec["volumes"] = volumes
    return pod


def volumes_of(owner: Object, number: int, volumes: Objects) -> Objects:
    """A pod's volumes with those of its claims in place of others of the same name."""
    claims = {name_of(one): claim_name(owner, one, number) for one in owner["spec"].get("volumeClaimTemplates") or ()}
    made: Objects = [
        {"name": volume, "persistentVolumeClaim": {"claimName": claim}} for volume, claim in claims.items()
    ]
    return made + [one for one in volumes if one["name"] not in claims]


def identity_matches(owner: Object, pod: Object) -> bool:
    """Whether the pod still has its name label and its claims' volumes."""
    if labels_of(pod).get(POD_NAME) != name_of(pod):
        return False
    number = ordinal_of(pod)
    held = {
        one["name"]: (one.get("persistentVolumeClaim") or {}).get("claimName")
        for one in pod["spec"].get("volumes") or ()
    }
    return all(
        held.get(name_of(one)) == claim_name(owner, one, number)
        for one in owner["spec"].get("volumeClaimTemplates") or ()
    )


def claim_name(owner: Object, template: Object, number: int) -> str:
    """The name of the claim a pod gets from this claim template."""
    return f"{name_of(template)}-{name_of(owner)}-{number}"


def claims_of(owner: Object, number: int) -> Objects:
    """The claims of the pod with this number."""
    made = []
    for template in owner["spec"].get("volumeClaimTemplates") or ():
        claim = thaw({key: value for key, value in template.items() if key != "status"})
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        metadata = claim["metadata"]
        metadata.pop("creationTimestamp", None)
        metadata["name"] = claim_name(owner, template, number)
        metadata["namespace"] = owner["metadata"]["namespace"]
        labels = owner["spec"]["selector"].get("matchLabels") or {}
        metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
        made.append(claim)
    return made


def retention(owner: Object) -> dict[str, str]:
    """`spec.persistentVolumeClaimRetentionPolicy` with its defaults."""
    return {**_RETAIN, **(owner["spec"].get("persistentVolumeClaimRetentionPolicy") or {})}


def _names(reference: Object, obj: Object) -> bool:
    same_kind = reference["kind"] == obj["kind"] and reference["apiVersion"] == obj["apiVersion"]
    return bool(same_kind and reference["name"] == name_of(obj))


def is_stale(claim: Object, obj: Object) -> bool:
    """Whether the claim is owned by an earlier object of this name."""
    references = claim["metadata"].get("ownerReferences", ())
    return any(_names(one, obj) and one["uid"] != obj["metadata"]["uid"] for one in references)


def owners_of_claim(owner: Object, pod: Object, claim: Object) -> Objects | None:
    """The owner references the retention policy asks for on a pod's claim; None when they are as they should be."""
    if is_stale(claim, owner) or is_stale(claim, pod):
        return None
    held: Objects = list(claim["metadata"].get("ownerReferences", ()))
    others = [one for one in held if not _names(one, owner) and not _names(one, pod)]
    if any(one.get("controller") for one in others):
        return others if len(others) != len(held) else None
    policy = retention(owner)
    condemned = not in_range(owner, ordinal_of(pod))
    wanted: Objects = []
    if policy["whenScaled"] == "Delete" and condemned:
        wanted = [owner_reference(pod)]
    elif policy["whenDeleted"] == "Delete":
        wanted = [owner_reference(owner)]
    made = others + wanted
    return made if made != held else None
