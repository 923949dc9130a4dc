"""Objects as a real server prints them in a refusal: as Go writes its internal types to JSON.

Some messages hold a whole value (`spec.template: Invalid value: {"Spec":{"Volumes":null,…`) or a diff of two. There the
server prints its internal types, whose fields have other names, another order and no omissions. The shapes of these
types, as of Kubernetes 1.34, are in `internal_types.txt`: a line a type, `NAME FIELD[=json]:TYPE …`, with the types
`s` string, `b` boolean, `i` integer, `q` quantity, `I` int-or-string, `L` label selector, `M` object metadata, `a`
anything, `*T` pointer, `[T` list, `{T` map and `<T` for a struct whose fields stand in place.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources
from typing import Any

import orjson

from lab.sim.api.validation.causes import shown_selector

Fields = tuple[tuple[str, str, str], ...]
_ZERO: dict[str, Any] = {"s": "", "b": False, "i": 0, "q": "0", "I": 0, "L": {}, "M": {}, "a": None}
_POD_WIDE = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
"""Fields of a pod's spec that the internal type has in its security context."""
_META = (
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)


@cache
def _types() -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    text = resources.files("lab.sim.api.validation").joinpath("internal_types.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        name, *fields = line.split()
        found[name] = tuple(_field(one) for one in fields)
    return found


def _field(text: str) -> tuple[str, str, str]:
    if text.startswith("<"):
        return "", "", text[1:]
    names, _, kind = text.partition(":")
    name, _, json = names.partition("=")
    return name, json or name[0].lower() + name[1:], kind


def internal(kind: str, value: Any) -> Any:
    """`value`, an object of the API, as the internal type `kind` (e.g. `core.PodSpec`) holds it."""
    lead, rest = kind[0], kind[1:]
    if lead == "*":
        return None if value is None else internal(rest, value)
    if lead == "[":
        return [internal(rest, one) for one in value] if value else None
    if lead == "{":
        return {key: internal(rest, value[key]) for key in sorted(value)} if value else None
    if kind == "M":
        return {name: value[name] for name in _META if (value or {}).get(name)}
    if kind == "L":
        return shown_selector(value or {})
    fields = _types().get(kind)
    if fields is None:
        return _ZERO[kind] if value is None else value
    return _struct(kind, fields, value or {})


def _struct(kind: str, fields: Fields, value: dict[str, Any]) -> dict[str, Any]:
    if kind == "core.PodSpec":
        wide = {name: value[name] for name in _POD_WIDE if name in value}
        value = {**value, "securityContext": {**(value.get("securityContext") or {}), **wide}}
    made: dict[str, Any] = {}
    for name, json, inner in fields:
        if name:
            made[name] = internal(inner, value.get(json))
        else:
            made.update(internal(inner, value.get("metadata") if inner == "M" else value))
    return made


def _escaped(text: str) -> str:
    """Go's JSON hides what HTML could read."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def written(kind: str, value: Any) -> str:
    """`value` as a message shows it."""
    return _escaped(orjson.dumps(internal(kind, value)).decode())


def _lines(kind: str, value: Any) -> list[str]:
    text = _escaped(orjson.dumps(internal(kind, value), option=orjson.OPT_INDENT_2).decode())
    lines = []
    for line in text.split("\n"):
        inner = line.lstrip(" ")
        lines.append(" " * ((len(line) - len(inner)) // 2) + inner + "\n")
    return lines


def difference(kind: str, old: Any, new: Any) -> str:
    """What differs, as the server prints it: a unified diff with three lines around each change."""
    lines = list(difflib.unified_diff(_lines(kind, old), _lines(kind, new), n=3))
    return "".join(line for line in lines if line not in ("--- \n", "+++ \n"))
