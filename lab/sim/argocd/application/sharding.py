"""Which of several controllers looks after a cluster.

Source: Argo CD 3.6.1 `controller/sharding/sharding.go`, `controller/sharding/cache.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.sim.argocd.clusters import Cluster, Clusters

_FNV_OFFSET, _FNV_PRIME, _WORD = 2166136261, 16777619, 0xFFFFFFFF
METHODS = ("legacy", "round-robin")


class ShardingError(Exception):
    """A way to distribute that is not supported."""


class Sharding:
    """Distributes clusters among `replicas` controllers, of which this is number `shard`."""

    def __init__(self, replicas: int, shard: int, method: str = "legacy") -> None:
        """`method`: `legacy` or `round-robin`. Raises ShardingError."""
        if replicas > 1 and method not in METHODS:
            raise ShardingError(
                f"sharding method {method} is not supported by the simulator; use legacy or round-robin, or "
                "--provider kind"
            )
        self._replicas = replicas
        self._shard = shard
        self._method = method

    def looks_after(self, cluster: Cluster | None, clusters: Clusters, uids: Mapping[str, str]) -> bool:
        """Whether a cluster, None for an unknown one, belongs to this controller.

        `uids`: of the cluster Secrets, by their names.
        """
        if cluster is not None and cluster.skipped:
            return False
        if self._replicas <= 1:
            return self._shard == 0
        return self._of(cluster, clusters, uids) == self._shard

    def _of(self, cluster: Cluster | None, clusters: Clusters, uids: Mapping[str, str]) -> int:
        if cluster is None:
            return 0
        if cluster.shard is not None:
            return cluster.shard if cluster.shard < self._replicas else 0
        identity = uids.get(cluster.secret, "")
        if self._method == "round-robin":
            ranked = sorted(clusters.all(), key=lambda one: uids.get(one.secret, ""))
            place = next((at for at, one in enumerate(ranked) if one.server == cluster.server), 0)
            return place % self._replicas
        return fnv32a(identity) % self._replicas if identity else 0


def fnv32a(text: str) -> int:
    """The 32-bit FNV-1a hash."""
    value = _FNV_OFFSET
    for byte in text.encode():
        value = ((value ^ byte) * _FNV_PRIME) & _WORD
    return value
