"""The patches a client works out for `kubectl apply`: from what it applied last, what it wants and what there is.

What is wanted and missing or different is set; what was applied last and is wanted no longer is taken away; all else is
left alone. Nothing given is changed; patches share parts with it.
Source: apimachinery `pkg/util/strategicpatch/patch.go` (CreateThreeWayMergePatch), `pkg/util/jsonmergepatch/patch.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.sim.api.golang import printed, type_of
from lab.sim.api.resources import Object
from lab.sim.api.types import ANY, MAP, OBJECT, Type

_DIRECTIVE, _RETAIN = "$patch", "$retainKeys"
_DELETE, _ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"
Items = list[Any]


class PatchError(ValueError):
    """Objects that cannot be compared; the text is kubectl's."""


# -- JSON merge patch, for custom resources


def merge_patch(original: Object, modified: Object, current: Object) -> Object:
    """A JSON merge patch that makes `current` what `modified` says, `original` being what was applied last."""
    patch = _gone(original, modified)
    _add(patch, _changed(current, modified))
    return patch


def _changed(current: Object, modified: Object) -> Object:
    patch: Object = {}
    for key, value in modified.items():
        if value is None:
            continue
        known = current.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            below = _changed(known, value)
            if below:
                patch[key] = below
        elif not same(known, value):
            patch[key] = without_nulls(value)
    return patch


