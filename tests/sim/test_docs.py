"""The simulator's page says what the code says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.sim.cluster import MINORS
from lab.sim.controllers.faults import TABLE
from lab.sim.shell import Session
from tests.sim import fault_table

TEXT = fault_table.PAGE.read_text(encoding="utf-8")
ROOT = fault_table.PAGE.parents[1]


def test_the_table_of_faults_is_the_code_s() -> None:
    assert fault_table.page(TEXT) == TEXT, "run: python -m tests.sim.fault_table"


def test_another_fault_or_another_default_makes_another_page() -> None:
    first = TABLE[0]
    assert fault_table.page(TEXT, [*TABLE, first]) != TEXT
    assert fault_table.page(TEXT, [replace(first, parameters={"after": "9"}), *TABLE[1:]]) != TEXT


def test_every_script_that_records_is_named() -> None:
    scripts = {path.stem for pattern in ("record_*.py", "make_*.py") for path in (ROOT / "tests/sim").glob(pattern)}
    assert scripts == set(re.findall(r"\b(?:record|make)_\w+", TEXT))


def test_supported_minors_are_named() -> None:
    assert {f"1.{minor}" for minor in MINORS} == set(re.findall(r"\b1\.3[0-9]\b", TEXT)) - {"1.31"}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:lab|tests|docs)/[\w/.]+\w)`", TEXT))))
def test_every_file_that_is_named_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_shell_s_commands_are_those_of_the_page() -> None:
    said = re.search(r"^known here: .*$", TEXT, re.MULTILINE)
    assert said is not None
    assert said[0] == help_text()


def help_text() -> str:
    pod = {"metadata": {"name": "web", "namespace": "default"}, "spec": {"containers": [{"name": "web"}]}}
    code, out, _ = Session(None, pod, "web", ["help"]).run(["help"], "")  # type: ignore[arg-type]
    assert code == 0
    return out.strip()
