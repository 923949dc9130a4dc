"""Small questions about Kubernetes objects, and how to make a changed copy of one that is shared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import orjson

Object = dict[str, Any]

CUSTOM_RESOURCE_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
"""Finalizer that holds a definition until its objects are gone."""


def evolve(obj: Object, **changes: Any) -> Object:
    """A copy with other top-level fields; `metadata` may be given as the fields of it that change."""
    metadata = changes.pop("metadata", None)
    made = {**obj, **changes}
    if metadata is not None:
        made["metadata"] = {**obj.get("metadata", {}), **metadata}
    return made


def thaw(obj: Object) -> Object:
    """A copy that may be changed at every depth."""
    return cast(Object, orjson.loads(orjson.dumps(obj)))


def new_uid() -> str:
    """A random UUID of version 4, as `metadata.uid`."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def name_of(obj: Object) -> str:
    """`metadata.name`, or ""."""
    return str(obj.get("metadata", {}).get("name", ""))


def namespace_of(obj: Object) -> str:
    """`metadata.namespace`, or ""."""
    return str(obj.get("metadata", {}).get("namespace", ""))


def controller_of(obj: Object) -> Mapping[str, Any] | None:
    """The owner reference with `controller: true`, or None."""
    for owner in obj.get("metadata", {}).get("ownerReferences", ()):
        if owner.get("controller"):
            return dict(owner)
    return None


def owner_reference(owner: Object, *, controller: bool = True) -> Object:
    """An owner reference to `owner` that blocks its foreground deletion, as controllers write it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": controller,
        "blockOwnerDeletion": True,
    }


def condition(obj: Object, kind: str) -> Mapping[str, Any] | None:
    """The entry of `status.conditions` with this type, or None."""
    for one in obj.get("status", {}).get("conditions", ()) or ():
        if one.get("type") == kind:
            return dict(one)
    return None
