"""The kinds a comparison knows the types of: those Argo CD has compiled in.

Source: client-go `kubernetes/scheme`. Definitions and API services are not in it, and so compared as custom resources.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lab.sim.api import types
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Resource
from lab.sim.api.types import LIST, MAP, OBJECT, SCALAR, Type

MINOR = 36
"""Minor of the Kubernetes whose types are used: the newest there is; Argo CD's own are no older than any cluster's."""
_FOREIGN = frozenset(("apiextensions.k8s.io", "apiregistration.k8s.io"))
_SERVED = {(one.api_version, one.kind): one for one in BUILT_IN if one.stored}
_ROWS = {key: one for key, one in _SERVED.items() if one.group not in _FOREIGN}


def row_of(api_version: str, kind: str) -> Resource | None:
    """The row of a compiled-in kind, or None."""
    return _ROWS.get((api_version, kind))


@lru_cache(maxsize=256)
def type_of(api_version: str, kind: str) -> Type | None:
    """The type of a compiled-in kind, or None."""
    return _type(row_of(api_version, kind))


@lru_cache(maxsize=256)
def served_type_of(api_version: str, kind: str) -> Type | None:
    """The type of a kind as a cluster's OpenAPI tells it, definitions and API services included, or None."""
    return _type(_SERVED.get((api_version, kind)))


def _type(row: Resource | None) -> Type | None:
    if row is None:
        return None
    try:
        return types.of(row, MINOR)
    except KeyError:
        return None


# -- values nobody set

_ZEROS: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "int-or-string": 0,
    "quantity": "0",
}


def zero(kind: Type) -> Any:
    """What Go writes for a value nobody set."""
    if kind.kind != OBJECT:
        return _ZEROS.get(kind.scalar) if kind.kind == SCALAR else None
    return {key: zero_of(kind, key, below) for key, below in kind.fields.items() if is_always_there(kind, key, below)}


def zero_of(kind: Type, key: str, below: Type) -> Any:
    """What Go writes for a field nobody set: an object that is not always written is a pointer."""
    return None if below.kind == OBJECT and key not in kind.written else zero(below)


def is_always_there(kind: Type, key: str, below: Type) -> bool:
    """Whether Go writes a field that nobody set."""
    if below.kind in (LIST, MAP):
        return key not in kind.left_out
    return key in kind.required or (key in kind.written and below.kind == OBJECT)


def completed(value: Any, kind: Type | None) -> Any:
    """A value with all that Go writes of its type, as it does when it read it into that and writes it back."""
    if kind is None:
        return value
    if isinstance(value, dict) and kind.kind == OBJECT:
        made = {key: completed(one, kind.fields.get(key)) for key, one in value.items()}
        for key, below in kind.fields.items():
            if key not in made and key in kind.required and is_always_there(kind, key, below):
                made[key] = zero_of(kind, key, below)
        return made
    if isinstance(value, dict):
        return {key: completed(one, kind.items) for key, one in value.items()}
    if isinstance(value, list):
        return [completed(one, kind.items) for one in value]
    return value
