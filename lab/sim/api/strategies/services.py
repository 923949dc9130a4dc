"""Services: cluster addresses and node ports, handed out by the server and kept while a client leaves them out.

What is taken is read off the stored services, so nothing beside them needs to be kept.
Source: Kubernetes `pkg/registry/core/service/{strategy.go,storage/alloc.go,storage/storage.go}`.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError, internal, invalid, invalid_value
from lab.sim.api.strategies.strategy import Strategy

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

RANGE = ipaddress.IPv4Network("10.96.0.0/16")
"""Where cluster addresses come from: kind's range."""
PORTS = range(30000, 32768)
_FIRST_ADDRESS_OFFSET = 256
"""Addresses below are left to those who ask for one by name, until the others are used up."""
_FIRST_PORT_OFFSET = 86
_TRIES = 64
_ALLOCATED = (
    "type",
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "ports",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "selector",
)
"""Fields on which addresses and ports depend."""


class Services(Strategy):
    """A service's type says which of its fields mean anything."""

    create_on_update = True

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Fill in what the server gave and the client left out; drop what the new type does not use."""
        if subresource:
            return
        before, after = old["spec"], new.get("spec")
        if not isinstance(after, dict):
            return
        _keep_allocated(after, before)
        _level_addresses(after, before)
        _drop_unused(after, before)
        if after.get("type") != "LoadBalancer":
            new["status"] = {**new.get("status", {}), "loadBalancer": {}}

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """One address in `clusterIP` is also the first of `clusterIPs`."""
        super().prepare_create(rest, resource, obj, context)
        spec = obj.get("spec")
        if isinstance(spec, dict) and spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]

    def allocate(self, rest: Rest, resource: Resource, new: Object, old: Object | None, context: Context) -> None:
        """Hand out addresses and ports. Raises ApiError 422 for one that is taken or out of range, 500 for none."""
        spec = new["spec"]
        before = old["spec"] if old is not None else {}
        if spec.get("type") == "ExternalName":
            return
        if old is not None and all(spec.get(field) == before.get(field) for field in _ALLOCATED):
            return
        name = new["metadata"]["name"]
        others = [
            one["spec"] for one in rest.store.scan(resource.storage) if one["metadata"]["uid"] != new["metadata"]["uid"]
        ]
        _settle_families(name, spec, before)
        _give_addresses(name, spec, before, others)
        _give_ports(name, spec, before, others)


def _refused(name: str, field: str, value: object, detail: str) -> ApiError:
    return invalid("", "Service", name, [invalid_value(field, value, detail)])


# -- what an update leaves out


def _needs_port(spec: Object) -> bool:
    kind = spec.get("type")
    return kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False)


def _needs_health_port(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _node_ports(spec: Object) -> set[int]:
    return {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}


def _keep_allocated(after: Object, before: Object) -> None:
    if "ExternalName" not in (before.get("type"), after.get("type")):
        if not after.get("clusterIP") and before.get("clusterIP"):
            after["clusterIP"] = before["clusterIP"]
        if not after.get("clusterIPs") and before.get("clusterIPs"):
            after["clusterIPs"] = list(before["clusterIPs"])
    if _needs_port(before) and _needs_port(after):
        used = _node_ports(before) & _node_ports(after)
        known = {port.get("name", ""): port.get("nodePort") for port in before.get("ports") or ()}
        for port in after.get("ports") or ():
            if not port.get("nodePort"):
                had = known.get(port.get("name", ""))
                if had and had not in used:
                    port["nodePort"] = had
    if _needs_health_port(before) and _needs_health_port(after) and before.get("healthCheckNodePort"):
        after["healthCheckNodePort"] = after.get("healthCheckNodePort") or before["healthCheckNodePort"]


def _level_addresses(after: Object, before: Object) -> None:
    """`clusterIP` and `clusterIPs` say the same thing, whichever of the two a client changed."""
    one, several = after.get("clusterIP") or "", after.get("clusterIPs") or []
    had_one, had_several = before.get("clusterIP") or "", before.get("clusterIPs") or []
    if had_several and not several and one == had_one:
        after["clusterIPs"] = list(had_several)
    elif one != had_one and several == had_several:
        if had_one and not one:
            after.pop("clusterIPs", None)
        elif one:
            after["clusterIPs"] = [one]


def _drop_unused(after: Object, before: Object) -> None:
    kind, was = after.get("type"), before.get("type")
    if was != "ExternalName" and kind == "ExternalName":
        same = after.get("clusterIP") == before.get("clusterIP") and after.get("clusterIPs") == before.get("clusterIPs")
        for field, drop in (
            ("clusterIP", same),
            ("clusterIPs", same),
            ("ipFamilies", after.get("ipFamilies") == before.get("ipFamilies")),
            ("ipFamilyPolicy", after.get("ipFamilyPolicy") == before.get("ipFamilyPolicy")),
            ("internalTrafficPolicy", True),
        ):
            if drop:
                after.pop(field, None)
    ported = ("NodePort", "LoadBalancer")
    if was in ported and kind not in ported and _node_ports(before) >= _node_ports(after):
        for port in after.get("ports") or ():
            port.pop("nodePort", None)
    if _needs_health_port(before) and not _needs_health_port(after):
        _drop_same(after, before, "healthCheckNodePort")
    if was == "LoadBalancer" and kind != "LoadBalancer":
        _drop_same(after, before, "allocateLoadBalancerNodePorts")
        _drop_same(after, before, "loadBalancerClass")
    if _reached_from_outside(before) and not _reached_from_outside(after):
        _drop_same(after, before, "externalTrafficPolicy")


def _drop_same(after: Object, before: Object, field: str) -> None:
    if after.get(field) == before.get(field):
        after.pop(field, None)


def _reached_from_outside(spec: Object) -> bool:
    kind = spec.get("type")
    return kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


# -- addresses


def _family(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def _settle_families(name: str, spec: Object, before: Object) -> None:
    addresses = list(spec.get("clusterIPs") or ())
    headless = spec.get("clusterIP") == "None"
    free = headless and not spec.get("selector")
    if not spec.get("ipFamilyPolicy"):
        spec["ipFamilyPolicy"] = before.get("ipFamilyPolicy") or ("RequireDualStack" if free else "SingleStack")
    policy = spec["ipFamilyPolicy"]
    families = list(spec.get("ipFamilies") or ())
    if policy == "SingleStack":
        if len(addresses) == 2 and addresses == before.get("clusterIPs"):
            addresses = spec["clusterIPs"] = addresses[:1]
        if len(families) == 2 and families == before.get("ipFamilies"):
            families = families[:1]
        for many, what in ((addresses, "cluster IPs"), (families, "IP families")):
            if len(many) == 2:
                detail = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
                raise _refused(name, "spec.ipFamilyPolicy", policy, detail)
    for index, address in enumerate(() if headless else addresses):
        if index >= len(families):
            if _family(address) != "IPv4":
                detail = f"{_family(address)} is not configured on this cluster"
                raise _refused(name, f"spec.clusterIPs[{index}]", addresses, detail)
            families.append("IPv4")
    if free:
        families = families or ["IPv4"]
        if len(families) == 1 and policy != "SingleStack":
            families.append("IPv6" if families[0] == "IPv4" else "IPv4")
    else:
        wrong = []
        if policy == "RequireDualStack":
            detail = "this cluster is not configured for dual-stack services"
            wrong.append(invalid_value("spec.ipFamilyPolicy", policy, detail))
        wrong += [
            invalid_value(f"spec.ipFamilies[{index}]", one, "not configured on this cluster")
            for index, one in enumerate(families)
            if one != "IPv4"
        ]
        if wrong:
            raise invalid("", "Service", name, wrong)
    spec["ipFamilies"] = families or ["IPv4"]


def _give_addresses(name: str, spec: Object, before: Object, others: Iterable[Object]) -> None:
    if spec.get("clusterIP") == "None":
        return
    said = (spec.get("clusterIPs") or [""])[0]
    if said and said == before.get("clusterIP"):
        return
    taken = {address for one in others for address in one.get("clusterIPs") or ()}
    if not said:
        said = _free_address(taken)
    else:
        why = _unusable(said, taken)
        if why:
            detail = f"failed to allocate IP {said}: {why}"
            raise _refused(name, "spec.clusterIPs", list(spec.get("clusterIPs") or ()), detail)
    spec["clusterIP"], spec["clusterIPs"] = said, [said]


def _unusable(said: str, taken: set[str]) -> str:
    address = ipaddress.ip_address(said)
    if address not in RANGE or address in (RANGE.network_address, RANGE.broadcast_address):
        return "the provided network does not match the current range"
    return "provided IP is already allocated" if said in taken else ""


def _free_address(taken: set[str]) -> str:
    last = RANGE.num_addresses - 1
    for _ in range(_TRIES):
        offset = _FIRST_ADDRESS_OFFSET + secrets.randbelow(last - _FIRST_ADDRESS_OFFSET)
        address = str(RANGE[offset])
        if address not in taken:
            return address
    for offset in (*range(_FIRST_ADDRESS_OFFSET, last), *range(1, _FIRST_ADDRESS_OFFSET)):
        address = str(RANGE[offset])
        if address not in taken:
            return address
    raise internal("failed to allocate a serviceIP: range is full")


# -- ports


def _give_ports(name: str, spec: Object, before: Object, others: Iterable[Object]) -> None:
    ported = spec.get("type") in ("NodePort", "LoadBalancer")
    health = _needs_health_port(spec)
    if not ported and not health:
        return
    taken: set[int] = set()
    for one in others:
        taken |= _node_ports(one)
        if one.get("healthCheckNodePort"):
            taken.add(one["healthCheckNodePort"])
    own = _node_ports(before)
    if ported:
        _give_node_ports(name, spec, own, taken)
    if health and not _needs_health_port(before):
        said = spec.get("healthCheckNodePort")
        if said:
            why = _unusable_port(said, taken)
            if why:
                raise internal(f"failed to allocate requested HealthCheck NodePort {said}: {why}")
        else:
            spec["healthCheckNodePort"] = _free_port(taken)


def _give_node_ports(name: str, spec: Object, own: set[int], taken: set[int]) -> None:
    """Ports with the same number share a node port, as TCP and UDP on one number do."""
    given: dict[int, int] = {}
    ports = spec.get("ports") or ()
    for index, port in enumerate(ports):
        said = port.get("nodePort")
        if not said:
            continue
        if said not in own and said not in given.values():
            why = _unusable_port(said, taken)
            if why:
                raise _refused(name, f"spec.ports[{index}].nodePort", said, why)
            taken.add(said)
        given.setdefault(port["port"], said)
    if not _needs_port(spec):
        return
    taken |= own
    used = {(port.get("protocol", "TCP"), port["nodePort"]) for port in ports if port.get("nodePort")}
    for port in ports:
        if not port.get("nodePort"):
            shared = given.get(port["port"])
            if shared is None or (port.get("protocol", "TCP"), shared) in used:
                shared = _free_port(taken)
            given[port["port"]] = port["nodePort"] = shared
            used.add((port.get("protocol", "TCP"), shared))


def _unusable_port(port: int, taken: set[int]) -> str:
    if port not in PORTS:
        return f"provided port is not in the valid range. The range of valid ports is {PORTS[0]}-{PORTS[-1]}"
    return "provided port is already allocated" if port in taken else ""


def _free_port(taken: set[int]) -> int:
    for _ in range(_TRIES):
        port = PORTS[_FIRST_PORT_OFFSET + secrets.randbelow(len(PORTS) - _FIRST_PORT_OFFSET)]
        if port not in taken:
            taken.add(port)
            return port
    for port in PORTS:
        if port not in taken:
            taken.add(port)
            return port
    raise internal("failed to allocate a nodePort: range is full")
