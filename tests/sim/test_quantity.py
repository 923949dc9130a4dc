"""Quantities, measured against apimachinery's own parser: `data/quantities.tsv` holds text, canonical form and the form
rounded to thousandths, or the parser's complaint after an exclamation mark.
"""

from __future__ import annotations

import pytest

from lab.sim import quantity
from tests.sim.cases import DATA

ROWS = [line.split("\t") for line in (DATA / "quantities.tsv").read_text().splitlines()]


@pytest.mark.parametrize(("text", "written", "rounded"), ROWS)
def test_written_as_apimachinery_does(text: str, written: str, rounded: str) -> None:
    if written.startswith("!"):
        with pytest.raises(quantity.NotAQuantity) as refused:
            quantity.canonical(text)
        assert str(refused.value) == written[1:]
    else:
        assert (quantity.canonical(text), quantity.resource(text)) == (written, rounded)


@pytest.mark.parametrize(
    ("one", "other", "order"),
    [
        ("1", "1000m", 0),
        ("1Gi", "1G", 1),
        ("0.5", "500m", 0),
        ("1e3", "1k", 0),
        ("-1", "0", -1),
        (1, "1", 0),
        (0.5, "500m", 0),
        ("1025Mi", "1Gi", 1),
    ],
)
def test_compared_by_amount(one: object, other: object, order: int) -> None:
    assert quantity.compare(one, other) == order


def test_a_form_once_written_stays() -> None:
    for text, written, rounded in ROWS:
        if not written.startswith("!"):
            assert quantity.canonical(written) == written, text
            assert quantity.resource(rounded) == rounded, text


@pytest.mark.parametrize("text", ["1" * 5000, True, None, [], "1Gi Gi"])
def test_no_quantity(text: object) -> None:
    with pytest.raises(quantity.NotAQuantity):
        quantity.canonical(text)
