"""Everything a cluster holds at one moment, with the indices that rules need; and how a rule is declared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Object, Registry
from lab.sim.clock import parse_timestamp

Found = Iterator[tuple[Object | None, str]]
"""Objects a rule does not hold for, and why not."""


@dataclass
class World:
    """One moment of a cluster."""

    objects: dict[str, list[Object]]
    """By storage key."""
    revision: int
    now: float
    registry: Registry
    used: Callable[[Object], dict[str, str]] | None = None
    """What a ResourceQuota should say is used; None: not looked at."""
    by_uid: dict[str, Object] = field(default_factory=dict)
    by_key: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    owned: dict[str, list[Object]] = field(default_factory=lambda: defaultdict(list))
    """Objects by the uid of their controller."""

    def __post_init__(self) -> None:
        for storage, objects in self.objects.items():
            for obj in objects:
                metadata = obj.get("metadata", {})
                self.by_uid.setdefault(metadata.get("uid", ""), obj)
                self.by_key[storage, metadata.get("namespace", ""), metadata.get("name", "")] = obj
                for owner in metadata.get("ownerReferences", ()):
                    if owner.get("controller"):
                        self.owned[owner["uid"]].append(obj)

    def of(self, storage: str, namespace: str = "") -> list[Object]:
        """Objects of a resource, in one namespace or in all."""
        found = self.objects.get(storage, [])
        return [obj for obj in found if obj["metadata"].get("namespace") == namespace] if namespace else found

    def get(self, storage: str, namespace: str, name: str) -> Object | None:
        """One object, or None."""
        return self.by_key.get((storage, namespace, name))

    def all(self) -> Iterator[tuple[str, Object]]:
        """Every object with its storage key."""
        for storage, objects in self.objects.items():
            for obj in objects:
                yield storage, obj

    def pods_of(self, owner: Object) -> list[Object]:
        """The pods an object controls, those that are over or on their way out included."""
        return [one for one in self.owned.get(owner["metadata"]["uid"], ()) if one["kind"] == "Pod"]


@dataclass(frozen=True)
class Rule:
    """One thing that must hold."""

    name: str
    check: Callable[[World], Found]
    at_rest: bool
    """Holds only when the controllers have nothing left to do."""


RULES: dict[str, Rule] = {}


def rule(check: Callable[[World], Found]) -> Callable[[World], Found]:
    """Declare a rule that holds at any moment; its name is the function's."""
    assert check.__name__ not in RULES, check.__name__
    RULES[check.__name__] = Rule(check.__name__, check, False)
    return check


def rule_at_rest(check: Callable[[World], Found]) -> Callable[[World], Found]:
    """Declare a rule that holds when the controllers have come to rest."""
    rule(check)
    RULES[check.__name__] = Rule(check.__name__, check, True)
    return check


def built_in() -> Registry:
    """The kinds every cluster has."""
    return Registry.of(BUILT_IN)


def said(obj: Object | None) -> str:
    """An object as a violation names it."""
    if obj is None:
        return "cluster"
    metadata = obj.get("metadata", {})
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{obj.get('kind')} {place}{metadata.get('name')}"


def leaving(obj: Object) -> bool:
    """Whether it is being deleted."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def closing(world: World, obj: Object) -> bool:
    """Whether it, or its namespace, is being deleted: its controller can make nothing new."""
    home = world.get("namespaces", "", obj["metadata"].get("namespace", ""))
    return leaving(obj) or (home is not None and leaving(home))


def conditions(obj: Object) -> dict[str, Object]:
    """Conditions by type."""
    return {one.get("type", ""): one for one in obj.get("status", {}).get("conditions") or ()}


def holds(obj: Object, kind: str) -> bool:
    """Whether a condition is True."""
    return conditions(obj).get(kind, {}).get("status") == "True"


def number(obj: Object, name: str) -> int:
    """A number of the status, 0 when it is left out."""
    return int(obj.get("status", {}).get(name) or 0)


def over(pod: Object) -> bool:
    """Whether the pod has run to its end."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def active(pods: Iterable[Object]) -> list[Object]:
    """Pods that count: neither over nor being deleted."""
    return [pod for pod in pods if not over(pod) and not leaving(pod)]


def seconds(text: Any) -> float | None:
    """A timestamp in seconds, or None when it is none."""
    try:
        return parse_timestamp(text) if isinstance(text, str) and text.endswith("Z") else None
    except ValueError:
        return None


def selects(selector: Object | None, labels: Object | None) -> bool:
    """Whether a LabelSelector chooses these labels."""
    labels = labels or {}
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for one in selector.get("matchExpressions") or ():
        there, value = one["key"] in labels, labels.get(one["key"])
        found = {
            "In": there and value in one.get("values", ()),
            "NotIn": not there or value not in one.get("values", ()),
            "Exists": there,
            "DoesNotExist": not there,
        }[one["operator"]]
        if not found:
            return False
    return True
