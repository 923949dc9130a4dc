"""Strategic merge patches against what a real cluster made of them (`record_apply.py`)."""

from __future__ import annotations

import pytest
import yaml

from tests.sim.record_apply import DATA, Case, cases, ownership, played, simulated

RECORDED = yaml.load((DATA / "strategic.recorded.yaml").read_text(), yaml.CSafeLoader)


@pytest.mark.parametrize("case", [pytest.param(one, id=one.name) for one in cases(DATA / "strategic.yaml")])
def test_a_patch_makes_what_a_real_cluster_makes_of_it(case: Case) -> None:
    for step, got, wanted in zip(case.steps, played(case, simulated()), RECORDED[case.name], strict=True):
        assert got == wanted, step
        assert ownership(got) == ownership(wanted), step
