"""A cluster in this process under a clock moved by hand, and people who do anything to it, chosen by a seed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lab.sim.api import subresources
from lab.sim.api.context import Context
from lab.sim.api.crd import STORAGE as DEFINITIONS
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.clock import ManualClock
from lab.sim.cluster import Cluster, Settings
from lab.sim.objects import thaw

NAMESPACES = ("default", "shop", "bank")
IMAGES = (
    "nginx:1.27",
    "nginx:1.28",
    "redis:7",
    "app:crash",
    "app:notfound",
    "app:slow",
    "app:unready",
    "app:oom",
    "app:fail",
)
_QUIET_ROUNDS = 3


class Town:
    """A running cluster whose time passes when `advance` is called."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.rest = cluster.rest
        assert isinstance(cluster.clock, ManualClock)
        self.clock = cluster.clock
        self.client = cluster.admin("kubectl")

    async def settle(self) -> None:
        """Until nothing changes any more; timers of a second and more stay."""
        quiet = 0
        for _ in range(400):
            before = self.rest.store.revision
            await self.clock.advance(0.01)
            quiet = quiet + 1 if self.rest.store.revision == before else 0
            if quiet == _QUIET_ROUNDS:
                return
        raise AssertionError("the cluster does not come to rest")

    async def advance(self, seconds: float) -> None:
        """Let time pass and the cluster come to rest."""
        await self.clock.advance(seconds)
        await self.settle()


@asynccontextmanager
async def town(folder: Path, workers: int = 2, minor: int = 34) -> AsyncIterator[Town]:
    """A cluster with nodes and controllers, at rest."""
    settings = Settings("town", kubernetes=f"1.{minor}", timing="instant", workers=workers)
    cluster = Cluster(settings, folder, None, ManualClock())
    await cluster.start()
    made = Town(cluster)
    try:
        await made.settle()
        yield made
    finally:
        await cluster.stop()


def template(name: str, image: str, **spec: Any) -> Object:
    """A pod template."""
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}], **spec}}


