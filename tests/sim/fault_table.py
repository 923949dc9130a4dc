"""Writes the table of faults in `docs/simulator.md` from `faults.TABLE`:

python -m tests.sim.fault_table [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lab.generated import settle
from lab.sim.controllers.faults import TABLE, Kind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulator.md"
BEGIN = "<!-- faults: written by python -m tests.sim.fault_table -->\n"
END = "<!-- end of faults -->\n"


def page(text: str, kinds: Sequence[Kind] = TABLE) -> str:
    """The page `text` with the table as it should be."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no place for the table")
    head = "| fault | image tag | parameters | the pod shows | what happens |\n| --- | --- | --- | --- | --- |\n"
    return before + begin + head + "".join(map(_row, kinds)) + end + after


def _row(kind: Kind) -> str:
    tags = ", ".join(f"`:{tag}`" for tag in kind.tags)
    parameters = ", ".join(f"`{key}={value}`" if value else f"`{key}`" for key, value in kind.parameters.items())
    return f"| `{kind.name}` | {tags} | {parameters} | {kind.shows} | {kind.does} |\n"


if __name__ == "__main__":
    sys.exit(settle({PAGE: page(PAGE.read_text(encoding="utf-8"))}, sys.argv[1:], "python -m tests.sim.fault_table"))
