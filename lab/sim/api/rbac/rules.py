"""Policy rules: what one allows, whether some cover others, and how the server prints them.

Source: Kubernetes `pkg/apis/rbac/v1/evaluation_helpers.go`, component-helpers `auth/rbac/validation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from lab.sim.api.resources import Object

Rule = Object
"""A `rbac.authorization.k8s.io/v1` PolicyRule; absent lists are empty."""

_NONE: tuple[str, ...] = ()


def _of(rule: Rule, field: str) -> Sequence[str]:
    return rule.get(field) or _NONE


def matches(rule: Rule, verb: str, group: str, resource: str, subresource: str) -> bool:
    """Whether `rule` is about this verb and resource; its `resourceNames` are not regarded."""
    verbs = rule.get("verbs") or _NONE
    if verb not in verbs and "*" not in verbs:
        return False
    groups = rule.get("apiGroups") or _NONE
    if group not in groups and "*" not in groups:
        return False
    resources = rule.get("resources") or _NONE
    if "*" in resources:
        return True
    if subresource:
        return f"{resource}/{subresource}" in resources or f"*/{subresource}" in resources
    return resource in resources


def matches_path(rule: Rule, verb: str, path: str) -> bool:
    """Whether `rule` allows `verb` on a path that is no resource."""
    verbs = _of(rule, "verbs")
    if verb not in verbs and "*" not in verbs:
        return False
    return any(_path_covers(one, path) for one in _of(rule, "nonResourceURLs"))


def _path_covers(pattern: str, path: str) -> bool:
    return pattern == path or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def uncovered(owned: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """What `wanted` allows beyond `owned`, in rules of one verb and one resource or path each."""
    return [part for rule in wanted for part in _parts(rule) if not any(_covers(one, part) for one in owned)]


def _parts(rule: Rule) -> Iterable[Rule]:
    verbs, names = _of(rule, "verbs"), _of(rule, "resourceNames")
    for group in _of(rule, "apiGroups"):
        for resource in _of(rule, "resources"):
            for verb in verbs:
                part: Rule = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                if names:
                    yield from ({**part, "resourceNames": [name]} for name in names)
                else:
                    yield part
    for path in _of(rule, "nonResourceURLs"):
        yield from ({"nonResourceURLs": [path], "verbs": [verb]} for verb in verbs)


def _covers(owned: Rule, part: Rule) -> bool:
    verbs = _of(owned, "verbs")
    if part["verbs"][0] not in verbs and "*" not in verbs:
        return False
    if "nonResourceURLs" in part:
        path = part["nonResourceURLs"][0]
        return not _of(owned, "resourceNames") and any(_path_covers(one, path) for one in _of(owned, "nonResourceURLs"))
    groups, resources, names = _of(owned, "apiGroups"), _of(owned, "resources"), _of(owned, "resourceNames")
    if part["apiGroups"][0] not in groups and "*" not in groups:
        return False
    resource = part["resources"][0]
    if resource not in resources and "*" not in resources:
        _, slash, subresource = resource.partition("/")
        if not slash or f"*/{subresource}" not in resources:
            return False
    if not names:
        return True
    return "resourceNames" in part and part["resourceNames"][0] in names


def described(parts: Iterable[Rule]) -> list[str]:
    """Rules of `uncovered` as an escalation message lists them: verbs of one resource together, in order."""
    compact: dict[Any, Rule] = {}
    for number, part in enumerate(parts):
        if "nonResourceURLs" in part:
            compact[number] = part
            continue
        key = (part["apiGroups"][0], part["resources"][0], *part.get("resourceNames", ()))
        held = compact.get(key)
        compact[key] = part if held is None else {**held, "verbs": [*held["verbs"], *part["verbs"]]}
    return sorted({_printed(rule) for rule in compact.values()})


_PRINTED = (
    ("APIGroups", "apiGroups"),
    ("Resources", "resources"),
    ("NonResourceURLs", "nonResourceURLs"),
    ("ResourceNames", "resourceNames"),
    ("Verbs", "verbs"),
)


def _printed(rule: Rule) -> str:
    return "{" + ", ".join(f"{title}:{quoted(rule[field])}" for title, field in _PRINTED if rule.get(field)) + "}"


def quoted(texts: Iterable[str]) -> str:
    """A list of strings as Go's `%q` prints it."""
    return "[" + " ".join(orjson.dumps(one).decode() for one in texts) + "]"
