"""Sprig's functions on lists, maps and values of any type.

Source of the rules: Masterminds/sprig `list.go`, `dict.go` and `defaults.go`, and dario.cat/mergo for `merge`.
Where Go leaves an order to chance (`keys`, `values`) it is that of the keys here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..builtins import GoError
from ..values import BytesMap, IntList, StringList, StringMap, Struct, checked, is_true, type_name
from .kinds import kind_of
from .strings import text

_LONGEST = 1_000_000


def is_empty(value: Any) -> bool:
    """Sprig's `empty`; a struct never is."""
    return not is_true(value) and not isinstance(value, Struct)


def default(fallback: Any, *given: Any) -> Any:
    """The given value, or the fallback when it is empty."""
    return fallback if not given or is_empty(given[0]) else given[0]


def coalesce(*values: Any) -> Any:
    """The first value that is not empty."""
    return next((one for one in values if not is_empty(one)), None)


def deep_equal(one: Any, other: Any) -> bool:
    """Go's `reflect.DeepEqual`: also the types must be the same."""
    return _deep_equal(checked(one), checked(other))


def _deep_equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return (
            type_name(one) == type_name(other)
            and one.keys() == other.keys()
            and all(_deep_equal(one[key], other[key]) for key in one)
        )
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return type_name(one) == type_name(other) and len(one) == len(other) and all(map(_deep_equal, one, other))
    return type_name(one) == type_name(other) and bool(one == other)


def deep_copy(value: Any) -> Any:
    """A copy at every depth."""
    if isinstance(value, dict):
        made = {key: deep_copy(one) for key, one in value.items()}
        return type(value)(made) if isinstance(value, (StringMap, BytesMap)) else made
    if isinstance(value, list):
        return type(value)(deep_copy(one) for one in value)
    return value


def must_deep_copy(value: Any) -> Any:
    """`deepCopy`, which does not take nil."""
    checked(value)
    if value is None:
        raise GoError("reflect: call of reflect.Value.Type on zero Value")
    return deep_copy(value)


# Lists


def _listed(value: Any, what: str) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, bytes):
        return list(value)
    return _cannot(value, what)


def _cannot(value: Any, what: str) -> NoReturn:
    if value is None:
        raise GoError("runtime error: invalid memory address or nil pointer dereference")
    raise GoError(f"Cannot {what} on type {kind_of(value)}")


def append(value: Any, item: Any) -> list[Any]:
    """A new list with one more at its end."""
    return [*_pushed(value, "push"), item]


def prepend(value: Any, item: Any) -> list[Any]:
    """A new list with one more at its beginning."""
    return [item, *_pushed(value, "prepend")]


def _pushed(value: Any, what: str) -> list[Any]:
    if value is not None and not isinstance(value, (list, tuple, bytes)):
        raise GoError(f"Cannot {what} on type {kind_of(value)}")
    return _listed(value, what)


def first(value: Any) -> Any:
    """The first item, nil when there is none."""
    items = _found(value, "find first")
    return items[0] if items else None


def last(value: Any) -> Any:
    """The last item, nil when there is none."""
    items = _found(value, "find last")
    return items[-1] if items else None


def _found(value: Any, what: str) -> list[Any]:
    if value is not None and not isinstance(value, (list, tuple, bytes)):
        raise GoError(f"Cannot {what} on type {kind_of(value)}")
    return _listed(value, what)


def rest(value: Any) -> list[Any]:
    """All but the first."""
    return _found(value, "find rest")[1:]


def initial(value: Any) -> list[Any]:
    """All but the last."""
    return _found(value, "find initial")[:-1]


def reverse(value: Any) -> list[Any]:
    """The other way round."""
    return _found(value, "find reverse")[::-1]


def compact(value: Any) -> list[Any]:
    """Without empty items."""
    return [one for one in _found(value, "compact") if not is_empty(one)]


def uniq(value: Any) -> list[Any]:
    """Without items that stand before."""
    made: list[Any] = []
    for one in _found(value, "find uniq"):
        if not any(deep_equal(one, other) for other in made):
            made.append(one)
    return made


def without(value: Any, *omitted: Any) -> list[Any]:
    """Without some items."""
    return [one for one in _found(value, "find without") if not any(deep_equal(one, other) for other in omitted)]


def has(needle: Any, value: Any) -> bool:
    """Whether a list holds an item."""
    if value is None:
        return False
    return any(deep_equal(needle, one) for one in _found(value, "find has"))


def slice_list(value: Any, *places: Any) -> Any:
    """Items from one place to another."""
    if not isinstance(value, (list, tuple)):
        raise GoError(f"list should be type of slice or array but {kind_of(value)}")
    from .numbers import whole

    if not value:
        return None
    start = whole(places[0]) if places else 0
    end = whole(places[1]) if len(places) > 1 else len(value)
    if not 0 <= start <= end <= len(value):
        raise GoError("reflect.Value.Slice: slice index out of bounds")
    part = value[start:end]
    return type(value)(part) if isinstance(value, list) else list(part)


def concat(*values: Any) -> list[Any]:
    """Several lists as one."""
    made: list[Any] = []
    if sum(len(one) for one in values if isinstance(one, (list, tuple))) > _LONGEST:
        raise GoError(f"result is longer than {_LONGEST} items")
    for one in values:
        made += _found(one, "concat") if not _bad_concat(one) else []
    return made


def _bad_concat(value: Any) -> bool:
    if value is not None and not isinstance(value, (list, tuple, bytes)):
        raise GoError(f"Cannot concat type {kind_of(value)} as list")
    return False


