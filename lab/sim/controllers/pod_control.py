"""How controllers create and delete pods, with the events a real controller leaves on the owner.

Source: Kubernetes `pkg/controller/controller_utils.go` (`RealPodControl`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.controllers.informer import Informer
from lab.sim.objects import owner_reference, thaw

LONGEST_PREFIX = 58
"""Characters of a `generateName` that are kept before five random ones."""


def pod_from_template(template: Object, owner: Object) -> Object:
    """A new pod as `template` asks for, owned by `owner`, without a name."""
    metadata = template.get("metadata") or {}
    kept = {field: metadata[field] for field in ("labels", "annotations", "finalizers") if metadata.get(field)}
    prefix = owner["metadata"]["name"] + "-"
    pod: Object = thaw(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"generateName": prefix, "namespace": owner["metadata"]["namespace"], **kept},
            "spec": template["spec"],
        }
    )
    pod["metadata"]["ownerReferences"] = [owner_reference(owner)]
    return pod


def namespace_is_ending(error: ApiError) -> bool:
    """Whether a creation was refused because its namespace is being deleted: not worth an event or a retry."""
    causes = (error.details or {}).get("causes") or ()
    return any(one.get("reason") == "NamespaceTerminating" for one in causes)


class PodControl:
    """Creates and deletes pods for one controller."""

    def __init__(self, client: Client, source: str, pods: Informer) -> None:
        """`source`: the controller's name in events."""
        self._client = client
        self._source = source
        self._pods = pods

    async def create(self, owner: Object, pod: Object) -> Object | None:
        """Create a pod; None where the namespace is ending. Raises ApiError after an event about it."""
        try:
            made = await self._client.create("pods", pod)
        except ApiError as error:
            if namespace_is_ending(error):
                return None
            await self._event(owner, "Warning", "FailedCreate", f"Error creating: {error.message}")
            raise
        await self._event(owner, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        return made

    async def create_many(self, owner: Object, pods: Iterable[Object]) -> tuple[int, ApiError | None]:
        """Create pods in batches of 1, 2, 4 …: how many there are now, and why it stopped at the end of a batch."""
        last: Object | None = None

        async def one(pod: Object) -> None:
            nonlocal last
            last = await self.create(owner, pod) or last

        done, error = await slow_start(pods, one)
        if last is not None:
            await self._pods.reached(last)
        return done, error

    async def delete(self, owner: Object, pod: Object) -> bool:
        """Delete a pod; False if it was gone already. Raises ApiError after an event about it."""
        metadata = pod["metadata"]
        try:
            await self._client.delete("pods", metadata["namespace"], metadata["name"], uid=metadata["uid"])
        except ApiError as error:
            if error.code in (404, 409):
                return False
            await self._event(owner, "Warning", "FailedDelete", f"Error deleting: {error.message}")
            raise
        await self._event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {metadata['name']}")
        return True

    async def delete_many(self, owner: Object, pods: Iterable[Object]) -> ApiError | None:
        """Delete pods, all of them even if one is refused: the first refusal."""
        first: ApiError | None = None
        deleted = []
        for pod in pods:
            try:
                await self.delete(owner, pod)
                deleted.append(pod)
            except ApiError as error:
                first = first or error
        for pod in deleted:
            await self._pods.dropped(pod)
        return first

    async def _event(self, owner: Object, kind: str, reason: str, message: str) -> None:
        await self._client.event(owner, kind, reason, message, self._source)


async def slow_start(items: Iterable[Object], act: Callable[[Object], Awaitable[None]]) -> tuple[int, ApiError | None]:
    """Do `act` for batches of 1, 2, 4 … items and stop after a batch in which one failed.

    Returns how many succeeded and the first error, so that a refusal that holds for all is met once and not for each.
    """
    waiting = list(items)
    done, size, first = 0, 1, None
    while waiting and first is None:
        batch, waiting = waiting[:size], waiting[size:]
        for item in batch:
            try:
                await act(item)
                done += 1
            except ApiError as error:
                first = first or error
        size *= 2
    return done, first
