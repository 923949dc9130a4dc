"""`kill -9` at any moment: nothing that was acknowledged is lost."""

from pathlib import Path

from tests.sim.killing import Known, Ledger, compare, rounds

ROUNDS = 25
"""The full 200 are run with the end-to-end tests."""


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    ledger, wrong = rounds(tmp_path / "home", ROUNDS, seed=1)
    assert wrong == []
    assert ledger.acknowledged > ROUNDS * 5


def found(revision: int, **values: str) -> dict[str, object]:
    items = [
        {"metadata": {"name": name, "resourceVersion": str(revision)}, "data": {"value": value}}
        for name, value in values.items()
    ]
    return {"metadata": {"resourceVersion": str(revision)}, "items": items}


def test_the_comparison_sees_a_lost_write() -> None:
    ledger = Ledger({"w1": Known(5, "new")}, newest=5)
    assert compare(ledger, found(5, w1="old"))


def test_the_comparison_sees_a_lost_object() -> None:
    ledger = Ledger({"w1": Known(5, "new")}, newest=5)
    assert compare(ledger, found(5))


def test_the_comparison_sees_a_deleted_object_that_came_back() -> None:
    ledger = Ledger({"w1": Known(5, None)}, newest=6)
    assert compare(ledger, found(6, w1="old"))


def test_the_comparison_sees_a_resource_version_that_went_back() -> None:
    assert compare(Ledger(newest=9), found(8))


def test_a_request_under_way_may_have_happened_or_not() -> None:
    for value in ("old", "new"):
        ledger = Ledger({"w1": Known(5, "old", ("PATCH", "new"))}, newest=5)
        assert compare(ledger, found(6 if value == "new" else 5, w1=value)) == []
