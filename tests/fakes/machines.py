"""Machines as doctor sees them: recorded ones, and pieces to change one fact at a time."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.doctor import diagnose
from lab.doctor.machine import Engine, Folder, Machine, Row, Tool
from lab.model import Scenario
from lab.results import Diagnosis
from lab.settings import ARGOCD_VERSION, GIT_IMAGE, NODE_IMAGE, Settings
from lab.state import Options, Record

GIB = 1 << 30
HOME = Path("/home/ann/.local/share/gitops-lab")
NOW = 1_760_000_000.0
ARGOCD_IMAGE = f"quay.io/argoproj/argocd:{ARGOCD_VERSION}"
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.56"
KERNEL = "6.8.0-52-generic"
V134 = "kindest/node:v1.34.0"
WSL_KERNEL = "5.15.167.4-microsoft-standard-WSL2"
DESKTOP_KERNEL = "6.10.14-linuxkit"


def settings(**changes: Any) -> Settings:
    """Defaults, in Ann's home."""
    base = Settings(
        home=HOME,
        cache=Path("/home/ann/.cache/gitops-lab"),
        scenarios_dir=Path("/opt/lab/scenarios"),
        manifests_dir=Path("/opt/lab/manifests"),
    )
    return replace(base, **changes)


def scenario(workers: int = 2, instances: int = 1, name: str = "centralized", include: str = "") -> Scenario:
    """A hub and its workers; the first `instances` clusters run an Argo CD."""
    names = ["hub", *(f"w{n}" for n in range(1, workers + 1))]
    repository = {"name": "platform", "from": "gitops"}
    if include:
        repository["include"] = [{"release": include, "to": "argocd.yaml"}]  # type: ignore[assignment]
    return Scenario.model_validate(
        {
            "id": f"03-multi-cluster/{name}",
            "folder": Path("/opt/lab/scenarios/03-multi-cluster") / name,
            "metadata": {"name": name, "title": "A fleet", "level": "beginner", "minutes": 30},
            "spec": {
                "clusters": [{"name": n, "role": "management" if n == "hub" else "workload"} for n in names],
                "argocd": [{"on": n} for n in names[:instances]],
                "repositories": [repository],
                "images": [AGNHOST],
            },
        }
    )


def meminfo(total: float, available: float, swap: float = 0.0) -> str:
    """/proc/meminfo; GiB."""
    rows = {"MemTotal": total, "MemFree": available / 2, "MemAvailable": available, "SwapTotal": swap, "SwapFree": swap}
    return "".join(f"{name}:{int(gib * (1 << 20)):>15} kB\n" for name, gib in rows.items())


