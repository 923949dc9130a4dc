"""Fields that a comparison leaves out: JSON pointers and jq expressions of Applications and of argocd-cm.

Source: Argo CD 3.6.1 `util/argo/normalizers/diff_normalizer.go`, `util/argo/diff/ignore.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
import yaml

from lab.sim.argocd.comparison.jq import JqError, deletion
from lab.sim.argocd.comparison.settings import ComparisonSettings, Ignored, Override
from lab.sim.argocd.glob import matches as glob_matches
from lab.sim.argocd.health.fields import annotations_of, group_and_kind
from lab.sim.objects import Object, name_of, namespace_of

IGNORE_DIFFERENCES = "argocd.argoproj.io/ignore-differences"
_EVERYTHING = "*/*"

Removal = Callable[[Any], Any]
"""Gives a document without some fields; what stays is shared, and without those fields it is the very same."""


class RulesError(ValueError):
    """Rules that cannot be understood; the text follows `failed to create diff normalizer: `."""


class _Rule:
    """What is removed from the objects it is about."""

    __slots__ = ("group", "kind", "name", "namespace", "plain", "removals")

    def __init__(self, group: str, kind: str, name: str, namespace: str, ignored: Ignored, timeout: float) -> None:
        self.group, self.kind, self.name, self.namespace = group, kind, name, namespace
        self.plain = not ignored.jq_path_expressions and not any(map(_counts, ignored.json_pointers))
        """Whether it only takes away fields of objects, by name."""
        self.removals: list[Removal] = [pointer(one) for one in ignored.json_pointers]
        for expression in ignored.jq_path_expressions:
            try:
                self.removals.append(deletion(expression, timeout))
            except JqError as error:
                raise RulesError(str(error)) from None

    def about(self, group: str, kind: str) -> bool:
        return glob_matches(self.group, group) and glob_matches(self.kind, kind)

    def names(self, name: str, namespace: str) -> bool:
        return self.name in ("", name) and self.namespace in ("", namespace)


def _counts(path: str) -> bool:
    """Whether a pointer may stand for an item of a list."""
    return any(one.lstrip("-").isdigit() or one == "-" for one in path.split("/"))


class IgnoreRules:
    """What an Application's comparisons leave out."""

    def __init__(self, ignores: Iterable[Object], overrides: Mapping[str, Override], timeout: float = 1.0) -> None:
        """`ignores`: the Application's `ignoreDifferences`; `timeout`: seconds of one jq expression.

        Raises RulesError.
        """
        self._ignores = list(ignores)
        self._overrides = overrides
        self._rules: list[_Rule] = []
        for one in self._ignores:
            group, kind, name, namespace = (str(one.get(key) or "") for key in ("group", "kind", "name", "namespace"))
            self._rules.append(_Rule(group, kind, name, namespace, _ignored(one), timeout))
        for target, override in overrides.items():
            if override.ignored.json_pointers or override.ignored.jq_path_expressions:
                group, kind = _group_kind(target)
                self._rules.append(_Rule(group, kind, "", "", override.ignored, timeout))
        named = [*map(_ignored, self._ignores), *(one.ignored for one in overrides.values())]
        self._has_managers = any(one.managed_fields_managers for one in named)
        self._by_kind: dict[tuple[str, str], list[_Rule]] = {}

    def _of_kind(self, kind: tuple[str, str]) -> list[_Rule]:
        found = self._by_kind.get(kind)
        if found is None:
            found = self._by_kind[kind] = [one for one in self._rules if one.about(*kind)]
        return found

    def normalized(self, obj: Object, annotated: Sequence[Removal] = ()) -> Object:
        """`obj` without what is ignored of it; shared with it.

        `annotated`: more to leave out, by annotation of the wanted object. An expression that fails is passed over.
        """
        made: Any = obj
        found = self._of_kind(group_and_kind(obj))
        if not found and not annotated:
            return obj
        name, namespace = name_of(obj), namespace_of(obj)
        for rule in found:
            if rule.names(name, namespace):
                for removal in rule.removals:
                    made = _removed(made, removal)
        for removal in annotated:
            made = _removed(made, removal)
        return made if isinstance(made, dict) else obj

    def is_plain(self, group: str, kind: str) -> bool:
        """Whether only fields of objects are left out of this kind, by name, so that like stays like."""
        return all(one.plain for one in self._of_kind((group, kind)))

    def managers(self, group: str, kind: str, name: str, namespace: str) -> tuple[str, ...]:
        """Field managers that may change what they own."""
        if not self._has_managers:
            return ()
        found = Ignored()
        for key in (f"{group}/{kind}", _EVERYTHING):
            if key in self._overrides:
                found = found.joined(self._overrides[key].ignored)
        for one in self._ignores:
            if (
                glob_matches(str(one.get("group") or ""), group)
                and glob_matches(str(one.get("kind") or ""), kind)
                and one.get("name", "") in ("", None, name)
                and one.get("namespace", "") in ("", None, namespace)
            ):
                found = found.joined(_ignored(one))
        return found.managed_fields_managers


