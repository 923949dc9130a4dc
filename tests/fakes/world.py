"""Everything outside the lab's own process, and how that process can die in the middle of changing it.

The real provider, plan, engine, steps and operations run on it. A world outlives the lab: after a death, `lab()` is
a new process that finds what the last one left.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.events import Event
from lab.model import Scenario
from lab.ports import Command, Sink
from lab.providers.kind import KIND_LABEL, MARK, OWNER_LABEL, Kind
from lab.recording import Switch, silent
from lab.results import Diagnosis
from lab.session import Lab
from lab.settings import Settings
from lab.state import LabFolder, Options
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import Node
from tests.fakes.docker import Container, FakeDocker
from tests.fakes.duo import duo, memory
from tests.fakes.filewatch import watched
from tests.fakes.release import settings_with
from tests.fakes.world_git import GitProgram, WorldGitea
from tests.fakes.world_kube import WorldKube
from tests.fakes.world_shell import WorldShell


class Died(BaseException):
    """The lab's process is gone. Nothing catches it: it is no LabError and no Exception."""


@dataclass(frozen=True)
class Kill:
    """Where the process dies: at the n-th effect of this name, `before` it, `after` it, or at a point on its way."""

    name: str
    number: int = 1
    phase: str = "before"

    def __str__(self) -> str:
        return f"{self.phase} {self.name}" + (f" #{self.number}" if self.number > 1 else "")


@dataclass
class Failure:
    """What goes wrong: effects of this name (a pattern) raise instead of happening."""

    pattern: str
    error: Callable[[], BaseException]
    times: int = -1


