"""Workloads: Deployments, ReplicaSets, StatefulSets, DaemonSets and their kin.

Source: Kubernetes `pkg/apis/apps/validation/validation.go`, `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    amount,
    at_most_whole,
    forbid_change,
    forbidden_field,
    immutable,
    int_or_percent,
    invalid_value,
    label_selector,
    labels,
    named,
    none_negative,
    not_negative,
    not_supported,
    one_of,
    required,
    selects,
    shown,
    shown_selector,
    sorted_labels,
    supported,
    valid_selector,
)
from lab.sim.api.validation.claims import claim_spec
from lab.sim.api.validation.internal import written
from lab.sim.api.validation.pod import template

MISMATCH = "`selector` does not match template `labels`"
_ROLLING, _ON_DELETE, _RECREATE = "RollingUpdate", "OnDelete", "Recreate"


def spec_of(obj: Object) -> Object:
    """`spec`, {} where it is missing."""
    return obj.get("spec") or {}


def template_labels(template: Object | None) -> dict[str, str]:
    """The labels of a pod template, in order."""
    return sorted_labels(((template or {}).get("metadata") or {}).get("labels")) or {}


def mismatch(wrong: Wrong, selector: Object | None, spec: Object) -> None:
    """The selector must match the template's labels, unless it is empty. A missing one matches nothing."""
    found = template_labels(spec.get("template"))
    empty = selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions")
    if not empty and not selects(selector, found):
        wrong.append(invalid_value("spec.template.metadata.labels", found or None, MISMATCH))


def _selector(wrong: Wrong, spec: Object, kind: str, broken: str) -> bool:
    """`spec.selector`; whether it can be used."""
    selector = spec.get("selector")
    if selector is None:
        wrong.append(required("spec.selector"))
        return True
    label_selector(wrong, "spec.selector", selector)
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        wrong.append(invalid_value("spec.selector", shown_selector(selector), f"empty selector is invalid for {kind}"))
    if not valid_selector(selector):
        wrong.append(invalid_value("spec.selector", shown_selector(selector), broken))
        return False
    return True


def always(wrong: Wrong, spec: Object, kind: str) -> None:
    """Pods of a workload that runs on must restart and have no deadline."""
    pod = (spec.get("template") or {}).get("spec") or {}
    if pod.get("restartPolicy") != "Always":
        policy = pod.get("restartPolicy") or ""
        wrong.append(not_supported("spec.template.spec.restartPolicy", policy, ("Always",)))
    if pod.get("activeDeadlineSeconds") is not None:
        said = f"activeDeadlineSeconds in {kind} is not Supported"
        wrong.append(forbidden_field("spec.template.spec.activeDeadlineSeconds", said))


