"""Volumes and claims on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.strategies.strategy import Strategy
from lab.sim.clock import timestamp

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest


class PersistentVolumes(Strategy):
    """A volume's status tells when its phase last changed."""

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """A new volume waits."""
        obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": timestamp(rest.clock.now())}

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Note when the phase changes."""
        if subresource != "status":
            return
        before, after = old.get("status", {}), new.get("status", {})
        told, known = after.get("lastPhaseTransitionTime"), before.get("lastPhaseTransitionTime")
        if before.get("phase") == after.get("phase"):
            if told is None and known is not None:
                after["lastPhaseTransitionTime"] = known
        elif told is None or told == known:
            after["lastPhaseTransitionTime"] = timestamp(rest.clock.now())


class PersistentVolumeClaims(Strategy):
    """`dataSource` and `dataSourceRef` say the same where only one is given."""

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """A new claim waits."""
        obj["status"] = {"phase": "Pending"}
        _level_sources(obj)

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Fill in the source that a client of an older API leaves out."""
        if not subresource:
            _level_sources(new)


def _level_sources(claim: Object) -> None:
    spec = claim.get("spec")
    if not isinstance(spec, dict):
        return
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source and not reference:
        spec["dataSourceRef"] = dict(source)
    elif reference and not source and not reference.get("namespace"):
        kind = (reference.get("apiGroup") or "", reference.get("kind"))
        if kind in (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot")):
            spec["dataSource"] = dict(reference)
