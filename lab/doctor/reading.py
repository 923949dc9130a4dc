"""Takes the snapshot of this machine. Probes run side by side; one that is late leaves its facts unknown."""

import contextlib
import locale
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.argocd import release
from lab.doctor.folders import folder
from lab.doctor.machine import DEFAULT_HOST, Engine, Machine, Tool
from lab.doctor.reaching import docker_config, docker_host, engine, listens
from lab.errors import LabError
from lab.ports import Command, Shell
from lab.providers import make, simulated
from lab.recording import silent
from lab.settings import Settings
from lab.shell import SystemShell
from lab.state import LabFolder, Record, port_free
from lab.waiting import SystemClock

LIMIT = 1.6
"""Seconds all probes have together; doctor as a whole answers within two."""
GRACE = 0.3
"""Seconds a program is ended before the limit, so that none outlives doctor."""

Facts = Iterator[tuple[str, Any]]
Probe = Callable[[], Facts]

FILES = (
    "/etc/os-release",
    "/proc/key-users",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/route",
    "/proc/sys/fs/file-nr",
    "/proc/sys/fs/inotify/max_user_instances",
    "/proc/sys/fs/inotify/max_user_watches",
    "/proc/sys/kernel/keys/maxkeys",
    "/proc/sys/kernel/keys/root_maxkeys",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/threads-max",
    "/sys/fs/cgroup/pids.current",
    "/sys/fs/cgroup/pids.max",
    "/etc/docker/daemon.json",
    "~/.config/docker/daemon.json",
    "~/.docker/daemon.json",
)
VARIABLES = ("DOCKER_HOST", "DOCKER_CONTEXT", "LC_ALL", "LC_CTYPE", "LANG", "TERM", "NO_PROXY", "no_proxy")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
VERSIONS = {
    "docker": ("docker", "--version"),
    "kind": ("kind", "--version"),
    "kubectl": ("kubectl", "version", "--client"),
    "git": ("git", "--version"),
}


def read(
    settings: Settings,
    name: str,
    shell: Shell,
    images: Sequence[str] = (),
    manifests: Sequence[release.Name] = (),
    limit: float = LIMIT,
) -> Machine:
    """Look at this machine once.

    :param name: the lab whose folder and ports are looked at
    :param images: references whose presence is asked for
    :param manifests: names of Argo CD's release manifests that are looked for
    :param limit: seconds
    """
    probes: list[Probe] = [
        lambda: engine(images, limit),
        lambda: _lab(settings, name, manifests),
        _system,
        _inotify,
        *(_tool(program, argv, shell, limit) for program, argv in VERSIONS.items()),
    ]
    facts = gather(probes, limit)
    tools = {program: facts.pop(f"tool:{program}") for program in VERSIONS if f"tool:{program}" in facts}
    said = {key.removeprefix("engine:"): facts.pop(key) for key in list(facts) if key.startswith("engine:")}
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Machine(
        system=platform.system(),
        kernel=platform.release(),
        architecture=platform.machine(),
        uid=os.getuid(),
        python=sys.version_info[:3],
        open_files=sys.maxsize if soft == resource.RLIM_INFINITY else soft,
        environment=_environment(),
        tools=tools,
        engine=Engine(**said) if said else None,
        **facts,
    )


