"""kustomize's strategic merge, which is not the API server's.

Items of lists with one key come in the patch's order, before those the patch does not name; with two keys in use only
new items come before. A null in a new part is left out.
Which lists have keys comes from the schema built into kustomize, that of Kubernetes 1.21: later kinds and all custom
ones have none, so their lists are replaced. Source: kyaml `yaml/merge2`, `yaml/walk`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources as package
from typing import Any, cast

import orjson

from lab.sim.objects import Object
from lab.sim.render.errors import RenderError
from lab.sim.render.kustomize.fields import MAPPING, SCALAR, wrong_kind
from lab.sim.render.kustomize.resources import scalar_text

_DIRECTIVE = "$patch"
_NOTHING: Any = object()
"""What is not there, as None is null."""
Schema = dict[str, Any]
"""Fields of a definition: the name of one, or keys of a list and the name of its items' definition."""


@cache
def _data() -> dict[str, dict[str, Any]]:
    """Made from kyaml's schema by `tests/sim/render/oracles/merge_keys`."""
    text = package.files(__package__).joinpath("merge_keys.json").read_bytes()
    return cast(dict[str, dict[str, Any]], orjson.loads(text))


def merged(target: Object, patch: Object) -> Object | None:
    """`target` with `patch` put on it, both used up; None when the patch deletes it.

    Raises RenderError where their shapes differ or a directive is unknown.
    """
    found = _walk(target, patch, None)
    return found if isinstance(found, dict) else None


def _missing(value: Any) -> bool:
    return value is _NOTHING or value is None


def _schema(schema: Any, *values: Any) -> Any:
    """The schema itself, or that of the kind which one of the values says it is."""
    if schema is not None:
        return schema
    for value in values:
        if isinstance(value, dict) and value.get("kind") and value.get("apiVersion"):
            name = _data()["kinds"].get(f"{value['apiVersion']}/{value['kind']}")
            if name is not None:
                return _data()["definitions"][name]
    return None


def _walk(target: Any, patch: Any, schema: Any) -> Any:
    """The merged value; `_NOTHING` or None to leave the field out."""
    first = patch if _missing(target) else target
    if _missing(first) or isinstance(first, dict):
        _same_kind(target, patch, dict, MAPPING)
        return _map(target, patch, _schema(schema, target, patch))
    if isinstance(first, list):
        _same_kind(target, patch, list, "SequenceNode")
        if not isinstance(schema, list):
            return target if patch is _NOTHING else patch
        return _list(target, patch, schema)
    for value in (target, patch):
        if isinstance(value, dict | list):
            raise wrong_kind(SCALAR, value)
    return target if patch is _NOTHING else patch


def _same_kind(target: Any, patch: Any, kind: type, wanted: str) -> None:
    for value in (target, patch):
        if not _missing(value) and not isinstance(value, kind):
            raise wrong_kind(wanted, value)


def _map(target: Any, patch: Any, schema: Any) -> Any:
    if _missing(target):
        if isinstance(patch, dict) and _take_directive(patch) == "delete":
            return _NOTHING
        if patch is _NOTHING:
            return _Kept if target is None else _NOTHING
        result = patch
    elif patch is None:
        return _NOTHING
    else:
        directive = _take_directive(patch) if isinstance(patch, dict) else "merge"
        if directive == "delete":
            return _NOTHING
        result = patch if directive == "replace" else target
    if not isinstance(result, dict):
        return result
    # Where the patch is the result, its parts are merged with themselves, which drops nulls and directives.
    for key in sorted({*result, *(patch if isinstance(patch, dict) else ())}):
        below = schema.get(key) if isinstance(schema, dict) else None
        if isinstance(below, str):
            below = _data()["definitions"][below]
        value = _walk(
            result.get(key, _NOTHING), patch.get(key, _NOTHING) if isinstance(patch, dict) else _NOTHING, below
        )
        if value is _Kept:
            result[key] = None
        elif _missing(value):
            result.pop(key, None)
        else:
            result[key] = value
    return result


