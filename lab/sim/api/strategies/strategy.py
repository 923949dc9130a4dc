"""The rules of most kinds, and the places where a kind may have its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Resource

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

LABELS_ONLY = ("labels",)
EVERYTHING = ("labels", "annotations", "finalizers", "ownerReferences")


class Strategy:
    """What the server does to objects of a kind. Every method works on the caller's own copies."""

    default_propagation = "Background"
    """What happens to dependents when neither the request nor a finalizer says so."""
    collects = True
    """Whether objects may be deleted with `Foreground` and `Orphan`; events may not."""
    create_on_update = False
    """Whether a PUT to a name that does not exist creates the object."""
    unconditional_update = True
    """Whether a PUT may leave out the resourceVersion."""
    status_keeps: tuple[str, ...] = ()
    """Fields of the metadata that a write through `status` cannot change."""
    graceful = False
    """Whether a deletion is first written down with its grace period, even when that is 0."""

    def __init__(self, status: Object | None = None) -> None:
        """`status`: what a new object's status reads like, as a server shows it before any controller wrote it."""
        self._status = status

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """After defaults and mutating admission, before validation: drop what a client may not set."""
        if "status" in resource.subresources:
            if self._status is None:
                obj.pop("status", None)
            else:
                obj["status"] = dict(self._status)

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

    def generation_moves(self, new: Object, old: Object) -> bool:
        """Whether a write to the object itself makes a new generation. `new` already has the old status."""
        if new.get("spec") != old.get("spec"):
            return True
        return any(
            new.get(field) != old.get(field) for field in (*new, *old) if field not in ("metadata", "status", "spec")
        )

    def deletion_warning(self, options: DeleteOptions) -> str:
        """What a client is warned of when it deletes, or ""."""
        return ""
