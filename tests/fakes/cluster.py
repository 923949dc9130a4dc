"""What runs in a kind node: an API server, a kubelet, and Argo CD's controllers where they are installed."""

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from lab.argocd import IN_CLUSTER
from lab.argocd.refresh import REFRESH
from lab.argocd.secret_data import decode
from lab.ports import CommandResult, Object, Ref
from tests.fakes.docker import Container
from tests.fakes.kube import Executed, FakeKube

if TYPE_CHECKING:
    from tests.fakes.world import World

API_AFTER, NODE_AFTER, DNS_AFTER, POD_AFTER = 2.0, 4.0, 6.0, 3.0
"""Seconds from the start of a container, or of a pod."""
POLL = 20.0
"""Seconds after which Argo CD asks git by itself."""
FINALIZER = "resources-finalizer.argocd.argoproj.io"
WORKLOADS = ("Deployment", "StatefulSet")


class Node:
    """One cluster in one container. `kube` is None until kind has set it up."""

    def __init__(self, world: "World", container: Container) -> None:
        self.world = world
        self.container = container
        self.kube: FakeKube | None = None
        self.ca = ""
        self.key = ""
        self.started = 0.0
        self._pods: dict[tuple[str, str, int], float] = {}
        self._compared: dict[str, float] = {}

    @property
    def cluster(self) -> str:
        return self.container.name.removesuffix("-control-plane").partition("-")[2]

    # --- a container's life --------------------------------------------------------------------------------------

    def start(self) -> None:
        self.started = self.world.clock.now()

    def stop(self) -> None:
        # The pods that ran are started again by the kubelet.
        self._pods.clear()

    def execute(self, argv: list[str]) -> tuple[int, str]:
        raise AssertionError(f"the fake node cannot run {argv}")

    def init(self) -> None:
        """What kubeadm does: a new authority, a new API."""
        self.ca = f"-----BEGIN CERTIFICATE-----\n{self.container.id}\n-----END CERTIFICATE-----\n"
        self.key = f"key of {self.container.id}"
        self.kube = FakeKube(cluster=self.cluster, now=self.world.clock.now, on_exec=self._exec)
        self.kube.reactions.append(lambda kube, verb, obj: self._react(obj))

    def kubeconfig(self) -> str:
        """As kind writes it."""
        name = f"kind-{self.container.name.removesuffix('-control-plane')}"
        server = f"https://127.0.0.1:{self.container.ports[6443]}"
        ca = base64.b64encode(self.ca.encode()).decode()
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": ca}}],
                "users": [{"name": name, "user": {"client-key-data": base64.b64encode(self.key.encode()).decode()}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
                "current-context": name,
            }
        )

    @property
    def answers(self) -> bool:
        """Whether the API server listens."""
        return self.container.running and self.kube is not None and self._age >= API_AFTER

    @property
    def _age(self) -> float:
        return self.world.clock.now() - self.started

    # --- time ----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let the kubelet and the controllers do what is due."""
        if not self.answers or self.kube is None:
            return
        if self._age >= NODE_AFTER:
            self._register()
        for kind in WORKLOADS:
            for key in [key for key in self.kube.objects if key[1] == kind and key[2] != "kube-system"]:
                self._roll_out(self.kube.objects[key])
        if self._controller_runs():
            self._generate()
            self._sync()

    def _register(self) -> None:
        assert self.kube is not None
        name = self.container.name
        ready = [{"type": "Ready", "status": "True"}]
        renewed = self.world.stamp()
        dns = {"availableReplicas": 2} if self._age >= DNS_AFTER else {}
        meta = {"name": "coredns", "namespace": "kube-system"}
        self.kube.add(
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"conditions": ready}},
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": name, "namespace": "kube-node-lease"},
                "spec": {"renewTime": renewed},
            },
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "status": dns},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}},
        )

    def _react(self, obj: Object) -> None:
        assert self.kube is not None
        if obj["kind"] == "CustomResourceDefinition":
            self.kube.add({**obj, "status": {"conditions": [{"type": "Established", "status": "True"}]}})
        elif obj["kind"] in WORKLOADS:
            self._roll_out(obj)

    # --- pods ----------------------------------------------------------------------------------------------------

    def _roll_out(self, obj: Object) -> None:
        assert self.kube is not None
        meta, spec = obj["metadata"], obj["spec"]
        key = (obj["kind"], meta["name"], meta["generation"])
        since = self._pods.setdefault(key, self.world.clock.now())
        containers = spec["template"]["spec"]["containers"]
        present = all(container["image"] in self.container.images for container in containers)
        ready = present and self.world.clock.now() - since >= POD_AFTER
        replicas = spec.get("replicas", 1)
        status = {"observedGeneration": meta["generation"], "updatedReplicas": replicas}
        status |= {"availableReplicas": replicas} if ready else {}
        reason = {"waiting": {"reason": "ContainerCreating" if present else "ErrImagePull"}}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{meta['name']}-0",
                "namespace": meta["namespace"],
                "labels": spec["template"]["metadata"]["labels"],
            },
            "status": {
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                "containerStatuses": [] if ready else [{"name": containers[0]["name"], "state": reason}],
            },
        }
        self.kube.add({**obj, "status": status}, *([pod] if replicas else []))

    def _pod_ready(self, name: str) -> bool:
        assert self.kube is not None
        pod = self.kube.objects.get(("v1", "Pod", "argocd", f"{name}-0"))
        return pod is not None and pod["status"]["conditions"][0]["status"] == "True"

    def _controller_runs(self) -> bool:
        return self._pod_ready("argocd-application-controller")

    # --- Argo CD -------------------------------------------------------------------------------------------------

    def _all(self, kind: str) -> list[Object]:
        assert self.kube is not None
        return [obj for key, obj in sorted(self.kube.objects.items()) if key[1] == kind and key[2] == "argocd"]

    def _registered(self) -> dict[str, Object]:
        """Registered clusters by name."""
        return {
            decode(secret)["name"]: secret
            for secret in self._all("Secret")
            if secret["metadata"].get("labels", {}).get("argocd.argoproj.io/secret-type") == "cluster"
        }

    def _generate(self) -> None:
        """The cluster generator with matchLabels, `{{name}}` and `{{.name}}` in the template's names."""
        assert self.kube is not None
        for owner in self._all("ApplicationSet"):
            wanted = owner["spec"]["generators"][0]["clusters"]["selector"]["matchLabels"]
            for name, secret in self._registered().items():
                if not wanted.items() <= secret["metadata"]["labels"].items():
                    continue
                template = json.loads(json.dumps(owner["spec"]["template"]).replace("{{.name}}", name))
                meta = {
                    **template["metadata"],
                    "namespace": "argocd",
                    "finalizers": [FINALIZER],
                    "ownerReferences": [{"kind": "ApplicationSet", "name": owner["metadata"]["name"],
                                         "uid": owner["metadata"]["uid"]}],
                }  # fmt: skip
                key = ("argoproj.io/v1alpha1", "Application", "argocd", meta["name"])
                if key not in self.kube.objects:
                    spec = template["spec"]
                    self.kube.add({"apiVersion": key[0], "kind": "Application", "metadata": meta, "spec": spec})
            annotations = owner["metadata"].get("annotations", {})
            annotations.pop("argocd.argoproj.io/application-set-refresh", None)

    def _sync(self) -> None:
        assert self.kube is not None
        for app in self._all("Application"):
            name = app["metadata"]["name"]
            if app["metadata"].get("deletionTimestamp"):
                self._finalize(app)
                continue
            annotations = app["metadata"].get("annotations", {})
            now = self.world.clock.now()
            if annotations.pop(REFRESH, None) is None and now - self._compared.get(name, -POLL) < POLL:
                continue
            self._compared[name] = now
            self.kube.add({**app, "status": self._status(app)})

    def _status(self, app: Object) -> Object:
        url, destination = app["spec"]["source"]["repoURL"], app["spec"]["destination"]
        revision = self.world.head_in_cluster(url, self.container)
        problem = "" if revision else f"repository {url} cannot be reached"
        if not problem and destination.get("server") != IN_CLUSTER:
            problem = self._unusable(destination.get("name", ""))
        if problem:
            conditions = [{"type": "ComparisonError", "message": problem}]
            return {"sync": {"status": "Unknown"}, "health": {"status": "Unknown"}, "conditions": conditions}
        return {"sync": {"status": "Synced", "revision": revision}, "health": {"status": "Healthy"}}

    def _unusable(self, name: str) -> str:
        """Why the registration of a cluster does not work; empty when it does."""
        secret = self._registered().get(name)
        if secret is None:
            return f"there is no cluster {name}"
        values = decode(secret)
        config = json.loads(values["config"])
        if values["server"] == IN_CLUSTER and "bearerToken" not in config:
            return ""
        ca = base64.b64decode(config["tlsClientConfig"]["caData"]).decode()
        return self.world.call(self.container, values["server"], ca, config["bearerToken"])

    def _finalize(self, app: Object) -> None:
        assert self.kube is not None
        destination = app["spec"]["destination"]
        name = destination.get("name", "")
        if destination.get("server") != IN_CLUSTER:
            if name not in self._registered():
                self.world.orphans.append(app["metadata"]["name"])
            elif self._unusable(name):
                return
        self.kube.remove(Ref(kind="Application", namespace="argocd", name=app["metadata"]["name"]))

    def _exec(self, call: Executed) -> CommandResult:
        """The probe: Helm as a client, with a kubeconfig from standard input or the pod's own account."""
        found = re.search(r"^\{.*\}$", call.stdin, re.MULTILINE)
        problem = ""
        if found:
            config: dict[str, Any] = json.loads(found[0])
            cluster = config["clusters"][0]["cluster"]
            ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
            problem = self.world.call(self.container, cluster["server"], ca, config["users"][0]["user"]["token"])
        return CommandResult(exit_code=1 if problem else 0, stdout=problem, stderr="")
