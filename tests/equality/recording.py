"""Recordings: what kind showed at each checkpoint of a story, as files.

`about.yaml` says what was recorded and where; one file a checkpoint holds what has changed since the one before;
`unsteady.yaml` lists what further runs on kind showed otherwise, which therefore is not compared.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.equality.comparison import Difference, compare
from tests.equality.normalise import Snapshot

FOLDER = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Record:
    """One checkpoint."""

    name: str
    objects: Snapshot
    """Everything there was; empty where the world did not come to rest."""
    events: Snapshot
    """What had happened since the checkpoint before."""
    missing: str = ""
    """What did not become true in time; empty in what is recorded of kind."""

    @property
    def everything(self) -> Snapshot:
        """Objects and events."""
        return {**self.objects, **self.events}


@dataclass
class Recording:
    """A whole story as it went on one provider."""

    story: str
    about: dict[str, str]
    records: list[Record] = field(default_factory=list)
    unsteady: list[tuple[str, str, str]] = field(default_factory=list)
    """Checkpoint, object and path of what runs on kind do not agree about."""

    def is_steady(self, difference: Difference) -> bool:
        """Whether kind always shows the same there."""
        return not any(
            (difference.checkpoint, difference.object) == (checkpoint, name) and _touch(path, difference.path)
            for checkpoint, name, path in self.unsteady
        )

    def differences(self, other: Recording) -> Iterator[Difference]:
        """Where another run shows something else; this one is kind's."""
        by_name = {record.name: record for record in other.records}
        for record in self.records:
            found = by_name.get(record.name)
            if found is None or found.missing:
                why = found.missing if found else "the story ended before"
                yield Difference(record.name, "checkpoint", "", "reached", f"not reached: {why}")
            if found is None:
                continue
            for difference in compare(record.name, record.everything, found.everything):
                if self.is_steady(difference):
                    yield difference

    def learn(self, again: Recording) -> int:
        """Mark what another run on kind shows otherwise as unsteady; how much that is."""
        found = [(one.checkpoint, one.object, one.path) for one in self.differences(again)]
        self.unsteady = sorted({*self.unsteady, *found})
        return len(found)


def _touch(one: str, other: str) -> bool:
    """Whether one path is the other or leads to it."""
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    return longer.startswith(shorter) and (not shorter or longer[len(shorter) :][:1] in ("", "/", "["))


def folder(story: str) -> Path:
    """Where a story's recording is."""
    return FOLDER / story


def save(recording: Recording, into: Path | None = None) -> None:
    """Write a recording; what was there goes."""
    path = into or folder(recording.story)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    _write(path / "about.yaml", recording.about)
    before: Snapshot = {}
    for place, record in enumerate(recording.records):
        changed = {name: value for name, value in record.objects.items() if before.get(name) != value}
        content: dict[str, Any] = {"changed": changed, "events": record.events}
        if record.objects:
            content["gone"] = sorted(before.keys() - record.objects.keys())
            before = record.objects
        else:
            content["unsettled"] = True
        _write(path / f"{place:02d}-{record.name}.yaml", content)
    unsteady: dict[str, dict[str, list[str]]] = {}
    for checkpoint, name, place in recording.unsteady:
        unsteady.setdefault(checkpoint, {}).setdefault(name, []).append(place)
    _write(path / "unsteady.yaml", unsteady, flow=False)


def load(story: str, source: Path | None = None) -> Recording:
    """Read a recording. Raises FileNotFoundError where there is none."""
    path = source or folder(story)
    found = Recording(story, _read(path / "about.yaml"))
    objects: Snapshot = {}
    for one in sorted(path.glob("[0-9][0-9]-*.yaml")):
        content = _read(one)
        if not content.get("unsettled"):
            gone = set(content["gone"])
            objects = {name: value for name, value in objects.items() if name not in gone} | content["changed"]
            objects = dict(sorted(objects.items()))
        name = one.stem.partition("-")[2]
        found.records.append(Record(name, {} if content.get("unsettled") else objects, content["events"]))
    found.unsteady = sorted(
        (checkpoint, name, place)
        for checkpoint, names in _read(path / "unsteady.yaml").items()
        for name, places in names.items()
        for place in places
    )
    return found


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Without anchors: equal values are written out, as they are compared."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _write(path: Path, content: object, flow: bool | None = None) -> None:
    """:param flow: whether collections stand on one line; None: those that hold no others"""
    text = yaml.dump(content, Dumper=_Dumper, width=200, allow_unicode=True, default_flow_style=flow)
    path.write_text(text, encoding="utf-8")


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
