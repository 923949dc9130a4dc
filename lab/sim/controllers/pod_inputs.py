"""What a pod takes from ConfigMaps, Secrets and its own fields: environment, volumes, and what of it is missing.

Source of rules and texts: Kubernetes `pkg/kubelet/kubelet_pods.go` (`makeEnvironmentVariables`),
`pkg/volume/{configmap,secret,projected}`, `third_party/forked/golang/expansion`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Protocol

from lab.sim.api.resources import Object
from lab.sim.objects import namespace_of

_VARIABLE = re.compile(r"\$(?:\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")
_ENVIRONMENT_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


class Missing(Exception):
    """Something the pod needs is not there; the text is the kubelet's."""


class Sources(Protocol):
    """Where a pod's inputs are looked up; None for what is not there."""

    def config_map(self, namespace: str, name: str) -> Object | None:
        """A ConfigMap."""

    def secret(self, namespace: str, name: str) -> Object | None:
        """A Secret."""


def argv(container: Object, env: dict[str, str] | None = None) -> list[str]:
    """Command and args with `$(NAME)` replaced by what `env` holds; without `env` as they stand."""
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    return words if env is None else [expanded(word, env) for word in words]


def expanded(text: str, env: dict[str, str]) -> str:
    """`$(NAME)` replaced where `env` has it, `$$` as `$`."""

    def replace(found: re.Match[str]) -> str:
        name = found.group(1)
        return "$" if name is None else env.get(name, found.group(0))

    return _VARIABLE.sub(replace, text) if "$" in text else text


def environment(pod: Object, container: Object, sources: Sources) -> dict[str, str]:
    """The container's environment. Raises Missing."""
    namespace = namespace_of(pod)
    env: dict[str, str] = {}
    for entry in container.get("envFrom") or ():
        prefix = entry.get("prefix", "")
        values = _all_values(namespace, entry, sources)
        env.update((prefix + key, value) for key, value in values if _ENVIRONMENT_NAME.fullmatch(prefix + key))
    for entry in container.get("env") or ():
        name, source = entry["name"], entry.get("valueFrom")
        if not source:
            env[name] = expanded(entry.get("value") or "", env)
            continue
        value = _value(namespace, pod, container, source, sources)
        if value is not None:
            env[name] = value
    return env


def _all_values(namespace: str, entry: Object, sources: Sources) -> Iterator[tuple[str, str]]:
    if "configMapRef" in entry:
        found = _looked_up("configmap", sources.config_map, namespace, entry["configMapRef"])
        yield from (found or {}).get("data", {}).items()
    elif "secretRef" in entry:
        found = _looked_up("secret", sources.secret, namespace, entry["secretRef"])
        for key, value in ((found or {}).get("data") or {}).items():
            yield key, _decoded(value)


def _looked_up(
    kind: str, look_up: Callable[[str, str], Object | None], namespace: str, reference: Object
) -> Object | None:
    name = reference.get("name") or ""
    found = look_up(namespace, name)
    if found is None and not reference.get("optional"):
        raise Missing(f'{kind} "{name}" not found')
    return found


def _value(namespace: str, pod: Object, container: Object, source: Object, sources: Sources) -> str | None:
    if "configMapKeyRef" in source:
        return _key("configmap", "ConfigMap", sources.config_map, namespace, source["configMapKeyRef"])
    if "secretKeyRef" in source:
        value = _key("secret", "Secret", sources.secret, namespace, source["secretKeyRef"])
        return None if value is None else _decoded(value)
    if "fieldRef" in source:
        return field_of(pod, source["fieldRef"].get("fieldPath", ""))
    if "resourceFieldRef" in source:
        return _resource_of(pod, container, source["resourceFieldRef"])
    return ""