class _Kept:
    """A null that stood in the target and that the patch says nothing about."""


def _take_directive(patch: Object) -> str:
    if _DIRECTIVE not in patch:
        return "merge"
    directive = scalar_text(patch[_DIRECTIVE])
    if directive not in ("delete", "replace", "merge"):
        raise RenderError(f"unknown patch strategy '{directive}'")
    del patch[_DIRECTIVE]
    return directive


# -- lists with keys


def _list(target: Any, patch: Any, schema: list[Any]) -> Any:
    keys, items = schema
    if _missing(target):
        result = patch
    elif patch is None:
        return _NOTHING
    else:
        directive = _list_directive(patch) if isinstance(patch, list) else "merge"
        if directive == "delete":
            return _NOTHING
        result = patch if directive == "replace" else target
    if not isinstance(result, list):
        return _NOTHING
    theirs = patch if isinstance(patch, list) else []
    if not keys:
        return list({scalar_text(one): one for one in (*theirs, *result)}.values())
    return _keyed(result, theirs, keys, _data()["definitions"].get(items))


def _list_directive(patch: list[Any]) -> str:
    """The directive of an item that is nothing else, which is taken out."""
    for place, item in enumerate(patch):
        if isinstance(item, dict) and _DIRECTIVE in item:
            if len(item) > 1:
                return "merge"
            directive = _take_directive(item)
            del patch[place]
            return directive
    return "merge"


def _keyed(result: list[Any], patch: list[Any], keys: list[str], schema: Any) -> list[Any]:
    names = _names([*patch, *result], keys)
    used = [key for place, key in enumerate(keys) if any(name[place] for name in names)] or keys
    made: list[Any] = []
    gone: list[Any] = []
    for name in names:
        wanted = {key: text for key, text in zip(keys, name, strict=True) if text} or dict.fromkeys(keys, "")
        mine, theirs = _find(result, wanted), _find(patch, wanted)
        value = _walk(mine, theirs, schema)
        if _missing(value) or value == {}:
            gone.append(wanted)
            continue
        for key in used:
            if isinstance(value, dict) and key not in value and wanted.get(key):
                value[key] = wanted[key]
        # An item that the patch replaces stays what it was, as kyaml puts the old list's items back.
        made.append(value if mine is _NOTHING else mine)
    left = [one for one in result if not any(_is(one, wanted) for wanted in gone)]
    if len(used) > 1:
        # With two keys in use, kyaml takes each old item out and puts it behind the new ones.
        return [one for one in made if not any(one is known for known in left)] + left
    return made + [one for one in left if not any(one is known for known in made)]


def _names(items: list[Any], keys: list[str]) -> list[tuple[str, ...]]:
    """The different names of items, a key that one leaves out being filled in from another that fits."""
    names: list[tuple[str, ...]] = []
    for item in items:
        if not isinstance(item, dict):
            continue
        name = tuple(scalar_text(item.get(key)) for key in keys)
        if name not in names:
            names.append(name)
    if len(keys) > 1:
        for here, left in enumerate(names):
            for there, right in enumerate(names):
                if (same := _unified(left, right)) is not None:
                    names[here] = names[there] = left = same
    return list(dict.fromkeys(names))


def _unified(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...] | None:
    pairs = list(zip(left, right, strict=True))
    if any(one and other and one != other for one, other in pairs) or not any(one == other for one, other in pairs):
        return None
    return tuple(one or other for one, other in pairs)


def _find(items: list[Any], wanted: dict[str, str]) -> Any:
    for item in items:
        if _is(item, wanted):
            return item
    return _NOTHING


def _is(item: Any, wanted: dict[str, str]) -> bool:
    return isinstance(item, dict) and all(
        key in item and scalar_text(item[key]) == text for key, text in wanted.items()
    )
