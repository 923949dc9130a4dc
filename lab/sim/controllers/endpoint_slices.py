"""EndpointSlices of Services: the pods behind a Service in pieces of at most 100, by the ports they have in common.

Source: Kubernetes `endpointslice/{reconciler,utils}.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp
from lab.sim.controllers import service_pods
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.pod_control import namespace_is_ending
from lab.sim.controllers.pod_state import is_leaving, is_ready
from lab.sim.controllers.removal import remove
from lab.sim.controllers.service_pods import ServiceController
from lab.sim.objects import evolve, name_of, namespace_of, owner_reference

_RESOURCE = "endpointslices.discovery.k8s.io"
_SERVICE = "kubernetes.io/service-name"
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_MANAGER = "endpointslice-controller.k8s.io"
_LARGEST = 100
_ZONE = "topology.kubernetes.io/zone"
_Ports = tuple[tuple[tuple[str, Any], ...], ...]


class EndpointSlices(ServiceController):
    """Keeps the slices of every Service that selects pods."""

    name = "endpoint-slice-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._slices = self.informer(_RESOURCE)
        self._slices.index("service", _service_of)
        self._slices.handle(self._slice_changed)

    def _slice_changed(self, old: Object | None, new: Object | None) -> None:
        for obj in filter(None, (old, new)):
            for key in _service_of(obj):
                self.enqueue(*key.split("/", 1))

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bring one Service's slices in line with its pods."""
        service = self._services.get(namespace, name)
        if service is None or service["metadata"].get("deletionTimestamp") or not service_pods.has_endpoints(service):
            return
        wanted: dict[_Ports, dict[str, Object]] = {}
        for pod in self.pods_of(service, leaving=True):
            ports = service_pods.ports_of(service, pod)
            if ports or service_pods.is_headless(service):
                key = tuple(tuple(port.items()) for port in ports)
                wanted.setdefault(key, {})[pod["metadata"]["uid"]] = self._endpoint(pod, service)
        held = sorted(self._slices.by("service", f"{namespace}/{name}"), key=name_of)
        try:
            await self._level(service, wanted, held)
        except ApiError as error:
            if not namespace_is_ending(error):
                raise

    async def _level(self, service: Object, wanted: dict[_Ports, dict[str, Object]], held: list[Object]) -> None:
        if not wanted:
            wanted = {(): {}}
        spare = []
        for obj in held:
            endpoints = wanted.get(_ports_in(obj))
            if endpoints is None or (not endpoints and any(other is not obj for other in held) and wanted != {(): {}}):
                spare.append(obj)
        kept = [obj for obj in held if obj not in spare]
        planned: list[tuple[Object | None, _Ports, list[Object]]] = []
        for ports, endpoints in wanted.items():
            planned += _filled(ports, dict(endpoints), [obj for obj in kept if _ports_in(obj) == ports], not endpoints)
        for place, (old, ports, filled) in enumerate(planned):
            if old is None and spare:
                planned[place] = (spare.pop(), ports, filled)
        used = [name_of(old) for old, _, _ in planned if old is not None]
        for old, ports, filled in planned:
            await self._write(service, old, ports, filled)
        for obj in held:
            if name_of(obj) not in used:
                await remove(self.client, _RESOURCE, obj)
                await self._slices.dropped(obj)

    def _endpoint(self, pod: Object, service: Object) -> Object:
        serving, leaving = is_ready(pod), is_leaving(pod)
        ready = service_pods.publishes_all(service) or (serving and not leaving)
        made: Object = {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": ready, "serving": serving, "terminating": leaving},
        }
        hostname = service_pods.hostname_of(pod, service)
        if hostname:
            made["hostname"] = hostname
        node_name = pod["spec"].get("nodeName")
        if node_name:
            made["nodeName"] = node_name
            node = self.informers.of("nodes").get("", node_name)
            zone = (node["metadata"].get("labels") or {}).get(_ZONE) if node is not None else None
            if zone:
                made["zone"] = zone
        made["targetRef"] = service_pods.reference_to(pod)
        return made

    async def _write(self, service: Object, old: Object | None, ports: _Ports, endpoints: list[Object]) -> None:
        labels = service_pods.labels_for(service, {_SERVICE: name_of(service), _MANAGED_BY: _MANAGER})
        body: Object = {"endpoints": endpoints, "ports": [dict(one) for one in ports]}
        if old is not None and (old["metadata"].get("labels"), old.get("endpoints") or []) == (labels, endpoints):
            return
        fields: Object = {"labels": labels, "annotations": {service_pods.TRIGGER_TIME: timestamp(self.clock.now())}}
        if old is not None:
            await self.client.update(_RESOURCE, evolve(old, **body, metadata=fields))
            return
        fields["generateName"] = f"{name_of(service)}-"
        fields["namespace"] = namespace_of(service)
        fields["ownerReferences"] = [owner_reference(service)]
        head = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": fields}
        made = await self.client.create(_RESOURCE, {**head, "addressType": "IPv4", **body})
        await self._slices.reached(made)


def _service_of(obj: Object) -> list[str]:
    labels = obj["metadata"].get("labels") or {}
    if labels.get(_MANAGED_BY) != _MANAGER or not labels.get(_SERVICE):
        return []
    return [f"{namespace_of(obj)}/{labels[_SERVICE]}"]


def _ports_in(obj: Object) -> _Ports:
    made = []
    for port in obj.get("ports") or ():
        known = {"name": port.get("name", ""), "port": port.get("port"), "protocol": port.get("protocol", "TCP")}
        if port.get("appProtocol"):
            known["appProtocol"] = port["appProtocol"]
        made.append(tuple(known.items()))
    return tuple(made)


def _filled(
    ports: _Ports, endpoints: dict[str, Object], slices: list[Object], placeholder: bool
) -> list[tuple[Object | None, _Ports, list[Object]]]:
    """Endpoints put into the slices they are in already, then where there is room, then into new ones."""
    planned: list[tuple[Object | None, _Ports, list[Object]]] = []
    for obj in slices:
        stay = [endpoints.pop(uid) for uid in _uids(obj) if uid in endpoints]
        planned.append((obj, ports, stay))
    rest = list(endpoints.values())
    for _, _, filled in planned:
        room = _LARGEST - len(filled)
        filled += rest[:room]
        rest = rest[room:]
    planned = [one for one in planned if one[2]] or (planned[:1] if placeholder else [])
    for start in range(0, len(rest), _LARGEST):
        planned.append((None, ports, rest[start : start + _LARGEST]))
    if placeholder and not planned:
        planned.append((None, ports, []))
    return planned


def _uids(obj: Object) -> list[str]:
    return [(one.get("targetRef") or {}).get("uid", "") for one in obj.get("endpoints") or ()]
