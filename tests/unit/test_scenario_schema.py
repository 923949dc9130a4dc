"""The JSON schema and the page about the format say what the loader takes."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import schema
from lab.model import CHECK_KINDS
from lab.scenario import load
from tests.fakes.scenario_folder import SMALL, small

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but what is generated and its template."""
    for name in (schema.TEMPLATE, schema.SCHEMA, schema.PAGE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def properties(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in (found, *found["$defs"].values()):
        yield from part["properties"].items()


def test_the_committed_files_are_fresh() -> None:
    assert schema.main(["--check"]) == 0


@pytest.mark.parametrize("name", [schema.SCHEMA, schema.PAGE])
@pytest.mark.parametrize("change", ["edited", "removed"])
def test_a_stale_file_is_named_and_written_anew(
    checkout: Path, capsys: pytest.CaptureFixture[str], name: Path, change: str
) -> None:
    fresh = (checkout / name).read_text()
    if change == "edited":
        (checkout / name).write_text(fresh + " ")
    else:
        (checkout / name).unlink()
    assert schema.main(["--check"], checkout) == 1
    assert capsys.readouterr().err == f"{name} is stale; run: python -m lab.schema\n"
    assert schema.main([], checkout) == 0
    assert (checkout / name).read_text() == fresh
    assert schema.main(["--check"], checkout) == 0


def test_other_arguments_are_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main(["--chek"], checkout) == 2
    assert "usage" in capsys.readouterr().err


def test_every_key_is_described_in_one_line() -> None:
    for key, about in properties(schema.schema()):
        assert about.get("description"), key
        assert "\n" not in about["description"], key


def test_the_schema_refuses_what_the_loader_refuses() -> None:
    found = schema.schema()
    for part in (found, *found["$defs"].values()):
        assert part["additionalProperties"] is False
    defs = found["$defs"]
    assert defs["Repository"]["required"] == ["name", "from"]
    assert "as" in defs["Denied"]["properties"]
    assert [choice["required"] for choice in defs["Check"]["oneOf"]] == [[kind] for kind in CHECK_KINDS]
    name = defs["Cluster"]["properties"]["name"]
    assert re.search(name["pattern"], "w1")
    assert not re.search(name["pattern"], "-rf")
    assert name["maxLength"] == 40
    assert defs["Check"]["properties"]["timeout"]["pattern"] == "^([1-9][0-9]{0,4})(s|m)$"
    assert "null" not in json.dumps(found)


def test_the_page_names_every_key() -> None:
    text = (ROOT / schema.PAGE).read_text()
    for key, _ in properties(schema.schema()):
        assert f"| `{key}` |" in text
    for line in text.splitlines():
        if line.startswith("| `"):
            assert len(re.split(r"(?<!\\)\|", line)) == 5, line
            assert re.split(r"(?<!\\)\|", line)[3].strip(), line


def test_the_example_of_the_page_is_a_scenario(tmp_path: Path) -> None:
    (example,) = (
        block
        for block in re.findall(r"^```yaml\n(.*?)^```", (ROOT / schema.PAGE).read_text(), re.MULTILINE | re.DOTALL)
        if "kind: Scenario" in block
    )
    folder = small(tmp_path)
    shutil.rmtree(folder / "lesson")
    (folder / "scenario.yaml").write_text(example)
    assert load(folder).metadata.name == SMALL.name


def test_the_first_line_of_every_scenario_leads_to_the_schema() -> None:
    files = [SMALL / "scenario.yaml", *(ROOT / "scenarios").rglob("scenario.yaml")]
    for file in files:
        first = file.read_text().split("\n", 1)[0]
        match = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
        assert match, file
        assert (file.parent / match[1]).resolve() == ROOT / schema.SCHEMA
