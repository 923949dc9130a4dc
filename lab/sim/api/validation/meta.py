"""Object metadata: names, labels, annotations, owners, finalizers.

Source: apimachinery `pkg/api/validation/objectmeta.go`, apiserver `pkg/registry/rest/{create,update}.go`.
"""

from __future__ import annotations

from typing import Any

import orjson

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    annotation_map,
    forbidden_field,
    immutable,
    invalid_value,
    labels,
    named,
    required,
)
from lab.sim.api.validation.names import NameRule

STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_KEPT = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_FIRST = "name or generateName is required"


def metadata(wrong: Wrong, meta: Object, rule: NameRule, *, namespaced: bool, qualified: bool) -> None:
    """Metadata of an object to be created, or of one that is checked as a whole again.

    `rule` holds for the name; with `qualified` finalizers must be known or qualified, as the core kinds ask.
    """
    if meta.get("generateName"):
        named(wrong, "metadata.generateName", meta["generateName"], names.prefix_of(rule))
    name = meta.get("name")
    if not name:
        wrong.append(required("metadata.name", _FIRST))
    else:
        for message in rule(name):
            wrong.append(invalid_value("metadata.name", name, message))
    namespace = meta.get("namespace")
    if namespaced:
        if not namespace:
            wrong.append(required("metadata.namespace"))
        else:
            named(wrong, "metadata.namespace", namespace, names.dns_label)
    elif namespace:
        wrong.append(forbidden_field("metadata.namespace", "not allowed on this type"))
    _rest(wrong, meta)
    if meta.get("finalizers"):
        finalizers(wrong, "metadata.finalizers", meta["finalizers"])
        if qualified:
            qualified_finalizers(wrong, meta["finalizers"])


def _rest(wrong: Wrong, meta: Object) -> None:
    if meta.get("labels"):
        labels(wrong, "metadata.labels", meta["labels"])
    if meta.get("annotations"):
        annotation_map(wrong, "metadata.annotations", meta["annotations"])
    if meta.get("ownerReferences"):
        _owners(wrong, meta["ownerReferences"])


def changed(wrong: Wrong, new: Object, old: Object, *, qualified: bool) -> None:
    """Metadata of an object that takes the place of `old`."""
    if new.get("deletionTimestamp") and new.get("finalizers") != old.get("finalizers"):
        _no_new_finalizers(wrong, new.get("finalizers") or [], old.get("finalizers") or [])
    for field in _KEPT:
        if new.get(field) != old.get(field):
            immutable(wrong, f"metadata.{field}", new.get(field), old.get(field))
    _rest(wrong, new)
    if qualified and new.get("finalizers"):
        qualified_finalizers(wrong, new["finalizers"])


def _no_new_finalizers(wrong: Wrong, new: list[str], old: list[str]) -> None:
    extra = sorted(set(new) - set(old))
    if extra:
        listed = ", ".join(f'"{one}"' for one in extra)
        said = "no new finalizers can be added if the object is being deleted, found new finalizers []string{%s}"
        wrong.append(forbidden_field("metadata.finalizers", said % listed))


def finalizers(wrong: Wrong, path: str, values: list[str]) -> None:
    """Finalizers of any kind."""
    for value in values:
        named(wrong, path, value, names.qualified_name)
    if "orphan" in values and "foregroundDeletion" in values:
        wrong.append(invalid_value(path, values, "finalizer orphan and foregroundDeletion cannot be both set"))


def qualified_finalizers(
    wrong: Wrong, values: list[str], path: str = "metadata.finalizers", *, indexed: bool = True
) -> None:
    """Finalizers must be Kubernetes' own or have a domain."""
    for index, value in enumerate(values):
        if "/" not in value and value not in STANDARD_FINALIZERS:
            said = "name is neither a standard finalizer name nor is it fully qualified"
            wrong.append(invalid_value(f"{path}[{index}]" if indexed else path, value, said))


def _owners(wrong: Wrong, references: list[Object]) -> None:
    path, first = "metadata.ownerReferences", ""
    for one in references:
        said = str(one.get("apiVersion") or "")
        group, _, version = said.rpartition("/")
        if not version:
            wrong.append(invalid_value(f"{path}.apiVersion", said, "version must not be empty"))
        for field in ("kind", "name", "uid"):
            if not one.get(field):
                wrong.append(invalid_value(f"{path}.{field}", "", "must not be empty"))
        if (group, version, one.get("kind")) == ("", "v1", "Event"):
            wrong.append(invalid_value(path, _reference(one), "/v1, Kind=Event is disallowed from being an owner"))
        if one.get("controller"):
            owner = f"{one.get('kind')}/{one.get('name')}"
            if first:
                said = (
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {first} and {owner}'
                )
                wrong.append(invalid_value(path, [_reference(each) for each in references], said))
            else:
                first = owner


_REFERENCE = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")


def _reference(one: Object) -> dict[str, Any]:
    return {field: one[field] for field in _REFERENCE if one.get(field) is not None}


def size_of(value: Any) -> int:
    """Bytes of a value as JSON."""
    return len(orjson.dumps(value))
