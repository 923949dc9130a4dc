"""Our controller makes of every ApplicationSet what Argo CD's own made of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.sim.argocd.applicationset.control import controlled
from tests.sim.argocd.applicationset.play import cases, play, recorded, surround

States = dict[tuple[str, int], dict[str, Any]]
WANTED = [pytest.param(case, step, id=f"{case}-{step}") for case, step in recorded()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[States]:
    """What there was after each step of every case."""
    flags = ("--enable-progressive-syncs", "--refresh-grace-period-seconds=0")
    async with controlled(tmp_path_factory.mktemp("played"), *flags) as control:
        await surround(control.client, control.around)
        states = {}
        async for one in play(control.client, control.around, control.quiet, set(cases())):
            states[one.pop("case"), one.pop("step")] = one
        yield states


def test_every_case_was_recorded() -> None:
    steps = {(name, step) for name, case in cases().items() for step in range(len(case.get("steps", ())) + 1)}
    assert steps == set(recorded())


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("case", "step"), WANTED)
async def test_as_recorded(played: States, case: str, step: int) -> None:
    found, wanted = played[case, step], recorded()[case, step]
    assert found["set"] == wanted["set"]
    assert found["applications"] == wanted["applications"]
    assert found["events"] == wanted["events"]
