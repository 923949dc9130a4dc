"""An Argo CD's ConfigMaps, Secrets and first project, with the contents a new one has."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from lab.sim.argocd.install.parts import labels
from lab.sim.objects import Object

_CONFIG_MAPS = ("argocd-cmd-params-cm", "argocd-gpg-keys-cm", "argocd-rbac-cm", "argocd-tls-certs-cm")
_UPDATES = "resource.customizations.ignoreResourceUpdates."
_IGNORED_UPDATES: dict[str, tuple[str, ...]] = {
    "all": ("/status",),
    "Endpoints": ("/metadata", "/subsets"),
    "discovery.k8s.io_EndpointSlice": ("/metadata", "/endpoints", "/ports"),
}
_IGNORED_ANNOTATIONS: dict[str, tuple[str, ...]] = {
    "ConfigMap": ("cluster-autoscaler.kubernetes.io/last-updated", "control-plane.alpha.kubernetes.io/leader"),
    "apps_ReplicaSet": (
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "rollout.argoproj.io/desired-replicas",
    ),
    "argoproj.io_Application": (
        "notified.notifications.argoproj.io",
        "argocd.argoproj.io/refresh",
        "argocd.argoproj.io/refresh-timestamp",
        "argocd.argoproj.io/hydrate",
        "argocd.argoproj.io/hydrate-timestamp",
    ),
    "argoproj.io_Rollout": ("notified.notifications.argoproj.io",),
    "autoscaling_HorizontalPodAutoscaler": (
        "autoscaling.alpha.kubernetes.io/behavior",
        "autoscaling.alpha.kubernetes.io/conditions",
        "autoscaling.alpha.kubernetes.io/metrics",
        "autoscaling.alpha.kubernetes.io/current-metrics",
    ),
}
_IGNORED_FIELDS = {"argoproj.io_Application": (".operation",)}
_EXCLUDED = (
    (" discovery.k8s.io", "Endpoints EndpointSlice"),
    ("coordination.k8s.io", "Lease"),
    (
        "authentication.k8s.io authorization.k8s.io",
        "SelfSubjectReview TokenReview LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview"
        " SubjectAccessReview",
    ),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("cert-manager.io", "CertificateRequest"),
    ("cilium.io", "CiliumIdentity CiliumEndpoint CiliumEndpointSlice"),
    (
        "kyverno.io reports.kyverno.io wgpolicyk8s.io",
        "PolicyReport ClusterPolicyReport EphemeralReport ClusterEphemeralReport AdmissionReport ClusterAdmissionReport"
        " BackgroundScanReport ClusterBackgroundScanReport UpdateRequest",
    ),
)
"""API groups and kinds that are not watched; a leading blank stands for the core group."""


def settings(namespace: str, *, full: bool) -> Iterator[Object]:
    """ConfigMaps and Secrets. `full`: with those of the notifications controller."""
    yield _config_map(namespace, "argocd-cm", {**_ignored_updates(), "resource.exclusions": _exclusions()})
    for name in _CONFIG_MAPS:
        yield _config_map(namespace, name, {})
    yield _config_map(namespace, "argocd-ssh-known-hosts-cm", {"ssh_known_hosts": ""})
    yield _secret(namespace, "argocd-secret", labels("argocd-secret"))
    if full:
        marked = labels("argocd-notifications-controller", "notifications-controller")
        yield {**_config_map(namespace, "argocd-notifications-cm", {}), **_named(namespace, "cm", marked)}
        yield _secret(namespace, "argocd-notifications-secret", marked)


def default_project(namespace: str) -> Object:
    """The AppProject `default`, as Argo CD's API server makes it when it first starts."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            "destinations": [{"namespace": "*", "server": "*"}],
            "sourceRepos": ["*"],
        },
    }


def _named(namespace: str, what: str, marked: dict[str, str]) -> Object:
    return {"metadata": {"labels": marked, "name": f"argocd-notifications-{what}", "namespace": namespace}}


def _config_map(namespace: str, name: str, data: dict[str, str]) -> Object:
    made: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"labels": labels(name), "name": name, "namespace": namespace},
    }
    if data:
        made["data"] = data
    return made


def _secret(namespace: str, name: str, marked: dict[str, str]) -> Object:
    metadata = {"labels": marked, "name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}


def _ignored_updates() -> dict[str, str]:
    made = {f"{_UPDATES}{kind}": _lines("jsonPointers", paths) for kind, paths in _IGNORED_UPDATES.items()}
    for kind, names in _IGNORED_ANNOTATIONS.items():
        paths = [f"'.metadata.annotations.\"{name}\"'" for name in names]
        paths += [f"'{path}'" for path in _IGNORED_FIELDS.get(kind, ())]
        made[f"{_UPDATES}{kind}"] = _lines("jqPathExpressions", paths)
    return made


def _lines(head: str, items: list[str] | tuple[str, ...]) -> str:
    return "".join([f"{head}:\n", *(f"- {item}\n" for item in items)])


def _exclusions() -> str:
    text = ""
    for groups, kinds in _EXCLUDED:
        named = orjson.dumps(groups.split(" ")).decode()
        text += f"- apiGroups: {named}\n  kinds: [{', '.join(kinds.split())}]\n"
    return text
