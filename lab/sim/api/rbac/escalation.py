"""Nobody gives away what they do not have: checks on writes of roles and bindings.

Source: Kubernetes `pkg/registry/rbac/{clusterrole,role,rolebinding,clusterrolebinding}/policybased/storage.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from lab.sim.api.admission import Write
from lab.sim.api.context import User
from lab.sim.api.rbac.authorizer import MASTERS, Authorizer, aggregated
from lab.sim.api.rbac.bindings import CLUSTER_ROLES, GROUP, ROLES, STORAGES
from lab.sim.api.rbac.rules import Rule, described, quoted, uncovered
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError, forbidden, not_found

_EVERYTHING: tuple[Rule, ...] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)
_COLLECTORS = ("ownerReferences", "finalizers", "selfLink", "managedFields", "resourceVersion")
"""Metadata that must stay free to change, so that an object can go away."""


def check_escalation(authorizer: Authorizer, write: Write) -> None:
    """Refuse a role or binding that would grant more than its writer has; other writes pass.

    Raises ApiError 403, and 404 for a binding to a role that is not there unless its writer may `bind` it.
    """
    resource, user = write.resource, write.context.user
    if resource.storage not in STORAGES or write.new is None or MASTERS in user.groups:
        return
    new, old = write.new, write.old
    if old is not None and _kept(new) == _kept(old):
        return
    if resource.storage in (ROLES, CLUSTER_ROLES):
        _check_role(authorizer, write, user, new, old)
    else:
        _check_binding(authorizer, write, user, new)


def _check_role(authorizer: Authorizer, write: Write, user: User, new: Object, old: Object | None) -> None:
    plural, namespace = write.resource.plural, write.namespace
    asked = write.name if old is not None else ""
    if authorizer.allowed(user, "escalate", GROUP, plural, "", namespace, asked)[0]:
        return
    _check_held(authorizer, write, user, new.get("rules") or ())
    if write.resource.storage == CLUSTER_ROLES and (_aggregates(new) or (old is not None and _aggregates(old))):
        owned, _ = authorizer.rules_for(user, namespace)
        if uncovered(owned, _EVERYTHING):
            raise _refusal(write, "must have cluster-admin privileges to use the aggregationRule")


def _check_binding(authorizer: Authorizer, write: Write, user: User, new: Object) -> None:
    role = new["roleRef"]
    kind, name = role["kind"], role["name"]
    plural = "clusterroles" if kind == "ClusterRole" else "roles"
    if authorizer.allowed(user, "bind", role.get("apiGroup", GROUP), plural, "", write.namespace, name)[0]:
        return
    wanted = authorizer.role_rules(kind, name, write.namespace)
    if wanted is None:
        # The server looks the role up in the name of this request, and so calls it by the binding's resource.
        raise not_found(GROUP, write.resource.plural, name)
    _check_held(authorizer, write, user, wanted)


def _check_held(authorizer: Authorizer, write: Write, user: User, wanted: Iterable[Rule]) -> None:
    owned, errors = authorizer.rules_for(user, write.namespace, write.resource.qualified)
    beyond = uncovered(owned, wanted)
    if not beyond:
        return
    who = f'user "{user.name}" (groups={quoted(user.groups)})'
    text = f"{who} is attempting to grant RBAC permissions not currently held:\n" + "\n".join(described(beyond))
    if errors:
        text += f"; resolution errors: [{aggregated(errors)}]"
    raise _refusal(write, text)


def _refusal(write: Write, why: str) -> ApiError:
    return forbidden(write.resource.group, write.resource.plural, write.name, why)


def _aggregates(role: Object) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _kept(obj: Object) -> Object:
    metadata = cast(Object, obj["metadata"])
    return {**obj, "metadata": {key: value for key, value in metadata.items() if key not in _COLLECTORS}}
