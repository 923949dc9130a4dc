"""What is known of a repository beside its content: labels, pull requests, whether it is private.

One JSON file beside each repository, written whole or not at all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from lab.sim.files import write_private


@dataclass(slots=True)
class Label:
    """A word on pull requests."""

    id: int
    name: str
    color: str
    description: str = ""


@dataclass(slots=True)
class Pull:
    """A request to merge one branch of a repository into another."""

    number: int
    title: str
    body: str
    user: str
    head: str
    base: str
    head_sha: str
    """Follows the branch while the request is open."""
    base_sha: str
    merge_base: str
    created: float
    updated: float
    state: str = "open"
    labels: list[int] = field(default_factory=list)
    closed: float = 0.0
    merged: float = 0.0
    merge_commit: str = ""
    merged_by: str = ""


@dataclass(slots=True)
class Record:
    """Everything kept of one repository."""

    id: int
    created: float
    updated: float
    private: bool = False
    description: str = ""
    next_number: int = 1
    """Of pull requests; a number is never used twice."""
    next_label: int = 1
    labels: list[Label] = field(default_factory=list)
    pulls: list[Pull] = field(default_factory=list)

    def label(self, wanted: int | str) -> Label | None:
        """The label with that id, or the first with that name."""
        return next((one for one in self.labels if wanted in (one.id, one.name)), None)

    def pull(self, number: int) -> Pull | None:
        """The pull request with that number."""
        return next((one for one in self.pulls if one.number == number), None)


def load(path: Path) -> Record | None:
    """The record in a file, or None when there is no file."""
    try:
        kept = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    labels = [Label(**one) for one in kept.pop("labels")]
    pulls = [Pull(**one) for one in kept.pop("pulls")]
    return Record(**kept, labels=labels, pulls=pulls)


def save(path: Path, record: Record) -> None:
    """Write a record in place of what is there, in one step."""
    write_private(path, orjson.dumps(asdict(record)))