def chunk(size: int, value: Any) -> list[Any]:
    """Lists of `size` items each."""
    items = _found(value, "chunk")
    if size < 1:
        raise GoError("runtime error: makeslice: len out of range")
    return [items[at : at + size] for at in range(0, len(items), size)]


# Maps


def make_dict(*values: Any) -> dict[str, Any]:
    """A map of keys and values in turn."""
    made: dict[str, Any] = {}
    for place in range(0, len(values), 2):
        made[text(values[place])] = values[place + 1] if place + 1 < len(values) else ""
    return made


def set_key(mapping: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The same map, changed."""
    mapping[key] = value
    return mapping


def unset(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    """The same map without a key."""
    mapping.pop(key, None)
    return mapping


def pluck(key: str, *mappings: dict[str, Any]) -> list[Any]:
    """What each map that has the key has for it."""
    return [one[key] for one in mappings if key in one]


def pick(mapping: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A new map with some keys only."""
    return {key: mapping[key] for key in keys if key in mapping}


def omit(mapping: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A new map without some keys."""
    return {key: value for key, value in mapping.items() if key not in keys}


def dig(*values: Any) -> Any:
    """A value deep in maps: keys, then a fallback, then the map."""
    if len(values) < 3:
        raise GoError("dig needs at least three arguments")
    *keys, fallback, mapping = values
    if not all(isinstance(key, str) for key in keys) or not isinstance(mapping, dict):
        raise GoError(_conversion(next((key for key in keys if not isinstance(key, str)), mapping)))
    found: Any = mapping
    for key in keys:
        if not isinstance(found, dict):
            raise GoError(f"interface conversion: interface {{}} is {type_name(found)}, not map[string]interface {{}}")
        if key not in found:
            return fallback
        found = found[key]
    return found


def _conversion(value: Any) -> str:
    wanted = "map[string]interface {}" if not isinstance(value, str) else "string"
    return f"interface conversion: interface {{}} is {type_name(value)}, not {wanted}"


def merge(target: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    """The same map with what it lacks, or has only empty, from others."""
    for one in sources:
        _merge(target, one, False)
    return target


def merge_overwrite(target: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    """The same map with what others have."""
    for one in sources:
        _merge(target, one, True)
    return target


def _merge(target: dict[str, Any], source: dict[str, Any], overwrite: bool) -> None:
    for key, value in source.items():
        present = key in target
        current = target.get(key)
        if value is None:
            if overwrite:
                target[key] = None
            continue
        if isinstance(value, dict) and isinstance(current, dict):
            if current:
                _merge(current, value, overwrite)
            else:
                target[key] = value
            continue
        if overwrite or not present or is_empty(current):
            target[key] = value


def integers(values: range) -> IntList:
    """Numbers as a list, which may not be too long."""
    if len(values) > _LONGEST:
        raise GoError(f"result is longer than {_LONGEST} numbers")
    return IntList(values)


def _both(name: str, signature: str, call: Callable[..., Any]) -> dict[str, tuple[str, Callable[..., Any]]]:
    """A function under its name and with `must` before it."""
    return {name: (signature, call), "must" + name[0].upper() + name[1:]: (signature, call)}


TABLE: dict[str, tuple[str, Callable[..., Any]]] = {
    "all": ("(...any) bool", lambda *values: not any(map(is_empty, values))),
    "any": ("(...any) bool", lambda *values: not all(map(is_empty, values))),
    "coalesce": ("(...any) any", coalesce),
    "concat": ("(...any) any", concat),
    "deepCopy": ("(any) any", must_deep_copy),
    "mustDeepCopy": ("(any) any", must_deep_copy),
    "deepEqual": ("(any, any) bool", deep_equal),
    "default": ("(any, ...any) any", default),
    "dict": ("(...any) map[string]any", make_dict),
    "dig": ("(...any) any", dig),
    "empty": ("(any) bool", is_empty),
    "get": ("(map[string]any, string) any", lambda mapping, key: mapping.get(key, "")),
    "hasKey": ("(map[string]any, string) bool", lambda mapping, key: key in mapping),
    "keys": (
        "(...map[string]any) []string",
        lambda *mappings: StringList(key for one in mappings for key in sorted(one)),
    ),
    "list": ("(...any) []any", lambda *values: list(values)),
    "omit": ("(map[string]any, ...string) map[string]any", omit),
    "pick": ("(map[string]any, ...string) map[string]any", pick),
    "pluck": ("(string, ...map[string]any) []any", pluck),
    "set": ("(map[string]any, string, any) map[string]any", set_key),
    "ternary": ("(any, any, bool) any", lambda yes, no, chosen: yes if chosen else no),
    "tuple": ("(...any) []any", lambda *values: list(values)),
    "unset": ("(map[string]any, string) map[string]any", unset),
    "values": ("(map[string]any) []any", lambda mapping: [mapping[key] for key in sorted(mapping)]),
    **_both("append", "(any, any) []any", append),
    **_both("push", "(any, any) []any", append),
    **_both("prepend", "(any, any) []any", prepend),
    **_both("chunk", "(int, any) [][]any", chunk),
    **_both("compact", "(any) []any", compact),
    **_both("first", "(any) any", first),
    **_both("has", "(any, any) bool", has),
    **_both("initial", "(any) []any", initial),
    **_both("last", "(any) any", last),
    **_both("merge", "(map[string]any, ...map[string]any) any", merge),
    **_both("mergeOverwrite", "(map[string]any, ...map[string]any) any", merge_overwrite),
    **_both("rest", "(any) []any", rest),
    **_both("reverse", "(any) []any", reverse),
    **_both("slice", "(any, ...any) any", slice_list),
    **_both("uniq", "(any) []any", uniq),
    **_both("without", "(any, ...any) []any", without),
}
