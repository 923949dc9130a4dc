"""Who owns which field: `metadata.managedFields` of updates and of server-side apply.

Source: structured-merge-diff `merge/update.go`, apimachinery `pkg/util/managedfields`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Resource


def track(resource: Resource, new: Object, old: Object | None, manager: str, time: str, subresource: str = "") -> None:
    """Note in `new.metadata.managedFields` that `manager` made `new` of `old` by create, update or patch; in place.

    `time`: `metav1.Time` of the write.
    """


def apply(
    resource: Resource,
    live: Object | None,
    applied: Object,
    manager: str,
    force: bool,
    time: str,
    subresource: str = "",
) -> Object:
    """The object after `manager` applied `applied` over `live`, with managedFields; None for `live` is a creation.

    Raises ApiError 409 with a cause for every field that another manager owns and `applied` would change.
    """
    raise NotImplementedError
