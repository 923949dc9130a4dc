"""Containers of a pod: the main ones, those that run first, and those that are attached for a look.

Source: Kubernetes `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    duplicate,
    forbidden_field,
    invalid_value,
    named,
    needs_name,
    not_found,
    not_supported,
    one_of,
    port,
    present,
    required,
)
from lab.sim.api.validation.environment import environment, environment_from
from lab.sim.api.validation.mounts import devices, mounts
from lab.sim.api.validation.resources import requirements
from lab.sim.api.validation.security import container_security
from lab.sim.api.validation.volumes import Sources

PROTOCOLS = ("SCTP", "TCP", "UDP")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
RESTART_POLICIES = ("Always", "OnFailure", "Never")
_MESSAGES = ("File", "FallbackToLogsOnError")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_NOT_ATTACHED = ("ports", "resources", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")


@dataclass(slots=True)
class Pod:
    """What containers must know of their pod."""

    volumes: Sources = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    grace: int | None = None
    restart: str = ""
    host_users: bool = True
    os: str = ""


def containers(wrong: Wrong, path: str, values: list[Object] | None, pod: Pod) -> None:
    """The main containers."""
    if not values:
        wrong.append(required(path))
        return
    seen: set[str] = set()
    hosted = False
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        _container(wrong, at, one, pod)
        name = one.get("name") or ""
        if name in seen:
            wrong.append(duplicate(f"{at}.name", name))
        seen.add(name)
        _running(wrong, at, one, pod)
        _restarts(wrong, at, one)
        hosted = hosted or "ports" in one
    if hosted:
        _host_ports(wrong, path, values)


def _running(wrong: Wrong, path: str, one: Object, pod: Pod) -> None:
    if one.get("lifecycle") is not None:
        _lifecycle(wrong, f"{path}.lifecycle", one["lifecycle"], pod)
    for name in _PROBES:
        probe = one.get(name)
        if probe is not None:
            _probe(wrong, f"{path}.{name}", probe, name, pod)


def _restarts(wrong: Wrong, path: str, one: Object) -> None:
    policy = one.get("restartPolicy")
    if policy is None:
        if one.get("restartPolicyRules"):
            said = "must specify restartPolicy when restart rules are used"
            wrong.append(required(f"{path}.restartPolicy", said))
    elif policy not in RESTART_POLICIES:
        wrong.append(not_supported(f"{path}.restartPolicy", policy, ("Always", "Never", "OnFailure")))


def init_containers(wrong: Wrong, path: str, values: list[Object], main: list[Object], pod: Pod) -> None:
    """The containers that run before the main ones, or beside them with `restartPolicy: Always`."""
    seen = {one.get("name") for one in main}
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        _container(wrong, at, one, pod)
        _restarts(wrong, at, one)
        name = one.get("name")
        if name in seen:
            wrong.append(duplicate(f"{at}.name", name or ""))
        elif name:
            seen.add(name)
        if one.get("ports"):
            _host_ports(wrong, path, [one])
        if one.get("restartPolicy") == "Always":
            _running(wrong, at, one, pod)
            continue
        for field_name in ("lifecycle", *_PROBES):
            if one.get(field_name) is not None:
                said = "may not be set for init containers without restartPolicy=Always"
                wrong.append(forbidden_field(f"{at}.{field_name}", said))


def ephemeral_containers(wrong: Wrong, path: str, values: list[Object], others: list[Object], pod: Pod) -> None:
    """The containers attached to a running pod."""
    other_names = {one.get("name") for one in others}
    seen = set(other_names)
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        _container(wrong, at, one, pod)
        trimmed_image(wrong, at, one)
        name = one.get("name")
        if name in seen:
            wrong.append(duplicate(f"{at}.name", name or ""))
        seen.add(name)
        target = one.get("targetContainerName")
        if target and target not in other_names:
            wrong.append(not_found(f"{at}.targetContainerName", target))
        for field_name in _NOT_ATTACHED:
            if one.get(field_name):
                wrong.append(forbidden_field(f"{at}.{field_name}", "cannot be set for an Ephemeral Container"))
        for place, mount in enumerate(one.get("volumeMounts") or ()):
            for field_name in ("subPath", "subPathExpr"):
                if mount.get(field_name):
                    said = "cannot be set for an Ephemeral Container"
                    wrong.append(forbidden_field(f"{at}.volumeMounts[{place}].{field_name}", said))


def trimmed_image(wrong: Wrong, path: str, one: Object) -> None:
    """No space around an image's name; asked of pods only, not of templates."""
    image = one.get("image") or ""
    if image != image.strip():
        wrong.append(invalid_value(f"{path}.image", image, "must not have leading or trailing whitespace"))


def _container(wrong: Wrong, path: str, one: Object, pod: Pod) -> None:
    needs_name(wrong, f"{path}.name", one.get("name"), names.dns_label)
    if not one.get("image"):
        wrong.append(required(f"{path}.image"))
    policy = one.get("terminationMessagePolicy")
    if policy not in _MESSAGES:
        one_of(wrong, f"{path}.terminationMessagePolicy", policy, _MESSAGES, needed=True)
    if one.get("ports"):
        _ports(wrong, f"{path}.ports", one["ports"])
    if one.get("env"):
        environment(wrong, f"{path}.env", one["env"])
    if one.get("envFrom"):
        environment_from(wrong, f"{path}.envFrom", one["envFrom"])
    mounted, blocked = one.get("volumeMounts"), one.get("volumeDevices")
    if mounted:
        mounts(wrong, f"{path}.volumeMounts", mounted, blocked or [], pod.volumes, one)
    if blocked:
        devices(wrong, f"{path}.volumeDevices", blocked, mounted or [], pod.volumes)
    policy = one.get("imagePullPolicy")
    if policy not in PULL_POLICIES:
        one_of(wrong, f"{path}.imagePullPolicy", policy, PULL_POLICIES, needed=True)
    requirements(wrong, f"{path}.resources", one.get("resources"), claims=pod.claims)
    if one.get("resizePolicy"):
        _resizing(wrong, f"{path}.resizePolicy", one["resizePolicy"], pod.restart)
    if one.get("securityContext"):
        container_security(wrong, f"{path}.securityContext", one["securityContext"], pod.host_users)


