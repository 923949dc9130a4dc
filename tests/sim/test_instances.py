"""Argo CD as the pods of a cluster run it: it works while they run, with what they find around them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio

from lab.sim.argocd.install import objects
from lab.sim.clock import ManualClock
from lab.sim.cluster import Cluster, Settings
from lab.sim.git.repositories import Person
from lab.sim.git_service import GitService
from lab.sim.instances import Instances, option
from lab.sim.programs import Process
from tests.sim.argocd.test_install import RESOURCES, application

APPLICATIONS, PODS = "applications.argoproj.io", "pods"
CONTROLLER = "argocd-application-controller-0"
Object = dict[str, Any]


class Lab:
    """A hub with an Argo CD, a cluster beside it and a git server with one repository."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.git = GitService(folder, self.clock)
        self.clusters = {
            name: Cluster(Settings(name, timing="instant"), folder / name, None, self.clock) for name in ("hub", "w1")
        }
        self.hub, self.w1 = self.clusters.values()
        self.instances = Instances(self.clusters, self.git, self.clock)
        self.client = self.hub.admin("test")

    async def begin(self) -> None:
        await self.git.start()
        self.git.server.forge.create("lab", "apps")
        self.push("one")
        for cluster in self.clusters.values():
            self.instances.register(cluster)
            await cluster.start()

    async def end(self) -> None:
        for cluster in self.clusters.values():
            await cluster.stop()
        self.instances.close()
        await self.git.close()

    def push(self, value: str) -> None:
        """Put a ConfigMap with this value into the repository."""
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"value": value}}
        self.git.server.repositories.commit(
            "lab",
            "apps",
            {"web/config.json": json.dumps(manifest).encode()},
            message=value,
            author=Person("lab", "lab@localhost"),
            when=self.clock.now(),
        )

    async def install(self, **how: Any) -> None:
        for obj in objects(**how):
            await self.client.create(RESOURCES[obj["kind"]], obj)
            await self.clock.advance(0)
        await self.until(lambda: self.ready(CONTROLLER) and self.ready("argocd-repo-server"), "Argo CD is ready")

    async def register(self) -> None:
        """Make the other cluster known, with the rights of an account made for it."""
        admin, about = self.w1.admin("test"), {"name": "argocd-manager", "namespace": "kube-system"}
        await admin.create("serviceaccounts", {"metadata": about})
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        subjects = [{"kind": "ServiceAccount", **about}]
        await admin.create(RESOURCES["ClusterRoleBinding"], {"metadata": about, "roleRef": role, "subjects": subjects})
        account = {"kubernetes.io/service-account.name": "argocd-manager"}
        kind = "kubernetes.io/service-account-token"
        await admin.create("secrets", {"metadata": {**about, "annotations": account}, "type": kind})
        held = lambda: (self.w1.store.get("secrets", "kube-system", "argocd-manager") or {}).get("data", {})  # noqa: E731
        await self.until(lambda: "token" in held(), "a token")
        token = base64.b64decode(held()["token"]).decode()
        config = {"bearerToken": token, "tlsClientConfig": {"caData": held()["ca.crt"]}}
        labels = {"argocd.argoproj.io/secret-type": "cluster"}
        data = {"name": "w1", "server": "https://w1-control-plane:6443", "config": json.dumps(config)}
        body = {"metadata": {"name": "w1", "namespace": "argocd", "labels": labels}, "stringData": data}
        await self.client.create("secrets", body)

    async def until(self, there: Callable[[], Any], what: str, seconds: float = 60) -> None:
        """Let time pass until it is so; rendering happens in threads, which take time of their own."""
        ends = self.clock.now() + seconds
        while not there():
            assert self.clock.now() < ends, f"after {seconds} s still not: {what}"
            await self.clock.advance(0.5)
            await asyncio.sleep(0.002)

    def ready(self, pod: str) -> bool:
        """Whether a pod whose name begins so is ready."""
        return any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for one in self.hub.store.list(PODS, "argocd")
            if one["metadata"]["name"].startswith(pod)
            for condition in one.get("status", {}).get("conditions", ())
        )

    def status(self) -> Object:
        found = self.hub.store.get(APPLICATIONS, "argocd", "web")
        return {} if found is None else dict(found.get("status", {}))

    def is_synced(self) -> bool:
        status = self.status()
        return (status.get("sync", {}).get("status"), status.get("health", {}).get("status")) == ("Synced", "Healthy")

    def told(self) -> str:
        return " ".join(one["message"] for one in self.status().get("conditions", ()))

    def value(self, cluster: Cluster) -> str:
        found = cluster.store.get("configmaps", "web", "web")
        return "" if found is None else str(found["data"]["value"])

    async def refresh(self, level: str = "normal") -> None:
        annotation = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": level}}}
        await self.client.patch(APPLICATIONS, "argocd", "web", annotation)

    async def scale(self, resource: str, name: str, replicas: int) -> None:
        await self.client.patch(resource, "argocd", name, {"spec": {"replicas": replicas}})


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    await made.begin()
    yield made
    await made.end()


