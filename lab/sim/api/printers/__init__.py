"""How each built-in kind is printed: one module a family, found by the resource's storage key."""

from __future__ import annotations

from lab.sim.api.printers import (
    admission,
    batch,
    cluster,
    configuration,
    events,
    networking,
    pods,
    rbac,
    storage,
    workloads,
)
from lab.sim.api.printers.printer import CREATED, NAME, Printer, created_at

PRINTERS: dict[str, Printer] = {
    **pods.PRINTERS,
    **workloads.PRINTERS,
    **batch.PRINTERS,
    **networking.PRINTERS,
    **storage.PRINTERS,
    **configuration.PRINTERS,
    **rbac.PRINTERS,
    **cluster.PRINTERS,
    **admission.PRINTERS,
    **events.PRINTERS,
}
"""By `Resource.storage`."""

PLAIN = Printer([NAME, CREATED], created_at)
"""Of kinds without a printer of their own: roles, limit ranges, custom resource definitions …"""
