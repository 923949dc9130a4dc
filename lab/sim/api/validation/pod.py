"""Pods and pod templates.

Source: Kubernetes `pkg/apis/core/validation/validation.go`, `pkg/registry/core/pod/strategy.go`.
"""

from __future__ import annotations

import re

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    LARGEST,
    Wrong,
    annotation_map,
    duplicate,
    forbidden_field,
    invalid_value,
    ip,
    labels,
    named,
    not_found,
    one_of,
    present,
    required,
)
from lab.sim.api.validation.claims import claim_spec
from lab.sim.api.validation.containers import (
    RESTART_POLICIES,
    Pod,
    containers,
    ephemeral_containers,
    init_containers,
    trimmed_image,
)
from lab.sim.api.validation.resources import container_resource, pod_resource, requirements
from lab.sim.api.validation.scheduling import affinity, spreading, tolerations
from lab.sim.api.validation.security import host_users, operating_system, pod_security
from lab.sim.api.validation.volumes import volumes

_DNS = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_COST = "controller.kubernetes.io/pod-deletion-cost"
_is_cost = re.compile(r"0|-?[1-9][0-9]*", re.ASCII).fullmatch


def pod(wrong: Wrong, obj: Object) -> None:
    """What a pod must be beyond its metadata, new or changed."""
    meta, spec = obj["metadata"], obj.get("spec") or {}
    pod_annotations(wrong, "metadata.annotations", meta.get("annotations"))
    pod_spec(wrong, "spec", spec, str(meta.get("name") or ""), is_pod=True)
    if not spec.get("serviceAccountName"):
        for index, one in enumerate(spec.get("volumes") or ()):
            for place, source in enumerate((one.get("projected") or {}).get("sources") or ()):
                if source.get("serviceAccountToken") is not None:
                    at = f"spec.volumes[{index}].projected.sources[{place}].serviceAccountToken"
                    wrong.append(forbidden_field(at, "must not be specified when serviceAccountName is not set"))
    for group in ("containers", "initContainers"):
        for index, one in enumerate(spec.get(group) or ()):
            trimmed_image(wrong, f"spec.{group}[{index}]", one)


def new_pod(wrong: Wrong, obj: Object) -> None:
    """What only a pod to be created must be."""
    pod(wrong, obj)
    spec = obj.get("spec") or {}
    if spec.get("ephemeralContainers"):
        wrong.append(forbidden_field("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        wrong.append(forbidden_field("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))


def pod_annotations(wrong: Wrong, path: str, values: dict[str, str] | None) -> None:
    """Annotations that mean something to a pod."""
    cost = (values or {}).get(_COST)
    if cost is not None and not (_is_cost(cost) and -LARGEST - 1 <= int(cost) <= LARGEST):
        wrong.append(invalid_value(f"{path}[{_COST}]", cost, "must be a 32bit integer"))


def template(wrong: Wrong, path: str, value: Object | None) -> None:
    """A pod template."""
    value = value or {}
    meta = value.get("metadata") or {}
    labels(wrong, f"{path}.labels", meta.get("labels"))
    annotation_map(wrong, f"{path}.annotations", meta.get("annotations"))
    pod_annotations(wrong, f"{path}.annotations", meta.get("annotations"))
    spec = value.get("spec") or {}
    pod_spec(wrong, f"{path}.spec", spec)
    if spec.get("ephemeralContainers"):
        said = "ephemeral containers not allowed in pod template"
        wrong.append(forbidden_field(f"{path}.spec.ephemeralContainers", said))


