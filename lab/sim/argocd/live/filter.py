"""Which kinds of resource Argo CD looks at: `resource.exclusions`, `resource.inclusions`, `resource.selectors`.

Source: Argo CD 3.6.1 `util/settings/resources_filter.go`, `util/settings/filtered_resource.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.sim.argocd.glob import matches as glob_matches
from lab.sim.objects import Object


@dataclass(frozen=True, slots=True)
class FilteredResource:
    """One entry of a list: a kind matches that is in all three; an empty one holds everything."""

    groups: tuple[str, ...] = ()
    """Globs."""
    kinds: tuple[str, ...] = ()
    """Names, or `*`."""
    clusters: tuple[str, ...] = ()
    """Globs of API addresses."""
    selector: str = ""
    """Of `resource.selectors`: which of the objects are looked at."""

    def matches(self, group: str, kind: str, server: str) -> bool:
        """Whether the entry is about a kind on a cluster."""
        return (
            _among(self.groups, group) and (not self.kinds or kind in self.kinds or "*" in self.kinds)
        ) and self.matches_cluster(server)

    def matches_cluster(self, server: str) -> bool:
        """Whether the entry is about a cluster."""
        return _among(self.clusters, server)


def _among(globs: tuple[str, ...], text: str) -> bool:
    return not globs or any(glob_matches(one, text) for one in globs)


ALWAYS_EXCLUDED = (
    FilteredResource(("events.k8s.io", "metrics.k8s.io")),
    FilteredResource(("",), ("Event",)),
    FilteredResource(("coordination.k8s.io",), ("Lease",)),
)


@dataclass(frozen=True, slots=True)
class ResourceFilter:
    """The three lists. An exclusion beats an inclusion; with any inclusion for a cluster, all else is excluded."""

    exclusions: tuple[FilteredResource, ...] = ()
    inclusions: tuple[FilteredResource, ...] = ()
    selectors: tuple[FilteredResource, ...] = ()

    def excludes(self, group: str, kind: str, server: str) -> bool:
        """Whether a kind is not looked at on a cluster."""
        if any(one.matches(group, kind, server) for one in (*ALWAYS_EXCLUDED, *self.exclusions)):
            return True
        if any(one.matches(group, kind, server) for one in self.inclusions):
            return False
        return any(one.matches_cluster(server) for one in self.inclusions)

    def selector(self, group: str, kind: str, server: str) -> str:
        """The label selector all looked-at objects of a kind match, "" for all."""
        found = (one.selector.strip() for one in self.selectors if one.matches(group, kind, server))
        return ",".join(one for one in found if one)


def read_filtered(entries: Iterable[Object]) -> tuple[FilteredResource, ...]:
    """Entries as they stand in argocd-cm, parsed."""
    return tuple(
        FilteredResource(
            tuple(map(str, one.get("apiGroups") or ())),
            tuple(map(str, one.get("kinds") or ())),
            tuple(map(str, one.get("clusters") or ())),
            str(one.get("selector") or ""),
        )
        for one in entries
    )