def deployment(wrong: Wrong, obj: Object) -> None:
    """A Deployment."""
    spec = spec_of(obj)
    not_negative(wrong, "spec.replicas", spec.get("replicas"))
    if _selector(wrong, spec, "deployment", "invalid label selector"):
        mismatch(wrong, spec.get("selector"), spec)
        template(wrong, "spec.template", spec.get("template"))
        always(wrong, spec, "ReplicaSet")
    _deployment_strategy(wrong, "spec.strategy", spec.get("strategy") or {})
    ready, deadline = spec.get("minReadySeconds") or 0, spec.get("progressDeadlineSeconds")
    none_negative(wrong, "spec", spec, ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"))
    if deadline is not None and deadline <= ready:
        wrong.append(invalid_value("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))


def _deployment_strategy(wrong: Wrong, path: str, strategy: Object) -> None:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == _RECREATE:
        if rolling is not None:
            said = "may not be specified when strategy `type` is 'Recreate'"
            wrong.append(forbidden_field(f"{path}.rollingUpdate", said))
    elif kind == _ROLLING:
        if rolling is None:
            wrong.append(required(f"{path}.rollingUpdate", "this should be defaulted and never be nil"))
        else:
            _rolling(wrong, f"{path}.rollingUpdate", rolling)
    else:
        value = written("apps.DeploymentStrategy", strategy)
        wrong.append(shown(path, "NotSupported", value, supported((_RECREATE, _ROLLING))))


def _rolling(wrong: Wrong, path: str, rolling: Object) -> None:
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    int_or_percent(wrong, f"{path}.maxUnavailable", unavailable)
    int_or_percent(wrong, f"{path}.maxSurge", surge)
    if amount(unavailable) == 0 and amount(surge) == 0:
        wrong.append(invalid_value(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    at_most_whole(wrong, f"{path}.maxUnavailable", unavailable)


def replica_set(wrong: Wrong, obj: Object) -> None:
    """A ReplicaSet."""
    spec = spec_of(obj)
    none_negative(wrong, "spec", spec, ("replicas", "minReadySeconds"))
    if _selector(wrong, spec, "deployment", "invalid label selector"):
        mismatch(wrong, spec.get("selector"), spec)
        template(wrong, "spec.template", spec.get("template"))
        always(wrong, spec, "ReplicaSet")


def replication_controller(wrong: Wrong, obj: Object) -> None:
    """A ReplicationController."""
    spec = spec_of(obj)
    not_negative(wrong, "spec.minReadySeconds", spec.get("minReadySeconds"))
    selector = spec.get("selector")
    if not selector:
        wrong.append(required("spec.selector"))
    not_negative(wrong, "spec.replicas", spec.get("replicas"))
    if spec.get("template") is None:
        wrong.append(required("spec.template"))
        return
    found = template_labels(spec["template"])
    if selector and any(found.get(key) != value for key, value in selector.items()):
        wrong.append(invalid_value("spec.template.metadata.labels", found or None, MISMATCH))
    template(wrong, "spec.template", spec["template"])
    always(wrong, spec, "ReplicationController")


def stateful_set(wrong: Wrong, obj: Object, *, old: bool = False) -> None:
    """A StatefulSet. With `old` it exists: its service's name and its claims cannot change and are not looked at."""
    spec = spec_of(obj)
    management = spec.get("podManagementPolicy")
    if not management:
        wrong.append(required("spec.podManagementPolicy"))
    elif management not in ("OrderedReady", "Parallel"):
        said = "must be 'OrderedReady' or 'Parallel'"
        wrong.append(invalid_value("spec.podManagementPolicy", management, said))
    _stateful_strategy(wrong, "spec.updateStrategy", spec.get("updateStrategy") or {})
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for field in ("whenDeleted", "whenScaled"):
        one_of(wrong, f"spec.persistentVolumeClaimRetentionPolicy.{field}", retention.get(field), ("Retain", "Delete"))
    claims = spec.get("volumeClaimTemplates") or []
    if not old:
        for index, one in enumerate(claims):
            claim_spec(wrong, f"spec.volumeClaimTemplates[{index}].spec", one.get("spec") or {})
    none_negative(wrong, "spec", spec, ("replicas", "minReadySeconds"))
    not_negative(wrong, "spec.ordinals.start", (spec.get("ordinals") or {}).get("start"))
    if not old and spec.get("serviceName"):
        named(wrong, "spec.serviceName", spec["serviceName"], names.dns_label)
    if _selector(wrong, spec, "statefulset", ""):
        _stateful_template(wrong, spec, claims)
    always(wrong, spec, "StatefulSet")


def _stateful_template(wrong: Wrong, spec: Object, claims: list[Object]) -> None:
    mismatch(wrong, spec.get("selector"), spec)
    made = spec.get("template") or {}
    pod = made.get("spec") or {}
    if claims or pod.get("subdomain") or pod.get("hostname"):
        taken = {(one.get("metadata") or {}).get("name") for one in claims}
        added = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in sorted(filter(None, taken))]
        kept = [one for one in pod.get("volumes") or () if one.get("name") not in taken]
        made = {**made, "spec": {**pod, "subdomain": "", "hostname": "", "volumes": [*added, *kept]}}
    template(wrong, "spec.template", made)
    labels(wrong, "spec.template.labels", template_labels(made))


def _stateful_strategy(wrong: Wrong, path: str, strategy: Object) -> None:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if not kind:
        wrong.append(required(path))
    elif kind == _ON_DELETE:
        if rolling is not None:
            value = written("apps.RollingUpdateStatefulSetStrategy", rolling)
            said = "only allowed for updateStrategy 'RollingUpdate'"
            wrong.append(shown(f"{path}.rollingUpdate", "Invalid", value, said))
    elif kind == _ROLLING:
        not_negative(wrong, f"{path}.rollingUpdate.partition", (rolling or {}).get("partition"))
        most = (rolling or {}).get("maxUnavailable")
        if most is not None:
            at = f"{path}.rollingUpdate.maxUnavailable"
            int_or_percent(wrong, at, most)
            if amount(most) == 0:
                wrong.append(invalid_value(at, most, "cannot be 0"))
            at_most_whole(wrong, at, most)
    else:
        value = written("apps.StatefulSetUpdateStrategy", strategy)
        wrong.append(shown(path, "Invalid", value, "must be 'RollingUpdate' or 'OnDelete'"))


_STATEFUL_FREE = (
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "ordinals",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
)


def changed_stateful_set(wrong: Wrong, new: Object, old: Object) -> None:
    """A StatefulSet in place of another."""
    stateful_set(wrong, new, old=True)
    said = (
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
        "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    )
    after, before = (_without(spec_of(one), _STATEFUL_FREE) for one in (new, old))
    forbid_change(wrong, "spec", after, before, said)


def _without(spec: Object, fields: tuple[str, ...]) -> Object:
    return {key: value for key, value in spec.items() if key not in fields}


def daemon_set(wrong: Wrong, obj: Object) -> None:
    """A DaemonSet."""
    spec = spec_of(obj)
    selector = spec.get("selector")
    label_selector(wrong, "spec.selector", selector)
    found = template_labels(spec.get("template"))
    if selects(selector, found) is False:
        wrong.append(invalid_value("spec.template.metadata.labels", found or None, MISMATCH))
    if selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions"):
        wrong.append(
            invalid_value("spec.selector", shown_selector(selector), "empty selector is invalid for daemonset")
        )
    template(wrong, "spec.template", spec.get("template"))
    always(wrong, spec, "DaemonSet")
    not_negative(wrong, "spec.minReadySeconds", spec.get("minReadySeconds"))
    _daemon_strategy(wrong, "spec.updateStrategy", spec.get("updateStrategy") or {})
    not_negative(wrong, "spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def _daemon_strategy(wrong: Wrong, path: str, strategy: Object) -> None:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate") or {}
    if kind == _ROLLING:
        at = f"{path}.rollingUpdate"
        unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
        int_or_percent(wrong, f"{at}.maxUnavailable", unavailable)
        int_or_percent(wrong, f"{at}.maxSurge", surge)
        at_most_whole(wrong, f"{at}.maxUnavailable", unavailable)
        at_most_whole(wrong, f"{at}.maxSurge", surge)
        if amount(unavailable) and amount(surge):
            wrong.append(invalid_value(f"{at}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
        elif not amount(unavailable) and not amount(surge):
            wrong.append(required(f"{at}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    elif kind != _ON_DELETE:
        value = written("apps.DaemonSetUpdateStrategy", strategy)
        wrong.append(shown(path, "NotSupported", value, supported((_ROLLING, _ON_DELETE))))


def same_selector(wrong: Wrong, new: Object, old: Object) -> None:
    """The selector of a workload stays as it is."""
    after, before = spec_of(new).get("selector"), spec_of(old).get("selector")
    immutable(wrong, "spec.selector", after and shown_selector(after), before and shown_selector(before))


def revision(wrong: Wrong, obj: Object) -> None:
    """A ControllerRevision."""
    not_negative(wrong, "revision", obj.get("revision"))


def new_revision(wrong: Wrong, obj: Object) -> None:
    """A ControllerRevision to be created."""
    revision(wrong, obj)
    data = obj.get("data")
    if data is None:
        wrong.append(required("data", "data is mandatory"))
    elif not isinstance(data, dict):
        wrong.append(required("data", "data must be a valid JSON object"))


def changed_revision(wrong: Wrong, new: Object, old: Object) -> None:
    """A ControllerRevision's data stays as it is."""
    revision(wrong, new)
    immutable(wrong, "data", new.get("data"), old.get("data"))


def pod_template(wrong: Wrong, obj: Object) -> None:
    """A PodTemplate."""
    template(wrong, "template", obj.get("template"))


_COUNTS: dict[str, tuple[str, ...]] = {
    "Deployment": ("updatedReplicas", "readyReplicas", "availableReplicas"),
    "ReplicaSet": ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"),
    "ReplicationController": ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"),
    "StatefulSet": ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"),
}


def status(wrong: Wrong, obj: Object) -> None:
    """The counts in a workload's status must go together."""
    kind = obj["kind"]
    found: dict[str, Any] = obj.get("status") or {}
    fields = _COUNTS[kind]
    none_negative(wrong, "status", found, ("observedGeneration", "replicas", *fields, "collisionCount"))
    total, ready = found.get("replicas") or 0, found.get("readyReplicas") or 0
    for field in fields:
        if (found.get(field) or 0) > total:
            wrong.append(invalid_value(f"status.{field}", found[field], "cannot be greater than status.replicas"))
    if (found.get("availableReplicas") or 0) > ready:
        named_ready = "status.readyReplicas" if kind == "StatefulSet" else "readyReplicas"
        said = f"cannot be greater than {named_ready}"
        wrong.append(invalid_value("status.availableReplicas", found["availableReplicas"], said))