def automated(destination: str = "in-cluster") -> Object:
    policy = {"automated": {"selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}
    return application(syncPolicy=policy, destination={"name": destination, "namespace": "web"})


async def test_an_application_reaches_another_cluster_from_git(lab: Lab) -> None:
    await lab.install()
    await lab.register()
    await lab.client.create(APPLICATIONS, automated("w1"))
    await lab.until(lab.is_synced, "the application is synced")
    assert (lab.value(lab.w1), lab.value(lab.hub)) == ("one", "")
    lab.push("two")
    await lab.until(lambda: lab.value(lab.w1) == "two", "the push is deployed")
    await lab.w1.pause()
    lab.push("three")
    gone = "dial tcp: lookup w1-control-plane on 10.96.0.10:53: no such host"
    await lab.until(lambda: gone in json.dumps(lab.status()), "the paused cluster is missed")
    await lab.w1.resume()
    # A commit whose sync has failed is not synced again by itself.
    lab.push("four")
    await lab.until(lambda: lab.value(lab.w1) == "four", "the resumed cluster is found again")


async def test_without_a_repository_server_nothing_is_rendered(lab: Lab) -> None:
    await lab.install()
    await lab.client.create(APPLICATIONS, automated())
    await lab.until(lab.is_synced, "the application is synced")
    await lab.scale("deployments.apps", "argocd-repo-server", 0)
    await lab.until(lambda: not lab.ready("argocd-repo-server"), "the repository server is gone")
    await lab.refresh("hard")
    address = lab.hub.store.get("services", "argocd", "argocd-repo-server")["spec"]["clusterIP"]  # type: ignore[index]
    refused = (
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
        f'dial tcp {address}:8081: connect: connection refused"'
    )
    await lab.until(lambda: refused in lab.told(), "the refusal is told")
    await lab.client.delete("services", "argocd", "argocd-repo-server")
    await lab.refresh("hard")
    unknown = "dial tcp: lookup argocd-repo-server on 10.96.0.10:53: no such host"
    await lab.until(lambda: unknown in lab.told(), "the unknown name is told")


async def test_it_works_while_its_pods_run(lab: Lab) -> None:
    await lab.install()
    await lab.client.create(APPLICATIONS, automated())
    await lab.until(lab.is_synced, "the application is synced")
    await lab.scale("statefulsets.apps", "argocd-application-controller", 0)
    await lab.until(lambda: lab.hub.store.get(PODS, "argocd", CONTROLLER) is None, "the controller is gone")
    lab.push("two")
    await lab.refresh()
    await lab.clock.advance(600)
    assert lab.value(lab.hub) == "one"
    await lab.scale("statefulsets.apps", "argocd-application-controller", 1)
    await lab.until(lambda: lab.value(lab.hub) == "two", "the new controller deploys", 600)


async def test_it_ends_with_its_cluster_and_comes_back(lab: Lab) -> None:
    await lab.install()
    await lab.client.create(APPLICATIONS, automated())
    await lab.until(lab.is_synced, "the application is synced")
    await lab.hub.pause()
    assert lab.instances._running == {}
    lab.push("two")
    await lab.clock.advance(600)
    assert lab.value(lab.hub) == "one"
    await lab.hub.resume()
    await lab.until(lambda: lab.value(lab.hub) == "two", "it goes on", 600)


async def test_a_stopped_git_server_is_missed(lab: Lab) -> None:
    await lab.install()
    await lab.client.create(APPLICATIONS, automated())
    await lab.until(lab.is_synced, "the application is synced")
    await lab.git.stop()
    await lab.refresh("hard")
    await lab.until(lambda: "lookup lab-git on 10.96.0.10:53: no such host" in lab.told(), "git is missed")
    await lab.git.start()
    await lab.until(lambda: lab.is_synced() and not lab.told(), "git is back", 600)


async def test_the_api_server_makes_the_first_project(lab: Lab) -> None:
    await lab.install(full=True)
    await lab.until(lambda: lab.ready("argocd-server"), "the API server is ready")
    await lab.client.delete("appprojects.argoproj.io", "argocd", "default")
    for pod in lab.hub.store.list(PODS, "argocd"):
        if pod["metadata"]["name"].startswith("argocd-server"):
            await lab.client.delete(PODS, "argocd", pod["metadata"]["name"])
    project = lambda: lab.hub.store.get("appprojects.argoproj.io", "argocd", "default")  # noqa: E731
    await lab.until(project, "the project is made anew")
    assert project()["spec"]["destinations"] == [{"namespace": "*", "server": "*"}]


async def test_the_password_of_redis_is_the_program_s(lab: Lab) -> None:
    await lab.install()
    found = lab.hub.store.get("secrets", "argocd", "argocd-redis")
    assert found is not None
    assert [one["manager"] for one in found["metadata"]["managedFields"]] == ["argocd"]


async def test_a_command_that_is_not_simulated_fails_by_name(lab: Lab) -> None:
    container = {"name": "cli", "image": "quay.io/argoproj/argocd:v3.6.1", "command": ["argocd", "app", "list"]}
    spec = {"restartPolicy": "Never", "containers": [container]}
    await lab.client.create(PODS, {"metadata": {"name": "cli", "namespace": "default"}, "spec": spec})
    phase = lambda: (lab.hub.store.get(PODS, "default", "cli") or {}).get("status", {}).get("phase")  # noqa: E731
    await lab.until(lambda: phase() == "Failed", "the pod fails")
    log = str(lab.hub.logs.lines("default", "cli", "cli"))
    assert "argocd app list is not supported by the simulator; use --provider kind" in log


def test_flags_are_read_in_both_forms(lab: Lab) -> None:
    def process(*argv: str) -> Process:
        return Process(lab.client, lab.clock, "argocd", "pod", "main", argv, {}, print)

    assert option(process("x", "--repo-server", "other:1"), "--repo-server") == "other:1"
    assert option(process("x", "--repo-server=other:2", "--y"), "--repo-server") == "other:2"
    assert option(process("x", "--repo-server"), "--repo-server") == ""
    assert option(process("x", "--repo-servers=z"), "--repo-server") == ""
