"""What admission adds to pods: service account and token, priority, tolerations, a runtime class's overhead.

Source: Kubernetes `plugin/pkg/admission/{serviceaccount,priority,defaulttolerationseconds,runtimeclass}`.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from lab.sim.api.admission.write import Write
from lab.sim.api.resources import Object
from lab.sim.clock import parse_timestamp

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  a directory's name
_TOKEN_VOLUME = "kube-api-access-"  # noqa: S105  a volume's name
_TOKEN_SECONDS = 3607
_MIRROR = "kubernetes.io/config.mirror"
_WAIT_SECONDS = 2.0
"""As long a server waits for the controller that gives a new namespace its default service account."""
_SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_TOLERATION_SECONDS = 300


def _spec(write: Write) -> Object | None:
    spec = write.new.get("spec") if write.new is not None else None
    return spec if isinstance(spec, dict) else None


# -- service account


def service_account(rest: Rest, write: Write) -> None:
    """Give a new pod its namespace's default account, the account's pull secrets and a mounted token.

    Raises ApiError 403 when the account does not exist.
    """
    spec = _spec(write)
    if spec is None or write.new is None or write.operation != "CREATE":
        return
    if _MIRROR in (write.new["metadata"].get("annotations") or {}):
        if spec.get("serviceAccountName"):
            raise write.forbidden("a mirror pod may not reference service accounts")
        return
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = rest.store.get("serviceaccounts", write.namespace, name)
    if account is None:
        if name != "default" or not _young(rest, write.namespace):
            raise write.forbidden(
                f'error looking up service account {write.namespace}/{name}: serviceaccount "{name}" not found'
            )
        account = {}
    automount = spec.get("automountServiceAccountToken")
    if automount is None:
        automount = account.get("automountServiceAccountToken")
    if automount is not False:
        _mount_token(spec)
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(one) for one in account["imagePullSecrets"]]


def _young(rest: Rest, namespace: str) -> bool:
    found = rest.store.get("namespaces", "", namespace)
    if found is None:
        return False
    return rest.clock.now() - parse_timestamp(found["metadata"]["creationTimestamp"]) <= _WAIT_SECONDS


def _mount_token(spec: Object) -> None:
    volumes = spec.get("volumes") or []
    known = next((one["name"] for one in volumes if str(one.get("name", "")).startswith(_TOKEN_VOLUME)), "")
    name = known or _TOKEN_VOLUME + "".join(secrets.choice(_SUFFIX) for _ in range(5))
    needed = False
    for group in ("initContainers", "containers"):
        for container in spec.get(group) or ():
            mounts = container.get("volumeMounts") or []
            if all(one.get("mountPath") != _TOKEN_PATH for one in mounts):
                mount = {"mountPath": _TOKEN_PATH, "name": name, "readOnly": True}
                container["volumeMounts"] = [*mounts, mount]
                needed = True
    if needed and not known:
        spec["volumes"] = [*volumes, {"name": name, "projected": _token_sources()}]


def _token_sources() -> Object:
    namespace = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}
    return {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
            {"downwardAPI": {"items": [namespace]}},
        ],
    }


# -- priority


def priority(rest: Rest, write: Write) -> None:
    """Turn the class of a new pod into a number. Raises ApiError 403 for an unknown class or a number of its own."""
    spec = _spec(write)
    if spec is None:
        return
    if write.operation == "UPDATE":
        before = (write.old or {}).get("spec", {})
        for field in ("priority", "preemptionPolicy"):
            if spec.get(field) is None and before.get(field) is not None:
                spec[field] = before[field]
        return
    value, policy = _priority(rest, write, spec)
    said = spec.get("priority")
    if said is not None and said != value:
        raise write.forbidden(
            f"the integer value of priority ({said}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
    spec["priority"] = value
    said = spec.get("preemptionPolicy")
    if said and said != policy:
        raise write.forbidden(
            f"the string value of PreemptionPolicy ({said}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name"
        )
    spec["preemptionPolicy"] = policy


def _priority(rest: Rest, write: Write, spec: Object) -> tuple[int, str]:
    name = spec.get("priorityClassName")
    if not name:
        found = _default_priority(rest)
        if found is None:
            return 0, "PreemptLowerPriority"
        spec["priorityClassName"] = found["metadata"]["name"]
    else:
        found = rest.store.get("priorityclasses.scheduling.k8s.io", "", name)
        if found is None:
            if name in _SYSTEM_PRIORITIES:
                return _SYSTEM_PRIORITIES[name], "PreemptLowerPriority"
            raise write.forbidden(f"no PriorityClass with name {name} was found")
    return int(found.get("value", 0)), found.get("preemptionPolicy") or "PreemptLowerPriority"


def _default_priority(rest: Rest) -> Object | None:
    classes = [one for one in rest.store.scan("priorityclasses.scheduling.k8s.io") if one.get("globalDefault")]
    return min(classes, key=lambda one: int(one.get("value", 0)), default=None)


def one_default(rest: Rest, write: Write) -> None:
    """Only one priority class may be the default. Raises ApiError 403."""
    if write.new is None or not write.new.get("globalDefault"):
        return
    found = _default_priority(rest)
    if found is not None and (write.operation == "CREATE" or found["metadata"]["name"] != write.name):
        raise write.forbidden(
            f"PriorityClass {found['metadata']['name']} is already marked as default. Only one default can exist"
        )


# -- tolerations and runtime class


def tolerations(_: Rest, write: Write) -> None:
    """Let a pod stay five minutes on a node that is not ready or cannot be reached."""
    spec = _spec(write)
    if spec is None:
        return
    said: list[Any] = spec.get("tolerations") or []
    added = [
        {"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": _TOLERATION_SECONDS}
        for key in _TOLERATED
        if not any(one.get("key", "") in (key, "") and one.get("effect", "") in ("NoExecute", "") for one in said)
    ]
    if added:
        spec["tolerations"] = [*said, *added]


def runtime_class(rest: Rest, write: Write) -> None:
    """Add the overhead and scheduling of a new pod's runtime class. Raises ApiError 403 when there is no such class."""
    spec = _spec(write)
    if spec is None or write.operation != "CREATE":
        return
    name = spec.get("runtimeClassName")
    found = rest.store.get("runtimeclasses.node.k8s.io", "", name) if name else None
    if found is None:
        if name:
            raise write.forbidden(f'pod rejected: RuntimeClass "{name}" not found')
        if spec.get("overhead"):
            raise write.forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
        return
    overhead = (found.get("overhead") or {}).get("podFixed")
    if overhead:
        if spec.get("overhead") and spec["overhead"] != overhead:
            raise write.forbidden("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        spec["overhead"] = dict(overhead)
    scheduling = found.get("scheduling") or {}
    if scheduling.get("nodeSelector"):
        chosen = spec.get("nodeSelector") or {}
        for key, value in scheduling["nodeSelector"].items():
            if chosen.get(key, value) != value:
                raise write.forbidden(
                    f"pod rejected: conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                    f"pod.spec.nodeSelector[{key}] = {chosen[key]}"
                )
        spec["nodeSelector"] = {**chosen, **scheduling["nodeSelector"]}
    if scheduling.get("tolerations"):
        said = spec.get("tolerations") or []
        spec["tolerations"] = [*said, *(dict(one) for one in scheduling["tolerations"] if one not in said)]
