"""The source of a real lab, over files and stand-in processes."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lab import launch
from lab.errors import LabError
from lab.events import Event, LogLine, RunFinished, RunStarted
from lab.settings import Settings
from lab.state import Options, Record
from lab.tui.local import LocalSource
from lab.tui.source import Choice, RunLost, Ticket

STAND_IN = Path(__file__).parent / "stand_in_command.py"
CENTRALIZED = Choice(scenario="03-multi-cluster/centralized", provider="kind")


def stand_in(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, str(STAND_IN), *arguments]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSource]:
    """A source in a home of its own whose commands are stand-ins; what it started is ended."""
    monkeypatch.setattr(launch, "command", stand_in)
    settings = replace(Settings.from_environment({}), home=tmp_path / "home", cache=tmp_path / "cache")
    found = LocalSource(settings, "lab")
    yield found
    found.close()
    for child in found._children.values():
        launch.interrupt(child.pid)


def record(source: LocalSource, **values: object) -> Record:
    made = Record(
        name="lab",
        scenario=CENTRALIZED.scenario,
        folder="",
        provider="kind",
        digest="",
        **values,  # type: ignore[arg-type]
    )
    source.folder.save(made)
    return made


def events(source: LocalSource, ticket: Ticket) -> list[Event]:
    return [event for batch in source.follow(ticket, threading.Event()) for event in batch]


def test_the_shipped_scenarios_are_listed_and_torn_ones_say_why(source: LocalSource, tmp_path: Path) -> None:
    assert {"centralized", "distributed", "hybrid"} <= {
        card.scenario.name for card in source.scenarios() if card.scenario
    }
    torn = tmp_path / "scenarios" / "group" / "torn"
    torn.mkdir(parents=True)
    (torn / "scenario.yaml").write_text("apiVersion: lab/v1\n")
    source.settings = replace(source.settings, scenarios_dir=tmp_path / "scenarios")
    (card,) = source.scenarios()
    assert (card.id, card.scenario) == ("group/torn", None)
    assert any("scenario.yaml:1:1" in problem for problem in card.problems)


def test_the_plan_is_the_one_of_up(source: LocalSource) -> None:
    steps = source.plan(CENTRALIZED)
    ids = [step.id for step in steps]
    assert {"create:hub", "create:w1", "create:w2"} <= set(ids)
    assert all(need in ids[: ids.index(step.id)] for step in steps for need in step.needs)


def test_the_plan_of_a_simulated_lab_fetches_no_images_and_refuses_a_ui(source: LocalSource) -> None:
    simulated = replace(CENTRALIZED, provider="sim")
    real = {step.id for step in source.plan(CENTRALIZED)}
    left_out = {step.partition(":")[0] for step in real - {step.id for step in source.plan(simulated)}}
    assert left_out == {"stage", "probe"}
    assert source.plan(replace(CENTRALIZED, ui=True))
    with pytest.raises(LabError) as refused:
        source.plan(replace(simulated, ui=True))
    assert refused.value.code == "unsupported"


def test_the_provider_that_would_be_taken_comes_first(
    source: LocalSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    assert list(source.providers()) == ["sim", "kind"]
    assert source.diagnose(replace(CENTRALIZED, provider="sim")).provider == "sim"
    assert source.diagnose(CENTRALIZED).provider == ""
    record(source)
    assert list(source.providers()) == ["kind", "sim"]


def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError) as refused:
        LocalSource(Settings.from_environment({"HOME": str(tmp_path)}), "-rf")
    assert refused.value.code == "name-invalid"


def test_what_stands_is_read_from_the_record(source: LocalSource) -> None:
    assert source.standing() is None
    assert source.status().state == "absent"
    record(source, complete=True)
    standing = source.standing()
    assert standing is not None
    assert (standing.scenario, standing.complete) == (CENTRALIZED.scenario, True)


def test_a_lab_is_brought_up_again_as_it_was_begun(source: LocalSource) -> None:
    assert source.up_arguments(CENTRALIZED) == [CENTRALIZED.scenario, "--provider", "kind", "--timing", "fast"]
    assert source.up_arguments(replace(CENTRALIZED, ui=True))[-1] == "--ui"
    assert source.up_arguments(CENTRALIZED, force=True)[-1] == "--yes"
    record(source, options=Options(ui=True, timing="argocd"))
    assert source.up_arguments(CENTRALIZED)[3:] == ["--timing", "argocd", "--ui"]


def test_a_started_run_is_followed_to_its_end(source: LocalSource) -> None:
    record(source)
    found = events(source, source.start("check", ["web-w1"]))
    assert isinstance(found[0], RunStarted)
    assert [event.text for event in found if isinstance(event, LogLine)] == ["check web-w1 --name lab"]
    assert isinstance(found[-1], RunFinished)


def test_a_started_run_has_a_session_of_its_own_and_private_output(source: LocalSource) -> None:
    record(source)
    ticket = source.start("up")
    assert os.getsid(ticket.pid) == ticket.pid != os.getsid(0)
    assert ticket.output is not None
    assert ticket.output.stat().st_mode & 0o777 == 0o600
    next(source.follow(ticket, threading.Event()))
    source.interrupt(ticket.pid)
    assert _end(events(source, ticket)).outcome == "cancelled"


def _end(found: list[Event]) -> RunFinished:
    (end,) = [event for event in found if isinstance(event, RunFinished)]
    return end


def test_a_run_is_found_again_by_another_source_while_it_goes_on(source: LocalSource) -> None:
    record(source)
    ticket = source.start("up")
    first = next(source.follow(ticket, threading.Event()))
    assert isinstance(first[0], RunStarted)
    other = LocalSource(source.settings, "lab")
    again = other.active()
    assert again is not None
    assert (again.command, again.pid) == ("up", ticket.pid)
    assert again.log is not None
    assert again.log.name.endswith(f"-up-{ticket.pid}.jsonl")
    other.interrupt(again.pid)
    assert _end(events(other, again)).outcome == "cancelled"
    assert source.active() is None


def test_what_this_process_does_itself_is_no_run_to_watch(source: LocalSource) -> None:
    with source.folder.lock("push"):
        assert source.active() is None


def test_a_command_that_is_refused_leaves_its_words_and_no_folder(source: LocalSource) -> None:
    ticket = source.start("refuse")
    with pytest.raises(RunLost) as lost:
        events(source, ticket)
    assert lost.value.lines == ("this machine cannot run it",)
    assert not source.folder.path.exists()


def test_down_may_take_its_own_log_away(source: LocalSource) -> None:
    record(source)
    (end,) = events(source, source.start("down"))
    assert isinstance(end, RunFinished)
    assert end.outcome == "success"
    assert not source.folder.path.exists()


def test_a_finished_lesson_is_remembered_beyond_the_lab(source: LocalSource) -> None:
    source._finish(CENTRALIZED.scenario)
    source._finish(CENTRALIZED.scenario)
    done = [card.id for card in source.scenarios() if card.done]
    assert done == [CENTRALIZED.scenario]


def test_without_a_lab_its_operations_say_so(source: LocalSource) -> None:
    for ask in (source.lesson, source.checks, source.loss, source.repositories):
        with pytest.raises(LabError) as refused:
            ask()
        assert refused.value.code == "lab-unknown"


def test_the_real_command_is_this_interpreter_s_lab() -> None:
    assert launch.command(["up", "x"]) != stand_in(["up", "x"])
    assert launch.command(["up", "x"])[1:] == ["-m", "lab", "up", "x"]


def test_a_process_that_is_gone_is_not_alive_and_cannot_be_interrupted(source: LocalSource) -> None:
    ticket = source.start("refuse")
    child = source._children[ticket.pid]
    child._process.wait(timeout=10)
    assert not child.alive()
    assert child.exit_code() == 3
    assert not launch.alive(ticket.pid)
    launch.interrupt(ticket.pid)
    launch.interrupt(0)
    assert not launch.alive(0)
    assert launch.alive(os.getpid())
