"""Decoding against a kind's schema: wrong types are refused, unknown fields reported and dropped.

An object that is as it should be is only looked at, by functions made once for a type; anything else takes the slow way
through `lab.sim.api.unmarshal`, which knows paths and messages. Source of texts: apimachinery
`pkg/runtime/serializer/json`, apiserver `pkg/endpoints/handlers/{rest,patch}.go`, apiextensions `pkg/apiserver/schema`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from lab.sim import quantity
from lab.sim.api import gotime, pruning, typed, types
from lab.sim.api.context import IGNORE, STRICT, Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError, bad_request, invalid, invalid_value
from lab.sim.api.types import MAP, Type
from lab.sim.api.unmarshal import RANGES, Restorer, Unmarshaller, Unreadable, empty, standard

Check = Callable[[Any], bool]


def decode(resource: Resource, obj: Object, context: Context, minor: int, form: str = "", patch: Any = None) -> None:
    """Make `obj` (the caller's own copy) hold only what its kind has, in the form a server of 1.`minor` writes it.

    Of a built-in kind, nulls go, quantities and times are written as servers do, empty values are left out where they
    would be, and empty objects put in. `form` says where `obj` comes from: "" a body, `json`, `merge` or `strategic` a
    patched object, `apply` a configuration to apply, which is only checked. `patch` is the patch of a `strategic` one.

    Raises ApiError 400 for wrong types and, with `Strict`, for unknown and duplicate fields, 422 for those of a patch,
    500 for those of an apply, as real servers do. With `Warn` unknown and duplicate fields go to `context.warnings`.
    Value types of a custom resource are not checked here, except those of its metadata.
    """
    if form == "apply":
        typed.check(resource, obj, minor)
        return
    kind = types.of(resource, minor)
    if resource.custom is None:
        if not context.duplicates and (kind.check or checker(kind))(obj):
            return
    elif not context.duplicates and _plain(kind, obj, minor):
        return
    before = orjson.dumps(obj).decode() if form in ("json", "merge") else ""

    def refusal(why: str) -> ApiError:
        if not form:
            version = resource.version
            return bad_request(f'{resource.kind} in version "{version}" cannot be handled as a {resource.kind}: {why}')
        return invalid("", "", "", [invalid_value("patch", before or typed.go_map(patch), why)])

    try:
        if resource.custom is None:
            reader = (Restorer if form == "strategic" else Unmarshaller)(context.duplicates)
            reader.read(kind, obj)
            found = reader.strict
        else:
            found = _custom(kind, obj, minor, context)
    except Unreadable as error:
        raise refusal(str(error)) from None
    if not found or context.validation == IGNORE:
        return
    if context.validation == STRICT:
        raise refusal(f"strict decoding error: {', '.join(found)}")
    context.warnings += found


def _plain(kind: Type, obj: Object, minor: int) -> bool:
    """Whether a custom object has only known fields; what is unknown is dropped later, with its paths."""
    metadata = types.metadata(minor)
    return (metadata.check or checker(metadata))(obj.get("metadata")) and (kind.check or _knower(kind, root=True))(obj)


def _custom(kind: Type, obj: Object, minor: int, context: Context) -> list[str]:
    found = [f'duplicate field "{one}"' for one in context.duplicates]
    reader = Unmarshaller()
    if obj.get("metadata") is not None:
        obj["metadata"] = reader.read(types.metadata(minor), obj["metadata"])
    quote = '"'
    unknown = [f"metadata.{one.partition(quote)[2][:-1]}" for one in reader.strict]
    unknown += pruning.prune(kind, obj)
    unknown += pruning.embedded(kind, obj, minor)
    return found + [f'unknown field "{one}"' for one in unknown]


def checker(kind: Type) -> Check:
    """A function that says whether a value is in the form a server writes; it may put in and leave out empty values."""
    if kind.check is None:
        match kind.kind:
            case "object":
                _object(kind)
            case "map":
                kind.check = _map(kind)
            case "list":
                kind.check = _list(kind)
            case "any":
                kind.check = _anything
            case _:
                kind.check = _SCALARS.get(kind.scalar) or _integer(*RANGES[kind.name])
    assert kind.check is not None
    return kind.check


def _object(kind: Type) -> None:
    checks: dict[str, Check] = {}
    left_out = kind.left_out
    null = frozenset(key for key in kind.written if kind.fields[key].scalar in types.TIMES)
    written: list[tuple[str, Type]] = []

    def check(obj: Any) -> bool:
        if obj.__class__ is not dict:
            return False
        drop = None
        for key, value in obj.items():
            one = checks.get(key)
            if one is None:
                return False
            if value:
                if not one(value):
                    return False
            elif value is None and key in null:
                continue
            elif value is None:
                drop = [*drop, key] if drop else [key]
            elif not one(value):
                return False
            elif key in left_out:
                drop = [*drop, key] if drop else [key]
        if drop:
            for key in drop:
                del obj[key]
        for key, child in written:
            if key not in obj:
                obj[key] = empty(child)
        return True

    kind.check = check
    for key, child in kind.fields.items():
        checks[key] = checker(child)
    written += [(key, kind.fields[key]) for key in sorted(kind.written)]


def _map(kind: Type) -> Check:
    assert kind.items is not None
    if kind.items.scalar == "string":
        return _strings
    one = checker(kind.items)

    def check(value: Any) -> bool:
        return value.__class__ is dict and all(map(one, value.values()))

    return check


def _list(kind: Type) -> Check:
    assert kind.items is not None
    one = checker(kind.items)

    def check(value: Any) -> bool:
        return value.__class__ is list and all(map(one, value))

    return check


def _integer(low: int, high: int) -> Check:
    return lambda value: value.__class__ is int and low <= value <= high


def _strings(value: Any) -> bool:
    if value.__class__ is not dict:
        return False
    for one in value.values():  # noqa: SIM110  # a generator takes twice as long
        if one.__class__ is not str:
            return False
    return True


def _quantity(value: Any) -> bool:
    if value.__class__ is not str:
        return False
    try:
        return quantity.canonical(value) == value
    except quantity.NotAQuantity:
        return False


def _time(micro: bool) -> Check:
    def check(value: Any) -> bool:
        try:
            return value.__class__ is str and gotime.canonical(value, micro) == value
        except gotime.NotATime:
            return False

    return check


def _anything(_: Any) -> bool:
    return True


_INT32 = _integer(*RANGES["int32"])
_SCALARS: dict[str, Check] = {
    "string": lambda value: value.__class__ is str,
    "boolean": lambda value: value.__class__ is bool,
    "number": lambda value: value.__class__ is int or value.__class__ is float,
    "int-or-string": lambda value: value.__class__ is str or _INT32(value),
    "quantity": _quantity,
    "time": _time(False),
    "micro-time": _time(True),
    "bytes": lambda value: value.__class__ is str and standard(value),
}


def _knower(kind: Type, root: bool = False) -> Check:
    """A function that says whether a custom object's value has only known fields and no nulls to drop."""
    if kind.check is None:
        match kind.kind:
            case "object":
                _known_object(kind, root)
            case "map" | "list":
                _known_items(kind)
            case "any":
                kind.check = _anything
            case _:
                kind.check = lambda value: value.__class__ is not dict and value.__class__ is not list
    assert kind.check is not None
    return kind.check


def _known_object(kind: Type, root: bool) -> None:
    checks: dict[str, Check | None] = {}
    keep = kind.preserve_unknown

    def check(obj: Any) -> bool:
        if obj.__class__ is not dict:
            return obj.__class__ is not list
        for key, value in obj.items():
            one = checks.get(key, _missing)
            if one is _missing:
                if not keep:
                    return False
            elif one is not None and (value is None or not one(value)):
                return False
        return True

    kind.check = check
    for key, child in kind.fields.items():
        if root and key in ("apiVersion", "kind", "metadata"):
            checks[key] = None
        elif key == "metadata" and kind.embedded:
            checks[key] = checker(child)
        else:
            checks[key] = _knower(child)


def _missing(_: Any) -> bool:
    return False


def _known_items(kind: Type) -> None:
    assert kind.items is not None
    one = _knower(kind.items)
    is_map = kind.kind == MAP

    def check(value: Any) -> bool:
        if value.__class__ is dict:
            return is_map and all(map(one, value.values()))
        return value.__class__ is not list or (not is_map and all(map(one, value)))

    kind.check = check
