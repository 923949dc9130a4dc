"""Scenario folders are found by name and loaded as data."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab import catalogue
from lab.errors import USAGE, LabError
from lab.scenario import ScenarioProblems, all_scenarios, find, load, names, rules
from lab.settings import Settings
from tests.fakes.scenario_folder import SMALL, small

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose scenarios folder holds four scenarios, two of which share a short name."""
    scenarios = tmp_path / "scenarios"
    for topic, name in (
        ("01-first", "basic"),
        ("02-second", "centralized"),
        ("02-second", "twin"),
        ("03-third", "twin"),
    ):
        (scenarios / topic).mkdir(parents=True, exist_ok=True)
        small(scenarios / topic, {"  name: small": f"  name: {name}"}, name)
    return replace(Settings.from_environment({"HOME": str(tmp_path)}), scenarios_dir=scenarios)


def test_the_small_scenario_loads_with_its_lesson() -> None:
    scenario = load(SMALL)
    assert (scenario.id, scenario.name, scenario.folder) == ("small", "small", SMALL)
    assert [cluster.name for cluster in scenario.clusters] == ["hub", "w1"]
    assert scenario.hub.name == "hub"
    assert scenario.spec.argocd[0].manages == ("w1",)
    assert scenario.spec.repositories[0].from_ == "gitops"
    assert [check.kind for check in scenario.spec.checks] == ["app", "script", "denied", "expect"]
    assert [check.id for check in scenario.checks("lesson")] == ["pods"]
    first, second = scenario.lesson
    assert (first.number, first.slug, first.title, first.checks) == (1, "look-around", "Look around", ("web",))
    assert first.text == "The hub runs Argo CD.\n"
    assert second.solve == "lab push\n"


def test_on_and_yes_and_dates_are_text(tmp_path: Path) -> None:
    folder = small(tmp_path, {"{env: production}": "{on: yes, since: 2026-01-01, off: no}"})
    assert load(folder).cluster("w1").labels == {"on": "yes", "since": "2026-01-01", "off": "no"}


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    folder = small(tmp_path)
    for name in ("scenario.yaml", "lesson/01-look-around.md"):
        text = (folder / name).read_text().replace("\n", "\r\n")
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    scenario = load(folder)
    assert scenario.metadata == load(SMALL).metadata
    assert scenario.lesson == load(SMALL).lesson


def test_a_scenario_needs_no_lesson_and_no_repository(tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(
        "apiVersion: lab/v1\nkind: Scenario\n"
        "metadata: {name: bare, title: Bare, level: beginner, minutes: 1}\n"
        "spec: {clusters: [{name: hub, role: management}], argocd: [{on: hub}]}\n"
    )
    scenario = load(folder)
    assert scenario.lesson == ()
    assert scenario.spec.checks == ()


def test_pictures_in_the_lesson_and_chart_templates_are_left_alone(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "lesson" / "picture.svg").write_text("<svg/>")
    (folder / "lesson" / ".draft.md").write_text("later")
    chart = folder / "gitops" / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 0.1.0\n")
    (chart / "templates" / "pod.yaml").write_text("{{ if .Values.x }}\na: {{ .Values.a }}\n{{ end }}\n")
    assert len(load(folder).lesson) == 2


def test_templates_outside_a_chart_must_be_yaml(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "gitops" / "templates").mkdir()
    (folder / "gitops" / "templates" / "pod.yaml").write_text("a: {{ .Values.a }}\n")
    with pytest.raises(ScenarioProblems, match=r"has 1 problem"):
        load(folder)


def test_links_inside_the_folder_are_allowed(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "gitops" / "again.yaml").symlink_to("root.yaml")
    assert load(folder).digest != load(SMALL).digest


def test_an_instance_from_git_is_managed_by_another(tmp_path: Path) -> None:
    folder = small(tmp_path, {"manages: [w1]": "manages: [w1]\n    - {on: w1, via: git}"})
    assert [instance.via for instance in load(folder).spec.argocd] == ["lab", "git"]


def test_rights_may_limit_the_own_cluster(tmp_path: Path) -> None:
    folder = small(tmp_path, {"manages: [w1]": "manages: [w1]\n      rights: {hub: {namespaces: [argocd]}}"})
    assert load(folder).spec.argocd[0].rights["hub"].namespaces == ("argocd",)


def test_no_file_stays_open() -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    load(SMALL)
    assert len(list(Path("/dev/fd").iterdir())) == before


# --- digest ---------------------------------------------------------------------------------------------------------


def test_the_digest_is_that_of_any_checkout(tmp_path: Path) -> None:
    """Order of creation, times and modes differ between checkouts; paths and contents do not."""
    copy = tmp_path / "elsewhere" / "small"
    for file in sorted((path for path in SMALL.rglob("*") if path.is_file()), reverse=True):
        target = copy / file.relative_to(SMALL)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
        target.chmod(0o755)
        os.utime(target, (1, 1))
    assert load(copy).digest == load(SMALL).digest
    assert re.fullmatch(r"[0-9a-f]{64}", load(SMALL).digest)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("scenario.yaml", True),
        ("gitops/root.yaml", True),
        ("gitops/web/deployment.yaml", True),
        ("gitops/web/new.txt", True),
        ("README.md", False),
        ("lesson/01-look-around.md", False),
        ("gitops/.DS_Store", False),
    ],
)
def test_the_digest_changes_when_the_lab_would_be_another(tmp_path: Path, name: str, changes: bool) -> None:
    folder = small(tmp_path)
    with (folder / name).open("a") as file:
        file.write("# changed\n")
    assert (load(folder).digest != load(SMALL).digest) is changes


