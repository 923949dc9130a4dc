"""jq's functions of values, by name and number of arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from lab.sim.api.patterns import matcher
from lab.sim.argocd.comparison.jq.nodes import add
from lab.sim.argocd.comparison.jq.paths import each
from lab.sim.argocd.comparison.jq.values import JqError, order, shown, truth, type_of


def wrong(name: str, value: Any) -> JqError:
    return JqError(f"{name} cannot be applied to: {shown(value)}")


def _length(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, bool):
        raise wrong("length", value)
    return abs(value) if isinstance(value, int | float) else len(value)


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted(value)
    if isinstance(value, list):
        return list(range(len(value)))
    raise wrong("keys", value)


def _has(value: Any, key: Any) -> bool:
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and isinstance(key, int | float):
        return 0 <= key < len(value)
    raise JqError(f"has({shown(key)}) cannot be applied to: {shown(value)}")


def _contains(value: Any, other: Any) -> bool:
    if isinstance(value, dict) and isinstance(other, dict):
        return all(key in value and _contains(value[key], one) for key, one in other.items())
    if isinstance(value, list) and isinstance(other, list):
        return all(any(type_of(have) == type_of(one) and _contains(have, one) for have in value) for one in other)
    if isinstance(value, str) and isinstance(other, str):
        return other in value
    if type_of(value) == type_of(other):
        return order(value) == order(other)
    raise JqError(f"contains({shown(other)}) cannot be applied to: {shown(value)}")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(name, value)
    return value


def _test(value: Any, pattern: Any, flags: Any = None) -> bool:
    text, wanted = _text("test", value), _text("test", pattern)
    for flag in flags or "":
        if flag not in "gixsn":
            raise JqError(f"unsupported regular expression flag: {flags}")
        if flag in "is":
            wanted = f"(?{flag}){wanted}"
        elif flag in "xn":
            raise JqError(f"the regular expression flag {flag} is not supported by the simulator's jq")
    found = matcher(wanted)
    if found is None:
        raise JqError(f"invalid regular expression {pattern!r}")
    return found(text)


def _starts(value: Any, text: Any) -> bool:
    return _text("startswith", value).startswith(_text("startswith", text))


def _ends(value: Any, text: Any) -> bool:
    return _text("endswith", value).endswith(_text("endswith", text))


def _number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return int(value) if str(value).lstrip("-").isdigit() else float(_text("tonumber", value))
    except ValueError:
        raise wrong("tonumber", value) from None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _read(value: Any) -> Any:
    try:
        return orjson.loads(_text("fromjson", value))
    except orjson.JSONDecodeError:
        raise wrong("fromjson", value) from None


def _sum(value: Any) -> Any:
    result: Any = None
    for _, one in each(None, value):
        result = add(result, one)
    return result


def sorted_items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise wrong("sort", value)
    return sorted(value, key=order)


def _unique(value: Any) -> list[Any]:
    made: list[Any] = []
    for one in sorted_items(value):
        if not made or order(made[-1]) != order(one):
            made.append(one)
    return made


def entries(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        raise wrong("to_entries", value)
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def from_entries(value: Any) -> dict[str, Any]:
    made = {}
    for _, one in each(None, value):
        key = next((one[name] for name in ("key", "k", "name", "Name", "K", "Key") if one.get(name) is not None), None)
        made[_string(key)] = next((one[name] for name in ("value", "v", "Value", "V") if name in one), None)
    return made


def _joined(value: Any, separator: Any) -> str:
    return _text("join", separator).join("" if one is None else _string(one) for _, one in each(None, value))


def _index(value: Any, wanted: Any) -> Any:
    if isinstance(value, str) and isinstance(wanted, str):
        place = value.find(wanted)
        return None if place < 0 else place
    if isinstance(value, list):
        return next((at for at, one in enumerate(value) if order(one) == order(wanted)), None)
    return None


def _extreme(value: Any, choose: Callable[..., Any]) -> Any:
    found = sorted_items(value)
    return choose(found, key=order) if found else None


def _flat(value: Any, depth: Any = 1000) -> list[Any]:
    made: list[Any] = []
    for _, one in each(None, value):
        made += _flat(one, depth - 1) if isinstance(one, list) and depth > 0 else [one]
    return made


def _failed(value: Any, message: Any = None) -> Any:
    raise JqError(f"error: {_string(value if message is None else message)}")


FUNCTIONS: dict[tuple[str, int], Callable[..., Any]] = {
    ("length", 0): _length,
    ("keys", 0): _keys,
    ("keys_unsorted", 0): _keys,
    ("type", 0): type_of,
    ("not", 0): lambda value: not truth(value),
    ("tostring", 0): _string,
    ("tonumber", 0): _number,
    ("tojson", 0): lambda value: orjson.dumps(value).decode(),
    ("fromjson", 0): _read,
    ("ascii_downcase", 0): lambda value: _text("ascii_downcase", value).lower(),
    ("ascii_upcase", 0): lambda value: _text("ascii_upcase", value).upper(),
    ("to_entries", 0): entries,
    ("from_entries", 0): from_entries,
    ("add", 0): _sum,
    ("any", 0): lambda value: any(truth(one) for _, one in each(None, value)),
    ("all", 0): lambda value: all(truth(one) for _, one in each(None, value)),
    ("sort", 0): sorted_items,
    ("unique", 0): _unique,
    ("reverse", 0): lambda value: value[::-1] if isinstance(value, list | str) else [],
    ("min", 0): lambda value: _extreme(value, min),
    ("max", 0): lambda value: _extreme(value, max),
    ("flatten", 0): _flat,
    ("flatten", 1): _flat,
    ("floor", 0): lambda value: int(_number(value) // 1),
    ("has", 1): _has,
    ("in", 1): lambda value, table: _has(table, value),
    ("contains", 1): _contains,
    ("inside", 1): lambda value, other: _contains(other, value),
    ("test", 1): _test,
    ("test", 2): _test,
    ("startswith", 1): _starts,
    ("endswith", 1): _ends,
    ("ltrimstr", 1): lambda value, text: value.removeprefix(text) if isinstance(value, str) else value,
    ("rtrimstr", 1): lambda value, text: value.removesuffix(text) if isinstance(value, str) else value,
    ("split", 1): lambda value, text: _text("split", value).split(_text("split", text)),
    ("join", 1): _joined,
    ("index", 1): _index,
    ("error", 0): _failed,
    ("error", 1): _failed,
}
