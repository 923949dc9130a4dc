"""Quantities as a server writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.sim import quantity
from lab.sim.api.resources import Object
from lab.sim.quantity import NotAQuantity


def resource_list(values: dict[str, Any] | None) -> None:
    """Rewrite a map of quantities, in place. Values that are no quantities stay: the schema refuses them."""
    if not values:
        return
    for name, value in values.items():
        try:
            written = quantity.resource(value)
        except NotAQuantity:
            continue
        if written is not value:
            values[name] = written


def resource_lists(holder: Object | None, names: Iterable[str]) -> None:
    """Rewrite the maps of quantities in these fields of `holder`."""
    if holder:
        for name in names:
            values = holder.get(name)
            if values:
                resource_list(values)


def single(holder: Object | None, *names: str) -> None:
    """Rewrite the quantities in these fields of `holder`, without rounding."""
    if holder:
        for name in names:
            if holder.get(name) is not None:
                try:
                    holder[name] = quantity.canonical(holder[name])
                except NotAQuantity:
                    continue
