"""Children: what they may see, how they end, and what of them is shown."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.events import ChangeMade, CommandFinished, Event, LogLine
from lab.plaintext import one_line
from lab.ports import Command, CommandResult
from lab.shell import INHERITED, SystemShell, display
from lab.waiting import SystemClock, wait_until

ADDED_BY_SYSTEM = {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
SECRET = "s3cret-w0rd"


class Heard(list[Event]):
    """Events of a shell."""

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self if isinstance(event, kind)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def shell(heard: Heard) -> SystemShell:
    return SystemShell(heard.append)


def script(text: str, timeout: float = 20, **more: object) -> Command:
    return Command(argv=("sh", "-c", text), timeout=timeout, **more)  # type: ignore[arg-type]


def python(code: str, **more: object) -> Command:
    return Command(argv=(sys.executable, "-c", code), timeout=20, **more)  # type: ignore[arg-type]


def gone(pid: int) -> str:
    """Empty when no such process runs; one that only waits to be reaped has ended."""
    with contextlib.suppress(FileNotFoundError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return "" if state == "Z" else f"process {pid} is {state}"
    return ""


def await_true(holds: Callable[[], bool]) -> None:
    def probe() -> str:
        return "" if holds() else "not yet"

    wait_until(probe, awaited="it", timeout=10, clock=SystemClock(), cancel=threading.Event(), interval=0.02)


def await_end(pid: int) -> None:
    await_true(lambda: not gone(pid))


# --- environment ----------------------------------------------------------------------------------------------------


def test_a_child_sees_the_allow_list_and_what_the_command_says(
    shell: SystemShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBECONFIG", "KIND_EXPERIMENTAL_PROVIDER", "KIND_CLUSTER_NAME", "GIT_DIR", "AWS_SECRET_KEY"):
        monkeypatch.setenv(name, "must not be seen")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    seen = json.loads(shell.run(python(code, env=(("KUBECONFIG", "/lab/hub.yaml"), ("MINE", "1")))).stdout)
    assert seen["KUBECONFIG"] == "/lab/hub.yaml"
    assert seen["MINE"] == "1"
    assert seen["HTTPS_PROXY"] == "http://proxy:3128"
    assert set(seen) <= {*INHERITED, *ADDED_BY_SYSTEM, "KUBECONFIG", "MINE"}
    assert "must not be seen" not in seen.values()


def test_a_child_runs_in_a_session_of_its_own(shell: SystemShell) -> None:
    session = int(shell.run(python("import os; print(os.getsid(0))")).stdout)
    assert session != os.getsid(0)


def test_a_lock_that_a_child_was_given_lasts_until_it_ends(shell: SystemShell, tmp_path: Path) -> None:
    path, started = tmp_path / "lock", tmp_path / "started"

    def locked() -> bool:
        with path.open("w") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    mine = path.open("w")
    fcntl.flock(mine, fcntl.LOCK_EX)
    command = script(f"touch {started}; sleep 30", inherits=(mine.fileno(),))
    thread = threading.Thread(target=lambda: shell.run(command, check=False))
    thread.start()
    await_true(started.exists)
    mine.close()
    assert locked()
    await_true(lambda: bool(shell.abort()) or not thread.is_alive())
    assert not locked()


def test_it_runs_where_the_command_says(shell: SystemShell, tmp_path: Path) -> None:
    assert shell.run(Command(argv=("pwd",), timeout=5, cwd=tmp_path)).stdout.strip() == str(tmp_path)


def test_it_runs_when_the_folder_one_stands_in_has_gone(tmp_path: Path) -> None:
    """After `lab down` in a shell that stands in the workspace."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    code = (
        "import os; os.rmdir(os.getcwd())\n"
        "from lab.shell import SystemShell; from lab.ports import Command\n"
        "print(SystemShell(lambda event: None).run(Command(argv=('echo', 'fine'), timeout=5)).stdout)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=20
    )
    assert ran.stdout.strip() == "fine", ran.stderr


