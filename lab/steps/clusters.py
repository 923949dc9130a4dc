"""Clusters: the shared network, the nodes, their images, their readiness."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from lab.events import ClusterChanged
from lab.model import CAPABILITIES, Capability, Cluster
from lab.ports import Kube, Ref
from lab.session import Lab
from lab.steps.step import Step, Told
from lab.waiting import wait_until

READY_TIMEOUT = 240.0
HEARTBEAT = 25.0
"""Seconds; a kubelet renews its lease every 10."""


@dataclass(frozen=True, kw_only=True)
class PrepareNetwork(Step):
    """What is there once for all clusters, such as their network and the images that containers are made of."""

    images: tuple[str, ...]
    undoes: ClassVar[bool] = True

    @property
    def id(self) -> str:
        return "prepare"

    @property
    def title(self) -> str:
        return "preparing what the clusters share"

    @property
    def undo_title(self) -> str:
        return "removing what the clusters shared"

    def satisfied(self, lab: Lab) -> str:
        return "" if lab.provider.prepared(self.images) else "it is not there yet"

    def run(self, lab: Lab, told: Told) -> None:
        lab.provider.prepare(self.images)

    def undo(self, lab: Lab, told: Told) -> None:
        lab.provider.remove_shared()


@dataclass(frozen=True, kw_only=True)
class CreateCluster(Step):
    """One cluster, created, or started when it is paused."""

    cluster: Cluster
    slot: ClassVar[str] = "create"
    undoes: ClassVar[bool] = True

    @property
    def id(self) -> str:
        return f"create:{self.cluster.name}"

    @property
    def title(self) -> str:
        return f"creating cluster {self.cluster.name}"

    @property
    def undo_title(self) -> str:
        return f"removing cluster {self.cluster.name}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.cluster.name,)

    def satisfied(self, lab: Lab) -> str:
        state = node_state(lab, self.cluster.name)
        return self._silent(lab) if state == "running" else f"cluster {self.cluster.name} is {state}"

    def run(self, lab: Lab, told: Told) -> None:
        lab.sink(ClusterChanged(cluster=self.cluster.name, state="creating"))
        lab.provider.create(self.cluster)
        wait_until(
            lambda: self._silent(lab),
            awaited=f"the API of {self.cluster.name}",
            timeout=READY_TIMEOUT,
            clock=lab.clock,
            cancel=lab.cancel,
            more=lab.provider.log(self.cluster.name),
            seen=told,
        )

    def _silent(self, lab: Lab) -> str:
        status, body = lab.kube(self.cluster.name).raw("/readyz")
        return "" if status == 200 else f"it answers {status} {body[:100]}"

    def undo(self, lab: Lab, told: Told) -> None:
        lab.provider.delete(self.cluster.name)
        lab.sink(ClusterChanged(cluster=self.cluster.name, state="gone"))


@dataclass(frozen=True, kw_only=True)
class WaitCluster(Step):
    """The cluster can run pods: `kind create --wait` ends with 0 even when it gave up, so the lab looks itself."""

    cluster: str

    @property
    def id(self) -> str:
        return f"ready:{self.cluster}"

    @property
    def title(self) -> str:
        return f"waiting for cluster {self.cluster}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.cluster,)

    def satisfied(self, lab: Lab) -> str:
        return not_ready(lab.kube(self.cluster), lab.clock.now(), lab.provider.capabilities)

    def run(self, lab: Lab, told: Told) -> None:
        kube = lab.kube(self.cluster)
        wait_until(
            lambda: not_ready(kube, lab.clock.now(), lab.provider.capabilities),
            awaited=f"cluster {self.cluster}",
            timeout=READY_TIMEOUT,
            clock=lab.clock,
            cancel=lab.cancel,
            more=f"lab shell {self.cluster}    # then: kubectl get nodes,pods -A",
            seen=told,
        )
        lab.sink(ClusterChanged(cluster=self.cluster, state="ready"))


@dataclass(frozen=True, kw_only=True)
class StageImages(Step):
    """Images made ready while the clusters still boot; nothing to do where every cluster has them."""

    what: str
    """What the images are for, e.g. `workload`."""
    targets: tuple[str, ...]
    """Clusters that will load them."""
    images: tuple[str, ...] = ()
    requires: ClassVar[tuple[Capability, ...]] = ("runs_containers",)

    @property
    def id(self) -> str:
        return f"stage:{self.what.lower().replace(' ', '')}"

    @property
    def title(self) -> str:
        return f"fetching {self.what} images"

    def wanted(self, lab: Lab) -> tuple[str, ...]:
        """References of the images."""
        return self.images

    def satisfied(self, lab: Lab) -> str:
        wanted = self.wanted(lab)
        running = {node.cluster for node in lab.provider.nodes() if node.state == "running"}
        if lab.provider.staged(wanted):
            return ""
        if running >= set(self.targets) and all(lab.provider.loaded(cluster, wanted) for cluster in self.targets):
            return ""
        return "they are not ready to be loaded"

    def run(self, lab: Lab, told: Told) -> None:
        wanted = self.wanted(lab)
        told(", ".join(wanted))
        lab.provider.stage(wanted)


@dataclass(frozen=True, kw_only=True)
class LoadImages(Step):
    """Images inside a cluster, so that nothing is pulled from there."""

    cluster: str
    what: str
    """What the images are for, e.g. `workload`."""
    images: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"load:{self.cluster}:{self.what.lower().replace(' ', '')}"

    @property
    def title(self) -> str:
        return f"loading {self.what} images into {self.cluster}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.cluster,)

    def wanted(self, lab: Lab) -> tuple[str, ...]:
        """References of the images."""
        return self.images

    def satisfied(self, lab: Lab) -> str:
        return "" if lab.provider.loaded(self.cluster, self.wanted(lab)) else f"{self.cluster} lacks images"

    def run(self, lab: Lab, told: Told) -> None:
        wanted = self.wanted(lab)
        told(", ".join(wanted))
        lab.provider.load(self.cluster, wanted)


def node_state(lab: Lab, cluster: str) -> str:
    """State of the cluster's node, `absent` when there is none."""
    return next((node.state for node in lab.provider.nodes() if node.cluster == cluster), "absent")


