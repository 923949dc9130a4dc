"""Following an event log while it is written."""

import threading
from pathlib import Path

import pytest

from lab.events import LogLine, RunFinished
from lab.tui.source import RunLost
from lab.tui.tail import Tail, follow, last_lines
from tests.tui.fakes import RECORDED, recorded

END = RunFinished(outcome="success", exit_code=0, seconds=1.0)


class Steps:
    """A clock whose every wait does the next thing to the world."""

    def __init__(self, *steps: "object") -> None:
        self.steps = list(steps)

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        if not self.steps:
            raise AssertionError("it waits for something that never comes")
        self.steps.pop(0)()  # type: ignore[operator]
        return cancel.is_set()


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_whole_recorded_run_comes_back() -> None:
    tail = Tail(RECORDED / "up.jsonl")
    assert tail.read() == recorded("up")
    assert tail.read() == ()
    tail.close()


def test_half_a_line_is_left_for_later_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    line = LogLine(text="grün").to_json() + "\n"
    path.write_bytes(line.encode()[:20])
    tail = Tail(path)
    assert tail.read() == ()
    with path.open("ab") as file:
        file.write(line.encode()[20:] + b'{"event":"FromTheFuture"}\nnot json\n\xff\n' + line.encode())
    assert [event.text for event in tail.read() if isinstance(event, LogLine)] == ["grün", "grün"]
    tail.close()


def test_it_waits_for_the_log_then_for_lines_then_ends_with_the_run(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    clock = Steps(
        lambda: append(path, LogLine(text="a").to_json() + "\n"),
        lambda: append(path, END.to_json()),
        lambda: append(path, "\n"),
    )
    batches = list(follow(lambda: path if path.exists() else None, lambda: True, tuple, clock, threading.Event()))
    assert batches == [(LogLine(text="a"),), (END,)]


def test_what_a_process_wrote_last_is_read_before_it_counts_as_lost(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    append(path, LogLine(text="last words").to_json() + "\n")
    run = follow(lambda: path, lambda: False, lambda: ("Killed",), Steps(), threading.Event())
    assert next(run) == (LogLine(text="last words"),)
    with pytest.raises(RunLost) as lost:
        next(run)
    assert lost.value.lines == ("Killed",)


def test_a_process_that_never_wrote_a_log_is_lost_with_what_it_printed(tmp_path: Path) -> None:
    output = tmp_path / "output.log"
    output.write_text("\x1b[31mlab: error\x1b[0m\n\n  fix it\n")
    with pytest.raises(RunLost) as lost:
        list(follow(lambda: None, lambda: False, lambda: last_lines(output), Steps(), threading.Event()))
    assert lost.value.lines == ("lab: error", "  fix it")


def test_a_log_that_vanishes_before_it_is_opened_counts_as_none(tmp_path: Path) -> None:
    with pytest.raises(RunLost):
        list(follow(lambda: tmp_path / "gone.jsonl", lambda: False, tuple, Steps(), threading.Event()))


def test_stopping_ends_it_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.touch()
    stop = threading.Event()
    assert list(follow(lambda: path, lambda: True, tuple, Steps(stop.set), stop)) == []


def test_last_lines_of_a_missing_file_are_none(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none") == ()
    assert last_lines(None) == ()
