"""An Argo CD's Deployments, StatefulSet, Services and NetworkPolicies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.sim.argocd.install.parts import (
    ARGOCD_IMAGE,
    CONTROLLER,
    DEX,
    DEX_IMAGE,
    NOTIFICATIONS,
    REDIS,
    REDIS_IMAGE,
    REDIS_KEY,
    REDIS_SECRET,
    REPO_SERVER,
    SERVER,
    VERSION,
    VOLUMES,
    Part,
    Port,
    labels,
)
from lab.sim.objects import Object

_NAME = "app.kubernetes.io/name"
_PASSWORD = {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"key": REDIS_KEY, "name": REDIS_SECRET}}}
_SECURITY: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_TEMPORARY = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108
_LIVENESS: dict[Part, Object] = {
    REPO_SERVER: {"failureThreshold": 3, "initialDelaySeconds": 30, "periodSeconds": 30, "timeoutSeconds": 5},
    SERVER: {"initialDelaySeconds": 3, "periodSeconds": 30, "timeoutSeconds": 5},
}
_METRICS = (
    ("argocd-metrics", "metrics", CONTROLLER, 8082),
    ("argocd-notifications-controller-metrics", "notifications-controller", NOTIFICATIONS, 9001),
    ("argocd-server-metrics", "server", SERVER, 8083),
)
"""Services for metrics alone: name, component, part, port."""
_OPEN: dict[str, tuple[int, ...]] = {
    "argocd-application-controller": (8082,),
    "argocd-applicationset-controller": (7000, 8080),
    "argocd-notifications-controller": (9001,),
    "argocd-repo-server": (8084,),
    "argocd-dex-server": (5558,),
}
"""Ports that every namespace may reach."""
_AMONG: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "argocd-redis": (("argocd-server", "argocd-repo-server", "argocd-application-controller"), (6379,)),
    "argocd-repo-server": (
        (
            "argocd-server",
            "argocd-application-controller",
            "argocd-notifications-controller",
            "argocd-applicationset-controller",
        ),
        (8081,),
    ),
    "argocd-dex-server": (("argocd-server",), (5556, 5557)),
}
"""Ports that only some parts may reach."""


def services(part: Part, namespace: str) -> Iterator[Object]:
    """The Services of a part."""
    if part is CONTROLLER:
        yield _service(part.name, part.component, part, namespace, ())
    elif part.ports:
        yield _service(part.name, part.component, part, namespace, part.ports)
    for name, component, owner, port in _METRICS:
        if owner is part:
            yield _service(name, component, part, namespace, (Port("metrics", port, port),))


def _service(name: str, component: str, part: Part, namespace: str, ports: tuple[Port, ...]) -> Object:
    spec: Object = {"selector": {_NAME: part.name}}
    if ports:
        spec["ports"] = [
            {
                "name": one.name,
                "port": one.port,
                **({"protocol": one.protocol} if one.protocol else {}),
                "targetPort": one.target,
            }
            for one in ports
        ]
    else:
        spec["clusterIP"] = "None"
    metadata = {"labels": labels(name, component), "name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def workload(part: Part, namespace: str, version: str = VERSION) -> Object:
    """A part's Deployment, or the application controller's StatefulSet."""
    spec: Object = {
        "selector": {"matchLabels": {_NAME: part.name}},
        "template": {"metadata": {"labels": {_NAME: part.name}}, "spec": _pod(part, f"{ARGOCD_IMAGE}:{version}")},
    }
    if part is CONTROLLER:
        spec |= {"replicas": 1, "serviceName": part.name}
    if part.recreate:
        spec["strategy"] = {"type": "Recreate"}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet" if part is CONTROLLER else "Deployment",
        "metadata": {"labels": labels(part.name, part.component), "name": part.name, "namespace": namespace},
        "spec": spec,
    }


def _pod(part: Part, image: str) -> Object:
    spec: Object = {
        "containers": [_container(part, image)],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "serviceAccountName": part.name,
    }
    before = _init_container(part, image)
    if before is not None:
        spec["initContainers"] = [before]
    volumes: list[Object] = [{"name": name, "configMap": {"name": VOLUMES[name]}} for name, _ in part.config_maps]
    if part is DEX:
        volumes.append({"name": "static-files", "emptyDir": {}})
    elif part is REPO_SERVER:
        volumes.append({"name": "var-files", "emptyDir": {}})
        spec["automountServiceAccountToken"] = False
    if part is not REDIS:
        volumes.append({"name": _TEMPORARY["name"], "emptyDir": {}})
        spec["volumes"] = volumes
    else:
        spec["securityContext"] = {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}}
    return spec


def _container(part: Part, image: str) -> Object:
    env: list[Object] = [_PASSWORD] if part.needs_redis or part is REDIS else []
    env += [{"name": name, "value": value} for name, value in part.fixed]
    if part.name == "argocd-applicationset-controller":
        env.append({"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}})
    env += [_setting(*line.split()) for line in part.settings.split("\n") if line]
    mounts = [{"name": name, "mountPath": path} for name, path in part.config_maps]
    made: Object = {
        **_started(part, image),
        "env": env,
        "imagePullPolicy": "Always",
        "ports": [{"containerPort": port, **({"name": name} if name else {})} for name, port in part.container_ports],
        "securityContext": _SECURITY,
        "volumeMounts": [*mounts, _TEMPORARY],
    }
    if part is REDIS:
        del made["volumeMounts"]
        made["securityContext"] = {
            key: value for key, value in _SECURITY.items() if key not in ("runAsNonRoot", "seccompProfile")
        }
    elif part is DEX:
        made["volumeMounts"].insert(0, {"name": "static-files", "mountPath": "/shared"})
        made["securityContext"] = {**_SECURITY, "runAsUser": 1001}
    if part.health_port:
        delay = 3 if part is SERVER else 5
        probe = {"path": "/healthz", "port": part.health_port}
        made["readinessProbe"] = {
            "httpGet": probe,
            "initialDelaySeconds": delay,
            "periodSeconds": part.health_seconds,
        }
    if part in _LIVENESS:
        made["livenessProbe"] = {
            "httpGet": {"path": "/healthz?full=true", "port": part.health_port},
            **_LIVENESS[part],
        }
    elif part is NOTIFICATIONS:
        made["livenessProbe"] = {"tcpSocket": {"port": 9001}}
    return {key: value for key, value in made.items() if value != []}


def _started(part: Part, image: str) -> Object:
    """Name, image and command of the container."""
    if part is REDIS:
        args = ["--save", "", "--appendonly", "no", "--requirepass $(REDIS_PASSWORD)"]
        return {"name": "redis", "image": REDIS_IMAGE, "args": args}
    if part is DEX:
        return {"name": "dex", "image": DEX_IMAGE, "command": ["/shared/argocd-dex", "rundex"]}
    return {"name": part.name, "image": image, "args": [f"/usr/local/bin/{part.binary}"]}


def _init_container(part: Part, image: str) -> Object | None:
    made: Object = {"image": image, "securityContext": _SECURITY}
    if part is REDIS:
        command = ["argocd", "admin", "redis-initial-password"]
        return {**made, "name": "secret-init", "command": command, "imagePullPolicy": "IfNotPresent"}
    if part is DEX:
        copy = ["/bin/cp", "-n", "/usr/local/bin/argocd", "/shared/argocd-dex"]
        mounts = [{"name": "static-files", "mountPath": "/shared"}, _TEMPORARY]
        return {**made, "name": "copyutil", "command": copy, "imagePullPolicy": "Always", "volumeMounts": mounts}
    if part is REPO_SERVER:
        there = "/var/run/argocd"
        script = f"/bin/cp /usr/local/bin/argocd {there}/argocd && "
        script += f"/bin/ln -sf {there}/argocd {there}/argocd-cmp-server"
        mounts = [{"name": "var-files", "mountPath": there}]
        return {**made, "name": "copyutil", "command": ["sh", "-c"], "args": [script], "volumeMounts": mounts}
    return None


def _setting(variable: str, key: str) -> Object:
    config_map, colon, rest = key.partition(":")
    name, key = (config_map, rest) if colon else ("argocd-cmd-params-cm", key)
    return {"name": variable, "valueFrom": {"configMapKeyRef": {"key": key, "name": name, "optional": True}}}


def network_policy(part: Part, namespace: str) -> Object:
    """Who may reach a part. The simulator keeps the object and enforces none."""
    rules: list[Object] = []
    if part.name in _AMONG:
        names, ports = _AMONG[part.name]
        peers = [{"podSelector": {"matchLabels": {_NAME: name}}} for name in names]
        rules.append({"from": peers, "ports": _ports(ports)})
    if part.name in _OPEN:
        rules.append({"from": [{"namespaceSelector": {}}], "ports": _ports(_OPEN[part.name])})
    name = f"{part.name}-network-policy"
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"labels": labels(part.name, part.component), "name": name, "namespace": namespace},
        "spec": {
            "ingress": rules or [{}],
            "podSelector": {"matchLabels": {_NAME: part.name}},
            "policyTypes": ["Ingress"],
        },
    }


def _ports(ports: tuple[int, ...]) -> list[Any]:
    return [{"port": port, "protocol": "TCP"} for port in ports]
