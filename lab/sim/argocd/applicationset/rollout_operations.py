"""Generated Applications as a rolling sync writes them.

Source: Argo CD 3.6.1 `applicationset/progressivesync/progressive_sync.go` `SyncDesiredApplications`.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.sim.argocd.applicationset.rollout_spec import PENDING, statuses_of
from lab.sim.objects import Object, evolve, name_of


def without_automation(application: Object) -> Object:
    """A generated Application with automated sync turned off, for the rollout starts its syncs."""
    spec = application.get("spec") or {}
    policy = spec.get("syncPolicy") or {}
    if policy.get("automated") is None:
        return application
    automated = {**policy["automated"], "enabled": False}
    return evolve(application, spec={**spec, "syncPolicy": {**policy, "automated": automated}})


def with_operations(application_set: Object, allowed: set[str], desired: Sequence[Object]) -> list[Object]:
    """Generated Applications as they are to be written: automation off, and a sync asked of each Pending one.

    The sync is pinned to the revisions recorded when its step opened.
    """
    pending = {one["application"]: one for one in statuses_of(application_set) if one.get("status") == PENDING}
    made = []
    for application in desired:
        name = name_of(application)
        manual = without_automation(application)
        if name in allowed and name in pending:
            manual = evolve(manual, operation=_operation(application, pending[name].get("targetRevisions") or []))
        made.append(manual)
    return made


def _operation(application: Object, revisions: list[str]) -> Object:
    spec = application.get("spec") or {}
    policy = spec.get("syncPolicy")
    sync: Object = {}
    if spec.get("sources"):
        sync["revisions"] = revisions
    elif revisions:
        sync["revision"] = revisions[0]
    retry: Object = {"limit": 5}
    if policy is not None:
        automated = policy.get("automated")
        retry = retry if policy.get("retry") is None else policy["retry"]
        if policy.get("syncOptions"):
            sync["syncOptions"] = policy["syncOptions"]
        if automated is not None and automated.get("enabled") is not False and automated.get("prune"):
            sync["prune"] = True
    return {
        "initiatedBy": {"username": "applicationset-controller", "automated": True},
        "info": [
            {"name": "Reason", "value": "ApplicationSet RollingSync triggered a sync of this Application resource"}
        ],
        "sync": sync,
        "retry": retry,
    }
