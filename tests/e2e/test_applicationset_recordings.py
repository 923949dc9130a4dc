"""The recordings are what Argo CD's own controller still does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.argocd.applicationset.play import cases, recorded
from tests.sim.argocd.applicationset.record import ARGOCD, MANIFESTS, record

pytestmark = pytest.mark.e2e


async def test_the_recordings_are_true(tmp_path: Path) -> None:
    for needed in (ARGOCD, MANIFESTS):
        if not Path(needed).exists():
            pytest.skip(f"there is no {needed}")
    found = {(one.pop("case"), one.pop("step")): one for one in await record(tmp_path, set(cases()))}
    assert {key: one for key, one in found.items() if one != recorded()[key]} == {}
