"""What the API server itself does to objects of certain kinds as they are written and deleted.

Source: Kubernetes `pkg/registry/*/*/strategy.go` and `storage.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Resource

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest


class Strategy:
    """The rules of most kinds. Every method works on the caller's own copies."""

    default_propagation = "Background"

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """Before defaults and validation of a creation: drop what a client may not set, e.g. a status."""
        if "status" in resource.subresources:
            obj.pop("status", None)

    def allocate(self, rest: Rest, resource: Resource, new: Object, old: Object | None, context: Context) -> None:
        """After validation: hand out what the server owns, such as a Service's address. May raise ApiError."""

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Before validation of an update through `subresource` ("" for the object itself)."""

    def grace(self, resource: Resource, obj: Object, options: DeleteOptions) -> int:
        """Seconds between the request to delete and the end; 0 for at once. Only pods take time."""
        return 0

    def begin_delete(self, rest: Rest, resource: Resource, obj: Object) -> None:
        """As `deletionTimestamp` is set on `obj` for the first time."""

    def deletable(self, resource: Resource, obj: Object) -> bool:
        """Whether an object without finalizers may go once its grace period is over."""
        return True


DEFAULT = Strategy()
BY_STORAGE: dict[str, Strategy] = {}
"""Kinds with rules of their own, by `Resource.storage`."""


def strategy(resource: Resource) -> Strategy:
    """The rules of a kind."""
    return BY_STORAGE.get(resource.storage, DEFAULT)
