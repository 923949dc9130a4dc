"""Custom resources: rows of the registry made from CustomResourceDefinitions, and what their objects must be like.

Source: apiextensions `pkg/apiserver/customresource_handler.go`, `pkg/controller/{status,establish}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from weakref import WeakKeyDictionary

from lab.sim.api import cel_rules, scale_paths, shared_schemas, structural, types
from lab.sim.api.pruning import prune
from lab.sim.api.resources import Custom, Object, Registry, Resource
from lab.sim.api.status import ApiError, Cause, not_simulated
from lab.sim.api.store import Change, Store
from lab.sim.objects import condition, thaw

STORAGE = "customresourcedefinitions.apiextensions.k8s.io"
_UNCHECKED = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    "<nil>",
)


def rows(definition: Object, since: int = 0) -> Iterator[Resource]:
    """The resources a definition serves, one for each served version, best version first.

    `since`: the store's revision from which on objects are written by these schemas.
    """
    spec = definition["spec"]
    versions: dict[str, Resource] = {}
    stored = next((one["name"] for one in spec["versions"] if one.get("storage")), "")
    names = definition.get("status", {}).get("acceptedNames") or spec["names"]
    for version in sorted(spec["versions"], key=lambda one: version_rank(one["name"])):
        if not version.get("served"):
            continue
        within = version.get("subresources") or {}
        row = Resource(
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
                stored=f"{spec['group']}/{stored}",
                since=since,
                versions=versions,
                terminating=_true(definition, "Terminating"),
            ),
        )
        versions[row.api_version] = row
        yield row


_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


def version_rank(name: str) -> tuple[int, int, int, str]:
    """Sorts versions as discovery does: v2 before v1 before v1beta2 before v1alpha1 before others by name.

    Source: apimachinery `pkg/version/helpers.go`.
    """
    found = _VERSION.fullmatch(name)
    if found is None:
        return (3, 0, 0, name)
    stage = {None: 0, "beta": 1, "alpha": 2}[found.group(2)]
    return (stage, -int(found.group(1)), -int(found.group(3) or 0), name)


class Definitions:
    """Keeps a registry in step with the definitions in a store: established ones are served, others are not."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._registry = registry
        self._store = store
        self._served: dict[str, list[Resource]] = {}
        for definition in store.list(STORAGE):
            shared_schemas.share(definition)
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
        if not _true(definition, "Established"):
            return
        made = list(rows(definition, self._store.revision))
        for row in made:
            self._registry.add(row)
        self._served[name] = made


def _served_part(definition: Object) -> tuple[Object, Object, bool, bool]:
    accepted = definition.get("status", {}).get("acceptedNames", {})
    return definition["spec"], accepted, _true(definition, "Established"), _true(definition, "Terminating")


def _true(definition: Object, kind: str) -> bool:
    found = condition(definition, kind)
    return found is not None and found["status"] == "True"


def check_create(resource: Resource) -> None:
    """Raises ApiError 405 when the definition is on its way out."""
    if resource.custom is not None and resource.custom.terminating:
        text = "create not allowed while custom resource definition is terminating"
        raise ApiError(405, "MethodNotAllowed", text, {"group": resource.group, "kind": resource.plural})


def kept(resource: Resource, obj: Object) -> Object:
    """A custom object in the version it is stored in, without what that version does not know."""
    custom = resource.custom
    assert custom is not None
    if obj["apiVersion"] == custom.stored:
        return obj
    return _coerced({**obj, "apiVersion": custom.stored}, custom.versions.get(custom.stored))


def read(resource: Resource, obj: Object) -> Object:
    """A stored custom object as a version shows it: defaults of today filled in, what today's schema lacks left out.

    Source: apiextensions `pkg/apiserver/customresource_handler.go`, `crdConversionRESTOptionsGetter`.
    """
    custom = resource.custom
    assert custom is not None
    metadata = obj["metadata"]
    if obj["apiVersion"] == resource.api_version and int(metadata["resourceVersion"]) > custom.since:
        return obj
    seen = _READ.setdefault(resource, {})
    known = seen.get(metadata["uid"])
    if known is not None and known[0] == metadata["resourceVersion"]:
        return known[1]
    made = thaw(obj)
    stored = custom.versions.get(obj["apiVersion"], resource)
    if stored.custom is not None:
        structural.fill_in(made, stored.custom.schema)
    made["apiVersion"] = resource.api_version
    made = _coerced(made, resource)
    if made == obj:
        made = obj
    seen[metadata["uid"]] = (metadata["resourceVersion"], made)
    return made


_READ: WeakKeyDictionary[Resource, dict[str, tuple[str, Object]]] = WeakKeyDictionary()
"""What `read` made, by row and uid, with the resourceVersion it was made from."""


_MINOR = 34
"""Any will do: only metadata differs between minors, and that is left alone."""


def _coerced(obj: Object, resource: Resource | None) -> Object:
    """`obj` without what the version does not know; a changed copy when there is such."""
    if resource is None:
        return obj
    made = thaw(obj)
    return made if prune(types.of(resource, _MINOR), made) else obj


def problems(resource: Resource, new: Object, old: Object | None, subresource: str = "") -> list[Cause]:
    """Everything wrong with a custom object by its definition's schema, its scale paths and its CEL rules.

    Source: apiextensions `pkg/registry/customresource/{strategy,status_strategy,validator}.go`.
    """
    custom = resource.custom
    assert custom is not None
    schema = custom.schema
    if subresource == "status":
        causes = _status_problems(new, old or {}, (schema.get("properties") or {}).get("status") or {})
    else:
        causes = structural.broken(new, schema, "", structural.NEW if old is None else old)
        causes += scale_paths.problems(custom, new, spec=True)
    causes += scale_paths.problems(custom, new, spec=False)
    if cel_rules.has_rules(schema):
        if any(one.reason in _BLOCKING for one in causes):
            return [*causes, _UNCHECKED]
        before = _named(old) if old is not None else None
        causes += cel_rules.broken(_named(new), before, schema, "", update=old is not None)
    return causes


def _named(obj: Object) -> Object:
    """An object as CEL rules see it: of the metadata, only the name."""
    metadata = obj["metadata"]
    return {**obj, "metadata": {key: metadata[key] for key in ("name", "generateName") if key in metadata}}


def _status_problems(body: Object, before: Object, schema: Object) -> list[Cause]:
    """Of a status written on its own, which is named in causes but not in their sentences."""
    if "status" not in body:
        return []
    found = structural.broken(body["status"], schema, "", before.get("status", structural.NEW))
    return [replace(one, field=_below_status(one.field)) for one in found]


def _below_status(field: str) -> str:
    if field in ("", "<nil>"):
        return "status"
    return f"status{field}" if field.startswith("[") else f"status.{field}"


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
    spec = definition.get("spec") or {}
    for index, version in enumerate(spec.get("versions") or ()):
        schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        path = f"spec.versions[{index}].schema.openAPIV3Schema"
        for at, why in cel_rules.unsupported(schema, path):
            raise not_simulated(f"{why} (in {at})")
        causes += cel_rules.compile_errors(schema, path)
    conversion = spec.get("conversion") or {}
    if conversion.get("strategy") == "Webhook":
        raise not_simulated("conversion of custom resources by a webhook")
    return causes