def without_nulls(value: Any) -> Any:
    """A copy of an object without the fields that are null, however deep; a null in a list stays."""
    if isinstance(value, list):
        return [without_nulls(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: without_nulls(below) for key, below in value.items() if below is not None}


def _gone(original: Object, modified: Object) -> Object:
    """Nulls for what is wanted no longer, and for what is wanted to be null."""
    patch: Object = {key: None for key in original if key not in modified}
    for key, value in modified.items():
        known = original.get(key)
        if value is None:
            if known is not None or key not in original:
                patch[key] = None
        elif isinstance(value, dict):
            below = _gone(known if isinstance(known, dict) else {}, value)
            if below:
                patch[key] = below
    return patch


def _add(patch: Object, more: Object) -> None:
    for key, value in more.items():
        known = patch.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            _add(known, value)
        else:
            patch[key] = value


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal and of the same types: 1, 1.0 and true are three."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


# -- strategic merge patch


def strategic_patch(original: Object, modified: Object, current: Object, type_: Type | None) -> Object:
    """A strategic merge patch that makes `current` what `modified` says, `original` being what was applied last.

    Raises PatchError for lists without their merge key and for differing fields the type does not have.
    """
    delta = _diff(current, modified, type_, deletions=False)
    return _together(_diff(original, modified, type_, deletions=True), delta, type_)


def _diff(original: Object, modified: Object, type_: Type | None, *, deletions: bool, retain: bool = False) -> Object:
    """What leads from `original` to `modified`: only what goes, or else only what is new or other."""
    patch: Object = {}
    for key, value in modified.items():
        if key not in original:
            if not deletions:
                patch[key] = value
            continue
        known = original[key]
        if type(known) is not type(value):
            if not deletions:
                patch[key] = value
        elif isinstance(value, dict | list):
            _diff_below(patch, key, known, value, type_, deletions)
        elif not deletions and known != value:
            patch[key] = value
    if deletions:
        patch.update({key: None for key in original if key not in modified})
    if retain:
        kept = sorted(key for key, value in modified.items() if value is not None)
        if kept and (patch or any(value is not None and key not in modified for key, value in original.items())):
            patch[_RETAIN] = kept
    return patch


def _diff_below(patch: Object, key: str, known: Any, value: Any, type_: Type | None, deletions: bool) -> None:
    below = _field(type_, key)
    if below is None and type_ is not None and type_.kind == OBJECT and not type_.preserve_unknown:
        if same(known, value):
            return
        struct = type_.name.rpartition(".")[2]
        raise PatchError(f'unable to find api field in struct {struct} for the json field "{key}"')
    strategy = below.patch_strategy if below is not None else frozenset()
    retain = "retainKeys" in strategy
    if isinstance(value, dict):
        if "replace" in strategy:
            if not deletions:
                patch[key] = value
            return
        found = _diff(known, value, below, deletions=deletions, retain=retain)
        if found:
            patch[key] = found
    elif below is not None and "merge" in strategy:
        _diff_list(patch, key, known, value, below, deletions, retain)
    elif not deletions and not same(known, value):
        patch[key] = value


def _field(type_: Type | None, name: str) -> Type | None:
    if type_ is None:
        return None
    found = type_.fields.get(name) or (type_.items if type_.kind == MAP else None)
    return None if found is None or (found.kind == ANY and not found.patch_strategy) else found


def _diff_list(patch: Object, key: str, known: Items, value: Items, type_: Type, deletions: bool, retain: bool) -> None:
    if not known:
        if value and not deletions:
            patch[key] = value
        return
    merge_key = type_.merge_key
    if _item_kind(known, value) is dict:
        items, gone = _diff_maps(known, value, type_, deletions, retain)
        reordered = [one.get(merge_key) for one in known] != [one.get(merge_key) for one in value]
        listed = [*_by_order(items, value, merge_key), *gone]
        if listed:
            patch[key] = listed
        if listed or (not deletions and reordered):
            _say_order(patch, key, [{merge_key: one[merge_key]} for one in value])
        return
    here, wanted = _distinct(known), _distinct(value)
    if deletions:
        gone = sorted((one for one in here if not _has(wanted, one)), key=printed)
        if gone:
            patch[f"{_DELETE}{key}"] = gone
            _say_order(patch, key, value)
        return
    added = [one for one in wanted if not _has(here, one)]
    if added:
        patch[key] = added
    # The order is said whenever the value differs from what is there in sorted order: so does the original.
    if not same(sorted(known, key=printed), value):
        _say_order(patch, key, value)


def _say_order(patch: Object, key: str, order: Items) -> None:
    if order:
        patch[f"{_ORDER}{key}"] = order


def _diff_maps(known: Items, value: Items, type_: Type, deletions: bool, retain: bool) -> tuple[Items, Items]:
    """Changed and new items, and directives for those that go."""
    key = type_.merge_key
    here, wanted = _named(known, key), _named(value, key)
    changed, gone = [], []
    for name, item in wanted.items():
        before = here.get(name)
        if before is not None:
            found = _diff(before, item, type_.items, deletions=deletions, retain=retain)
            if found:
                changed.append({**found, key: item[key]})
        elif not deletions:
            changed.append(item)
    if deletions:
        left = [item[key] for name, item in here.items() if name not in wanted]
        gone = [{key: one, _DIRECTIVE: "delete"} for one in sorted(left, key=printed)]
    return changed, gone


def _named(items: Items, key: str) -> dict[str, Any]:
    return {printed(_key_of(item, key)): item for item in items}


def _key_of(item: Any, key: str) -> Any:
    if not isinstance(item, dict):
        raise PatchError(f"expected a {type_of({})}, but received a {type_of(item)}")
    if key not in item:
        raise PatchError(f"map: {printed(item)} does not contain declared merge key: {key}")
    return item[key]


def _item_kind(*lists: Items) -> type:
    seen: type | None = None
    for items in lists:
        for item in items:
            if isinstance(item, list):
                raise PatchError("lists of lists are not supported")
            if seen is not None and type(item) is not seen:
                raise PatchError(f"list element types are not identical: {printed(list(lists))}")
            seen = type(item)
    assert seen is not None
    return seen


def _distinct(items: Iterable[Any]) -> Items:
    made: Items = []
    for one in items:
        if not _has(made, one):
            made.append(one)
    return made


def _has(items: Items, wanted: Any) -> bool:
    return any(same(one, wanted) for one in items)


def _by_order(items: Items, order: Items, key: str) -> Items:
    """Items as they stand in `order`; what is not in it comes first, in the sequence it has."""
    places = {_name(one, key): place for place, one in enumerate(order)}
    return sorted(items, key=lambda one: places.get(_name(one, key), -1))


# -- both halves as one patch


def _together(gone: Object, delta: Object, type_: Type | None) -> Object:
    made = dict(gone)
    rest = dict(delta)
    if _RETAIN in rest:
        kept = rest.pop(_RETAIN)
        if made.setdefault(_RETAIN, kept) != kept:
            raise PatchError(
                f"{printed(made[_RETAIN])} and {printed(kept)} are not deep equal: "
                "this may happen when calculating the 3-way diff patch"
            )
    for key in [one for one in rest if one.startswith(_ORDER)]:
        order = rest.pop(key)
        if not same(made.setdefault(key, order), order):
            raise PatchError("invalid patch format of setElementOrder list")
        field = key.removeprefix(_ORDER)
        if field in made or field in rest:
            below = _field(type_, field)
            made[field] = _in_order(made.get(field), rest.pop(field, None), order, below)
    for key, value in rest.items():
        known = made.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            made[key] = _together(known, value, _field(type_, key))
        elif isinstance(known, list) and isinstance(value, list) and _merges(_field(type_, key)):
            made[key] = _lists_together(known, value, _field(type_, key))
        else:
            made[key] = value
    return made


def _merges(type_: Type | None) -> bool:
    return type_ is not None and "merge" in type_.patch_strategy


def _in_order(gone: Items | None, delta: Items | None, order: Items, type_: Type | None) -> Items:
    key = type_.merge_key if type_ is not None else ""
    merged = _lists_together(gone or [], delta or [], type_)
    names = {_name(one, key) for one in order}
    mine = [one for one in merged if _name(one, key) in names]
    others = [one for one in merged if _name(one, key) not in names]
    return _interleaved(_sorted(others, gone or [], key), _sorted(mine, order, key), gone or [], key)


def _lists_together(gone: Items, delta: Items, type_: Type | None) -> Items:
    if not gone or not delta or type_ is None:
        return gone or delta
    key = type_.merge_key
    if _item_kind(gone, delta) is not dict:
        merged = _distinct([*gone, *delta])
    else:
        made = {printed(_key_of(one, key)): one for one in gone}
        for item in delta:
            name = printed(_key_of(item, key))
            made[name] = _together(made[name], item, type_.items) if name in made else item
        merged = list(made.values())
    names = {_name(one, key) for one in delta}
    mine = [one for one in merged if _name(one, key) in names]
    others = [one for one in merged if _name(one, key) not in names]
    return _interleaved(_sorted(others, gone, key), _sorted(mine, delta, key), gone, key)


def _name(item: Any, key: str) -> str:
    return printed(_key_of(item, key) if key else item)


def _sorted(items: Items, order: Items, key: str) -> Items:
    """As they stand in `order`, directives last."""
    if not key:
        return _by_order(items, order, key)
    directives = [one for one in items if _DIRECTIVE in one]
    return [*_by_order([one for one in items if _DIRECTIVE not in one], order, key), *directives]


def _interleaved(left: Items, right: Items, known: Items, key: str) -> Items:
    """Both lists as one: an item of the left one before those of the right one that it stood before in `known`."""
    places = {_name(one, key): place for place, one in enumerate(known)}
    made: Items = []
    left, right = left[::-1], right[::-1]
    while left and right:
        here, there = places.get(_name(left[-1], key)), places.get(_name(right[-1], key))
        before = here is not None and there is not None and here < there
        made.append((left if before else right).pop())
    return made + left[::-1] + right[::-1]
