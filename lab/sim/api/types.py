"""A kind's shape: which fields it has, of which type, and how its lists merge.

One tree of `Type` serves decoding, strategic merge, server-side apply and OpenAPI. Built-in kinds come from
`lab.sim.schemas`, custom ones from their definition. Trees are built on first use and shared.
Source of the merge rules: `x-kubernetes-*` extensions, Kubernetes "Server-Side Apply", section "Merge strategy";
of lists that have a patch strategy and no list type: kube-openapi `pkg/schemaconv/smd.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, cast
from weakref import WeakKeyDictionary

from lab.sim import schemas
from lab.sim.api.resources import Resource
from lab.sim.api.shared_schemas import note, noted

OBJECT, MAP, LIST, SCALAR, ANY = "object", "map", "list", "scalar", "any"
TIMES = ("time", "micro-time")

Schema = dict[str, Any]


@dataclass(slots=True, eq=False)
class Type:
    """One node. Compared by identity; may refer to itself (JSONSchemaProps)."""

    kind: str
    """`object` (known fields), `map` (free keys), `list`, `scalar` or `any`.

    Of `any`, server-side apply deduces the type from the value: maps are granular, lists atomic.
    """
    name: str = ""
    """Go-style name for messages, e.g. `v1.PodSpec`, `string`, `int32`."""
    scalar: str = ""
    """Of a scalar.

    `string`, `integer`, `number`, `boolean`, `int-or-string`, `quantity`, `time`, `micro-time` or `bytes`.
    """
    fields: dict[str, Type] = field(default_factory=dict)
    """Of an object."""
    required: frozenset[str] = frozenset()
    """Of an object."""
    items: Type | None = None
    """Of a list its items, of a map its values."""
    atomic: bool = False
    """Of an object, map or list: owned and replaced as a whole by server-side apply."""
    list_type: str = "atomic"
    """Of a list: `atomic`, `set` or `map`, for server-side apply."""
    keys: tuple[str, ...] = ()
    """Of a `map` list: fields that name an item."""
    key_defaults: dict[str, object] = field(default_factory=dict)
    """Of a `map` list: values of key fields that an item leaves out, e.g. `protocol: TCP`."""
    patch_strategy: frozenset[str] = frozenset()
    """`merge`, `retainKeys`, `replace`: of strategic merge patch."""
    merge_key: str = ""
    """Of a list with patch strategy `merge`: the field that names an item; "" for a list of scalars."""
    preserve_unknown: bool = False
    """Of an object: fields beyond `fields` are kept (`x-kubernetes-preserve-unknown-fields`)."""
    embedded: bool = False
    """`x-kubernetes-embedded-resource`."""
    nullable: bool = False
    """Of a custom resource's field: null is a value."""
    default: bool = False
    """Of a custom resource's field: it has a default."""
    left_out: frozenset[str] = frozenset()
    """Of a built-in object: fields that a server does not write while they are empty (`""`, 0, false, no items)."""
    written: frozenset[str] = frozenset()
    """Of a built-in object: fields that a server writes when they are missing: objects as `{}`, times as null.

    Not a kind's `status`: the rules of the kind say whether it has one from the start.
    """
    check: Callable[[Any], bool] | None = field(default=None, repr=False)
    """Kept here by `lab.sim.api.schema`."""


STRING = Type(SCALAR, "string", "string")
FREE = Type(ANY)
_SCALARS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "micro-time",
}
_FREE = frozenset(
    (
        "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
        "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
        "io.k8s.apimachinery.pkg.runtime.RawExtension",
    )
)
"""Definitions called objects whose Go types take any JSON."""
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_KEY_DEFAULTS: dict[str, object] = {"protocol": "TCP"}
"""Defaults of key fields of built-in lists other than zero values; the data in `lab.sim.schemas` has no defaults."""
_KEYS_WITHOUT_DEFAULT = frozenset(("v1.ObjectReference", "v1.AllocatedDeviceStatus"))
"""Items whose keys may be left out of the name: `omitempty` or a pointer in Go, and no default in OpenAPI."""
_custom: WeakKeyDictionary[Resource, dict[int, Type]] = WeakKeyDictionary()


def of(resource: Resource, minor: int) -> Type:
    """The type of a resource's objects in Kubernetes 1.`minor`. Raises KeyError for a kind without a schema."""
    if resource.custom is None:
        return _kind(resource.group, resource.version, resource.kind, minor)
    known = _custom.get(resource)
    if known is None:
        known = _custom[resource] = {}
    found = known.get(minor)
    if found is None:
        found = known[minor] = _custom_root(resource, minor)
    return found


