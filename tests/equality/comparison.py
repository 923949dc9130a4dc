"""Two snapshots laid beside each other: where they differ, by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.equality.normalise import Snapshot

ABSENT = "(absent)"
SHOWN = 5
"""How many checkpoints are named one by one."""
KEYS: tuple[tuple[str, ...], ...] = (
    ("type",),
    ("group", "kind", "namespace", "name", "hookType", "syncPhase"),
    ("id",),
    ("port", "protocol"),
    ("mountPath",),
    ("application",),
)
"""What elements of lists are known by: the first of these that tells all of them apart."""


@dataclass(frozen=True, order=True)
class Difference:
    """One place in which two snapshots differ."""

    checkpoint: str
    object: str
    path: str
    """Keys with `/` between them, elements of lists in brackets; empty for a whole object."""
    real: str
    simulated: str


def shown(differences: Iterable[Difference]) -> str:
    """Differences as text; one that lasts over several checkpoints is shown once."""
    lasting: dict[tuple[str, str, str, str], list[str]] = {}
    for one in differences:
        lasting.setdefault((one.object, one.path, one.real, one.simulated), []).append(one.checkpoint)
    lines = []
    for (name, path, real, simulated), checkpoints in sorted(lasting.items()):
        when = ", ".join(checkpoints) if len(checkpoints) < SHOWN else f"{checkpoints[0]} to {checkpoints[-1]}"
        lines += [f"{name}: {path} [{when}]", f"    kind: {real}", f"    sim:  {simulated}"]
    return "\n".join(lines)


def compare(checkpoint: str, real: Snapshot, simulated: Snapshot) -> Iterator[Difference]:
    """Every difference between two snapshots of one checkpoint."""
    for name in sorted(real.keys() | simulated.keys()):
        # No events are an empty list, so that each is told of by itself.
        nothing = [] if " Events " in name else ABSENT
        for path, before, after in _differing(real.get(name, nothing), simulated.get(name, nothing), ""):
            yield Difference(checkpoint, name, path, _short(before), _short(after))


def _differing(real: Any, simulated: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(real, dict) and isinstance(simulated, dict):
        for key in sorted(real.keys() | simulated.keys()):
            yield from _differing(real.get(key, ABSENT), simulated.get(key, ABSENT), f"{path}/{key}".lstrip("/"))
    elif isinstance(real, list) and isinstance(simulated, list):
        yield from _lists(real, simulated, path)
    elif type(real) is not type(simulated) or real != simulated:
        yield path, real, simulated


def _lists(real: list[Any], simulated: list[Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    if _texts(real) and _texts(simulated):
        left, right = dict.fromkeys(real, True), dict.fromkeys(simulated, True)
        for text in sorted(left.keys() | right.keys()):
            if (text in left) != (text in right):
                yield f"{path}[{text}]", text if text in left else ABSENT, text if text in right else ABSENT
    else:
        keys = _keys([*real], [*simulated])
        if keys is None:
            for place in range(max(len(real), len(simulated))):
                pair = (side[place] if place < len(side) else ABSENT for side in (real, simulated))
                yield from _differing(*pair, f"{path}[{place}]")
            return
        left, right = ({_named(one, keys): one for one in side} for side in (real, simulated))
        for name in sorted(left.keys() | right.keys()):
            yield from _differing(left.get(name, ABSENT), right.get(name, ABSENT), f"{path}[{name}]")
    common = [[name for name in side if name in other] for side, other in ((left, right), (right, left))]
    if common[0] != common[1]:
        yield f"{path}[order]", ", ".join(common[0]), ", ".join(common[1])


def _texts(values: Sequence[Any]) -> bool:
    return all(isinstance(one, str) for one in values) and len(set(values)) == len(values)


def _keys(*sides: list[Any]) -> tuple[str, ...] | None:
    """The fields that tell the elements of each of these lists apart."""
    elements = [one for side in sides for one in side]
    if not all(isinstance(one, dict) for one in elements):
        return None
    for keys in KEYS:
        names = [[_named(one, keys) for one in side] for side in sides]
        if all(all(side) and len(set(side)) == len(side) for side in names):
            return keys
    return None


def _named(element: dict[str, Any], keys: Sequence[str]) -> str:
    return " ".join(str(element[key]) for key in keys if element.get(key) not in (None, ""))


def _short(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