def pod_spec(wrong: Wrong, path: str, spec: Object, pod_name: str = "", *, is_pod: bool = False) -> None:
    """A pod's spec; `pod_name` is "" and `is_pod` False in a template."""
    if spec.get("terminationGracePeriodSeconds") is None:
        wrong.append(required(f"{path}.terminationGracePeriodSeconds"))
    main, first = spec.get("containers"), spec.get("initContainers") or []
    about = Pod(
        grace=spec.get("terminationGracePeriodSeconds"),
        restart=spec.get("restartPolicy") or "",
        host_users=spec.get("hostUsers") is not False,
        os=(spec.get("os") or {}).get("name") or "",
    )
    if spec.get("volumes"):
        about.volumes = volumes(wrong, f"{path}.volumes", spec["volumes"], pod_name, claim_spec)
    if spec.get("resourceClaims"):
        about.claims = _resource_claims(wrong, f"{path}.resourceClaims", spec["resourceClaims"])
    containers(wrong, f"{path}.containers", main, about)
    if first:
        init_containers(wrong, f"{path}.initContainers", first, main or [], about)
    if spec.get("ephemeralContainers"):
        others = [*(main or []), *first]
        ephemeral_containers(wrong, f"{path}.ephemeralContainers", spec["ephemeralContainers"], others, about)
    if spec.get("resources"):
        _pod_resources(wrong, f"{path}.resources", spec["resources"], about)
    if spec.get("hostNetwork"):
        _host_network(wrong, f"{path}.containers", main or [], is_pod)
    one_of(wrong, f"{path}.restartPolicy", spec.get("restartPolicy"), RESTART_POLICIES, needed=True)
    one_of(wrong, f"{path}.dnsPolicy", spec.get("dnsPolicy"), _DNS, needed=True)
    if spec.get("nodeSelector"):
        labels(wrong, f"{path}.nodeSelector", spec["nodeSelector"])
    if spec.get("securityContext") or spec.get("shareProcessNamespace"):
        pod_security(wrong, f"{path}.securityContext", spec.get("securityContext") or {}, spec)
    if spec.get("affinity"):
        affinity(wrong, f"{path}.affinity", spec["affinity"])
    if spec.get("dnsConfig") is not None or spec.get("dnsPolicy") == "None":
        _dns_config(wrong, f"{path}.dnsConfig", spec)
    for index, one in enumerate(spec.get("readinessGates") or ()):
        named(
            wrong, f"{path}.readinessGates[{index}].conditionType", one.get("conditionType") or "", names.qualified_name
        )
    if spec.get("schedulingGates"):
        _gates(wrong, f"{path}.schedulingGates", spec["schedulingGates"])
    if spec.get("topologySpreadConstraints"):
        spreading(wrong, f"{path}.topologySpreadConstraints", spec["topologySpreadConstraints"])
    if spec.get("hostUsers") is False:
        host_users(wrong, path, spec)
    for field, rule in _NAMES:
        if spec.get(field):
            for message in rule(spec[field]):
                wrong.append(invalid_value(f"{path}.{field}", spec[field], message))
    _rest(wrong, path, spec)


_NAMES = (
    ("serviceAccountName", names.dns_subdomain),
    ("nodeName", names.dns_subdomain),
)


def _rest(wrong: Wrong, path: str, spec: Object) -> None:
    """The fields that few pods have, in the order of a server's messages."""
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= LARGEST:
        wrong.append(invalid_value(f"{path}.activeDeadlineSeconds", deadline, names.between(1, LARGEST)))
    for field in ("hostname", "subdomain"):
        if spec.get(field):
            named(wrong, f"{path}.{field}", spec[field], names.dns_label)
    if spec.get("tolerations"):
        tolerations(wrong, f"{path}.tolerations", spec["tolerations"])
    for index, one in enumerate(spec.get("hostAliases") or ()):
        ip(wrong, f"{path}.hostAliases[{index}].ip", one.get("ip") or "")
        for place, name in enumerate(one.get("hostnames") or ()):
            named(wrong, f"{path}.hostAliases[{index}].hostnames[{place}]", name, names.dns_subdomain)
    for field in ("priorityClassName", "runtimeClassName"):
        if spec.get(field):
            named(wrong, f"{path}.{field}", spec[field], names.dns_subdomain)
    one_of(wrong, f"{path}.preemptionPolicy", spec.get("preemptionPolicy"), ("PreemptLowerPriority", "Never"))
    if spec.get("overhead"):
        requirements(wrong, f"{path}.overhead", {"limits": spec["overhead"]}, container_resource)
    if spec.get("os") is not None:
        operating_system(wrong, path, spec)
    if spec.get("containers"):
        _file_keys(wrong, path, spec)