@cache
def _kind(group: str, version: str, kind: str, minor: int) -> Type:
    return _builder(minor).definition(schemas.kinds(minor)[group, version, kind])


def named(name: str, minor: int) -> Type:
    """The type of a definition, e.g. `io.k8s.api.core.v1.PodSpec`. Raises KeyError."""
    return _builder(minor).definition(name)


def metadata(minor: int) -> Type:
    """The type of `metadata`."""
    return _builder(minor).definition(_METADATA)


@cache
def _builder(minor: int) -> _Builder:
    return _Builder(minor)


class _Builder:
    """Makes the types of one minor's definitions, each once."""

    def __init__(self, minor: int) -> None:
        self._definitions = schemas.definitions(minor)
        self._notes = schemas.go_types()
        self._known: dict[str, Type] = {}

    def definition(self, name: str) -> Type:
        """The type of a definition."""
        known = self._known.get(name)
        if known is not None:
            return known
        schema = self._definitions[name]
        go = ".".join(name.split(".")[-2:])
        if name in _SCALARS:
            made = Type(SCALAR, go, _SCALARS[name])
        elif name in _FREE or "type" not in schema:
            made = Type(ANY, go)
        else:
            required = frozenset(schema.get("required", ()))
            made = Type(OBJECT, go, required=required, atomic=schema.get("x-kubernetes-map-type") == "atomic")
        self._known[name] = made
        if made.kind == OBJECT:
            self._fill(made, name, schema)
        return made

    def _fill(self, made: Type, name: str, schema: Schema) -> None:
        notes = self._notes.get(name, {})
        left_out, written = set(), set()
        condition = made.name.endswith("Condition")
        for key, below in schema.get("properties", {}).items():
            note = notes.get(key, "")
            child = self._field(below, note.strip("*=!?"))
            made.fields[key] = child
            pointer = note.startswith("*") or (
                "$ref" in below and key not in made.required and not note.startswith("=")
            )
            shown = note.endswith("!") or (key in made.required and not note.endswith("?"))
            if child.kind == OBJECT and not pointer:
                if key != "status" or "metadata" not in schema["properties"]:
                    written.add(key)
            elif not pointer and shown and (child.scalar in TIMES or (child.kind == SCALAR and condition)):
                written.add(key)  # other zero values that Go writes are of fields nobody may leave out
            elif child.kind in (LIST, MAP, SCALAR) and not pointer and not shown:
                left_out.add(key)
        made.left_out = frozenset(left_out)
        made.written = frozenset(written)

    def _field(self, schema: Schema, go: str) -> Type:
        """A field's type; `go`: its Go type where that follows no rule, else ""."""
        strategy = frozenset(filter(None, schema.get("x-kubernetes-patch-strategy", "").split(",")))
        atomic = schema.get("x-kubernetes-map-type") == "atomic"
        if "$ref" in schema:
            found = self.definition(schema["$ref"])
            if strategy or (atomic and not found.atomic):
                return replace(found, patch_strategy=strategy, atomic=atomic or found.atomic)
            return found
        kind = schema["type"]
        if kind == "array":
            items = self._field(schema["items"], go[2:] if go.startswith("[]") else "")
            merge_key = schema.get("x-kubernetes-patch-merge-key", "")
            listed, keys = _associative(schema, strategy, merge_key)
            return Type(
                LIST,
                go or f"[]{items.name}",
                items=items,
                atomic=listed == "atomic",
                list_type=listed,
                keys=keys,
                key_defaults=_key_defaults(items, keys),
                patch_strategy=strategy,
                merge_key=merge_key,
            )
        if kind == "object":
            values = schema.get("additionalProperties")
            if values is None:
                return Type(ANY, go or "object")
            items = self._field(values, go.partition("]")[2] if go.startswith("map[") else "")
            return Type(MAP, go or f"map[string]{items.name}", items=items, atomic=atomic, patch_strategy=strategy)
        return _scalar(kind, schema.get("format", ""), go)


