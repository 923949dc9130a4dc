"""One step of a rolling sync, with everything it writes.

Source: Argo CD 3.6.1 `applicationset/progressivesync/progressive_sync.go` (PerformProgressiveSyncs,
PerformReverseDeletion).
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.sim.api.status import ApiError
from lab.sim.argocd.applicationset import progressive
from lab.sim.argocd.applicationset.applications import WriteError
from lab.sim.argocd.applicationset.hub import APPLICATIONS, Hub
from lab.sim.argocd.applicationset.status_writes import StatusWriter
from lab.sim.clock import parse_timestamp
from lab.sim.objects import Object, name_of, namespace_of

_REFRESH = "argocd.argoproj.io/refresh"
_NEXT_LOOK_SECONDS = 10.0
_STUCK_SECONDS = 120.0


async def advance(
    hub: Hub,
    writer: StatusWriter,
    application_set: Object,
    live: Sequence[Object],
    desired: Sequence[Object],
    same_spec: progressive.SameSpec,
    grace: float,
) -> tuple[Object, set[str]]:
    """Move a rollout on as far as its Applications allow: the set as it is then, and who may sync now.

    `grace`: seconds before an Application that was not compared since a change is asked to be. Raises ApiError.
    """
    now = hub.clock.now()
    steps = progressive.select_steps(application_set, desired)
    before = progressive.latest_change(application_set)
    statuses = progressive.update_statuses(application_set, live, desired, steps, now, same_spec)
    current = await writer.application_statuses(application_set, statuses)
    since = before if before is not None else progressive.latest_change(current)
    reconciled = progressive.reconciled_since(live, since, now, grace)
    for name in reconciled.refresh:
        change = {"metadata": {"annotations": {_REFRESH: "normal"}}}
        await hub.client.patch(APPLICATIONS, namespace_of(application_set), name, change)
    if not reconciled.done:
        return current, set()
    allowed = progressive.applications_to_sync(current, steps, live)
    current = await writer.application_statuses(current, progressive.release(current, allowed, steps, now))
    return await writer.conditions(current, progressive.conditions(current, steps.issues)), allowed


def grace_left(application_set: Object, grace: float, now: float) -> float:
    """Seconds until a rollout that waits for its Applications is to be looked at again; 0 when it does not wait."""
    latest = progressive.latest_change(application_set) if grace > 0 else None
    if latest is None:
        return 0.0
    left = grace - (now - latest)
    return left if left > 0 else 1.0


async def delete_in_order(hub: Hub, application_set: Object) -> float:
    """Delete the Applications of a set one by one, the last step first: seconds to the next look, 0 when all are gone.

    Raises ApiError, and WriteError for one that does not go.
    """
    namespace = namespace_of(application_set)
    for name in progressive.deletion_order(application_set, hub.applications_of(application_set)):
        found = hub.applications.get(namespace, name)
        if found is None:
            continue
        deleted = found["metadata"].get("deletionTimestamp")
        if deleted:
            if hub.clock.now() - parse_timestamp(deleted) <= _STUCK_SECONDS:
                return _NEXT_LOOK_SECONDS
            if await _is_gone(hub, found):
                continue
            raise WriteError("application has not been deleted in over 2 minutes")
        try:
            await hub.client.delete(APPLICATIONS, namespace, name)
        except ApiError as error:
            if error.code == 404:
                continue
            raise
        return _NEXT_LOOK_SECONDS
    return 0.0


async def _is_gone(hub: Hub, application: Object) -> bool:
    try:
        await hub.client.get(APPLICATIONS, namespace_of(application), name_of(application))
    except ApiError as error:
        if error.code == 404:
            return True
        raise
    return False
