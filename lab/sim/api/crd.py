"""Custom resources: rows of the registry made from CustomResourceDefinitions, and what their objects must be like.

Source: apiextensions `pkg/apiserver/customresource_handler.go`, `pkg/controller/{status,establish}`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lab.sim.api import cel_rules, structural
from lab.sim.api.resources import Custom, Object, Registry, Resource
from lab.sim.api.status import Cause, invalid_value, not_simulated
from lab.sim.api.store import Change, Store
from lab.sim.objects import condition

STORAGE = "customresourcedefinitions.apiextensions.k8s.io"
_UNCHECKED = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    "<nil>",
)


def rows(definition: Object) -> Iterator[Resource]:
    """The resources a definition serves, one for each served version, best version first."""
    spec = definition["spec"]
    names = definition.get("status", {}).get("acceptedNames") or spec["names"]
    for version in sorted(spec["versions"], key=lambda one: version_rank(one["name"])):
        if not version.get("served"):
            continue
        within = version.get("subresources") or {}
        yield Resource(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=spec.get("scope") == "Namespaced",
            short=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=frozenset(name for name in ("status", "scale") if within.get(name) is not None),
            storage=f"{names['plural']}.{spec['group']}",
            custom=Custom(
                definition=definition["metadata"]["name"],
                schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
                columns=tuple(version.get("additionalPrinterColumns") or ()),
                selectable=tuple(one["jsonPath"] for one in version.get("selectableFields") or ()),
                scale=within.get("scale"),
                preserve_unknown=bool(spec.get("preserveUnknownFields")),
            ),
        )


def version_rank(name: str) -> tuple[int, int, int, str]:
    """Sorts versions as discovery does: v2 before v1 before v1beta2 before v1alpha1 before others by name.

    Source: apimachinery `pkg/version/helpers.go`.
    """
    import re

    found = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", name)
    if found is None:
        return (3, 0, 0, name)
    stage = {None: 0, "beta": 1, "alpha": 2}[found.group(2)]
    return (stage, -int(found.group(1)), -int(found.group(3) or 0), name)


class Definitions:
    """Keeps a registry in step with the definitions in a store: established ones are served, others are not."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._registry = registry
        self._served: dict[str, list[Resource]] = {}
        for definition in store.list(STORAGE):
            self._serve(definition)
        store.listen(self._changed)

    def _changed(self, change: Change) -> None:
        if change.storage != STORAGE:
            return
        if change.new is None:
            self._forget(change.name)
        elif change.old is None or _served_part(change.new) != _served_part(change.old):
            self._serve(change.new)

    def _forget(self, name: str) -> None:
        for row in self._served.pop(name, ()):
            self._registry.remove(row)

    def _serve(self, definition: Object) -> None:
        name = definition["metadata"]["name"]
        self._forget(name)
        established = condition(definition, "Established")
        if established is None or established["status"] != "True":
            return
        made = list(rows(definition))
        for row in made:
            self._registry.add(row)
        self._served[name] = made


def _served_part(definition: Object) -> tuple[Object, Object, bool]:
    status = definition.get("status", {})
    established = condition(definition, "Established")
    return definition["spec"], status.get("acceptedNames", {}), bool(established and established["status"] == "True")


def problems(resource: Resource, new: Object, old: Object | None, subresource: str = "") -> list[Cause]:
    """Everything wrong with a custom object by its definition's schema and CEL rules."""
    assert resource.custom is not None
    schema = resource.custom.schema
    body = {key: value for key, value in new.items() if key not in ("apiVersion", "kind", "metadata")}
    if subresource == "status":
        body = {"status": body["status"]} if "status" in body else {}
        schema = {**schema, "required": [one for one in schema.get("required", ()) if one == "status"]}
    causes = structural.broken(body, schema, "")
    if cel_rules.has_rules(schema):
        if any(one.reason in _BLOCKING for one in causes):
            return [*causes, _UNCHECKED]
        before = None
        if old is not None:
            before = {key: value for key, value in old.items() if key not in ("apiVersion", "kind", "metadata")}
        causes += cel_rules.broken(body, before, schema, "", update=old is not None)
    return causes


_BLOCKING = (
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
)
"""Causes after which CEL rules are left alone (apiextensions `pkg/registry/customresource/strategy.go`)."""


def definition_problems(definition: Object) -> list[Cause]:
    """What is wrong with the CEL rules of a definition. Raises ApiError 501 for rules that cannot be evaluated here."""
    causes: list[Cause] = []
    for index, version in enumerate(definition["spec"].get("versions") or ()):
        schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        path = f"spec.versions[{index}].schema.openAPIV3Schema"
        for at, why in cel_rules.unsupported(schema, path):
            raise not_simulated(f"{why} (in {at})")
        causes += cel_rules.compile_errors(schema, path)
    conversion = definition["spec"].get("conversion") or {}
    if conversion.get("strategy") == "Webhook":
        raise not_simulated("conversion of custom resources by a webhook")
    storage = Counter(bool(one.get("storage")) for one in definition["spec"].get("versions") or ())
    if storage[True] > 1:
        causes.append(
            invalid_value(
                "spec.versions",
                definition["spec"]["versions"],
                "must have exactly one version marked as storage version",
            )
        )
    return causes