def _key_defaults(items: Type, keys: tuple[str, ...]) -> dict[str, object]:
    """What stands for a key field that an item leaves out. Source: `default` in Kubernetes' `api/openapi-spec/v3`."""
    if items.name in _KEYS_WITHOUT_DEFAULT:
        return {}
    zero: dict[str, object] = {
        key: 0 if items.fields[key].scalar == "integer" else "" for key in keys if key in items.fields
    }
    return zero | {key: _KEY_DEFAULTS[key] for key in keys if key in _KEY_DEFAULTS}


@cache
def _scalar(kind: str, form: str, go: str) -> Type:
    match kind:
        case "integer":
            return Type(SCALAR, form or "int64", "integer")
        case "number":
            return Type(SCALAR, "float64", "number")
        case "boolean":
            return Type(SCALAR, "bool", "boolean")
    if form == "byte":
        return Type(SCALAR, "[]uint8", "bytes")
    return Type(SCALAR, go, "string") if go else STRING


def _associative(schema: Schema, strategy: frozenset[str], merge_key: str) -> tuple[str, tuple[str, ...]]:
    """List type and keys. A list without a list type is what its patch strategy makes of it."""
    listed = schema.get("x-kubernetes-list-type")
    if listed is not None:
        return listed, tuple(schema.get("x-kubernetes-list-map-keys", ()))
    if "merge" in strategy:
        return ("map", (merge_key,)) if merge_key else ("set", ())
    return "atomic", ()


def _custom_root(resource: Resource, minor: int) -> Type:
    assert resource.custom is not None
    schema = resource.custom.schema if isinstance(resource.custom.schema, dict) else {}
    made = _custom_field({"type": "object", **schema, "x-kubernetes-embedded-resource": True}, minor)
    if made.kind != OBJECT:
        made = _custom_field({"type": "object", "x-kubernetes-embedded-resource": True}, minor)
        made.preserve_unknown = True
    made.name, made.embedded = resource.kind, False
    if resource.custom.preserve_unknown:
        made.preserve_unknown = True
    return made


def _custom_field(schema: Any, minor: int) -> Type:
    """A structural schema's type. Source: apiextensions `pkg/apiserver/schema/structural.go`."""
    if not isinstance(schema, dict):
        return FREE
    known = noted(f"type {minor}", schema)
    if known is None:
        known = _new_custom_field(schema, minor)
        note(f"type {minor}", schema, known)
    return cast(Type, known)


def _new_custom_field(schema: Schema, minor: int) -> Type:
    nullable, default = bool(schema.get("nullable")), "default" in schema
    if schema.get("x-kubernetes-int-or-string"):
        return Type(SCALAR, "int-or-string", "int-or-string", nullable=nullable, default=default)
    keep = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    kind = schema.get("type")
    if kind == "array":
        items = _custom_field(schema.get("items"), minor)
        listed = str(schema.get("x-kubernetes-list-type") or "atomic")
        keys = tuple(map(str, schema.get("x-kubernetes-list-map-keys") or ())) if listed == "map" else ()
        return Type(
            LIST,
            "array",
            items=items,
            atomic=listed == "atomic",
            list_type=listed,
            keys=keys,
            key_defaults=_item_defaults(schema.get("items"), keys),
            nullable=nullable,
            default=default,
        )
    if kind == "object" or (kind is None and schema.get("properties")):
        return _custom_object(schema, minor, keep, nullable, default)
    if kind in ("string", "integer", "number", "boolean"):
        return Type(SCALAR, str(kind), str(kind), nullable=nullable, default=default)
    return Type(ANY, "object", nullable=nullable, default=default)


def _custom_object(schema: Schema, minor: int, keep: bool, nullable: bool, default: bool) -> Type:
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    values = schema.get("additionalProperties")
    properties = schema.get("properties")
    if values and not properties:
        items = _custom_field(values, minor)
        return Type(MAP, "object", items=items, atomic=atomic, nullable=nullable, default=default)
    embedded = bool(schema.get("x-kubernetes-embedded-resource"))
    fields = {key: _custom_field(below, minor) for key, below in (properties or {}).items()}
    if embedded:
        fields |= {"apiVersion": STRING, "kind": STRING, "metadata": metadata(minor)}
    return Type(
        OBJECT,
        "object",
        fields=fields,
        required=frozenset(map(str, schema.get("required") or ())),
        atomic=atomic,
        preserve_unknown=keep,
        embedded=embedded,
        nullable=nullable,
        default=default,
    )


def _item_defaults(items: Any, keys: tuple[str, ...]) -> dict[str, object]:
    properties = items.get("properties", {}) if isinstance(items, dict) else {}
    return {key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})}