def routes(*lines: tuple[str, str, int]) -> str:
    """/proc/net/route; interface, network, prefix length."""
    text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    for face, network, prefix in (("eth0", "0.0.0.0", 0), ("eth0", "192.168.1.0", 24), *lines):
        address = bytes(int(part) for part in network.split("."))[::-1].hex().upper()
        mask = ((0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF).to_bytes(4, "big")[::-1].hex().upper()
        text += f"{face}\t{address}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"
    return text


FILES = {
    "/etc/os-release": 'NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n',
    "/proc/key-users": "    0:   131 130/130 61/1000000 1187/25000000\n 1000:     7 7/7 7/200 91/20000\n",
    "/proc/loadavg": "0.42 0.37 0.35 1/1873 91834\n",
    "/proc/meminfo": meminfo(15.5, 11.2, 2.0),
    "/proc/net/route": routes(("docker0", "172.17.0.0", 16)),
    "/proc/sys/fs/file-nr": "21056\t0\t9223372036854775807\n",
    "/proc/sys/fs/inotify/max_user_instances": "512\n",
    "/proc/sys/fs/inotify/max_user_watches": "122406\n",
    "/proc/sys/kernel/keys/maxkeys": "200\n",
    "/proc/sys/kernel/keys/root_maxkeys": "1000000\n",
    "/proc/sys/kernel/pid_max": "4194304\n",
    "/proc/sys/kernel/threads-max": "126391\n",
}


def bridge(name: str, subnet: str = "", labels: dict[str, str] | None = None) -> Row:
    """A network as the engine lists it."""
    return {
        "Name": name,
        "Id": f"{name.encode().hex():0<64}"[:64],
        "Driver": "bridge",
        "IPAM": {"Config": [{"Subnet": subnet}] if subnet else []},
        "Options": {"com.docker.network.bridge.name": "docker0"} if name == "bridge" else {},
        "Labels": labels or {},
    }


def node(
    cluster: str, mark: Path | None = HOME / "labs" / "lab" / "mark", state: str = "running", port: int = 0
) -> Row:
    """A kind node as the engine lists it; with a mark, the lab's own."""
    return {
        "Names": [f"/{cluster}-control-plane"],
        "State": state,
        "Labels": {"io.x-k8s.kind.cluster": cluster, "io.x-k8s.kind.role": "control-plane"},
        "Mounts": [{"Type": "bind", "Source": str(mark), "Destination": "/etc/gitops-lab"}] if mark else [],
        "Ports": [{"IP": "127.0.0.1", "PrivatePort": 6443, "PublicPort": port, "Type": "tcp"}] if port else [],
    }


def container(name: str, labels: dict[str, str] | None = None, state: str = "running", port: int = 0) -> Row:
    """Any other container."""
    return {
        "Names": [f"/{name}"],
        "State": state,
        "Labels": labels or {},
        "Mounts": [],
        "Ports": [{"IP": "127.0.0.1", "PrivatePort": 3000, "PublicPort": port, "Type": "tcp"}] if port else [],
    }


GIT = container("lab-git", {"gitops-lab.name": "lab", "gitops-lab.role": "git"}, port=40003)
"""The git server of the lab called `lab`."""


def record(complete: bool = True, **changes: Any) -> Record:
    """What the lab folder says of a centralized lab."""
    base = Record(
        name="lab",
        scenario="03-multi-cluster/centralized",
        folder="/opt/lab/scenarios/03-multi-cluster/centralized",
        provider="kind",
        digest="d",
        ports={"api:hub": 40000, "api:w1": 40001, "api:w2": 40002, "git": 40003},
        complete=complete,
    )
    return replace(base, **changes)


INFO: dict[str, Any] = {
    "ServerVersion": "27.5.1",
    "OperatingSystem": "Ubuntu 24.04.2 LTS",
    "OSType": "linux",
    "Architecture": "x86_64",
    "KernelVersion": KERNEL,
    "CgroupVersion": "2",
    "CgroupDriver": "systemd",
    "MemTotal": int(15.5 * GIB),
    "NCPU": 8,
    "MemoryLimit": True,
    "PidsLimit": True,
    "CPUShares": True,
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]],
    "DockerRootDir": "/var/lib/docker",
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
    "SystemTime": "2025-10-09T08:53:20.417342915Z",
    "Name": "ann-laptop",
    "Warnings": None,
}
VERSION = {"ApiVersion": "1.47", "MinAPIVersion": "1.24", "Components": [{"Name": "Engine"}, {"Name": "containerd"}]}
TOOLS = {
    "docker": Tool(path="/usr/bin/docker", output="Docker version 27.5.1, build 9f9e405"),
    "kind": Tool(path="/usr/local/bin/kind", output="kind version 0.32.0"),
    "kubectl": Tool(path="/usr/local/bin/kubectl", output="Client Version: v1.36.1\nKustomize Version: v5.8.0"),
    "git": Tool(path="/usr/bin/git", output="git version 2.43.0"),
}
IMAGES = {NODE_IMAGE: True, ARGOCD_IMAGE: True, GIT_IMAGE: True, AGNHOST: True}
CORE = {"core-install": ("/home/ann/.cache/gitops-lab/argocd/v3.6.1/core-install.yaml", "")}


def ubuntu() -> Machine:
    """Ubuntu 24.04, eight processors, Docker Engine, everything installed, no lab yet."""
    return Machine(
        system="Linux",
        kernel=KERNEL,
        architecture="x86_64",
        uid=1000,
        python=(3, 12, 3),
        open_files=1024,
        environment={"LANG": "en_US.UTF-8", "TERM": "xterm-256color", "encoding": "UTF-8"},
        files=FILES,
        tools=TOOLS,
        engine=Engine(
            info=INFO,
            version=VERSION,
            containers=(),
            networks=(bridge("bridge", "172.17.0.0/16"), {"Name": "host", "Id": "h", "Driver": "host", "IPAM": {}}),
            images=IMAGES,
            asked=(NOW, NOW + 0.8),
        ),
        default_answers=True,
        inotify={1000: (63, 4021)},
        home=Folder(path=str(HOME), exists=False, free=180 * GIB, kind="ext4"),
        cache=Folder(path="/home/ann/.cache/gitops-lab", free=180 * GIB, kind="ext4"),
        docker_root=Folder(path="/var/lib/docker", private=False, writable=False, free=180 * GIB, kind="ext4"),
        manifests=CORE,
    )


