"""The git server as one container beside the clusters."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from lab import git
from lab.containers import Docker
from lab.errors import LabError
from lab.events import ChangeMade
from lab.ports import Clock, Sink
from lab.providers import collision
from lab.settings import Settings
from lab.state import LabFolder
from lab.waiting import wait_until

OWNER_LABEL = "gitops-lab.name"
HOME_LABEL = "gitops-lab.home"
ROLE_LABEL = "gitops-lab.role"
ALIAS = "lab-git"
READY_TIMEOUT = 120.0
STOP_TIMEOUT = 10


class GitContainer:
    """Gitea in the lab's network, known there as `lab-git`, and on a loopback port of this machine.

    :param network: Docker network of the lab
    :param client: makes a client of the server from its address and password
    """

    def __init__(
        self,
        settings: Settings,
        folder: LabFolder,
        engine: Callable[[], Docker],
        clock: Clock,
        cancel: threading.Event,
        sink: Sink,
        network: str,
        client: Callable[..., git.Gitea] = git.Gitea,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._engine = engine
        self._clock = clock
        self._cancel = cancel
        self._sink = sink
        self._network = network
        self._client = client

    @property
    def name(self) -> str:
        return f"{self._folder.name}-git"

    @property
    def log(self) -> str:
        """The command that shows what it has printed."""
        return f"docker logs {self.name}"

    @property
    def _labels(self) -> dict[str, str]:
        return {OWNER_LABEL: self._folder.name, HOME_LABEL: str(self._folder.home), ROLE_LABEL: "git"}

    def running(self) -> bool:
        row = self._own()
        return row is not None and row["State"]["Status"] == "running"

    def ports(self) -> dict[str, int]:
        """The loopback port it is bound to, running or not."""
        row = self._own()
        bound = ((row or {}).get("HostConfig", {}).get("PortBindings") or {}).get(f"{git.PORT}/tcp")
        return {"git": int(bound[0]["HostPort"])} if bound else {}

    def server(self) -> git.Gitea:
        url = f"http://127.0.0.1:{self._folder.port('git')}"
        return self._client(url, self._folder.secret("git"), log=self.log, clock=self._clock)

    def start(self) -> None:
        """Start it, made first if need be, and wait until it answers to the lab's user."""
        row = self._own()
        with collision.named(self._folder):
            if row is None:
                self._make()
            elif row["State"]["Status"] != "running":
                self._engine().start(self.name)
                self._changed(f"docker start {self.name}")
        wait_until(
            self.server().ready,
            awaited="the git server",
            timeout=READY_TIMEOUT,
            clock=self._clock,
            cancel=self._cancel,
            interval=0.3,
            more=self.log,
        )
        if git.ensure_account(self.server(), self._execute):
            self._changed(f"docker exec {self.name} gitea admin user create --username {git.USER} --random-password")

    def stop(self) -> None:
        if self.running():
            self._engine().stop(self.name, STOP_TIMEOUT)
            self._changed(f"docker stop {self.name}")

    def remove(self) -> None:
        if self._own() is not None:
            self._engine().remove(self.name)
            self._changed(f"docker rm -f -v {self.name}")

    def _own(self) -> dict[str, Any] | None:
        row = self._engine().inspect(self.name)
        if row is None:
            return None
        labels = row["Config"].get("Labels") or {}
        if any(labels.get(name) != value for name, value in self._labels.items()):
            raise LabError("foreign", what=f"container {self.name}", scenario="centralized")
        return row

    def _make(self) -> None:
        port = self._folder.port("git")
        try:
            self._engine().run(
                name=self.name,
                image=self._settings.git_image,
                labels=self._labels,
                environment=git.container_environment(self._settings.manifests_dir, self._folder.secret("git-key")),
                ports={git.PORT: port},
                network=self._network,
                aliases=[ALIAS],
            )
        except LabError:
            # Made and never started, it would hold on to a port that the next run can choose anew.
            if self._own() is not None:
                self._engine().remove(self.name)
            raise
        self._changed(f"docker run -d --name {self.name} --network {self._network} {self._settings.git_image}")

    def _execute(self, argv: Sequence[str]) -> str:
        return self._engine().exec(self.name, list(argv))[1]

    def _changed(self, command: str) -> None:
        self._sink(ChangeMade(command=command))
