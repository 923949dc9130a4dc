"""Cases of invalid objects: a base object and what is set or removed in it, as `data/validation/*.yaml` lists them.

A file holds `bases`, objects by name, and `cases`: `base`, `set` (path to value; null removes) and, for an update,
`then` (the same, applied to the object as it was created), `status` (set through the subresource first) and `through`
(the subresource that the update goes through).
"""

from __future__ import annotations

import copy
import itertools
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Registry, Resource

DATA = Path(__file__).parent / "data"
NAMESPACE = "validation"
_STEP = re.compile(r"\[(\d+)\]|\[\"([^\"]*)\"\]|([^.\[]+)")


@cache
def registry() -> Registry:
    return Registry.of(BUILT_IN)


@dataclass
class Case:
    name: str
    base: dict[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)
    updates: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    subresource: str = ""

    @property
    def resource(self) -> Resource:
        made = self.object()
        found = registry().kind(made["apiVersion"], made["kind"])
        assert found is not None, self.name
        return found

    def object(self) -> dict[str, Any]:
        """What is sent to be created."""
        return changed(self.base, self.changes)

    def update(self, old: dict[str, Any]) -> dict[str, Any]:
        """What `old` is to become."""
        return changed(old, self.updates)

    def patch(self, old: dict[str, Any]) -> list[dict[str, Any]]:
        """The update as a JSON patch of whole top-level fields."""
        new = self.update(old)
        if new["metadata"] != old["metadata"]:
            new["metadata"].pop("resourceVersion", None)  # others may write the object meanwhile
        adds = [{"op": "add", "path": f"/{key}", "value": value} for key, value in new.items() if old.get(key) != value]
        return adds + [{"op": "remove", "path": f"/{key}"} for key in old if key not in new]


def changed(obj: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with other values at these paths, e.g. `spec.ports[0].name`; None removes."""
    made = copy.deepcopy(obj)
    for path, value in changes.items():
        steps = [int(index) if index else quoted or plain for index, quoted, plain in _STEP.findall(path)]
        at: Any = made
        for step, following in itertools.pairwise(steps):
            if isinstance(at, list):
                while len(at) <= int(step):
                    at.append({})
            elif at.get(step) is None:
                at[step] = [] if isinstance(following, int) else {}
            at = at[step]
        last = steps[-1]
        if isinstance(at, list) and value is not None and last == len(at):
            at.append(value)
        elif value is None:
            if isinstance(at, list) or last in at:
                del at[last]
        else:
            at[last] = long(value)
    return made


def long(value: Any) -> Any:
    """`!x*300` stands for 300 letters x."""
    if isinstance(value, str) and value.startswith("!") and "*" in value:
        letter, _, times = value[1:].partition("*")
        return letter * int(times)
    return copy.deepcopy(value)


@cache
def families() -> dict[str, list[Case]]:
    """Every case by the name of its file."""
    found: dict[str, list[Case]] = {}
    for path in sorted((DATA / "validation").glob("*.yaml")):
        read = yaml.safe_load(path.read_text())
        bases = read["bases"]
        found[path.stem] = [
            Case(
                one["name"],
                bases[one["base"]],
                one.get("set", {}),
                one.get("then", {}),
                one.get("status", {}),
                one.get("through", ""),
            )
            for one in read["cases"]
        ]
        names = [one.name for one in found[path.stem]]
        assert len(set(names)) == len(names), f"{path.name}: a name stands twice: {names}"
    return found
