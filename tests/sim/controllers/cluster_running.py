"""The cluster's own controllers at work on a bare cluster with one simulated node, under a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import settle
from lab.sim.controllers.cluster_controllers import Surroundings, cluster_controllers
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.simulated_node import make_node
from lab.sim.controllers.timing import INSTANT, Timing
from lab.sim.inprocess import InProcessClient
from lab.sim.logs import Logs
from lab.sim.objects import Object, evolve, thaw
from lab.sim.programs import Programs
from tests.sim.clusters import Bare, bare

NODE = "lab-control-plane"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nlab\n-----END CERTIFICATE-----\n"


class _Recorder(InProcessClient):
    """Keeps events in a list, so that a test reads them without the cluster's counting."""

    def __init__(self, cluster: Bare, manager: str, told: list[tuple[str, str, str, str]]) -> None:
        super().__init__(cluster.rest, manager)
        self._told = told

    async def event(self, about: Object, kind: str, reason: str, message: str, source: str) -> None:
        assert source
        self._told.append((about["metadata"]["name"], kind, reason, message))


class Running:
    """A cluster at work. Every method lets everything happen that needs no time to pass."""

    def __init__(self, cluster: Bare, timing: Timing, workers: int) -> None:
        self.cluster = cluster
        self.clock = cluster.clock
        self.logs = Logs(cluster.clock)
        self.programs = Programs()
        self.told: list[tuple[str, str, str, str]] = []
        self.client = self.client_of("tester")
        self.informers = Informers(self.client_of("informers"), cluster.clock)
        now = cluster.clock.now()
        self.used: dict[str, str] = {}
        nodes = [make_node("lab", 34, now)]
        nodes += [make_node("lab", 34, now, number, control_plane=False) for number in range(1, workers + 1)]
        around = Surroundings(
            registry=cluster.rest.registry,
            logs=self.logs,
            nodes=nodes,
            timing=timing,
            certificate=CERTIFICATE,
            token_of=lambda account, secret: f"token of {account['metadata']['name']} for {secret['metadata']['name']}",
            quota_used=lambda quota: {key: self.used.get(key, "0") for key in quota["spec"]["hard"]},
            programs=self.programs,
            client_for=lambda namespace, account: self.client_of(f"{namespace}/{account}"),
        )
        self.controllers, handlers = cluster_controllers(self.client_of, cluster.clock, self.informers, around)

        def tell(change: Any) -> None:
            for handler in handlers:
                handler(change.old if change.new is None or change.old is not None else None, change.new)

        store = cluster.rest.store
        for storage in store.storages:
            for obj in store.scan(storage):
                for handler in handlers:
                    handler(None, obj)
        self.forget = store.listen(tell)

    def client_of(self, manager: str) -> Client:
        return _Recorder(self.cluster, manager, self.told)

    def controller(self, kind: type[Controller]) -> Any:
        return next(one for one in self.controllers if isinstance(one, kind))

    async def settle(self) -> None:
        for _ in range(40):
            before = self.cluster.rest.store.revision
            await settle(100)
            await self.clock.advance(0)
            if self.cluster.rest.store.revision == before:
                return
        raise AssertionError("the cluster does not come to rest")

    async def advance(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await self.settle()

    async def create(self, resource: str, obj: Object) -> Object:
        made = await self.client.create(resource, obj)
        await self.settle()
        return made

    async def get(self, resource: str, name: str, namespace: str = "default") -> Object:
        return await self.client.get(resource, namespace, name)

    async def find(self, resource: str, name: str, namespace: str = "default") -> Object | None:
        try:
            return await self.client.get(resource, namespace, name)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    async def list(self, resource: str, namespace: str = "") -> list[Object]:
        return (await self.client.list(resource, namespace))[0]

    async def change(self, resource: str, name: str, namespace: str = "default", **fields: Any) -> Object:
        obj = thaw(await self.get(resource, name, namespace))
        made = await self.client.update(resource, evolve(obj, **fields))
        await self.settle()
        return made

    async def delete(
        self, resource: str, name: str, namespace: str = "default", propagation: str = "", grace: int | None = None
    ) -> None:
        await self.client.delete(resource, namespace, name, propagation, grace=grace)
        await self.settle()

    def events(self, name: str) -> list[tuple[str, str]]:
        return [(reason, message) for about, _, reason, message in self.told if about == name]

    def reasons(self, name: str) -> list[str]:
        return [reason for reason, _ in self.events(name)]


@asynccontextmanager
async def running(timing: Timing = INSTANT, workers: int = 0, cluster: Bare | None = None) -> AsyncIterator[Running]:
    """A cluster with the namespace `default`, a default StorageClass and its controllers, at rest."""
    fresh = cluster is None
    cluster = cluster or bare()
    if fresh:
        await _fill(cluster.client("bootstrap"))
    made = Running(cluster, timing, workers)
    tasks = [asyncio.create_task(one.run()) for one in made.informers]
    await settle()
    tasks += [asyncio.create_task(one.run()) for one in made.controllers]
    await made.settle()
    try:
        yield made
    finally:
        made.forget()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, asyncio.CancelledError):
                raise outcome


async def _fill(client: Client) -> None:
    for name in ("default", "kube-node-lease"):
        await client.create("namespaces", namespace(name))
    await client.create(
        "storageclasses.storage.k8s.io",
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    )


def namespace(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def pod(
    name: str = "web", image: str = "nginx:1.27", fault: str = "", namespace: str = "default", **spec: Any
) -> Object:
    """A pod with every field a server would default, so that no defaulting is needed."""
    metadata: Object = {"name": name, "namespace": namespace, "labels": {"app": name}}
    if fault:
        metadata["annotations"] = {"sim.gitops-lab.io/fault": fault}
    containers = spec.pop("containers", None) or [container("main", image)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "serviceAccountName": "default",
            "containers": containers,
            **spec,
        },
    }


def container(name: str, image: str = "nginx:1.27", **fields: Any) -> Object:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        **fields,
    }


def config_map(name: str, namespace: str = "default", **data: str) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def state(found: Object, index: int = 0) -> str:
    """A container's state in a word: the reason of waiting and terminated ones, or `running`."""
    held = found["status"]["containerStatuses"][index]["state"]
    if "running" in held:
        return "running"
    return str(next(iter(held.values()))["reason"])


def ready(found: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in found["status"]["conditions"])
