"""Strategic merge patch: a merge patch that merges lists by key and understands directives.

The directives: `$patch: delete|replace` in an object or a list item, `$retainKeys`, `$deleteFromPrimitiveList/FIELD`,
`$setElementOrder/FIELD`. Which lists merge, and by which key, stands in the `Type`.
Source: apimachinery `pkg/util/strategicpatch/patch.go` and its design document "Strategic Merge Patch".
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.golang import printed, type_of
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError, bad_request
from lab.sim.api.types import Type

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_DELETE = "$deleteFromPrimitiveList"
_ORDER = "$setElementOrder"

Items = list[Any]


def merged(original: Object, patch: Object, type_: Type | None) -> Object:
    """`original` merged with `patch`, both of which are used up; None for `type_` where the shape is not known.

    Raises ApiError 400, 422 or 500 as a real server does for directives that do not hold together.
    """
    if _DIRECTIVE in patch:
        directive = patch[_DIRECTIVE]
        if directive == "replace":
            del patch[_DIRECTIVE]
            return patch
        if directive == "delete":
            return {}
        raise _broken(f"unknown patch type: {printed(directive)} in map: {printed(patch)}")
    _retain(original, patch)
    for key in [one for one in patch if one.startswith(_ORDER)]:
        _merge_in_order(original, patch, key, type_)
    for key, value in patch.items():
        deleting = key.startswith(_DELETE)
        field = _suffix(key, _DELETE) if deleting else key
        if value is None:
            original.pop(field, None)
            continue
        known: Any = original.get(field)
        if field in original and type(known) is type(value) and isinstance(value, dict | list):
            below = _field(type_, field)
            if isinstance(value, dict):
                replace = below is not None and "replace" in below.patch_strategy
                original[field] = value if replace else merged(known, value, below)
            elif deleting or (below is not None and "merge" in below.patch_strategy):
                original[field] = _merged_list(known, value, below, deleting)
            else:
                original[field] = value
        elif not deleting:
            _without_nulls(value)
            _put(original, field, value)
    return original


def _put(original: Object, field: str, value: Any) -> None:
    if _is_directive(value):
        original.pop(field, None)
    else:
        original[field] = _plain(value)


def _field(type_: Type | None, name: str) -> Type | None:
    if type_ is None:
        return None
    return type_.fields.get(name) or (type_.items if type_.kind == "map" else None)


def _broken(message: str) -> ApiError:
    return ApiError(500, "", message)


def _wrong_type(wanted: Any, found: Any) -> ApiError:
    return _broken(f"expected a {type_of(wanted)}, but received a {type_of(found)}")


def _no_key(item: Object, key: str) -> ApiError:
    return _broken(f"map: {printed(item)} does not contain declared merge key: {key}")


def _suffix(key: str, prefix: str) -> str:
    head, slash, field = key.partition("/")
    if not slash or head != prefix:
        list_name = "primitive list" if prefix == _DELETE else "setElementOrder list"
        raise bad_request(f"invalid patch format of {list_name}")
    return field


def _retain(original: Object, patch: Object) -> None:
    """`$retainKeys`: drop what it does not name; everything the patch sets has to be named."""
    if _RETAIN not in patch:
        return
    retained = patch.pop(_RETAIN)
    if not isinstance(retained, list):
        raise bad_request("invalid patch format of retainKeys")
    for key, value in patch.items():
        if value is not None and key not in retained and not key.startswith((_DELETE, _ORDER)):
            raise bad_request("invalid patch format of retainKeys")
    for key in [one for one in original if one not in retained]:
        del original[key]


# -- directives as values


def _is_directive(value: Any) -> bool:
    return isinstance(value, dict) and _DIRECTIVE in value


def _plain(value: Any) -> Any:
    """`value` without items and fields that are directives; changed in place."""
    if isinstance(value, dict):
        for key in [one for one, below in value.items() if _is_directive(below)]:
            del value[key]
        for key, below in value.items():
            value[key] = _plain(below)
        return value
    if isinstance(value, list):
        return [_plain(one) for one in value if not _is_directive(one)]
    return value


def _without_nulls(value: Any) -> None:
    if isinstance(value, dict):
        for key in [one for one, below in value.items() if below is None]:
            del value[key]
        for below in value.values():
            _without_nulls(below)
    elif isinstance(value, list):
        for below in value:
            _without_nulls(below)


# -- lists


def _merge_in_order(original: Object, patch: Object, directive: str, type_: Type | None) -> None:
    """`$setElementOrder/FIELD` with the list it orders, which is merged here and leaves the patch."""
    order = patch.pop(directive)
    if not isinstance(order, list):
        raise _wrong_type([], order)
    field = _suffix(directive, _ORDER)
    known: Any = original.get(field)
    given: Any = patch.get(field)
    for one in (original, patch):
        if field in one and not isinstance(one[field], list):
            raise _wrong_type([], one[field])
    below = _field(type_, field)
    key = below.merge_key if below else ""
    _check_order(given or [], order, key)
    if field in patch:
        if known is None:
            result = _plain(given)
        elif below is not None and "merge" in below.patch_strategy:
            result = _merged_list(list(known), given, below, False)
        else:
            result = given
    elif known is not None:
        result = known
    else:
        return
    mine, others = _split(result, order, key)
    _same_kind(known or [], given or [])
    original[field] = _ordered(mine, others, order, known or [], key)
    patch.pop(field, None)


def _check_order(given: Items, order: Items, key: str) -> None:
    """The patch's items have to stand in `order`, in the same sequence; deletions do not count."""
    if not order or not given:
        return
    left = [one for one in given if not _is_directive(one)] if key else given
    position = 0
    for one in left:
        while position < len(order) and not _same_item(one, order[position], key):
            position += 1
        if position == len(order):
            raise _broken(
                f"The order in patch list:\n{printed(given)}\n doesn't match {_ORDER} list:\n{printed(order)}\n"
            )
        position += 1


