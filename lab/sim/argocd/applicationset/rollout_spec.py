"""What an ApplicationSet says about its rollout.

Source: Argo CD 3.6.1 `applicationset/progressivesync/progressive_sync.go`.
"""

from __future__ import annotations

from lab.sim.objects import Object

WAITING = "Waiting"
PENDING = "Pending"
PROGRESSING = "Progressing"
HEALTHY = "Healthy"


def is_rolling(application_set: Object) -> bool:
    """Whether the strategy is RollingSync."""
    strategy = (application_set.get("spec") or {}).get("strategy") or {}
    return strategy.get("type") == "RollingSync" and strategy.get("rollingSync") is not None


def steps_of(application_set: Object) -> list[Object]:
    """The steps of a rolling sync; [] when there is none."""
    if not is_rolling(application_set):
        return []
    return list(application_set["spec"]["strategy"]["rollingSync"].get("steps") or ())


def deletes_in_reverse(application_set: Object) -> bool:
    """Whether its Applications are to be deleted step by step, the last step first."""
    order = str(((application_set.get("spec") or {}).get("strategy") or {}).get("deletionOrder") or "")
    return bool(steps_of(application_set)) and order.lower() == "reverse"


def statuses_of(application_set: Object) -> list[Object]:
    """`status.applicationStatus`."""
    return list((application_set.get("status") or {}).get("applicationStatus") or ())
