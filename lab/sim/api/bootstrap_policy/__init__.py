"""The roles and bindings a cluster is born with: the API server's own and kubeadm's.

They stand as text beside this module, taken from what a kubeadm cluster of Kubernetes 1.34 serves, and are read once:
every cluster of the process shares one copy of the rules. Source: Kubernetes
`plugin/pkg/auth/authorizer/rbac/bootstrappolicy`, kubeadm `phases/{bootstraptoken,clusterinfo,uploadconfig,addons}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources

from lab.sim.api.aggregation import aggregated_rules
from lab.sim.api.rbac.bindings import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, GROUP, ROLE_BINDINGS, ROLES
from lab.sim.api.rbac.rules import Rule
from lab.sim.api.resources import Object

_API_VERSION = f"{GROUP}/v1"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_VERBS = {"read": _READ, "write": _WRITE, "all": sorted(_READ + _WRITE)}
_EVENTS: Rule = {
    "apiGroups": ["", "events.k8s.io"],
    "resources": ["events"],
    "verbs": ["create", "patch", "update"],
}
_CONTROLLER = "system:controller:"
_KINDS = {"user": "User", "group": "Group"}


@cache
def objects() -> tuple[tuple[str, Object], ...]:
    """Key in the store and object, of every default role and binding, without uid and creationTimestamp.

    The objects are shared: give each cluster a copy of the object and its metadata, not of what is below.
    """
    roles = list(_roles())
    cluster_roles = {role["metadata"]["name"]: role for storage, role in roles if storage == CLUSTER_ROLES}
    for name in ("view", "edit", "admin"):
        cluster_roles[name]["rules"] = aggregated_rules(cluster_roles[name], cluster_roles.values())
    return (*roles, *_bindings(cluster_roles))


def _lines(file: str) -> Iterator[str]:
    text = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if not line.startswith("#"))


def _roles() -> Iterator[tuple[str, Object]]:
    role: Object | None = None
    for line in _lines("roles.txt"):
        if line.startswith(" "):
            assert role is not None
            role["rules"].append(_rule(line.split()))
            continue
        words = line.split()
        feeds = [word[1:] for word in words if word.startswith(">")]
        made_of = [word[1:] for word in words if word.startswith("<")]
        words = [word for word in words if word[0] not in "<>"]
        metadata = _metadata(words)
        if feeds:
            metadata["labels"] = {**_LABELS, **{_feeds(one): "true" for one in feeds}}
        namespaced = "namespace" in metadata
        role = {"apiVersion": _API_VERSION, "kind": "Role" if namespaced else "ClusterRole", "metadata": metadata}
        if made_of:
            selectors = [{"matchLabels": {_feeds(one): "true"}} for one in made_of]
            role["aggregationRule"] = {"clusterRoleSelectors": selectors}
        role["rules"] = []
        yield (ROLES if namespaced else CLUSTER_ROLES), role


def _metadata(words: list[str]) -> Object:
    """Metadata from `[-] [NAMESPACE] NAME`; words are used up."""
    metadata: Object = {"name": words.pop()}
    if words and words[-1] != "-":
        metadata["namespace"] = words.pop()
    if not words:
        metadata["labels"], metadata["annotations"] = _LABELS, _ANNOTATIONS
    return metadata


def _feeds(aggregate: str) -> str:
    return f"{GROUP}/aggregate-to-{aggregate}"


def _rule(words: list[str]) -> Rule:
    if words == ["events"]:
        return _EVENTS
    groups, things, verbs, *names = words
    made: Rule = {"verbs": _VERBS.get(verbs) or verbs.split(",")}
    if groups == "path":
        made["nonResourceURLs"] = things.split(",")
        return made
    made["apiGroups"] = ["" if group == "core" else group for group in groups.split(",")]
    made["resources"] = things.split(",")
    if names:
        made["resourceNames"] = names[0].split(",")
    return made


def _bindings(cluster_roles: dict[str, Object]) -> Iterator[tuple[str, Object]]:
    for line in _lines("bindings.txt"):
        words = line.split()
        place = next(at for at, word in enumerate(words) if word in ("Role", "ClusterRole"))
        kind, role, *subjects = words[place:]
        yield _binding(_metadata(words[:place]), kind, role, subjects[0].split(",") if subjects else [])
    for name in cluster_roles:
        if name.startswith(_CONTROLLER):
            account = f"account:kube-system/{name.removeprefix(_CONTROLLER)}"
            yield _binding(_metadata([name]), "ClusterRole", name, [account])


def _binding(metadata: Object, kind: str, role: str, subjects: list[str]) -> tuple[str, Object]:
    namespaced = "namespace" in metadata
    made: Object = {
        "apiVersion": _API_VERSION,
        "kind": "RoleBinding" if namespaced else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role},
    }
    if subjects:
        made["subjects"] = [_subject(one) for one in subjects]
    return (ROLE_BINDINGS if namespaced else CLUSTER_ROLE_BINDINGS), made


def _subject(text: str) -> Object:
    kind, _, name = text.partition(":")
    if kind == "account":
        namespace, _, name = name.partition("/")
        return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    return {"kind": _KINDS[kind], "apiGroup": GROUP, "name": name}
