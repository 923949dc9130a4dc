"""Which cluster an Application's destination means.

Source: Argo CD 3.6.1 `util/argo/argo.go` `GetDestinationCluster`.
"""

from __future__ import annotations

from lab.sim.argocd.clusters import Cluster, ClusterError, Clusters
from lab.sim.objects import Object

MISSING = "Destination server missing from app spec"


class DestinationError(Exception):
    """A destination that names no cluster, or more than one; the text is Argo CD's."""


def server_of(destination: Object, clusters: Clusters) -> str:
    """The URL a destination means; one given as a URL need not be registered. Raises DestinationError."""
    name, server = str(destination.get("name") or ""), str(destination.get("server") or "")
    if name and server:
        raise DestinationError(f"application destination can't have both name and server defined: {name} {server}")
    if server:
        return server.rstrip("/")
    if not name:
        raise DestinationError(MISSING)
    servers = clusters.servers_named(name)
    if not servers:
        raise DestinationError(f"there are no clusters with this name: {name}")
    if len(servers) > 1:
        raise DestinationError(f"there are {len(servers)} clusters with the same name: [{' '.join(servers)}]")
    return servers[0]


def cluster_of(destination: Object, clusters: Clusters) -> Cluster:
    """The registered cluster a destination means. Raises DestinationError."""
    server = server_of(destination, clusters)
    try:
        return clusters.by_server(server)
    except ClusterError as error:
        given = destination.get("server")
        how = f'server "{given}"' if given else "URL"
        raise DestinationError(f"error getting cluster by {how}: {error}") from None
