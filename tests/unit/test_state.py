"""The lab folder: private, whole or absent, and never locked by the dead."""

import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.recording import Recording, silent
from lab.state import LabFolder, Options, Record, free_port, labs, make_private, port_free, write_private
from tests.fakes.clock import FakeClock

RECORD = Record(
    name="lab",
    scenario="03-multi-cluster/centralized",
    folder="/scenarios/centralized",
    provider="kind",
    digest="abc",
    options=Options(ui=True, timing="argocd"),
    ports={"git": 40000},
    created=1.5,
)


@pytest.fixture
def folder(tmp_path: Path) -> LabFolder:
    return LabFolder(tmp_path / "home", "lab")


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


# --- private --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_umask")
def test_nothing_is_open_to_others_whatever_the_umask(folder: LabFolder) -> None:
    folder.save(RECORD)
    folder.secret("git")
    folder.port("api:hub")
    folder.note("tested")
    make_private(folder.path / "a" / "b")
    write_private(folder.path / "kind" / "hub.yaml", "x")
    with folder.lock("up"):
        Recording(folder, "up", FakeClock(), silent).close()
    loose = []
    for path in (folder.home, *folder.home.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode != wanted:
            loose.append(f"{path.relative_to(folder.home)} {mode:o}")
    assert loose == []


def test_a_file_is_replaced_whole_or_not_at_all(folder: LabFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.path / "file"
    write_private(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LabError) as error:
        write_private(path, "new")
    assert error.value.code == "disk-full"
    assert path.read_text() == "old"
    assert [p.name for p in folder.path.iterdir()] == ["file"]


def test_other_errors_of_the_system_are_not_called_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "file" / "below", "x")


# --- record ---------------------------------------------------------------------------------------------------------


def test_the_record_comes_back_as_it_was(folder: LabFolder) -> None:
    assert folder.record() is None
    folder.save(RECORD)
    assert folder.record() == RECORD


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"lab"',
        b"\xff\xfe",
        b"{}",
        b'{"version": 1}',
        b'{"version": 1, "options": {"colour": "red"}}',
        b'{"version": 1, "options": null}',
        json.dumps({"version": 1, "options": {}, "surprise": 1}).encode(),
    ],
)
def test_a_damaged_record_is_one_clear_error(folder: LabFolder, content: bytes) -> None:
    make_private(folder.path)
    folder.record_path.write_bytes(content)
    with pytest.raises(LabError) as error:
        folder.record()
    assert error.value.code == "state-unreadable"
    assert str(folder.record_path) in error.value.what
    assert "lab up" in error.value.fix


def test_a_record_of_another_version_says_so(folder: LabFolder) -> None:
    folder.save(RECORD)
    data = json.loads(folder.record_path.read_text()) | {"version": 99}
    folder.record_path.write_text(json.dumps(data))
    with pytest.raises(LabError, match="cannot be read") as error:
        folder.record()
    assert "format 99" in error.value.why


def test_only_folders_with_a_record_are_labs(tmp_path: Path) -> None:
    assert labs(tmp_path) == []
    for name in ("b", "a"):
        LabFolder(tmp_path, name).save(RECORD)
    (tmp_path / "labs" / "empty").mkdir()
    assert labs(tmp_path) == ["a", "b"]


# --- ports and secrets ----------------------------------------------------------------------------------------------


def test_a_port_is_kept_for_its_purpose(folder: LabFolder) -> None:
    folder.save(RECORD)
    port = folder.port("api:hub")
    assert folder.port("api:hub") == port
    assert LabFolder(folder.home, "lab").port("api:hub") == port
    assert folder.port("git") == 40000
    assert folder.new_port("api:hub") != port or port_free(port)
    assert folder.record() is not None


def test_purposes_never_share_a_port(folder: LabFolder) -> None:
    folder.save(RECORD)
    ports = [folder.port(f"api:{number}") for number in range(20)]
    assert len({*ports, 40000}) == 21


def test_a_port_needs_a_lab(folder: LabFolder) -> None:
    with pytest.raises(LabError) as error:
        folder.port("git")
    assert error.value.code == "lab-unknown"


def test_a_bound_port_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not port_free(port)
    assert port_free(port)
    assert free_port(set()) > 0


def test_a_secret_is_made_once_and_is_long(folder: LabFolder) -> None:
    first = folder.secret("git")
    assert len(first) == 32
    assert folder.secret("git") == first
    assert folder.secret("other") != first


# --- journal --------------------------------------------------------------------------------------------------------


