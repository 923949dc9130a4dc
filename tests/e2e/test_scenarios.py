"""Every other scenario, by being there: up, its lesson, its drills, down."""

import pytest

from lab import scenario as scenarios
from lab.model import Scenario
from lab.settings import Settings
from tests.e2e.conftest import Cli, Inventory
from tests.scenarios import story

pytestmark = pytest.mark.e2e

SETTINGS = Settings.from_environment()
OTHERS = [name for name in scenarios.names(SETTINGS) if not name.endswith("/centralized")]


@pytest.fixture(scope="module", params=OTHERS)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return scenarios.find(SETTINGS, request.param)


def test_up_ends_with_every_check_passed(lab: Cli, scenario: Scenario):
    story.comes_up(lab, scenario)


def test_second_up_changes_nothing(lab: Cli, scenario: Scenario):
    story.changes_nothing_the_second_time(lab, scenario)


def test_every_lesson_step_fails_before_and_holds_after_its_solution(lab: Cli, scenario: Scenario):
    for step in scenario.lesson:
        story.step_fails_before_and_holds_after(lab, scenario, step)


def test_drills_hold(lab: Cli, scenario: Scenario):
    story.drills_hold(lab, scenario)


def test_down_leaves_nothing(lab: Cli, scenario: Scenario, before: Inventory):
    lab("down", "--yes")
    assert Inventory.take() == before
