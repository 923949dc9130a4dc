"""Creates, changes and deletes the Applications of an ApplicationSet, and tells of it in events.

Source: Argo CD 3.6.1 `applicationset/controllers/applicationset_controller.go` (createOrUpdateInCluster,
deleteInCluster, removeFinalizerOnInvalidDestination).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from lab.sim.api.status import ApiError
from lab.sim.argocd.applicationset.applications import WriteError, Writing
from lab.sim.argocd.applicationset.hub import APPLICATIONS, Hub
from lab.sim.argocd.destinations import DestinationError, cluster_of
from lab.sim.argocd.go_types import DecodeError
from lab.sim.objects import Object, evolve, name_of, namespace_of
from lab.sim.templates.render_tree import RESOURCES_FINALIZER
from lab.sim.templates.values import quoted

_SOURCE = "applicationset-controller"
_Error = ApiError | WriteError | DecodeError


class Failed(Exception):
    """At least one Application could not be written; the others were."""

    def __init__(self, cause: _Error, reason: str) -> None:
        """`cause`: of the first one by name; `reason`: of the condition."""
        super().__init__(reason)
        self.cause = cause
        self.told = (cause.message if isinstance(cause, ApiError) else str(cause), reason)


class Writes:
    """What one reconcile writes. Others have their turn after each Application."""

    def __init__(self, hub: Hub, application_set: Object, writing: Writing, log: Callable[[str, str], None]) -> None:
        self._hub = hub
        self._set = application_set
        self._writing = writing
        self._log = log
        self._written: Object | None = None
        self._deleted: list[Object] = []

    async def create_or_update(self, applications: Sequence[Object], reason: str) -> None:
        """Make every Application as it was generated. Raises Failed with `reason` when one could not be."""
        errors: dict[str, _Error] = {}
        for one in applications:
            # A client in the same process never waits by itself.
            await asyncio.sleep(0)
            try:
                await self._create_or_update(one)
            except (ApiError, WriteError, DecodeError) as error:
                errors[name_of(one)] = error
        if errors:
            raise Failed(errors[min(errors)], reason)

    async def _create_or_update(self, generated: Object) -> None:
        namespace, name = namespace_of(generated), name_of(generated)
        live = self._hub.applications.get(namespace, name)
        if live is None:
            self._written = await self._hub.client.create(APPLICATIONS, self._writing.created(generated))
            await self._tell("created", f"created Application {quoted(name)}")
            return
        change = self._writing.change(live, generated)
        if not change:
            return
        self._written = await self._hub.client.patch(APPLICATIONS, namespace, name, change)
        await self._tell("updated", f"updated Application {quoted(name)}")

    async def delete_others(self, generated: set[str]) -> None:
        """Delete the set's Applications that are not among the generated ones. Raises Failed."""
        errors: dict[str, _Error] = {}
        for one in self._hub.applications_of(self._set):
            if name_of(one) in generated:
                continue
            await asyncio.sleep(0)
            try:
                await self._delete(one)
            except ApiError as error:
                errors[name_of(one)] = error
        if errors:
            raise Failed(errors[min(errors)], "DeleteApplicationError")

    async def _delete(self, application: Object) -> None:
        namespace, name = namespace_of(application), name_of(application)
        finalizers = list(application["metadata"].get("finalizers") or ())
        if RESOURCES_FINALIZER in finalizers and not self._has_destination(application):
            # Nobody could delete the resources of a cluster that is gone, and the Application would stay for good.
            left = [one for one in finalizers if one != RESOURCES_FINALIZER]
            change = {"metadata": {"finalizers": left or None}}
            application = await self._hub.client.patch(APPLICATIONS, namespace, name, change)
            message = "finalizer before deletion, because application has an invalid destination"
            await self._tell("Updated", f"Updated Application {quoted(name)} {message}")
        try:
            await self._hub.client.delete(APPLICATIONS, namespace, name)
        except ApiError as error:
            if error.code != 404:
                raise
        self._deleted.append(application)
        await self._tell("Deleted", f"Deleted Application {quoted(name)}")

    def _has_destination(self, application: Object) -> bool:
        try:
            cluster_of((application.get("spec") or {}).get("destination") or {}, self._hub.clusters)
        except DestinationError:
            return False
        return True

    async def settled(self) -> None:
        """Return when the watch tells of everything that was written."""
        if self._written is not None:
            await self._hub.applications.reached(self._written)
        for one in self._deleted:
            await self._hub.applications.dropped(one)

    async def _tell(self, reason: str, message: str) -> None:
        self._log("info", message)
        about = evolve(self._set, apiVersion="argoproj.io/v1alpha1", kind="ApplicationSet")
        await self._hub.client.event(about, "Normal", reason, message, _SOURCE)
