"""Fields that a write through a path cannot change, and so does not own: status by the object's own path …

Source: `GetResetFields` in Kubernetes `pkg/registry/*/*/strategy.go` and apiextensions-apiserver.
"""

from __future__ import annotations

from lab.sim.api.managed_fields.fieldset import Fields
from lab.sim.api.resources import Resource

_SPEC: Fields = {"f:spec": {}}
_STATUS: Fields = {"f:status": {}}
_ALL_BUT_STATUS: Fields = {"f:metadata": {}, "f:spec": {}}
_NOTHING: Fields = {}
_METADATA_TOO = frozenset(
    [
        "apiservices.apiregistration.k8s.io",
        "customresourcedefinitions.apiextensions.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "volumeattachments.storage.k8s.io",
    ]
)
_BY_PATH: dict[tuple[str, str], Fields] = {
    ("pods", "status"): {"f:metadata": {"f:deletionTimestamp": {}, "f:ownerReferences": {}}, "f:spec": {}},
    ("deployments.apps", "status"): {"f:metadata": {"f:labels": {}}, "f:spec": {}},
    ("certificatesigningrequests.certificates.k8s.io", ""): {"f:spec": {}, "f:status": {}},
    ("certificatesigningrequests.certificates.k8s.io", "status"): {"f:spec": {}, "f:status": {"f:conditions": {}}},
    ("certificatesigningrequests.certificates.k8s.io", "approval"): {"f:spec": {}, "f:status": {"f:certificate": {}}},
    ("namespaces", "finalize"): {"f:status": {}},
}


def of(resource: Resource, subresource: str) -> Fields:
    """The fields that a write through `subresource` ("" for the object itself) leaves alone."""
    known = _BY_PATH.get((resource.storage, subresource))
    if known is not None:
        return known
    if subresource == "status":
        return _ALL_BUT_STATUS if resource.storage in _METADATA_TOO else _SPEC
    if not subresource and "status" in resource.subresources:
        return _STATUS
    return _NOTHING