def _file_keys(wrong: Wrong, path: str, spec: Object) -> None:
    for index, one in enumerate(spec["containers"]):
        for place, entry in enumerate(one.get("env") or ()):
            key = (entry.get("valueFrom") or {}).get("fileKeyRef")
            if key is not None and not any(
                each.get("name") == key.get("volumeName") for each in spec.get("volumes") or ()
            ):
                at = f"{path}.containers[{index}].env[{place}].valueFrom.fileKeyRef.volumeName"
                wrong.append(not_found(at, key.get("volumeName") or ""))


def _pod_resources(wrong: Wrong, path: str, needs: Object, about: Pod) -> None:
    if needs.get("claims"):
        wrong.append(forbidden_field(f"{path}.claims", "claims may not be set for Resources at pod-level"))
    requirements(wrong, path, needs, pod_resource, about.claims)


def _host_network(wrong: Wrong, path: str, values: list[Object], is_pod: bool) -> None:
    for index, one in enumerate(values):
        for place, port in enumerate(one.get("ports") or ()):
            said = port.get("hostPort") or 0
            if (is_pod or said) and said != port.get("containerPort"):
                detail = "must match `containerPort` when `hostNetwork` is true"
                wrong.append(invalid_value(f"{path}[{index}].ports[{place}].hostPort", said, detail))


def _dns_config(wrong: Wrong, path: str, spec: Object) -> None:
    config: Object = spec.get("dnsConfig") or {}
    if spec.get("dnsPolicy") == "None":
        if spec.get("dnsConfig") is None:
            wrong.append(required(path, "must provide `dnsConfig` when `dnsPolicy` is None"))
            return
        if not config.get("nameservers"):
            said = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            wrong.append(required(f"{path}.nameservers", said))
            return
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > 3:
        wrong.append(invalid_value(f"{path}.nameservers", servers, "must not have more than 3 nameservers"))
    for index, one in enumerate(servers):
        ip(wrong, f"{path}.nameservers[{index}]", one)
    if len(searches) > 32:
        wrong.append(invalid_value(f"{path}.searches", searches, "must not have more than 32 search paths"))
    if len(" ".join(searches)) > 2048:
        said = "must not have more than 2048 characters (including spaces) in the search list"
        wrong.append(invalid_value(f"{path}.searches", searches, said))
    for index, one in enumerate(searches):
        if one != ".":
            named(wrong, f"{path}.searches[{index}]", one.removesuffix("."), names.dns_underscored)
    for index, one in enumerate(config.get("options") or ()):
        present(wrong, f"{path}.options[{index}]", one.get("name"), "must not be empty")


def _gates(wrong: Wrong, path: str, values: list[Object]) -> None:
    seen: set[str] = set()
    for index, one in enumerate(values):
        name = one.get("name") or ""
        named(wrong, f"{path}[{index}]", name, names.qualified_name)
        if name in seen:
            wrong.append(duplicate(f"{path}[{index}]", name))
        seen.add(name)


def _resource_claims(wrong: Wrong, path: str, values: list[Object]) -> tuple[str, ...]:
    seen: set[str] = set()
    for index, one in enumerate(values):
        at, name = f"{path}[{index}]", one.get("name") or ""
        if not name:
            wrong.append(required(f"{at}.name"))
        elif name in seen:
            wrong.append(duplicate(f"{at}.name", name))
        else:
            named(wrong, f"{at}.name", name, names.dns_label)
            seen.add(name)
        for field in ("resourceClaimName", "resourceClaimTemplateName"):
            if one.get(field) is not None:
                named(wrong, f"{at}.{field}", one[field], names.dns_subdomain)
    return tuple(seen)
