"""The type of a custom resource, from its definition in the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api import crd, types
from lab.sim.api.types import Type
from lab.sim.argocd.comparison.kinds import MINOR, row_of
from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.objects import Object

if TYPE_CHECKING:
    from lab.sim.argocd.live.cluster import LiveCluster

_MOST = 512
_known: dict[tuple[str, str, str], Type | None] = {}
"""By UID and resourceVersion of a definition, and version."""


def custom_type(live: LiveCluster, obj: Object) -> Type | None:
    """The type of `obj`; None for a compiled-in kind, and where there is no definition."""
    api_version, kind = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
    if row_of(api_version, kind) is not None:
        return None
    definition = _definition(live, key_of(obj))
    if definition is None:
        return None
    metadata = definition["metadata"]
    version = api_version.rpartition("/")[2]
    place = (str(metadata.get("uid")), str(metadata.get("resourceVersion")), version)
    if place not in _known:
        while len(_known) >= _MOST:
            del _known[next(iter(_known))]
        _known[place] = next(
            (types.of(row, MINOR) for row in crd.rows(definition) if row.version == version and row.kind == kind), None
        )
    return _known[place]


def _definition(live: LiveCluster, key: ResourceKey) -> Object | None:
    plural = live.plural(key.group, key.kind)
    if not plural:
        return None
    name = f"{plural}.{key.group}"
    return live.objects.get(ResourceKey("apiextensions.k8s.io", "CustomResourceDefinition", "", name))