def _removed(document: Any, removal: Removal) -> Any:
    try:
        return removal(document)
    except (JqError, TypeError, ValueError, KeyError, IndexError, RecursionError):
        return document


def _ignored(entry: Object) -> Ignored:
    return Ignored(
        tuple(map(str, entry.get("jsonPointers") or ())),
        tuple(map(str, entry.get("jqPathExpressions") or ())),
        tuple(map(str, entry.get("managedFieldsManagers") or ())),
    )


def _group_kind(target: str) -> tuple[str, str]:
    """Group and kind of an override's key; one that is malformed means everything without group and kind."""
    parts = target.split("/")
    if len(parts) == 2:
        return parts[0], parts[1]
    return ("", parts[0]) if len(parts) == 1 else ("", "")


@lru_cache(maxsize=512)
def _made(settings: ComparisonSettings, ignores: bytes, updates: bool) -> IgnoreRules:
    overrides = settings.updates if updates else settings.overrides
    return IgnoreRules(orjson.loads(ignores), overrides, settings.jq_timeout)


def rules_for(settings: ComparisonSettings, ignores: Sequence[Object]) -> IgnoreRules:
    """The rules of an Application with these `ignoreDifferences`; the same ones for the same. Raises RulesError."""
    return _made(settings, orjson.dumps(list(ignores)), False)


def update_rules(settings: ComparisonSettings) -> IgnoreRules:
    """What is left out when live objects change. Raises RulesError."""
    return _made(settings, b"[]", True)


def annotated_removals(target: Object | None) -> list[Removal]:
    """What the annotation `ignore-differences` of a wanted object leaves out: YAML with `jsonPointers`."""
    text = annotations_of(target).get(IGNORE_DIFFERENCES) if target is not None else None
    if not text:
        return []
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return []
    found = read.get("jsonPointers") if isinstance(read, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        return []
    return [pointer(one) for one in found]


@lru_cache(maxsize=4096)
def pointer(path: str) -> Removal:
    """Removes what a JSON pointer names; what is not there needs no removing."""
    if not path.startswith("/"):
        return lambda document: document
    tokens = tuple(one.replace("~1", "/").replace("~0", "~") for one in path[1:].split("/"))
    return lambda document: _without(document, tokens)


def _without(value: Any, tokens: Sequence[str]) -> Any:
    head, rest = tokens[0], tokens[1:]
    if isinstance(value, dict):
        if head not in value:
            return value
        if not rest:
            return {key: one for key, one in value.items() if key != head}
        below = _without(value[head], rest)
        return value if below is value[head] else {**value, head: below}
    if isinstance(value, list):
        try:
            place = int(head)
        except ValueError:
            return value
        if not -len(value) <= place < len(value):
            return value
        below = None if not rest else _without(value[place], rest)
        if rest and below is value[place]:
            return value
        made = list(value)
        if rest:
            made[place] = below
        else:
            del made[place]
        return made
    return value
