"""Simulated clusters: one process for a lab, asked over its control port. See `lab.sim`.

The process and all it keeps live in the folder `sim` of the lab's own folder, so that whatever is in there is this
lab's. What can be told without the process is read from there: after a restart of the machine the clusters are as if
paused.
"""

import contextlib
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lab.errors import LabError
from lab.events import ChangeMade
from lab.git import USER, Gitea
from lab.kube import Cluster as KubeCluster
from lab.model import Cluster
from lab.ports import Clock, GitServer, Kube, Node, Object, Shell, Sink
from lab.providers import CAPABILITIES, collision, kubeconfigs
from lab.settings import Settings
from lab.sim import control
from lab.state import LabFolder, write_private
from lab.waiting import wait_until

API_PORT = 6443
"""Of the address clusters know each other by, as on kind."""
GIT_TIMEOUT = 20.0
MINOR = re.compile(r":v?(1\.\d+)")
PORT = re.compile(r"server: https://127\.0\.0\.1:(\d+)")
STATES = {"running": "running", "paused": "paused"}
"""What a cluster's own word means to the lab; any other is `partial`."""
TIMINGS = {"fast": "instant", "argocd": "realistic"}
"""How long things take in a cluster, by the lab's timing."""

STARTED = partial(control.start, programs=True)
"""A process that has loaded what Argo CD's pods run."""


