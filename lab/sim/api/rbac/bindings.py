"""Who is bound to which role: kept by subject, from every binding of a cluster, as bindings come and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.sim.api.context import User
from lab.sim.api.resources import Object
from lab.sim.api.store import Change, Store
from lab.sim.api.tokens import account_name

GROUP = "rbac.authorization.k8s.io"
ROLES = f"roles.{GROUP}"
ROLE_BINDINGS = f"rolebindings.{GROUP}"
CLUSTER_ROLES = f"clusterroles.{GROUP}"
CLUSTER_ROLE_BINDINGS = f"clusterrolebindings.{GROUP}"
STORAGES = frozenset((ROLES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS))
_BINDINGS = frozenset((ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS))

Key = tuple[str, str]
"""(`User` or `Group`, name); service accounts stand under their user name."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One binding as one of its subjects has it."""

    name: str
    namespace: str
    """"" for a ClusterRoleBinding."""
    kind: str
    """`Role` or `ClusterRole`."""
    role: str
    position: int
    """The subject's place in the binding."""
    subject: str
    """The subject as reasons name it."""

    @property
    def source(self) -> str:
        """The binding as reasons name it."""
        to = f'of {self.kind} "{self.role}" to {self.subject}'
        if self.namespace:
            return f'RoleBinding "{self.name}/{self.namespace}" {to}'
        return f'ClusterRoleBinding "{self.name}" {to}'


class Bindings:
    """The bindings of one cluster by namespace and subject; the namespace "" holds the ClusterRoleBindings."""

    def __init__(self, store: Store) -> None:
        self._held: dict[str, dict[Key, dict[str, Grant]]] = {}
        for storage in _BINDINGS:
            for binding in store.scan(storage):
                self._add(binding)

    def follow(self, change: Change) -> None:
        """Take in a write of any resource."""
        if change.storage in _BINDINGS:
            if change.old is not None:
                self._drop(change.old)
            if change.new is not None:
                self._add(change.new)

    def _add(self, binding: Object) -> None:
        metadata, role = binding["metadata"], binding["roleRef"]
        name, namespace = metadata["name"], metadata.get("namespace", "")
        held = self._held.setdefault(namespace, {})
        for position, subject in enumerate(binding.get("subjects") or ()):
            key = _key(subject, namespace)
            if key is not None:
                told = _told(subject, namespace)
                grant = Grant(name, namespace, role["kind"], role["name"], position, told)
                held.setdefault(key, {}).setdefault(name, grant)

    def _drop(self, binding: Object) -> None:
        namespace = binding["metadata"].get("namespace", "")
        held = self._held.get(namespace, {})
        for subject in binding.get("subjects") or ():
            key = _key(subject, namespace)
            grants = held.get(key) if key is not None else None
            if key is not None and grants is not None:
                grants.pop(binding["metadata"]["name"], None)
                if not grants:
                    del held[key]
        if not held:
            self._held.pop(namespace, None)

    def of(self, user: User, namespace: str) -> Iterator[Grant]:
        """What `user` is granted: ClusterRoleBindings in order of name, then RoleBindings of `namespace` if given.

        A binding that names the user more than once is told once, for the first subject.
        """
        keys: list[Key] = [("User", user.name), *(("Group", group) for group in user.groups)]
        for scope in ("", namespace) if namespace else ("",):
            held = self._held.get(scope)
            if held is None:
                continue
            found: dict[str, Grant] = {}
            for key in keys:
                for name, grant in (held.get(key) or {}).items():
                    known = found.get(name)
                    if known is None or grant.position < known.position:
                        found[name] = grant
            for name in sorted(found):
                yield found[name]


def _key(subject: Object, namespace: str) -> Key | None:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "ServiceAccount":
        home = subject.get("namespace") or namespace
        return ("User", account_name(home, name)) if home else None
    return (kind, name) if kind in ("User", "Group") else None


def _told(subject: Object, namespace: str) -> str:
    if subject["kind"] == "ServiceAccount":
        return f'ServiceAccount "{subject["name"]}/{subject.get("namespace") or namespace}"'
    return f'{subject["kind"]} "{subject["name"]}"'
