"""Every recorded expression gives what the real Helm gave: the same text, or the same failure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.sim.render.helm.chart import from_files
from lab.sim.render.helm.errors import HelmError
from tests.sim.templates import rendering
from tests.sim.templates.expression_chart import RECORDED, files

CASES: list[dict[str, Any]] = json.loads(RECORDED.read_text())


def made(expression: str) -> tuple[str, str]:
    """`output` or `error`, and its text."""
    chart = from_files({path: text.encode() for path, text in files(expression).items()})
    try:
        return "output", rendering.text(chart, "exp/templates/e.yaml").rstrip("\n")
    except HelmError as error:
        return "error", str(error)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["expression"][:60])
def test_as_recorded(case: dict[str, Any]) -> None:
    kind, text = made(case["expression"])
    assert (kind, text) == ("error" if "error" in case else "output", case.get("error", case.get("output")))


def test_enough_cases() -> None:
    assert len(CASES) >= 300
