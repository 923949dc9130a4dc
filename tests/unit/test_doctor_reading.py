"""Taking the snapshot: late or broken probes cost only their own facts, and no secret is taken along."""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.argocd.release import SOURCE
from lab.doctor.folders import folder
from lab.doctor.machine import Machine
from lab.doctor.reaching import docker_host
from lab.doctor.reading import gather, read
from lab.errors import LabError
from lab.ports import Command, CommandResult
from lab.settings import Settings
from lab.state import LabFolder, free_port
from tests.fakes import machines as m


class Programs:
    """A shell with a few programs; `seconds` is how long each takes."""

    def __init__(self, outputs: dict[str, str | Exception], seconds: float = 0.0) -> None:
        self.outputs = outputs
        self.seconds = seconds

    def which(self, program: str) -> Path | None:
        return Path("/usr/bin", program) if program in self.outputs else None

    def run(self, command: Command, check: bool = True) -> CommandResult:
        time.sleep(self.seconds)
        found = self.outputs[command.argv[0]]
        if isinstance(found, Exception):
            raise found
        return CommandResult(exit_code=0, stdout=found, stderr="")


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings in an empty home; Docker is looked for at a socket that is not there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    for name in ("DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return replace(m.settings(), home=tmp_path / "data", cache=tmp_path / "cache", manifests_dir=tmp_path / "manifests")


def look(settings: Settings, programs: dict[str, str | Exception] | None = None, **more: Any) -> Machine:
    return read(settings, "lab", Programs(programs or {}, more.pop("seconds", 0.0)), **more)


def test_a_late_probe_costs_only_what_it_had_not_said_yet() -> None:
    released = threading.Event()

    def late() -> Iterator[tuple[str, Any]]:
        yield "first", 1
        released.wait(10)
        yield "second", 2

    def quick() -> Iterator[tuple[str, Any]]:
        yield "third", 3

    start = time.monotonic()
    facts = gather([late, quick], limit=0.2)
    released.set()
    assert facts == {"first": 1, "third": 3}
    assert time.monotonic() - start < 1.0


@pytest.mark.parametrize(
    "error", [OSError("gone"), LabError("docker-failed", problem="x"), ValueError("odd"), KeyError("k")]
)
def test_a_probe_that_breaks_costs_only_its_own_facts(error: Exception) -> None:
    def broken() -> Iterator[tuple[str, Any]]:
        yield "before", 1
        raise error

    assert gather([broken, lambda: iter([("other", 2)])], limit=5) == {"before": 1, "other": 2}


def test_programs_are_found_missing_or_broken(ours: Settings) -> None:
    failed = LabError("command-failed", program="kubectl version", exit_code=1, last_lines="no such flag", command="k")
    found = look(
        ours, {"kind": "kind version 0.32.0\n", "kubectl": failed, "git": OSError(8, "Exec format error")}
    ).tools
    assert found["kind"].output == "kind version 0.32.0"
    assert found["kubectl"].failure == "no such flag"
    assert found["git"].failure == "Exec format error"
    assert (found["docker"].path, found["docker"].failure) == ("", "")


def test_a_program_that_takes_too_long_is_not_known(ours: Settings) -> None:
    slow = LabError("command-timeout", program="kind --version", timeout=1.3, last_lines="", command="kind --version")
    assert "kind" not in look(ours, {"kind": slow}).tools
    start = time.monotonic()
    assert "kind" not in look(ours, {"kind": "kind version 0.32.0"}, seconds=3.0, limit=0.4).tools
    assert time.monotonic() - start < 1.0


def test_docker_that_is_not_there_is_told_with_its_place(ours: Settings, tmp_path: Path) -> None:
    engine = look(ours).engine
    assert engine is not None
    assert engine.code in ("docker-stopped", "docker-missing")
    assert engine.host == f"unix://{tmp_path}/docker.sock"


def test_docker_that_hangs_is_left_behind(ours: Settings, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "docker.sock"))
        silent.listen()
        start = time.monotonic()
        found = look(ours, limit=0.5)
        assert time.monotonic() - start < 1.0
    assert found.engine is None or found.engine.info is None
    assert found.home is not None


def test_the_lab_folder_is_looked_at(ours: Settings) -> None:
    kept, taken = free_port(set()), socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    lab = LabFolder(ours.home, "lab")
    lab.save(m.record(ports={"api:hub": kept, "git": taken.getsockname()[1]}))
    with lab.lock("up"):
        found = look(ours)
    assert found.record == lab.record()
    assert found.taken_ports == {taken.getsockname()[1]}
    assert "`lab up`" in found.holder
    taken.close()