# --- input and output -----------------------------------------------------------------------------------------------


def test_text_and_files_are_standard_input(shell: SystemShell, tmp_path: Path) -> None:
    text = "é" * 100_000
    assert shell.run(Command(argv=("cat",), timeout=5, stdin=text)).stdout == text
    path = tmp_path / "input"
    path.write_text("from a file")
    assert shell.run(Command(argv=("cat",), timeout=5, stdin=path)).stdout == "from a file"
    assert shell.run(Command(argv=("cat",), timeout=5)).stdout == ""


def test_a_child_that_does_not_read_its_input_is_no_trouble(shell: SystemShell) -> None:
    assert shell.run(Command(argv=("true",), timeout=5, stdin="x" * 1_000_000)).exit_code == 0


def test_the_time_limit_holds_for_one_that_neither_reads_nor_ends(shell: SystemShell) -> None:
    start = time.monotonic()
    with pytest.raises(LabError) as error:
        shell.run(Command(argv=("sleep", "30"), timeout=0.3, stdin="x" * 1_000_000))
    assert error.value.code == "command-timeout"
    assert time.monotonic() - start < 10


def test_much_output_on_both_sides_comes_whole(shell: SystemShell) -> None:
    code = "import sys\nfor i in range(20000): print(i); print(i, file=sys.stderr)"
    result = shell.run(python(code))
    assert len(result.stdout.splitlines()) == len(result.stderr.splitlines()) == 20000


def test_bytes_that_are_no_text_are_shown_as_such(shell: SystemShell) -> None:
    assert shell.run(script(r"printf '\377ok'")).stdout == "�ok"


# --- how it ends ----------------------------------------------------------------------------------------------------


def test_failure_says_what_it_printed_last(shell: SystemShell) -> None:
    with pytest.raises(LabError) as error:
        shell.run(script("for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3"))
    assert (error.value.code, error.value.exit_code) == ("command-failed", 1)
    assert "exit code 3" in error.value.what
    assert error.value.why.splitlines() == [f"line {i}" for i in range(3, 8)]
    assert error.value.details.splitlines()[0] == "line 1"


def test_failure_that_prints_nothing_says_so(shell: SystemShell) -> None:
    with pytest.raises(LabError) as error:
        shell.run(Command(argv=("false",), timeout=5))
    assert error.value.why == "it printed nothing"
    assert error.value.fix == "false"


def test_without_check_the_exit_code_is_the_answer(shell: SystemShell) -> None:
    result = shell.run(script("echo out; echo err >&2; exit 4"), check=False)
    assert (result.exit_code, result.stdout, result.stderr) == (4, "out\n", "err\n")


def test_a_full_disk_is_told_from_other_failures(shell: SystemShell, tmp_path: Path) -> None:
    with pytest.raises(LabError) as error:
        shell.run(script("echo 'write /x: No space left on device' >&2; exit 1", cwd=tmp_path))
    assert error.value.code == "disk-full"


def test_a_docker_that_went_away_is_told_from_other_failures(shell: SystemShell) -> None:
    said = "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
    with pytest.raises(LabError) as error:
        shell.run(script(f"echo '{said}' >&2; exit 1"))
    assert error.value.code == "docker-stopped"
    assert "Nothing answers at unix:///var/run/docker.sock." in error.value.why


@pytest.mark.parametrize("program", ["no-such-program", "/nowhere/kind"])
def test_a_missing_program_says_how_to_get_it(shell: SystemShell, heard: Heard, program: str) -> None:
    with pytest.raises(LabError) as error:
        shell.run(Command(argv=(program, "--version"), timeout=5))
    assert error.value.code == "tool-missing"
    assert Path(program).name in error.value.what
    assert heard == []


