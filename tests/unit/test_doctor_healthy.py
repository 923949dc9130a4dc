"""Recorded machines that can run a lab: nothing on them is a problem."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.doctor.machine import Machine
from lab.state import Options
from tests.fakes import machines as m
from tests.fakes.machines import V134, Look


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
