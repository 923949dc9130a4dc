"""The clusters an Argo CD knows: its cluster Secrets and the one it runs in.

Source: Argo CD 3.6.1 `util/db/cluster.go`, `util/settings/cluster_informer.go`.
"""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from lab.sim.clock import parse_timestamp
from lab.sim.objects import Object, name_of

IN_CLUSTER_NAME = "in-cluster"
IN_CLUSTER_SERVER = "https://kubernetes.default.svc"
SECRET_TYPE_LABEL = "argocd.argoproj.io/secret-type"  # noqa: S105
SKIP_RECONCILE = "argocd.argoproj.io/skip-reconcile"
REFRESH = "argocd.argoproj.io/refresh"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MANAGED_BY = "managed-by"

_TEXTS = ("username", "password", "bearerToken", "proxyUrl")
_TLS_BYTES = ("caData", "certData", "keyData")


class ClusterError(Exception):
    """A Secret that is no cluster, or a cluster that is not there; the text is Argo CD's."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """How to reach a cluster: the JSON under `config` of its Secret. PEM texts are bytes."""

    username: str = ""
    password: str = ""
    bearer_token: str = ""
    insecure: bool = False
    server_name: str = ""
    ca_data: bytes = b""
    cert_data: bytes = b""
    key_data: bytes = b""
    aws_auth: Mapping[str, Any] | None = None
    exec_provider: Mapping[str, Any] | None = None
    disable_compression: bool = False
    proxy_url: str = ""

    @property
    def has_credentials(self) -> bool:
        """Whether a name, a password or a token is given; without, the controller uses its own in its own cluster."""
        return bool(self.username or self.password or self.bearer_token)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A registered cluster."""

    server: str
    name: str
    config: ClusterConfig = field(default_factory=ClusterConfig)
    namespaces: tuple[str, ...] = ()
    """When not empty, only these are managed, and cluster-wide resources only with `cluster_resources`."""
    cluster_resources: bool = False
    project: str = ""
    shard: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    refresh_requested_at: float | None = None
    """Seconds since 1970."""
    secret: str = ""
    """Name of its Secret; "" for the implicit one."""

    @property
    def skipped(self) -> bool:
        """Whether the controller is told to leave this cluster alone."""
        return self.annotations.get(SKIP_RECONCILE) == "true"


def is_cluster_secret(secret: Object) -> bool:
    """Whether a Secret bears the label of cluster Secrets."""
    return bool((secret.get("metadata", {}).get("labels") or {}).get(SECRET_TYPE_LABEL) == "cluster")


def secret_data(secret: Object, *keys: str) -> dict[str, str]:
    """The decoded `data` of a Secret with `stringData` laid over it; with `keys` only those."""
    data = secret.get("data") or {}
    decoded = {key: _decoded(data[key]) for key in (keys or data) if key in data}
    return {**decoded, **(secret.get("stringData") or {})}


def _decoded(text: str | None) -> str:
    return base64.b64decode(text or "").decode("utf-8", "replace")


def parse_cluster(secret: Object, notes: list[str] | None = None) -> Cluster:
    """The cluster a Secret describes. Raises ClusterError.

    `notes` collects what Argo CD only logs: a shard or a refresh time that cannot be read is passed over.
    """
    data = secret_data(secret)
    metadata = secret.get("metadata", {})
    name = name_of(secret)
    notes = notes if notes is not None else []
    annotations = dict(metadata.get("annotations") or {})
    labels = dict(metadata.get("labels") or {})
    labels.pop(SECRET_TYPE_LABEL, None)
    refresh = _refresh(annotations.get(REFRESH), name, notes)
    annotations.pop(LAST_APPLIED, None)
    annotations.pop(MANAGED_BY, None)
    return Cluster(
        server=data.get("server", "").rstrip("/"),
        name=data.get("name", ""),
        config=_config(data.get("config", "")),
        namespaces=tuple(one.strip() for one in data.get("namespaces", "").split(",") if one.strip()),
        cluster_resources=data.get("clusterResources") == "true",
        project=data.get("project", ""),
        shard=_shard(data.get("shard"), name, notes),
        labels=labels,
        annotations=annotations,
        refresh_requested_at=refresh,
        secret=name,
    )


def _refresh(text: str | None, name: str, notes: list[str]) -> float | None:
    if text is None:
        return None
    try:
        return parse_timestamp(text)
    except ValueError:
        notes.append(f"Error while parsing date in cluster secret '{name}': cannot parse \"{text}\" as RFC 3339")
        return None


def _shard(text: str | None, name: str, notes: list[str]) -> int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        notes.append(
            f"Error while parsing shard in cluster secret '{name}': strconv.Atoi: parsing \"{text}\": invalid syntax"
        )
        return None


