"""JSON patches with the rules and messages of the Go library that kustomize uses.

A missing key may be replaced, a negative index counts from the end, `-` is behind the last item.
Source: `gopkg.in/evanphx/json-patch.v4` `patch.go`.
"""

from __future__ import annotations

from typing import Any

import orjson

from lab.sim.objects import Object
from lab.sim.render.errors import NotSupported, RenderError

Operations = list[dict[str, Any]]
MOST_OPERATIONS = 10_000
MOST_COPIED = 4 * 1024 * 1024
"""Bytes of JSON that the `copy` and `move` operations of one patch may handle together."""
_MISSING = "missing value"
_INVALID = "invalid index referenced"


class _Refused(Exception):
    pass


def is_patch(value: Any) -> bool:
    """Whether a value is a list of operations."""
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def patched(document: Object, operations: Operations) -> Any:
    """`document` after all operations; it is used up. Raises RenderError at the first that does not fit."""
    root: Any = document
    if len(operations) > MOST_OPERATIONS:
        raise NotSupported(f"a JSON patch of more than {MOST_OPERATIONS} operations")
    copied = 0
    for operation in operations:
        kind = operation.get("op")
        path = operation.get("path")
        if kind not in ("add", "remove", "replace", "move", "test", "copy"):
            raise RenderError(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        if not isinstance(path, str):
            raise RenderError(f"{kind} operation failed to decode path: {_MISSING}")
        if path == "" and kind in ("replace", "test"):
            root = _whole(root, operation, kind)
        else:
            copied += _apply(root, kind, path, operation)
        if copied > MOST_COPIED:
            raise NotSupported(f"a JSON patch that copies more than {MOST_COPIED} bytes")
    return root


def _whole(root: Any, operation: dict[str, Any], kind: str) -> Any:
    value = operation.get("value")
    if kind == "test":
        if root != value:
            raise RenderError("testing value  failed: test failed")
        return root
    if not isinstance(value, dict | list):
        raise RenderError("replace operation value must be object or array: %!w(<nil>)")
    return _copy(value)


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value)) if isinstance(value, dict | list) else value


def _apply(root: Any, kind: str, path: str, operation: dict[str, Any]) -> int:
    """Carry out one operation; the bytes that it copied."""
    if kind in ("move", "copy"):
        return _take_over(root, kind, path, operation.get("from"))
    holder, key = _holder(root, path)
    value = _copy(operation.get("value"))
    if holder is None:
        shown = {"add": f'doc is missing path: "{path}"', "remove": f'doc is missing path: "{path}"'}
        what = shown.get(kind, f"doc is missing path: {path}" if kind == "replace" else f"is missing path: {path}")
        raise RenderError(f"{kind} operation does not apply: {what}: {_MISSING}")
    if kind == "test":
        _test(holder, key, path, value)
        return 0
    try:
        if kind == "add":
            _add(holder, key, value)
        elif kind == "remove":
            _remove(holder, key)
        else:
            _replace(holder, key, path, value)
    except _Refused as error:
        raise RenderError(f"error in {'remove' if kind == 'replace' else kind} for path: '{path}': {error}") from None
    return 0


def _take_over(root: Any, kind: str, path: str, source: Any) -> int:
    if not isinstance(source, str):
        raise RenderError(f"{kind} operation failed to decode from: {_MISSING}")
    holder, key = _holder(root, source)
    if holder is None:
        raise RenderError(f"{kind} operation does not apply: doc is missing from path: {source}: {_MISSING}")
    try:
        value = _get(holder, key)
        if kind == "move":
            _remove(holder, key)
    except _Refused as error:
        where = f"path: '{key}'" if kind == "move" else f"from: '{source}'"
        raise RenderError(f"error in {kind} for {where}: {error}") from None
    holder, key = _holder(root, path)
    if holder is None:
        raise RenderError(f"{kind} operation does not apply: doc is missing destination path: {path}: {_MISSING}")
    text = orjson.dumps(value)
    try:
        _add(holder, key, orjson.loads(text))
    except _Refused as error:
        why = "error while adding value during copy" if kind == "copy" else f"error in move for path: '{path}'"
        raise RenderError(f"{why}: {error}") from None
    return len(text)


def _holder(root: Any, path: str) -> tuple[Any, str]:
    """What holds the last part of a path, None when something on the way is missing, and that part."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]
    if len(parts) < 2:
        return None, ""
    node = root
    for part in parts[1:-1]:
        try:
            node = _get(node, part)
        except _Refused:
            return None, ""
        if not isinstance(node, dict | list):
            return None, ""
    return node, parts[-1]


def _index(key: str, size: int) -> int:
    try:
        index = int(key)
    except ValueError:
        raise _Refused(f'strconv.Atoi: parsing "{key}": invalid syntax') from None
    if index >= size or index < -size:
        raise _Refused(f"Unable to access invalid index: {index}: {_INVALID}")
    return index + size if index < 0 else index


def _get(holder: Any, key: str) -> Any:
    if isinstance(holder, list):
        return holder[_index(key, len(holder))]
    return holder.get(key)


def _add(holder: Any, key: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    elif key == "-":
        holder.append(value)
    else:
        try:
            index = _index(key, len(holder) + 1)
        except _Refused as error:
            if "Atoi" in str(error):
                raise _Refused(f"value was not a proper array index: '{key}': {error}") from None
            raise
        holder.insert(index, value)


def _remove(holder: Any, key: str) -> None:
    if isinstance(holder, list):
        del holder[_index(key, len(holder))]
    elif key in holder:
        del holder[key]
    else:
        raise _Refused(f"Unable to remove nonexistent key: {key}: {_MISSING}")


def _replace(holder: Any, key: str, path: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[key] = value
        return
    try:
        holder[_index(key, len(holder))] = value
    except _Refused:
        raise RenderError(f"replace operation does not apply: doc is missing key: {path}: {_MISSING}") from None


def _test(holder: Any, key: str, path: str, value: Any) -> None:
    try:
        found = _get(holder, key)
    except _Refused as error:
        raise RenderError(f"error in test for path: '{path}': {error}") from None
    if found != value or (isinstance(found, bool) != isinstance(value, bool)):
        raise RenderError(f"testing value {path} failed: test failed")
