"""The simulator's daemon, killed 200 times while it writes."""

from pathlib import Path

import pytest

from tests.sim.killing import rounds

pytestmark = pytest.mark.e2e
KILLS = 200


def test_nothing_acknowledged_is_lost_in_200_kills(tmp_path: Path) -> None:
    ledger, wrong = rounds(tmp_path / "home", KILLS, seed=2026)
    assert wrong == []
    assert ledger.acknowledged > KILLS * 5