def test_a_renamed_file_changes_the_digest(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "gitops/web/deployment.yaml").rename(folder / "gitops/web/other.yaml")
    assert load(folder).digest != load(SMALL).digest


def test_what_is_applied_counts_although_it_is_not_pushed(tmp_path: Path) -> None:
    folder = small(tmp_path, {"apply: gitops/root.yaml": "apply: root.yaml"})
    shutil.copy(folder / "gitops/root.yaml", folder / "root.yaml")
    before = load(folder).digest
    with (folder / "root.yaml").open("a") as file:
        file.write("# changed\n")
    assert load(folder).digest != before


# --- problems -------------------------------------------------------------------------------------------------------


def test_the_listing_is_cut_and_the_problems_are_not(tmp_path: Path) -> None:
    wrong = "".join(f"      zz{n}: 1\n" for n in range(300))
    folder = small(tmp_path, {"      apply: gitops/root.yaml\n": "      apply: gitops/root.yaml\n" + wrong})
    with pytest.raises(ScenarioProblems) as raised:
        load(folder)
    assert len(raised.value.problems) == 300
    lines = raised.value.details.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "... and 200 more"


def test_advice_stops_where_the_listing_does(tmp_path: Path) -> None:
    """Comparing every wrong name with every name would take long in a file with thousands of both."""
    wrong = ", ".join(f"w1{n}" for n in range(300))
    with pytest.raises(ScenarioProblems) as raised:
        load(small(tmp_path, {"manages: [w1]": f"manages: [{wrong}]"}))
    advised = ["; did you mean w1?" in problem.text for problem in raised.value.problems]
    assert advised == [True] * 100 + [False] * 200


def test_a_repository_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small(tmp_path)
    monkeypatch.setattr(rules, "FOLDER_FILES", 1)
    with pytest.raises(ScenarioProblems) as raised:
        load(folder)
    (problem,) = raised.value.problems
    assert problem.path == "spec.repositories[0].from"
    assert problem.text == "must hold at most 1 files of 64 MiB in all, found 2 of 0 MiB"


def test_an_odd_pattern_does_not_warn_the_person(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    load(small(tmp_path, {'message: "not permitted"': 'message: "[[a]"'}))
    assert not recwarn.list


def test_a_pushed_file_that_cannot_be_read_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small(tmp_path)
    (folder / "gitops" / "picture.png").write_bytes(b"\x89PNG")
    opened = os.open

    def refuse(path: Path, *rest: int) -> int:
        if path.suffix == ".png":
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ScenarioProblems) as raised:
        load(folder)
    (problem,) = raised.value.problems
    assert problem.file.endswith("gitops/picture.png")
    assert problem.text == "must be readable, found: Permission denied"


def test_problems_name_files_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small(tmp_path, {"level: beginner": "level: none"})
    monkeypatch.chdir(folder)
    with pytest.raises(ScenarioProblems) as raised:
        load(Path())
    assert str(raised.value.problems[0]).startswith("scenario.yaml:7:10: metadata.level: must be ")
    monkeypatch.chdir("/")
    with pytest.raises(ScenarioProblems) as raised:
        load(folder)
    assert raised.value.problems[0].file == str(folder / "scenario.yaml").removeprefix("/")


def test_a_file_name_with_escape_codes_is_shown_escaped(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "gitops" / "a\x1b[31m.yaml").write_text("a: [")
    with pytest.raises(ScenarioProblems) as raised:
        load(folder)
    assert "\x1b" not in raised.value.details
    assert "a\\x1b[31m.yaml:" in raised.value.details


# --- finding --------------------------------------------------------------------------------------------------------


