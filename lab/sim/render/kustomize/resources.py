"""The objects of one kustomization on their way to the output, and how they are told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from lab.sim.objects import Object
from lab.sim.render.errors import RenderError

_CLUSTER = "_non_namespaceable_"
_DEFAULT = "default"
_CLUSTER_SCOPED = frozenset(
    f"{version}/{kind}"
    for kind, versions in {
        "APIService": "apiregistration.k8s.io/v1 apiregistration.k8s.io/v1beta1",
        "CSIDriver": "storage.k8s.io/v1 storage.k8s.io/v1beta1",
        "CSINode": "storage.k8s.io/v1 storage.k8s.io/v1beta1",
        "CertificateSigningRequest": "certificates.k8s.io/v1 certificates.k8s.io/v1beta1",
        "ClusterRole": "rbac.authorization.k8s.io/v1 rbac.authorization.k8s.io/v1beta1",
        "ClusterRoleBinding": "rbac.authorization.k8s.io/v1 rbac.authorization.k8s.io/v1beta1",
        "ComponentStatus": "v1",
        "CustomResourceDefinition": "apiextensions.k8s.io/v1 apiextensions.k8s.io/v1beta1",
        "FlowSchema": "flowcontrol.apiserver.k8s.io/v1beta1",
        "IngressClass": "networking.k8s.io/v1 networking.k8s.io/v1beta1",
        "MutatingWebhookConfiguration": "admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1beta1",
        "Namespace": "v1",
        "Node": "v1",
        "NodeProxyOptions": "v1",
        "PersistentVolume": "v1",
        "PodSecurityPolicy": "policy/v1beta1",
        "PriorityClass": "scheduling.k8s.io/v1 scheduling.k8s.io/v1beta1",
        "PriorityLevelConfiguration": "flowcontrol.apiserver.k8s.io/v1beta1",
        "RuntimeClass": "node.k8s.io/v1 node.k8s.io/v1beta1",
        "StorageClass": "storage.k8s.io/v1 storage.k8s.io/v1beta1",
        "ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1beta1",
        "VolumeAttachment": "storage.k8s.io/v1 storage.k8s.io/v1beta1",
    }.items()
    for version in versions.split()
)
"""Kinds that kustomize knows to be outside namespaces: those of Kubernetes 1.21 (kyaml `openapi/openapi.go`)."""


class Id(NamedTuple):
    """Kind, name and namespace of an object, as it is now or was before a transformation."""

    group: str
    version: str
    kind: str
    name: str
    namespace: str
    cluster: bool = False
    """Known to be outside namespaces."""

    @property
    def effective(self) -> str:
        """The namespace it counts as being in."""
        if self.cluster:
            return _CLUSTER
        return self.namespace or _DEFAULT

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """Equal for equal ids."""
        return self.group, self.version, self.kind, self.name, self.effective

    def selected(self, group: str, version: str, kind: str) -> bool:
        """Whether the kind fits, "" fitting all."""
        return (
            (not group or group == self.group)
            and (not version or version == self.version)
            and (not kind or kind == self.kind)
        )

    def __str__(self) -> str:
        return (
            f"{shown_kind(self.group, self.version, self.kind)}/{self.name or '[noName]'}.{self.namespace or '[noNs]'}"
        )


def shown_kind(group: str, version: str, kind: str) -> str:
    """A kind as kustomize's messages name it."""
    return f"{kind or '[noKind]'}.{version or '[noVer]'}.{group or '[noGrp]'}"


def scalar_text(value: Any, null: str = "") -> str:
    """A scalar as it would stand in YAML."""
    if isinstance(value, str):
        return value
    if value is None:
        return null
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def texts(value: Any, null: str = "") -> dict[str, str]:
    """The labels or annotations a map holds, each as text; {} for anything else."""
    if not isinstance(value, dict):
        return {}
    return {key: scalar_text(below, null) for key, below in value.items()}


