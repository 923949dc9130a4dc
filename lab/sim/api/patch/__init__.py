"""The three patches that carry changes: JSON patch, JSON merge patch and strategic merge patch.

Source: RFC 6902, RFC 7386, apiserver `pkg/endpoints/handlers/patch.go`, apimachinery
`pkg/util/strategicpatch/patch.go`.
"""

from __future__ import annotations

from typing import Any, cast

import jsonpatch
import jsonpointer
import orjson

from lab.sim.api import types
from lab.sim.api.golang import kind_of
from lab.sim.api.patch import strategic
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError, bad_request, invalid, invalid_value, unsupported_media
from lab.sim.objects import thaw

MAX_OPERATIONS = 10_000
"""Operations one JSON patch may hold."""
MAX_COPIED = 3 * 1024 * 1024
"""Bytes, as JSON, that the copies of one JSON patch may make: a few that double what is there would never end."""

_CUSTOM_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
)


def patched(resource: Resource, current: Object, patch: Any, kind: str, minor: int) -> Object:
    """`current` with `patch` put on it; both stay as they are. `kind`: `json`, `merge` or `strategic`.

    Raises ApiError 400 for a malformed patch, 413 for one that is too long, 415 for `strategic` on a custom resource,
    422 for one that does not fit, 500 for a strategic one that contradicts itself: so does a real server.
    """
    if kind == "json":
        return _json_patched(current, patch)
    if kind == "merge":
        if patch is None:
            raise bad_request("Invalid JSON Patch")
        if not isinstance(patch, dict):
            raise bad_request(_unreadable(patch, "map[string]interface {}"))
        return cast(Object, _merged(thaw(current), patch))
    if kind != "strategic":
        raise unsupported_media(f"the body of the request was in an unknown format - no such patch: {kind}")
    if resource.custom is not None:
        accepted = ", ".join(_CUSTOM_TYPES)
        raise unsupported_media(
            f"the body of the request was in an unknown format - accepted media types include: {accepted}"
        )
    if patch is None:
        return thaw(current)
    if not isinstance(patch, dict):
        raise bad_request(_unreadable(patch, "map[string]interface {}").removeprefix("error decoding patch: "))
    return strategic.merged(thaw(current), thaw(patch), types.of(resource, minor))


def _unreadable(found: Any, wanted: str) -> str:
    return f"error decoding patch: json: cannot unmarshal {kind_of(found)} into Go value of type {wanted}"


def _merged(target: Any, patch: dict[str, Any]) -> Any:
    """RFC 7386; `target` is changed in place where it is an object."""
    if not isinstance(target, dict):
        target = {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            target[key] = _merged(target.get(key), value)
        else:
            target[key] = value
    return target


def _json_patched(current: Object, patch: Any) -> Object:
    operations = _operations(patch)
    result: Any = thaw(current)
    copied = 0
    try:
        for operation in operations:
            if operation["op"] == "copy":
                copied += len(orjson.dumps(jsonpointer.resolve_pointer(result, operation["from"])))
                if copied > MAX_COPIED:
                    raise ApiError(
                        422,
                        "Invalid",
                        f"unable to complete the copy, the accumulated size increase of copy is {copied}, "
                        f"exceeding the limit {MAX_COPIED}",
                        {},
                    )
            result = _operated(result, operation)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, ValueError, KeyError):
        raise ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {}) from None
    if not isinstance(result, dict):
        why = (
            f"couldn't get version/kind; json parse error: json: cannot unmarshal {kind_of(result)} into Go value "
            'of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
            'Kind string "json:\\"kind,omitempty\\"" }'
        )
        raise invalid("", "", "", [invalid_value("patch", orjson.dumps(result).decode(), why)])
    return result


def _operations(patch: Any) -> list[dict[str, Any]]:
    """The operations with what may be left out filled in: a missing `value` is null."""
    if not isinstance(patch, list):
        raise bad_request(_unreadable(patch, "[]handlers.jsonPatchOp"))
    if len(patch) > MAX_OPERATIONS:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            f"Request entity too large: The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, "
            f"got {len(patch)}",
        )
    operations = []
    for one in patch:
        if not isinstance(one, dict):
            raise bad_request(_unreadable(one, "handlers.jsonPatchOp"))
        for key in ("op", "path", "from"):
            value = one.get(key)
            if value is not None and not isinstance(value, str):
                raise bad_request(
                    f"error decoding patch: json: cannot unmarshal {kind_of(value)} "
                    f"into Go struct field jsonPatchOp.{key} of type string"
                )
        operations.append({"op": "", "value": None, **one})
    return operations


def _operated(document: Any, operation: dict[str, Any]) -> Any:
    """The document after one operation. As on a real server null is found where nothing is, and a field need not be
    there to be replaced."""
    if operation["op"] == "test" and operation["value"] is None:
        if jsonpointer.resolve_pointer(document, operation["path"], None) is None:
            return document
    elif operation["op"] == "replace" and operation["path"]:
        parent, _ = jsonpointer.JsonPointer(operation["path"]).to_last(document)
        if isinstance(parent, dict):
            operation = {**operation, "op": "add"}
    return jsonpatch.apply_patch(document, [operation], in_place=True)
