"""DefaultIngressClass: an ingress that names no class gets the one marked as default.

Source: Kubernetes `plugin/pkg/admission/network/defaultingressclass`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.admission.write import Write

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
_NAMED = "kubernetes.io/ingress.class"


def default_class(rest: Rest, write: Write) -> None:
    """Name the newest default class in a new ingress that names none."""
    new = write.new
    if new is None or write.operation != "CREATE" or not isinstance(new.get("spec"), dict):
        return
    if new["spec"].get("ingressClassName") is not None or _NAMED in (new["metadata"].get("annotations") or {}):
        return
    classes = [
        one["metadata"]
        for one in rest.store.scan("ingressclasses.networking.k8s.io")
        if (one["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"
    ]
    if classes:
        newest = max(one["creationTimestamp"] for one in classes)
        new["spec"]["ingressClassName"] = min(one["name"] for one in classes if one["creationTimestamp"] == newest)
