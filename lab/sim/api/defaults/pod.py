"""Defaults of pods and of the pod templates in workloads."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from lab.sim import quantity
from lab.sim.api.defaults.filling import fill
from lab.sim.api.defaults.quantities import resource_list, resource_lists, single
from lab.sim.api.resources import Object
from lab.sim.quantity import NotAQuantity, Quantity

Items = list[Object]
_HANDLERS = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE = (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3))
_POD_LEVEL = ("cpu", "memory")
_MODE = 0o644
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*(?::(?P<tag>\w[\w.-]{{0,127}}))?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)


@lru_cache(maxsize=1024)
def pull_policy(image: str) -> str:
    """`imagePullPolicy` of an image whose container says none: `Always` for the tag `latest`, said or not."""
    read = _IMAGE.fullmatch(image)
    if read is None:
        return "IfNotPresent"
    tag = read["tag"] or ("" if read["digest"] else "latest")
    return "Always" if tag == "latest" else "IfNotPresent"


def pod_spec(spec: Object) -> None:
    """Defaults of a pod's spec wherever it stands."""
    if not spec.get("dnsPolicy"):
        spec["dnsPolicy"] = "ClusterFirst"
    if not spec.get("restartPolicy"):
        spec["restartPolicy"] = "Always"
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = 30
    if not spec.get("schedulerName"):
        spec["schedulerName"] = "default-scheduler"
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for one in spec.get("volumes") or ():
        volume(one)
    for one in spec.get("initContainers") or ():
        container(one)
    for one in spec.get("containers") or ():
        container(one)
    for one in spec.get("ephemeralContainers") or ():
        container(one)
    if spec.get("overhead"):
        resource_list(spec["overhead"])
    if spec.get("resources"):
        resource_lists(spec["resources"], ("limits", "requests"))


def template(holder: Object) -> None:
    """Defaults of `holder`'s `template`."""
    fill(holder, template={})
    made = holder["template"]
    fill(made, metadata={}, spec={"containers": None})
    pod_spec(made["spec"])


def pod(obj: Object) -> None:
    """Defaults of a Pod, with those that a template does not get."""
    fill(obj, spec={"containers": None}, status={})
    spec = obj["spec"]
    pod_spec(spec)
    for one in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        resources = one["resources"]
        limits = resources.get("limits")
        if limits:
            resources["requests"] = {**limits, **(resources.get("requests") or {})}
    if (spec.get("resources") or {}).get("limits"):
        _pod_requests(spec)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    if spec.get("hostNetwork"):
        _host_ports(spec)


def container(one: Object) -> None:
    """Defaults of a container of any kind."""
    if not one.get("imagePullPolicy"):
        one["imagePullPolicy"] = pull_policy(one.get("image") or "")
    if not one.get("terminationMessagePath"):
        one["terminationMessagePath"] = "/dev/termination-log"
    if not one.get("terminationMessagePolicy"):
        one["terminationMessagePolicy"] = "File"
    for port in one.get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
    for entry in one.get("env") or ():
        source = entry.get("valueFrom")
        if source:
            _env_source(source)
    resources = one.get("resources")
    if resources is None:
        one["resources"] = {}
    elif resources:
        resource_list(resources.get("limits"))
        resource_list(resources.get("requests"))
    for name in _HANDLERS:
        probe = one.get(name)
        if probe is not None:
            _probe(probe)
    lifecycle = one.get("lifecycle")
    if lifecycle:
        for name in ("postStart", "preStop"):
            _http_get(lifecycle.get(name))


def _env_source(source: Object) -> None:
    _field_ref(source)
    reference = source.get("resourceFieldRef")
    if reference is not None:
        _divisor(reference)
    key = source.get("fileKeyRef")
    if key is not None and key.get("optional") is None:
        key["optional"] = False


def _divisor(reference: Object) -> None:
    single(reference, "divisor")
    if reference.get("divisor") is None:
        reference["divisor"] = "0"


def _field_ref(holder: Object) -> None:
    reference = holder.get("fieldRef")
    if reference is not None and not reference.get("apiVersion"):
        reference["apiVersion"] = "v1"


def _probe(probe: Object) -> None:
    for name, value in _PROBE:
        if not probe.get(name):
            probe[name] = value
    _http_get(probe)
    grpc = probe.get("grpc")
    if grpc is not None and grpc.get("service") is None:
        grpc["service"] = ""


def _http_get(handler: Object | None) -> None:
    action = (handler or {}).get("httpGet")
    if action is not None:
        if not action.get("path"):
            action["path"] = "/"
        if not action.get("scheme"):
            action["scheme"] = "HTTP"


def volume(one: Object) -> None:
    """Defaults of a pod's volume."""
    if len(one) == 1 and "name" in one:
        one["emptyDir"] = {}
        return
    for name, source in one.items():
        fill = _VOLUMES.get(name)
        if fill is not None and source is not None:
            fill(source)


