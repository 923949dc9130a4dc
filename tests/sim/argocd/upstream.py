"""Argo CD's own table cases, kept as data: inputs and expected outputs with other names in them.

A file of `data/` holds one case a line: `from` is Argo CD's file and test, `case` the name or place in its table, the
rest is what the test of that file makes of it. A line with `skip` says why a case is not taken.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

DATA = Path(__file__).parent / "data"
Case = dict[str, Any]


@cache
def read(group: str) -> tuple[Case, ...]:
    lines = (DATA / f"{group}.jsonl").read_bytes().splitlines()
    return tuple(orjson.loads(line) for line in lines)


def cases(group: str) -> list[Any]:
    """Parameters for pytest; a skipped case is shown with its reason."""
    return [
        pytest.param(
            one,
            id=f"{one['from'].split('/')[-1]} {one['case']}",
            marks=[pytest.mark.skip(reason=one["skip"])] if "skip" in one else [],
        )
        for one in read(group)
    ]
