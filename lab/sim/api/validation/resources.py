"""Names and amounts of resources: what containers ask for, what quotas and ranges limit.

Source: Kubernetes `pkg/apis/core/validation/validation.go`, `pkg/apis/core/helper/helpers.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from lab.sim import quantity
from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    NEGATIVE,
    POSITIVE,
    Wrong,
    duplicate,
    forbidden_field,
    invalid_value,
    not_found,
    not_supported,
    required,
)
from lab.sim.quantity import NANO, NotAQuantity, Quantity

NameCheck = Callable[[Wrong, str, str], None]
_CONTAINER = frozenset({"cpu", "memory", "ephemeral-storage"})
_COUNTED = frozenset(
    {
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
_SHARES = frozenset(f"{lead}{name}" for lead in ("", "requests.", "limits.") for name in _CONTAINER)
QUOTA = frozenset({*_SHARES, *_COUNTED, "requests.storage"})
STANDARD = frozenset({*QUOTA, "storage"})


def huge(name: str) -> bool:
    """Whether a resource is huge pages."""
    return name.startswith("hugepages-")


@lru_cache(maxsize=1024)
def native(name: str) -> bool:
    """Whether Kubernetes itself owns the name."""
    return "/" not in name or "kubernetes.io/" in name


def extended(name: str) -> bool:
    """Whether a resource is one that a device plugin offers."""
    return not native(name) and not name.startswith("requests.") and not names.qualified_name(f"requests.{name}")


def overcommitted(name: str) -> bool:
    """Whether limits may exceed requests."""
    return native(name) and not huge(name)


def resource_name(wrong: Wrong, path: str, name: str) -> None:
    """Any resource."""
    messages = names.qualified_name(name)
    wrong.extend(invalid_value(path, name, message) for message in messages)
    if (
        not messages
        and "/" not in name
        and name not in STANDARD
        and not name.startswith(("hugepages-", "requests.hugepages-"))
    ):
        wrong.append(invalid_value(path, name, "must be a standard resource type or fully qualified"))


def container_resource(wrong: Wrong, path: str, name: str) -> None:
    """A resource that a container may ask for."""
    if name in _CONTAINER:
        return
    resource_name(wrong, path, name)
    if "/" not in name:
        if not huge(name):
            wrong.append(invalid_value(path, name, "must be a standard resource for containers"))
    elif not native(name) and not extended(name):
        wrong.append(invalid_value(path, name, "doesn't follow extended resource name standard"))


def pod_resource(wrong: Wrong, path: str, name: str) -> None:
    """A resource that a pod may ask for as a whole."""
    before = len(wrong)
    resource_name(wrong, path, name)
    if len(wrong) == before and name not in ("cpu", "memory") and not huge(name):
        wrong.append(not_supported(path, name, ("cpu", "hugepages-", "memory")))


def quota_resource(wrong: Wrong, path: str, name: str) -> None:
    """A resource that a quota may limit."""
    resource_name(wrong, path, name)
    if "/" not in name and name not in QUOTA and not name.startswith(("hugepages-", "requests.hugepages-")):
        wrong.append(invalid_value(path, name, "must be a standard resource for quota"))


def read(value: Any) -> Quantity | None:
    """The quantity; None where the text is none, which the schema refuses."""
    try:
        return quantity.parse(value if type(value) is str else quantity.text_of(value))
    except NotAQuantity:
        return None


def amount_of(wrong: Wrong, path: str, name: str, amount: Quantity) -> None:
    """An amount may not be negative and, of what is counted, not a fraction."""
    if amount.nanos < 0:
        wrong.append(invalid_value(path, str(amount), NEGATIVE))
    if amount.nanos % NANO and (name in _COUNTED or extended(name)):
        wrong.append(invalid_value(path, str(amount), "must be an integer"))


def positive(wrong: Wrong, path: str, value: Any) -> bool:
    """An amount above zero; whether it is."""
    amount = read(value)
    if amount is not None and amount.nanos <= 0:
        wrong.append(invalid_value(path, str(amount), POSITIVE))
        return False
    return True


def requirements(
    wrong: Wrong,
    path: str,
    needs: Object | None,
    name_check: NameCheck = container_resource,
    claims: tuple[str, ...] = (),
) -> None:
    """`resources` of a container: limits, requests and claims. `claims`: names of the pod's resource claims."""
    if not needs:
        return
    limits: Mapping[str, Any] = needs.get("limits") or {}
    requests: Mapping[str, Any] = needs.get("requests") or {}
    for name, value in limits.items():
        _amount(wrong, f"{path}.limits[{name}]", name, value, name_check)
    for name, value in requests.items():
        at = f"{path}.requests[{name}]"
        amount = _amount(wrong, at, name, value, name_check)
        limit = read(limits[name]) if name in limits else None
        if amount is None:
            continue
        if limit is not None:
            if limit.nanos != amount.nanos and not overcommitted(name):
                said = f"must be equal to {name} limit of {limit}"
                wrong.append(invalid_value(f"{path}.requests", str(amount), said))
            elif amount.nanos > limit.nanos:
                said = f"must be less than or equal to {name} limit of {limit}"
                wrong.append(invalid_value(f"{path}.requests", str(amount), said))
        elif not overcommitted(name):
            wrong.append(required(f"{path}.limits", "Limit must be set for non overcommitable resources"))
        _whole_pages(wrong, at, name, amount)
    every = {*limits, *requests}
    if every and not every & {"cpu", "memory"} and any(huge(name) for name in every):
        wrong.append(forbidden_field(path, "HugePages require cpu or memory"))
    if needs.get("claims"):
        _claims(wrong, f"{path}.claims", needs["claims"], claims)


def _amount(wrong: Wrong, path: str, name: str, value: Any, name_check: NameCheck) -> Quantity | None:
    name_check(wrong, path, name)
    amount = read(value)
    if amount is not None:
        amount_of(wrong, path, name, amount)
        if path.endswith(f".limits[{name}]"):
            _whole_pages(wrong, path, name, amount)
    return amount


def _whole_pages(wrong: Wrong, path: str, name: str, amount: Quantity) -> None:
    if huge(name):
        size = read(name.removeprefix("hugepages-"))
        if size is None or size.nanos <= 0 or size.nanos % NANO or amount.value % size.value:
            wrong.append(invalid_value(path, str(amount), f"{amount} is not positive integer multiple of {name}"))


def _claims(wrong: Wrong, path: str, values: list[Object], known: tuple[str, ...]) -> None:
    seen: set[str] = set()
    for index, one in enumerate(values):
        name, at = one.get("name") or "", f"{path}[{index}]"
        if not name:
            wrong.append(required(at))
        else:
            key = f"{name}/{one['request']}" if one.get("request") else name
            if name in seen or key in seen:
                wrong.append(duplicate(at, key))
            seen.add(key)
        if name not in known:
            listed = ": " + ", ".join(sorted(known)) if known else " which is empty"
            wrong.append(not_found(at, name, f"must be one of the names in pod.spec.resourceClaims{listed}"))
