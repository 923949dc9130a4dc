"""Valid objects and requests made a little or very wrong, at random."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

TEXTS = (
    "", "a", "ä\u0000", "\ud7ff", "x" * 300, "a/b", "../..", "-1", "1e9", "NaN", "null", "2026-01-01T00:00:00Z", "100m",
    "1Gi", "$(x)", "{{x}}", "app=web", "*", "a b", "\n", "\u202e", "A" * 5000, "v1", "apps/v1", "Pod", "80", "10.0.0.1",
)  # fmt: skip
NUMBERS = (0, 1, -1, 80, 65536, 2**31, -(2**31) - 1, 2**53, 2**63 - 1, 2**63, -(2**63), 1.5, 1e300, -0.0, 10**25)


def encoded(value: Any) -> bytes:
    """JSON with whole numbers of any size."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def definition() -> dict[str, Any]:
    """A custom resource with some of everything."""
    properties = {
        "size": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1},
        "names": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "x-kubernetes-list-type": "set"},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
        "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True},
    }
    spec = {
        "type": "object",
        "properties": properties,
        "x-kubernetes-validations": [{"rule": "!has(self.size) || self.size != 7"}],
    }
    schema = {
        "type": "object",
        "properties": {"spec": spec, "status": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.n"}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.fuzz.example.com"},
        "spec": {
            "group": "fuzz.example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
            "versions": [version],
        },
    }


def thing() -> dict[str, Any]:
    spec = {"size": 1, "names": ["a"], "parts": [{"name": "x"}], "any": {"a": [1]}, "port": 80}
    return {"apiVersion": "fuzz.example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec}


class Mutator:
    """Valid things made a little or very wrong."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def value(self, depth: int = 0) -> Any:
        pick = self.dice.randrange(10 if depth < 4 else 6)
        if pick < 2:
            return self.dice.choice(TEXTS)
        if pick < 4:
            return self.dice.choice(NUMBERS)
        if pick < 6:
            return self.dice.choice((None, True, False, [], {}))
        if pick < 8:
            return [self.value(depth + 1) for _ in range(self.dice.randrange(4))]
        return {self.dice.choice((*TEXTS[:6], "name", "a", "kind", "$patch")): self.value(depth + 1) for _ in range(3)}

    def places(self, holder: Any) -> list[tuple[Any, Any]]:
        """Every (container, key) in a value."""
        found: list[tuple[Any, Any]] = []
        waiting = [holder]
        while waiting:
            one = waiting.pop()
            for key, inner in one.items() if isinstance(one, dict) else enumerate(one):
                found.append((one, key))
                if isinstance(inner, dict | list):
                    waiting.append(inner)
        return found

    def changed(self, obj: Any, times: int) -> Any:
        made = copy.deepcopy(obj)
        for _ in range(times):
            places = self.places(made)
            if not places:
                return made
            holder, key = self.dice.choice(places)
            action = self.dice.randrange(8)
            if action < 3:
                holder[key] = self.value()
            elif action == 3:
                del holder[key]
            elif action == 4 and isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
            elif action == 5 and isinstance(holder, dict):
                holder[self.dice.choice(TEXTS)] = self.value()
            elif action == 6:
                other, place = self.dice.choice(places)
                if isinstance(other, dict) and place in other:
                    holder[key] = copy.deepcopy(other[place])
            elif isinstance(holder, dict):
                holder[str(key).swapcase()] = holder.pop(key)
        return made

    def piece(self, obj: Any) -> Any:
        """A part of an object under the same keys."""
        if isinstance(obj, dict) and obj:
            keys = self.dice.sample(list(obj), min(len(obj), self.dice.randrange(1, 3)))
            return {key: self.piece(obj[key]) if self.dice.random() < 0.7 else obj[key] for key in keys}
        return obj

    def operations(self, obj: Any) -> list[Any]:
        made: list[Any] = []
        paths = [path for path, _ in self.pointers(obj)] or [""]
        for _ in range(self.dice.randrange(1, 5)):
            path = self.dice.choice(paths) + self.dice.choice(("", "", "", "/-", "/0", "/x", "/~", "/9"))
            one = {"op": self.dice.choice(("add", "remove", "replace", "move", "copy", "test", "x")), "path": path}
            if self.dice.random() < 0.8:
                one["value"] = self.value()
            if self.dice.random() < 0.5:
                one["from"] = self.dice.choice(paths)
            made.append(one)
        return made

    def pointers(self, obj: Any, path: str = "") -> list[tuple[str, Any]]:
        found = []
        for key, inner in obj.items() if isinstance(obj, dict) else enumerate(obj):
            below = f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"
            found.append((below, inner))
            if isinstance(inner, dict | list):
                found += self.pointers(inner, below)
        return found

    def directives(self, patch: Any) -> Any:
        """Strategic directives somewhere in a patch."""
        made = copy.deepcopy(patch)
        holders = [made] + [holder[key] for holder, key in self.places(made) if isinstance(holder[key], dict | list)]
        for _ in range(self.dice.randrange(3)):
            holder = self.dice.choice(holders)
            if isinstance(holder, list):
                holder.append({"$patch": self.dice.choice(("replace", "delete", "merge", "x")), "name": "c"})
            elif isinstance(holder, dict):
                name = self.dice.choice(("containers", "finalizers", "ports", "env", "data"))
                key = self.dice.choice(
                    ("$patch", "$retainKeys", f"$setElementOrder/{name}", f"$deleteFromPrimitiveList/{name}")
                )
                holder[key] = self.dice.choice(("replace", "delete", ["a"], [{"name": "c"}], self.value()))
        return made

    def bytes(self, body: bytes) -> bytes:
        raw = bytearray(body)
        for _ in range(self.dice.randrange(1, 4)):
            if not raw:
                break
            at = self.dice.randrange(len(raw))
            action = self.dice.randrange(3)
            if action == 0:
                raw[at] = self.dice.randrange(256)
            elif action == 1:
                del raw[at : at + self.dice.randrange(1, 20)]
            else:
                raw[at:at] = raw[at : at + self.dice.randrange(1, 50)]
        return bytes(raw)
