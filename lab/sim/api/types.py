"""A kind's shape: which fields it has, of which type, and how its lists merge.

One tree of `Type` serves decoding, strategic merge, server-side apply and OpenAPI. Built-in kinds come from
`lab.sim.schemas`, custom ones from their definition. Trees are built on first use and shared.
Source of the merge rules: `x-kubernetes-*` extensions, Kubernetes "Server-Side Apply", section "Merge strategy".
"""

from __future__ import annotations

from dataclasses import dataclass, field

OBJECT, MAP, LIST, SCALAR, ANY = "object", "map", "list", "scalar", "any"


@dataclass(slots=True, eq=False)
class Type:
    """One node. Compared by identity; may refer to itself (JSONSchemaProps)."""

    kind: str
    """`object` (known fields), `map` (free keys), `list`, `scalar` or `any` (free form)."""
    name: str = ""
    """Go-style name for messages, e.g. `v1.PodSpec`, `string`, `int32`."""
    scalar: str = ""
    """Of a scalar: `string`, `integer`, `number`, `boolean`, `int-or-string`, `quantity`, `time`, `micro-time`, `bytes`."""
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
