"""What Services, Endpoints and EndpointSlices must say."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from lab.sim.api.resources import Object
from tests.sim.invariants.world import Found, World, holds, leaving, over, rule, rule_at_rest, selects

_ADDRESSES = ip_network("10.96.0.0/16")
_SERVICE_NAME = "kubernetes.io/service-name"


@rule
def service_addresses_are_unique(world: World) -> Found:
    taken: dict[str, Object] = {}
    for obj in world.of("services"):
        spec = obj["spec"]
        address = spec.get("clusterIP")
        if spec.get("type") == "ExternalName":
            if address:
                yield obj, f"an ExternalName has the address {address}"
            continue
        if (spec.get("clusterIPs") or [None])[0] != address or not address:
            yield obj, f"clusterIP is {address!r}, clusterIPs {spec.get('clusterIPs')}"
        elif address != "None":
            if ip_address(address) not in _ADDRESSES:
                yield obj, f"{address} is out of range"
            if taken.setdefault(address, obj) is not obj:
                yield obj, f"{address} belongs to another Service too"


@rule
def node_ports_are_unique(world: World) -> Found:
    taken: dict[tuple[str, int], Object] = {}
    for obj in world.of("services"):
        ports = [
            (one.get("protocol", "TCP"), one["nodePort"])
            for one in obj["spec"].get("ports") or ()
            if one.get("nodePort")
        ]
        check = obj["spec"].get("healthCheckNodePort")
        if check:
            ports.append(("TCP", check))
        if ports and obj["spec"].get("type") not in ("NodePort", "LoadBalancer"):
            yield obj, f"type {obj['spec'].get('type')} has node ports"
        if obj["spec"].get("type") == "NodePort" and not ports:
            yield obj, "it has no node ports"
        for port in ports:
            if not 30000 <= port[1] <= 32767:
                yield obj, f"node port {port[1]} is out of range"
            if taken.setdefault(port, obj) is not obj:
                yield obj, f"node port {port[1]} belongs to another Service too"


def _ready_pods(world: World, service: Object) -> dict[str, Object]:
    selector = service["spec"].get("selector")
    if not selector:
        return {}
    return {
        pod["status"]["podIP"]: pod
        for pod in world.of("pods", service["metadata"]["namespace"])
        if selects({"matchLabels": selector}, pod["metadata"].get("labels"))
        and pod.get("status", {}).get("podIP")
        and not over(pod)
        and not leaving(pod)
        and (holds(pod, "Ready") or service["spec"].get("publishNotReadyAddresses"))
    }


@rule_at_rest
def slices_hold_the_services_pods(world: World) -> Found:
    for service in world.of("services"):
        if not service["spec"].get("selector") or leaving(service) or service["spec"].get("type") == "ExternalName":
            continue
        wanted = _ready_pods(world, service)
        found: set[str] = set()
        for one in world.owned.get(service["metadata"]["uid"], ()):
            if one["kind"] != "EndpointSlice":
                continue
            if (one["metadata"].get("labels") or {}).get(_SERVICE_NAME) != service["metadata"]["name"]:
                yield one, "it does not name its Service"
            for endpoint in one.get("endpoints") or ():
                pod = world.by_uid.get((endpoint.get("targetRef") or {}).get("uid", ""))
                address = endpoint["addresses"][0]
                if pod is None:
                    yield one, f"{address} is of a pod that does not exist"
                elif pod.get("status", {}).get("podIP") != address:
                    yield one, f"{address} is not the address of {pod['metadata']['name']}"
                if endpoint.get("conditions", {}).get("ready"):
                    found.add(address)
        if found != set(wanted):
            yield service, f"its slices have {sorted(found)} ready, its ready pods are {sorted(wanted)}"


@rule_at_rest
def endpoints_hold_the_services_pods(world: World) -> Found:
    for service in world.of("services"):
        if not service["spec"].get("selector") or leaving(service) or service["spec"].get("type") == "ExternalName":
            continue
        name = service["metadata"]["name"]
        obj = world.get("endpoints", service["metadata"]["namespace"], name)
        if obj is None:
            yield service, "it has no Endpoints"
            continue
        found = {one["ip"] for part in obj.get("subsets") or () for one in part.get("addresses") or ()}
        wanted = set(_ready_pods(world, service))
        if found != wanted:
            yield obj, f"it has {sorted(found)}, ready pods are {sorted(wanted)}"
        for part in obj.get("subsets") or ():
            for one in (*(part.get("addresses") or ()), *(part.get("notReadyAddresses") or ())):
                if (one.get("targetRef") or {}).get("uid") not in world.by_uid:
                    yield obj, f"{one['ip']} is of a pod that does not exist"
