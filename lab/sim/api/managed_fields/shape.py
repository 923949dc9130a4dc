"""A kind's `Type` made ready for walking: what server-side apply needs to know of a node, each looked up once.

Go writes a struct that is not behind a pointer even when it is empty, and some lists as null. So such a field of an
existing object is never added or removed, only its contents are. Names of Go structs have a dot, custom types have not.
Source: structured-merge-diff `value/structreflect.go`, kube-openapi `pkg/schemaconv`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lab.sim.api.managed_fields.fieldset import encoded
from lab.sim.api.types import ANY, LIST, MAP, OBJECT, SCALAR, Type

_RAW = "runtime.RawExtension"


class BadItem(ValueError):
    """An item of a list that cannot be told from others."""


def _always(type_: Type) -> tuple[str, ...]:
    if type_.kind != OBJECT or "." not in type_.name:
        return ()
    always = set(type_.written)
    if "metadata" in type_.fields and "status" in type_.fields and type_.fields["status"].kind == OBJECT:
        always.add("status")
    shown = [name for name, below in type_.fields.items() if below.kind in (LIST, MAP) and name not in type_.left_out]
    return tuple(sorted({*always, *shown}))


class _Fields(dict[str, "Shape | None"]):
    """Shapes of an object's fields, made on first use; None for a field the type does not have."""

    __slots__ = ("_shape",)

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._shape = shape

    def __missing__(self, name: str) -> Shape | None:
        made = self._shape.make(name)
        if len(self) < 4096:
            self[name] = made
        return made


class Shape:
    """One node. Belongs to one root; made of its Type when the walk first comes by."""

    __slots__ = (
        "_known",
        "always",
        "fields",
        "items",
        "key",
        "key_defaults",
        "keys",
        "kind",
        "leaf",
        "name",
        "scalar",
        "type",
    )

    def __init__(self, type_: Type, known: dict[int, Shape]) -> None:
        known[id(type_)] = self
        self.type = type_
        self._known = known
        self.kind = type_.kind
        self.name = type_.name
        self.scalar = type_.scalar
        self.keys = tuple(sorted(type_.keys))
        self.key = self.keys[0] if len(self.keys) == 1 else ""
        self.key_defaults = type_.key_defaults
        self.leaf = (
            type_.kind == SCALAR
            or type_.atomic
            or (type_.kind == LIST and type_.list_type == "atomic")
            or type_.name == _RAW
        )
        """Owned as a whole."""
        self.always = _always(type_)
        """Fields that are always there."""
        self.fields = _Fields(self)
        self.items: Shape | None = None
        if type_.kind == LIST and not self.leaf and type_.items is not None:
            self.items = self._of(type_.items)

    def _of(self, type_: Type) -> Shape:
        return self._known.get(id(type_)) or Shape(type_, self._known)

    def make(self, name: str) -> Shape | None:
        """The shape of a field, or of a map's values."""
        type_ = self.type
        if type_.kind == MAP:
            return self._of(type_.items) if type_.items is not None else ANY_SHAPE
        below = type_.fields.get(name)
        if below is not None:
            return self._of(below)
        free = type_.kind == ANY or type_.preserve_unknown or (type_.kind == OBJECT and not type_.fields)
        return ANY_SHAPE if free else None

    def declares(self, name: str) -> bool:
        """Whether `name` is a field of the type, not merely a key of a map."""
        return name in self.type.fields

    def element(self, item: Any) -> str:
        """How an item of this granular list is named in a set. Raises BadItem."""
        if not self.keys:
            if isinstance(item, str):
                return f'v:"{item}"' if item.isalnum() else "v:" + encoded(item)
            if isinstance(item, dict):
                raise BadItem("associative list without keys has an element that's a map type")
            if isinstance(item, list):
                raise BadItem("not supported: associative list with lists as elements")
            if item is None:
                raise BadItem("associative list without keys has an element that's an explicit null")
            return "v:" + encoded(item)
        if self.key and type(item) is dict:
            value = item.get(self.key)
            if type(value) is str:
                return _named(self.key, value)
        if item is None:
            raise BadItem("associative list with keys may not have a null element")
        if not isinstance(item, dict):
            raise BadItem("associative list with keys may not have non-map elements")
        named = {}
        for key in self.keys:
            if key in item:
                named[key] = item[key]
            elif key in self.key_defaults:
                named[key] = self.key_defaults[key]
        if not named:
            keys = " ".join(encoded(key) for key in self.type.keys)
            raise BadItem(
                f"associative list with keys has an element that omits all key fields [{keys}] "
                "(and doesn't have default values for any key fields)"
            )
        return _keyed(tuple(named), tuple(named.values())) if _hashable(named) else "k:" + encoded(named)


def _hashable(named: dict[str, Any]) -> bool:
    return not any(isinstance(value, dict | list) for value in named.values())


@lru_cache(maxsize=8192)
def _named(key: str, value: str) -> str:
    return "k:" + encoded({key: value})


@lru_cache(maxsize=8192, typed=True)
def _keyed(names: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return "k:" + encoded(dict(zip(names, values, strict=True)))


ANY_SHAPE = Shape(Type(ANY), {})
"""Free form: maps are granular, lists are owned as a whole."""


@lru_cache(maxsize=512)
def of(type_: Type) -> Shape:
    """The shape of a kind."""
    return Shape(type_, {})
