"""What is sent to a subresource where it is not the object itself: checked against its own kind's schema."""

from __future__ import annotations

from lab.sim.api import schema
from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import bad_request

_BINDING = Resource(group="", version="v1", plural="bindings", kind="Binding", singular="binding")
_EVICTION = Resource(group="policy", version="v1", plural="evictions", kind="Eviction", singular="eviction")
_SCALE = Resource(group="autoscaling", version="v1", plural="scales", kind="Scale", singular="scale")
_ROWS = {"binding": _BINDING, "eviction": _EVICTION, "scale": _SCALE}


def decode(subresource: str, body: Object, context: Context, minor: int) -> None:
    """Make `body` (the caller's own) hold what its kind has. Raises ApiError 400 for another kind or wrong types."""
    row = _ROWS[subresource]
    for key, wanted in (("kind", row.kind), ("apiVersion", row.api_version)):
        if body.get(key) is None:
            body[key] = wanted
        if body[key] != wanted:
            raise bad_request(
                f"the object provided is unrecognized (must be of type {row.kind}): found {key} {body[key]}"
            )
    if body.get("metadata") is None:
        body["metadata"] = {}
    schema.decode(row, body, context, minor)
