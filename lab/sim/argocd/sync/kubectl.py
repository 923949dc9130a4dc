"""What a sync does to one resource: kubectl's apply, create and replace, with the messages kubectl prints.

Source: Argo CD 3.6.1 `gitops-engine/pkg/utils/kube/resource_ops.go`, kubectl 0.37 `pkg/cmd/apply/{apply,patcher}.go`,
`pkg/cmd/{create,replace,delete}`.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from lab.sim.api import types
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.patch.three_way import PatchError, merge_patch, strategic_patch, without_nulls
from lab.sim.api.resources import Registry
from lab.sim.api.status import ApiError
from lab.sim.argocd.ports import ApiResource, Connection
from lab.sim.argocd.sync.auth_reconcile import AuthReconcile
from lab.sim.argocd.sync.discovery import Discovery, KubectlCache, Mapper, placed, resource_in_version
from lab.sim.argocd.sync.kubectl_text import (
    annotated,
    annotations_of,
    as_json,
    joined,
    kind_of,
    leaving,
    no_annotation,
    said,
    source_of,
    tidied,
)
from lab.sim.argocd.sync.migration import LAST_APPLIED, client_side_managers, ownership_patch
from lab.sim.argocd.sync.records import CLIENT_MANAGER, MANAGER
from lab.sim.clock import Clock
from lab.sim.objects import Object, name_of, namespace_of
from lab.sim.schemas import MINORS

_RBAC = "rbac.authorization.k8s.io/v1"
_RETRIES, _RETRY_SECONDS = 5, 1.0
_DELETION_SECONDS = 300
_KNOWN = Registry.of(BUILT_IN)
_MINOR = re.compile(r"v?\d+\.(\d+)")
_NO_NAMESPACE = "an empty namespace may not be set when a resource name is provided"


class OperationError(Exception):
    """A resource that could not be applied; the text is kubectl's, tidied as Argo CD does it."""


