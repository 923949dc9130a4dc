"""Docker: is it there, may it be used, is it the right one, can it carry kind."""

import json
import shlex
from urllib.parse import urlsplit

from lab.doctor.case import Answer, Case, Check, of_containers, ok, problem, warning
from lab.doctor.install import restart_docker, start_docker, upgrade
from lab.doctor.machine import DEFAULT_HOST, Engine, Machine, Unanswered, numbers, told

OLDEST = (20, 10)
"""kind needs private cgroup namespaces, which came with 20.10."""
TESTED = (24, 0)
CLI_API = ((20, (1, 41)), (23, (1, 42)), (24, (1, 43)))
"""Newest API version a docker program of that major speaks; from 25 on 1.44, the oldest any engine insists on."""
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def _engine(machine: Machine) -> Engine:
    return told(machine.engine, "Docker did not answer in time")


def installed(case: Case) -> Answer:
    engine = _engine(case.machine)
    if engine.code != "docker-missing" or _elsewhere(case.machine):
        return ok(engine.host)
    return problem("neither the docker program nor a socket was found", upgrade("docker", case.machine))


def allowed(case: Case) -> Answer:
    engine = _engine(case.machine)
    if engine.code == "docker-denied":
        return problem(f"your user may not open {engine.host}", 'sudo usermod -aG docker "$USER" && newgrp docker')
    if engine.code == "docker-missing":
        raise Unanswered("Docker is not installed")
    return ok(engine.host)


def running(case: Case) -> Answer:
    engine = _engine(case.machine)
    if engine.code in ("docker-missing", "docker-denied"):
        raise Unanswered("Docker cannot be asked")
    if engine.code:
        if _elsewhere(case.machine):
            raise Unanswered(f"nothing answers at {engine.host}, but Docker answers at its usual place")
        return problem(f"nothing answers at {engine.host}", start_docker(case.machine))
    return ok(f"Docker {case.machine.info().get('ServerVersion', '?')} at {engine.host}")


def _elsewhere(machine: Machine) -> bool:
    """Whether Docker runs at its usual place while somebody points to another one, where it does not."""
    engine = _engine(machine)
    lost = engine.code in ("docker-stopped", "docker-missing")
    return bool(lost and machine.cli_source and machine.default_answers and _place(engine.host) != "docker.sock")


def _place(host: str) -> str:
    """A host in a form that can be compared; the usual socket is `docker.sock` under either of its paths."""
    plain = host.removeprefix("http+")
    if plain in (DEFAULT_HOST, "unix:///run/docker.sock"):
        return "docker.sock"
    return plain.replace("unix:////", "unix:///").rstrip("/")


def context(case: Case) -> Answer:
    machine = case.machine
    engine = _engine(machine)
    back = "unset DOCKER_HOST" if machine.cli_source == "DOCKER_HOST" else "docker context use default"
    if _elsewhere(machine):
        detail = f"{machine.cli_source} leads to {engine.host}, where nothing answers; Docker answers at {DEFAULT_HOST}"
        return problem(detail, back)
    if not machine.cli_host:
        return problem(f"{machine.cli_source} does not exist", back)
    if engine.code:
        raise Unanswered("Docker cannot be asked")
    if _place(machine.cli_host) != _place(engine.host):
        detail = f"kind would use {machine.cli_host} ({machine.cli_source or 'default'}), the lab {engine.host}"
        return problem(detail, f"export DOCKER_HOST={shlex.quote(machine.cli_host)}")
    url = urlsplit(engine.host)
    if url.scheme in ("tcp", "ssh", "http", "https") and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        return problem(f"{engine.host} is another machine; the lab's ports would be bound over there", back)
    return ok(f"{engine.host} ({machine.cli_source or 'default'})")


def version(case: Case) -> Answer:
    found = str(case.machine.info().get("ServerVersion", ""))
    if case.machine.podman():
        raise Unanswered(f"Podman {found} answers in Docker's place")
    if numbers(found) < OLDEST:
        return problem(f"found {found}, needed 20.10", upgrade("docker", case.machine))
    if numbers(found) < TESTED:
        return warning(f"found {found}, tested with 24.0 and later", upgrade("docker", case.machine))
    return ok(f"found {found}, needed 24.0")


