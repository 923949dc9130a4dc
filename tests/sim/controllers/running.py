"""Chosen controllers at work on a bare cluster, with a kubelet of a few lines and a clock moved by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from lab.sim.api.status import ApiError
from lab.sim.clock import timestamp
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.inprocess import InProcessClient
from lab.sim.objects import evolve, thaw
from tests.sim.clusters import Bare, bare

Object = dict[str, Any]
NAMESPACE = "shop"


class _Recorder(InProcessClient):
    """Keeps events in a list, so that a test reads them without the cluster's counting."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.events: list[tuple[str, str, str]] = []
        self.lag = 0.0
        """Seconds by which watches of pods are late."""

    async def watch(self, resource: str, *args: Any, **options: Any) -> AsyncIterator[tuple[str, Object]]:
        async with contextlib.aclosing(super().watch(resource, *args, **options)) as events:
            async for event in events:
                if self.lag and resource == "pods":
                    await self._rest.clock.sleep(self.lag)
                yield event

    async def event(self, about: Object, kind: str, reason: str, message: str, source: str) -> None:
        self.events.append((about["metadata"]["name"], reason, message))


@dataclass
class Running:
    """A cluster with controllers. `settle` lets everything happen that needs no time to pass."""

    cluster: Bare
    client: _Recorder
    kinds: tuple[type[Controller], ...]
    minor: int = 34
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    hold: Callable[[Object], bool] = lambda pod: "hold" in pod["spec"]["containers"][0]["image"]
    """Which pods do not become ready."""
    ends: dict[str, int] = field(default_factory=dict)
    """Exit code of pods by image; pods of other images run on."""
    kubelet: bool = True
    checks: list[Callable[[], None]] = field(default_factory=list)
    """Called whenever the cluster has changed."""

    @property
    def events(self) -> list[tuple[str, str, str]]:
        return self.client.events

    def said(self, reason: str) -> list[str]:
        return [message for _, one, message in self.client.events if one == reason]

    def start(self) -> None:
        """Put new controllers to work, which know nothing but what the cluster holds."""
        informers = Informers(self.client, self.cluster.clock, self.minor)
        controllers = [kind(self.client, self.cluster.clock, informers) for kind in self.kinds]
        self.tasks = [asyncio.create_task(one.run()) for one in (*informers, *controllers)]

    async def stop(self) -> None:
        """End the controllers wherever they are."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def create(self, resource: str, obj: Object) -> Object:
        made = await self.client.create(resource, evolve(obj, metadata={"namespace": NAMESPACE}))
        await self.settle()
        return made

    async def get(self, resource: str, name: str) -> Object:
        return await self.client.get(resource, NAMESPACE, name)

    async def list(self, resource: str) -> list[Object]:
        return (await self.client.list(resource, NAMESPACE))[0]

    async def pods(self) -> list[Object]:
        return [pod for pod in await self.list("pods") if not pod["metadata"].get("deletionTimestamp")]

    async def change(self, resource: str, name: str, how: Callable[[Object], object], settle: bool = True) -> Object:
        for _ in range(20):
            obj = thaw(await self.get(resource, name))
            how(obj)
            try:
                written = await self.client.update(resource, obj)
                break
            except ApiError as error:
                if error.reason != "Conflict":
                    raise
        if settle:
            await self.settle()
        return written

    async def delete(self, resource: str, name: str, settle: bool = True) -> None:
        await self.client.delete(resource, NAMESPACE, name)
        if settle:
            await self.settle()

    async def pod_status(self, name: str, **status: Any) -> None:
        pod = await self.get("pods", name)
        await self.client.status("pods", evolve(pod, status={**pod.get("status", {}), **status}))

    async def settle(self) -> None:
        """Until nothing changes any more, retries included; timers of a second and more stay."""
        quiet = 0
        while quiet < 3:
            before = self.cluster.rest.store.revision
            await self.cluster.clock.advance(0.01)
            if self.kubelet:
                await self._sync_pods()
            quiet = quiet + 1 if self.cluster.rest.store.revision == before else 0
            for check in self.checks:
                check()

    async def advance(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, settling after each step."""
        until = self.cluster.clock.now() + seconds
        while self.cluster.clock.now() < until - 0.1:
            await self.cluster.clock.advance(min(step, until - self.cluster.clock.now()))
            await self.settle()

    async def _sync_pods(self) -> None:
        for pod in (await self.client.list("pods"))[0]:
            if pod["metadata"].get("deletionTimestamp"):
                if not pod["metadata"].get("finalizers"):
                    await self._gone(pod)
                continue
            status = pod.get("status", {})
            if status.get("phase") in ("Failed", "Succeeded"):
                continue
            wanted = self._status(pod)
            if (status.get("phase"), len(status.get("conditions", ()))) != (
                wanted["phase"],
                len(wanted.get("conditions", ())),
            ):
                await self.client.status("pods", evolve(pod, status=wanted))

    async def _gone(self, pod: Object) -> None:
        try:
            await self.client.delete("pods", pod["metadata"]["namespace"], pod["metadata"]["name"], grace=0)
        except ApiError as error:
            if error.code != 404:
                raise

    def _status(self, pod: Object) -> Object:
        container = pod["spec"]["containers"][0]
        now = timestamp(self.cluster.clock.now())
        code = self.ends.get(container["image"])
        if code is not None:
            ended = {"exitCode": code, "finishedAt": now}
            return {
                "phase": "Failed" if code else "Succeeded",
                "containerStatuses": [{"name": container["name"], "state": {"terminated": ended}}],
            }
        if self.hold(pod):
            return {"phase": "Pending"}
        return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}]}


@asynccontextmanager
async def running(
    *kinds: type[Controller], minor: int = 34, objects: Iterable[tuple[str, Object]] = ()
) -> AsyncIterator[Running]:
    """Controllers of these kinds, each with its own client, at work; `objects` are there before they start."""
    cluster = bare(minor)
    client = _Recorder(cluster.rest, "controllers")
    if all(resource != "namespaces" for resource, _ in objects):
        await client.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        account = {"apiVersion": "v1", "kind": "ServiceAccount"}
        await client.create("serviceaccounts", {**account, "metadata": {"name": "default", "namespace": NAMESPACE}})
    for resource, obj in objects:
        await client.create(resource, obj)
    running = Running(cluster, client, kinds, minor)
    running.start()
    try:
        await running.settle()
        yield running
    finally:
        await running.stop()


def template(labels: dict[str, str], image: str = "pause:1", **spec: Any) -> Object:
    """A pod template with every default filled in."""
    return {
        "metadata": {"labels": labels},
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }
            ],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
            **spec,
        },
    }


def set_image(image: str) -> Callable[[Object], None]:
    """A change of a workload's image."""

    def change(obj: Object) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = image

    return change


def set_spec(**fields: Any) -> Callable[[Object], None]:
    """A change of fields of a spec."""

    def change(obj: Object) -> None:
        obj["spec"].update(fields)

    return change


def condition_of(obj: Object, kind: str) -> tuple[str, str]:
    """Status and reason of a condition."""
    found = [one for one in obj["status"].get("conditions", ()) if one["type"] == kind]
    return (found[0]["status"], found[0].get("reason", "")) if found else ("", "")