def not_ready(kube: Kube, now: float, able: frozenset[Capability] = CAPABILITIES) -> str:
    """Empty when the nodes are Ready, CoreDNS serves and pods get their default service account.

    What a node last said stays in the API while its kubelet is away; the lease tells whether it still speaks
    (Kubernetes: "Node heartbeats").

    :param now: seconds since the epoch
    :param able: what the cluster's provider can do; no kubelet runs where no container does, and no DNS where there is
        no network
    """
    nodes = kube.list(Ref(kind="Node"))
    if not nodes:
        return "no node has registered"
    for node in nodes:
        conditions = {c["type"]: c for c in node.get("status", {}).get("conditions", [])}
        ready = conditions.get("Ready", {})
        if ready.get("status") != "True":
            return f"node {node['metadata']['name']} is not Ready: {ready.get('message', 'no condition yet')}"
        silent = _silence(kube, node["metadata"]["name"], now) if "runs_containers" in able else 0.0
        if silent > HEARTBEAT:
            return f"the kubelet of node {node['metadata']['name']} has not spoken for {silent:.0f} s"
    if "has_network" in able and not _dns(kube):
        return "CoreDNS has no available replica"
    if kube.get(Ref(kind="ServiceAccount", namespace="default", name="default")) is None:
        return "the default service account is not there"
    return ""


def _dns(kube: Kube) -> int:
    """How many replicas of CoreDNS are available."""
    deployment = kube.get(Ref(kind="Deployment", namespace="kube-system", name="coredns"))
    return int(((deployment or {}).get("status") or {}).get("availableReplicas", 0))


def _silence(kube: Kube, node: str, now: float) -> float:
    """Seconds since the node's kubelet renewed its lease; 0 when it has none yet."""
    lease = kube.get(Ref(kind="Lease", namespace="kube-node-lease", name=node))
    renewed = ((lease or {}).get("spec") or {}).get("renewTime")
    return now - datetime.fromisoformat(renewed).timestamp() if renewed else 0.0
