"""What server-side apply refuses in an applied configuration before it merges anything.

Source: structured-merge-diff `typed/validate.go`, `typed/helpers.go`; apimachinery
`pkg/util/managedfields/internal/structuredmerge.go`.
"""

from __future__ import annotations

from typing import Any

import orjson

from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError
from lab.sim.api.types import ANY, LIST, MAP, OBJECT, Type, of
from lab.sim.api.unmarshal import Restorer, Unreadable
from lab.sim.objects import thaw


def check(resource: Resource, obj: Object, minor: int) -> None:
    """Raises ApiError 500, as real servers do, for values of wrong types, unknown fields and ambiguous lists."""
    kind = of(resource, minor)
    wrong = errors(kind, obj)
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    named = f"{resource.group}/{resource.version}, Kind={resource.kind}"
    subject = f"({metadata.get('namespace', '')}/{metadata.get('name', '')}; {named})"
    if wrong:
        text = wrong[0] if len(wrong) == 1 else "\n  ".join(["errors:", *wrong])
        raise ApiError(500, "", f"failed to create typed patch object {subject}: {text}")
    if resource.custom is None:
        try:
            Restorer().read(kind, thaw(obj))
        except Unreadable as error:
            why = f"unable to convert unstructured object to {named}: {error}"
            raise ApiError(500, "", f"failed to convert new object {subject} to proper version: {why}") from None


def errors(kind: Type, value: Any, path: str = "") -> list[str]:
    """Everything wrong with a value, each with its path."""
    found: list[str] = []
    _check(kind, value, path, found)
    return found


def _check(kind: Type, value: Any, path: str, found: list[str]) -> None:
    if value is None or kind.kind == ANY:
        return
    if kind.kind == LIST:
        if isinstance(value, list):
            _list(kind, value, path, found)
        else:
            found.append(f"{path}: expected list, got {_pointer(value)}")
    elif kind.kind in (OBJECT, MAP):
        if isinstance(value, dict):
            _map(kind, value, path, found)
        else:
            found.append(f"{path}: expected map, got {_pointer(value)}")
    else:
        _scalar(kind, value, path, found)


def _map(kind: Type, value: dict[str, Any], path: str, found: list[str]) -> None:
    for key, one in value.items():
        child = kind.items if kind.kind == MAP else kind.fields.get(key)
        if child is not None:
            _check(child, one, f"{path}.{key}", found)
        elif not kind.preserve_unknown:
            found.append(f"{path}.{key}: field not declared in schema")
            return


def _list(kind: Type, value: list[Any], path: str, found: list[str]) -> None:
    assert kind.items is not None
    seen: set[str] = set()
    for index, one in enumerate(value):
        name = f"[{index}]"
        if kind.list_type != "atomic":
            problem = _no_set_item(one) if kind.list_type == "set" else _no_map_item(kind, one)
            if problem:
                found.append(f"{path}: element {index}: {problem}")
                return
            name = item_name(kind, one)
            if name in seen:
                found.append(f"{path}: duplicate entries for key {name}")
            seen.add(name)
        _check(kind.items, one, f"{path}{name}", found)


def _no_set_item(value: Any) -> str:
    if isinstance(value, dict):
        return "associative list without keys has an element that's a map type"
    if isinstance(value, list):
        return "not supported: associative list with lists as elements"
    return "associative list without keys has an element that's an explicit null" if value is None else ""


def _no_map_item(kind: Type, value: Any) -> str:
    if value is None:
        return "associative list with keys may not have a null element"
    if not isinstance(value, dict):
        return "associative list with keys may not have non-map elements"
    if any(key in value or key in kind.key_defaults for key in kind.keys):
        return ""
    keys = " ".join(f'"{key}"' for key in kind.keys)
    return (
        f"associative list with keys has an element that omits all key fields [{keys}] "
        "(and doesn't have default values for any key fields)"
    )


def item_name(kind: Type, value: Any) -> str:
    """How messages name a list's item: `[name="web"]` of a `map` list, `[="web"]` of a `set`."""
    if kind.list_type == "set":
        return f"[={_json(value)}]"
    named = {key: value.get(key, kind.key_defaults.get(key)) for key in kind.keys}
    shown = (f"{key}={_json(named[key])}" for key in sorted(named) if key in value or key in kind.key_defaults)
    return f"[{','.join(shown)}]"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _scalar(kind: Type, value: Any, path: str, found: list[str]) -> None:
    match kind.scalar:
        case "integer" | "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                found.append(f"{path}: expected numeric (int or float), got {_go_type(value)}")
        case "string" | "bytes":
            if not isinstance(value, str):
                found.append(f"{path}: expected string, got &value.valueUnstructured{{Value:{_go_syntax(value)}}}")
        case "boolean":
            if not isinstance(value, bool):
                found.append(f"{path}: expected boolean, got {_pointer(value)}")
        case "quantity" | "time" | "micro-time":
            if isinstance(value, dict | list):
                found.append(f"{path}: expected any scalar, got {_pointer(value)}")


def _pointer(value: Any) -> str:
    return f"&{{{go_map(value)}}}"


def go_map(value: Any) -> str:
    """A value as Go's `%v` prints it, e.g. `map[a:1 b:[x y]]`."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{go_map(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_map, value))}]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _go_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case dict():
            return "map[string]interface {}"
        case list():
            return "[]interface {}"
    return "string"


def _go_syntax(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{_json(key)}:{_go_syntax(value[key])}" for key in sorted(value))
        return f"map[string]interface {{}}{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_go_syntax, value))}}}"
    return _json(value)