def test_a_damaged_record_is_told_not_raised(ours: Settings) -> None:
    lab = LabFolder(ours.home, "lab")
    lab.save(m.record())
    lab.record_path.write_text("{", encoding="utf-8")
    found = look(ours)
    assert found.record is None
    assert "Expecting" in found.record_problem


def test_manifests_are_found_missing_or_altered(ours: Settings) -> None:
    below = Path("argocd", ours.argocd_version)
    (ours.manifests_dir / "argocd").mkdir(parents=True)
    pin = hashlib.sha256(b"released").hexdigest()
    (ours.manifests_dir / "argocd" / "pins.yaml").write_text(
        f"{ours.argocd_version}:\n  install: {pin}\n  core-install: {pin}\n", encoding="utf-8"
    )
    (ours.cache / below).mkdir(parents=True)
    (ours.cache / below / "install.yaml").write_bytes(b"released")
    assert look(ours, manifests=["install", "core-install"]).manifests == {
        "install": (str(ours.cache / below / "install.yaml"), ""),
        "core-install": ("", ""),
    }
    (ours.cache / below / "install.yaml").write_bytes(b"altered")
    found = look(ours, manifests=["install"]).manifests or {}
    assert found["install"][0] == str(ours.cache / below / "install.yaml")
    assert pin in found["install"][1]
    elsewhere = replace(ours, release_manifests_dir=ours.home / "given")
    missing = (look(elsewhere, manifests=["install"]).manifests or {})["install"]
    assert str(ours.home / "given" / below / "install.yaml") in missing[1]
    assert SOURCE.startswith("https://")


def test_no_password_is_taken_along(ours: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:s3cret@proxy:3128")
    (tmp_path / ".docker").mkdir()
    config = {
        "auths": {"registry": {"auth": "s3cret"}},
        "proxies": {"default": {"httpProxy": "http://ann:s3cret@proxy:3128", "noProxy": "localhost"}},
    }
    (tmp_path / ".docker" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = look(ours)
    assert found.environment["HTTPS_PROXY"] == "set"
    assert found.docker_config == {"proxies": ["httpProxy"], "noProxy": "localhost"}
    assert "s3cret" not in repr(found)


def _context(home: Path, name: str, host: str) -> None:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    meta = {"Name": name, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def test_which_docker_the_docker_program_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert docker_host(tmp_path) == ("unix:///var/run/docker.sock", "")
    _context(tmp_path, "colima", "unix:///colima.sock")
    _context(tmp_path, "remote", "ssh://build")
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "colima"}', encoding="utf-8")
    assert docker_host(tmp_path) == ("unix:///colima.sock", "context colima")
    monkeypatch.setenv("DOCKER_CONTEXT", "remote")
    assert docker_host(tmp_path) == ("ssh://build", "context remote")
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    assert docker_host(tmp_path) == ("", "context gone")
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert docker_host(tmp_path) == ("unix:///var/run/docker.sock", "")
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert docker_host(tmp_path) == ("tcp://10.0.0.1:2375", "DOCKER_HOST")
    (tmp_path / ".docker" / "config.json").write_text("not json", encoding="utf-8")
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.delenv("DOCKER_CONTEXT")
    assert docker_host(tmp_path) == ("unix:///var/run/docker.sock", "")


def test_a_folder_that_is_not_there_yet_is_judged_by_where_it_would_be(tmp_path: Path) -> None:
    found = folder(tmp_path / "a" / "b")
    assert (found.exists, found.writable, found.private) == (False, True, True)
    assert found.free > 0
    tmp_path.chmod(0o755)
    assert not folder(tmp_path).private
    tmp_path.chmod(0o700)
    assert folder(tmp_path).private
    (tmp_path / "file").touch()
    assert not folder(tmp_path / "file" / "below").writable


@pytest.mark.skipif(not Path("/proc/sys/fs/inotify").is_dir(), reason="needs Linux")
def test_inotify_is_counted(ours: Settings) -> None:
    import ctypes

    mine = os.geteuid()
    before = (look(ours).inotify or {}).get(mine, (0, 0))
    libc = ctypes.CDLL(None)
    descriptor = libc.inotify_init1(0)
    try:
        libc.inotify_add_watch(descriptor, b"/", 0x100)
        after = (look(ours).inotify or {})[mine]
    finally:
        os.close(descriptor)
    assert after[0] > before[0]
    assert after[1] > before[1]