@dataclass
class World:
    """One machine.

    :param folder: temporary; holds the person's home, the lab's data, volumes and the scenario
    """

    folder: Path
    name: str = "lab"
    real_git: bool = False
    """Start the real git instead of the fake one."""
    clock: FakeClock = field(default_factory=FakeClock)
    effects: list[str] = field(default_factory=list)
    """Names of everything that was changed, in order."""
    orphans: list[str] = field(default_factory=list)
    """Applications that went without what they had deployed."""
    commands: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.guard = threading.RLock()
        self.kill: Kill | None = None
        self.dead = False
        self.failures: list[Failure] = []
        self.listeners: list[Callable[[str], None]] = []
        self._seen: dict[str, int] = {}
        self._inside = threading.local()
        self.docker = FakeDocker(self, self.folder / "volumes")
        self.clock.each = self.tick
        self.home = self.folder / "person"
        self.home.mkdir(parents=True, exist_ok=True)
        self.settings: Settings = settings_with(self.home)
        self.scenario = duo()
        self.tools = self.folder / "bin"
        self.tools.mkdir()
        program = shutil.which("git")
        assert program
        # git alone: a clone's hook finds no kubectl and ends.
        (self.tools / "git").symlink_to(program)
        self.docker.registry |= {
            self.settings.node_image, self.settings.git_image, "argocd:v1", "redis:8", *self.scenario.spec.images
        }  # fmt: skip

    # --- the lab's process ---------------------------------------------------------------------------------------

    def lab(
        self,
        *,
        sink: Sink = silent,
        options: Options | None = None,
        scenario: Scenario | None = None,
        settings: Settings | None = None,
        name: str = "",
    ) -> Lab:
        """A new process: no memory of the last one, whose open files the kernel has closed.

        :param name: of another lab on the same machine
        """
        self._bury()
        self.dead, self.kill = False, None
        self._seen.clear()
        switch, cancel = Switch(), threading.Event()
        settings = settings or self.settings
        folder = LabFolder(settings.home, name or self.name)
        shell = WorldShell(self, switch)
        provider = Kind(
            settings,
            folder,
            shell,
            self.clock,
            cancel,
            switch,
            docker=self._connect,
            api=partial(WorldKube, self),
            gitea=partial(WorldGitea, self),  # type: ignore[arg-type]
        )
        return Lab(
            settings=settings,
            name=name or self.name,
            scenario=scenario or self.scenario,
            folder=folder,
            provider=provider,
            shell=shell,
            clock=self.clock,
            sink=switch,
            cancel=cancel,
            options=options or Options(),
            listener=sink,
            judge=lambda *_, **__: Diagnosis(findings=(), provider="kind"),
        )

    def lab_folder(self) -> LabFolder:
        return LabFolder(self.settings.home, self.name)

    def _connect(self) -> Any:
        self.look()
        self.docker.info()
        return self.docker

    def _bury(self) -> None:
        for entry in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(entry.readlink()).startswith(str(self.settings.home / "locks")):
                    os.close(int(entry.name))

    # --- effects -------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Every call to the world passes here: the dead see nothing."""
        if self.dead:
            raise Died

    def effect(self, name: str, do: Callable[[], Any], **on_the_way: Callable[[], Any] | None) -> Any:
        """Change the world, unless the process dies here.

        :param on_the_way: points at which it can die as well, and what is then left
        """
        with self.guard:
            self.look()
            self._seen[name] = self._seen.get(name, 0) + 1
            now = self.kill is not None and (self.kill.name, self.kill.number) == (name, self._seen[name])
            phase = self.kill.phase if now and self.kill else ""
            if phase == "before":
                self._die()
            for failure in self.failures:
                if failure.times and fnmatch(name, failure.pattern):
                    failure.times -= 1
                    raise failure.error()
            self._inside.effect = True
            try:
                if phase not in ("", "after"):
                    left = on_the_way[phase]
                    if left is not None:
                        left()
                    self._die()
                result = do()
            finally:
                self._inside.effect = False
            self.effects.append(name)
            for listener in self.listeners:
                listener(name)
            if phase == "after":
                self._die()
            return result

    def fail(self, pattern: str, error: Callable[[], BaseException], times: int = -1) -> Failure:
        """Let effects of this name fail from now on, or so many times."""
        self.failures.append(Failure(pattern, error, times))
        return self.failures[-1]

    def _die(self) -> None:
        self.dead = True
        raise Died

    def file_changes(self, name: str) -> None:
        """The lab's own process is about to change one of its files."""
        if not getattr(self._inside, "effect", False):
            self.effect(f"file {name}", lambda: None)

    # --- time ----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        with self.guard:
            self.look()
            for node in self.nodes():
                node.tick()

    def pass_time(self, seconds: float) -> None:
        """Let time pass outside of any lab."""
        self.dead = False
        self.clock.advance(seconds)
        self.tick()

    def stamp(self) -> str:
        return datetime.fromtimestamp(self.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    # --- what there is -------------------------------------------------------------------------------------------

    def program(self, container: Container) -> Any:
        """What runs in a container that the lab itself starts."""
        return GitProgram(self, container)

    def nodes(self) -> list[Node]:
        return [c.inside for c in list(self.docker.all.values()) if isinstance(c.inside, Node)]

    def node(self, cluster: str) -> Node:
        node: Node = self.docker.all[f"{self.name}-{cluster}-control-plane"].inside
        return node

    def kube(self, cluster: str) -> Any:
        """The cluster's API server from its inside."""
        return self.node(cluster).kube

    def git_program(self) -> "GitProgram":
        program: GitProgram = self.docker.all[f"{self.name}-git"].inside
        return program

    def head_in_cluster(self, url: str, caller: Container) -> str:
        """Commit of main as a pod sees it; empty when the server does not answer there."""
        parts = urlsplit(url)
        for container in list(self.docker.all.values()):
            if isinstance(container.inside, GitProgram) and container.inside.answers:
                for network, names in container.networks.items():
                    if network in caller.networks and parts.hostname in names:
                        return container.inside.head(Path(parts.path).stem)
        return ""

    def call(self, caller: Container, server: str, ca: str, token: str) -> str:
        """What a client in a pod gets from another cluster's API; empty when it is let in."""
        host = urlsplit(server).hostname or ""
        node = next((n for n in self.nodes() if n.container.name == host), None)
        if node is None or not set(node.container.networks) & set(caller.networks):
            return f"dial tcp: lookup {host}: no such host"
        if not node.answers or node.kube is None:
            return f"dial tcp {host}:6443: connect: connection refused"
        if ca != node.ca:
            return "x509: certificate signed by unknown authority"
        known = token.partition("@")[2] == node.container.id
        return "" if known else "the server has asked for the client to provide credentials"

    def add_canaries(self) -> None:
        """What belongs to others and looks much like the lab's own."""
        network = {"canary-net": ["canary"]}
        elsewhere = {MARK: str(self.folder / "other" / "labs" / self.name / "mark")}
        for name, labels, mounts in (
            (f"{self.name}-foo-control-plane", {KIND_LABEL: f"{self.name}-foo"}, {}),
            (f"{self.name}-bar-control-plane", {KIND_LABEL: f"{self.name}-bar"}, elsewhere),
            (f"{self.name}-database", {OWNER_LABEL: "other"}, {}),
            (f"my-{self.name}-hub-control-plane", {}, {}),
        ):
            self.docker.add(
                Container(
                    name=name,
                    image="canary:v1",
                    id=self.docker.new_id(),
                    labels={**labels, "canary": "yes"},
                    mounts=mounts,
                    networks=dict(network),
                )
            )
        self.docker.nets["canary-net"] = {"canary": "yes"}
        for path in (".kube/config", ".docker/config.json", ".gitconfig", ".bashrc", ".config/git/config"):
            (self.home / path).parent.mkdir(parents=True, exist_ok=True)
            (self.home / path).write_text(f"# {path} of the person\n")

    def others(self) -> dict[str, str]:
        """Everything that is not the lab's, as it is now: containers, networks, files of the person."""
        found = {f"network {name}": str(labels) for name, labels in self.docker.nets.items() if "canary" in labels}
        for container in self.docker.all.values():
            if "canary" in container.labels:
                found[f"container {container.name}"] = str(container.inspected())
        for path in sorted(self.home.rglob("*")):
            if path.is_file() and not path.is_relative_to(self.settings.home) and "cache" not in path.parts:
                found[f"file {path.relative_to(self.home)}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def ours(self) -> list[str]:
        """Everything of the lab that is left on this machine."""
        left = [f"container {c.name}" for c in self.docker.all.values() if "canary" not in c.labels]
        left += [f"network {name}" for name, labels in self.docker.nets.items() if "canary" not in labels]
        root = self.settings.home
        left += [f"file {path.relative_to(root)}" for path in sorted(root.rglob("*"))] if root.exists() else []
        return left


@contextlib.contextmanager
def living(name: str = "lab", real_git: bool = False) -> Iterator[World]:
    """A world for one test, in memory where the system has a folder for that."""
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        world = World(Path(folder), name, real_git)
        with watched(world.settings.home, world.look, world.file_changes):
            yield world


def told(events: list[Event], kind: type[Event]) -> list[Any]:
    """Events of one kind, oldest first."""
    return [event for event in events if isinstance(event, kind)]
