"""Recorded machines: on a healthy one nothing is a problem; each failure gives its own finding and the right fix."""

import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lab.doctor import CHECKS, diagnose
from lab.doctor.machine import Engine, Machine, Tool
from lab.model import Scenario
from lab.results import Diagnosis, Finding
from lab.settings import GIT_IMAGE, NODE_IMAGE, Settings
from lab.state import Options
from tests.fakes import machines as m

V134 = "kindest/node:v1.34.0"


@dataclass(frozen=True, kw_only=True)
class Look:
    """A machine and what doctor is asked about it."""

    machine: Machine
    scenario: Scenario | None = field(default_factory=m.scenario)
    settings: Settings = field(default_factory=m.settings)
    name: str = "lab"
    options: Options | None = None

    def diagnose(self) -> Diagnosis:
        return diagnose(self.settings, self.scenario, self.name, self.machine, self.options)


def running_lab() -> Machine:
    nodes = tuple(m.node(f"lab-{name}", port=40000 + i) for i, name in enumerate(("hub", "w1", "w2")))
    return replace(
        m.with_engine(m.ubuntu(), containers=(*nodes, m.GIT), networks=(m.bridge("kind", "172.18.0.0/16"),)),
        record=m.record(),
        taken_ports=frozenset({40000, 40001, 40002, 40003}),
    )


HEALTHY: dict[str, Look] = {
    "ubuntu 24.04, Docker Engine": Look(machine=m.ubuntu()),
    "no scenario asked for": Look(machine=m.ubuntu(), scenario=None),
    "debian 12 on arm64 with its own Docker": Look(
        machine=m.with_info(
            m.with_files(
                replace(m.ubuntu(), architecture="aarch64", kernel="6.1.0-31-arm64"),
                {"/etc/os-release": "ID=debian\n", "/proc/sys/kernel/pid_max": "32768\n"},
            ),
            Architecture="aarch64",
            KernelVersion="6.1.0-31-arm64",
            ServerVersion="20.10.24+dfsg1",
        )
    ),
    "fedora on btrfs": Look(
        machine=m.with_info(
            m.with_files(m.ubuntu(), {"/etc/os-release": "ID=fedora\n"}),
            DriverStatus=[["Backing Filesystem", "btrfs"]],
            SecurityOptions=["name=seccomp,profile=builtin", "name=selinux", "name=cgroupns"],
        )
    ),
    "two cores and 8 GiB": Look(
        machine=m.with_info(
            m.with_files(m.ubuntu(), {"/proc/meminfo": m.meminfo(7.7, 5.0)}), NCPU=2, MemTotal=int(7.7 * m.GIB)
        )
    ),
    "Docker 29 with containerd's image store": Look(
        machine=m.with_tool(
            m.with_engine(
                m.with_info(
                    m.ubuntu(),
                    ServerVersion="29.0.1",
                    Driver="overlayfs",
                    DriverStatus=[["driver-type", "io.containerd.snapshotter.v1"]],
                ),
                version={**m.VERSION, "ApiVersion": "1.52", "MinAPIVersion": "1.44"},
            ),
            "docker",
            path="/usr/bin/docker",
            output="Docker version 29.0.1, build eedd969",
        )
    ),
    "WSL 2 with Docker Engine": Look(machine=m.wsl()),
    "WSL 2 with Docker Desktop": Look(
        machine=replace(
            m.with_info(
                m.wsl(), OperatingSystem="Docker Desktop", Name="docker-desktop", DockerRootDir="/var/lib/docker"
            ),
            docker_root=None,
        )
    ),
    "Docker Desktop on a Mac": Look(machine=m.mac()),
    "Colima on an Intel Mac": Look(
        machine=m.with_engine(
            m.with_info(
                replace(m.mac(), architecture="x86_64", cli_host="unix:///Users/ann/.colima/default/docker.sock"),
                OperatingSystem="Ubuntu 24.04.1 LTS",
                Architecture="x86_64",
                Name="colima",
            ),
            host="unix:///Users/ann/.colima/default/docker.sock",
        )
    ),
    "Docker Desktop on Linux": Look(
        machine=m.with_engine(
            m.with_info(
                replace(m.ubuntu(), cli_host="unix:///home/ann/.docker/desktop/docker.sock", cli_source="context d"),
                OperatingSystem="Docker Desktop",
                KernelVersion=m.DESKTOP_KERNEL,
            ),
            host="unix:///home/ann/.docker/desktop/docker.sock",
        )
    ),
    "rootless Docker, everything delegated": Look(machine=m.rootless()),
    "cgroup v1 with an older node image": Look(
        machine=m.with_engine(m.with_info(m.ubuntu(), CgroupVersion="1"), images={**m.IMAGES, V134: True}),
        settings=m.settings(node_image=V134),
    ),
    "root, who can count inotify": Look(machine=replace(m.ubuntu(), uid=0, inotify={0: (31, 502), 1000: (60, 4000)})),
    "nothing fetched yet": Look(
        machine=replace(
            m.with_engine(m.ubuntu(), images=dict.fromkeys(m.IMAGES, False)), manifests={"core-install": ("", "")}
        )
    ),
    "the lab runs and fills the memory": Look(
        machine=m.with_files(
            running_lab(), {"/proc/meminfo": m.meminfo(4.0, 0.4), "/proc/sys/kernel/pid_max": "2500\n"}
        )
    ),
    "the lab is paused": Look(
        machine=replace(
            m.with_engine(
                m.ubuntu(), containers=tuple(m.node(f"lab-{name}", state="exited") for name in ("hub", "w1", "w2"))
            ),
            record=m.record(),
        )
    ),
    "somebody else's kind clusters": Look(
        machine=m.with_engine(
            m.ubuntu(),
            containers=(m.node("kind", mark=None), m.node("labrador-hub", mark=None), m.node("lab-demo", mark=None)),
            networks=(m.bridge("bridge", "172.17.0.0/16"), m.bridge("kind", "172.18.0.0/16")),
        )
    ),
    "a VPN that takes all traffic": Look(
        machine=m.with_files(
            m.with_engine(m.ubuntu(), networks=(m.bridge("kind", "172.18.0.0/16"),)),
            {"/proc/net/route": m.routes(("tun0", "0.0.0.0", 1), ("tun0", "128.0.0.0", 1), ("tun0", "10.8.0.0", 24))},
        )
    ),
    "a proxy, loopback exempt": Look(
        machine=replace(
            m.ubuntu(),
            environment={
                **m.ubuntu().environment,
                "HTTPS_PROXY": "set",
                "https_proxy": "set",
                "no_proxy": "localhost,127.0.0.0/8,.corp.example",
            },
        )
    ),
    "a second lab beside the first": Look(
        machine=m.with_engine(m.ubuntu(), containers=(m.node("lab-hub"), m.GIT)), name="other"
    ),
    "Docker Desktop shows mounts under its own root": Look(
        machine=replace(
            m.with_engine(
                m.mac(), containers=(m.node("lab-hub", mark=Path(f"/host_mnt{m.HOME}/labs/lab/mark"), port=40000),)
            ),
            record=m.record(),
            taken_ports=frozenset({40000}),
        )
    ),
    "Argo CD with its UI, another release manifest": Look(
        machine=replace(m.ubuntu(), manifests={"install": ("/opt/manifests/argocd/v3.6.1/install.yaml", "")}),
        options=Options(ui=True),
    ),
}


