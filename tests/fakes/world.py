"""Everything outside the lab's own process, and how that process can die in the middle of changing it.

The real provider, plan, engine, steps and operations run on it. A world outlives the lab: after a death, `lab()` is
a new process that finds what the last one left.
"""

import atexit
import base64
import contextlib
import hashlib
import os
import re
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from lab import scenario as scenarios
from lab.argocd.release import load_all
from lab.errors import LabError
from lab.events import ChangeMade, Event
from lab.git import USER
from lab.model import Scenario
from lab.ports import Command, CommandResult, Kube, Object, PullRequest, Ref, Sink
from lab.providers.kind import KIND_LABEL, MARK, OWNER_LABEL, Kind
from lab.recording import Switch, silent
from lab.results import Diagnosis
from lab.session import Lab
from lab.settings import Settings
from lab.shell import SystemShell
from lab.state import LabFolder, Options
from tests.fakes import git
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import Node
from tests.fakes.docker import Container, FakeDocker
from tests.fakes.release import settings_with

NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
GIT_READS = ("rev-parse", "status", "log", "stash", "diff", "merge-base", "--get")
GIT_AFTER = 1.0
"""Seconds from the start of the git server's container to its first answer."""


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
        _watch(self)

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


@cache
def duo() -> Scenario:
    """A scenario of two clusters: an ApplicationSet and an Application, both from one repository."""
    root = Path(tempfile.mkdtemp(dir=_memory()))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return scenarios.load(write_duo(root / "duo"), root)


