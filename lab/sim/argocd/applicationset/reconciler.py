"""Brings the Applications of one ApplicationSet to what it asks for.

Source: Argo CD 3.6.1 `applicationset/controllers/applicationset_controller.go` (Reconcile).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.sim.api.status import ApiError
from lab.sim.argocd.applicationset import generation, rollout, status, validation
from lab.sim.argocd.applicationset.applications import WriteError, Writing
from lab.sim.argocd.applicationset.asking import Asking, CallPlugin
from lab.sim.argocd.applicationset.generation import Generated
from lab.sim.argocd.applicationset.generators import Run, requeue_after, unknown_generators
from lab.sim.argocd.applicationset.hub import SETS, Hub
from lab.sim.argocd.applicationset.rollout_operations import with_operations
from lab.sim.argocd.applicationset.rollout_spec import deletes_in_reverse, is_rolling, statuses_of, steps_of
from lab.sim.argocd.applicationset.settings import Settings
from lab.sim.argocd.applicationset.sources import Sources
from lab.sim.argocd.applicationset.status_writes import StatusWriter
from lab.sim.argocd.applicationset.triggers import REFRESH
from lab.sim.argocd.applicationset.writes import Failed, Writes
from lab.sim.argocd.go_types import DecodeError, written
from lab.sim.objects import Object, evolve, name_of, namespace_of
from lab.sim.templates.render_tree import RESOURCES_FINALIZER, FastRenderer, GoRenderer, Renderer

AFTER_AN_ERROR = 180.0
SourcesFor = Callable[[Asking, bool], Sources]
"""The world of one generation; the flag says whether what is remembered of repositories must be asked anew."""
Log = Callable[[str, str], None]
"""Takes a level and a message."""


class Reconciler:
    """The controller's work on one set after the other."""

    def __init__(self, hub: Hub, settings: Settings, sources: SourcesFor, call_plugin: CallPlugin, log: Log) -> None:
        self._hub = hub
        self._settings = settings
        self._sources = sources
        self._call_plugin = call_plugin
        self._log = log
        self._status = StatusWriter(hub.client, hub.clock)

    async def reconcile(self, namespace: str, name: str, *, fresh: bool = False) -> float:
        """Do what there is to do: seconds after which to look again, 0 when only changes count.

        `fresh`: ask git although its answers are remembered.

        Raises ApiError, WriteError and TemplateFailure for what is worth another try soon.
        """
        held = self._hub.sets.get(namespace, name)
        if held is None:
            return 0.0
        if held["metadata"].get("deletionTimestamp"):
            return await self._delete(held)
        current = held
        if self._settings.progressive_syncs and deletes_in_reverse(current):
            current = await self._with_finalizer(current)
        generated = await self._generate(current, fresh=fresh or _asks_for_refresh(current))
        if generated.reason:
            self._log("error", f"unable to generate applications: {generated.error}")
            told = [status.failure(generated.error, generated.reason)]
            await self._settled(held, await self._status.conditions(current, told, generated=False))
            return AFTER_AN_ERROR
        return await self._apply(held, current, generated.applications)

    async def _apply(self, held: Object, current: Object, generated: list[Object]) -> float:
        invalid = validation.problems(generated, current, self._hub)
        writing = Writing(current, self._settings)
        allowed: set[str] = set()
        if self._settings.progressive_syncs and is_rolling(current):
            if not steps_of(current):
                told = [status.failure("No steps defined for rollout", "ApplicationSetRolloutError")]
                await self._settled(held, await self._status.conditions(current, told))
                return AFTER_AN_ERROR
            live = self._hub.applications_of(current)
            grace = self._settings.refresh_grace
            current, allowed = await rollout.advance(
                self._hub, self._status, current, live, generated, writing.same_spec, grace
            )
        elif statuses_of(current):
            current = await self._status.application_statuses(current, [])
        if invalid:
            message = validation.summary(invalid)
            self._log("error", f"validation error found during application validation: {message}")
            current = await self._status.conditions(current, [status.failure(message, "ApplicationValidationError")])
        valid = [one for one in generated if name_of(one) not in invalid]
        if self._settings.progressive_syncs and steps_of(current):
            valid = with_operations(current, allowed, valid)
        valid.sort(key=name_of)
        try:
            await self._write(current, writing, valid, generated)
        except Failed as failed:
            await self._settled(held, await self._status.conditions(current, [status.failure(*failed.told)]))
            raise failed.cause from None
        current = await self._finish(current, invalid)
        await self._settled(held, current)
        return self._next_look(current, invalid)

    async def _write(self, current: Object, writing: Writing, valid: list[Object], generated: Sequence[Object]) -> None:
        """Create, update and delete as the policy allows. Raises Failed."""
        wanted = ((current.get("spec") or {}).get("syncPolicy") or {}).get("applicationsSync")
        policy = self._settings.policy_of(wanted)
        writes = Writes(self._hub, current, writing, self._log)
        try:
            if policy in ("sync", "create-update"):
                await writes.create_or_update(valid, "UpdateApplicationError")
            else:
                present = {name_of(one) for one in self._hub.applications_of(current)}
                missing = [one for one in valid if name_of(one) not in present]
                await writes.create_or_update(missing, "CreateApplicationError")
            if policy in ("sync", "create-delete"):
                await writes.delete_others({name_of(one) for one in generated})
        finally:
            await writes.settled()

    async def _finish(self, current: Object, invalid: dict[str, str]) -> Object:
        present = self._hub.applications_of(current)
        current = await self._status.resources(current, present, self._settings.most_resources)
        annotations = current["metadata"].get("annotations") or {}
        if REFRESH in annotations:
            left = {key: value for key, value in annotations.items() if key != REFRESH}
            try:
                current = await self._update(evolve(current, metadata={"annotations": left}))
            except ApiError as error:
                await self._status.conditions(current, [status.failure(error.message, "RefreshApplicationError")])
                raise
        return current if invalid else await self._status.conditions(current, [status.success()])

    def _next_look(self, current: Object, invalid: dict[str, str]) -> float:
        after = requeue_after((current.get("spec") or {}).get("generators") or (), self._settings.requeue_after)
        if self._settings.progressive_syncs and steps_of(current):
            left = rollout.grace_left(current, self._settings.refresh_grace, self._hub.clock.now())
            after = min((one for one in (after, left) if one), default=0.0)
        return after or (AFTER_AN_ERROR if invalid else 0.0)

    async def _settled(self, held: Object, current: Object) -> None:
        """Wait until the watch tells of what was written, so that the next look does not see the past."""
        if current is not held:
            await self._hub.sets.reached(current)

    # -- generation

    async def _generate(self, application_set: Object, *, fresh: bool) -> Generated:
        warning = unknown_generators(application_set)
        if warning:
            self._log("warning", warning)
        asking = Asking(self._hub.client, self._hub.namespace, self._call_plugin)
        sources = self._sources(asking, fresh)
        run = Run(application_set, self._renderer(application_set), sources, self._settings.requeue_after)
        while True:
            generated = await generation.generate(run)
            if asking.is_answered:
                return generated
            await asking.fetch()

    def _renderer(self, application_set: Object) -> Renderer:
        spec = application_set.get("spec") or {}
        if not spec.get("goTemplate"):
            return FastRenderer()
        options = spec.get("goTemplateOptions") or ()
        return GoRenderer(options, now=self._hub.clock.now, seed=name_of(application_set))

    # -- the set's own end

    async def _delete(self, held: Object) -> float:
        wanted = ((held.get("spec") or {}).get("syncPolicy") or {}).get("applicationsSync")
        if self._settings.policy_of(wanted) not in ("sync", "create-delete"):
            for one in self._hub.applications_of(held):
                written = await self._hub.client.update("applications.argoproj.io", _orphaned(one))
                await self._hub.applications.reached(written)
        if deletes_in_reverse(held):
            again = await rollout.delete_in_order(self._hub, held)
            if again:
                return again
        finalizers = list(held["metadata"].get("finalizers") or ())
        if RESOURCES_FINALIZER in finalizers:
            left = [one for one in finalizers if one != RESOURCES_FINALIZER]
            await self._update(evolve(held, metadata={"finalizers": left}))
        return 0.0

    async def _with_finalizer(self, held: Object) -> Object:
        finalizers = list(held["metadata"].get("finalizers") or ())
        if RESOURCES_FINALIZER in finalizers:
            return held
        return await self._update(evolve(held, metadata={"finalizers": [*finalizers, RESOURCES_FINALIZER]}))

    async def _update(self, changed: Object) -> Object:
        """Write a set whole. Argo CD holds it in Go's types, so that its spec becomes what those write.

        Raises ApiError, and WriteError for a spec they cannot hold.
        """
        metadata = {key: value for key, value in changed["metadata"].items() if value not in ({}, [])}
        try:
            spec = written(changed.get("spec") or {}, "ApplicationSetSpec")
        except DecodeError as error:
            raise WriteError(str(error)) from None
        return await self._hub.client.update(SETS, {**changed, "metadata": metadata, "spec": spec})


def _asks_for_refresh(application_set: Object) -> bool:
    return REFRESH in (application_set["metadata"].get("annotations") or {})


def _orphaned(application: Object) -> Object:
    return evolve(application, metadata={"ownerReferences": []})


def key_of(application_set: Object) -> tuple[str, str]:
    """Namespace and name."""
    return namespace_of(application_set), name_of(application_set)