@pytest.mark.parametrize("look", HEALTHY.values(), ids=HEALTHY.keys())
def test_a_healthy_machine_has_no_problem(look: Look) -> None:
    found = look.diagnose()
    assert [f for f in found.findings if f.verdict == "problem"] == []
    assert found.ready
    assert found.provider == "kind"


def test_a_complete_machine_is_ok_throughout() -> None:
    assert {f.verdict for f in Look(machine=m.ubuntu()).diagnose().findings} == {"ok"}


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


def env(**variables: str) -> dict[str, str]:
    return {**m.ubuntu().environment, **variables}


SYSCTL = "echo {} | sudo tee -a /etc/sysctl.d/99-gitops-lab.conf && sudo sysctl --system"
GET_DOCKER = "curl -fsSL https://get.docker.com | sudo sh    # other ways: https://docs.docker.com/engine/install/"
GET_KIND = (
    "curl -fLo kind https://kind.sigs.k8s.io/dl/v0.32.0/kind-linux-{} && sudo install kind /usr/local/bin/ && rm kind"
)
GET_KUBECTL = (
    "curl -fLO https://dl.k8s.io/release/v1.36.1/bin/linux/amd64/kubectl && "
    "sudo install kubectl /usr/local/bin/ && rm kubectl"
)
WSLCONFIG = (
    "printf '[wsl2]\\n{}\\n' >> "
    "\"$(wslpath \"$(cmd.exe /c 'echo %USERPROFILE%' 2>/dev/null | tr -d '\\r')\")/.wslconfig\" && wsl.exe --shutdown"
)
LAB_JSON = f"{m.HOME}/labs/lab/lab.json"
TCP = "tcp://10.1.2.3:2375"
FOURTEEN = m.scenario(workers=13)
KIND_NET = (m.bridge("bridge", "172.17.0.0/16"), m.bridge("kind", "172.18.0.0/16"))

