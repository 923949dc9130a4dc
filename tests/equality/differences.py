"""The differences between kind and the simulator that are meant, and the table of them in the docs.

`differences.yaml` lists them with their reasons. What is not in it makes a comparison fail, and so does an entry that
nothing matches any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from tests.equality import recording as recordings
from tests.equality.comparison import Difference
from tests.equality.stories import STORIES

FILE = Path(__file__).parent / "differences.yaml"


@dataclass(frozen=True)
class Listed:
    """Differences of one sort, with the reason."""

    reason: str
    """Key of the reasons."""
    object: str
    """Name of the objects; `*` stands for anything."""
    path: str
    """Path within them; `*` stands for anything."""
    real: str
    """What kind shows, in words."""
    simulated: str
    """What the simulator shows, in words."""
    stories: tuple[str, ...]
    """Where it occurs; in each of them it must."""
    checkpoint: str = "*"
    value: str = ""
    """Regular expression found in what one of the two shows; empty: any value."""
    sometimes: bool = False
    """It hangs on milliseconds whether it occurs, so it need not."""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = (".*".join(map(re.escape, text.split("*"))) for text in (self.checkpoint, self.object, self.path))
        return re.compile("\n".join(parts))

    def matches(self, difference: Difference) -> bool:
        """Whether a difference is of this sort."""
        name = f"{difference.checkpoint}\n{difference.object}\n{difference.path}"
        if not self._pattern.fullmatch(name):
            return False
        return not self.value or any(re.search(self.value, one) for one in (difference.real, difference.simulated))


@dataclass(frozen=True)
class Listing:
    """The file."""

    reasons: dict[str, str]
    entries: tuple[Listed, ...]

    def judge(self, story: str, differences: Iterable[Difference]) -> tuple[list[Difference], list[Listed]]:
        """Differences that no entry lists, and entries that list nothing, in one story."""
        entries = [one for one in self.entries if story in one.stories]
        used: set[int] = set()
        unlisted = []
        for difference in differences:
            found = [place for place, entry in enumerate(entries) if entry.matches(difference)]
            used.update(found)
            if not found:
                unlisted.append(difference)
        stale = [one for place, one in enumerate(entries) if place not in used and not one.sometimes]
        return unlisted, stale


def load(path: Path = FILE) -> Listing:
    """Read the list. Raises ValueError for an entry whose reason or story is unknown."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    reasons = content["reasons"]
    entries = []
    for one in content["differences"]:
        entry = Listed(**{**one, "stories": tuple(one.get("stories", STORIES))})
        if entry.reason not in reasons:
            raise ValueError(f"{path}: {entry.object} {entry.path}: reason {entry.reason} is not explained")
        if unknown := set(entry.stories) - STORIES.keys():
            raise ValueError(f"{path}: {entry.object} {entry.path}: there is no story {', '.join(sorted(unknown))}")
        entries.append(entry)
    return Listing(reasons, tuple(entries))


def section() -> str:
    """The part of the docs' page that lists them."""
    listing = load()
    told = [recordings.load(name) for name in STORIES if recordings.folder(name).exists()]
    checkpoints = sum(len(one.records) for one in told)
    names = {(one.story, name) for one in told for record in one.records for name in record.everything}
    places = sum(len(one.unsteady) for one in told)
    lines = [
        "<!-- Made by the same command from tests/equality/differences.yaml and tests/equality/recorded. -->",
        "## Argo CD's part",
        "",
        f"{len(told)} scenarios were told on kind and are told on the simulator: {checkpoints} checkpoints, at which "
        f"{len(names)} objects and their events",
        "are compared field by field. Times are compared by the checkpoint in whose course they fall; identities, "
        "addresses and names",
        f"drawn by lot are not. {places} places differ from run to run on kind itself and are left out.",
        "",
        "| why | sorts | meaning |",
        "|---|---|---|",
    ]
    for key, meaning in listing.reasons.items():
        lines.append(f"| {key} | {sum(one.reason == key for one in listing.entries)} | {meaning} |")
    lines += ["", "| scenario | where | kind | simulator | why |", "|---|---|---|---|---|"]
    for one in listing.entries:
        stories = "all" if set(one.stories) == STORIES.keys() else ", ".join(one.stories)
        where = f"{one.object}: {one.path}" if one.path not in ("", "*") else one.object
        cells = (stories, f"`{where}`", one.real, one.simulated, one.reason)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"
