"""Messages that JSON shows as something else than an object: times, quantities, raw JSON and alternatives.

Source: the `MarshalJSON` methods of apimachinery `pkg/apis/meta/v1`, `pkg/api/resource`, `pkg/util/intstr`,
`pkg/runtime` and apiextensions `pkg/apis/apiextensions/v1/marshal.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

Fields = dict[str, Any]
"""A message's fields as they are in JSON; bytes are base64 already, raw JSON is bytes."""

MAX_JSON_DEPTH = 256
"""Deepest nesting of JSON inside a message."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)


def _moment(fields: Fields, microseconds: int) -> datetime | None:
    """None for Go's zero time, which JSON shows as null."""
    if not fields:
        return None
    try:
        moment = _EPOCH + timedelta(seconds=fields.get("seconds", 0), microseconds=microseconds)
    except OverflowError:
        raise ValueError("time is outside of years 1 to 9999") from None
    return None if moment == _ZERO_TIME else moment


def _time(fields: Fields) -> str | None:
    moment = _moment(fields, 0)
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def _micro_time(fields: Fields) -> str | None:
    nanos = fields.get("nanos", 0)
    moment = _moment(fields, abs(nanos) // 1000 * (-1 if nanos < 0 else 1))
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _duration(fields: Fields) -> str:
    """As Go's `time.Duration.String`, e.g. `1h0m0.5s`."""
    nanos = fields.get("duration", 0)
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    if nanos == 0:
        return "0s"
    if nanos < 1_000_000_000:
        unit, size = next((unit, size) for unit, size in _SMALL if nanos >= size)
        return f"{sign}{_decimal(nanos, size)}{unit}"
    minutes, rest = divmod(nanos, 60_000_000_000)
    seconds = f"{_decimal(rest, 1_000_000_000)}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


_SMALL = (("ms", 1_000_000), ("µs", 1_000), ("ns", 1))


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).rjust(len(str(size)) - 1, '0').rstrip('0')}"


def _quantity(fields: Fields) -> str:
    return str(fields.get("string", "")) or "0"


def _int_or_string(fields: Fields) -> int | str:
    kind = fields.get("type", 0)
    if kind == 0:
        return int(fields.get("intVal", 0))
    if kind == 1:
        return str(fields.get("strVal", ""))
    raise ValueError("impossible IntOrString.Type")


def _json(field: str) -> Callable[[Fields], Any]:
    def read(fields: Fields) -> Any:
        raw = fields.get(field)
        if not raw:
            return None
        value = orjson.loads(raw)
        if raw.count(b"{") + raw.count(b"[") > MAX_JSON_DEPTH:
            _check_depth(value)
        return value

    return read


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_JSON_DEPTH:
            raise ValueError("JSON is nested too deeply")
        level = [
            one
            for outer in level
            if isinstance(outer, dict | list)
            for one in (outer.values() if isinstance(outer, dict) else outer)
        ]


def _schema_or_array(fields: Fields) -> Any:
    return fields.get("jSONSchemas") or fields.get("schema")


def _schema_or_bool(fields: Fields) -> Any:
    return fields["schema"] if "schema" in fields else fields.get("allows", False)


def _schema_or_strings(fields: Fields) -> Any:
    return fields.get("property") or fields.get("schema")


SPECIAL: dict[str, Callable[[Fields], Any]] = {
    "resource.Quantity": _quantity,
    "resource.QuantityValue": _quantity,
    "intstr.IntOrString": _int_or_string,
    "runtime.RawExtension": _json("raw"),
    "meta.FieldsV1": _json("Raw"),
    "meta.Time": _time,
    "meta.MicroTime": _micro_time,
    "meta.Duration": _duration,
    "apiextensions.JSON": _json("raw"),
    "apiextensions.JSONSchemaPropsOrArray": _schema_or_array,
    "apiextensions.JSONSchemaPropsOrBool": _schema_or_bool,
    "apiextensions.JSONSchemaPropsOrStringArray": _schema_or_strings,
}
"""For a message's name, what makes its JSON value of its fields; None is null. They raise ValueError."""
