"""What names an object within a cluster."""

from __future__ import annotations

from typing import NamedTuple

from lab.sim.objects import Object


class ResourceKey(NamedTuple):
    """Group, kind, namespace and name: the version does not matter."""

    group: str
    """"" for the core group."""
    kind: str
    namespace: str
    """"" for cluster-wide objects."""
    name: str

    def __str__(self) -> str:
        return f"{self.group}/{self.kind}/{self.namespace}/{self.name}"


def key_of(obj: Object) -> ResourceKey:
    """The key an object has by what it says of itself."""
    api_version = obj.get("apiVersion") or ""
    metadata = obj.get("metadata") or {}
    group = api_version[: api_version.find("/")] if "/" in api_version else ""
    return ResourceKey(group, obj.get("kind") or "", metadata.get("namespace") or "", metadata.get("name") or "")
