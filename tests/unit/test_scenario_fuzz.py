"""Whatever a scenario folder holds, loading it ends with a scenario or with problems at places that exist."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.reading.problems import Problem
from lab.scenario import ScenarioProblems, load
from tests.fakes.scenario_folder import SMALL, small

SCENARIO = (SMALL / "scenario.yaml").read_text()
LESSON = (SMALL / "lesson" / "02-change-it.md").read_text()
MANIFEST = (SMALL / "gitops" / "root.yaml").read_text()
FRAGMENTS = (
    *"[]{}:,-?&*!|>%@`'\"#\t\n\\~<",
    "\0",
    "\ufeff",
    "\u2028",
    "\x85",
    "\r",
    "\r\n",
    "---\n",
    "...\n",
    "*a",
    "&a ",
    "!!int ",
    "<<: ",
    "? ",
    "- ",
    ": ",
    ".nan",
    "-.inf",
    "1e999",
    "0x",
    "0b_",
    "9" * 30,
    "null",
    "${cluster.w1.server}",
    "${a.b}",
    "../..",
    "/etc/passwd",
    "(((",
    "é",
    "\U0001f600",
    "head:",
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["hub", "w1", "web"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
edits = st.lists(
    st.tuples(st.integers(0, 1200), st.integers(0, 12), st.sampled_from(FRAGMENTS) | st.text(max_size=3)),
    min_size=1,
    max_size=4,
)
seeded = settings(
    max_examples=200, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("fuzz"))


def edited(text: str, changes: list[tuple[int, int, str]]) -> str:
    for start, length, new in changes:
        start %= len(text) + 1
        text = text[:start] + new + text[start + length :]
    return text


def judge(folder: Path, name: str, content: bytes) -> None:
    """Load the folder with one file changed, and put the file back."""
    path = folder / name
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        problems = problems_of(folder)
    finally:
        path.write_bytes(before)
    lines = re.split("\r\n|\n|\r", content.decode("utf-8", "replace").removeprefix("\ufeff"))
    for problem in problems:
        assert str(problem).isprintable()
        assert problem.text
        if problem.file.endswith(f"/{name}"):
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


def problems_of(folder: Path) -> tuple[Problem, ...]:
    """Nothing else may be raised."""
    try:
        scenario = load(folder)
    except ScenarioProblems as error:
        return error.problems or pytest.fail("problems without a problem")
    return () if scenario.digest else pytest.fail("a scenario without its digest")


def fuzz(name: str, text: str) -> Callable[..., None]:
    @seeded
    @given(changes=edits)
    def test(folder: Path, changes: list[tuple[int, int, str]]) -> None:
        judge(folder, name, edited(text, changes).encode("utf-8", "surrogatepass"))

    return test


test_edited_scenario = fuzz("scenario.yaml", SCENARIO)
test_edited_lesson = fuzz("lesson/02-change-it.md", LESSON)
test_edited_manifest = fuzz("gitops/root.yaml", MANIFEST)


@seeded
@given(content=st.binary(max_size=200))
def test_any_bytes(folder: Path, content: bytes) -> None:
    judge(folder, "scenario.yaml", content)


@seeded
@given(data=st.data())
def test_any_value_anywhere(folder: Path, data: st.DataObject) -> None:
    """One value of the scenario is replaced by another of any type, so that rules meet what the model refuses."""
    scenario: dict[Any, Any] = copy.deepcopy(yaml.load(SCENARIO, Loader=yaml.BaseLoader))
    at: Any = scenario
    while True:
        key = data.draw(st.sampled_from(range(len(at)) if isinstance(at, list) else sorted(at)))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 2)) == 0:
            break
        at = at[key]
    at[key] = data.draw(values)
    judge(folder, "scenario.yaml", yaml.safe_dump(scenario, allow_unicode=True).encode("utf-8", "surrogatepass"))