class Workday:
    """Acts chosen by a seed. A refusal is an act like any other; an error of the server is not."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.client = town.client
        self.random = random.Random(seed)
        self.count = 0
        self.done: list[str] = []
        self.refused: list[str] = []
        self.acts: dict[str, Callable[[], Awaitable[Any]]] = {
            name.removeprefix("act_"): getattr(self, name) for name in dir(self) if name.startswith("act_")
        }

    async def act(self) -> str:
        """Do something; says what."""
        name = self.random.choice(sorted(self.acts))
        try:
            await self.acts[name]()
        except ApiError as error:
            # Real servers answer 500 to the eviction of a pod that two budgets protect.
            if error.code >= 500 and "more than one PodDisruptionBudget" not in error.message:
                raise
            self.refused.append(f"{name}: {error.code} {error.message}")
        self.done.append(name)
        return name

    def _pick(self, resource: str, avoid: tuple[str, ...] = ()) -> Object | None:
        found = [
            one
            for one in self.town.rest.store.list(resource)
            if one["metadata"].get("namespace", "shop") in NAMESPACES and one["metadata"]["name"] not in avoid
        ]
        return self.random.choice(found) if found else None

    def _name(self, base: str) -> str:
        self.count += 1
        return f"{base}-{self.count}"

    async def _make(self, resource: str, api_version: str, kind: str, name: str, **body: Any) -> Object:
        metadata = {"name": name, "namespace": self.random.choice(NAMESPACES)}
        return await self.client.create(
            resource, {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}
        )

    def _template(self, name: str, **spec: Any) -> Object:
        made = template(name, self.random.choice(IMAGES), **spec)
        if self.random.random() < 0.3:
            amount = self.random.choice(("100m", "500m", "3"))
            made["spec"]["containers"][0]["resources"] = {"requests": {"cpu": amount, "memory": "64Mi"}}
        if self.random.random() < 0.15:
            made["spec"]["containers"].append({"name": "side", "image": self.random.choice(IMAGES)})
        if self.random.random() < 0.15:
            made["spec"]["initContainers"] = [{"name": "init", "image": "busybox", "command": ["true"]}]
        if self.random.random() < 0.15:
            made["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/", "port": 80}}
        return made

    # -- workloads

    async def act_create_deployment(self) -> None:
        name = self._name("web")
        spec: Object = {
            "replicas": self.random.randint(0, 4),
            "selector": {"matchLabels": {"app": name}},
            "template": self._template(name),
        }
        if self.random.random() < 0.2:
            spec["strategy"] = {"type": "Recreate"}
        await self._make("deployments.apps", "apps/v1", "Deployment", name, spec=spec)

    async def act_create_stateful_set(self) -> None:
        name = self._name("db")
        spec: Object = {
            "replicas": self.random.randint(0, 3),
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": self._template(name),
            "podManagementPolicy": self.random.choice(("OrderedReady", "Parallel")),
        }
        if self.random.random() < 0.5:
            claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
            spec["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": claim}]
        await self._make("statefulsets.apps", "apps/v1", "StatefulSet", name, spec=spec)

    async def act_create_daemon_set(self) -> None:
        name = self._name("agent")
        spec = {"selector": {"matchLabels": {"app": name}}, "template": self._template(name)}
        await self._make("daemonsets.apps", "apps/v1", "DaemonSet", name, spec=spec)

    async def act_create_replica_set(self) -> None:
        name = self._name("set")
        spec = {
            "replicas": self.random.randint(0, 3),
            "selector": {"matchLabels": {"app": name}},
            "template": self._template(name),
        }
        await self._make("replicasets.apps", "apps/v1", "ReplicaSet", name, spec=spec)

    def _job(self, name: str) -> Object:
        made = template(name, self.random.choice(("busybox", "app:fail", "app:crash")), restartPolicy="Never")
        made["spec"]["containers"][0]["command"] = ["sh", "-c", self.random.choice(("sleep 5", "exit 0", "exit 1"))]
        spec: Object = {"template": made, "backoffLimit": self.random.randint(0, 2)}
        if self.random.random() < 0.5:
            spec |= {"completions": self.random.randint(1, 3), "parallelism": self.random.randint(1, 2)}
        if self.random.random() < 0.3:
            spec["ttlSecondsAfterFinished"] = 30
        return spec

    async def act_create_job(self) -> None:
        name = self._name("job")
        await self._make("jobs.batch", "batch/v1", "Job", name, spec=self._job(name))

    async def act_create_cron_job(self) -> None:
        name = self._name("cron")
        spec = {"schedule": "*/2 * * * *", "jobTemplate": {"spec": self._job(name)}}
        await self._make("cronjobs.batch", "batch/v1", "CronJob", name, spec=spec)

    async def act_create_pod(self) -> None:
        name = self._name("pod")
        body = self._template(name, restartPolicy=self.random.choice(("Always", "OnFailure", "Never")))
        if self.random.random() < 0.2:
            body["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 8080}]
        metadata = {"name": name, "namespace": self.random.choice(NAMESPACES), **body["metadata"]}
        await self.client.create(
            "pods", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body["spec"]}
        )

    async def act_scale(self) -> None:
        resource = self.random.choice(("deployments.apps", "statefulsets.apps", "replicasets.apps"))
        obj = self._pick(resource)
        if obj is not None:
            patch = {"spec": {"replicas": self.random.randint(0, 5)}}
            await self.client.patch(
                resource, obj["metadata"]["namespace"], obj["metadata"]["name"], patch, "merge", "scale"
            )

    async def act_set_image(self) -> None:
        resource = self.random.choice(("deployments.apps", "statefulsets.apps", "daemonsets.apps"))
        obj = self._pick(resource)
        if obj is not None:
            image = {"name": "main", "image": self.random.choice(IMAGES)}
            patch = {"spec": {"template": {"spec": {"containers": [image]}}}}
            await self.client.patch(resource, obj["metadata"]["namespace"], obj["metadata"]["name"], patch, "strategic")

    async def act_pause_or_resume(self) -> None:
        obj = self._pick("deployments.apps")
        if obj is not None:
            patch = {"spec": {"paused": True if self.random.random() < 0.5 else None}}
            await self.client.patch("deployments.apps", obj["metadata"]["namespace"], obj["metadata"]["name"], patch)

    async def act_suspend(self) -> None:
        resource = self.random.choice(("jobs.batch", "cronjobs.batch"))
        obj = self._pick(resource)
        if obj is not None:
            patch = {"spec": {"suspend": self.random.random() < 0.5}}
            await self.client.patch(resource, obj["metadata"]["namespace"], obj["metadata"]["name"], patch)

    async def act_delete_workload(self) -> None:
        resource = self.random.choice(
            (
                "deployments.apps",
                "statefulsets.apps",
                "daemonsets.apps",
                "replicasets.apps",
                "jobs.batch",
                "cronjobs.batch",
            )
        )
        obj = self._pick(resource)
        if obj is not None:
            how = self.random.choice(("Background", "Foreground", "Orphan"))
            await self.client.delete(resource, obj["metadata"]["namespace"], obj["metadata"]["name"], how)

    async def act_delete_pod(self) -> None:
        obj = self._pick("pods")
        if obj is not None:
            grace = self.random.choice((None, None, 0, 5))
            await self.client.delete("pods", obj["metadata"]["namespace"], obj["metadata"]["name"], grace=grace)

    async def act_relabel_pod(self) -> None:
        obj = self._pick("pods")
        if obj is not None:
            patch = {"metadata": {"labels": {"app": self.random.choice(("stray", obj["metadata"]["name"]))}}}
            await self.client.patch("pods", obj["metadata"]["namespace"], obj["metadata"]["name"], patch)

    async def act_fault(self) -> None:
        obj = self._pick("pods")
        if obj is not None:
            fault = self.random.choice(("failing-readiness", "failing-liveness", "crash", None))
            patch = {"metadata": {"annotations": {"sim.gitops-lab.io/fault": fault}}}
            await self.client.patch("pods", obj["metadata"]["namespace"], obj["metadata"]["name"], patch)

    async def act_protect(self) -> None:
        obj = self._pick("deployments.apps")
        if obj is not None:
            metadata = {"name": self._name("budget"), "namespace": obj["metadata"]["namespace"]}
            spec = {"minAvailable": 1, "selector": obj["spec"]["selector"]}
            body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}
            await self.client.create("poddisruptionbudgets.policy", body)

    # -- the rest

    async def act_create_service(self) -> None:
        target = self._pick(self.random.choice(("deployments.apps", "statefulsets.apps")))
        app = target["metadata"]["name"] if target else "nobody"
        spec: Object = {"selector": {"app": app}, "ports": [{"port": 80}]}
        spec |= self.random.choice(({}, {"type": "NodePort"}, {"clusterIP": "None"}, {"type": "LoadBalancer"}))
        namespace = target["metadata"]["namespace"] if target else "default"
        metadata = {"name": self._name("svc"), "namespace": namespace}
        await self.client.create(
            "services", {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
        )

    async def act_delete_service(self) -> None:
        obj = self._pick("services", avoid=("kubernetes",))
        if obj is not None:
            await self.client.delete("services", obj["metadata"]["namespace"], obj["metadata"]["name"])

    async def act_change_service(self) -> None:
        obj = self._pick("services", avoid=("kubernetes",))
        if obj is not None and obj["spec"].get("clusterIP") != "None":
            patch = {"spec": {"type": self.random.choice(("ClusterIP", "NodePort", "LoadBalancer"))}}
            await self.client.patch("services", obj["metadata"]["namespace"], obj["metadata"]["name"], patch)

    async def act_configure(self) -> None:
        name = self.random.choice(("one", "two", "three"))
        metadata = {"name": name, "namespace": self.random.choice(NAMESPACES)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"n": str(self.random.random())}}
        await self.client.apply("configmaps", body)

    async def act_claim(self) -> None:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        name = self._name("claim")
        claim = await self._make("persistentvolumeclaims", "v1", "PersistentVolumeClaim", name, spec=spec)
        if self.random.random() < 0.7:
            body = template(name, "nginx:1.27")
            body["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]
            metadata = {"name": name, "namespace": claim["metadata"]["namespace"]}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body["spec"]}
            await self.client.create("pods", pod)

    async def act_delete_claim(self) -> None:
        obj = self._pick("persistentvolumeclaims")
        if obj is not None:
            await self.client.delete("persistentvolumeclaims", obj["metadata"]["namespace"], obj["metadata"]["name"])

    async def act_quota(self) -> None:
        hard = {"pods": str(self.random.randint(2, 12)), "configmaps": "5", "count/deployments.apps": "3"}
        name = self.random.choice(("limit", "other"))
        body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name, "namespace": "bank"}}
        await self.client.apply("resourcequotas", {**body, "spec": {"hard": hard}})

    async def act_account(self) -> None:
        await self._make("serviceaccounts", "v1", "ServiceAccount", self._name("robot"))

    async def act_delete_account(self) -> None:
        obj = self._pick("serviceaccounts")
        if obj is not None:
            await self.client.delete("serviceaccounts", obj["metadata"]["namespace"], obj["metadata"]["name"])

    async def act_namespace(self) -> None:
        name = self.random.choice(("shop", "bank"))
        if self.town.rest.store.get("namespaces", "", name) is None:
            await self.open(name)
        elif self.random.random() < 0.3:
            await self.client.delete("namespaces", "", name)

    async def open(self, name: str) -> None:
        """Make a namespace."""
        await self.client.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    async def act_node(self) -> None:
        node = self._pick("nodes")
        if node is None:
            return
        fault = self.random.choice(("stopped", None, None))
        patch: Object = {"metadata": {"annotations": {"sim.gitops-lab.io/fault": fault}}}
        if self.random.random() < 0.4:
            patch = {"spec": {"unschedulable": True if self.random.random() < 0.4 else None}}
        await self.client.patch("nodes", "", node["metadata"]["name"], patch)

    async def act_define(self) -> None:
        kind = self.random.choice(("Widget", "Gadget"))
        plural = f"{kind.lower()}s"
        size = {"type": "integer", "default": self.random.randint(1, 9)}
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": size}}}}
        second = self.random.random() < 0.5
        versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]
        versions += [{**versions[0], "name": "v2", "storage": False, "served": second}]
        spec = {
            "group": "town.example.com",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": versions,
        }
        body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        await self.client.apply(DEFINITIONS, {**body, "metadata": {"name": f"{plural}.town.example.com"}, "spec": spec})

    async def act_custom(self) -> None:
        plural = self.random.choice(("widgets", "gadgets"))
        row = self.town.rest.registry.plural("town.example.com", plural)
        if row is None:
            return
        finalizers = {"finalizers": ["example.com/hold"]} if self.random.random() < 0.2 else {}
        metadata = {"name": self._name("own"), "namespace": self.random.choice(NAMESPACES), **finalizers}
        body = {"apiVersion": row.api_version, "kind": row.kind, "metadata": metadata, "spec": {}}
        await self.client.create(row.storage, body)

    async def act_release_custom(self) -> None:
        for plural in ("widgets", "gadgets"):
            for obj in self.town.rest.store.list(f"{plural}.town.example.com"):
                if obj["metadata"].get("finalizers") and self.random.random() < 0.7:
                    row = self.town.rest.registry.plural("town.example.com", plural)
                    if row is not None:
                        metadata = obj["metadata"]
                        patch = {"metadata": {"finalizers": None}}
                        where = (metadata["namespace"], metadata["name"])
                        self.town.rest.patch(row, *where, patch, "merge", Context(manager="kubectl"))

    async def act_undefine(self) -> None:
        obj = self._pick(DEFINITIONS)
        if obj is not None and self.random.random() < 0.3:
            await self.client.delete(DEFINITIONS, "", obj["metadata"]["name"])

    async def act_drain(self) -> None:
        pod = self._pick("pods")
        if pod is not None:
            row = self.town.rest.registry.plural("", "pods")
            assert row is not None
            metadata = pod["metadata"]
            body = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            }
            subresources.create(
                self.town.rest,
                row,
                metadata["namespace"],
                metadata["name"],
                "eviction",
                body,
                Context(manager="kubectl"),
            )

    async def act_edit(self) -> None:
        resource = self.random.choice(("deployments.apps", "services", "configmaps", "nodes"))
        obj = self._pick(resource)
        if obj is not None:
            changed = thaw(obj)
            changed["metadata"].setdefault("annotations", {})["edited"] = str(self.random.randint(0, 9))
            if self.random.random() < 0.2:
                changed["metadata"]["resourceVersion"] = "1"
            await self.client.update(resource, changed)
