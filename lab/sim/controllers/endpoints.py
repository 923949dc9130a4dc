"""Endpoints of Services: the older, single object with every pod behind a Service.

Source: Kubernetes `pkg/controller/endpoint/endpoints_controller.go`, `pkg/api/v1/endpoints/util.go`.
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
from lab.sim.controllers.pod_state import is_ready
from lab.sim.controllers.removal import remove
from lab.sim.controllers.service_pods import ServiceController
from lab.sim.objects import evolve

_MANAGED_BY = "endpoints.kubernetes.io/managed-by"
_OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
_LARGEST = 1000
"""Addresses in one Endpoints object; more are cut off."""


class Endpoints(ServiceController):
    """Keeps an Endpoints object for every Service that selects pods."""

    name = "endpoint-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._endpoints = self.informer("endpoints")
        self._endpoints.handle(self._endpoints_changed)

    def _endpoints_changed(self, old: Object | None, new: Object | None) -> None:
        obj = new if new is not None else old
        assert obj is not None
        self.enqueue_object(obj)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bring one Service's Endpoints in line with its pods."""
        service = self._services.get(namespace, name)
        held = self._endpoints.get(namespace, name)
        if service is None or service["metadata"].get("deletionTimestamp"):
            if held is not None and service is None and _is_ours(held):
                await remove(self.client, "endpoints", held)
            return
        if not service_pods.has_endpoints(service):
            return
        subsets = self._subsets(service)
        labels = service_pods.labels_for(service, {_MANAGED_BY: self.name})
        if held is not None and (held.get("subsets") or []) == subsets and held["metadata"].get("labels") == labels:
            return
        annotations = {service_pods.TRIGGER_TIME: timestamp(self.clock.now())}
        if _cut(subsets):
            annotations[_OVER_CAPACITY] = "truncated"
        await self._write(namespace, name, held, subsets, {"labels": labels, "annotations": annotations})

    async def _write(
        self, namespace: str, name: str, held: Object | None, subsets: list[Object], fields: Object
    ) -> None:
        try:
            if held is None:
                metadata = {"name": name, "namespace": namespace, **fields}
                made = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets}
                await self.client.create("endpoints", made)
            else:
                await self.client.update("endpoints", evolve(held, subsets=subsets, metadata=fields))
        except ApiError as error:
            if not namespace_is_ending(error):
                raise

    def _subsets(self, service: Object) -> list[Object]:
        """Addresses grouped by the ports they have in common."""
        everyone = service_pods.publishes_all(service)
        by_port: dict[tuple[Any, ...], tuple[dict[str, Object], dict[str, Object]]] = {}
        for pod in self.pods_of(service, leaving=everyone):
            address = _address(pod, service)
            ports: list[Object | None] = list(service_pods.ports_of(service, pod))
            if not service["spec"].get("ports") and service_pods.is_headless(service):
                ports = [None]
            for port in ports:
                key = tuple(sorted(port.items())) if port is not None else ()
                ready, unready = by_port.setdefault(key, ({}, {}))
                (ready if everyone or is_ready(pod) else unready)[address["ip"]] = address
        groups: dict[tuple[Any, ...], tuple[list[Object], list[Object], list[Object]]] = {}
        for key, (ready, unready) in by_port.items():
            same = (tuple(ready), tuple(unready))
            group = groups.setdefault(same, (list(ready.values()), list(unready.values()), []))
            if key:
                group[2].append({name: value for name, value in key if value != ""})
        made = []
        for ready_list, unready_list, port_list in groups.values():
            subset: Object = {}
            if ready_list:
                subset["addresses"] = ready_list
            if unready_list:
                subset["notReadyAddresses"] = unready_list
            if port_list:
                subset["ports"] = port_list
            made.append(subset)
        return made


def _is_ours(held: Object) -> bool:
    return (held["metadata"].get("labels") or {}).get(_MANAGED_BY) == Endpoints.name


def _address(pod: Object, service: Object) -> Object:
    made: Object = {"ip": pod["status"]["podIP"]}
    hostname = service_pods.hostname_of(pod, service)
    if hostname:
        made["hostname"] = hostname
    if pod["spec"].get("nodeName"):
        made["nodeName"] = pod["spec"]["nodeName"]
    made["targetRef"] = service_pods.reference_to(pod)
    return made


def _cut(subsets: list[Object]) -> bool:
    """Keep the first 1,000 addresses, ready ones first; True when some were cut off."""
    room, cut = _LARGEST, False
    for field in ("addresses", "notReadyAddresses"):
        for subset in subsets:
            addresses = subset.get(field) or []
            if len(addresses) > room:
                subset[field] = addresses[:room]
                cut = True
            room -= min(room, len(addresses))
    return cut
