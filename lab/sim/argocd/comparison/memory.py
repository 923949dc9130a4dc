"""What one comparison leaves for the next, so that what did not change is not worked out again.

Objects out of stores and renderers are never changed, so the very same object is the same state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.sim.argocd.comparison.records import Difference
from lab.sim.argocd.comparison.rules import DiffRules
from lab.sim.argocd.comparison.targets import Targets
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.objects import Object


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a comparison depends on besides the objects."""

    spec: Object
    options: str
    """The annotation `compare-options`."""
    identity: tuple[str, str, str]
    """Namespace, name and UID of the Application."""
    synced_metadata: Any
    """`managedNamespaceMetadata` of the last sync."""
    project: Any
    cluster: Any
    settings: Any
    """Compared by identity."""
    live: Any
    apis: Any
    """Compared by identity: what the cluster serves."""

    def same_as(self, other: Circumstances) -> bool:
        """Whether nothing that counts differs."""
        return (
            self.settings is other.settings
            and self.live is other.live
            and self.apis is other.apis
            and self.identity == other.identity
            and self.options == other.options
            and self.spec == other.spec
            and self.synced_metadata == other.synced_metadata
            and self.cluster == other.cluster
            and self.project == other.project
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """A comparison's parts."""

    circumstances: Circumstances
    targets: Targets
    live: Mapping[ResourceKey, Object]
    """All that was found live."""
    rules: DiffRules
    differences: Mapping[tuple[int, int], tuple[Object, Object, Difference]] = field(default_factory=dict)
    """By the identities of target and live object, which are kept here so that the identities stay theirs."""

    def difference(self, target: Object, live: Object, rules: DiffRules) -> Difference | None:
        """What was found of this very pair by these very rules."""
        if rules is not self.rules:
            return None
        found = self.differences.get((id(target), id(live)))
        return None if found is None else found[2]

    def has_live(self, live: Mapping[ResourceKey, Object]) -> bool:
        """Whether this is what was found live."""
        return len(live) == len(self.live) and all(self.live.get(key) is obj for key, obj in live.items())


def same_objects(left: Sequence[Object], right: Sequence[Object]) -> bool:
    """Whether both hold the very same objects in the same order."""
    return len(left) == len(right) and all(map(_is, left, right))


def _is(left: Object, right: Object) -> bool:
    return left is right
