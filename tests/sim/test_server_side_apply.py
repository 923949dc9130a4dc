"""Server-side apply against what a real cluster answered to the same requests (`record_apply.py`)."""

from __future__ import annotations

import pytest
import yaml

from tests.sim.record_apply import DATA, Case, cases, ownership, played, simulated

FILES = [DATA / f"{name}.yaml" for name in ("configmaps", "workloads", "others", "custom")]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(case, recorded[case.name], id=case.name)
        for path in FILES
        for recorded in [yaml.load(path.with_suffix(".recorded.yaml").read_text(), yaml.CSafeLoader)]
        for case in cases(path)
    ],
)
def test_a_sequence_ends_as_on_a_real_cluster(case: Case, expected: list[object]) -> None:
    for step, got, wanted in zip(case.steps, played(case, simulated()), expected, strict=True):
        assert got == wanted, step
        assert ownership(got) == ownership(wanted), step