class Resource:
    """One object and what kustomize remembers about it."""

    __slots__ = (
        "behavior",
        "hashed",
        "kind_may_change",
        "name_may_change",
        "obj",
        "origin",
        "prefixes",
        "previous",
        "suffixes",
    )

    def __init__(self, obj: Object) -> None:
        self.obj: Object | None = obj
        """None once a patch has deleted it."""
        self.previous: list[tuple[str, str, str]] = []
        """Namespace, name and kind before each change of them."""
        self.prefixes: list[str] = []
        self.suffixes: list[str] = []
        self.behavior = ""
        """Of a generated one: `create`, `merge`, `replace` or "" when not said."""
        self.hashed = False
        """The name gets a hash of the content."""
        self.name_may_change = False
        self.kind_may_change = False
        self.origin = ""
        """Text of the origin annotation."""

    @property
    def data(self) -> Object:
        """The object. Only for one that is not deleted."""
        assert self.obj is not None
        return self.obj

    @property
    def metadata(self) -> Object:
        """The object's metadata, for reading; {} when there are none."""
        found = self.data.get("metadata")
        return found if isinstance(found, dict) else {}

    def writable_metadata(self) -> Object:
        """The object's metadata, made when missing."""
        found = self.data.get("metadata")
        if not isinstance(found, dict):
            found = self.data["metadata"] = {}
        return found

    @property
    def kind(self) -> str:
        """The object's kind."""
        return scalar_text(self.data.get("kind"))

    @property
    def name(self) -> str:
        """The object's name."""
        return scalar_text(self.metadata.get("name"))

    @property
    def namespace(self) -> str:
        """The object's namespace."""
        return scalar_text(self.metadata.get("namespace"))

    def version(self) -> tuple[str, str]:
        """Group and version."""
        text = scalar_text(self.data.get("apiVersion"))
        group, slash, version = text.partition("/")
        return (group, version) if slash else ("", text)

    def id(self) -> Id:
        """What it is now."""
        data = self.data
        kind = scalar_text(data.get("kind"))
        text = scalar_text(data.get("apiVersion"))
        group, slash, version = text.partition("/")
        metadata = self.metadata
        return Id(
            group if slash else "",
            version if slash else text,
            kind,
            scalar_text(metadata.get("name")),
            scalar_text(metadata.get("namespace")),
            f"{text}/{kind}" in _CLUSTER_SCOPED,
        )

    def previous_ids(self) -> list[Id]:
        """What it was, from the first on."""
        group, version = self.version()
        return [Id(group, version, kind, name, namespace) for namespace, name, kind in self.previous]

    def original(self) -> Id:
        """What it was at first."""
        if not self.previous:
            return self.id()
        group, version = self.version()
        namespace, name, kind = self.previous[0]
        return Id(group, version, kind, name, namespace)

    def remember(self) -> None:
        """Keep what it is now as one of the things it was."""
        now = self.id()
        self.previous.append((now.effective, now.name, now.kind))

    def copy_state(self, other: Resource) -> None:
        """Take over what is remembered about `other`."""
        self.previous = list(other.previous)
        self.prefixes = list(other.prefixes)
        self.suffixes = list(other.suffixes)
        self.behavior = other.behavior


class Resources:
    """Objects in order, no two with the same id."""

    def __init__(self, items: Iterable[Resource] = ()) -> None:
        self.items: list[Resource] = []
        self.extend(items)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.items)

    def extend(self, items: Iterable[Resource]) -> None:
        """Add objects. Raises RenderError for one whose id is taken."""
        keys = {one.id().key for one in self.items}
        for one in items:
            found = one.id()
            if found.key in keys:
                raise RenderError(f"may not add resource with an already registered id: {found}")
            keys.add(found.key)
            self.items.append(one)

    def drop_deleted(self) -> None:
        """Forget objects that a patch has deleted."""
        self.items = [one for one in self.items if one.obj]

    def by_any_id(self, matches: Callable[[Id], bool]) -> list[Resource]:
        """Objects that are or were what `matches` accepts."""
        return [one for one in self.items if one.obj and (matches(one.id()) or any(map(matches, one.previous_ids())))]

    def the_one(self, wanted: Id) -> Resource:
        """The object that is or was `wanted`. Raises RenderError unless there is exactly one."""
        found = self.by_any_id(lambda one: one.key == wanted.key)
        if len(found) == 1:
            return found[0]
        how = "multiple matches" if found else "no matches"
        raise RenderError(f"{how} for Id {wanted}; failed to find unique target for patch {wanted}")
