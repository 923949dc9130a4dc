"""What a custom resource's schema does not know is dropped, and nulls where null is no value.

Source: apiextensions `pkg/apiserver/schema/pruning/algorithm.go`, `defaulting/prune.go`, `objectmeta/coerce.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.types import ANY, LIST, MAP, OBJECT, Type, metadata
from lab.sim.api.unmarshal import Unmarshaller

_META = frozenset(("apiVersion", "kind", "metadata"))


def prune(kind: Type, obj: dict[str, Any]) -> list[str]:
    """Drop the unknown fields of a custom object, in place; their paths, sorted. `metadata` is left alone."""
    unknown: list[str] = []
    _prune(kind, obj, "", unknown, root=True)
    unknown.sort()
    return unknown


def _prune(kind: Type, value: Any, path: str, unknown: list[str], root: bool = False) -> None:
    if isinstance(value, dict):
        if kind.kind == OBJECT:
            _object(kind, value, path, unknown, root)
        elif kind.kind == MAP and kind.items is not None:
            for key, below in value.items():
                _prune(kind.items, below, f"{path}.{key}", unknown)
        elif kind.kind != ANY:
            for key in list(value):
                unknown.append(f"{path}.{key}")
                del value[key]
    elif isinstance(value, list) and kind.kind == LIST and kind.items is not None:
        for index, below in enumerate(value):
            _prune(kind.items, below, f"{path}[{index}]", unknown)


def _object(kind: Type, value: dict[str, Any], path: str, unknown: list[str], root: bool) -> None:
    for key, below in list(value.items()):
        if (root or kind.embedded) and key in _META:
            continue
        where = f"{path}.{key}" if path else key
        child = kind.fields.get(key)
        if child is None:
            if not kind.preserve_unknown:
                unknown.append(where)
                del value[key]
        elif below is None and not child.nullable and not child.default:
            del value[key]
        else:
            _prune(child, below, where, unknown)


def embedded(kind: Type, value: Any, minor: int, path: str = "", root: bool = True) -> list[str]:
    """Make `metadata` of embedded resources what its type is, in place; paths of the fields that were dropped.

    Raises Unreadable. The metadata of the object itself is not touched.
    """
    unknown: list[str] = []
    if isinstance(value, dict) and kind.kind in (OBJECT, MAP):
        if kind.embedded and not root and isinstance(value.get("metadata"), dict):
            reader = Unmarshaller()
            value["metadata"] = reader.read(metadata(minor), value["metadata"])
            prefix = f"{path}.metadata."
            unknown += [f"{prefix}{one.partition(chr(34))[2][:-1]}" for one in reader.strict]
        for key, below in value.items():
            child = kind.items if kind.kind == MAP else kind.fields.get(key)
            if child is not None and child.kind not in ("scalar", ANY):
                unknown += embedded(child, below, minor, f"{path}.{key}" if path else key, root=False)
    elif isinstance(value, list) and kind.kind == LIST and kind.items is not None:
        for index, below in enumerate(value):
            unknown += embedded(kind.items, below, minor, f"{path}[{index}]", root=False)
    return unknown
