"""Deleting one very object, whoever else may be deleting it too."""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client


async def remove(client: Client, resource: str, obj: Object, propagation: str = "", grace: int | None = None) -> None:
    """Delete `obj`; nothing happens when it is gone, or when its name belongs to another object by now.

    Raises ApiError for every other refusal.
    """
    metadata = obj["metadata"]
    namespace = metadata.get("namespace", "")
    try:
        await client.delete(resource, namespace, metadata["name"], propagation, uid=metadata["uid"], grace=grace)
    except ApiError as error:
        if error.code not in (404, 409):
            raise