FAILURES: dict[str, Failure] = {
    # --- Docker ---
    "no Docker on Linux": Failure(
        machine=replace(m.unreached(m.ubuntu(), "docker-missing"), tools={**m.TOOLS, "docker": Tool()}),
        id="docker-missing",
        detail="neither the docker program nor a socket",
        fix=GET_DOCKER,
    ),
    "no Docker on a Mac": Failure(
        machine=replace(m.unreached(m.mac(), "docker-missing"), tools={**m.TOOLS, "docker": Tool()}, cli_source=""),
        id="docker-missing",
        detail="neither the docker program nor a socket",
        fix="brew upgrade --cask docker-desktop || brew install --cask docker-desktop",
    ),
    "Docker stopped": Failure(
        machine=m.unreached(m.ubuntu(), "docker-stopped"),
        id="docker-stopped",
        detail="nothing answers at unix:///var/run/docker.sock",
        fix="sudo systemctl start docker",
    ),
    "Docker stopped in WSL": Failure(
        machine=m.unreached(m.wsl(), "docker-stopped"),
        id="docker-stopped",
        detail="nothing answers",
        fix="sudo service docker start",
    ),
    "Docker Desktop not started": Failure(
        machine=m.unreached(m.mac(), "docker-stopped", "unix:///Users/ann/.docker/run/docker.sock"),
        id="docker-stopped",
        detail="nothing answers at unix:///Users/ann/.docker/run/docker.sock",
        fix="open -a Docker",
    ),
    "rootless Docker stopped": Failure(
        machine=m.unreached(m.rootless(), "docker-stopped", "unix:///run/user/1000/docker.sock"),
        id="docker-stopped",
        detail="nothing answers at unix:///run/user/1000/docker.sock",
        fix="systemctl --user start docker",
    ),
    "Docker elsewhere does not answer": Failure(
        machine=replace(m.unreached(m.ubuntu(), "docker-stopped", TCP), cli_host=TCP, cli_source="DOCKER_HOST"),
        id="docker-stopped",
        detail=f"nothing answers at {TCP}",
        fix=f"unset DOCKER_HOST    # or start Docker at {TCP}",
    ),
    "not in group docker": Failure(
        machine=m.unreached(m.ubuntu(), "docker-denied"),
        id="docker-denied",
        detail="your user may not open unix:///var/run/docker.sock",
        fix='sudo usermod -aG docker "$USER" && newgrp docker',
    ),
    "DOCKER_HOST left from yesterday": Failure(
        machine=replace(
            m.unreached(m.ubuntu(), "docker-stopped", TCP),
            cli_host=TCP,
            cli_source="DOCKER_HOST",
            default_answers=True,
        ),
        id="docker-context",
        detail=f"DOCKER_HOST leads to {TCP}, where nothing answers",
        fix="unset DOCKER_HOST",
    ),
    "context of an engine that is off": Failure(
        machine=replace(
            m.unreached(m.ubuntu(), "docker-stopped", "unix:///home/ann/.docker/desktop/docker.sock"),
            cli_host="unix:///home/ann/.docker/desktop/docker.sock",
            cli_source="context desktop-linux",
            default_answers=True,
        ),
        id="docker-context",
        detail="context desktop-linux leads to",
        fix="docker context use default",
    ),
    "context that was removed": Failure(
        machine=replace(m.ubuntu(), cli_host="", cli_source="context gone"),
        id="docker-context",
        detail="context gone does not exist",
        fix="docker context use default",
    ),
    "kind would use another engine than the lab": Failure(
        machine=replace(m.ubuntu(), cli_host="unix:///run/user/1000/docker.sock", cli_source="context rootless"),
        id="docker-context",
        detail="kind would use unix:///run/user/1000/docker.sock (context rootless), the lab unix:///var/run/docker.sock",
        fix="export DOCKER_HOST=unix:///run/user/1000/docker.sock",
    ),
    "Docker on a server": Failure(
        machine=m.with_engine(
            replace(m.ubuntu(), cli_host="ssh://ann@build", cli_source="context build"), host="ssh://ann@build"
        ),
        id="docker-context",
        detail="ssh://ann@build is another machine",
        fix="docker context use default",
    ),
    "Docker from 2019": Failure(
        machine=m.with_info(m.ubuntu(), ServerVersion="19.03.15"),
        id="docker-version",
        detail="found 19.03.15, needed 20.10",
        fix=GET_DOCKER,
    ),
    "Docker 23": Failure(
        machine=m.with_info(m.ubuntu(), ServerVersion="23.0.6"),
        id="docker-version",
        verdict="warning",
        detail="found 23.0.6, tested with 24.0",
        fix=GET_DOCKER,
    ),
    "old docker program, new engine": Failure(
        machine=m.with_tool(
            m.with_engine(m.ubuntu(), version={**m.VERSION, "ApiVersion": "1.52", "MinAPIVersion": "1.44"}),
            "docker",
            path="/usr/bin/docker",
            output="Docker version 24.0.7, build 24.0.7-0ubuntu4",
        ),
        id="docker-api",
        detail="engine 1.52, no older than 1.44; the docker program speaks 1.43 at most",
        fix=GET_DOCKER,
    ),
    "engine without the docker program": Failure(
        machine=replace(m.ubuntu(), tools={**m.TOOLS, "docker": Tool()}),
        id="docker-cli",
        detail="not on PATH",
        fix=GET_DOCKER,
    ),
    "Podman in Docker's place": Failure(
        machine=m.with_engine(
            m.with_info(m.ubuntu(), ServerVersion="4.9.3"), version={"Components": [{"Name": "Podman Engine"}]}
        ),
        id="docker-emulation",
        verdict="warning",
        detail="Podman answers",
        fix="sudo systemctl disable --now podman.socket    # then install Docker: "
        "https://docs.docker.com/engine/install/",
        also=("docker-version",),
    ),
    "rootless without delegation": Failure(
        machine=m.with_info(m.rootless(), PidsLimit=False, CPUShares=False),
        id="docker-rootless",
        detail="without PidsLimit, CPUShares",
        fix="sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=yes\\n' | "
        "sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload"
        "    # then log out and in again",
    ),
    "rootless on cgroup v1": Failure(
        machine=m.with_info(m.rootless(), CgroupVersion="1"),
        settings=m.settings(node_image=V134),
        id="docker-rootless",
        detail="cgroup v1; kind needs v2",
        fix="docker context use default",
        also=("cgroup", "node-image"),
    ),
    "Docker from snap": Failure(
        machine=m.with_info(m.ubuntu(), DockerRootDir="/var/snap/docker/common/var-lib-docker"),
        id="docker-snap",
        verdict="warning",
        detail="cannot read /tmp",
        fix='mkdir -p "$HOME/tmp" && export TMPDIR="$HOME/tmp"',
    ),
    "init in daemon.json": Failure(
        machine=m.with_files(m.ubuntu(), {"/etc/docker/daemon.json": '{"init": true}'}),
        id="docker-init",
        detail='"init": true in /etc/docker/daemon.json',
        fix='sudo perl -pi -e \'s/"init"\\s*:\\s*true/"init": false/\' /etc/docker/daemon.json && '
        "sudo systemctl restart docker",
    ),
    "init in Docker Desktop's settings": Failure(
        machine=m.with_files(m.mac(), {"~/.docker/daemon.json": '{"init": true}'}),
        id="docker-init",
        detail='"init": true in ~/.docker/daemon.json',
        fix='perl -pi -e \'s/"init"\\s*:\\s*true/"init": false/\' ~/.docker/daemon.json && docker desktop restart',
    ),
    "storage driver vfs": Failure(
        machine=m.with_info(m.ubuntu(), Driver="vfs", DriverStatus=None),
        id="image-store",
        verdict="warning",
        detail="vfs copies every layer",
        fix="docker info --format '{{.Driver}}'    # remove storage-driver from daemon.json and restart Docker",
    ),
    "riscv": Failure(
        machine=m.with_info(m.ubuntu(), Architecture="riscv64"),
        id="architecture",
        detail="riscv64; node images exist for amd64 and arm64",
        fix="docker context ls    # choose an engine on such a machine: docker context use NAME",
    ),
    "Windows containers": Failure(
        machine=m.with_info(m.wsl(), OSType="windows"),
        id="architecture",
        detail="runs windows containers",
        fix="docker context use desktop-linux",
    ),
    # --- programs ---
    "no kind": Failure(
        machine=m.with_tool(m.ubuntu(), "kind"), id="kind", detail="not on PATH", fix=GET_KIND.format("amd64")
    ),
    "no kind on arm64": Failure(
        machine=m.with_tool(replace(m.ubuntu(), architecture="aarch64"), "kind"),
        id="kind",
        detail="not on PATH",
        fix=GET_KIND.format("arm64"),
    ),
    "no kind on a Mac": Failure(
        machine=m.with_tool(m.mac(), "kind"),
        id="kind",
        detail="not on PATH",
        fix="brew upgrade kind || brew install kind",
    ),
    "kind for another processor": Failure(
        machine=m.with_tool(m.ubuntu(), "kind", path="/usr/local/bin/kind", failure="Exec format error"),
        id="kind",
        detail="/usr/local/bin/kind does not work: Exec format error",
        fix=GET_KIND.format("amd64"),
    ),
    "kind of 2023": Failure(
        machine=m.with_tool(m.ubuntu(), "kind", path="/usr/bin/kind", output="kind version 0.20.0"),
        id="kind",
        detail="found 0.20.0, needed 0.30",
        fix=GET_KIND.format("amd64"),
    ),
    "no kubectl": Failure(
        machine=m.with_tool(m.ubuntu(), "kubectl"), id="kubectl", detail="not on PATH", fix=GET_KUBECTL
    ),
    "kubectl four minors behind": Failure(
        machine=m.with_tool(m.ubuntu(), "kubectl", path="/usr/bin/kubectl", output="Client Version: v1.32.4"),
        id="kubectl",
        verdict="warning",
        detail="found 1.32.4, the clusters run 1.36",
        fix=GET_KUBECTL,
    ),
    "no git on Debian": Failure(
        machine=m.with_tool(m.ubuntu(), "git"),
        id="git",
        detail="not on PATH",
        fix="sudo apt-get update && sudo apt-get install -y git",
    ),
    "git of 2018": Failure(
        machine=m.with_tool(
            m.with_files(m.ubuntu(), {"/etc/os-release": 'ID="centos"\nID_LIKE="rhel fedora"\n'}),
            "git",
            path="/usr/bin/git",
            output="git version 2.17.1",
        ),
        id="git",
        detail="found 2.17.1, needed 2.28",
        fix="sudo dnf install -y git",
    ),
    "Python 3.10": Failure(
        machine=replace(m.ubuntu(), python=(3, 10, 12)),
        id="python",
        detail="found 3.10.12, needed 3.11",
        fix="pipx reinstall --python python3.12 gitops-lab",
    ),
    "Latin-1 terminal": Failure(
        machine=replace(m.ubuntu(), environment=env(LC_ALL="de_DE.ISO-8859-1")),
        id="terminal",
        verdict="warning",
        detail="locale de_DE.ISO-8859-1 is not UTF-8",
        fix="export LANG=C.UTF-8",
    ),
    "dumb terminal": Failure(
        machine=replace(m.ubuntu(), environment=env(TERM="dumb")),
        id="terminal",
        verdict="warning",
        detail="TERM is dumb",
        fix="export TERM=xterm-256color",
    ),
    # --- kernel ---
    "cgroup v1 with a new node image": Failure(
        machine=m.with_info(m.ubuntu(), CgroupVersion="1"),
        id="cgroup",
        detail="v1; Kubernetes 1.36 needs v2",
        fix=f"export LAB_NODE_IMAGE={V134}    # or for good: boot with systemd.unified_cgroup_hierarchy=1",
    ),
    "cgroup v1 in WSL": Failure(
        machine=m.with_info(m.wsl(), CgroupVersion="1"),
        id="cgroup",
        detail="v1; Kubernetes 1.36 needs v2",
        fix=WSLCONFIG.format("kernelCommandLine = cgroup_no_v1=all"),
    ),
    "cgroup v1 with an older node image": Failure(
        machine=m.with_engine(m.with_info(m.ubuntu(), CgroupVersion="1"), images={**m.IMAGES, V134: True}),
        settings=m.settings(node_image=V134),
        id="cgroup",
        verdict="warning",
        detail="enough for Kubernetes 1.34",
        fix=f"export LAB_NODE_IMAGE={V134}    # or for good: boot with systemd.unified_cgroup_hierarchy=1",
        also=("kubectl",),
    ),
    "WSL 1": Failure(
        machine=m.unreached(replace(m.ubuntu(), kernel="4.4.0-19041-Microsoft"), "docker-stopped"),
        id="wsl",
        verdict="warning",
        detail="WSL 1 has no Linux kernel",
        fix="wsl.exe --set-default-version 2",
        also=("docker-stopped",),
    ),
    "128 inotify instances, fourteen clusters": Failure(
        machine=m.ubuntu(),
        scenario=FOURTEEN,
        id="inotify-instances",
        detail="limit 128, about 16 used, 182 more needed",
        fix=SYSCTL.format("fs.inotify.max_user_instances=512"),
        also=("memory", "inotify-watches", "open-files"),
    ),
    "inotify instances used up by others": Failure(
        machine=replace(m.ubuntu(), uid=0, inotify={0: (110, 900)}),
        id="inotify-instances",
        detail="limit 128, about 110 used, 39 more needed",
        fix=SYSCTL.format("fs.inotify.max_user_instances=512"),
    ),
    "inotify instances nearly used up by kind": Failure(
        machine=m.with_engine(m.ubuntu(), containers=tuple(m.node(f"c{n}", mark=None) for n in range(5))),
        id="inotify-instances",
        verdict="warning",
        detail="limit 128, about 81 used, 39 more needed",
        fix=SYSCTL.format("fs.inotify.max_user_instances=512"),
    ),
    "8192 inotify watches": Failure(
        machine=m.with_files(
            replace(m.ubuntu(), uid=0, inotify={0: (20, 7900)}), {"/proc/sys/fs/inotify/max_user_watches": "8192\n"}
        ),
        id="inotify-watches",
        detail="limit 8192, about 7900 used",
        fix=SYSCTL.format("fs.inotify.max_user_watches=524288"),
    ),
    "keys of a rootless user": Failure(
        machine=m.with_files(m.rootless(), {"/proc/key-users": " 1000:   188 187/187 187/200 3120/20000\n"}),
        id="keyring",
        detail="limit 200, 187 used",
        fix=SYSCTL.format("kernel.keys.maxkeys=2000"),
        also=("docker-rootless",),
    ),
    "keys of root": Failure(
        machine=m.with_files(m.ubuntu(), {"/proc/key-users": "    0:   190 190/190 190/200 3120/20000\n"}),
        id="keyring",
        detail="limit 200, 190 used",
        fix=SYSCTL.format("kernel.keys.root_maxkeys=2000"),
    ),
    "pid_max of a small machine": Failure(
        machine=m.with_files(m.ubuntu(), {"/proc/sys/kernel/pid_max": "2500\n"}),
        id="tasks",
        detail="kernel.pid_max 2500, 1873 used",
        fix=SYSCTL.format("kernel.pid_max=4194304"),
    ),
    "task limit of a container": Failure(
        machine=m.with_files(m.ubuntu(), {"/sys/fs/cgroup/pids.max": "1024\n", "/sys/fs/cgroup/pids.current": "411\n"}),
        id="tasks",
        detail="pids.max of this machine 1024, 411 used",
        fix="cat /sys/fs/cgroup/pids.max    # raise the task limit of the container or machine this runs in",
    ),
    "task limit of a rootless user": Failure(
        machine=m.with_files(m.rootless(), {"user.slice/pids.max": "1500\n", "user.slice/pids.current": "1402\n"}),
        id="tasks",
        detail="pids.max of your user 1500, 1402 used",
        fix="sudo systemctl set-property user-1000.slice TasksMax=infinity",
        also=("docker-rootless",),
    ),
    "64 open files": Failure(
        machine=replace(m.ubuntu(), open_files=64),
        id="open-files",
        detail="this shell allows 64, needed 136",
        fix='ulimit -n "$(ulimit -Hn)"',
    ),
    "open files of the system": Failure(
        machine=m.with_files(m.ubuntu(), {"/proc/sys/fs/file-nr": "60000\t0\t65536\n"}),
        id="open-files",
        detail="the system allows 65536, 60000 used",
        fix=SYSCTL.format("fs.file-max=139000"),
    ),
    "Docker Desktop overslept": Failure(
        machine=m.with_info(m.mac(), SystemTime="2025-10-09T05:10:00Z"),
        id="clock",
        verdict="warning",
        detail="Docker's clock is 13400 s behind",
        fix="docker desktop restart",
    ),
    "WSL overslept": Failure(
        machine=m.with_engine(m.wsl(), asked=(m.NOW - 3600, m.NOW - 3600)),
        id="clock",
        detail="Docker's clock is 3600 s ahead",
        fix="sudo hwclock -s",
    ),
    # --- resources ---
    "Docker Desktop with 2 GiB": Failure(
        machine=m.with_info(m.mac(), MemTotal=2 * m.GIB - 30_000_000),
        id="memory",
        detail="Docker has 2.0 GiB, needed about 2.3 GiB",
        fix="docker desktop restart    # first: Settings > Resources > Memory 4 GB or more",
        verdict="warning",
    ),
    "Docker Desktop with 2 GiB, distributed": Failure(
        machine=m.with_info(m.mac(), MemTotal=2 * m.GIB - 30_000_000),
        scenario=m.scenario(instances=3, name="distributed"),
        id="memory",
        detail="needed about 3.2 GiB",
        fix="docker desktop restart    # first: Settings > Resources > Memory 5 GB or more",
    ),
    "WSL with 2 GiB": Failure(
        machine=m.with_info(m.with_files(m.wsl(), {"/proc/meminfo": m.meminfo(1.9, 1.2)}), MemTotal=int(1.9 * m.GIB)),
        id="memory",
        detail="needed about 2.3 GiB",
        fix=WSLCONFIG.format("memory=4GB"),
    ),
    "memory taken by others": Failure(
        machine=m.with_files(m.ubuntu(), {"/proc/meminfo": m.meminfo(15.5, 1.0)}),
        id="memory",
        detail="1.0 GiB of 15.5 GiB available, about 2.3 GiB more needed",
        fix="docker stats --no-stream && ps aux --sort=-rss | head    # end what you can spare",
    ),
    "one processor": Failure(
        machine=m.with_info(m.ubuntu(), NCPU=1),
        id="processors",
        verdict="warning",
        detail="found 1, recommended 2",
        fix="export LAB_CREATE_SLOTS=1",
    ),
    "more slots than processors": Failure(
        machine=m.with_info(m.ubuntu(), NCPU=4),
        settings=m.settings(create_slots=8),
        id="processors",
        verdict="warning",
        detail="found 4, but 8 clusters",
        fix="export LAB_CREATE_SLOTS=4",
    ),
    "Docker's disk full": Failure(
        machine=replace(m.ubuntu(), docker_root=replace(m.ubuntu().docker_root, free=m.GIB)),  # type: ignore[type-var]
        id="docker-disk",
        detail="1.0 GiB free at /var/lib/docker",
        fix="docker system df && docker builder prune && docker image prune",
    ),
    "Docker's disk nearly full": Failure(
        machine=replace(m.ubuntu(), docker_root=replace(m.ubuntu().docker_root, free=8 * m.GIB)),  # type: ignore[type-var]
        id="docker-disk",
        verdict="warning",
        detail="8.0 GiB free at /var/lib/docker",
        fix="docker system df && docker builder prune && docker image prune",
    ),
    "home disk full": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, free=20 << 20)),  # type: ignore[type-var]
        id="lab-disk",
        detail="20 MiB free at /home/ann/.local/share/gitops-lab, needed 1.0 GiB",
        fix=f"df -h {m.HOME} && docker system df    # or set LAB_HOME and LAB_CACHE",
    ),
    "LAB_HOME of another user": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, writable=False, exists=True)),  # type: ignore[type-var]
        id="lab-home",
        detail="cannot be written",
        fix=f'sudo chown -R "$USER" {m.HOME}    # or: export LAB_HOME="$HOME/gitops-lab"',
    ),
    "LAB_HOME open to all": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, private=False, exists=True)),  # type: ignore[type-var]
        id="lab-home",
        verdict="warning",
        detail="others can look into",
        fix=f"chmod 700 {m.HOME}",
    ),
    "LAB_HOME on NFS": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, kind="nfs4")),  # type: ignore[type-var]
        id="lab-home",
        verdict="warning",
        detail="is on nfs4",
        fix='export LAB_HOME="$HOME/gitops-lab"',
    ),
    "LAB_HOME on a Windows drive": Failure(
        machine=replace(m.wsl(), home=replace(m.ubuntu().home, kind="9p")),  # type: ignore[type-var]
        id="lab-home",
        verdict="warning",
        detail="is on 9p",
        fix='export LAB_HOME="$HOME/gitops-lab"',
    ),
    "LAB_HOME mounted noexec": Failure(
        machine=replace(m.ubuntu(), home=replace(m.ubuntu().home, noexec=True)),  # type: ignore[type-var]
        id="lab-home",
        verdict="warning",
        detail="git hooks do not run",
        fix='export LAB_HOME="$HOME/gitops-lab"',
    ),
    # --- network ---
    "a kept port taken": Failure(
        machine=replace(m.ubuntu(), record=m.record(), taken_ports=frozenset({40001})),
        id="ports",
        detail="40001 (api:w1)",
        fix="ss -ltnp 'sport = :40001'    # end that program, or: lab down && lab up",
    ),
    "a kept port taken on a Mac while the lab runs": Failure(
        machine=replace(
            m.with_engine(m.mac(), containers=(m.node("lab-hub", port=40000),)),
            record=m.record(),
            taken_ports=frozenset({40000, 40003}),
        ),
        id="ports",
        detail="another program listens on 40003 (git)",
        fix="lsof -nP -iTCP:40003 -sTCP:LISTEN    # end that program, or: lab down && lab up",
    ),
    "a VPN in the middle of the network": Failure(
        machine=m.with_files(
            m.with_engine(m.ubuntu(), networks=KIND_NET), {"/proc/net/route": m.routes(("tun0", "172.18.0.0", 24))}
        ),
        id="subnet",
        detail="kind has 172.18.0.0/16, tun0 routes 172.18.0.0/24",
        fix="docker network rm kind && docker network create --subnet 10.192.0.0/20 kind    # after: lab down",
    ),
    "a VPN around the network": Failure(
        machine=m.with_files(
            m.with_engine(m.ubuntu(), networks=KIND_NET),
            {"/proc/net/route": m.routes(("wg0", "172.16.0.0", 12), ("wg0", "10.192.0.0", 16))},
        ),
        id="subnet",
        verdict="warning",
        detail="wg0 routes 172.16.0.0/12; addresses behind wg0",
        fix="docker network rm kind && docker network create --subnet 10.193.0.0/20 kind    # after: lab down",
    ),
    "no addresses left for networks": Failure(
        machine=m.with_engine(m.ubuntu(), networks=tuple(m.bridge(f"n{n}", f"172.{n}.0.0/16") for n in range(31))),
        id="address-pools",
        detail="31 bridge networks",
        fix="docker network ls    # then remove what you can spare: docker network rm NAME",
    ),
    "a proxy for everything": Failure(
        machine=replace(m.ubuntu(), environment=env(http_proxy="set", HTTPS_PROXY="set", NO_PROXY=".corp.example")),
        id="proxy",
        verdict="warning",
        detail="HTTPS_PROXY, http_proxy set, NO_PROXY lacks 127.0.0.1, localhost",
        fix='export NO_PROXY="${NO_PROXY:+$NO_PROXY,}127.0.0.1,localhost" && export no_proxy="$NO_PROXY"',
    ),
    "a proxy for containers": Failure(
        machine=replace(m.ubuntu(), docker_config={"proxies": ["httpProxy"], "noProxy": "localhost"}),
        scenario=m.scenario(workers=1),
        id="proxy",
        verdict="warning",
        detail="noProxy lacks lab-hub-control-plane, lab-w1-control-plane",
        fix='python3 -c \'import json, pathlib; p = pathlib.Path.home() / ".docker/config.json"; '
        'c = json.loads(p.read_text()); c["proxies"]["default"]["noProxy"] = '
        '"localhost,lab-hub-control-plane,lab-w1-control-plane"; p.write_text(json.dumps(c, indent=2))\'',
    ),
    # --- supplies ---
    "no node image": Failure(
        machine=m.with_engine(m.ubuntu(), images={**m.IMAGES, NODE_IMAGE: False}),
        id="node-image",
        verdict="warning",
        detail="will be pulled",
        fix=f"docker pull {NODE_IMAGE}",
    ),
    "no Argo CD image": Failure(
        machine=m.with_engine(m.ubuntu(), images={**m.IMAGES, m.ARGOCD_IMAGE: False}),
        id="argocd-image",
        verdict="warning",
        detail="will be pulled",
        fix=f"docker pull {m.ARGOCD_IMAGE}",
    ),
    "no git image": Failure(
        machine=m.with_engine(m.ubuntu(), images={**m.IMAGES, GIT_IMAGE: False}),
        id="git-image",
        verdict="warning",
        detail="will be pulled",
        fix=f"docker pull {GIT_IMAGE}",
    ),
    "no workload image": Failure(
        machine=m.with_engine(m.ubuntu(), images={**m.IMAGES, m.AGNHOST: False}),
        id="workload-images",
        verdict="warning",
        detail="will be pulled",
        fix=f"docker pull {m.AGNHOST}",
    ),
    "no manifest": Failure(
        machine=replace(m.ubuntu(), manifests={"core-install": ("", "")}),
        id="argocd-manifest",
        verdict="warning",
        detail="core-install.yaml v3.6.1 will be downloaded",
        fix="curl -fL --create-dirs -o /home/ann/.cache/gitops-lab/argocd/v3.6.1/core-install.yaml "
        "https://raw.githubusercontent.com/argoproj/argo-cd/v3.6.1/manifests/core-install.yaml",
    ),
    "an altered manifest in the cache": Failure(
        machine=replace(m.ubuntu(), manifests={"core-install": ("/c/core-install.yaml", "SHA-256 is 12, expected 34")}),
        id="argocd-manifest",
        detail="SHA-256 is 12, expected 34",
        fix="rm /c/core-install.yaml && "
        "curl -fL --create-dirs -o /home/ann/.cache/gitops-lab/argocd/v3.6.1/core-install.yaml "
        "https://raw.githubusercontent.com/argoproj/argo-cd/v3.6.1/manifests/core-install.yaml",
    ),
    "LAB_MANIFESTS_DIR without the manifest": Failure(
        machine=replace(m.ubuntu(), manifests={"core-install": ("", "There is no /m/argocd/v3.6.1/core-install.yaml")}),
        settings=m.settings(release_manifests_dir=Path("/m")),
        id="argocd-manifest",
        detail="There is no /m/argocd/v3.6.1/core-install.yaml",
        fix="curl -fL --create-dirs -o /m/argocd/v3.6.1/core-install.yaml "
        "https://raw.githubusercontent.com/argoproj/argo-cd/v3.6.1/manifests/core-install.yaml",
    ),
    # --- leftovers ---
    "the lab folder was deleted": Failure(
        machine=m.with_engine(
            m.ubuntu(), containers=(m.node("lab-hub"), m.node("lab-w1", state="exited"), m.GIT), networks=KIND_NET
        ),
        id="leftovers",
        verdict="warning",
        detail="lab-hub, lab-w1, lab-git without a lab that knows them",
        fix="kind delete clusters lab-hub lab-w1 && docker rm -f -v lab-git",
    ),
    "a network of a second lab was left": Failure(
        machine=m.with_engine(
            m.ubuntu(), networks=(m.bridge("other-net", "172.19.0.0/16", {"gitops-lab.name": "other"}),)
        ),
        name="other",
        id="leftovers",
        verdict="warning",
        detail="other-net without a lab",
        fix="docker network rm other-net",
    ),
    "an up that was killed": Failure(
        machine=replace(m.ubuntu(), record=m.record(complete=False)),
        id="half-made",
        verdict="warning",
        detail="`lab up` of 03-multi-cluster/centralized did not reach its end",
        fix="lab up centralized",
    ),
    "somebody else's lab-w1": Failure(
        machine=m.with_engine(m.ubuntu(), containers=(m.node("lab-w1", mark=None),)),
        id="foreign",
        detail="lab-w1 exists and is not this lab's",
        fix="lab up centralized --name other",
    ),
    "the same lab in another LAB_HOME": Failure(
        machine=m.with_engine(m.ubuntu(), containers=(m.node("lab-hub", mark=Path("/home/bob/labs/lab/mark")),)),
        id="foreign",
        detail="lab-hub exists and is not this lab's",
        fix="lab up centralized --name other",
    ),
    "somebody else's lab-git": Failure(
        machine=m.with_engine(m.ubuntu(), containers=(m.container("lab-git"),)),
        id="foreign",
        detail="lab-git exists and is not this lab's",
        fix="lab up centralized --name other",
    ),
    "a damaged record": Failure(
        machine=replace(m.ubuntu(), record_problem="Expecting value: line 1 column 1 (char 0)"),
        id="lab-record",
        detail="Expecting value",
        fix=f"rm {LAB_JSON} && lab up centralized",
    ),
    "another scenario runs": Failure(
        machine=replace(m.ubuntu(), record=m.record()),
        scenario=m.scenario(instances=3, name="distributed"),
        id="lab-record",
        detail="lab lab runs 03-multi-cluster/centralized, asked for 03-multi-cluster/distributed",
        fix="lab down    # or a second one beside it: lab up distributed --name other",
    ),
    "another command is at work": Failure(
        machine=replace(m.ubuntu(), record=m.record(), holder="`lab up` since 12 s, process 4711"),
        id="lab-busy",
        verdict="warning",
        detail="`lab up` since 12 s, process 4711",
        fix="lab events --follow",
    ),
}


