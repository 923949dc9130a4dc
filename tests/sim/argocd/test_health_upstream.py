"""Health of resources against Argo CD's own test data."""

from __future__ import annotations

import pytest

from lab.sim.argocd.health import assess
from lab.sim.argocd.health.customized import RULES
from lab.sim.argocd.health.fields import group_and_kind
from tests.sim.argocd.upstream import Case, cases


@pytest.mark.parametrize("case", cases("health"))
def test_built_in(case: Case) -> None:
    found = assess(case["object"])
    if case["expect"] is None:
        assert found is None
        return
    assert found is not None
    assert found.status == case["expect"]
    assert "message" not in case or found.message == case["message"]


@pytest.mark.parametrize("case", cases("health_customized"))
def test_customized(case: Case) -> None:
    found = RULES[group_and_kind(case["object"])](case["object"])
    assert found is not None
    assert (found.status, found.message) == (case["expect"], case["message"])