def _config(text: str) -> ClusterConfig:
    if not text:
        return ClusterConfig()
    try:
        read = orjson.loads(text)
        if not isinstance(read, dict):
            raise ValueError(
                f"json: cannot unmarshal {type(read).__name__} into Go value of type v1alpha1.ClusterConfig"
            )
        tls = _mapping(read, "tlsClientConfig") or {}
        user, password, token, proxy = (_text(read, key) for key in _TEXTS)
        ca, cert, key = (_pem(tls, one) for one in _TLS_BYTES)
        return ClusterConfig(
            user,
            password,
            token,
            _flag(tls, "insecure"),
            _text(tls, "serverName"),
            ca,
            cert,
            key,
            _mapping(read, "awsAuthConfig"),
            _mapping(read, "execProviderConfig"),
            _flag(read, "disableCompression"),
            proxy,
        )
    except ValueError as error:
        raise ClusterError(f"failed to unmarshal cluster config: {error}") from None


def _typed(fields: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = fields.get(key)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise ValueError(f"json: cannot unmarshal {type(value).__name__} into Go struct field {key}")
    return value


def _text(fields: Mapping[str, Any], key: str) -> str:
    return str(_typed(fields, key, str, ""))


def _flag(fields: Mapping[str, Any], key: str) -> bool:
    return bool(_typed(fields, key, bool, False))


def _mapping(fields: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = _typed(fields, key, dict, None)
    return found


def _pem(fields: Mapping[str, Any], key: str) -> bytes:
    try:
        return base64.b64decode(_text(fields, key), validate=True)
    except binascii.Error:
        raise ValueError("illegal base64 data at input byte 0") from None


class Clusters:
    """All that is registered, looked up as Argo CD does it."""

    def __init__(self, secrets: Iterable[Object], *, in_cluster_enabled: bool = True) -> None:
        """`secrets`: those with the label of cluster Secrets count; `in_cluster_enabled`: `cluster.inClusterEnabled`.

        `notes` says what Argo CD would log; a Secret that cannot be read is passed over.
        """
        self.notes: list[str] = []
        self.in_cluster_enabled = in_cluster_enabled
        self._registered: list[Cluster] = []
        for secret in sorted(secrets, key=name_of):
            if is_cluster_secret(secret):
                self._register(secret)
        self._by_server: dict[str, Cluster] = {}
        self._by_name: dict[str, list[Cluster]] = defaultdict(list)
        self._by_project: dict[str, list[Cluster]] = defaultdict(list)
        for cluster in self._registered:
            self._by_server.setdefault(cluster.server, cluster)
            self._by_name[cluster.name].append(cluster)
            self._by_project[cluster.project].append(cluster)

    def _register(self, secret: Object) -> None:
        try:
            self._registered.append(parse_cluster(secret, self.notes))
        except ClusterError as error:
            self.notes.append(f"Failed to convert secret {name_of(secret)} to cluster: {error}")

    @property
    def registered(self) -> list[Cluster]:
        """The clusters that have a Secret."""
        return list(self._registered)

    def all(self) -> list[Cluster]:
        """What `argocd cluster list` shows: the Secrets', and the implicit one last unless a Secret stands for it."""
        listed = [one for one in self._registered if one.server != IN_CLUSTER_SERVER or self.in_cluster_enabled]
        if self.in_cluster_enabled and IN_CLUSTER_SERVER not in self._by_server:
            listed.append(_IMPLICIT)
        return listed

    def by_server(self, server: str) -> Cluster:
        """The cluster with this URL. Raises ClusterError."""
        if server == IN_CLUSTER_SERVER:
            if not self.in_cluster_enabled:
                raise ClusterError(f'rpc error: code = NotFound desc = cluster "{server}" is disabled')
            return self._by_server.get(server, _IMPLICIT)
        found = self._by_server.get(server.rstrip("/"))
        if found is None:
            raise ClusterError(f'rpc error: code = NotFound desc = cluster "{server}" not found')
        return found

    def servers_named(self, name: str) -> list[str]:
        """URLs of the clusters with this name; `in-cluster` without a Secret of that name is the implicit one."""
        servers = [one.server for one in self._by_name.get(name, ())] if name else []
        if not self.in_cluster_enabled:
            return [one for one in servers if one != IN_CLUSTER_SERVER]
        if not servers and name == IN_CLUSTER_NAME:
            return [IN_CLUSTER_SERVER]
        return servers

    def of_project(self, project: str) -> list[Cluster]:
        """The clusters that belong to a project."""
        return list(self._by_project.get(project, ())) if project else []


_IMPLICIT = Cluster(server=IN_CLUSTER_SERVER, name=IN_CLUSTER_NAME)
