"""`components.schemas` of an OpenAPI v3 document.

Source of the form: kube-openapi `pkg/builder3`, apiextensions `pkg/controller/openapi/builder/builder.go`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lab.sim import schemas
from lab.sim.api.resources import Resource

Json = dict[str, Any]

_PREFIX = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
OBJECT_META, LIST_META = f"{_META}ObjectMeta", f"{_META}ListMeta"
DELETE_OPTIONS, STATUS, PATCH = f"{_META}DeleteOptions", f"{_META}Status", f"{_META}Patch"
_LIKE = "io.k8s.api.core.v1.ConfigMap"
"""The kind whose words about apiVersion, kind and metadata custom resources and their lists share."""


@lru_cache(maxsize=3)
def _components(minor: int) -> dict[str, tuple[Json, tuple[str, ...]]]:
    """Every definition as a component, with the names it refers to."""
    texts = schemas.texts(minor)
    notes, enums = schemas.go_types(), schemas.enums(minor)
    made = {}
    for name, schema in schemas.definitions(minor).items():
        below: list[str] = []
        made[name] = (_component(schema, texts.get(name, {}), below), tuple(below))
        for field, note in notes.get(name, {}).items():
            values = enums.get(note.strip("*=!?").removeprefix("[]"))
            if values and field in schema.get("properties", {}):
                _enumerate(made[name][0]["properties"][field], values)
    return made


def _enumerate(field: Json, values: dict[str, str]) -> None:
    """Tell a field's values, or its items', as kube-openapi does: `pkg/generators/enum.go`."""
    if "items" in field:
        field["items"]["enum"] = list(values)
        return
    field["enum"] = list(values)
    listed = "\n".join(f' - `"{value}"` {text}'.rstrip() for value, text in values.items())
    field["description"] = f"{field.get('description', '')}\n\nPossible enum values:\n{listed}"


def _component(schema: Json, texts: dict[str, str], below: list[str]) -> Json:
    made: Json = {"description": texts[""]} if "" in texts else {}
    made.update(_converted(schema, below))
    for key, field in made.get("properties", {}).items():
        if key in texts:
            made["properties"][key] = {"description": texts[key], **field}
    return made


def _converted(schema: Json, below: list[str]) -> Json:
    """A schema with references that point into the document; beside other keywords they stand in `allOf`."""
    made = dict(schema)
    if "$ref" in made:
        below.append(made["$ref"])
        made["allOf"] = [reference(made.pop("$ref"))]
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = _converted(made[key], below)
    if "allOf" in made.get("additionalProperties", {}):
        (made["additionalProperties"],) = made["additionalProperties"]["allOf"]  # explain follows no other reference
    if "properties" in made:
        made["properties"] = {key: _converted(field, below) for key, field in made["properties"].items()}
        if made["properties"].get("protocol") and {"containerPort", "nodePort"} & made["properties"].keys():
            made["properties"]["protocol"] = {**made["properties"]["protocol"], "default": "TCP"}
    return made


def reference(name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"{_PREFIX}{name}"}


class Schemas:
    """The components one document needs, found as its operations name them."""

    def __init__(self, minor: int) -> None:
        self.found: dict[str, Json] = {}
        self._minor = minor
        self._kinds = schemas.kinds(minor)

    def kind(self, row: Resource, kind: str, group: str = "", version: str = "") -> Json:
        """A reference to a kind, by default of the row's group and version; an open object where it has no schema."""
        if not version:
            group, version = row.group, row.version
        if (
            row.custom is not None
            and kind in (row.kind, row.list_kind)
            and (group, version) == (row.group, row.version)
        ):
            return self._custom(row, kind)
        name = self._kinds.get((group, version, kind))
        return {"type": "object"} if name is None else self.named(name)

    def named(self, name: str) -> Json:
        """A reference to a definition of Kubernetes, which is taken over with everything it refers to."""
        known = _components(self._minor)
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one not in self.found:
                self.found[one], below = known[one]
                waiting += below
        return reference(name)

    def _custom(self, row: Resource, kind: str) -> Json:
        name = f"{'.'.join(reversed(row.group.split('.')))}.{row.version}.{kind}"
        if name not in self.found:
            self.found[name] = self._list(row) if kind == row.list_kind else self._object(row)
        return reference(name)

    def _object(self, row: Resource) -> Json:
        assert row.custom is not None
        given = row.custom.schema if isinstance(row.custom.schema, dict) else {}
        made = self._structural(given)
        if made.get("type") != "object" or not isinstance(made.get("properties", {}), dict):
            made = {"type": "object"}
        if row.custom.preserve_unknown:
            made["x-kubernetes-preserve-unknown-fields"] = True
        made["properties"] = {**made.get("properties", {}), **self._envelope(OBJECT_META)}
        made["x-kubernetes-group-version-kind"] = [_gvk(row, row.kind)]
        return made

    def _list(self, row: Resource) -> Json:
        item = self._custom(row, row.kind)
        items = {"description": f"List of {row.plural}.", "type": "array", "items": item}
        return {
            "description": f"{row.list_kind} is a list of {row.kind}",
            "type": "object",
            "required": ["items"],
            "properties": {**self._envelope(LIST_META), "items": items},
            "x-kubernetes-group-version-kind": [_gvk(row, row.list_kind)],
        }

    def _envelope(self, metadata: str) -> Json:
        told = schemas.texts(self._minor)[_LIKE if metadata == OBJECT_META else f"{_LIKE}List"]
        return {
            "apiVersion": {"description": told["apiVersion"], "type": "string"},
            "kind": {"description": told["kind"], "type": "string"},
            "metadata": {"description": told["metadata"], "allOf": [self.named(metadata)]},
        }

    def _structural(self, schema: Any) -> Json:
        """A structural schema for a reader of OpenAPI. Whatever is no schema becomes one that allows everything."""
        if not isinstance(schema, dict):
            return {}
        made = {key: value for key, value in schema.items() if key not in _NEVER}
        for key in ("items", "additionalProperties", "not"):
            if key in made and not (key == "additionalProperties" and isinstance(made[key], bool)):
                made[key] = self._structural(made[key])
        for key in ("allOf", "anyOf", "oneOf"):
            if key in made:
                made[key] = [self._structural(one) for one in made[key]] if isinstance(made[key], list) else []
        if "properties" in made:
            fields = made["properties"] if isinstance(made["properties"], dict) else {}
            made["properties"] = {key: self._structural(field) for key, field in fields.items()}
        if "required" in made:
            made["required"] = made["required"] if isinstance(made["required"], list) else []
        if made.get("x-kubernetes-int-or-string") and not made.get("anyOf"):
            made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
        if made.get("x-kubernetes-embedded-resource"):
            made["properties"] = {**made.get("properties", {}), **self._envelope(OBJECT_META)}
            made["required"] = sorted({"apiVersion", "kind", *made.get("required", ())})
        return made


_NEVER = frozenset(("$ref", "$schema", "id", "definitions", "dependencies", "patternProperties", "additionalItems"))
"""Keywords a structural schema may not have and readers stumble over."""


def _gvk(row: Resource, kind: str) -> Json:
    return {"group": row.group, "kind": kind, "version": row.version}
