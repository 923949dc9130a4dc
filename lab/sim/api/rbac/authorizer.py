"""Whether a user may do what they ask, by the roles and bindings of the cluster.

Source: Kubernetes `plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/registry/rbac/validation/rule.go`, apiserver
`pkg/endpoints/handlers/responsewriters/errors.go`. The node authorizer is left out: no kubelet asks here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lab.sim.api.context import User
from lab.sim.api.rbac import rules
from lab.sim.api.rbac.bindings import CLUSTER_ROLES, GROUP, ROLES, STORAGES, Bindings, Grant
from lab.sim.api.rbac.rules import Rule
from lab.sim.api.resources import Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import forbidden
from lab.sim.api.store import Change

MASTERS = "system:masters"
_KEPT = 8192
_ALLOWED = (True, "")
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

Decision = tuple[bool, str]
"""Whether it is allowed, and why or what went wrong meanwhile; "" when there is nothing to tell."""


@dataclass(slots=True)
class _Answer:
    """What is decided for every object of a resource, and for those that rules name."""

    decision: Decision
    named: dict[str, Decision] = field(default_factory=dict)


class Authorizer:
    """Decides for one cluster. Answers are kept until a role or binding changes."""

    def __init__(self, rest: Rest) -> None:
        self._store = rest.store
        self._bindings = Bindings(rest.store)
        self._answers: dict[tuple[User, str, str, str, str, str], _Answer] = {}
        self._paths: dict[tuple[User, str, str], Decision] = {}
        rest.store.listen(self._follow)

    def _follow(self, change: Change) -> None:
        if change.storage in STORAGES:
            self._bindings.follow(change)
            self._answers.clear()
            self._paths.clear()

    # -- deciding

    def allowed(
        self, user: User, verb: str, group: str, resource: str, subresource: str, namespace: str, name: str
    ) -> Decision:
        """Whether `user` may `verb` the object `name` ("" for none in particular) of a resource, and why.

        `namespace`: "" for the whole cluster. The reason of a refusal tells roles that are bound but not there.
        """
        key = (user, verb, group, resource, subresource, namespace)
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= _KEPT:
                self._answers.clear()
            answer = self._answers[key] = self._answer(user, verb, group, resource, subresource, namespace)
        if answer.named:
            return answer.named.get(name, answer.decision)
        return answer.decision

    def allowed_path(self, user: User, verb: str, path: str) -> Decision:
        """Whether `user` may `verb` a path that is no resource, and why."""
        key = (user, verb, path)
        decision = self._paths.get(key)
        if decision is None:
            if len(self._paths) >= _KEPT:
                self._paths.clear()
            decision = self._paths[key] = self._path_decision(user, verb, path)
        return decision

    def _answer(self, user: User, verb: str, group: str, resource: str, subresource: str, namespace: str) -> _Answer:
        if MASTERS in user.groups:
            return _Answer(_ALLOWED)
        named: dict[str, Decision] = {}
        errors: list[str] = []
        for grant, rule in self._granted(user, namespace, errors):
            if rules.matches(rule, verb, group, resource, subresource):
                decision = (True, f"RBAC: allowed by {grant.source}")
                names = rule.get("resourceNames")
                if not names:
                    return _Answer(decision, named)
                for name in names:
                    named.setdefault(name, decision)
        return _Answer(_refused(errors), named)

    def _path_decision(self, user: User, verb: str, path: str) -> Decision:
        if MASTERS in user.groups:
            return _ALLOWED
        errors: list[str] = []
        for grant, rule in self._granted(user, "", errors):
            if rules.matches_path(rule, verb, path):
                return True, f"RBAC: allowed by {grant.source}"
        return _refused(errors)

    def _granted(
        self, user: User, namespace: str, errors: list[str], missing: str = ""
    ) -> Iterator[tuple[Grant, Rule]]:
        for grant in self._bindings.of(user, namespace):
            found = self.role_rules(grant.kind, grant.role, namespace)
            if found is None:
                plural = missing or f"{grant.kind.lower()}.{GROUP}"
                errors.append(f'{plural} "{grant.role}" not found')
                continue
            for rule in found:
                yield grant, rule

    def role_rules(self, kind: str, name: str, namespace: str) -> Sequence[Rule] | None:
        """The rules of a `Role` of `namespace` or of a `ClusterRole`; None when there is no such role."""
        if kind == "ClusterRole":
            role = self._store.get(CLUSTER_ROLES, "", name)
        else:
            role = self._store.get(ROLES, namespace, name)
        return None if role is None else role.get("rules") or ()

    def rules_for(self, user: User, namespace: str, missing: str = "") -> tuple[list[Rule], list[str]]:
        """Every rule that holds for `user` in `namespace`, and which roles were not found.

        `missing`: what to call a role that is not there, "" for its kind.
        """
        errors: list[str] = []
        found = [rule for _, rule in self._granted(user, namespace, errors, missing)]
        return found, list(dict.fromkeys(errors))

    # -- refusing

    def check(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str = "", subresource: str = ""
    ) -> None:
        """Return if `user` may. Raises ApiError 403."""
        if resource.plural == "namespaces" and not resource.group and not namespace:
            # A namespace counts as its own, so that a RoleBinding in it is enough to read it.
            namespace = name
        self.check_attributes(user, verb, resource.group, resource.plural, subresource, namespace, name)

    def check_attributes(
        self, user: User, verb: str, group: str, resource: str, subresource: str, namespace: str, name: str
    ) -> None:
        """As `check`, for a resource the cluster need not serve."""
        allowed, reason = self.allowed(user, verb, group, resource, subresource, namespace, name)
        if allowed:
            return
        asked = f"{resource}/{subresource}" if subresource else resource
        place = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        text = f'User "{user.name}" cannot {verb} resource "{asked}" in API group "{group}" {place}'
        raise forbidden(group, resource, name, _with_reason(text, reason))

    def check_path(self, user: User, verb: str, path: str) -> None:
        """Return if `user` may ask for a path that is no resource. Raises ApiError 403."""
        allowed, reason = self.allowed_path(user, verb, path)
        if not allowed:
            raise forbidden("", "", "", _with_reason(f'User "{user.name}" cannot {verb} path "{path}"', reason))


def aggregated(errors: Sequence[str]) -> str:
    """Several errors in one text, each told once."""
    told = list(dict.fromkeys(errors))
    return told[0] if len(told) == 1 else f"[{', '.join(told)}]"


def _refused(errors: Sequence[str]) -> Decision:
    return False, f"RBAC: {aggregated(errors)}" if errors else ""


def _with_reason(text: str, reason: str) -> str:
    text = text.translate(_ESCAPED)
    return f"{text}: {reason}" if reason else text
