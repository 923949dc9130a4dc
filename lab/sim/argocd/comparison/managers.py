"""Fields that other managers own and may change: `managedFieldsManagers`.

Source: Argo CD 3.6.1 `util/argo/managedfields/managed_fields.go`, structured-merge-diff `typed/{compare,validate}.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.sim.api.managed_fields import shape
from lab.sim.api.managed_fields.fieldset import BadFields, Fields, checked, intersection
from lab.sim.api.managed_fields.merge import without
from lab.sim.api.managed_fields.shape import ANY_SHAPE, BadItem, Shape
from lab.sim.api.types import ANY, LIST, MAP, OBJECT, Type
from lab.sim.objects import Object


def without_managed(target: Object, live: Object, managers: Sequence[str], type_: Type | None) -> tuple[Object, Object]:
    """Both without the fields they both have, in which they differ, and that one of `managers` owns.

    `type_`: their kind's; None where it is not known: then lists are owned as a whole. Objects that do not fit their
    type stay as they are.
    """
    form = shape.of(type_) if type_ is not None else ANY_SHAPE
    entries = [one for one in live["metadata"].get("managedFields") or () if one.get("manager") in managers]
    if not entries:
        return target, live
    try:
        if type_ is not None and not (_fits(live, type_) and _fits(target, type_)):
            return target, live
        changed = _modified(live, target, form)
        for one in entries:
            theirs = intersection(checked(one.get("fieldsV1") or {}), changed)
            if theirs:
                target, live = without(target, theirs, form) or {}, without(live, theirs, form) or {}
    except (BadItem, BadFields):
        return target, live
    return target, live


def _modified(old: Object, new: Object, form: Shape) -> Fields:
    """Fields both have, with other values."""
    made: Fields = {}
    for name, after in new.items():
        if name in old and old[name] != after:
            below = _modified_below(old[name], after, form.fields[name] or ANY_SHAPE)
            if below is not None:
                made["f:" + name] = below
    return made


def _modified_below(before: Any, after: Any, form: Shape) -> Fields | None:
    """What lies below two values that differ: {} for themselves, None for nothing."""
    if form.leaf:
        return {}
    if isinstance(before, dict) and isinstance(after, dict):
        return _modified(before, after, form) or None
    if isinstance(before, list) and isinstance(after, list) and form.items is not None:
        known = {form.element(one): one for one in before}
        made = {}
        for item in after:
            element = form.element(item)
            if element in known and known[element] != item:
                below = _modified_below(known[element], item, form.items)
                if below is not None:
                    made[element] = below
        return made or None
    return {} if before is not None and after is not None else None


_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def _fits(value: Any, type_: Type) -> bool:
    """Whether a value is of its type, with no field that it does not have and no item twice. Raises BadItem."""
    if value is None or type_.kind == ANY:
        return True
    if type_.kind in (OBJECT, MAP):
        return isinstance(value, dict) and all(_fits_field(one, type_, name) for name, one in value.items())
    if type_.kind == LIST:
        if not isinstance(value, list):
            return False
        form = shape.of(type_)
        if not form.leaf:
            named = [form.element(one) for one in value]
            if len(set(named)) != len(named):
                return False
        items = type_.items
        return items is None or all(_fits(one, items) for one in value)
    wanted = _SCALARS.get(type_.scalar)
    return wanted is None or (isinstance(value, wanted) and isinstance(value, bool) is (wanted == (bool,)))


def _fits_field(value: Any, type_: Type, name: str) -> bool:
    below = type_.fields.get(name) or (type_.items if type_.kind == MAP else None)
    if below is None:
        return type_.preserve_unknown or not type_.fields
    return _fits(value, below)