def findings(look: Look) -> dict[str, Finding]:
    return {finding.id: finding for finding in look.diagnose().findings}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_gives_its_own_finding_and_fix(failure: Failure) -> None:
    found = findings(failure)
    finding = found[failure.id]
    assert (finding.verdict, finding.fix) == (failure.verdict, failure.fix)
    assert failure.detail in finding.detail
    others = {f.id for f in found.values() if f.verdict in ("warning", "problem")} - {failure.id}
    assert others == set(failure.also)


@pytest.mark.parametrize("code", ["docker-missing", "docker-stopped", "docker-denied"], ids=lambda code: f"only {code}")
def test_what_needs_docker_is_unknown_without_it_and_nothing_else_is_blamed(code: str) -> None:
    found = Look(machine=m.unreached(m.ubuntu(), code)).diagnose()
    assert [f.id for f in found.findings if f.verdict == "problem"] == [code]
    assert {f.id for f in found.findings if f.verdict == "unknown"} >= {
        "memory",
        "cgroup",
        "inotify-instances",
        "subnet",
    }
    assert found.provider == ""
    assert not found.ready


def test_every_check_is_shown_to_fail() -> None:
    assert {check.id for check in CHECKS} == {failure.id for failure in FAILURES.values()}


def test_checks_are_many_and_their_ids_unique() -> None:
    ids = [check.id for check in CHECKS]
    assert len(ids) == len(set(ids)) >= 24


