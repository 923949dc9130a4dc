"""Which pods are behind a Service, at which ports: what Endpoints and EndpointSlices have in common.

Source: Kubernetes `pkg/controller/endpoint`, `endpointslice/util/controller_utils.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.pod_state import is_finished, is_leaving, is_ready
from lab.sim.objects import name_of, namespace_of

_HEADLESS = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


class ServiceController(Controller):
    """Base of controllers that follow Services and the pods behind them."""

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._services = self.informer("services")
        self._pods = self.informer("pods")
        self._services.handle(self._service_changed)
        self._pods.handle(self._pod_changed)

    def _service_changed(self, old: Object | None, new: Object | None) -> None:
        service = new if new is not None else old
        assert service is not None
        self.enqueue_object(service)

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and _seen(old) == _seen(new):
            return
        pod = new if new is not None else old
        assert pod is not None
        labels = [(one["metadata"].get("labels") or {}) for one in (old, new) if one is not None]
        for service in self._services.list(namespace_of(pod)):
            selector = service["spec"].get("selector")
            if selector and any(selector.items() <= one.items() for one in labels):
                self.enqueue_object(service)

    def pods_of(self, service: Object, leaving: bool) -> list[Object]:
        """The pods with an address that a Service selects, by name; `leaving`: also those being deleted."""
        selector = service["spec"]["selector"]
        found = [
            pod
            for pod in self._pods.list(namespace_of(service))
            if selector.items() <= (pod["metadata"].get("labels") or {}).items()
            and (pod.get("status") or {}).get("podIP")
            and not is_finished(pod)
            and (leaving or not is_leaving(pod))
        ]
        return sorted(found, key=name_of)


def has_endpoints(service: Object) -> bool:
    """Whether controllers make endpoints for a Service: it selects pods and has no external name."""
    return bool(service["spec"].get("selector")) and service["spec"].get("type") != "ExternalName"


def is_headless(service: Object) -> bool:
    """Whether the Service has no address of its own."""
    return service["spec"].get("clusterIP") in (None, "", "None")


def labels_for(service: Object, own: dict[str, str]) -> dict[str, str]:
    """The labels of what describes a Service's pods: the Service's, whether it is headless, and `own`."""
    labels = {**(service["metadata"].get("labels") or {}), **own}
    labels.pop(_HEADLESS, None)
    if is_headless(service):
        labels[_HEADLESS] = ""
    return labels


def publishes_all(service: Object) -> bool:
    """Whether pods count as ready whatever they say."""
    return bool(service["spec"].get("publishNotReadyAddresses"))


def port_of(pod: Object, port: Object) -> int | None:
    """The pod's port number behind a Service's port; None when no container has a port of that name."""
    target = port.get("targetPort")
    if not isinstance(target, str):
        return int(target or port["port"])
    for container in [*pod["spec"]["containers"], *_sidecars(pod)]:
        for one in container.get("ports") or ():
            if one.get("name") == target and one.get("protocol", "TCP") == port.get("protocol", "TCP"):
                return int(one["containerPort"])
    return int(target) if target.isdecimal() else None


def _sidecars(pod: Object) -> list[Object]:
    return [one for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always"]


def ports_of(service: Object, pod: Object) -> list[Object]:
    """The Service's ports as this pod serves them; those it does not serve are left out."""
    made = []
    for port in service["spec"].get("ports") or ():
        number = port_of(pod, port)
        if number is not None:
            one: Object = {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
            if port.get("appProtocol"):
                one["appProtocol"] = port["appProtocol"]
            made.append(one)
    return made


def hostname_of(pod: Object, service: Object) -> str:
    """The pod's name within a headless Service that its `subdomain` names, or ""."""
    spec = pod["spec"]
    if spec.get("hostname") and spec.get("subdomain") == name_of(service):
        return str(spec["hostname"])
    return ""


def reference_to(pod: Object) -> Object:
    """`targetRef`."""
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def _seen(pod: Object) -> tuple[object, ...]:
    status, metadata = pod.get("status") or {}, pod["metadata"]
    leaving = bool(metadata.get("deletionTimestamp"))
    return (metadata.get("labels"), status.get("podIP"), status.get("phase"), is_ready(pod), leaving)