def test_known_programs_come_with_their_address(shell: SystemShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert shell.which("kind") is None
    with pytest.raises(LabError) as error:
        shell.run(Command(argv=("kind", "version"), timeout=5))
    assert "https://kind.sigs.k8s.io" in error.value.fix


def test_a_timeout_ends_the_whole_group(shell: SystemShell, tmp_path: Path) -> None:
    """Also a grandchild that does not listen to the polite signal."""
    pids = tmp_path / "pids"
    stubborn = f"trap '' TERM; echo $$ >>{pids}; while :; do read -t 1 x </dev/zero; done"
    with pytest.raises(LabError) as error:
        shell.run(script(f'echo $$ >>{pids}; sh -c "{stubborn}" & wait', timeout=0.5))
    assert error.value.code == "command-timeout"
    assert error.value.what.startswith("sh -c took longer than")
    found = [int(pid) for pid in pids.read_text().split()]
    assert len(found) == 2
    for pid in found:
        await_end(pid)


def test_abort_ends_every_child(shell: SystemShell, tmp_path: Path) -> None:
    results: list[CommandResult] = []

    def run(number: int) -> None:
        text = f"echo $$ >{tmp_path}/{number}; sleep 30"
        results.append(shell.run(script(text), check=False))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()

    await_true(lambda: sum(bool(p.read_text()) for p in tmp_path.iterdir()) == 3)
    await_true(lambda: bool(shell.abort()) or not any(thread.is_alive() for thread in threads))
    assert all(result.exit_code < 0 for result in results)
    for path in tmp_path.iterdir():
        await_end(int(path.read_text()))


# --- what is shown --------------------------------------------------------------------------------------------------


def test_secrets_are_in_no_event_and_no_error(shell: SystemShell, heard: Heard) -> None:
    text = f"echo out {SECRET}; echo err {SECRET} >&2; exit 1"
    command = script(text, secrets=(SECRET, ""), step="create:hub", cluster="hub", changes=True)
    with pytest.raises(LabError) as error:
        shell.run(command)
    shown = [event.to_json() for event in heard]
    shown += [error.value.what, error.value.why, error.value.fix, error.value.details, str(error.value)]
    assert len(heard) == 4
    assert not [line for line in shown if SECRET in line]
    assert "err ***" in error.value.why


def test_control_characters_never_reach_a_terminal(shell: SystemShell, heard: Heard) -> None:
    text = r"printf '\033[31mred\033[0m\tx\r\033]0;title\007\n' >&2; exit 1"
    with pytest.raises(LabError) as error:
        shell.run(script(text, step="a", changes=True))
    lines = [event.text for event in heard if isinstance(event, LogLine)]
    assert lines == ["red    x"]
    for shown in (*lines, error.value.why, error.value.details):
        assert all(c.isprintable() or c == "\n" for c in shown)


def test_only_what_changes_something_is_logged_and_counted(shell: SystemShell, heard: Heard) -> None:
    shell.run(script("echo reading", step="a"))
    assert [type(event) for event in heard] == [CommandFinished]
    heard.clear()
    shell.run(script("echo changing", step="a", cluster="hub", changes=True))
    assert [type(event) for event in heard] == [LogLine, CommandFinished, ChangeMade]
    finished = heard.of(CommandFinished)[0]
    assert isinstance(finished, CommandFinished)
    assert (finished.step, finished.cluster, finished.exit_code) == ("a", "hub", 0)
    assert finished.command == "sh -c 'echo changing'"


def test_a_command_is_shown_so_that_it_can_be_pasted() -> None:
    command = Command(argv=("git", "commit", "-m", "it's $HOME"), timeout=1, env=(("TOKEN", "x"),))
    shown = display(command)
    assert subprocess.run(["sh", "-c", f"printf '%s|' {shown}"], capture_output=True, text=True).stdout == (
        "git|commit|-m|it's $HOME|"
    )
    assert "TOKEN" not in shown


def test_one_line_keeps_text_on_one_line() -> None:
    assert one_line("a\tb\nü\x00\x9b\u202e") == "a b ü"