class Sim:
    """The simulator as a provider for one lab.

    :param api: makes a client of a cluster from its kubeconfig and its name
    :param gitea: makes a client of the git server from its address and password
    :param start: starts the simulator's process for a folder, unless it runs already
    """

    name = "sim"
    capabilities = CAPABILITIES["sim"]

    def __init__(
        self,
        settings: Settings,
        folder: LabFolder,
        shell: Shell,
        clock: Clock,
        cancel: threading.Event,
        sink: Sink,
        api: Callable[[Path, str, Sink], Kube] = KubeCluster,
        gitea: Callable[..., Gitea] = Gitea,
        start: Callable[[Path], control.Control] = STARTED,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self._cancel = cancel
        self._sink = sink
        self._api = api
        self._gitea = gitea
        self._start = start
        self._guard = threading.RLock()

    # --- names --------------------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """Where the simulator keeps everything."""
        return self._folder.path / "sim"

    def _cluster(self, cluster: str) -> str:
        return f"{self._folder.name}-{cluster}"

    def _short(self, name: str) -> str:
        return name.removeprefix(f"{self._folder.name}-")

    def _kept(self, cluster: str) -> Path:
        """The simulator's folder for one cluster."""
        return self.home / "clusters" / self._cluster(cluster)

    def server(self, cluster: str) -> str:
        return f"https://{self._cluster(cluster)}-control-plane:{API_PORT}"

    def ui_url(self, cluster: str) -> str:
        """Empty: nothing runs in a pod, so no page is served."""
        return ""

    def log(self, cluster: str = "") -> str:
        return f"tail -n 20 {self.home / 'daemon.log'}"

    # --- the process --------------------------------------------------------------------------------------------

    def _running(self) -> control.Control:
        """The process, started when there is none."""
        with self._guard, self._told():
            found = control.connect(self.home)
            if found is None:
                found = self._start(self.home)
                self._changed("start")
            return found

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the simulator's word into the lab's; a port that is taken has a word of its own."""
        with collision.named(self._folder):
            try:
                yield
            except control.ControlError as error:
                log = self.home / "daemon.log"
                raise LabError("simulator-failed", reason=str(error), log=log, details=str(error)) from error

    def _facts(self, cluster: str) -> dict[str, Any] | None:
        """What the running process says of a cluster; None when it has none of that name."""
        with self._told():
            found = self._running().clusters()
        return next((facts for facts in found if facts["name"] == self._cluster(cluster)), None)

    # --- what exists --------------------------------------------------------------------------------------------

    def nodes(self, memory: bool = False) -> Sequence[Node]:
        """All clusters share one process, so what one of them takes cannot be told."""
        with self._told():
            found = control.connect(self.home)
            states = {one["name"]: STATES.get(one["state"], "partial") for one in found.clusters()} if found else {}
        if found is None:
            states = dict.fromkeys(self._left(), "paused")
        return [Node(cluster=self._short(name), state=state) for name, state in sorted(states.items())]

    def _left(self) -> list[str]:
        """Names of clusters as the simulator's folder tells them; those that were ever served have a kubeconfig."""
        return sorted(path.parent.name for path in self.home.glob("clusters/*/kubeconfig"))

    def ports(self) -> dict[str, int]:
        with self._told():
            found = control.connect(self.home)
            if found is not None:
                bound = {f"api:{self._short(one['name'])}": one["settings"]["port"] for one in found.clusters()}
                git = found.git()
                return {**bound, "git": git["port"]} if git else bound
        bound = {}
        for name in self._left():
            kubeconfig = (self.home / "clusters" / name / "kubeconfig").read_text(encoding="utf-8")
            if port := PORT.search(kubeconfig):
                bound[f"api:{self._short(name)}"] = int(port[1])
        with contextlib.suppress(OSError, ValueError, KeyError):
            bound["git"] = int(json.loads((self.home / "git.json").read_bytes())["port"])
        return bound

    # --- shared -------------------------------------------------------------------------------------------------

    def prepared(self, images: Sequence[str]) -> bool:
        return control.connect(self.home) is not None

    def prepare(self, images: Sequence[str]) -> None:
        self._running()

    def stage(self, images: Sequence[str]) -> None:
        """Nothing to do: no image is ever run."""

    def staged(self, images: Sequence[str]) -> bool:
        return True

    def load(self, cluster: str, images: Sequence[str]) -> None:
        """No image is ever run, but pods say of those that they were there and not pulled."""
        if self.loaded(cluster, images):
            return
        with self._told():
            self._running().load(self._cluster(cluster), images)
            self._changed(f"load {self._cluster(cluster)} {' '.join(images)}", cluster)

    def loaded(self, cluster: str, images: Sequence[str]) -> bool:
        with self._told():
            found = control.connect(self.home)
            known = found.clusters() if found else []
        present: list[str] = next(
            (one["settings"]["images"] for one in known if one["name"] == self._cluster(cluster)), []
        )
        return set(images) <= set(present)

    def argocd(self, name: Literal["core-install", "install"]) -> list[Object]:
        """What the simulator's Argo CD is started by. Namespace and default project are the lab's own to add."""
        from lab.sim.argocd import install

        objects = install.objects(full=name == "install", version=self._settings.argocd_version)
        kept = [obj for obj in objects if obj["kind"] not in ("Namespace", "AppProject")]
        for obj in kept:
            if obj["kind"] in ("Deployment", "StatefulSet"):
                for container in obj["spec"]["template"]["spec"]["containers"]:
                    # A simulated program serves from its first moment on; a probe would only add its first delay.
                    container.pop("readinessProbe", None)
        return kept

    # --- clusters -----------------------------------------------------------------------------------------------

    def create(self, cluster: Cluster) -> None:
        name, facts = self._cluster(cluster.name), self._facts(cluster.name)
        if facts is None:
            self._folder.note("creating", cluster=cluster.name)
            wanted = self._wanted(cluster.name)
            with self._told():
                facts = self._running().create(wanted)[0]
                version, timing = wanted.get("kubernetes"), wanted["timing"]
                self._changed(f"create {name} --kubernetes {version} --timing {timing}", cluster.name)
                if facts["state"] != "running":
                    # Made and never served, it would hold on to a port that the next run can choose anew.
                    self._running().delete(name)
                    raise control.ControlError(facts["why"])
            self._folder.note("created", cluster=cluster.name)
        elif facts["state"] != "running":
            self.resume(cluster.name)
        self._write_kubeconfig(cluster.name)

    def _wanted(self, cluster: str) -> dict[str, Any]:
        record = self._folder.record()
        minor = MINOR.search(self._settings.node_image)
        return {
            "name": self._cluster(cluster),
            "port": self._folder.port(f"api:{cluster}"),
            "timing": TIMINGS[record.options.timing if record else "fast"],
            **({"kubernetes": minor[1]} if minor else {}),
        }

    def delete(self, cluster: str) -> None:
        if self._cluster(cluster) in {self._cluster(node.cluster) for node in self.nodes()}:
            try:
                if self._facts(cluster) is not None:
                    with self._told():
                        self._running().delete(self._cluster(cluster))
            except LabError:
                # A state that nobody can serve any more is of no use to anybody.
                if control.connect(self.home) is not None:
                    raise
                shutil.rmtree(self.home, ignore_errors=True)
            self._changed(f"delete {self._cluster(cluster)}", cluster)
        self._kubeconfig_path(cluster).unlink(missing_ok=True)

    def pause(self, cluster: str) -> None:
        with self._told():
            found = control.connect(self.home)
            states = {one["name"]: one["state"] for one in found.clusters()} if found else {}
            if found is not None and states.get(self._cluster(cluster), "paused") != "paused":
                found.pause(self._cluster(cluster))
                self._changed(f"pause {self._cluster(cluster)}", cluster)

    def resume(self, cluster: str) -> None:
        facts = self._facts(cluster)
        if facts is None or facts["state"] == "running":
            return
        with self._told():
            # An Argo CD is there at once, and one that finds no git server looks again after minutes.
            if (self._running().git() or {}).get("state") == "stopped":
                self._serve_git()
            self._running().resume(self._cluster(cluster))
            self._changed(f"resume {self._cluster(cluster)}", cluster)
            facts = self._facts(cluster) or facts
            if facts["state"] != "running":
                raise control.ControlError(facts["why"])

    # --- access -------------------------------------------------------------------------------------------------

    def _kubeconfig_path(self, cluster: str) -> Path:
        return self._folder.path / "kubeconfigs" / f"{cluster}.yaml"

    def kubeconfig(self, cluster: str) -> Path:
        path = self._kubeconfig_path(cluster)
        if not path.exists():
            self._write_kubeconfig(cluster)
        return path

    def _write_kubeconfig(self, cluster: str) -> None:
        try:
            text = (self._kept(cluster) / "kubeconfig").read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise LabError("kube-unreachable", cluster=cluster, reason="there is no such cluster") from error
        write_private(self._kubeconfig_path(cluster), kubeconfigs.named(text, cluster))

    def kube(self, cluster: str) -> Kube:
        return self._api(self.kubeconfig(cluster), cluster, self._sink)

    def ca(self, cluster: str) -> str:
        return kubeconfigs.authority(self.kubeconfig(cluster).read_text(encoding="utf-8"))

    # --- git ----------------------------------------------------------------------------------------------------

    def start_git(self) -> None:
        """Serve it, made first if need be, and wait until it answers to the lab's user."""
        server = self._server()
        if not self.git_running():
            self._serve_git()
        wait_until(
            server.ready,
            awaited="the git server",
            timeout=GIT_TIMEOUT,
            clock=self._clock,
            cancel=self._cancel,
            interval=0.1,
            more=self.log(),
        )
        if not server.signed_in():
            with self._told():
                self._running().set_account(USER, self._folder.secret("git"))
                self._changed(f"account {USER}")

    def _serve_git(self) -> None:
        with self._told():
            port = self._folder.port("git")
            self._running().start_git(port)
            self._changed(f"git --port {port}")

    def stop_git(self) -> None:
        with self._told():
            found = control.connect(self.home)
            git = found.git() if found else None
            if found is not None and git is not None and git["state"] == "running":
                found.stop_git()
                self._changed("git --stop")

    def git_running(self) -> bool:
        with self._told():
            found = control.connect(self.home)
            git = found.git() if found else None
            return git is not None and git["state"] == "running"

    def _server(self) -> Gitea:
        url = f"http://127.0.0.1:{self._folder.port('git')}"
        return self._gitea(url, self._folder.secret("git"), log=self.log(), clock=self._clock)

    def git(self) -> GitServer:
        return self._server()

    # --- end ----------------------------------------------------------------------------------------------------

    def remove_shared(self) -> None:
        with self._guard, self._told():
            found = control.connect(self.home)
            if found is not None and found.clusters():
                found.remove_git()
                return
            if found is not None:
                found.stop()
            if self.home.exists():
                shutil.rmtree(self.home, ignore_errors=True)
                self._changed("stop")

    def _changed(self, words: str, cluster: str = "") -> None:
        self._sink(ChangeMade(cluster=cluster, command=f"python -m lab.sim --home {self.home} {words}"))
