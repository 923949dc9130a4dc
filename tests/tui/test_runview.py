"""A run's events, folded."""

from dataclasses import replace

from lab.events import (
    ChangeMade,
    CommandFinished,
    LogLine,
    RunStarted,
    StepFinished,
    StepInfo,
    StepProgressed,
    StepStarted,
)
from lab.tui.runview import LINES, RunView
from tests.tui import data
from tests.tui.fakes import recorded


def folded(name: str, seconds: float = 1e9) -> RunView:
    view = RunView()
    view.apply(event for event in recorded(name) if event.time <= data.START + seconds)
    return view


def test_half_way_says_what_runs_and_what_it_waits_for() -> None:
    view = folded("up", 47)
    running = {id: step for id, step in view.steps.items() if step.state == "running"}
    assert set(running) == {"create:w2", "ready:hub"}
    assert running["ready:hub"].detail == {"hub": "waiting for argocd-application-controller: 0 of 1 ready"}
    assert view.seconds(running["ready:hub"], data.START + 47) > 10
    assert view.ended == 9
    assert view.elapsed(data.START + 47) == 47
    assert view.finished is None


def test_the_end_keeps_the_run_s_own_time() -> None:
    view = folded("up")
    assert view.finished is not None
    assert view.elapsed(data.START + 9999) == 72.2
    assert view.passed == len(view.checks) == 7
    assert all(step.state == "done" for step in view.steps.values())


def test_a_failed_check_keeps_reason_hint_and_evidence() -> None:
    check = folded("up-check-failed").checks["web-w2"]
    assert (check.state, check.reason) == ("failed", "status.health.status: got Degraded, want Healthy")
    assert check.hint.startswith("kubectl")
    assert any("ImagePullBackOff" in line for line in check.evidence)


def test_a_retried_check_shows_the_last_mismatch() -> None:
    view = folded("up", 66.5)
    assert view.checks["web-w2"].state == "running"
    assert view.checks["web-w2"].reason == "status.health.status: got Progressing, want Healthy"
    assert view.checks["web-w2"].cluster == "hub"


def test_a_failed_step_says_why_and_its_followers_are_skipped() -> None:
    steps = folded("up-step-failed").steps
    assert steps["create:w2"].note.startswith("kind failed with exit code 1")
    assert [id for id, step in steps.items() if step.state == "skipped"] == ["register:hub:w2", "bootstrap:hub"]


def test_a_finished_step_waits_for_nothing() -> None:
    view = RunView()
    info = StepInfo(id="a", title="doing a")
    view.apply(
        [
            RunStarted(command="up", lab="lab", scenario="x/y", provider="kind", steps=(info,), time=10),
            StepStarted(step="a", time=11),
            StepProgressed(step="a", detail="waiting for b", time=12),
            StepFinished(step="a", outcome="already", seconds=2, detail="it is there", time=13),
        ]
    )
    assert (view.steps["a"].state, view.steps["a"].detail, view.steps["a"].note) == ("already", {}, "it is there")


def test_a_change_and_the_end_of_its_command_are_one_line_in_either_order() -> None:
    change = ChangeMade(cluster="hub", command="kind create cluster")
    end = CommandFinished(cluster="hub", command="kind create cluster", exit_code=0, seconds=1)
    for events in ((change, end), (end, change)):
        view = RunView()
        assert len(view.apply(events)) == 1
    failed = RunView().apply([change, replace(end, exit_code=3)])
    assert [line.kind for line in failed] == ["change", "failed"]
    assert "exit code 3" in failed[1].text


def test_the_log_is_bounded() -> None:
    view = RunView()
    view.apply(LogLine(text=str(number)) for number in range(LINES + 10))
    assert len(view.lines) == LINES
    assert view.lines[0].text == "10"


def test_events_of_steps_nobody_announced_are_passed_over() -> None:
    view = RunView()
    view.apply([StepStarted(step="ghost"), StepProgressed(step="ghost", detail="x")])
    assert view.steps == {}
