"""What a comparison of an Application's wanted and live state says.

Source: Argo CD 3.6.1 `controller/state.go` (`comparisonResult`, `managedResource`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.sim.argocd.health.application import ApplicationHealth
from lab.sim.argocd.health.status import HealthStatus
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.objects import Object

if TYPE_CHECKING:
    from lab.sim.argocd.comparison.memory import Memory
    from lab.sim.argocd.comparison.rules import DiffRules

SYNCED, OUT_OF_SYNC, UNKNOWN = "Synced", "OutOfSync", "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """An entry of `status.conditions`; its time is for whoever writes the status."""

    type: str
    """`ComparisonError`, `RepeatedResourceWarning`, `SharedResourceWarning`, `ExcludedResourceWarning`, …"""
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """How the live state differs from what it would be after a sync."""

    modified: bool
    live: Object | None
    """The live object without what does not count; None when there is none."""
    predicted: Object | None
    """What it would be after a sync; None for an object that is not wanted."""


@dataclass(frozen=True, slots=True)
class ComparedResource:
    """One resource as it is wanted and as it is; at least one is there. Never change them: both are shared."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    target: Object | None
    """With tracking mark and namespace; None for one that is to be pruned."""
    live: Object | None
    difference: Difference
    status: str = ""
    """`Synced`, `OutOfSync`, `Unknown`; "" for hooks and what else has no say in the Application's status."""
    hook: bool = False
    requires_pruning: bool = False
    requires_deletion_confirmation: bool = False
    sync_wave: int = 0
    health: HealthStatus | None = None
    """None for a kind that has none."""

    @property
    def key(self) -> ResourceKey:
        """Its name within the cluster."""
        return ResourceKey(self.group, self.kind, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The wanted and the live state of an Application, side by side."""

    status: str
    """`status.sync.status`."""
    health: ApplicationHealth
    resources: Sequence[ComparedResource] = ()
    """Every resource that is wanted or live, hooks among the wanted left out; in `status.resources`' order."""
    hooks: Sequence[Object] = ()
    """Wanted hooks of a sync, in the order of their manifests."""
    conditions: Sequence[Condition] = ()
    """In the order Argo CD finds them; they replace all of the types `CONDITION_TYPES`."""
    has_pre_delete_hooks: bool = False
    has_post_delete_hooks: bool = False
    rules: DiffRules | None = None
    """What is ignored, for `respecting`; None when nothing could be compared."""
    memory: Memory | None = field(default=None, repr=False, compare=False)
    """What makes the next comparison quick: give this record to `compare` as `previous`."""
    persist_health: bool = False
    """Whether `status_resources` tells each resource's health (`controller.resource.health.persist`)."""

    @property
    def by_key(self) -> Mapping[ResourceKey, ComparedResource]:
        """The resources by their key."""
        return {one.key: one for one in self.resources}

    def status_resources(self) -> list[Object]:
        """`status.resources`; fields that are empty are left out, as Go writes them."""
        return [_status(one, self.persist_health) for one in self.resources]


CONDITION_TYPES = frozenset(
    ("ComparisonError", "SharedResourceWarning", "RepeatedResourceWarning", "ExcludedResourceWarning")
)
"""Types of condition a comparison sets anew; an UnknownError it found stays until something else takes it away."""


def _status(one: ComparedResource, persist_health: bool) -> Object:
    written: Object = {}
    for key, value in (
        ("group", one.group),
        ("version", one.version),
        ("kind", one.kind),
        ("namespace", one.namespace),
        ("name", one.name),
        ("status", one.status),
    ):
        if value:
            written[key] = value
    if persist_health and one.health is not None:
        written["health"] = {"status": one.health.status}
        if one.health.message:
            written["health"]["message"] = one.health.message
    for key, flag in (
        ("hook", one.hook),
        ("requiresPruning", one.requires_pruning),
        ("requiresDeletionConfirmation", one.requires_deletion_confirmation),
    ):
        if flag:
            written[key] = True
    if one.sync_wave:
        written["syncWave"] = one.sync_wave
    return written
