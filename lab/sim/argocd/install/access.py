"""Who of an Argo CD may do what. Source: Argo CD 3.6.1 `manifests/{base,cluster-rbac}`."""

from __future__ import annotations

from collections.abc import Iterator

from lab.sim.argocd.install.parts import APPLICATION_SETS, CONTROLLER, DEX, NOTIFICATIONS, REDIS, SERVER, Part, labels
from lab.sim.objects import Object

_GROUP = "rbac.authorization.k8s.io"
_READ, _ALL = "get list watch", "create delete get list patch update watch"
_APPLICATION_SETS = (
    ("argoproj.io", "applications applicationsets applicationsets/finalizers", _ALL),
    ("argoproj.io", "appprojects", _READ),
    ("argoproj.io", "applicationsets/status", "get patch update"),
    ("", "events", "create get list patch watch"),
    ("", "secrets configmaps", _READ),
    ("coordination.k8s.io", "leases", "create"),
    ("coordination.k8s.io", "leases", "get update create", "58ac56fa.applicationsets.argoproj.io"),
)
_Rules = tuple[tuple[str, ...], ...]
"""Each (API group, resources, verbs) or (API group, resources, verbs, names), words apart by blanks."""

ROLES: dict[Part, _Rules] = {
    CONTROLLER: (
        ("", "secrets configmaps", _READ),
        ("argoproj.io", "applications applicationsets appprojects", "create get list watch update patch delete"),
        ("", "events", "create list"),
        ("apps", "deployments", _READ),
    ),
    APPLICATION_SETS: _APPLICATION_SETS,
    DEX: (("", "secrets configmaps", _READ),),
    NOTIFICATIONS: (
        ("argoproj.io", "applications appprojects", "get list watch update patch"),
        ("", "configmaps secrets", "list watch"),
        ("", "configmaps", "get", "argocd-notifications-cm"),
        ("", "secrets", "get", "argocd-notifications-secret"),
    ),
    REDIS: (("", "secrets", "get", "argocd-redis"), ("", "secrets", "create")),
    SERVER: (
        ("", "secrets configmaps", "create get list watch update patch delete"),
        ("argoproj.io", "applications appprojects applicationsets", "create get list watch update delete patch"),
        ("", "events", "create list"),
    ),
}
CLUSTER_ROLES: dict[Part, _Rules] = {
    CONTROLLER: (("*", "*", "*"),),
    APPLICATION_SETS: _APPLICATION_SETS,
    SERVER: (
        ("*", "*", "delete get patch"),
        ("*", "*/finalizers", "update"),
        ("", "events", "list"),
        ("", "pods pods/log", "get"),
        ("argoproj.io", "applications applicationsets", _READ),
        ("batch", "jobs", "create"),
        ("argoproj.io", "workflows", "create"),
    ),
}


def access(part: Part, namespace: str, *, cluster_wide: bool, full: bool) -> Iterator[Object]:
    """A part's account, its roles and their bindings.

    In a core install the ApplicationSet controller keeps to its namespace, as Argo CD's does.
    """
    marked = labels(part.name, part.component)
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"labels": marked, "name": part.name, "namespace": namespace},
    }
    if part in ROLES:
        yield from _granted(part, namespace, ROLES[part], "Role")
    if cluster_wide and part in CLUSTER_ROLES and (full or part is CONTROLLER):
        yield from _granted(part, namespace, CLUSTER_ROLES[part], "ClusterRole")


def _granted(part: Part, namespace: str, rules: _Rules, kind: str) -> Iterator[Object]:
    made: list[Object] = [_rule(*one) for one in rules]
    metadata: Object = {"labels": labels(part.name, part.component), "name": part.name}
    if kind == "Role":
        metadata["namespace"] = namespace
    elif part is CONTROLLER:
        made.append({"nonResourceURLs": ["*"], "verbs": ["*"]})
    yield {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata, "rules": made}
    yield {
        "apiVersion": f"{_GROUP}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": part.name},
        "subjects": [{"kind": "ServiceAccount", "name": part.name, "namespace": namespace}],
    }


def _rule(group: str, resources: str, verbs: str, names: str = "") -> Object:
    made: Object = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    if names:
        made["resourceNames"] = names.split()
    return made
