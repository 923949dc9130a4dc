"""Which resources a cluster serves: one row a kind, and the registry that finds a row.

A row drives discovery, OpenAPI paths, routing, Table and validation. The built-in rows stand in `kinds.py`; rows of
custom resources are made from their definitions by `crd.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
"""A Kubernetes object as JSON holds it. Objects that came out of the store are shared: never change one, copy it."""
Objects = list[Object]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


_ETCD = {
    "endpoints": "services/endpoints",
    "ingresses.networking.k8s.io": "ingress",
    "nodes": "minions",
    "replicationcontrollers": "controllers",
    "services": "services/specs",
}
"""Resources that are not kept under their plural."""


@dataclass(frozen=True, slots=True)
class Custom:
    """What a CustomResourceDefinition says about one served version."""

    definition: str
    """Name of the definition, `PLURAL.GROUP`."""
    schema: Object
    """`openAPIV3Schema` as given."""
    columns: tuple[Object, ...] = ()
    """`additionalPrinterColumns`."""
    selectable: tuple[str, ...] = ()
    """JSON paths of `selectableFields`."""
    scale: Object | None = None
    """`subresources.scale` or None."""
    preserve_unknown: bool = False
    """`spec.preserveUnknownFields`."""
    stored: str = ""
    """`apiVersion` under which objects are stored."""
    since: int = 0
    """The store's revision when this schema came into force: older objects may not be what it asks for."""
    versions: dict[str, Resource] = field(default_factory=dict, repr=False)
    """The rows of all served versions by `apiVersion`."""
    terminating: bool = False
    """The definition is being deleted: nothing can be created any more."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Resource:
    """One served resource in one version. Compared by identity."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: frozenset[str] = frozenset()
    storage: str = ""
    """Key in the store, shared by all versions of a resource: `PLURAL` or `PLURAL.GROUP`."""
    custom: Custom | None = None
    """Set for rows of custom resources."""
    deprecated: str = ""
    """A warning that goes with every answer; "" for none."""

    @property
    def list_kind(self) -> str:
        """Kind of the list of these."""
        return f"{self.kind}List"

    @property
    def api_version(self) -> str:
        """`v1` or `GROUP/VERSION`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`PLURAL` or `PLURAL.GROUP`, as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def key(self, namespace: str, name: str) -> str:
        """Where a real server keeps an object in etcd, as some messages tell.

        Source: kubernetes `pkg/kubeapiserver/default_storage_factory_builder.go`.
        """
        plural = _ETCD.get(self.storage, self.plural)
        group = [self.group] if self.custom else []
        return "/".join(["/registry", *group, plural, *([namespace] if self.namespaced else []), name])

    @property
    def stored(self) -> bool:
        """Whether objects of this resource are kept; reviews are only answered."""
        return "get" in self.verbs


@dataclass(slots=True)
class Registry:
    """The rows of one cluster. Built-in rows are shared by all clusters, custom rows belong to one."""

    _by_path: dict[tuple[str, str, str], Resource] = field(default_factory=dict)
    _by_kind: dict[tuple[str, str, str], Resource] = field(default_factory=dict)
    changes: int = 0
    """Counts additions and removals: discovery and OpenAPI documents made at one count hold until the next."""

    @classmethod
    def of(cls, rows: Iterable[Resource]) -> Registry:
        """A registry with these rows."""
        made = cls()
        for row in rows:
            made.add(row)
        return made

    def add(self, row: Resource) -> None:
        """Serve `row`, in place of a row of the same path."""
        self._by_path[row.group, row.version, row.plural] = row
        self._by_kind[row.group, row.version, row.kind] = row
        self.changes += 1

    def remove(self, row: Resource) -> None:
        """Serve `row` no longer."""
        self._by_path.pop((row.group, row.version, row.plural), None)
        self._by_kind.pop((row.group, row.version, row.kind), None)
        self.changes += 1

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The row behind a path, or None."""
        return self._by_path.get((group, version, plural))

    def serves(self, group: str) -> bool:
        """Whether there is any row of the group."""
        return any(known == group for known, _, _ in self._by_path)

    def kind(self, api_version: str, kind: str) -> Resource | None:
        """The row of `apiVersion` and `kind`, or None."""
        group, _, version = api_version.rpartition("/")
        return self._by_kind.get((group, version, kind))

    def plural(self, group: str, plural: str) -> Resource | None:
        """The first row of a resource in any version, or None."""
        return next((row for row in self if row.group == group and row.plural == plural), None)

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._by_path.values()))
