"""A machine as data: everything doctor knows comes from one frozen snapshot, so a recorded machine judges the same."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, TypeVar

from lab.state import Record

T = TypeVar("T")
Row = Mapping[str, Any]
DEFAULT_HOST = "unix:///var/run/docker.sock"
KIND_CLUSTER = "io.x-k8s.kind.cluster"
"""Label kind puts on every node container; its value is the cluster's name."""


class Unanswered(Exception):
    """A fact that is needed is not known; the text says why."""


def told(fact: T | None, why: str) -> T:
    """The fact, or Unanswered when the machine did not tell it."""
    if fact is None:
        raise Unanswered(why)
    return fact


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One program."""

    path: str = ""
    """Absolute; empty when it is not on PATH."""
    output: str = ""
    """What it prints about its version."""
    failure: str = ""
    """Why it could not be started."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of the lab or of Docker and the filesystem it is or would be on."""

    path: str
    exists: bool = True
    writable: bool = True
    """For a missing folder: whether it can be made."""
    private: bool = True
    """Nobody but its owner may look inside; true for a missing folder."""
    free: int = 0
    """Bytes an ordinary user may still write."""
    kind: str = ""
    """Filesystem, e.g. `ext4`; empty where the system does not tell."""
    noexec: bool = False


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What the Docker engine said. A part that did not come in time is None."""

    host: str = DEFAULT_HOST
    code: str = ""
    """Why it could not be reached: `docker-missing`, `docker-stopped` or `docker-denied`; empty: it was."""
    info: Row | None = None
    version: Row | None = None
    containers: Sequence[Row] | None = None
    networks: Sequence[Row] | None = None
    images: Mapping[str, bool] | None = None
    """By reference: whether the image is on this machine."""
    asked: tuple[float, float] = (0.0, 0.0)
    """Seconds since the epoch on this machine, before and after `info` was asked."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The snapshot. Facts that do not exist on a system (files of /proc on macOS) are left out."""

    system: str = "Linux"
    """As `uname -s`: `Linux` or `Darwin`."""
    kernel: str = ""
    """As `uname -r`."""
    architecture: str = "x86_64"
    """As `uname -m`."""
    uid: int = 1000
    python: tuple[int, int, int] = (3, 11, 0)
    open_files: int | None = None
    """Files one process of this user may open."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """A few variables; of a proxy only that it is set."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Content of small system files by path."""
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """`docker`, `kind`, `kubectl`, `git`; one that did not answer in time is left out."""
    engine: Engine | None = None
    """None: no answer in time."""
    docker_config: Row = field(default_factory=dict)
    """Of the docker program's `config.json` only `proxies`."""
    cli_host: str = DEFAULT_HOST
    """The engine the docker program, and with it kind, talks to."""
    cli_source: str = ""
    """Who says so: `DOCKER_HOST`, `context NAME`, or empty for the default."""
    default_answers: bool = False
    """Whether something listens on the default socket."""
    inotify: Mapping[int, tuple[int, int]] | None = None
    """By user id the instances and watches in use; only of users whose processes could be looked into."""
    home: Folder | None = None
    cache: Folder | None = None
    docker_root: Folder | None = None
    """Only when the engine keeps its data on this machine."""
    record: Record | None = None
    record_problem: str = ""
    holder: str = ""
    """The command that holds the lab now, in one line."""
    taken_ports: frozenset[int] = frozenset()
    """Ports of the record that something listens on."""
    served: Mapping[str, int] = field(default_factory=dict)
    """Ports that the lab's own simulator listens on, by purpose as in the record."""
    manifests: Mapping[str, tuple[str, str]] | None = None
    """Argo CD's release manifests by name: where it is, empty for nowhere; and why it cannot be used."""

    # --- the engine ---------------------------------------------------------------------------------------------

    def answered(self) -> Engine:
        """The engine, when it could be reached."""
        engine = told(self.engine, "Docker did not answer in time")
        if engine.code:
            raise Unanswered("Docker cannot be reached")
        return engine

    def info(self) -> Row:
        return told(self.answered().info, "Docker did not answer in time")

    def containers(self) -> Sequence[Row]:
        return told(self.answered().containers, "Docker did not answer in time")

    def shares_kernel(self) -> bool:
        """Whether the engine runs on the kernel that this snapshot was taken on."""
        info = self.info()
        return (
            self.system == "Linux"
            and self.answered().host.startswith("unix://")
            and bool(self.kernel)
            and info.get("KernelVersion") == self.kernel
        )

    def own_kernel(self) -> None:
        """Unanswered when the engine has a kernel of its own, whose figures cannot be read from here."""
        if not self.shares_kernel():
            raise Unanswered("Docker runs in a virtual machine or elsewhere; its kernel cannot be read from here")

    def rootless(self) -> bool:
        return any("name=rootless" in option for option in self.info().get("SecurityOptions") or ())

    def desktop(self) -> bool:
        """Whether it is Docker Desktop, which keeps its engine in a virtual machine."""
        return self.info().get("OperatingSystem") == "Docker Desktop"

    def podman(self) -> bool:
        """Whether Podman answers in Docker's place."""
        version = self.answered().version or {}
        names = " ".join(str(part.get("Name", "")) for part in version.get("Components") or ())
        return "podman" in names.lower()

    # --- the system ---------------------------------------------------------------------------------------------

    def number(self, path: str) -> int:
        """A file that holds one number."""
        return int(told(self.files.get(path), f"{path} cannot be read"))

    def memory(self) -> dict[str, int]:
        """/proc/meminfo in bytes."""
        text = told(self.files.get("/proc/meminfo"), "/proc/meminfo cannot be read")
        return {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}

    def distribution(self) -> set[str]:
        """`ID` and `ID_LIKE` of os-release."""
        words = re.findall(r"^ID(?:_LIKE)?=\"?([^\"\n]*)", self.files.get("/etc/os-release", ""), re.M)
        return set(" ".join(words).split())

    def wsl(self) -> int:
        """0: not the Windows Subsystem for Linux, else its version."""
        if "microsoft" not in self.kernel.lower():
            return 0
        return 2 if "microsoft-standard" in self.kernel or "WSL2" in self.kernel else 1

    def routes(self) -> list[tuple[str, IPv4Network]]:
        """Interface and range of every IPv4 route but the default ones (`man 5 proc_pid_net`)."""
        table = told(self.files.get("/proc/net/route"), "routes cannot be read")
        found = []
        for line in table.splitlines()[1:]:
            columns = line.split()
            if len(columns) < 8:
                continue
            address, mask = (int.from_bytes(bytes.fromhex(columns[i]), "little") for i in (1, 7))
            network = IPv4Network((address, mask.bit_count()), strict=False)
            # A VPN that takes everything does so with two halves: they are default routes in disguise.
            if network.prefixlen > 1:
                found.append((columns[0], network))
        return found


def numbers(text: str) -> tuple[int, int, int]:
    """The first version number of a text, e.g. `kind version 0.32.0` -> (0, 32, 0)."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise Unanswered(f"no version number in {text.strip()[:60]!r}")
    return int(match[1]), int(match[2]), int(match[3] or 0)
