"""Whether an Application is to be compared anew, and how thoroughly.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (needRefreshAppStatus, comparisonExpiry).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from lab.sim.argocd.application import spec as specs
from lab.sim.clock import parse_timestamp
from lab.sim.objects import Object


class Level(IntEnum):
    """What a refresh compares with."""

    NOTHING = 0
    """Only the resource tree is looked at."""
    RECENT = 1
    """The live state with the commit that was compared last."""
    LATEST = 2
    """With the commit the source stands for, which may be remembered."""
    FORCED = 3
    """With the commit the source stands for now."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh that is due."""

    reason: str
    """For the log."""
    level: Level
    hard: bool = False
    """Whether manifests are rendered anew, whatever is remembered."""


def needed(
    app: Object, now: float, resync: float, hard_resync: float, take_request: Callable[[], Level | None]
) -> Refresh | None:
    """The refresh an Application needs now; None for none.

    :param now: seconds since 1970
    :param resync: seconds for which a comparison holds, 0 for ever
    :param hard_resync: the same for manifests
    :param take_request: the level another part of the controller asked for; asked only when nothing else is due
    """
    asked = specs.refresh_requested(app)
    if asked:
        return Refresh(f"{asked} refresh requested", Level.FORCED, asked == "hard")
    if specs.sources_changed(app):
        several = specs.is_multiple(app["spec"])
        return Refresh("at least one of the spec.sources differs" if several else "spec.source differs", Level.FORCED)
    status = app.get("status") or {}
    reconciled = status.get("reconciledAt")
    soft, hard = _expired(reconciled, now, resync, hard_resync)
    if soft or hard:
        what, lasts = ("hard refresh", hard_resync) if hard else ("refresh", resync)
        return Refresh(
            f"comparison expired, requesting {what}. reconciledAt: {reconciled or 'never'}, expiry: {lasts:g}s",
            Level.LATEST,
            hard,
        )
    spec = app["spec"]
    compared = (status.get("sync") or {}).get("comparedTo") or {}
    if not specs.same(specs.destination(spec), compared.get("destination")):
        return Refresh("spec.destination differs", Level.LATEST)
    if specs.namespace_metadata_changed(app):
        return Refresh("spec.syncPolicy.managedNamespaceMetadata differs", Level.LATEST)
    if not specs.same(spec.get("ignoreDifferences"), compared.get("ignoreDifferences")):
        return Refresh("spec.ignoreDifferences differs", Level.LATEST)
    level = take_request()
    return None if level is None else Refresh("controller refresh requested", level)


def _expired(reconciled: str | None, now: float, resync: float, hard_resync: float) -> tuple[bool, bool]:
    if not reconciled:
        return True, hard_resync > 0
    age = now - parse_timestamp(reconciled)
    return 0 < resync < age, 0 < hard_resync < age
