"""Writes the outcome of a refresh onto an Application, and tells of it.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (persistReconciliationStatus, persistAppStatus,
handleRefreshAnnotation).
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.status import ApiError
from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.audit import RESOURCE_UPDATED
from lab.sim.argocd.application.context import Context
from lab.sim.argocd.application.status import TOO_LARGE, as_go_writes, merge_patch, set_field, with_conditions
from lab.sim.objects import Object


class StatusWriter:
    """Writes statuses; what cannot be written is logged and left to the next refresh."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def write(self, app: Object, status: Object) -> None:
        """Write what changed of the status, tell of it, and take the refresh annotations away.

        :param app: as it was when its refresh began
        :param status: all of the new one
        """
        await self._write_status(app, status)
        await self._drop_refresh(app)

    async def _write_status(self, app: Object, status: Object) -> None:
        context = self._context
        old = app.get("status") or {}
        before, after = (str((one.get("sync") or {}).get("status") or "") for one in (old, status))
        if before != after:
            await self._updated(app, f"Updated sync status: {before} -> {after}")
        was: Object = old.get("health") or {}
        health: Object = dict(status.get("health") or {})
        before, after = str(was.get("status") or ""), str(health.get("status") or "")
        if before != after:
            health["lastTransitionTime"] = context.now()
            told = f"Updated health status: {before} -> {after}"
            await self._updated(app, f"{told} ({health['message']})" if health.get("message") else told)
        else:
            set_field(health, "lastTransitionTime", was.get("lastTransitionTime"))
            if status.get("resourceHealthSource"):
                # What made the health change stays told until it changes again.
                set_field(health, "message", was.get("message"))
        status["health"] = health
        patch = merge_patch(as_go_writes(old), as_go_writes(status))
        if not patch:
            context.log.about("info", app, "No status changes. Skipping patch")
            return
        try:
            await context.hub.patch(app, {"status": patch})
        except ApiError as error:
            context.log.about("warn", app, "Error updating application", error=error.message)
            if error.code == 413:
                await self._tell_too_large(app, old)

    async def _updated(self, app: Object, message: str) -> None:
        await self._context.audit.tell(app, "Normal", RESOURCE_UPDATED, message)

    async def _tell_too_large(self, app: Object, old: Object) -> None:
        changed = with_conditions(old, [TOO_LARGE], (TOO_LARGE.type,), self._context.now())
        try:
            await self._context.hub.patch(app, {"status": {"conditions": changed["conditions"]}})
        except ApiError as error:
            self._context.log.about(
                "error", app, "Error persisting fallback status with error condition", error=error.message
            )

    async def _drop_refresh(self, app: Object) -> None:
        """Take the refresh annotations away, unless another refresh was asked for meanwhile."""
        context = self._context
        try:
            await self._drop(app)
        except ApiError as error:
            asked = specs.annotations_of(app).get(specs.REFRESH_TIMESTAMP)
            if error.code != 422 or asked is None:
                context.log.about("info", app, "Failed to remove annotation", error=error.message)
                return
            try:
                fresh = await context.hub.fresh(app)
                if fresh is not None:
                    notes = specs.annotations_of(fresh)
                    again = notes.get(specs.REFRESH_TIMESTAMP)
                    if specs.REFRESH not in notes or again is None or again == asked:
                        await self._drop(fresh)
            except ApiError as error:
                context.log.about("error", app, "Unexpected error removing annotations", error=error.message)

    async def _drop(self, app: Object) -> None:
        """Raises ApiError 422 when the annotations changed since."""
        notes = specs.annotations_of(app)
        steps: list[dict[str, Any]] = []
        if specs.REFRESH_TIMESTAMP in notes:
            path = _pointer(specs.REFRESH_TIMESTAMP)
            steps.append({"op": "test", "path": path, "value": notes[specs.REFRESH_TIMESTAMP]})
            steps.append({"op": "remove", "path": path})
        if specs.REFRESH in notes:
            steps.append({"op": "remove", "path": _pointer(specs.REFRESH)})
        if steps:
            await self._context.hub.patch(app, steps, "json")


def _pointer(annotation: str) -> str:
    return "/metadata/annotations/" + annotation.replace("~", "~0").replace("/", "~1")