def _key(
    kind: str, title: str, look_up: Callable[[str, str], Object | None], namespace: str, reference: Object
) -> str | None:
    found = _looked_up(kind, look_up, namespace, reference)
    key = reference.get("key", "")
    value = ((found or {}).get("data") or {}).get(key)
    if value is None:
        if reference.get("optional"):
            return None
        raise Missing(f"couldn't find key {key} in {title} {namespace}/{reference.get('name', '')}")
    return str(value)


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode(errors="replace")
    except binascii.Error:
        return ""


def field_of(pod: Object, path: str) -> str:
    """A pod's field as the downward API gives it; "" for one it has not."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    simple = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata.get("uid", ""),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.hostIP": status.get("hostIP", ""),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": ",".join(one["ip"] for one in status.get("podIPs") or ()),
        "status.hostIPs": ",".join(one["ip"] for one in status.get("hostIPs") or ()),
    }
    if path in simple:
        return str(simple[path])
    for group in ("labels", "annotations"):
        head = f"metadata.{group}['"
        if path.startswith(head) and path.endswith("']"):
            return str((metadata.get(group) or {}).get(path[len(head) : -2], ""))
    return ""


def _resource_of(pod: Object, container: Object, reference: Object) -> str:
    wanted = reference.get("containerName") or container["name"]
    group, _, name = reference.get("resource", "").partition(".")
    for one in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
        if one["name"] == wanted:
            resources = one.get("resources") or {}
            return str((resources.get(group) or resources.get("limits") or {}).get(name, "0"))
    return "0"


def missing_volume(pod: Object, sources: Sources) -> str:
    """Why a volume of the pod cannot be mounted, as the event `FailedMount` says it; "" for nothing."""
    namespace = namespace_of(pod)
    for volume in pod["spec"].get("volumes") or ():
        try:
            _check_volume(namespace, volume, sources)
        except Missing as why:
            return f'MountVolume.SetUp failed for volume "{name_in(volume)}" : {why}'
    return ""


def name_in(volume: Object) -> str:
    """The volume's name."""
    return str(volume.get("name", ""))


def _check_volume(namespace: str, volume: Object, sources: Sources) -> None:
    if "configMap" in volume:
        _check_keys("configmap", "config", sources.config_map, namespace, volume["configMap"])
    elif "secret" in volume:
        secret = volume["secret"]
        _check_keys("secret", "secret", sources.secret, namespace, {**secret, "name": secret.get("secretName", "")})
    for source in (volume.get("projected") or {}).get("sources") or ():
        if "configMap" in source:
            _check_keys("configmap", "config", sources.config_map, namespace, source["configMap"])
        elif "secret" in source:
            _check_keys("secret", "secret", sources.secret, namespace, source["secret"])


def _check_keys(
    kind: str, keys: str, look_up: Callable[[str, str], Object | None], namespace: str, reference: Object
) -> None:
    found = _looked_up(kind, look_up, namespace, reference)
    if found is None or reference.get("optional"):
        return
    for item in reference.get("items") or ():
        if item["key"] not in {**(found.get("data") or {}), **(found.get("binaryData") or {})}:
            raise Missing(f"{kind} references non-existent {keys} key: {item['key']}")


def refers_to(pod: Object, kind: str, name: str) -> bool:
    """Whether the pod's volumes or environments name a `configmap` or `secret` of this name."""
    reference, volume_key, name_key = (
        ("configMap", "configMap", "name") if kind == "configmap" else ("secret", "secret", "secretName")
    )
    for volume in pod["spec"].get("volumes") or ():
        if (volume.get(volume_key) or {}).get(name_key) == name:
            return True
        for source in (volume.get("projected") or {}).get("sources") or ():
            if (source.get(volume_key) or {}).get("name") == name:
                return True
    for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
        for entry in container.get("envFrom") or ():
            if (entry.get(f"{reference}Ref") or {}).get("name") == name:
                return True
        for entry in container.get("env") or ():
            if ((entry.get("valueFrom") or {}).get(f"{reference}KeyRef") or {}).get("name") == name:
                return True
    return False
