"""Every wrong scenario is answered with what is wrong, exactly where, and how to mend it.

One file of `tests/golden/bad-scenarios` is one case. It changes a copy of `tests/golden/small`:

- `edit` replaces texts of scenario.yaml, `scenario` replaces all of it, `bytes` writes any file byte by byte;
- `files` writes files or, with null, removes them; `links`, `modes` and `pipes` make what a text cannot.

`⟨1⟩` marks the place that problem 1 of `expect` must name; the marks are taken out before the file is written. Where a
mark cannot stand, `expect` says `file:line:column` itself. Nothing else may be reported.
"""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.errors import USAGE, LabError
from lab.reading.problems import Problem
from lab.scenario import ScenarioProblems, load
from tests.fakes.scenario_folder import GOLDEN, small

ROOT = Path(__file__).parents[2]
CASES = sorted((GOLDEN / "bad-scenarios").glob("*.yaml"))
MARK = re.compile(r"⟨(\d+)⟩")
ADDRESS_SPACE = 1 << 30
CPU_SECONDS = 5
CHILD = """
import json, sys
from pathlib import Path
from lab.scenario import ScenarioProblems, load
try:
    load(Path(sys.argv[1]))
except ScenarioProblems as error:
    print(json.dumps([[p.file, p.line, p.column, p.path, p.text] for p in error.problems]))
"""


def built(case: dict[str, Any], folder: Path) -> dict[str, str]:
    """Write the case's files below the folder; mark -> `file:line:column`."""
    small(folder.parent, case.get("edit"), folder.name)
    texts = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    files = dict(case.get("files", {}))
    if "scenario" in case:
        files["scenario.yaml"] = case["scenario"]
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
            texts.pop(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        texts[name] = path
    marks: dict[str, str] = {}
    for name, path in texts.items():
        text = path.read_bytes().decode()
        while found := MARK.search(text):
            before = text[: found.start()]
            column = found.start() - (before.rfind("\n") + 1) + 1
            marks[found[1]] = f"{name}:{before.count(chr(10)) + 1}:{column}"
            text = before + text[found.end() :]
        path.write_bytes(text.encode())
    if "bytes" in case:
        write_bytes(case["bytes"], folder)
    for name, target in case.get("links", {}).items():
        (folder / name).symlink_to(target)
    for name, mode in case.get("modes", {}).items():
        (folder / name).chmod(int(mode, 8))
    for name in case.get("pipes", []):
        os.mkfifo(folder / name)
    return marks


def write_bytes(parts: dict[str, Any], folder: Path) -> None:
    content = parts.get("before", "").encode() + bytes.fromhex(parts.get("hex", ""))
    content += parts.get("repeat", "").encode() * parts.get("times", 0)
    content += parts.get("text", "").encode(parts.get("encoding", "utf-8")) + parts.get("after", "").encode()
    (folder / parts.get("file", "scenario.yaml")).write_bytes(content)


def expected(case: dict[str, Any], marks: dict[str, str]) -> list[str]:
    """`file:line:column: text` of every problem."""
    lines = []
    for where, said in case["expect"].items():
        for text in [said] if isinstance(said, str) else said:
            lines.append(f"{marks[str(where)] if isinstance(where, int) else where}: {text}")
    return sorted(lines)


def limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def loaded_in_child(folder: Path) -> list[Problem]:
    """The problems as a process finds them that may use little memory and time."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_resources,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout, "the scenario was accepted"
    keys = ("file", "line", "column", "path", "text")
    return [Problem(**dict(zip(keys, values, strict=True))) for values in json.loads(done.stdout)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_bad_scenario(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "small"
    marks = built(case, folder)
    if case.get("limits"):
        problems = loaded_in_child(folder)
    else:
        with pytest.raises(LabError) as raised:
            load(folder)
        error = raised.value
        assert isinstance(error, ScenarioProblems)
        assert error.exit_code == USAGE
        assert error.code == "scenario-invalid"
        assert error.details.splitlines() == [str(problem) for problem in error.problems]
        assert error.what == f"small/scenario.yaml has {len(error.problems)} problem(s)"
        problems = list(error.problems)
    said = sorted(str(problem).removeprefix("small/") for problem in problems)
    assert said == expected(case, marks)


def test_there_are_enough_cases_and_each_has_a_title() -> None:
    cases = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in CASES]
    titles = [case["title"] for case in cases]
    assert len(titles) >= 110
    assert len(set(titles)) == len(titles)