def api(case: Case) -> Answer:
    engine = case.machine.answered()
    version = told(engine.version, "Docker did not answer in time")
    oldest = numbers(str(version.get("MinAPIVersion") or "1.12"))[:2]
    output = told(case.machine.tools.get("docker"), "docker did not answer in time").output
    spoken = next((newest for major, newest in CLI_API if numbers(output)[0] <= major), (1, 44))
    detail = f"engine {version.get('ApiVersion', '?')}, no older than {oldest[0]}.{oldest[1]}; the docker program "
    if spoken < oldest:
        return problem(f"{detail}speaks {spoken[0]}.{spoken[1]} at most", upgrade("docker", case.machine))
    return ok(f"{detail}speaks it")


def emulation(case: Case) -> Answer:
    if case.machine.podman():
        return warning(
            "Podman answers in Docker's place; kind calls that experimental",
            "sudo systemctl disable --now podman.socket    # then install Docker: https://docs.docker.com/engine/install/",
        )
    return ok("Docker's own engine")


def rootless(case: Case) -> Answer:
    if not case.machine.rootless():
        return ok("the engine runs as root")
    info = case.machine.info()
    if str(info.get("CgroupVersion")) != "2":
        return problem("rootless Docker with cgroup v1; kind needs v2", "docker context use default")
    lacking = [name for name in ("MemoryLimit", "PidsLimit", "CPUShares") if info.get(name) is False]
    if lacking:
        return problem(
            f"rootless Docker without {', '.join(lacking)}; kind refuses that",
            "sudo mkdir -p /etc/systemd/system/user@.service.d && "
            "printf '[Service]\\nDelegate=yes\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && "
            "sudo systemctl daemon-reload    # then log out and in again",
        )
    return warning("rootless Docker; kind supports it with limits", "docker context use default")


def snap(case: Case) -> Answer:
    root = str(case.machine.info().get("DockerRootDir", ""))
    if root.startswith("/var/snap/"):
        fix = 'mkdir -p "$HOME/tmp" && export TMPDIR="$HOME/tmp"'
        return warning("Docker from snap cannot read /tmp or hidden folders", fix)
    return ok(f"data in {root}")


def init(case: Case) -> Answer:
    machine = case.machine
    if machine.rootless():
        path = "~/.config/docker/daemon.json"
    elif machine.desktop():
        path = "~/.docker/daemon.json"
    else:
        path = "/etc/docker/daemon.json"
    config = json.loads(machine.files.get(path) or "{}")
    if config.get("init") is True:
        sudo = "sudo " if path.startswith("/etc") else ""
        return problem(
            f'"init": true in {path}; a node must be process 1 of its container',
            f'{sudo}perl -pi -e \'s/"init"\\s*:\\s*true/"init": false/\' {path} && {restart_docker(machine)}',
        )
    return ok("no init is put before a node's own")


def store(case: Case) -> Answer:
    info = case.machine.info()
    driver = str(info.get("Driver", "?"))
    status = {str(row[0]): str(row[1]) for row in info.get("DriverStatus") or ()}
    if driver == "vfs":
        fix = "docker info --format '{{.Driver}}'    # remove storage-driver from daemon.json and restart Docker"
        return warning("vfs copies every layer: slow, and many times the disk", fix)
    kind = "containerd's image store" if "containerd" in status.get("driver-type", "") else "Docker's image store"
    backing = status.get("Backing Filesystem", "")
    return ok(f"{driver}{f' on {backing}' if backing else ''}, {kind}")


def architecture(case: Case) -> Answer:
    info = case.machine.info()
    system, found = str(info.get("OSType", "linux")), str(info.get("Architecture", ""))
    if system != "linux":
        return problem(f"Docker runs {system} containers, needed linux", "docker context use desktop-linux")
    if not found:
        raise Unanswered("Docker does not tell its architecture")
    if found not in ARCHITECTURES:
        return problem(
            f"{found}; node images exist for amd64 and arm64",
            "docker context ls    # choose an engine on such a machine: docker context use NAME",
        )
    return ok(f"linux/{ARCHITECTURES[found]}")


CHECKS = of_containers(
    Check("docker-missing", "Docker on this machine", installed),
    Check("docker-denied", "access to Docker", allowed),
    Check("docker-stopped", "Docker engine", running),
    Check("docker-context", "Docker host and context", context),
    Check("docker-version", "Docker version", version),
    Check("docker-api", "Docker API", api),
    Check("docker-emulation", "Docker or a stand-in", emulation),
    Check("docker-rootless", "rootless Docker", rootless),
    Check("docker-snap", "Docker from snap", snap),
    Check("docker-init", "Docker's init", init),
    Check("image-store", "Docker's image store", store),
    Check("architecture", "architecture", architecture),
)
REACHING = CHECKS[:4]
"""Those that tell why Docker cannot be used at all."""