def test_the_journal_keeps_facts_in_order(folder: LabFolder) -> None:
    assert list(folder.journal()) == []
    folder.note("created", cluster="hub")
    folder.note("created", cluster="w1")
    assert [(fact["what"], fact["cluster"]) for fact in folder.journal()] == [("created", "hub"), ("created", "w1")]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_cut_short_takes_no_other_with_it(folder: LabFolder, cut: int) -> None:
    folder.note("first")
    folder.note("second")
    path = folder.path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    folder.note("third")
    facts = [fact["what"] for fact in folder.journal()]
    # Without its line end alone, a fact is whole.
    assert facts == (["first", "second", "third"] if cut == 1 else ["first", "third"])


def test_a_full_disk_is_said_by_the_journal(folder: LabFolder) -> None:
    make_private(folder.path)
    (folder.path / "journal.jsonl").symlink_to("/dev/full")
    with pytest.raises(LabError) as error:
        folder.note("anything")
    assert error.value.code == "disk-full"


# --- lock -----------------------------------------------------------------------------------------------------------

HOLDER = """
import sys
from pathlib import Path
from lab.errors import LabError
from lab.state import LabFolder
try:
    with LabFolder(Path(sys.argv[1]), "lab").lock(sys.argv[2]):
        print("held", flush=True)
        sys.stdin.readline()
except LabError as error:
    print(error.code, error.exit_code, error.what, flush=True)
"""


def holder(folder: LabFolder, command: str = "up centralized") -> "subprocess.Popen[str]":
    """Another process that takes the lock and keeps it until it is told to end."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.home), command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def says(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_is_told_who_holds_the_lab(folder: LabFolder) -> None:
    first = holder(folder)
    try:
        assert says(first) == "held"
        second = holder(folder, "down")
        told = says(second)
        second.communicate("\n", timeout=10)
        assert told.startswith("lab-busy 75 lab lab is busy: `lab up centralized` since ")
        assert told.endswith(f"process {first.pid}")
        held = folder.held_by()
        assert held is not None
        assert (held["command"], held["pid"]) == ("up centralized", first.pid)
    finally:
        first.communicate("\n", timeout=10)
    assert folder.held_by() is None
    assert folder.holder() == ""


def test_the_lock_of_a_killed_process_is_gone_with_it(folder: LabFolder) -> None:
    first = holder(folder)
    assert says(first) == "held"
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=10)
    assert folder.holder() == ""
    with folder.lock("up"):
        assert folder.holder().startswith("`lab up` since")


def test_different_labs_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with LabFolder(tmp_path, "a").lock("up"), LabFolder(tmp_path, "b").lock("up"):
        assert LabFolder(tmp_path, "a").holder()


def test_the_lock_is_let_go_when_the_command_fails(folder: LabFolder) -> None:
    with pytest.raises(RuntimeError), folder.lock("up"):
        raise RuntimeError
    with folder.lock("up"):
        pass


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(
    folder: LabFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`down` removes the lock's file: whoever opened it before must take the new one."""
    folder.save(RECORD)
    flock = fcntl.flock
    removed = []

    def late(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(descriptor)
            folder.remove()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with folder.lock("up"):
        assert removed
        second = holder(folder, "up")
        assert says(second).startswith("lab-busy")
        second.communicate("\n", timeout=10)


def test_asking_who_holds_the_lab_never_keeps_others_out(folder: LabFolder) -> None:
    with folder.lock("up"):
        pass
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            folder.holder()

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        for _ in range(300):
            with folder.lock("up"):
                pass
    finally:
        stop.set()
        for thread in asking:
            thread.join()


# --- end ------------------------------------------------------------------------------------------------------------


def test_removing_the_last_lab_leaves_an_empty_home(folder: LabFolder) -> None:
    folder.save(RECORD)
    folder.secret("git")
    with folder.lock("down"):
        folder.remove()
    assert list(folder.home.iterdir()) == []


def test_removing_one_lab_leaves_the_other(folder: LabFolder) -> None:
    other = LabFolder(folder.home, "other")
    other.save(RECORD)
    folder.save(RECORD)
    with other.lock("push"):
        folder.remove()
        assert other.record() == RECORD
        assert other.holder()


def test_runs_are_listed_newest_last(folder: LabFolder) -> None:
    assert folder.last_run() is None
    make_private(folder.runs)
    for name in ("0001-up-1", "0002-down-1"):
        (folder.runs / f"{name}.jsonl").touch()
    assert folder.last_run() == folder.runs / "0002-down-1.jsonl"
