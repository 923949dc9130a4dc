"""Every scenario on the simulator, by being there: up, its lesson, a pause, down."""

import json
import os

import pytest

from lab import catalogue
from lab import scenario as scenarios
from lab.model import Scenario
from lab.settings import Settings
from tests.scenarios import story
from tests.scenarios.conftest import NAME, InProcess

SETTINGS = Settings.from_environment({"HOME": "/nowhere"})


@pytest.mark.parametrize("name", catalogue.names(SETTINGS))
def test_a_scenario_from_nothing_to_nothing(cli: InProcess, name: str) -> None:
    """One story in one test: each part goes on where the one before ended."""
    scenario = scenarios.find(SETTINGS, name)
    story.comes_up(cli, scenario)
    story.changes_nothing_the_second_time(cli, scenario)
    everything_is_well(cli)
    what_needs_containers_is_skipped(cli, scenario)
    everything_is_back_after_a_pause(cli)
    for step in scenario.lesson:
        story.step_fails_before_and_holds_after(cli, scenario, step)
    the_lesson_is_finished(cli, scenario)
    down_leaves_nothing(cli)


def everything_is_well(cli: InProcess) -> None:
    found = cli("status").data
    assert (found["state"], found["simulated"], found["problems"]) == ("up", True, [])
    assert {link["state"] for link in found["links"]} == {"ok"}
    assert all(cluster["version"].endswith("+sim") for cluster in found["clusters"])
    assert {(cell["sync"], cell["health"]) for cell in found["fleet"]} == {("Synced", "Healthy")}


def what_needs_containers_is_skipped(cli: InProcess, scenario: Scenario) -> None:
    found = [check.id for check in scenario.spec.checks if not story.possible(cli, check)]
    assert found
    results = cli("check", *found, expect=5).data["checks"]
    assert {(result["outcome"], result["reason"]) for result in results} == {
        ("skipped", "provider sim lacks runs_containers")
    }


def the_lesson_is_finished(cli: InProcess, scenario: Scenario) -> None:
    last = cli("lesson", str(len(scenario.lesson))).data
    assert last["finished"] == [step.number for step in scenario.lesson]


def everything_is_back_after_a_pause(cli: InProcess) -> None:
    cli("pause")
    assert cli("status").data["state"] == "paused"
    cli("resume")
    assert set(story.outcomes(cli("check")).values()) == {"passed", "skipped"}
    everything_is_well(cli)


def down_leaves_nothing(cli: InProcess) -> None:
    process = json.loads((cli.home / "labs" / NAME / "sim" / "daemon.json").read_text())["pid"]
    cli("down", "--yes")
    assert not (cli.home / "labs").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
