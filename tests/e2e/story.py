"""What is asked of every scenario."""

from lab.model import LessonStep, Scenario
from tests.e2e.conftest import Answer, Cli


def outcomes(answer: Answer) -> dict[str, str]:
    return {check["id"]: check["outcome"] for check in answer.data["checks"]}


def comes_up(lab: Cli, scenario: Scenario) -> None:
    answer = lab("up", scenario.id, "--provider", "kind")
    assert outcomes(answer) == {check.id: "passed" for check in scenario.checks("up")}


def changes_nothing_the_second_time(lab: Cli, scenario: Scenario) -> None:
    answer = lab("up", scenario.id, "--provider", "kind")
    assert answer.data["changes"] == 0
    # What can only be found out by writing is not tried again on a lab in which nothing has changed.
    writing = {check.id for check in scenario.checks("up") if check.denied}
    assert outcomes(answer) == {c.id: "skipped" if c.id in writing else "passed" for c in scenario.checks("up")}


def step_fails_before_and_holds_after(lab: Cli, scenario: Scenario, step: LessonStep) -> None:
    phases = {check.id: check.phase for check in scenario.spec.checks}
    if any(phases[check] == "lesson" for check in step.checks):
        before = outcomes(lab("lesson", str(step.number)))
        assert "failed" in before.values(), "the step's checks hold before anything was done"
    if step.solve:
        lab("lesson", str(step.number), "--solve")
    deciding = [check for check in step.checks if phases[check] != "drill"]
    if deciding:
        assert set(outcomes(lab("check", *deciding)).values()) == {"passed"}


def drills_hold(lab: Cli, scenario: Scenario) -> None:
    drills = [check.id for check in scenario.checks("drill")]
    if drills:
        assert outcomes(lab("check", *drills)) == dict.fromkeys(drills, "passed")
