"""Names and addresses as a pod of a simulated cluster finds them, and what it is told of those that lead nowhere.

Source of the names: kind's network, in which every node is known by its container's name; Kubernetes' DNS for Services.
Source of the words: Go `net`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from lab.sim.cluster import Cluster
from lab.sim.controllers.simulated_node import internal_address

RESOLVER = "10.96.0.10:53"
"""The clusters' name server."""
API_PORT = 6443
"""Of every node's API server inside the network."""
_SERVICE_ADDRESS = "10.96.0.1"
_OWN = ("kubernetes.default.svc", "kubernetes.default", "kubernetes.default.svc.cluster.local", _SERVICE_ADDRESS)


class Unreachable(Exception):
    """There is nobody at an address; the text is what dialling it fails with."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads."""

    host: str
    port: int
    cluster: Cluster | None
    """None for an address outside the lab."""


class Network:
    """The network all clusters of a daemon share."""

    def __init__(self, clusters: Mapping[str, Cluster]) -> None:
        """`clusters`: by name, as they come and go."""
        self._clusters = clusters

    def find(self, url: str, home: Cluster) -> Place:
        """The place a URL means for a pod of the cluster `home`. Raises Unreachable, and ValueError for no URL."""
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = (parts.hostname or "").lower(), _port(parts)
        if host in _OWN:
            if port != 443:
                raise Unreachable(f"dial tcp {_SERVICE_ADDRESS}:{port}: i/o timeout")
            return Place(host, port, home)
        if _is_loopback(host):
            # The pod itself, where nobody listens: the address a kubeconfig of kind has.
            shown = "[::1]" if host in ("::1", "localhost6") else "127.0.0.1" if host == "localhost" else host
            raise Unreachable(f"dial tcp {shown}:{port}: connect: connection refused")
        cluster = home if host == _address(home) else self._named(host)
        if cluster is None:
            return Place(host, port, None)
        if not cluster.is_served:
            # A node that is stopped is taken off the network's name server.
            raise Unreachable(f"dial tcp: lookup {host} on {RESOLVER}: no such host")
        if port != API_PORT:
            raise Unreachable(f"dial tcp {_address(cluster)}:{port}: connect: connection refused")
        return Place(host, port, cluster)

    def is_unknown(self, host: str) -> bool:
        """Whether a name can only be one of the lab's, and is none: it has no dot."""
        return "." not in host and ":" not in host and self._named(host) is None

    def _named(self, host: str) -> Cluster | None:
        for name, cluster in self._clusters.items():
            if host == f"{name}-control-plane" or host in cluster.settings.names:
                return cluster
        return None


def _address(cluster: Cluster) -> str:
    node = cluster.store.get("nodes", "", f"{cluster.settings.name}-control-plane")
    return internal_address(node) if node is not None else ""


def _port(parts: SplitResult) -> int:
    return parts.port or (80 if parts.scheme == "http" else 443)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
