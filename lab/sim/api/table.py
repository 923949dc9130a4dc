"""`kubectl get`'s columns: objects as a `meta.k8s.io/v1` Table.

Source: Kubernetes `pkg/printers/internalversion/printers.go`, apiextensions `tableconvertor.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Resource


def columns(resource: Resource) -> list[Object]:
    """`columnDefinitions`."""
    raise NotImplementedError


def row(resource: Resource, obj: Object, now: float, include: str = "Metadata") -> Object:
    """One row of cells and its `object`; `include` is `None`, `Metadata` or `Object`; `now` in seconds since 1970."""
    raise NotImplementedError