def test_names_are_the_paths_of_the_folders(settings: Settings) -> None:
    (settings.scenarios_dir / ".hidden").mkdir()
    shutil.copytree(SMALL, settings.scenarios_dir / ".hidden" / "small")
    shutil.copytree(SMALL, settings.scenarios_dir / "01-first" / "basic" / "gitops" / "small")
    assert names(settings) == ["01-first/basic", "02-second/centralized", "02-second/twin", "03-third/twin"]


def test_names_of_a_folder_that_is_not_there(settings: Settings) -> None:
    empty = replace(settings, scenarios_dir=settings.scenarios_dir / "nowhere")
    assert names(empty) == []
    with pytest.raises(LabError) as raised:
        find(empty, "basic")
    assert raised.value.code == "scenario-unknown"
    assert raised.value.why.endswith(f"No scenario is in {empty.scenarios_dir}.")


@pytest.mark.parametrize("name", ["02-second/centralized", "centralized"])
def test_found_by_id_and_by_short_name(settings: Settings, name: str) -> None:
    scenario = find(settings, name)
    assert scenario.id == "02-second/centralized"
    assert scenario.folder == settings.scenarios_dir / "02-second" / "centralized"


@pytest.mark.parametrize("name", ["./small", "./small/", "small/scenario.yaml", "{tmp}/small"])
def test_found_by_path(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = small(tmp_path)
    monkeypatch.chdir(tmp_path)
    scenario = find(settings, name.format(tmp=tmp_path))
    assert scenario.folder == folder
    assert find(settings, scenario.id).folder == folder


def test_a_path_into_the_scenarios_folder_gives_the_usual_id(settings: Settings) -> None:
    assert find(settings, str(settings.scenarios_dir / "03-third" / "twin")).id == "03-third/twin"


def test_a_bare_word_is_never_a_path(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError) as raised:
        find(settings, "small")
    assert raised.value.code == "scenario-unknown"


def test_a_short_name_of_two_scenarios_is_ambiguous(settings: Settings) -> None:
    with pytest.raises(LabError) as raised:
        find(settings, "twin")
    assert raised.value.code == "scenario-ambiguous"
    assert raised.value.exit_code == USAGE
    assert raised.value.why == "These match: 02-second/twin, 03-third/twin."
    assert raised.value.fix == "lab up 02-second/twin"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("centralised", "Did you mean centralized?"),
        ("02-second/centralised", "Did you mean centralized?"),
        ("Basic", "Did you mean basic?"),
        ("zzzzzz", "There are 4 scenarios."),
        ("", "There are 4 scenarios."),
        ("-rf", "There are 4 scenarios."),
        ("../../etc", "There are 4 scenarios."),
        ("/", "There are 4 scenarios."),
        ("~nobody-of-this-name/x", "There are 4 scenarios."),
        ("./a\0b", "There are 4 scenarios."),
        ("./" + "x" * 5000, "There are 4 scenarios."),
        ("\x1b[31mred", "There are 4 scenarios."),
        ("a\nb", "There are 4 scenarios."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(settings: Settings, name: str, nearest: str) -> None:
    with pytest.raises(LabError) as raised:
        find(settings, name)
    assert raised.value.code == "scenario-unknown"
    assert raised.value.exit_code == USAGE
    assert raised.value.why.endswith(nearest)
    assert raised.value.what.isprintable()
    assert len(raised.value.what) < 140


def test_all_scenarios_come_by_id(settings: Settings) -> None:
    assert [scenario.id for scenario in all_scenarios(settings)] == names(settings)


def test_broken_scenarios_do_not_hide_the_others(settings: Settings) -> None:
    file = settings.scenarios_dir / "02-second" / "twin" / "scenario.yaml"
    file.write_text(file.read_text().replace("minutes: 10", "minutes: 0"))
    broken: list[ScenarioProblems] = []
    assert len(all_scenarios(settings, broken)) == 3
    assert [len(problems.problems) for problems in broken] == [1]
    with pytest.raises(ScenarioProblems) as raised:
        all_scenarios(settings)
    assert raised.value.problems == broken[0].problems


def test_the_catalogue_loads_nothing_heavy(settings: Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from lab import catalogue; from lab.settings import Settings;"
        "print(len(catalogue.names(Settings.from_environment())));"
        "print([m for m in ('yaml', 'pydantic', 'rich', 'requests') if m in sys.modules])"
    )
    environment = {**os.environ, "LAB_SCENARIOS_DIR": str(settings.scenarios_dir)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=ROOT
    )
    assert done.stdout.split("\n")[:2] == ["4", "[]"]
    assert catalogue.names(settings) == names(settings)
