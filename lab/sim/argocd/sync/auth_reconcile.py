"""`kubectl auth reconcile`: roles and bindings get what they lack, and a binding to another role is made anew.

Argo CD runs it before every client-side apply of these kinds.
Source: kubectl 0.37 `pkg/cmd/auth/reconcile.go`, component-helpers `auth/rbac/reconciliation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.sim.api.rbac.rules import uncovered
from lab.sim.api.status import ApiError
from lab.sim.argocd.sync.records import CLIENT_MANAGER
from lab.sim.client import Client
from lab.sim.objects import Object, name_of, namespace_of

_RESOURCES = {
    "Role": "roles",
    "ClusterRole": "clusterroles",
    "RoleBinding": "rolebindings",
    "ClusterRoleBinding": "clusterrolebindings",
}
_PROTECTED = "rbac.authorization.kubernetes.io/autoupdate"
_ATTEMPTS = 3
_RULE = (
    ("Verbs", "verbs"),
    ("APIGroups", "apiGroups"),
    ("Resources", "resources"),
    ("ResourceNames", "resourceNames"),
    ("NonResourceURLs", "nonResourceURLs"),
)
_SUBJECT = (("Kind", "kind"), ("APIGroup", "apiGroup"), ("Name", "name"), ("Namespace", "namespace"))


class AuthReconcile:
    """Reconciles roles and bindings of `rbac.authorization.k8s.io/v1` through a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def run(self, obj: Object, *, dry_run: bool) -> str:
        """Make an object grant at least what it should: what was needed, "" for nothing. Raises ApiError.

        Objects of other kinds are passed over. A namespace that is missing is an error, not made.
        """
        kind = str(obj.get("kind"))
        plural = _RESOURCES.get(kind)
        if plural is None:
            return ""
        if kind.startswith("Cluster"):
            obj = {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "namespace"}}
        elif not dry_run and namespace_of(obj):
            await self._check_namespace(namespace_of(obj))
        resource = f"{plural}.rbac.authorization.k8s.io"
        for attempt in range(_ATTEMPTS):
            try:
                return await self._once(resource, obj, dry_run)
            except ApiError as error:
                if error.code not in (404, 409) or attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _check_namespace(self, name: str) -> None:
        try:
            await self._client.get("namespaces", "", name)
        except ApiError as error:
            raise ApiError(
                error.code if error.code != 404 else 500, error.reason, f"error getting namespace {name}: {error}"
            ) from None

    async def _once(self, resource: str, obj: Object, dry_run: bool) -> str:
        binding = "roleRef" in obj
        try:
            live = await self._client.get(resource, namespace_of(obj), name_of(obj))
        except ApiError as error:
            if error.code != 404:
                raise
            if not dry_run:
                await self._client.create(resource, obj, manager=CLIENT_MANAGER)
            return _told("create", binding, obj.get("subjects" if binding else "rules") or ())
        protected = (live["metadata"].get("annotations") or {}).get(_PROTECTED) == "false"
        if binding and not _same_role(obj, live):
            if not dry_run and not protected:
                await self._client.delete(resource, namespace_of(obj), name_of(obj), uid=live["metadata"]["uid"])
                await self._client.create(resource, obj, manager=CLIENT_MANAGER)
            return _told("recreate", binding, (), protected)
        made, missing = _with_subjects(live, obj) if binding else _with_rules(live, obj)
        if made == live:
            return ""
        if not dry_run and not protected:
            await self._client.update(resource, made, manager=CLIENT_MANAGER)
        return _told("update", binding, missing, protected)


def _same_role(wanted: Object, live: Object) -> bool:
    return _fields(wanted.get("roleRef")) == _fields(live.get("roleRef"))


def _fields(value: Any) -> dict[str, str]:
    return {key: str(one) for key, one in (value or {}).items() if one}


def _with_labels(live: Object, wanted: Object) -> Object:
    metadata = dict(live["metadata"])
    for field in ("annotations", "labels"):
        more = (wanted.get("metadata") or {}).get(field)
        if more:
            metadata[field] = {**more, **(metadata.get(field) or {})}
    return {**live, "metadata": metadata}


def _with_rules(live: Object, wanted: Object) -> tuple[Object, list[Object]]:
    made = _with_labels(live, wanted)
    missing = uncovered(live.get("rules") or (), wanted.get("rules") or ())
    if missing:
        made = {**made, "rules": [*(live.get("rules") or ()), *missing]}
    if wanted["kind"] != "ClusterRole":
        return made, missing
    selectors = (wanted.get("aggregationRule") or {}).get("clusterRoleSelectors") or []
    held = (live.get("aggregationRule") or {}).get("clusterRoleSelectors") or []
    if wanted.get("aggregationRule") is None:
        made = {key: value for key, value in made.items() if key != "aggregationRule"}
    elif any(one not in held for one in selectors):
        added = [one for one in selectors if one not in held]
        made = {**made, "aggregationRule": {"clusterRoleSelectors": [*held, *added]}}
    return made, missing


def _with_subjects(live: Object, wanted: Object) -> tuple[Object, list[Object]]:
    made = _with_labels(live, wanted)
    held = [_fields(one) for one in live.get("subjects") or ()]
    missing: list[Object] = []
    for one in wanted.get("subjects") or ():
        if _fields(one) not in held and one not in missing:
            missing.append(one)
    if missing:
        made = {**made, "subjects": [*(live.get("subjects") or ()), *missing]}
    return made, missing


def _told(needed: str, binding: bool, missing: Iterable[Object], protected: bool = False) -> str:
    caveat = f", but object opted out ({_PROTECTED}: false)" if protected else ""
    lines = [f"reconciliation required {needed}{caveat}"]
    listed = [_printed(one, _SUBJECT if binding else _RULE) for one in missing]
    if listed:
        lines.append(f"\tmissing {'subjects' if binding else 'rules'} added:")
        lines += [f"\t\t{one}" for one in listed]
    return "\n".join(lines)


def _printed(value: Object, fields: tuple[tuple[str, str], ...]) -> str:
    """A Go struct as `%+v` prints it."""
    shown = []
    for title, key in fields:
        one = value.get(key) or ""
        shown.append(f"{title}:" + (f"[{' '.join(map(str, one))}]" if fields is _RULE else str(one)))
    return "{" + " ".join(shown) + "}"