def test_every_fix_can_be_pasted_in_a_shell() -> None:
    looks: list[Look] = [*HEALTHY.values(), *FAILURES.values()]
    found = [finding for look in looks for finding in look.diagnose().findings]
    assert all(finding.fix for finding in found if finding.verdict in ("warning", "problem"))
    script = "\n".join(sorted({finding.fix for finding in found if finding.fix}))
    result = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False, timeout=20)
    assert (result.returncode, result.stderr) == (0, "")


def test_no_fix_takes_away_what_is_paused() -> None:
    dangerous = ("system prune", "network prune", "container prune", "volume prune")
    assert [f for f in FAILURES.values() if any(word in f.fix for word in dangerous)] == []


def test_details_are_one_line() -> None:
    for look in (*HEALTHY.values(), *FAILURES.values()):
        for finding in look.diagnose().findings:
            assert finding.detail
            assert "\n" not in finding.detail + finding.fix


@pytest.mark.parametrize(
    "machine",
    [
        Machine(),
        Machine(engine=Engine()),
        Machine(
            engine=Engine(info={}, version={}, containers=(), networks=(), images={}), files=dict.fromkeys(m.FILES, "")
        ),
        m.with_info(m.ubuntu(), MemTotal=None, NCPU=None, SystemTime="soon", DriverStatus=7, SecurityOptions=None),
        m.with_files(m.ubuntu(), dict.fromkeys(m.FILES, "what is this")),
        m.with_tool(m.with_tool(m.ubuntu(), "kind", path="/k", output="?"), "git", path="/g", output=""),
    ],
    ids=["nothing known", "no answer in time", "empty answers", "odd engine", "odd files", "odd programs"],
)
def test_what_is_not_known_is_never_a_problem(machine: Machine) -> None:
    found = Look(machine=machine).diagnose()
    assert [f.id for f in found.findings if f.verdict == "problem"] == []
    assert "unknown" in {f.verdict for f in found.findings}
    assert len(found.findings) == len(CHECKS)


def test_judging_is_quick() -> None:
    looks = [*HEALTHY.values(), *FAILURES.values()]
    assert sum(look.diagnose().seconds for look in looks) / len(looks) < 0.1


def test_it_is_the_same_answer_twice() -> None:
    def answer() -> Any:
        return replace(Look(machine=running_lab()).diagnose(), seconds=0)

    assert answer() == answer()
