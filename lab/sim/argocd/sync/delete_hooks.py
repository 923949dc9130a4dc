"""Hooks that run when an Application is deleted: before its resources go, and after.

Source: Argo CD 3.6.1 `controller/hook.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from lab.sim.api.status import ApiError
from lab.sim.argocd.health import HealthError, HealthOverride, assess, is_worse
from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.ports import ApiResource, Connection
from lab.sim.argocd.sync.discovery import Discovery, placed, resource_in_version
from lab.sim.argocd.sync.hooks import FAILED_POLICY, HELM_HOOK, HOOK, SUCCEEDED_POLICY, delete_policies
from lab.sim.argocd.sync.options import annotation_values
from lab.sim.argocd.sync.records import CLIENT_MANAGER, Permission
from lab.sim.objects import Object, name_of, namespace_of

PRE_DELETE, POST_DELETE = "PreDelete", "PostDelete"
_HELM = {PRE_DELETE: "pre-delete", POST_DELETE: "post-delete"}
_MARKING = Callable[[Object], Object]


class DeletionError(Exception):
    """A deletion that cannot go on for now; the text is Argo CD's."""


def is_delete_hook(obj: Object, kind: str) -> bool:
    """Whether a resource is a hook of this kind: `PRE_DELETE` or `POST_DELETE`."""
    return kind in annotation_values(obj, HOOK) or _HELM[kind] in annotation_values(obj, HELM_HOOK)


class DeleteHooks:
    """Runs and cleans up the hooks of one Application on its destination."""

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        namespace: str,
        permitted: Permission,
        marked: _MARKING,
        overrides: Mapping[str, HealthOverride] | None = None,
        now: float | None = None,
    ) -> None:
        """`namespace`: of the destination; `marked`: gives an object the Application's mark; `now`: for Lua."""
        self._client = connection.client
        self._discovery = discovery
        self._namespace = namespace
        self._permitted = permitted
        self._marked = marked
        self._overrides = overrides or {}
        self._now = now

    async def execute(self, kind: str, targets: Iterable[Object], live: Mapping[ResourceKey, Object]) -> bool:
        """Create the hooks that are not there and look at those that are; True when all have come to a good end.

        :param targets: what the Application renders to
        :param live: the Application's live objects
        Raises DeletionError for a hook that is forbidden or failed (it is deleted, so that it runs again), ApiError.
        """
        running = {key: obj for key, obj in live.items() if is_delete_hook(obj, kind)}
        created = 0
        for resource, obj in await self._missing(kind, targets, running):
            try:
                await self._client.create(resource_in_version(resource), self._marked(obj), manager=CLIENT_MANAGER)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
                continue
            created += 1
        if created:
            return False
        progressing, failed = 0, []
        for obj in running.values():
            status = self._health(obj)
            if status == "Progressing":
                progressing += 1
            elif status == "Degraded":
                failed.append(obj)
        if failed:
            for obj in failed:
                await self._delete(obj)
            names = ", ".join(f"{namespace_of(one)}/{name_of(one)}" for one in failed)
            raise DeletionError(f"{kind} hook(s) failed: {names}")
        return progressing == 0

    async def _missing(
        self, kind: str, targets: Iterable[Object], running: Mapping[ResourceKey, Object]
    ) -> list[tuple[ApiResource, Object]]:
        found: dict[ResourceKey, tuple[ApiResource, Object]] = {}
        for target in targets:
            if not is_delete_hook(target, kind):
                continue
            try:
                resource = await self._discovery.of(target)
            except ApiError as error:
                text = f"failed to determine scope of {kind} hook {key_of(target)}: {error.message}"
                raise DeletionError(text) from None
            obj = target
            if resource.namespaced and not namespace_of(target):
                obj = {**target, "metadata": {**target["metadata"], "namespace": self._namespace}}
            key = key_of(obj)
            if key in running:
                continue
            wrong = self._permitted(obj, resource)
            if wrong:
                raise DeletionError(f"{kind} hook {key} is not permitted: {wrong}")
            found[key] = (resource, placed(obj, resource))
        return list(found.values())

    async def clean_up(self, kind: str, live: Mapping[ResourceKey, Object]) -> bool:
        """Delete hooks whose policy asks for it, all their ends taken together; True when none has to go.

        Raises ApiError.
        """
        hooks = [obj for obj in live.values() if is_delete_hook(obj, kind)]
        worst = "Healthy"
        for obj in hooks:
            status = self._health(obj)
            if is_worse(worst, status):
                worst = status
        leaving = 0
        for obj in hooks:
            policies = delete_policies(obj)
            if not (
                (FAILED_POLICY in policies and worst == "Degraded")
                or (SUCCEEDED_POLICY in policies and worst == "Healthy")
            ):
                continue
            leaving += 1
            if not obj["metadata"].get("deletionTimestamp"):
                await self._delete(obj, strict=True)
        return leaving == 0

    def _health(self, obj: Object) -> str:
        try:
            health = assess(obj, self._overrides, self._now)
        except HealthError as error:
            raise DeletionError(str(error)) from None
        return "Healthy" if health is None else health.status

    async def _delete(self, obj: Object, *, strict: bool = False) -> None:
        try:
            resource = await self._discovery.of(obj)
            name = resource_in_version(resource)
            await self._client.delete(name, namespace_of(obj), name_of(obj), "Foreground")
        except ApiError as error:
            if strict and error.code != 404:
                raise
