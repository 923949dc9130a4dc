"""Roles and bindings.

Source: Kubernetes `pkg/apis/rbac/validation/validation.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.api.validation import names
from lab.sim.api.validation.causes import (
    Wrong,
    invalid_value,
    label_selector,
    named,
    needs_name,
    not_supported,
    present,
    required,
    shown,
    valid_selector,
)
from lab.sim.api.validation.internal import written

GROUP = "rbac.authorization.k8s.io"


def role(wrong: Wrong, obj: Object) -> None:
    """A Role."""
    _rules(wrong, obj, namespaced=True)


def cluster_role(wrong: Wrong, obj: Object) -> None:
    """A ClusterRole."""
    _rules(wrong, obj, namespaced=False)
    aggregation, path = obj.get("aggregationRule"), "aggregationRule.clusterRoleSelectors"
    if aggregation is None:
        return
    selectors = aggregation.get("clusterRoleSelectors") or []
    said = "at least one clusterRoleSelector required if aggregationRule is non-nil"
    present(wrong, path, selectors, said)
    for index, one in enumerate(selectors):
        label_selector(wrong, f"{path}[{index}]", one)
        if not valid_selector(one):
            wrong.append(invalid_value(f"{path}[{index}]", None, "invalid label selector."))


def _rules(wrong: Wrong, obj: Object, *, namespaced: bool) -> None:
    for index, rule in enumerate(obj.get("rules") or ()):
        path, urls = f"rules[{index}]", rule.get("nonResourceURLs") or []
        present(wrong, f"{path}.verbs", rule.get("verbs"), "verbs must contain at least one value")
        if urls:
            at = f"{path}.nonResourceURLs"
            if namespaced:
                wrong.append(invalid_value(at, urls, "namespaced rules cannot apply to non-resource URLs"))
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                said = "rules cannot apply to both regular resources and non-resource URLs"
                wrong.append(invalid_value(at, urls, said))
            continue
        present(wrong, f"{path}.apiGroups", rule.get("apiGroups"), "resource rules must supply at least one api group")
        present(wrong, f"{path}.resources", rule.get("resources"), "resource rules must supply at least one resource")


def role_binding(wrong: Wrong, obj: Object) -> None:
    """A RoleBinding."""
    _binding(wrong, obj, ("Role", "ClusterRole"), namespaced=True)


def cluster_role_binding(wrong: Wrong, obj: Object) -> None:
    """A ClusterRoleBinding."""
    _binding(wrong, obj, ("ClusterRole",), namespaced=False)


def _binding(wrong: Wrong, obj: Object, kinds: tuple[str, ...], *, namespaced: bool) -> None:
    reference = obj.get("roleRef") or {}
    group, kind = reference.get("apiGroup") or "", reference.get("kind") or ""
    if group != GROUP:
        wrong.append(not_supported("roleRef.apiGroup", group, (GROUP,)))
    if kind not in kinds:
        wrong.append(not_supported("roleRef.kind", kind, kinds))
    needs_name(wrong, "roleRef.name", reference.get("name"), names.path_segment)
    for index, one in enumerate(obj.get("subjects") or ()):
        _subject(wrong, f"subjects[{index}]", one, namespaced)


def _subject(wrong: Wrong, path: str, one: Object, namespaced: bool) -> None:
    name, kind, group = (one.get(field) or "" for field in ("name", "kind", "apiGroup"))
    present(wrong, f"{path}.name", name)
    if kind == "ServiceAccount":
        if name:
            named(wrong, f"{path}.name", name, names.dns_subdomain)
        if group:
            wrong.append(not_supported(f"{path}.apiGroup", group, ("",)))
        if not namespaced and not one.get("namespace"):
            wrong.append(required(f"{path}.namespace"))
    elif kind in ("User", "Group"):
        if group != GROUP:
            wrong.append(not_supported(f"{path}.apiGroup", group, (GROUP,)))
    else:
        wrong.append(not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group")))


def same_role(wrong: Wrong, new: Object, old: Object) -> None:
    """A binding keeps the role it grants."""
    if (new.get("roleRef") or {}) != (old.get("roleRef") or {}):
        wrong.append(shown("roleRef", "Invalid", written("rbac.RoleRef", new.get("roleRef")), "cannot change roleRef"))