def write_duo(folder: Path) -> Path:
    """The scenario's files."""
    url = "http://lab-git:3000/lab/platform.git"
    app = {
        "project": "default",
        "source": {"repoURL": url, "path": "web", "targetRevision": "main"},
        "destination": {"name": "{{.name}}", "namespace": "web"},
    }
    argo = "argoproj.io/v1alpha1"
    bootstrap: list[Object] = [
        {
            "apiVersion": argo,
            "kind": "ApplicationSet",
            "metadata": {"name": "web", "namespace": "argocd"},
            "spec": {
                "goTemplate": True,
                "generators": [{"clusters": {"selector": {"matchLabels": {"env": "production"}}}}],
                "template": {"metadata": {"name": "web-{{.name}}"}, "spec": app},
            },
        },
        {
            "apiVersion": argo,
            "kind": "Application",
            "metadata": {
                "name": "root",
                "namespace": "argocd",
                "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            },
            "spec": {**app, "destination": {"server": "https://kubernetes.default.svc", "namespace": "argocd"}},
        },
    ]
    content = {
        "apiVersion": "lab/v1",
        "kind": "Scenario",
        "metadata": {"name": "duo", "title": "Two clusters", "level": "beginner", "minutes": 5},
        "spec": {
            "clusters": [
                {"name": "hub", "role": "management", "labels": {"env": "management"}},
                {"name": "w1", "role": "workload", "labels": {"env": "production"}},
            ],
            "argocd": [{"on": "hub", "manages": ["w1"]}],
            "repositories": [{"name": "platform", "from": "gitops"}],
            "bootstrap": [{"on": "hub", "apply": "bootstrap.yaml"}],
            "images": ["registry.k8s.io/pause:3.10.1"],
            "checks": [
                {"id": "web", "title": "web-w1 is synced to the newest commit", "on": "hub",
                 "app": {"name": "web-w1", "sync": "Synced", "revision": "head:platform"}},
                {"id": "registered", "title": "two clusters are registered", "on": "hub",
                 "expect": {"kind": "Secret", "namespace": "argocd", "count": 2,
                            "labels": {"argocd.argoproj.io/secret-type": "cluster"}}},
            ],
        },
    }  # fmt: skip
    (folder / "gitops" / "web").mkdir(parents=True)
    (folder / "gitops" / "web" / "config.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  colour: blue\n"
    )
    (folder / "bootstrap.yaml").write_text(yaml.safe_dump_all(bootstrap))
    (folder / "scenario.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


# --- Kubernetes -----------------------------------------------------------------------------------------------------


class WorldKube:
    """A client with a kubeconfig file: reaches whichever cluster listens there now, if it is let in."""

    def __init__(self, world: World, kubeconfig: Path, cluster: str, sink: Sink) -> None:
        self.cluster = cluster
        self._world = world
        self._path = kubeconfig
        self._sink = sink
        self._config: dict[str, Any] | None = None

    def _server(self) -> Any:
        self._world.look()
        if self._config is None:
            self._config = _yaml(self._path)
        cluster = self._config["clusters"][0]["cluster"]
        port = urlsplit(cluster["server"]).port
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        for node in self._world.nodes():
            if node.answers and node.container.ports.get(6443) == port:
                if node.ca != ca:
                    reason = "its certificate is not signed by the cluster's authority"
                    raise LabError("kube-unreachable", cluster=self.cluster, reason=reason)
                return node
        raise LabError("kube-unreachable", cluster=self.cluster, reason="connection refused")

    def _change(self, what: str, do: Callable[[Any], Any]) -> Any:
        node = self._server()
        result = self._world.effect(f"kube {self.cluster} {what}", lambda: do(node))
        self._sink(ChangeMade(cluster=self.cluster, command=f"kubectl --context {self.cluster} {what}"))
        return result

    def get(self, ref: Ref) -> Object | None:
        found: Object | None = self._server().kube.get(ref)
        return found

    def list(self, ref: Ref, labels: dict[str, str] | None = None) -> Sequence[Object]:
        found: Sequence[Object] = self._server().kube.list(ref, labels)
        return found

    def apply(self, obj: Object, impersonate: str = "") -> Object:
        what = f"apply {obj['kind']}/{obj['metadata']['name']}"
        answer: Object = self._change(what, lambda node: node.kube.apply(obj, impersonate))
        return answer

    def patch(self, ref: Ref, body: Object) -> Object:
        answer: Object = self._change(f"patch {ref.kind}/{ref.name}", lambda node: node.kube.patch(ref, body))
        return answer

    def delete(self, ref: Ref, propagation: str = "Background") -> bool:
        if self._server().kube.get(ref) is None:
            return False
        answer: bool = self._change(f"delete {ref.kind}/{ref.name}", lambda node: node.kube.delete(ref, propagation))
        return answer

    def raw(self, path: str, timeout: float = 5.0) -> tuple[int, str]:
        answer: tuple[int, str] = self._server().kube.raw(path, timeout)
        return answer

    def token(self, namespace: str, account: str, lifetime: float) -> tuple[str, str]:
        def make(node: Node) -> tuple[str, str]:
            assert node.kube is not None
            token, expires = node.kube.token(namespace, account, lifetime)
            return f"{token}@{node.container.id}", expires

        answer: tuple[str, str] = self._change(f"token {account}", make)
        return answer

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str], stdin: str = "") -> CommandResult:
        answer: CommandResult = self._server().kube.exec(namespace, pod, container, argv, stdin)
        return answer

    def version(self) -> str:
        version: str = self._server().kube.version()
        return version


_a_kube: Callable[..., Kube] = WorldKube


# --- the git server -------------------------------------------------------------------------------------------------