def _mode(source: Object) -> None:
    if source.get("defaultMode") is None:
        source["defaultMode"] = _MODE


def _downward(source: Object) -> None:
    _mode(source)
    _downward_items(source)


def _downward_items(source: Object) -> None:
    for item in source.get("items") or ():
        _field_ref(item)
        if item.get("resourceFieldRef") is not None:
            _divisor(item["resourceFieldRef"])


def _projected(source: Object) -> None:
    _mode(source)
    for one in source.get("sources") or ():
        token = one.get("serviceAccountToken")
        if token is not None and token.get("expirationSeconds") is None:
            token["expirationSeconds"] = 3600
        if one.get("downwardAPI") is not None:
            _downward_items(one["downwardAPI"])


def _host_path(source: Object) -> None:
    if source.get("type") is None:
        source["type"] = ""


def _iscsi(source: Object) -> None:
    if not source.get("iscsiInterface"):
        source["iscsiInterface"] = "default"


def _rbd(source: Object) -> None:
    for name, value in (("pool", "rbd"), ("user", "admin"), ("keyring", "/etc/ceph/keyring")):
        if not source.get(name):
            source[name] = value


def _azure(source: Object) -> None:
    for name, value in (("cachingMode", "ReadWrite"), ("fsType", "ext4"), ("readOnly", False), ("kind", "Shared")):
        if source.get(name) is None:
            source[name] = value


def _scale_io(source: Object) -> None:
    for name, value in (("storageMode", "ThinProvisioned"), ("fsType", "xfs")):
        if not source.get(name):
            source[name] = value


def _ephemeral(source: Object) -> None:
    claim = source.get("volumeClaimTemplate")
    if claim is not None:
        fill(claim, metadata={}, spec={})
        claim_spec(claim["spec"])


def _image(source: Object) -> None:
    if not source.get("pullPolicy"):
        source["pullPolicy"] = pull_policy(source.get("reference") or "")


def claim_spec(spec: Object) -> None:
    """Defaults of a PersistentVolumeClaim's spec."""
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    resources = spec.get("resources")
    if resources is None:
        spec["resources"] = {}
    else:
        resource_lists(resources, ("limits", "requests"))


VOLUME_SOURCES: dict[str, Any] = {
    "hostPath": _host_path,
    "iscsi": _iscsi,
    "rbd": _rbd,
    "azureDisk": _azure,
    "scaleIO": _scale_io,
}
"""Sources that volumes of pods and PersistentVolumes share."""
_VOLUMES: dict[str, Any] = {
    **VOLUME_SOURCES,
    "secret": _mode,
    "configMap": _mode,
    "downwardAPI": _downward,
    "projected": _projected,
    "ephemeral": _ephemeral,
    "image": _image,
    "emptyDir": lambda source: single(source, "sizeLimit"),
}


def _host_ports(spec: Object) -> None:
    for one in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        for port in one.get("ports") or ():
            if not port.get("hostPort") and port.get("containerPort"):
                port["hostPort"] = port["containerPort"]


def _pod_requests(spec: Object) -> None:
    """Pod-level requests: the containers' in sum, else the pod-level limits."""
    resources = spec["resources"]
    requests = dict(resources.get("requests") or {})
    try:
        summed = container_requests(spec)
    except NotAQuantity:
        summed = {}
    for name, amount in summed.items():
        if name in _POD_LEVEL:
            requests.setdefault(name, str(amount))
    for name, amount in resources["limits"].items():
        if name in _POD_LEVEL or name.startswith("hugepages-"):
            requests.setdefault(name, amount)
    if requests:
        resources["requests"] = requests


def container_requests(spec: Object, field: str = "requests") -> dict[str, Quantity]:
    """What the containers need at once: side-cars and containers in sum, or the largest init container.

    `field`: `requests` or `limits`. Raises NotAQuantity. Source: component-helpers `resource/helpers.go`.
    """
    total: dict[str, Quantity] = {}
    for one in spec.get("containers") or ():
        _add(total, (one.get("resources") or {}).get(field))
    sidecars: dict[str, Quantity] = {}
    largest: dict[str, Quantity] = {}
    for one in spec.get("initContainers") or ():
        needs = (one.get("resources") or {}).get(field)
        if one.get("restartPolicy") == "Always":
            _add(total, needs)
            _add(sidecars, needs)
            now = dict(sidecars)
        else:
            now = dict(sidecars)
            _add(now, needs)
        for name, amount in now.items():
            if name not in largest or amount.nanos > largest[name].nanos:
                largest[name] = amount
    for name, amount in largest.items():
        if name not in total or amount.nanos > total[name].nanos:
            total[name] = amount
    return total


def _add(total: dict[str, Quantity], values: dict[str, Any] | None) -> None:
    for name, value in (values or {}).items():
        amount = quantity.parse(quantity.text_of(value))
        before = total.get(name)
        form = before.form if before is not None and before.nanos else amount.form
        total[name] = Quantity((before.nanos if before is not None else 0) + amount.nanos, form)
