"""Clusters as kind makes them: one container each, on one Docker network."""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from lab.argocd.release import Name, parsed
from lab.containers import Docker, connect
from lab.errors import LabError
from lab.events import ChangeMade, LogLine
from lab.git import Gitea
from lab.kube import Cluster as KubeCluster
from lab.model import Cluster
from lab.ports import Clock, Command, GitServer, Kube, Node, Object, Shell, Sink
from lab.providers import CAPABILITIES, collision, kubeconfigs
from lab.providers.gitcontainer import OWNER_LABEL, GitContainer
from lab.providers.outliving import alone
from lab.settings import Settings
from lab.state import LabFolder, make_private, write_private

MARK = "/etc/gitops-lab"
"""Every node mounts the lab's own `mark` folder here: `docker inspect` tells whose it is, from its first moment."""
KIND_LABEL = "io.x-k8s.kind.cluster"
API_PORT, UI_NODE_PORT = 6443, 30443
COMPLETE = "/kind/gitops-lab-complete"
CREATE_TIMEOUT = 600
STOP_TIMEOUT = 20


class Kind:
    """The kind provider for one lab.

    :param docker: reaches the engine; called once, on first use
    :param api: makes a client of a cluster from its kubeconfig and its name
    :param gitea: makes a client of the git server from its address and password
    """

    name = "kind"
    capabilities = CAPABILITIES["kind"]

    def __init__(
        self,
        settings: Settings,
        folder: LabFolder,
        shell: Shell,
        clock: Clock,
        cancel: threading.Event,
        sink: Sink,
        docker: Callable[[], Docker] = connect,
        api: Callable[[Path, str, Sink], Kube] = KubeCluster,
        gitea: Callable[..., Gitea] = Gitea,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._shell = shell
        self._clock = clock
        self._cancel = cancel
        self._sink = sink
        self._connect = docker
        self._api = api
        self._docker: Docker | None = None
        self._guard = threading.RLock()
        self._complete: set[str] = set()
        self._archiving: dict[tuple[str, ...], threading.Lock] = {}
        self._git = GitContainer(settings, folder, self._engine, clock, cancel, sink, self.network, gitea)

    def _engine(self) -> Docker:
        with self._guard:
            if self._docker is None:
                self._docker = self._connect()
            return self._docker

    # --- names --------------------------------------------------------------------------------------------------

    @property
    def network(self) -> str:
        """kind's own network for the lab called `lab`; any other lab has one, so that `lab-git` means one thing."""
        return "kind" if self._folder.name == "lab" else f"{self._folder.name}-net"

    def _cluster(self, cluster: str) -> str:
        return f"{self._folder.name}-{cluster}"

    def _node(self, cluster: str) -> str:
        return f"{self._cluster(cluster)}-control-plane"

    def server(self, cluster: str) -> str:
        return f"https://{self._node(cluster)}:{API_PORT}"

    def ui_url(self, cluster: str) -> str:
        return f"https://127.0.0.1:{self._folder.port(f'ui:{cluster}')}"

    def log(self, cluster: str = "") -> str:
        return f"docker logs {self._node(cluster)}" if cluster else self._git.log

    def argocd(self, name: Name) -> list[Object]:
        return parsed(self._settings, name)

    # --- what exists --------------------------------------------------------------------------------------------

    def _rows(self) -> dict[str, dict[str, Any]]:
        """Containers of this lab's clusters by cluster name. One with our name but not our mark raises `foreign`."""
        rows: dict[str, dict[str, Any]] = {}
        prefix = f"{self._folder.name}-"
        for row in self._engine().containers(filters={"label": KIND_LABEL}):
            name = row["Labels"][KIND_LABEL]
            if name.startswith(prefix) and self._is_ours(row):
                rows[name.removeprefix(prefix)] = row
        return rows

    def _is_ours(self, row: dict[str, Any]) -> bool:
        return any(
            # Docker Desktop reports the path as its virtual machine sees it, with something before it.
            mount.get("Destination") == MARK and mount.get("Source", "").endswith(str(self._mark))
            for mount in row.get("Mounts", [])
        )

    @property
    def _mark(self) -> Path:
        return self._folder.path / "mark"

    def nodes(self, memory: bool = False) -> Sequence[Node]:
        rows = self._rows()
        used: dict[str, int] = {}
        if memory:
            # The engine measures for a second before it answers.
            with ThreadPoolExecutor(max_workers=8, thread_name_prefix="memory") as pool:
                sizes = pool.map(lambda row: self._engine().memory(row["Id"]), rows.values())
                used = dict(zip(rows, sizes, strict=True))
        nodes = []
        for cluster, row in sorted(rows.items()):
            state = "running" if row["State"] == "running" else "paused"
            if state == "running" and not self._is_complete(row["Id"]):
                state = "partial"
            nodes.append(Node(cluster=cluster, state=state, memory_bytes=used.get(cluster, 0)))
        return nodes

    def ports(self) -> dict[str, int]:
        """Host ports that existing containers are bound to, running or not, by purpose."""
        found: dict[str, int] = {}
        for cluster, row in self._rows().items():
            # The list shows the ports of running containers only.
            inspected = self._engine().inspect(row["Id"]) or {}
            bindings = inspected.get("HostConfig", {}).get("PortBindings") or {}
            for inside, purpose in ((API_PORT, f"api:{cluster}"), (UI_NODE_PORT, f"ui:{cluster}")):
                if bound := bindings.get(f"{inside}/tcp"):
                    found[purpose] = int(bound[0]["HostPort"])
        return found | self._git.ports()

    def _is_complete(self, container: str) -> bool:
        if container not in self._complete:
            code, _ = self._engine().exec(container, ["test", "-e", COMPLETE])
            if code != 0:
                return False
            self._complete.add(container)
        return True

    def _state(self, cluster: str) -> str:
        return next((node.state for node in self.nodes() if node.cluster == cluster), "absent")

    # --- shared -------------------------------------------------------------------------------------------------

    def prepared(self, images: Sequence[str]) -> bool:
        engine = self._engine()
        return engine.network(self.network) is not None and all(engine.has_image(image) for image in images)

    def prepare(self, images: Sequence[str]) -> None:
        engine = self._engine()
        if engine.network(self.network) is None:
            engine.create_network(self.network, {OWNER_LABEL: self._folder.name})
            self._changed(f"docker network create {self.network}")
        for image in images:
            self._fetch(image)

    def _fetch(self, image: str) -> None:
        if not self._engine().has_image(image):
            self._engine().pull(image, lambda text: self._sink(LogLine(text=text)))
            self._changed(f"docker pull {image}")

    # --- clusters -----------------------------------------------------------------------------------------------

    def create(self, cluster: Cluster) -> None:
        with self._alone(cluster.name) as lock:
            self._create(cluster, lock)

    def _alone(self, cluster: str) -> AbstractContextManager[int]:
        """One kind at a time for a cluster, also one that outlived a lab: when it fails at last, it takes back
        whatever bears the cluster's name."""
        name = self._cluster(cluster)
        path = self._folder.path / "kind" / f"{name}.lock"
        return alone(path, f"the end of an earlier kind for {name}", CREATE_TIMEOUT, self._clock, self._cancel)

    def _create(self, cluster: Cluster, lock: int) -> None:
        name, node = self._cluster(cluster.name), self._node(cluster.name)
        row = self._engine().inspect(node)
        if row is not None and cluster.name not in self._rows():
            raise LabError("foreign", what=f"container {node}", scenario="centralized")
        state = self._state(cluster.name)
        if state == "running":
            return
        # Docker would make a missing one for a node that it starts, and it would be root's.
        make_private(self._mark)
        if state == "paused":
            self.resume(cluster.name)
            state = self._state(cluster.name)
            if state == "running":
                return
        if state != "absent":
            self._delete(cluster.name, lock)
        config = self._folder.path / "kind" / f"{name}.yaml"
        write_private(config, yaml.safe_dump(self._config(cluster.name), sort_keys=False))
        scratch = self._folder.path / "kind" / f"{name}.kubeconfig"
        # A kind that was killed leaves its lock, which would keep the next one out.
        for stale in (scratch, scratch.with_name(f"{scratch.name}.lock")):
            stale.unlink(missing_ok=True)
        self._folder.note("creating", cluster=cluster.name)
        argv = ("kind", "create", "cluster", "--name", name, "--config", str(config), "--kubeconfig", str(scratch))
        self._kind(*argv, "--image", self._settings.node_image, "--wait", "0s", cluster=cluster.name, lock=lock)
        self._write_kubeconfig(cluster.name, scratch.read_text(encoding="utf-8"))
        scratch.unlink(missing_ok=True)
        self._engine().exec(node, ["touch", COMPLETE])
        self._folder.note("created", cluster=cluster.name)

    def _config(self, cluster: str) -> dict[str, Any]:
        ports = self._folder.record()
        ui = ports.ports.get(f"ui:{cluster}") if ports else None
        mapping = {"containerPort": UI_NODE_PORT, "hostPort": ui, "listenAddress": "127.0.0.1"}
        return {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "networking": {"apiServerAddress": "127.0.0.1", "apiServerPort": self._folder.port(f"api:{cluster}")},
            "nodes": [
                {
                    "role": "control-plane",
                    "extraPortMappings": [mapping] if ui else [],
                    "extraMounts": [{"hostPath": str(self._mark), "containerPath": MARK, "readOnly": True}],
                }
            ],
        }

    def _kind(self, *argv: str, cluster: str, lock: int | None = None) -> str:
        """Run kind; with a lock, to change something."""
        env = [("KIND_EXPERIMENTAL_PROVIDER", "docker")]
        if self.network != "kind":
            env.append(("KIND_EXPERIMENTAL_DOCKER_NETWORK", self.network))
        command = Command(
            argv=argv,
            timeout=CREATE_TIMEOUT,
            env=tuple(env),
            cwd=self._folder.path,
            step=f"create:{cluster}" if lock is not None else "",
            cluster=cluster,
            changes=lock is not None,
            inherits=(lock,) if lock is not None else (),
        )
        with collision.named(self._folder):
            return self._shell.run(command).stdout

    def delete(self, cluster: str) -> None:
        with self._alone(cluster) as lock:
            self._delete(cluster, lock)

    def _delete(self, cluster: str, lock: int) -> None:
        if cluster in self._rows():
            name = self._cluster(cluster)
            scratch = str(self._folder.path / "kind" / f"{name}.kubeconfig")
            argv = ("kind", "delete", "cluster", "--name", name, "--kubeconfig", scratch)
            self._kind(*argv, cluster=cluster, lock=lock)
        for path in (self._kubeconfig_path(cluster), self._folder.path / "kind" / f"{self._cluster(cluster)}.yaml"):
            path.unlink(missing_ok=True)

    def pause(self, cluster: str) -> None:
        if self._state(cluster) in ("running", "partial"):
            self._engine().stop(self._node(cluster), STOP_TIMEOUT)
            self._changed(f"docker stop {self._node(cluster)}", cluster)

    def resume(self, cluster: str) -> None:
        if self._state(cluster) == "paused":
            with collision.named(self._folder):
                self._engine().start(self._node(cluster))
            self._changed(f"docker start {self._node(cluster)}", cluster)

    # --- access -------------------------------------------------------------------------------------------------

    def _kubeconfig_path(self, cluster: str) -> Path:
        return self._folder.path / "kubeconfigs" / f"{cluster}.yaml"

    def kubeconfig(self, cluster: str) -> Path:
        path = self._kubeconfig_path(cluster)
        if not path.exists():
            text = self._kind("kind", "get", "kubeconfig", "--name", self._cluster(cluster), cluster="")
            self._write_kubeconfig(cluster, text)
        return path

    def _write_kubeconfig(self, cluster: str, text: str) -> None:
        write_private(self._kubeconfig_path(cluster), kubeconfigs.named(text, cluster))

    def kube(self, cluster: str) -> Kube:
        return self._api(self.kubeconfig(cluster), cluster, self._sink)

    def ca(self, cluster: str) -> str:
        return kubeconfigs.authority(self.kubeconfig(cluster).read_text(encoding="utf-8"))

    # --- images -------------------------------------------------------------------------------------------------

    def loaded(self, cluster: str, images: Sequence[str]) -> bool:
        return not self._missing(cluster, images)

    def _missing(self, cluster: str, images: Sequence[str]) -> list[str]:
        code, output = self._engine().exec(self._node(cluster), ["ctr", "-n", "k8s.io", "images", "ls", "-q"])
        present = set(output.split()) if code == 0 else set()
        return [image for image in images if image not in present]

    def load(self, cluster: str, images: Sequence[str]) -> None:
        missing = self._missing(cluster, images)
        if not missing:
            return
        archive = self._archive(images if self.staged(images) else missing)
        argv = ("docker", "exec", "-i", self._node(cluster), "ctr", "-n", "k8s.io", "images", "import", "-")
        self._shell.run(
            Command(argv=argv, timeout=300, stdin=archive, step=f"load:{cluster}", cluster=cluster, changes=True)
        )
        still = self._missing(cluster, missing)
        if still:
            raise LabError("image-unavailable", image=still[0], reason=f"the archive did not bring it into {cluster}")

    def stage(self, images: Sequence[str]) -> None:
        self._archive(images)

    def staged(self, images: Sequence[str]) -> bool:
        engine = self._engine()
        return all(engine.has_image(image) for image in images) and self._archive_path(images).exists()

    def _archive_path(self, images: Sequence[str]) -> Path:
        ids = sorted(f"{image} {self._engine().image_id(image)}" for image in images)
        return self._folder.path / "images" / f"{hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]}.tar"

    def _archive(self, images: Sequence[str]) -> Path:
        """One file with these images for this machine's platform; written once, shared by all clusters."""
        with self._guard:
            lock = self._archiving.setdefault(tuple(sorted(images)), threading.Lock())
        with lock:
            for image in images:
                self._fetch(image)
            path = self._archive_path(images)
            if not path.exists():
                make_private(path.parent)
                partial = path.with_suffix(".partial")
                argv = ("docker", "save", *self._platform(), "-o", str(partial), "--", *images)
                self._shell.run(Command(argv=argv, timeout=300))
                partial.chmod(0o600)
                partial.replace(path)
            return path

    def _platform(self) -> tuple[str, ...]:
        """`--platform` where engine and client know it: a multi-platform image store lacks the other platforms."""
        version = self._engine().version()
        api = tuple(int(part) for part in version.get("ApiVersion", "1.0").split("."))
        return ("--platform", f"{version['Os']}/{version['Arch']}") if api >= (1, 48) else ()

    # --- git ----------------------------------------------------------------------------------------------------

    def start_git(self) -> None:
        self._git.start()

    def stop_git(self) -> None:
        self._git.stop()

    def git_running(self) -> bool:
        return self._git.running()

    def git(self) -> GitServer:
        return self._git.server()

    # --- end ----------------------------------------------------------------------------------------------------

    def remove_shared(self) -> None:
        self._git.remove()
        row = self._engine().network(self.network)
        ours = row is not None and (row.get("Labels") or {}).get(OWNER_LABEL) == self._folder.name
        # Whoever is in it needs it; a stopped container, which is no member just then, could not start again.
        if ours and not self._engine().containers(filters={"network": self.network}):
            self._engine().remove_network(self.network)
            self._changed(f"docker network rm {self.network}")

    def _changed(self, command: str, cluster: str = "") -> None:
        self._sink(ChangeMade(cluster=cluster, command=command))