class Kubectl:
    """kubectl on one cluster, within one sync."""

    def __init__(
        self, connection: Connection, discovery: Discovery, clock: Clock, cache: KubectlCache | None = None
    ) -> None:
        self._client = connection.client
        self._discovery = discovery
        self._mapper = Mapper(connection, discovery, clock, cache)
        self._clock = clock
        found = _MINOR.match(connection.version)
        minor = int(found[1]) if found else MINORS[-1]
        self._minor = min(max(minor, MINORS[0]), MINORS[-1])

    async def apply(self, obj: Object, *, dry_run: bool, force: bool, server_side: bool) -> str:
        """`kubectl apply`: what it says. Raises OperationError.

        `dry_run` is the client's: nothing is written, and little is looked at; `force`: what cannot be changed is
        deleted and made anew, not with `server_side`.
        """
        try:
            before = ""
            if not server_side and obj.get("apiVersion") == _RBAC:
                before = await self._reconcile(obj, dry_run)
            resource, obj = await self._mapped(obj)
            if server_side:
                return before + await self._apply_server_side(resource, obj)
            return before + await self._apply_client_side(resource, obj, dry_run, force)
        except _Failure as error:
            raise OperationError(tidied(str(error))) from None

    async def create(self, obj: Object, *, dry_run: bool, validate: bool) -> str:
        """`kubectl create`. `validate`: unknown fields are refused. Raises OperationError."""
        try:
            resource, obj = await self._mapped(obj)
            if not dry_run:
                await self._do("creating", obj, self._create(resource, obj, CLIENT_MANAGER, strict=validate))
            return said(obj, "created", dry_run)
        except _Failure as error:
            raise OperationError(tidied(str(error))) from None

    async def replace(self, obj: Object, *, dry_run: bool, force: bool) -> str:
        """`kubectl replace`; `force`: delete and create. Raises OperationError."""
        try:
            resource, obj = await self._mapped(obj)
            if dry_run:
                return said(obj, "replaced", dry_run)
            if force:
                return await self._replace_by_force(resource, obj)
            current = await self._find(resource, obj)
            if current is not None:
                version = current["metadata"]["resourceVersion"]
                obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}
            name = resource_in_version(resource)
            await self._do("replacing", obj, self._client.update(name, obj, manager=CLIENT_MANAGER))
            return said(obj, "replaced")
        except _Failure as error:
            raise OperationError(tidied(str(error))) from None

    async def update(self, obj: Object, version: str, *, dry_run: bool) -> None:
        """Replace at a resourceVersion, of what must never be deleted for that. Raises OperationError."""
        try:
            resource = await self._discovery.of(obj)
            obj = placed(obj, resource)
            obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}
            await self._client.update(resource_in_version(resource), obj, dry_run=dry_run, manager=CLIENT_MANAGER)
        except ApiError as error:
            raise OperationError(error.message) from None

    # -- apply

    async def _apply_server_side(self, resource: ApiResource, obj: Object) -> str:
        name = resource_in_version(resource)
        try:
            made = await self._client.apply(name, obj, True, manager=MANAGER)
        except ApiError as error:
            raise _Failure(error.message) from None
        warnings = await self._leave_client_side(name, obj, made)
        return joined(said(made, "serverside-applied"), [*warnings, *leaving(made)])

    async def _leave_client_side(self, name: str, obj: Object, made: Object) -> list[str]:
        """Take over what was applied client-side, then apply again, so that what is wanted no longer goes."""
        managers = client_side_managers(made)
        patch = ownership_patch(made, managers, MANAGER) if managers else None
        try:
            for attempt in range(_RETRIES):
                if patch is None:
                    return []
                try:
                    await self._client.patch(
                        name, namespace_of(made), name_of(made), patch, "json", manager=CLIENT_MANAGER
                    )
                    break
                except ApiError as error:
                    if error.code != 409 or attempt == _RETRIES - 1:
                        raise
                    fresh = await self._client.get(name, namespace_of(made), name_of(made))
                    patch = ownership_patch(fresh, managers, MANAGER)
        except ApiError as error:
            return [
                "Warning: server rejected managed fields migration to Server-Side Apply. This is non-fatal and will "
                f"be retried next time you apply. Error: {error.message}"
            ]
        try:
            await self._client.apply(name, obj, True, manager=MANAGER)
        except ApiError as error:
            return [
                "Warning: failed to re-apply configuration after performing Server-Side Apply migration. This is "
                f"non-fatal and will be retried next time you apply. Error: {error.message}"
            ]
        return []

    async def _apply_client_side(self, resource: ApiResource, obj: Object, dry_run: bool, force: bool) -> str:
        modified = annotated(obj)
        current = await self._current(resource, obj)
        if current is None:
            if not dry_run:
                made = without_nulls(modified)
                await self._do("creating", obj, self._create(resource, made, MANAGER))
            return said(obj, "created", dry_run)
        warnings = [] if LAST_APPLIED in annotations_of(current) else [no_annotation(resource, obj)]
        patch = self._patch(current, modified)
        if patch and not dry_run:
            current = await self._patched(resource, current, modified, patch, force)
        done = "configured" if patch else "unchanged"
        return joined(said(obj, done, dry_run), [*warnings, *leaving(current)])

    def _patch(self, current: Object, modified: Object) -> Object:
        row = _KNOWN.kind(str(modified["apiVersion"]), str(modified["kind"]))
        text = annotations_of(current).get(LAST_APPLIED) or ""
        try:
            original = orjson.loads(text) if text else {}
            if not isinstance(original, dict):
                raise PatchError("invalid JSON document")
            if row is None:
                return merge_patch(original, modified, current)
            return strategic_patch(original, modified, current, self._type(row))
        except (PatchError, orjson.JSONDecodeError) as error:
            why = str(error) if isinstance(error, PatchError) else "invalid JSON document"
            shown = "\n".join(
                f"{title}:\n{one}"
                for title, one in (
                    ("original", text),
                    ("modified", as_json(modified) + "\n"),
                    ("current", as_json(current) + "\n"),
                )
            )
            raise _Failure(f"creating patch with:\n{shown}\nfor: {why}") from None

    def _type(self, row: Any) -> types.Type | None:
        try:
            return types.of(row, self._minor)
        except KeyError:
            return None

    async def _patched(
        self, resource: ApiResource, current: Object, modified: Object, patch: Object, force: bool
    ) -> Object:
        name = resource_in_version(resource)
        known = _KNOWN.kind(str(modified["apiVersion"]), str(modified["kind"])) is not None
        kind = "strategic" if known else "merge"
        place = namespace_of(current), name_of(current)
        for attempt in range(_RETRIES + 1):
            try:
                return await self._client.patch(name, *place, patch, kind, manager=MANAGER)
            except ApiError as error:
                if error.code == 409 and attempt < _RETRIES:
                    if attempt:
                        await self._clock.sleep(_RETRY_SECONDS)
                    patch = self._patch(await self._get(name, *place), modified)
                    continue
                if force and error.code in (409, 422):
                    return await self._replace_what_cannot_change(resource, current, modified)
                raise _Failure(f"error when patching {source_of(modified)}: {error.message}") from None
        raise AssertionError("the last attempt returns or raises")

    async def _get(self, resource: str, namespace: str, name: str) -> Object:
        try:
            return await self._client.get(resource, namespace, name)
        except ApiError as error:
            raise _Failure(error.message) from None

    async def _replace_what_cannot_change(self, resource: ApiResource, current: Object, modified: Object) -> Object:
        """Delete and create. Unlike a forced replace it does not wait for an object that takes its time to go."""
        name = resource_in_version(resource)
        place = namespace_of(current), name_of(current)
        try:
            await self._client.delete(name, *place, "Background")
        except ApiError as error:
            raise _Failure(error.message) from None
        if await self._find(resource, modified) is not None:
            raise _Failure("context deadline exceeded")
        try:
            return await self._create(resource, modified, MANAGER)
        except ApiError as error:
            why = error.message
            again = {key: value for key, value in current["metadata"].items() if key != "resourceVersion"}
            try:
                await self._create(resource, {**current, "metadata": again}, MANAGER)
            except ApiError as second:
                why = (
                    "An error occurred force-replacing the existing object with the newly provided one:\n\n"
                    f"{why}.\n\nAdditionally, an error occurred attempting to restore the original object:\n\n"
                    f"{second.message}"
                )
            raise _Failure(why) from None

    async def _replace_by_force(self, resource: ApiResource, obj: Object) -> str:
        name = resource_in_version(resource)
        place = namespace_of(obj), name_of(obj)
        await self._do("deleting", obj, self._client.delete(name, *place, "Background"))
        for _ in range(_DELETION_SECONDS):
            if await self._find(resource, obj) is None:
                break
            await self._clock.sleep(1.0)
        else:
            raise _Failure("context deadline exceeded")
        try:
            await self._create(resource, obj, CLIENT_MANAGER)
        except ApiError as error:
            raise _Failure(error.message) from None
        where = f" from {place[0]} namespace" if resource.namespaced else ""
        return f'{kind_of(obj)} "{place[1]}" deleted{where}\n{said(obj, "replaced")}'

    # -- requests

    async def _reconcile(self, obj: Object, dry_run: bool) -> str:
        try:
            needed = await AuthReconcile(self._client).run(obj, dry_run=dry_run)
        except ApiError as error:
            raise OperationError(f"error running kubectl auth reconcile: {tidied(error.message)}") from None
        return joined(said(obj, "reconciled", dry_run), [needed] if needed else [])

    async def _mapped(self, obj: Object) -> tuple[ApiResource, Object]:
        """The resource, and the object as it is sent."""
        try:
            resource = await self._mapper.of(obj)
        except ApiError as error:
            if error.code != 404:
                raise _Failure(error.message) from None
            raise _Failure(
                f'resource mapping not found for name: "{name_of(obj)}" namespace: "{namespace_of(obj)}" from '
                f'{source_of(obj)}: no matches for kind "{obj.get("kind")}" in version "{obj.get("apiVersion")}"\n'
                "ensure CRDs are installed first"
            ) from None
        obj = placed(obj, resource)
        if not name_of(obj):
            base = str(obj.get("metadata", {}).get("generateName") or "")
            raise _Failure(
                f"from {base}: cannot use generate name with apply" if base else "resource name may not be empty"
            )
        return resource, obj

    async def _current(self, resource: ApiResource, obj: Object) -> Object | None:
        why = _NO_NAMESPACE
        if not resource.namespaced or namespace_of(obj):
            try:
                return await self._client.get(resource_in_version(resource), namespace_of(obj), name_of(obj))
            except ApiError as error:
                if error.code == 404:
                    return None
                why = error.message
        place = f"{resource.group}/{resource.version}"
        raise _Failure(
            f'error when retrieving current configuration of:\nResource: "{place}, Resource={resource.plural}", '
            f'GroupVersionKind: "{place}, Kind={resource.kind}"\nName: "{name_of(obj)}", '
            f'Namespace: "{namespace_of(obj)}"\nfrom server for: {source_of(obj)}: {why}'
        )

    async def _find(self, resource: ApiResource, obj: Object) -> Object | None:
        try:
            return await self._client.get(resource_in_version(resource), namespace_of(obj), name_of(obj))
        except ApiError as error:
            if error.code != 404:
                raise _Failure(error.message) from None
            return None

    async def _create(self, resource: ApiResource, obj: Object, manager: str, *, strict: bool = False) -> Object:
        return await self._client.create(resource_in_version(resource), obj, manager=manager, strict=strict)

    async def _do(self, doing: str, obj: Object, request: Any) -> None:
        try:
            await request
        except ApiError as error:
            raise _Failure(f"error when {doing} {source_of(obj)}: {error.message}") from None


class _Failure(Exception):
    """What kubectl would print, not yet tidied."""
