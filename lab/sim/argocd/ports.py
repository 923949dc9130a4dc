"""What the parts of Argo CD ask of each other and of the world: protocols, and the records that pass between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lab.sim.argocd.clusters import Cluster
from lab.sim.client import Client
from lab.sim.objects import Object


class ConnectError(Exception):
    """A cluster that cannot be reached or refuses the credentials; the text is what Go's client would say."""


class RepoError(Exception):
    """The repository server could not answer; the text is what stands in a condition after its prefix."""


@dataclass(frozen=True, slots=True)
class ApiResource:
    """A resource of a cluster's API."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    preferred: bool = True
    """Whether this is the version its group would rather be asked in."""

    @property
    def resource(self) -> str:
        """Its name for `lab.sim.client.Client`: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Connection(Protocol):
    """A destination cluster, reached with the credentials Argo CD has for it."""

    server: str
    client: Client
    """Field manager `argocd-controller`."""
    version: str
    """`gitVersion`, e.g. `v1.34.0`, the simulator's own mark left out."""

    async def resources(self) -> Sequence[ApiResource]:
        """Every resource that can be listed, created and deleted, subresources left out. Raises ApiError."""


class Destinations(Protocol):
    """Reaches clusters."""

    async def connect(self, cluster: Cluster) -> Connection:
        """A connection to a registered cluster. Raises ConnectError for a wrong authority, token, name or port."""


@dataclass(frozen=True, slots=True)
class ManifestRequest:
    """One source of an Application, to be rendered."""

    instance: str
    """The Application's name, or `NAMESPACE_NAME` outside Argo CD's own namespace: what tracking marks carry."""
    application: str
    """Its bare name, which is Helm's release name; `$ARGOCD_APP_NAME` is the instance."""
    project: str
    source: Object
    """One entry of `spec.sources`, or `spec.source`."""
    namespace: str = ""
    """Of the destination."""
    revision: str = ""
    """A commit to render instead of `targetRevision`; "" to resolve that anew."""
    references: Mapping[str, Object] = field(default_factory=dict)
    """`ref` sources of the same Application by `$name`; `targetRevision` may be a commit."""
    synced_references: Mapping[str, str] = field(default_factory=dict)
    """The commits of `references` at the last sync, by `$name`, for `unchanged`."""
    multiple: bool = False
    """Whether it is one entry of `spec.sources`; without, only when there are references."""
    kube_version: str = ""
    api_versions: Sequence[str] = ()
    tracking: str = "annotation"
    """`annotation`, `annotation+label` or `label`."""
    label_key: str = "app.kubernetes.io/instance"
    installation: str = ""
    """`installationID` of argocd-cm."""
    kustomize_options: str = ""
    refresh_paths: Sequence[str] = ()
    """Paths from the repository's root that `manifest-generate-paths` names, for `unchanged`."""
    refresh: bool = False
    """Ask Git although the answer may be remembered: for a refresh by annotation."""
    hard: bool = False
    """Render although manifests are remembered."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """What a source renders to."""

    objects: Sequence[Object]
    """With tracking marks; shared with others, so never to be changed."""
    revision: str
    """The commit."""
    source_type: str
    """`Directory`, `Helm`, `Kustomize` or `Plugin`."""


class RepoServer(Protocol):
    """Argo CD's repository server. Every method raises RepoError."""

    async def manifests(self, request: ManifestRequest) -> Manifests:
        """Render a source."""

    async def resolve(self, url: str, revision: str, project: str = "", *, fresh: bool = True) -> str:
        """The commit a branch, tag, version range or commit stands for.

        :param project: whose own repositories' credentials count too
        :param fresh: ask Git although the answer may be remembered
        """

    async def unchanged(self, request: ManifestRequest, old: str, new: str) -> bool:
        """Whether nothing that `manifest-generate-paths` names changed between two commits."""

    def on_push(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """Call `listener` with a repository's URL when something was pushed to it; returns what ends that."""

    def directories(self, url: str, revision: str, project: str = "", *, fresh: bool = False) -> Sequence[str]:
        """The folders of a revision as git generators see them."""

    def files(
        self,
        url: str,
        revision: str,
        pattern: str,
        project: str = "",
        *,
        fresh: bool = False,
        new_globbing: bool = False,
    ) -> Mapping[str, bytes]:
        """The files of a revision that a git generator's pattern selects."""
