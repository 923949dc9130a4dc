"""What is asked of every scenario, whichever provider its clusters come from."""

from dataclasses import dataclass
from typing import Any, Protocol

from lab.model import Check, LessonStep, Scenario
from lab.providers import CAPABILITIES


@dataclass
class Answer:
    """What one `lab` command said."""

    exit_code: int
    envelope: dict[str, Any]
    stderr: str

    @property
    def data(self) -> Any:
        return self.envelope["data"]


class Cli(Protocol):
    """`lab … --output json` as a person types it."""

    provider: str

    def __call__(self, *words: str, expect: int | None = 0) -> Answer:
        """Run one command.

        :param expect: the exit code it must have; None: any
        """


def outcomes(answer: Answer) -> dict[str, str]:
    return {check["id"]: check["outcome"] for check in answer.data["checks"]}


def possible(lab: Cli, check: Check) -> bool:
    """Whether the provider has what the check takes."""
    return CAPABILITIES[lab.provider].issuperset(check.needs)


def comes_up(lab: Cli, scenario: Scenario) -> None:
    answer = lab("up", scenario.id, "--provider", lab.provider)
    checks = scenario.checks("up")
    assert outcomes(answer) == {check.id: "passed" if possible(lab, check) else "skipped" for check in checks}
    assert "passed" in outcomes(answer).values()


def changes_nothing_the_second_time(lab: Cli, scenario: Scenario) -> None:
    answer = lab("up", scenario.id, "--provider", lab.provider)
    assert answer.data["changes"] == 0
    # What can only be found out by writing is not tried again on a lab in which nothing has changed.
    passing = {check.id for check in scenario.checks("up") if possible(lab, check) and not check.denied}
    assert outcomes(answer) == {c.id: "passed" if c.id in passing else "skipped" for c in scenario.checks("up")}


def step_fails_before_and_holds_after(lab: Cli, scenario: Scenario, step: LessonStep) -> None:
    checks = {check.id: check for check in scenario.spec.checks if possible(lab, check)}
    asked = [checks[check] for check in step.checks if check in checks]
    if any(check.phase == "lesson" for check in asked):
        before = outcomes(lab("lesson", str(step.number)))
        assert "failed" in before.values(), "the step's checks hold before anything was done"
    if step.solve:
        lab("lesson", str(step.number), "--solve")
    deciding = [check.id for check in asked if check.phase != "drill"]
    if deciding:
        assert set(outcomes(lab("check", *deciding)).values()) == {"passed"}


def drills_hold(lab: Cli, scenario: Scenario) -> None:
    drills = [check.id for check in scenario.checks("drill") if possible(lab, check)]
    if drills:
        assert outcomes(lab("check", *drills)) == dict.fromkeys(drills, "passed")