def _same_item(left: Any, right: Any, key: str) -> bool:
    if not key:
        return bool(left == right)
    for one in (left, right):
        if not isinstance(one, dict):
            raise _wrong_type({}, one)
        if key not in one:
            raise _no_key(one, key)
    return bool(left[key] == right[key])


def _same_kind(*lists: Items) -> type | None:
    """The one Python type of all items, None where there are none."""
    seen: type | None = None
    for items in lists:
        for item in items:
            if isinstance(item, list):
                raise ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})
            if seen is not None and type(item) is not seen:
                raise _broken(f"list element types are not identical: {printed(list(lists))}")
            seen = type(item)
    if seen is None:
        raise _broken("no elements in any of the given slices")
    return seen


def _merged_list(original: Items, patch: Items, type_: Type | None, deleting: bool) -> Items:
    if not original and not patch:
        return original
    key = type_.merge_key if type_ else ""
    if _same_kind(original, patch) is not dict:
        if deleting:
            return [one for one in original if one not in patch]
        result = _distinct([*original, *patch])
    else:
        if not key:
            raise _broken("cannot merge lists without merge key for struct")
        original, patch = _directed(original, patch, key)
        result = list(original)
        items = type_.items if type_ else None
        for item in patch:
            if key not in item:
                raise _no_key(item, key)
            place = _find(result, key, item[key])
            if place < 0:
                result.append(item)
            else:
                result[place] = merged(result[place], item, items)
    mine, others = _split(result, patch, key)
    return _ordered(mine, others, patch, original, key)


def _directed(original: Items, patch: Items, key: str) -> tuple[Items, Items]:
    """Carry out the items that are directives: what is left of the list and of the patch."""
    rest: Items = []
    replace = False
    for item in patch:
        directive = item.get(_DIRECTIVE)
        if _DIRECTIVE not in item:
            rest.append(item)
        elif directive == "delete":
            if key not in item:
                raise _no_key(item, key)
            original = [one for one in original if not (key in one and one[key] == item[key])]
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise _broken("merging lists cannot yet be specified in the patch")
        else:
            raise _broken(f"unknown patch type: {printed(directive)} in map: {printed(item)}")
    return (rest, []) if replace else (original, rest)


def _find(items: Items, key: str, value: Any) -> int:
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            raise _broken(f"value for key {place} is not a map")
        if key in item and item[key] == value:
            return place
    return -1


def _distinct(items: Items) -> Items:
    """Each scalar once. A duplicate's place is taken by the last item, as the server does it."""
    last = len(items) - 1
    first = 0
    while first < last:
        other = first + 1
        while other <= last:
            if items[first] == items[other]:
                items[other] = items[last]
                last -= 1
            else:
                other += 1
        first += 1
    return items[: last + 1]


# -- order: the patch's own, then the server's


def _split(items: Items, by: Items, key: str) -> tuple[Items, Items]:
    """Items that stand in `by`, and the others."""
    mine: Items = []
    others: Items = []
    for item in items:
        if not key:
            found = item in by
        elif not isinstance(item, dict):
            raise _wrong_type({}, item)
        elif key not in item:
            raise _no_key(item, key)
        else:
            found = _find(by, key, item[key]) >= 0
        (mine if found else others).append(item)
    return mine, others


def _ordered(mine: Items, others: Items, order: Items, server: Items, key: str) -> Items:
    """Both parts as one list: the patch's items in `order`, the others put before those they stood before."""
    wanted, known = _places(order, key), _places(server, key)
    left = sorted(others, key=lambda one: known.get(_name(one, key), -1))
    right = sorted(mine, key=lambda one: wanted.get(_name(one, key), -1))
    result: Items = []
    while left and right:
        here, there = known.get(_name(left[0], key)), known.get(_name(right[0], key))
        if here is not None and there is not None and here < there:
            result.append(left.pop(0))
        else:
            result.append(right.pop(0))
    return result + left + right


def _name(item: Any, key: str) -> Any:
    """What tells an item from the others; a real server dies of a key that is no scalar."""
    name = item[key] if key else item
    if isinstance(name, dict | list):
        raise bad_request(f"the merge key {key} must be a scalar")
    return name


def _places(items: Items, key: str) -> dict[Any, int]:
    places: dict[Any, int] = {}
    for place, item in enumerate(items):
        if key and (not isinstance(item, dict) or key not in item):
            raise _no_key(item, key) if isinstance(item, dict) else _wrong_type({}, item)
        places.setdefault(_name(item, key), place)
    return places
