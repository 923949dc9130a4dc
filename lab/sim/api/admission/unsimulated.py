"""Kinds that a real server acts on in admission and this one only keeps: their writers are told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.admission.write import Write
from lab.sim.api.status import KIND_HINT

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

STORAGES = (
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "networkpolicies.networking.k8s.io",
)


def warn(_: Rest, write: Write) -> None:
    """Say in a warning that the object is kept and not acted on."""
    if write.operation != "DELETE":
        write.context.warnings.append(f"{write.resource.kind} is stored, but not enforced: {KIND_HINT}")