def _ports(wrong: Wrong, path: str, values: list[Object]) -> None:
    seen: set[str] = set()
    for index, one in enumerate(values):
        at = f"{path}[{index}]"
        name = one.get("name")
        if name:
            messages = names.port_name(name)
            for message in messages:
                wrong.append(invalid_value(f"{at}.name", name, message))
            if not messages and name in seen:
                wrong.append(duplicate(f"{at}.name", name))
            elif not messages:
                seen.add(name)
        if not one.get("containerPort"):
            wrong.append(required(f"{at}.containerPort"))
        else:
            port(wrong, f"{at}.containerPort", one["containerPort"])
        if one.get("hostPort"):
            port(wrong, f"{at}.hostPort", one["hostPort"])
        one_of(wrong, f"{at}.protocol", one.get("protocol"), PROTOCOLS, needed=True)


def _host_ports(wrong: Wrong, path: str, values: list[Object]) -> None:
    seen: set[str] = set()
    for index, one in enumerate(values):
        for place, each in enumerate(one.get("ports") or ()):
            if each.get("hostPort"):
                said = f"{each.get('protocol')}/{each.get('hostIP') or ''}/{each['hostPort']}"
                if said in seen:
                    wrong.append(duplicate(f"{path}[{index}].ports[{place}].hostPort", said))
                seen.add(said)


def _resizing(wrong: Wrong, path: str, values: list[Object], restart: str) -> None:
    seen: set[str] = set()
    for index, one in enumerate(values):
        name, policy = one.get("resourceName") or "", one.get("restartPolicy") or ""
        if name in seen:
            wrong.append(duplicate(f"{path}[{index}]", name))
        seen.add(name)
        one_of(wrong, path, name, ("cpu", "memory"), needed=True)
        one_of(wrong, path, policy, ("NotRequired", "RestartContainer"), needed=True)
        if restart == "Never" and policy != "NotRequired":
            said = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            wrong.append(invalid_value(path, policy, said))


def _probe(wrong: Wrong, path: str, probe: Object, name: str, pod: Pod) -> None:
    _handler(wrong, path, probe, pod.grace, _HANDLERS[:4])
    for field_name in _NUMBERS:
        value = probe.get(field_name)
        if value is not None and value < 0:
            wrong.append(invalid_value(f"{path}.{field_name}", value, "must be greater than or equal to 0"))
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        wrong.append(invalid_value(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    if name == "readinessProbe":
        if grace is not None:
            said = "must not be set for readinessProbes"
            wrong.append(invalid_value(f"{path}.terminationGracePeriodSeconds", grace, said))
    elif probe.get("successThreshold") != 1:
        wrong.append(invalid_value(f"{path}.successThreshold", probe.get("successThreshold", 0), "must be 1"))


def _handler(wrong: Wrong, path: str, holder: Object, grace: int | None, kinds: tuple[str, ...]) -> None:
    given = [name for name in kinds if holder.get(name) is not None]
    if not given:
        wrong.append(required(path, "must specify a handler type"))
        return
    _action(wrong, f"{path}.{given[0]}", given[0], holder[given[0]], grace)
    for name in given[1:]:
        wrong.append(forbidden_field(f"{path}.{name}", "may not specify more than 1 handler type"))


def _action(wrong: Wrong, path: str, kind: str, action: Object, grace: int | None) -> None:
    if kind == "exec":
        present(wrong, f"{path}.command", action.get("command"))
    elif kind == "sleep":
        seconds = action.get("seconds") or 0
        if grace is not None and not 0 <= seconds <= grace:
            said = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            wrong.append(invalid_value(path, seconds, said))
    else:
        if kind == "httpGet":
            present(wrong, f"{path}.path", action.get("path"))
        port(wrong, f"{path}.port", action.get("port"))
        if kind == "httpGet":
            scheme = action.get("scheme")
            if scheme not in ("HTTP", "HTTPS"):
                wrong.append(not_supported(f"{path}.scheme", scheme or "", ("HTTP", "HTTPS")))
            for header in action.get("httpHeaders") or ():
                named(wrong, f"{path}.httpHeaders", header.get("name") or "", names.header_name)


def _lifecycle(wrong: Wrong, path: str, lifecycle: dict[str, Any], pod: Pod) -> None:
    for name in ("postStart", "preStop"):
        if lifecycle.get(name) is not None:
            _handler(wrong, f"{path}.{name}", lifecycle[name], pod.grace, ("exec", "httpGet", "tcpSocket", "sleep"))
    if lifecycle.get("stopSignal") is not None and not pod.os:
        said = "may not be set for containers with empty `spec.os.name`"
        wrong.append(forbidden_field(f"{path}.stopSignal", said))
