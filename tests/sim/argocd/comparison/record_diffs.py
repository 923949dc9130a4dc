"""Records what Argo CD's own `StateDiff` says of pairs made by chance, for `test_diff.py`.

    python -m tests.sim.argocd.comparison.record_diffs ORACLE

ORACLE is the program of `oracle/main.go`, built inside a checkout of argo-cd 3.6.1 (`cmd/oracle/main.go`). Bases are
wanted objects and what a simulated cluster makes of them, with and without the annotation of client-side apply; a case
changes both in a few places. What is not meant to agree keeps the reason for which it is skipped.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpatch
import orjson
import yaml

from lab.sim.objects import Object, thaw
from tests.sim.argocd.live.reach import LAST_APPLIED, applied, objects, seen

DATA = Path(__file__).parent / "data"
CASES, SEED = 420, 77
STATUS = {"*/*": {"ignoreDifferences": "jsonPointers: [/status]"}}
ANNOTATION = "argocd.argoproj.io/ignore-differences"
RULES: list[list[Object]] = [
    [],
    [],
    [],
    [{"group": "*", "kind": "*", "jsonPointers": ["/spec/replicas", "/metadata/labels/app"]}],
    [
        {
            "group": "apps",
            "kind": "Deployment",
            "jqPathExpressions": [
                '.spec.template.spec.containers[] | select(.name == "side")',
                ".spec.template.spec.volumes[]?.secret",
            ],
        }
    ],
    [{"group": "*", "kind": "*", "managedFieldsManagers": ["somebody"]}],
    [
        {"group": "", "kind": "ConfigMap", "jsonPointers": ["/data"]},
        {"group": "", "kind": "Service", "jsonPointers": ["/spec/ports/0"]},
    ],
]
Path_ = tuple[Any, ...]


async def bases() -> list[tuple[Object, Object]]:
    """Wanted objects with their live ones."""
    made = []
    async with seen() as world:
        for wanted in objects((DATA / "bases.yaml").read_text()):
            row = world.reach.cluster.rest.registry.kind(wanted["apiVersion"], wanted["kind"])
            if row is not None:
                name = f"{row.plural}.{row.version}.{row.group}" if row.group else row.plural
                live = await world.client.create(name, applied(wanted))
            else:
                live = applied(thaw(wanted))
                live["metadata"] |= {"uid": "1", "resourceVersion": "3", "generation": 1}
                live |= {"status": {"x": 1}, "spec": {**live["spec"], "defaulted": {"by": "server"}}}
            plain = thaw(live)
            plain["metadata"]["annotations"].pop(LAST_APPLIED)
            made += [(wanted, live), (wanted, plain)]
    return made


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Every place in a document."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in below:
        yield (*path, key)
        yield from places(one, (*path, key))


def mutated(chance: random.Random, obj: Object, times: int) -> Object:
    """The object with a few changes; its kind, name and marks stay."""
    obj = thaw(obj)
    for _ in range(times):
        may = [
            path
            for path in places(obj)
            if path[0] not in ("apiVersion", "kind")
            and path[:2] not in (("metadata", "name"), ("metadata", "managedFields"))
            and path != ("metadata",)
            and LAST_APPLIED not in path
        ]
        if may:
            change(chance, obj, chance.choice(may))
    return obj


def change(chance: random.Random, obj: Object, path: Path_) -> None:
    parent: Any = obj
    for key in path[:-1]:
        parent = parent[key]
    value = parent[path[-1]]
    match chance.randrange(8):
        case 0:
            del parent[path[-1]]
        case 1 if isinstance(value, bool):
            parent[path[-1]] = not value
        case 1 if isinstance(value, str | int):
            parent[path[-1]] = value + "x" if isinstance(value, str) else value + 1
        case 2 if isinstance(value, list):
            value.reverse()
        case 3 if isinstance(value, list) and value:
            value.append(value[0] if not isinstance(value[0], dict) else thaw(value[0]))
        case 4:
            parent[path[-1]] = None
        case 5 if isinstance(value, dict | list):
            value.clear()
        case 6 if isinstance(value, dict):
            value["extra"] = chance.choice(["x", 1, {"a": "b"}, ["q"]])
        case 7 if isinstance(value, str):
            parent[path[-1]] = chance.choice(["", "500m", "1Gi", "0", value])


def cases(pairs: list[tuple[Object, Object]]) -> Iterator[tuple[int, Object, Object, list[Object]]]:
    """(number of the base, wanted object, live object, rules)"""
    chance = random.Random(SEED)
    for _ in range(CASES):
        number = chance.randrange(len(pairs))
        target = mutated(chance, pairs[number][0], chance.choice([0, 1, 1, 1, 2]))
        live = mutated(chance, pairs[number][1], chance.choice([0, 0, 1, 1, 2]))
        notes = live["metadata"].get("annotations") or {}
        if LAST_APPLIED in notes and chance.random() < 0.3:
            notes[LAST_APPLIED] = orjson.dumps(mutated(chance, orjson.loads(notes[LAST_APPLIED]), 1)).decode()
        own = target["metadata"].setdefault("annotations", {})
        if isinstance(own, dict) and chance.random() < 0.06:
            own[ANNOTATION] = "jsonPointers: [/spec/selector, /data/a, /spec/replicas]"
        if not own:
            del target["metadata"]["annotations"]
        yield number, target, live, chance.choice(RULES)


def asked(oracle: str, questions: list[Object]) -> list[Object]:
    """What Argo CD says."""
    lines = b"".join(orjson.dumps(one) + b"\n" for one in questions)
    answer = subprocess.run([oracle], input=lines, capture_output=True, check=True)
    return [orjson.loads(line) for line in answer.stdout.splitlines()]


def main() -> None:
    pairs = asyncio.run(bases())
    made = list(cases(pairs))
    more = {"overrides": STATUS, "tracking": "annotation", "label": "app.kubernetes.io/instance"}
    questions = [{"target": target, "live": live, "ignores": rules, **more} for _, target, live, rules in made]
    skipped = yaml.safe_load((DATA / "skipped.yaml").read_text()) or {}
    with (DATA / "diff_bases.jsonl").open("wb") as file:
        for target, live in pairs:
            file.write(orjson.dumps({"target": target, "live": live}) + b"\n")
    with (DATA / "diffs.jsonl").open("wb") as file:
        for place, (one, found) in enumerate(zip(made, asked(sys.argv[1], questions), strict=True)):
            number, target, live, rules = one
            if "panic" in found:
                continue
            name = f"{target['kind']} {place}"
            row: Object = {"from": "util/argo/diff/diff.go StateDiff", "case": name, "base": number}
            row["target"] = jsonpatch.make_patch(pairs[number][0], target).patch
            row["live"] = jsonpatch.make_patch(pairs[number][1], live).patch
            row["ignores"] = rules
            row |= {key: found[key] for key in ("modified", "error") if key in found}
            if name in skipped:
                row["skip"] = skipped[name]
            file.write(orjson.dumps(row) + b"\n")


if __name__ == "__main__":
    main()
