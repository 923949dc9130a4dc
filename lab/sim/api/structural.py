"""Custom resources against the structural schema of their definition: defaults filled in, every broken rule named.

Source of rules and wording: apiextensions `pkg/apiserver/schema/defaulting`, `pkg/apiserver/validation`, kube-openapi
`pkg/validation/validate`; texts as Kubernetes 1.34 gives them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from lab.sim.api.patterns import matcher
from lab.sim.api.resources import Object
from lab.sim.api.status import Cause, duplicate, invalid_value, not_supported, required
from lab.sim.clock import parse_timestamp

_INT_OR_STRING = "x-kubernetes-int-or-string"


def fill_in(value: Any, schema: Object) -> Any:
    """`value` with the schema's defaults, and with nulls dropped where null is no value; changed in place.

    Whole numbers written with a fraction of zero become integers where integers are asked for.
    """
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for name, field in properties.items():
            if "default" in field and (name not in value or (value[name] is None and not field.get("nullable"))):
                value[name] = _copy(field["default"])
            if name in value:
                inner = value[name]
                if inner is None and not field.get("nullable"):
                    del value[name]
                elif isinstance(inner, dict | list | float):
                    value[name] = fill_in(inner, field)
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for name, inner in value.items():
                if name not in properties and isinstance(inner, dict | list | float):
                    value[name] = fill_in(inner, extra)
    elif isinstance(value, list):
        items = schema.get("items")
        if isinstance(items, dict):
            for index, inner in enumerate(value):
                if isinstance(inner, dict | list | float):
                    value[index] = fill_in(inner, items)
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**63 and schema.get("type") == "integer":
        return int(value)
    return value


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


NEW: Any = object()
"""In place of an old value: there is none."""


def broken(value: Any, schema: Object, path: str, old: Any = NEW) -> list[Cause]:
    """Every rule of `schema` that `value` breaks. CEL rules are not looked at (`lab.sim.api.cel_rules`).

    `old`: what `value` replaces; what was wrong and has not changed is let pass (source: "CRD validation ratcheting").
    """
    causes: list[Cause] = []
    _check(value, schema, path, causes, old)
    return causes


def _check(value: Any, schema: Object, path: str, causes: list[Cause], old: Any = NEW) -> None:
    if value is None and schema.get("nullable"):
        return
    if old is not NEW and value == old:
        return
    kind = _kind(value)
    wanted = "integer,string" if schema.get(_INT_OR_STRING) else schema.get("type", "")
    if wanted and kind not in wanted.split(",") and not (wanted == "number" and kind == "integer"):
        causes.append(_type_cause(path, kind, wanted))
        if "enum" in schema and value not in schema["enum"]:
            causes.append(_enum_cause(path, value, schema["enum"]))
        return
    if isinstance(value, dict):
        _check_object(value, schema, path, causes, old if isinstance(old, dict) else {})
    elif isinstance(value, list):
        _check_list(value, schema, path, causes, old)
    elif isinstance(value, str):
        _check_text(value, schema, path, causes)
    elif not isinstance(value, bool) and isinstance(value, int | float):
        _check_number(value, schema, path, causes)
    if "enum" in schema and value not in schema["enum"]:
        causes.append(_enum_cause(path, value, schema["enum"]))
    _check_junctors(value, schema, path, causes)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _type_cause(path: str, kind: str, wanted: str) -> Cause:
    return Cause(
        "FieldValueTypeInvalid", f'Invalid value: "{kind}": {path} in body must be of type {wanted}: "{kind}"', path
    )


def _enum_cause(path: str, value: Any, allowed: Iterable[Any]) -> Cause:
    return not_supported(path, value, [one if isinstance(one, str) else str(one) for one in allowed])


def _said(path: str, value: Any, rule: str) -> Cause:
    return invalid_value(path, value, f"{path} in body {rule}")


def _check_object(value: Object, schema: Object, path: str, causes: list[Cause], old: Object) -> None:
    most, least = schema.get("maxProperties"), schema.get("minProperties")
    if most is not None and len(value) > most:
        causes.append(_too_many(path, len(value), most))
    if least is not None and len(value) < least:
        causes.append(_said(path, len(value), f"should have at least {least} properties"))
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name, inner in value.items():
        field = properties.get(name)
        if field is None:
            field = extra if isinstance(extra, dict) else None
        if field is not None:
            _check(inner, field, _inner(path, name), causes, old.get(name, NEW))
    needed = schema.get("required") or ()
    if schema.get("x-kubernetes-embedded-resource"):
        needed = [*needed, *(name for name in ("apiVersion", "kind") if name not in needed)]
    for name in needed:
        if name not in value:
            causes.append(required(_inner(path, name)))


def _inner(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _too_many(path: str, found: int, most: int) -> Cause:
    noun = "item" if most == 1 else "items"
    return Cause("FieldValueTooMany", f"Too many: {found}: must have at most {most} {noun}", path)


def _check_list(value: list[Any], schema: Object, path: str, causes: list[Cause], old: Any) -> None:
    most, least = schema.get("maxItems"), schema.get("minItems")
    if most is not None and len(value) > most:
        causes.append(_too_many(path, len(value), most))
    if least is not None and len(value) < least:
        causes.append(_said(path, len(value), f"should have at least {least} items"))
    items = schema.get("items")
    names = schema.get("x-kubernetes-list-map-keys") or ()
    if isinstance(items, dict):
        for index, inner in enumerate(value):
            _check(inner, items, f"{path}[{index}]", causes, counterpart(inner, old, names, NEW))
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        _check_unique(value, path, causes, lambda one: one)
    elif kind == "map":
        _check_unique(value, path, causes, lambda one: {key: one[key] for key in names if key in one})


def counterpart(item: Any, old: Any, keys: Iterable[str], nothing: Any = None) -> Any:
    """What `item` of a list with these map keys replaces in the `old` list; `nothing` where that cannot be told."""
    if not keys or not isinstance(old, list) or not isinstance(item, dict):
        return nothing
    wanted = [item.get(key) for key in keys]
    same = (one for one in old if isinstance(one, dict) and [one.get(key) for key in keys] == wanted)
    return next(same, nothing)


def _check_unique(value: list[Any], path: str, causes: list[Cause], key_of: Callable[[Any], Any]) -> None:
    seen: set[str] = set()
    for index, one in enumerate(value):
        if isinstance(one, dict) or not isinstance(one, list):
            key = key_of(one) if isinstance(one, dict) else one
            text = repr(key)
            if text in seen:
                causes.append(duplicate(f"{path}[{index}]", key))
            seen.add(text)


def _check_text(value: str, schema: Object, path: str, causes: list[Cause]) -> None:
    most, least, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
    if most is not None and len(value) > most:
        noun = "byte" if most == 1 else "bytes"
        causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {most} {noun}", path))
    elif least is not None and len(value) < least:
        causes.append(_said(path, value, f"should be at least {least} chars long"))
    elif pattern and (matches := matcher(pattern)) is not None and not matches(value):
        causes.append(_said(path, value, f"should match '{pattern}'"))
    check = _FORMATS.get(schema.get("format", ""))
    if check is not None and not check(value):
        causes.append(
            Cause(
                "FieldValueTypeInvalid",
                f'{invalid_value(path, value, "").message}{path} in body must be of type {schema["format"]}: "{value}"',
                path,
            )
        )


def _check_number(value: float, schema: Object, path: str, causes: list[Cause]) -> None:
    step = schema.get("multipleOf")
    if step and abs(value / step - round(value / step)) > 1e-9:
        causes.append(_said(path, value, f"should be a multiple of {step}"))
    most, least = schema.get("maximum"), schema.get("minimum")
    if most is not None:
        if schema.get("exclusiveMaximum"):
            if value >= most:
                causes.append(_said(path, value, f"should be less than {most}"))
        elif value > most:
            causes.append(_said(path, value, f"should be less than or equal to {most}"))
    if least is not None:
        if schema.get("exclusiveMinimum"):
            if value <= least:
                causes.append(_said(path, value, f"should be greater than {least}"))
        elif value < least:
            causes.append(_said(path, value, f"should be greater than or equal to {least}"))


def _check_junctors(value: Any, schema: Object, path: str, causes: list[Cause]) -> None:
    all_of = [broken(value, one, path) for one in schema.get("allOf") or ()]
    if any(all_of):
        for inner in all_of:
            causes += inner
        none = ". None validated" if all(all_of) else ""
        causes.append(_junctor(path, f"must validate all the schemas (allOf){none}"))
    any_of = schema.get("anyOf")
    if any_of and not schema.get(_INT_OR_STRING):
        tried = [broken(value, one, path) for one in any_of]
        if all(tried):
            causes.append(_junctor(path, "must validate at least one schema (anyOf)"))
            causes += sorted(tried, key=len)[0]
    one_of = schema.get("oneOf")
    if one_of:
        tried = [broken(value, one, path) for one in one_of]
        passed = sum(1 for inner in tried if not inner)
        if passed == 0:
            causes.append(_junctor(path, "must validate one and only one schema (oneOf). Found none valid"))
            causes += sorted(tried, key=len)[0]
        elif passed > 1:
            text = f"must validate one and only one schema (oneOf). Found {passed} valid alternatives"
            causes.append(_junctor(path, text))
    if "not" in schema and not broken(value, schema["not"], path):
        causes.append(_junctor(path, "must not validate the schema (not)"))


def _junctor(path: str, text: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "": "{path}" {text}', "<nil>")


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


def _absolute(text: str) -> None:
    if not urlsplit(text).scheme:
        raise ValueError(text)


def _is_unit(found: tuple[str, str]) -> bool:
    """Whether `3 days` is a time. Source: kube-openapi `pkg/validation/strfmt/duration.go`."""
    unit = found[1].lower()
    return unit in _UNITS or unit == "wk" or unit.startswith(_LONG_UNITS)


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
_SPOKEN = re.compile(r"(\d+)\s*([A-Za-zµ]+)")
_UNITS = ("ns", "nano", "us", "µs", "micro", "ms", "milli", "s", "sec", "m", "min", "h", "hr", "hour", "d", "day", "w")
_LONG_UNITS = ("nano", "micro", "milli", "sec", "min", "hour", "day", "week")
_DURATION = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*|0")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_HOST = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_FORMATS: dict[str, Callable[[str], bool]] = {
    "date": lambda text: _DATE.fullmatch(text) is not None and _parses(parse_timestamp)(text),
    "date-time": lambda text: _DATE_TIME.fullmatch(text) is not None and _parses(parse_timestamp)(text),
    "duration": lambda text: _DURATION.fullmatch(text) is not None or any(map(_is_unit, _SPOKEN.findall(text))),
    "email": lambda text: _MAIL.fullmatch(text) is not None,
    "hostname": lambda text: len(text) <= 255 and _HOST.fullmatch(text) is not None,
    "ipv4": lambda text: ":" not in text and _parses(ip_address)(text),
    "ipv6": lambda text: ":" in text and _parses(ip_address)(text),
    "cidr": lambda text: "/" in text and _parses(lambda one: ip_network(one, strict=False))(text),
    "uri": _parses(_absolute),
    "uuid": _parses(UUID),
    "byte": lambda text: _BASE64.fullmatch(text) is not None,
}
"""Formats that are checked (apiextensions `pkg/apiserver/validation/formats.go`); others are accepted as there."""
