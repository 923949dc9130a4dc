"""Opening a lab."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab import plan
from lab.errors import LabError
from lab.session import Lab
from lab.settings import Settings
from lab.state import LabFolder, Record

RECORD = Record(
    name="lab",
    scenario="mine/gone",
    folder="/nowhere/gone",
    provider="kind",
    digest="d",
    ports={"git": 40001, "api:hub": 40002, "ui:hub": 40003, "api:w1": 40004},
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"LAB_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)})


def test_a_lab_whose_scenario_is_gone_says_so(settings: Settings) -> None:
    LabFolder(settings.home, "lab").save(RECORD)
    with pytest.raises(LabError) as error:
        Lab.open(settings)
    assert error.value.code == "scenario-unknown"


def test_a_lab_whose_scenario_is_gone_can_still_be_taken_down(settings: Settings) -> None:
    LabFolder(settings.home, "lab").save(RECORD)
    lab = Lab.open(settings, remains=True)
    undone = [step.id for step in plan.reverse(plan.make(lab.scenario, settings))]
    assert sorted(undone[:-1]) == ["create:hub", "create:w1"]
    assert undone[-1] == "prepare"


def test_a_broken_scenario_does_not_keep_its_lab(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "scenario.yaml").write_text("kind: [\n")
    LabFolder(settings.home, "lab").save(replace(RECORD, folder=str(folder)))
    assert [cluster.name for cluster in Lab.open(settings, remains=True).scenario.clusters] == ["hub", "w1"]
    with pytest.raises(LabError) as error:
        Lab.open(settings)
    assert error.value.code == "scenario-invalid"


def test_an_unknown_lab_is_named(settings: Settings) -> None:
    with pytest.raises(LabError) as error:
        Lab.open(settings, "other", remains=True)
    assert error.value.code == "lab-unknown"
