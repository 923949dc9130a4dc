"""Sums of resources: what a pod asks for, what a namespace uses.

Source: Kubernetes `staging/src/k8s.io/component-helpers/resource/helpers.go`, apiserver `pkg/quota/v1/resources.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.sim.api.resources import Object
from lab.sim.quantity import DECIMAL, NANO, NotAQuantity, Quantity, parse, text_of

Amounts = dict[str, Quantity]
NOTHING = Quantity(0, DECIMAL)
ONE = Quantity(NANO, DECIMAL)


def count(number: int) -> Quantity:
    """`number` of something."""
    return Quantity(number * NANO, DECIMAL)


def read(amounts: Mapping[str, Any] | None) -> Amounts:
    """Quantities as an object holds them; what is none is left to validation."""
    found = {}
    for name, value in (amounts or {}).items():
        try:
            found[name] = parse(text_of(value))
        except NotAQuantity:
            continue
    return found


def plus(one: Quantity, other: Quantity) -> Quantity:
    """Their sum, written as `one` is unless that is 0."""
    return Quantity(one.nanos + other.nanos, one.form if one.nanos else other.form)


def add(total: Amounts, more: Amounts) -> None:
    """Add `more` to `total`, in place."""
    for name, amount in more.items():
        held = total.get(name)
        total[name] = amount if held is None else plus(held, amount)


def _raise_to(total: Amounts, least: Amounts) -> None:
    for name, amount in least.items():
        held = total.get(name)
        if held is None or amount.nanos > held.nanos:
            total[name] = amount


def of_pod(spec: Object, kind: str, overhead: bool = False) -> Amounts:
    """What a pod takes at most at one time: `kind` is `requests` or `limits`.

    `overhead`: with what its runtime class adds.
    """
    total: Amounts = {}
    for container in spec.get("containers") or ():
        add(total, read((container.get("resources") or {}).get(kind)))
    beside: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = read((container.get("resources") or {}).get(kind))
        if container.get("restartPolicy") == "Always":
            add(total, own)
            add(beside, own)
            own = dict(beside)
        else:
            add(own, beside)
        _raise_to(peak, own)
    _raise_to(total, peak)
    whole = read((spec.get("resources") or {}).get(kind))
    total.update({name: amount for name, amount in whole.items() if name in ("cpu", "memory")})
    if overhead:
        extra = read(spec.get("overhead"))
        add(total, extra if kind == "requests" else {name: one for name, one in extra.items() if name in total})
    return total


def shown(amounts: Amounts) -> str:
    """`NAME=AMOUNT` of each, in order of names, as messages list them."""
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))