def with_info(machine: Machine, **changes: Any) -> Machine:
    """Another answer of the engine."""
    assert machine.engine is not None
    return replace(machine, engine=replace(machine.engine, info={**(machine.engine.info or {}), **changes}))


def with_engine(machine: Machine, **changes: Any) -> Machine:
    assert machine.engine is not None
    return replace(machine, engine=replace(machine.engine, **changes))


def with_files(machine: Machine, files: dict[str, str]) -> Machine:
    return replace(machine, files={**machine.files, **files})


def with_tool(machine: Machine, name: str, **tool: str) -> Machine:
    return replace(machine, tools={**machine.tools, name: Tool(**tool)})


def unreached(machine: Machine, code: str, host: str = "unix:///var/run/docker.sock") -> Machine:
    """The same machine when its Docker cannot be reached."""
    return replace(machine, engine=Engine(host=host, code=code), default_answers=False, docker_root=None)


def wsl(machine: Machine | None = None) -> Machine:
    """Docker Engine inside a WSL 2 distribution."""
    plain = machine or ubuntu()
    return with_info(
        with_files(replace(plain, kernel=WSL_KERNEL), {"/proc/meminfo": meminfo(7.7, 6.1, 2.0)}),
        KernelVersion=WSL_KERNEL,
        MemTotal=int(7.7 * GIB),
        CgroupDriver="cgroupfs",
    )


def mac() -> Machine:
    """Docker Desktop on Apple silicon: nothing of the kernel can be read."""
    desktop = with_info(
        ubuntu(),
        OperatingSystem="Docker Desktop",
        Architecture="aarch64",
        KernelVersion=DESKTOP_KERNEL,
        MemTotal=int(7.65 * GIB),
        Name="docker-desktop",
    )
    host = "unix:///Users/ann/.docker/run/docker.sock"
    return with_engine(
        replace(
            desktop,
            system="Darwin",
            kernel="24.3.0",
            architecture="arm64",
            uid=501,
            files={"~/.docker/daemon.json": '{"builder": {"gc": {"enabled": true}}, "experimental": false}'},
            open_files=256,
            inotify=None,
            docker_root=None,
            cli_host=host,
            cli_source="context desktop-linux",
            home=Folder(path=str(HOME), exists=False, free=60 * GIB),
            cache=Folder(path="/home/ann/.cache/gitops-lab", free=60 * GIB),
        ),
        host=host,
    )


def rootless() -> Machine:
    """Rootless Docker with every controller delegated."""
    host = "unix:///run/user/1000/docker.sock"
    plain = with_info(
        ubuntu(),
        SecurityOptions=["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"],
        DockerRootDir="/home/ann/.local/share/docker",
    )
    return with_engine(
        with_files(
            replace(plain, cli_host=host, cli_source="context rootless"),
            {
                "/proc/sys/fs/inotify/max_user_instances": "512\n",
                "/proc/sys/kernel/keys/maxkeys": "2000\n",
                "/proc/key-users": "    0:   131 130/130 61/1000000 1187/25000000\n 1000:     7 7/7 7/2000 91/20000\n",
                "user.slice/pids.max": "31597\n",
                "user.slice/pids.current": "1402\n",
            },
        ),
        host=host,
    )


@dataclass(frozen=True, kw_only=True)
class Look:
    """A machine and what doctor is asked about it."""

    machine: Machine
    scenario: Scenario | None = field(default_factory=lambda: scenario())
    settings: Settings = field(default_factory=lambda: settings())
    name: str = "lab"
    options: Options | None = None
    provider: str = "kind"

    def diagnose(self) -> Diagnosis:
        return diagnose(self.settings, self.scenario, self.name, self.machine, self.options, self.provider)


@dataclass(frozen=True, kw_only=True)
class Failure(Look):
    id: str
    verdict: str = "problem"
    detail: str
    """Part of the finding's detail: the figures."""
    fix: str
    """The whole fix."""
    also: tuple[str, ...] = ()
    """Other findings that must not be ok, e.g. because the same cause shows twice."""
