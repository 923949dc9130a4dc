"""Machines whose Docker cannot carry a lab."""

from dataclasses import replace

from lab.doctor.machine import Tool
from tests.fakes import machines as m
from tests.fakes.machines import V134, Failure

GET_DOCKER = "curl -fsSL https://get.docker.com | sudo sh    # other ways: https://docs.docker.com/engine/install/"
TCP = "tcp://10.1.2.3:2375"


DOCKER: dict[str, Failure] = {
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
    "DOCKER_HOST to a socket of another user": Failure(
        machine=replace(
            m.unreached(m.ubuntu(), "docker-denied", "unix:///home/bob/docker.sock"),
            cli_host="unix:///home/bob/docker.sock",
            cli_source="DOCKER_HOST",
            default_answers=True,
        ),
        id="docker-denied",
        detail="your user may not open unix:///home/bob/docker.sock",
        fix='sudo usermod -aG docker "$USER" && newgrp docker',
    ),
    "DOCKER_HOST to nowhere and no docker program": Failure(
        machine=replace(
            m.unreached(m.ubuntu(), "docker-missing", "unix:///gone.sock"),
            cli_host="unix:///gone.sock",
            cli_source="DOCKER_HOST",
            default_answers=True,
            tools={**m.TOOLS, "docker": Tool()},
        ),
        id="docker-context",
        detail="DOCKER_HOST leads to unix:///gone.sock",
        fix="unset DOCKER_HOST",
        also=("docker-cli",),
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
        machine=m.with_engine(m.with_info(m.rootless(), CgroupVersion="1"), images={**m.IMAGES, V134: True}),
        settings=m.settings(node_image=V134),
        id="docker-rootless",
        detail="cgroup v1; kind needs v2",
        fix="docker context use default",
        also=("cgroup", "kubectl"),
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
}