class GitProgram:
    """Gitea in its container: accounts, tokens and bare repositories, all in the container's volume."""

    def __init__(self, world: World, container: Container) -> None:
        self.world = world
        self.container = container
        self.password: str | None = None
        self.tokens: dict[str, str] = {}
        self.started = 0.0

    def start(self) -> None:
        self.started = self.world.clock.now()

    def stop(self) -> None:
        """Its data is on disk."""

    @property
    def answers(self) -> bool:
        return self.container.running and self.world.clock.now() - self.started >= GIT_AFTER

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.container.ports[3000]}"

    def path(self, repository: str) -> Path:
        return self.world.docker.volume(self.container) / USER / f"{repository}.git"

    def create(self, repository: str) -> None:
        path = self.path(repository)
        for name in ("objects", "refs"):
            (path / name).mkdir(parents=True, exist_ok=True)
        (path / "HEAD").write_text("ref: refs/heads/main\n")
        (path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")

    def head(self, repository: str, branch: str = "main") -> str:
        ref = self.path(repository) / "refs" / "heads" / branch
        return ref.read_text().strip() if ref.exists() else ""

    def execute(self, argv: list[str]) -> tuple[int, str]:
        """The account command: makes user and token."""
        line = " ".join(argv)
        assert "gitea admin user create --admin --username lab" in line, line
        found = re.search(r"--token-name (\S+)", line)
        assert found, line
        if self.password is None:
            self.password = secrets.token_hex(8)
        token = secrets.token_hex(20)
        self.tokens[found[1]] = token
        return 0, f"{token}\n"


class WorldGitea:
    """A client of the git server: the methods of `lab.git.Gitea` that the lab calls."""

    in_cluster_url = "http://lab-git:3000"

    def __init__(self, world: World, url: str, password: str, **more: Any) -> None:
        self.url = url
        self._world = world
        self._password = password

    def _server(self, authorized: bool = True) -> GitProgram:
        self._world.look()
        for container in list(self._world.docker.all.values()):
            program = container.inside
            if isinstance(program, GitProgram) and program.answers and program.url == self.url:
                if authorized and program.password != self._password:
                    raise LabError("git-failed", reason="status 401", request="GET /user", container="lab-git")
                return program
        raise LabError("git-failed", reason="it did not answer", request="GET", container="lab-git")

    def ready(self) -> str:
        try:
            self._server(authorized=False)
        except LabError as error:
            return error.what
        return ""

    def signed_in(self) -> bool:
        return self._server(authorized=False).password == self._password

    def set_password(self, token: str) -> None:
        program = self._server(authorized=False)
        assert token in program.tokens.values()
        self._world.effect("gitea password", lambda: setattr(program, "password", self._password))

    def remove_token(self, name: str) -> None:
        program = self._server()
        self._world.effect("gitea token", lambda: program.tokens.pop(name, None))

    def repositories(self) -> Sequence[str]:
        folder = self._server().path("x").parent
        return sorted(path.stem for path in folder.glob("*.git"))

    def create(self, repository: str) -> None:
        program = self._server()
        if repository not in self.repositories():
            self._world.effect(f"gitea create {repository}", lambda: program.create(repository))

    def head(self, repository: str, branch: str = "main") -> str:
        return self._server(authorized=False).head(repository, branch)

    def open_pull(self, repository: str, branch: str, title: str, labels: Sequence[str] = ()) -> PullRequest:
        raise NotImplementedError

    def pulls(self, repository: str) -> Sequence[PullRequest]:
        raise NotImplementedError

    def merge_pull(self, repository: str, number: int) -> None:
        raise NotImplementedError

    def close_pull(self, repository: str, number: int) -> None:
        raise NotImplementedError


# --- child processes ------------------------------------------------------------------------------------------------


class WorldShell(SystemShell):
    """kind and docker act on the world; git does, too, by itself or by the real git on the world's volumes."""

    def __init__(self, world: World, sink: Sink) -> None:
        super().__init__(sink)
        self.world = world

    def which(self, program: str) -> Path | None:
        return self.world.tools / program

    def _execute(self, path: Path, command: Command) -> tuple[CommandResult, bool]:
        self.world.look()
        self.world.commands.append(command)
        program = command.argv[0]
        if program == "git":
            return self._git(path, command), False
        if self.world.docker.down:
            return _failed(NO_DAEMON), False
        try:
            return {"kind": self._kind, "docker": self._docker}[program](command), False
        except LabError as error:
            return _failed(error.details or error.what), False

    # --- git -----------------------------------------------------------------------------------------------------

    def _git(self, path: Path, command: Command) -> CommandResult:
        servers = {
            program.url: program.path("x").parent.parent
            for program in (c.inside for c in list(self.world.docker.all.values()))
            if isinstance(program, GitProgram) and program.answers
        }

        def do() -> CommandResult:
            if not self.world.real_git:
                assert command.cwd
                return git.run(command.argv, command.cwd, servers)
            env = [("GIT_CONFIG_COUNT", str(len(servers)))]
            for number, (address, folder) in enumerate(servers.items()):
                env += [(f"GIT_CONFIG_KEY_{number}", f"url.file://{folder}/.insteadOf")]
                env += [(f"GIT_CONFIG_VALUE_{number}", f"{address}/")]
            env += [("HOME", str(self.world.home)), ("PATH", str(self.world.tools)), *command.env]
            started = Command(argv=command.argv, timeout=20, cwd=command.cwd, env=tuple(env))
            return super(WorldShell, self)._execute(path, started)[0]

        words = [word for word in command.argv[1:] if not word.startswith("-") and "=" not in word]
        if set(command.argv) & set(GIT_READS):
            return do()
        half = None
        if words[0] == "clone":
            part = Path(command.argv[-1])
            half = lambda: (part / ".git" / "objects").mkdir(parents=True)  # noqa: E731
        result: CommandResult = self.world.effect(f"git {words[0]}", do, half=half)
        return result

    # --- docker --------------------------------------------------------------------------------------------------

    def _docker(self, command: Command) -> CommandResult:
        docker = self.world.docker
        argv = command.argv
        if argv[1] == "save":
            path, wanted = Path(argv[argv.index("-o") + 1]), argv[argv.index("--") + 1 :]
            missing = [image for image in wanted if image not in docker.images]
            if missing:
                return _failed(f"Error response from daemon: reference does not exist: {missing[0]}")
            text = "\n".join(wanted)
            self.world.effect("docker save", lambda: path.write_text(text), half=lambda: path.write_text(text[:5]))
            return _done()
        assert argv[1:3] == ("exec", "-i"), argv
        assert isinstance(command.stdin, Path)
        images = command.stdin.read_text().splitlines()
        container = docker.all[argv[3]]
        if not container.running:
            return _failed(f"Error response from daemon: container {container.id} is not running")
        self.world.effect(
            f"docker import {container.name}",
            lambda: container.images.update(images),
            half=lambda: container.images.update(images[:1]),
        )
        return _done()

    # --- kind ----------------------------------------------------------------------------------------------------

    def _kind(self, command: Command) -> CommandResult:
        argv = command.argv
        name = argv[argv.index("--name") + 1]
        verb = argv[1:3]
        mine = [c for c in self.world.docker.all.values() if c.labels.get(KIND_LABEL) == name]
        if verb == ("delete", "cluster"):
            if mine:
                self.world.effect(f"kind delete {name}", lambda: [self.world.docker.destroy(c.name) for c in mine])
            return _done(f'Deleting cluster "{name}" ...\n')
        if verb == ("get", "kubeconfig"):
            node = mine[0].inside if mine else None
            if node is None or not node.container.running or node.kube is None:
                return _failed(f"ERROR: could not locate any control plane nodes for cluster named '{name}'")
            return _done(node.kubeconfig())
        assert verb == ("create", "cluster"), argv
        if mine:
            text = f'node(s) already exist for a cluster with the name "{name}"'
            return _failed(f"ERROR: failed to create cluster: {text}")
        return self._create(command, name)

    def _create(self, command: Command, name: str) -> CommandResult:
        argv = command.argv
        config = _yaml(Path(argv[argv.index("--config") + 1]))
        target = Path(argv[argv.index("--kubeconfig") + 1])
        lock = target.with_name(f"{target.name}.lock")
        network = dict(command.env).get("KIND_EXPERIMENTAL_DOCKER_NETWORK", "kind")
        docker, node = self.world.docker, config["nodes"][0]
        ports = {6443: config["networking"]["apiServerPort"]}
        ports |= {mapping["containerPort"]: mapping["hostPort"] for mapping in node["extraPortMappings"]}

        def run() -> Node:
            docker.nets.setdefault(network, {})
            container = Container(
                name=f"{name}-control-plane",
                image=argv[argv.index("--image") + 1],
                id=docker.new_id(),
                labels={KIND_LABEL: name},
                mounts={mount["containerPath"]: mount["hostPath"] for mount in node["extraMounts"]},
                ports=ports,
                networks={network: [f"{name}-control-plane"]},
            )
            container.inside = Node(self.world, container)
            docker.boot(docker.made(container))
            made: Node = container.inside
            return made

        def whole() -> None:
            if lock.exists():
                raise LabError(
                    "docker-failed", problem="x", details=f"failed to lock config file: open {lock}: file exists"
                )
            try:
                made = run()
            except LabError:
                # kind takes back what it made of this cluster.
                for container in [c for c in docker.all.values() if c.labels.get(KIND_LABEL) == name]:
                    docker.destroy(container.name)
                raise
            made.init()
            target.write_text(made.kubeconfig())

        def late() -> None:
            # The cluster runs; kind was about to write the kubeconfig.
            run().init()
            lock.touch()

        self.world.effect(f"kind create {name}", whole, half=run, late=late)
        return _done()


def _yaml(path: Path) -> Any:
    return load_all(path.read_text(encoding="utf-8"))[0]


def _done(stdout: str = "") -> CommandResult:
    return CommandResult(exit_code=0, stdout=stdout, stderr="")


def _failed(stderr: str) -> CommandResult:
    return CommandResult(exit_code=1, stdout="", stderr=f"{stderr}\n")


# --- files ----------------------------------------------------------------------------------------------------------

_watched: list[World] = []
"""The world whose lab runs now."""
_hooked: list[bool] = []
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NAMED_FIRST = ("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod")


def _watch(world: World) -> None:
    """Every file the lab opens for writing, renames or removes in its own home is an effect on that world.

    The interpreter tells of them by audit events, whichever function was called.
    """
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked.append(True)
    _watched[:] = [world]


def _memory() -> str | None:
    """A folder in memory, where the system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextlib.contextmanager
def living(name: str = "lab", real_git: bool = False) -> Iterator[World]:
    """A world for one test, in memory where the system has a folder for that."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        try:
            yield World(Path(folder), name, real_git)
        finally:
            _watched.clear()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or not (event == "open" or event.startswith("os.")):
        return
    world = _watched[0]
    folder = -1
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int):
            return
        changes = bool(isinstance(flags, int) and flags & _WRITING)
    elif event == "os.rename":
        path, folder, changes = arguments[1], arguments[3], True
    elif event in _NAMED_FIRST:
        path, changes = arguments[0], True
        folder = arguments[-1] if event in ("os.remove", "os.rmdir") else -1
    else:
        return
    name = _name(path, folder, world.settings.home)
    if not name:
        return
    world.look()
    if changes and event not in ("os.chmod", "os.truncate"):
        world.file_changes(f"{event.removeprefix('os.')} {name}")


def _name(path: Any, folder: int, home: Path) -> str:
    """The file below the lab's home, without what differs from run to run; empty: it is elsewhere."""
    if isinstance(path, bytes):
        path = path.decode()
    if isinstance(path, int):
        folder, path = path, ""
    text = os.path.join(f"/proc/self/fd/{folder}", path) if folder >= 0 else str(path)  # noqa: PTH118
    if folder >= 0:
        with contextlib.suppress(OSError):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)  # noqa: PTH115, PTH118
    if not text.startswith(f"{home}{os.sep}"):
        return ""
    name = text.removeprefix(f"{home}{os.sep}")
    name = re.sub(r"/\.([^/]+)\.\d+\.[0-9a-f]{8}$", r"/\1 (new)", name)
    return re.sub(r"runs/\d+-(\w+)-\d+", r"runs/\1", name)


def told(events: list[Event], kind: type[Event]) -> list[Any]:
    """Events of one kind, oldest first."""
    return [event for event in events if isinstance(event, kind)]
