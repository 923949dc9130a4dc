"""The protocols between the layers. Each has one real implementation and one fake for tests, or more."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from lab.events import Event
from lab.model import Capability, Cluster

Object = dict[str, Any]
"""A Kubernetes object as plain data."""


class Sink(Protocol):
    """Takes events; called from many threads."""

    def __call__(self, event: Event) -> None: ...


class Clock(Protocol):
    """Time as the lab sees it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        """Let time pass; True when cancelled meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A child process as a value."""

    argv: tuple[str, ...]
    """Program and arguments; never a secret, never through a shell."""
    timeout: float
    """Seconds; then the whole process group is asked to end."""
    grace: float = 5.0
    """Seconds between asking it to end and killing it; more for scripts that tidy up."""
    env: tuple[tuple[str, str], ...] = ()
    """Set on top of a small allow-list of the caller's environment."""
    cwd: Path | None = None
    stdin: str | Path | None = None
    """Text, or a file to read from."""
    step: str = ""
    cluster: str = ""
    changes: bool = False
    """Whether it changes something outside the lab folder."""
    secrets: tuple[str, ...] = ()
    """Texts that are replaced by `***` in output, events and errors."""
    inherits: tuple[int, ...] = ()
    """File descriptors the child gets as they are, such as a lock that is to last as long as it runs."""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    exit_code: int
    stdout: str
    stderr: str
    seconds: float = 0.0


class Shell(Protocol):
    """The one door to child processes."""

    def run(self, command: Command, check: bool = True) -> CommandResult:
        """Run it to its end. With check, a non-zero exit, a missing program or a timeout raises LabError."""

    def which(self, program: str) -> Path | None:
        """Absolute path of a program, or None."""


@dataclass(frozen=True, kw_only=True)
class Ref:
    """Names one object, or with an empty name a collection."""

    kind: str
    name: str = ""
    namespace: str = ""
    api_version: str = ""
    """Empty for kinds that `lab.kube` knows."""


class Kube(Protocol):
    """One cluster's API. Every call has a time limit; refusals raise KubeError with the API's own reason."""

    cluster: str

    def get(self, ref: Ref) -> Object | None:
        """The object, or None when it, its namespace or its kind does not exist."""

    def list(self, ref: Ref, labels: dict[str, str] | None = None) -> Sequence[Object]:
        """All objects of the kind, in one namespace or everywhere; empty when the kind does not exist."""

    def apply(self, obj: Object, impersonate: str = "", dry_run: bool = False) -> Object:
        """Server-side apply as field manager `gitops-lab`, conflicts forced; a dry run is judged and not kept."""

    def patch(self, ref: Ref, body: Object) -> Object:
        """JSON merge patch."""

    def delete(self, ref: Ref, propagation: str = "Background") -> bool:
        """False when it was not there."""

    def raw(self, path: str, timeout: float = 5.0) -> tuple[int, str]:
        """GET any path; status code and body. Raises only when the server cannot be reached."""

    def token(self, namespace: str, account: str, lifetime: float) -> tuple[str, str]:
        """A token of a service account and its RFC 3339 end; lifetime in seconds."""

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str], stdin: str = "") -> CommandResult:
        """Run a program in a container and wait for it (60 s at most)."""

    def version(self) -> str:
        """The server's `gitVersion`."""


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    number: int
    title: str
    branch: str
    labels: tuple[str, ...]
    state: str
    """`open`, `closed` or `merged`."""


class GitServer(Protocol):
    """The lab's git server and what the learner's copy needs. Repositories belong to user `lab`."""

    url: str
    """On this machine, e.g. `http://127.0.0.1:40123`."""
    in_cluster_url: str
    """`http://lab-git:3000`."""

    def ready(self) -> str:
        """Empty when it answers, else why not."""

    def signed_in(self) -> bool:
        """Whether the account exists and has this lab's password."""

    def repositories(self) -> Sequence[str]: ...

    def create(self, repository: str) -> None:
        """An empty repository; nothing happens when it exists."""

    def head(self, repository: str, branch: str = "main") -> str:
        """Commit id, or empty when the branch does not exist."""

    def open_pull(self, repository: str, branch: str, title: str, labels: Sequence[str] = ()) -> PullRequest: ...

    def pulls(self, repository: str) -> Sequence[PullRequest]: ...

    def merge_pull(self, repository: str, number: int) -> None: ...

    def close_pull(self, repository: str, number: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Node:
    """What a provider knows of one cluster without asking its API."""

    cluster: str
    state: str
    """`running`, `paused`, `partial` or `absent`."""
    memory_bytes: int = 0
    """0: not asked for, or the provider cannot tell."""


class Provider(Protocol):
    """Where clusters come from. Everything above it talks Kubernetes and git."""

    name: str
    capabilities: frozenset[Capability]

    def nodes(self, memory: bool = False) -> Sequence[Node]:
        """Every cluster of this lab that exists, by reading labels and marks, not the lab folder."""

    def ports(self) -> dict[str, int]:
        """Loopback ports that existing parts are bound to, by purpose: `api:hub`, `ui:hub`, `git`."""

    def prepare(self, images: Sequence[str]) -> None:
        """What all clusters share: the network, images on this machine, a process. Probes first."""

    def prepared(self, images: Sequence[str]) -> bool: ...

    def create(self, cluster: Cluster) -> None:
        """Bring up the cluster and its private kubeconfig; a half-made one is removed first."""

    def stage(self, images: Sequence[str]) -> None:
        """Make ready, once for all clusters, what `load` needs; pulls what this machine lacks."""

    def staged(self, images: Sequence[str]) -> bool: ...

    def load(self, cluster: str, images: Sequence[str]) -> None:
        """Make images available inside; only those it lacks."""

    def loaded(self, cluster: str, images: Sequence[str]) -> bool: ...

    def delete(self, cluster: str) -> None:
        """Remove the cluster and its kubeconfig; nothing happens when it is gone."""

    def pause(self, cluster: str) -> None: ...

    def resume(self, cluster: str) -> None: ...

    def kubeconfig(self, cluster: str) -> Path:
        """Private kubeconfig with one context named as the cluster; made again when it was lost."""

    def kube(self, cluster: str) -> Kube: ...

    def server(self, cluster: str) -> str:
        """API address inside the lab's network, e.g. `https://lab-w1-control-plane:6443`."""

    def ca(self, cluster: str) -> str:
        """PEM of the authority that signed the API's certificate."""

    def ui_url(self, cluster: str) -> str:
        """Where the Argo CD UI of that cluster is reached on this machine; empty where there is none."""

    def argocd(self, name: Literal["core-install", "install"]) -> list[Object]:
        """Argo CD's objects as they are released for these clusters, without the lab's patches; the caller's own.

        :param name: `core-install`, or `install` with the API server and its UI
        """

    def log(self, cluster: str = "") -> str:
        """The command that shows what a cluster, or without one the git server, has to say about itself."""

    def start_git(self) -> None: ...

    def stop_git(self) -> None: ...

    def git(self) -> GitServer: ...

    def git_running(self) -> bool: ...

    def remove_shared(self) -> None:
        """Git server, networks and archives that no cluster of this lab needs any more."""


Probe = Callable[[], str]
"""Empty when the awaited state is there, else what is seen instead."""
