"""What a run tells is on disk, whole and in order, before anybody hears of it."""

import dataclasses
import os
import threading
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from lab import events
from lab.errors import LabError
from lab.events import ChangeMade, Event, LogLine, RunFinished, StepInfo, StepProgressed, StepStarted
from lab.recording import KEPT_RUNS, Recording, Switch, current_step, silent
from lab.state import LabFolder, make_private
from tests.fakes.clock import FakeClock


@pytest.fixture
def folder(tmp_path: Path) -> LabFolder:
    return LabFolder(tmp_path, "lab")


def recorded(path: Path) -> list[Event]:
    return list(events.read(iter(path.read_text().splitlines(keepends=True))))


def sample(kind: type[Event]) -> Event:
    """An event with something in every field."""
    values: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if field.name == "steps":
            values["steps"] = (StepInfo(id="a", title="ä\n", clusters=("hub",), needs=("b", "c")),)
        elif hint in (int, float):
            values[field.name] = 7
        elif hint is str:
            values[field.name] = 'text with "quotes", a\nline end, \x1b and ü'
        elif get_args(hint) and get_args(hint)[0] is str:
            values[field.name] = ("one", "two")
        else:
            values[field.name] = get_args(hint)[0]
    return kind(**values)


KINDS = sorted(Event.kinds.values(), key=lambda kind: kind.__name__)


def test_every_event_is_known_by_name() -> None:
    assert len(KINDS) >= 12
    assert {kind.__name__ for kind in KINDS} >= {"RunStarted", "StepFinished", "CheckRetried", "RunFinished"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_survives_its_line(kind: type[Event]) -> None:
    event = sample(kind)
    line = event.to_json()
    assert "\n" not in line
    assert events.from_json(line) == event


@pytest.mark.parametrize("line", ["{}", '{"event":"Nonsense"}', '{"event":"StepStarted","step":"a","more":1}', "[]x"])
def test_what_is_not_an_event_of_this_version_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        events.from_json(line)


def test_a_line_cut_short_ends_the_reading() -> None:
    lines = [StepStarted(step="a").to_json() + "\n", StepStarted(step="b").to_json()[:9]]
    assert list(events.read(iter(lines))) == [StepStarted(step="a")]


def test_events_get_time_and_run_and_are_on_disk_before_anybody_hears_of_them(folder: LabFolder) -> None:
    clock = FakeClock()
    heard: list[tuple[Event, int]] = []

    def listen(event: Event) -> None:
        heard.append((event, len(recorded(recording.path))))

    recording = Recording(folder, "up", clock, listen)
    recording(StepStarted(step="a"))
    clock.advance(2)
    recording(ChangeMade(command="kind create cluster"))
    recording.close()
    assert [seen for _, seen in heard] == [1, 2]
    assert [event for event, _ in heard] == recorded(recording.path)
    assert [event.time - heard[0][0].time for event, _ in heard] == [0, 2]
    assert {event.run for event, _ in heard} == {recording.run}
    assert recording.changes == 1


def test_a_listener_that_fails_costs_no_event(folder: LabFolder) -> None:
    def fail(event: Event) -> None:
        raise RuntimeError

    recording = Recording(folder, "up", FakeClock(), fail)
    for step in "ab":
        with pytest.raises(RuntimeError):
            recording(StepStarted(step=step))
    assert [event.step for event in recorded(recording.path) if isinstance(event, StepStarted)] == ["a", "b"]


def test_events_that_name_no_step_get_that_of_their_thread(folder: LabFolder) -> None:
    recording = Recording(folder, "up", FakeClock(), silent)
    token = current_step.set("create:hub")
    try:
        recording(LogLine(text="one"))
        recording(StepProgressed(step="other", detail="two"))
    finally:
        current_step.reset(token)
    recording(LogLine(text="three"))
    steps = [event.step for event in recorded(recording.path) if isinstance(event, LogLine | StepProgressed)]
    assert steps == ["create:hub", "other", ""]


def test_many_threads_write_whole_lines_in_one_order(folder: LabFolder) -> None:
    heard: list[Event] = []
    recording = Recording(folder, "up", FakeClock(), heard.append)

    def tell(name: str) -> None:
        for number in range(100):
            recording(LogLine(step=name, text=str(number) * 50))

    threads = [threading.Thread(target=tell, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded(recording.path) == heard
    assert len(heard) == 800


def test_only_the_newest_runs_are_kept(folder: LabFolder) -> None:
    clock = FakeClock()
    paths = []
    for _ in range(KEPT_RUNS + 5):
        clock.advance(1)
        recording = Recording(folder, "check", clock, silent)
        recording(StepStarted(step="a"))
        recording.close()
        paths.append(recording.path)
    assert sorted(folder.runs.iterdir()) == paths[-KEPT_RUNS:]
    assert folder.last_run() == paths[-1]


def test_after_the_end_nothing_is_written(folder: LabFolder) -> None:
    heard: list[Event] = []
    recording = Recording(folder, "up", FakeClock(), heard.append)
    recording.close()
    recording(StepStarted(step="late"))
    assert recorded(recording.path) == []
    assert len(heard) == 1


def test_a_full_disk_is_said_once_and_the_end_is_still_heard(folder: LabFolder) -> None:
    clock = FakeClock()
    make_private(folder.runs)
    (folder.runs / f"{int(clock.now() * 1000):013d}-up-{os.getpid()}.jsonl").symlink_to("/dev/full")
    heard: list[Event] = []
    recording = Recording(folder, "up", clock, heard.append)
    with pytest.raises(LabError) as error:
        recording(StepStarted(step="a"))
    assert error.value.code == "disk-full"
    recording(RunFinished(outcome="error", exit_code=3, seconds=1, error="disk-full"))
    recording.close()
    assert [type(event) for event in heard] == [RunFinished]


def test_a_run_that_makes_room_goes_on_without_a_log(folder: LabFolder) -> None:
    clock = FakeClock()
    make_private(folder.runs)
    (folder.runs / f"{int(clock.now() * 1000):013d}-down-{os.getpid()}.jsonl").symlink_to("/dev/full")
    heard: list[Event] = []
    recording = Recording(folder, "down", clock, heard.append, strict=False)
    recording(ChangeMade(command="kind delete cluster"))
    recording.close()
    assert [type(event) for event in heard] == [ChangeMade]
    assert recording.changes == 1


def test_a_switch_reports_to_whoever_listens_now() -> None:
    first: list[Event] = []
    second: list[Event] = []
    switch = Switch(first.append)
    switch(StepStarted(step="a"))
    switch.target = second.append
    switch(StepStarted(step="b"))
    assert (len(first), len(second)) == (1, 1)