def gather(probes: Sequence[Probe], limit: float) -> dict[str, Any]:
    """Run the probes side by side and return what they said until the time was over.

    :param limit: seconds
    """
    facts: dict[str, Any] = {}
    end = time.monotonic() + limit

    def run(probe: Probe) -> None:
        # A probe that breaks leaves its facts unknown, as one that is late does.
        with contextlib.suppress(OSError, LabError, LookupError, ValueError):
            for key, value in probe():
                facts[key] = value

    # Daemon threads: a filesystem or an engine that hangs must not keep the program from ending.
    threads = [threading.Thread(target=run, args=(probe,), daemon=True) for probe in probes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(facts)


# --- programs -------------------------------------------------------------------------------------------------------


def _tool(program: str, argv: tuple[str, ...], shell: Shell, limit: float) -> Probe:
    def probe() -> Facts:
        path = shell.which(program)
        if path is None:
            yield f"tool:{program}", Tool()
            return
        try:
            result = shell.run(Command(argv=argv, timeout=limit - GRACE))
        except LabError as error:
            if error.code != "command-timeout":
                yield f"tool:{program}", Tool(path=str(path), failure=error.why)
        except OSError as error:
            yield f"tool:{program}", Tool(path=str(path), failure=error.strerror or str(error))
        else:
            yield f"tool:{program}", Tool(path=str(path), output=result.stdout.strip() or result.stderr.strip())

    return probe


# --- the lab's own folder -------------------------------------------------------------------------------------------


def _lab(settings: Settings, name: str, manifests: Sequence[release.Name]) -> Facts:
    yield "home", folder(settings.home)
    yield "cache", folder(settings.cache)
    yield "manifests", {manifest: _manifest(settings, manifest) for manifest in manifests}
    lab = LabFolder(settings.home, name)
    try:
        record = lab.record()
    except LabError as error:
        yield "record_problem", error.why
        return
    yield "record", record
    if record is not None:
        yield "taken_ports", frozenset(port for port in record.ports.values() if not port_free(port))
        yield "holder", lab.holder()
        yield "served", _served(settings, lab, record)


def _served(settings: Settings, lab: LabFolder, record: Record) -> dict[str, int]:
    """Ports of a simulated lab that its own process listens on, by purpose; of others Docker tells."""
    if not simulated(record.provider):
        return {}
    provider = make(record.provider, settings, lab, SystemShell(silent), SystemClock(), threading.Event(), silent)
    running = {f"api:{node.cluster}" for node in provider.nodes() if node.state == "running"}
    running |= {"git"} if provider.git_running() else set()
    return {purpose: port for purpose, port in provider.ports().items() if purpose in running}


def _manifest(settings: Settings, name: release.Name) -> tuple[str, str]:
    """Where a release manifest is, and why it cannot be used."""
    cached = settings.cache / "argocd" / settings.argocd_version / f"{name}.yaml"
    if settings.release_manifests_dir is None and not cached.is_file():
        return "", ""
    try:
        return str(release.release(settings, name)), ""
    except LabError as error:
        return str(error.values.get("path", "")), f"{error.what}: {error.why}"


# --- the system -----------------------------------------------------------------------------------------------------


def _system() -> Facts:
    yield "files", dict(_files())
    yield "default_answers", listens(DEFAULT_HOST)
    host, source = docker_host()
    yield "cli_source", source
    yield "cli_host", host
    yield "docker_config", docker_config()


def _files() -> Iterator[tuple[str, str]]:
    for name in FILES:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            yield name, Path(name).expanduser().read_text(encoding="utf-8")
    slices = f"/sys/fs/cgroup/user.slice/user-{os.getuid()}.slice"
    for name in ("pids.max", "pids.current"):
        with contextlib.suppress(OSError):
            yield f"user.slice/{name}", Path(slices, name).read_text(encoding="utf-8")


def _environment() -> dict[str, str]:
    """A proxy's address may hold a password, so it is only said to be set."""
    found = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    found |= {name: "set" for name in PROXIES if os.environ.get(name)}
    return found | {"encoding": locale.getpreferredencoding(False)}


def _inotify() -> Facts:
    """Count the inotify instances and watches of the users whose processes may be looked into."""
    mine = os.geteuid()
    counts: dict[int, tuple[int, int]] = {} if mine == 0 else {mine: (0, 0)}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            uid = process.stat().st_uid
            if mine not in (0, uid):
                continue
            for entry in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(entry.readlink()) == "anon_inode:inotify":
                        watches = (process / "fdinfo" / entry.name).read_text(encoding="utf-8").count("inotify wd:")
                        instances, before = counts.get(uid, (0, 0))
                        counts[uid] = (instances + 1, before + watches)
    if Path("/proc/sys/fs/inotify").is_dir():
        yield "inotify", counts
