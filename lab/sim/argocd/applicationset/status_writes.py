"""Writes the status of an ApplicationSet, again when somebody else was faster.

Source: Argo CD 3.6.1 `applicationset/controllers/applicationset_controller.go` (RetryOnConflict around each write).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.sim.api.status import ApiError
from lab.sim.argocd.applicationset import status
from lab.sim.argocd.applicationset.hub import SETS
from lab.sim.argocd.applicationset.rollout_spec import statuses_of
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.objects import Object, evolve, name_of, namespace_of

_ATTEMPTS = 5


class StatusWriter:
    """Each method returns the set as it is afterwards and writes nothing when nothing changes; raises ApiError."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def conditions(self, application_set: Object, told: Sequence[Object], *, generated: bool = True) -> Object:
        """Tell conditions; see `status.with_conditions`."""
        now = self._clock.now()

        def change(current: Object) -> Object:
            return status.with_conditions(current, told, generated=generated, now=now)

        if status.same_conditions(application_set.get("status") or {}, change(application_set)):
            return application_set
        return await self._write(application_set, change)

    async def resources(self, application_set: Object, applications: Sequence[Object], most: int) -> Object:
        """Tell which Applications there are."""
        return await self._fields(application_set, status.resources(applications, most))

    async def application_statuses(self, application_set: Object, statuses: Sequence[Object]) -> Object:
        """Tell how far the rollout is with each Application."""
        listed = sorted(statuses, key=lambda one: str(one["application"]))
        if listed == statuses_of(application_set):
            return application_set
        return await self._fields(application_set, {"applicationStatus": listed or None})

    async def _fields(self, application_set: Object, fields: Object) -> Object:
        def change(current: Object) -> Object:
            made = {**(current.get("status") or {}), **fields}
            return {key: value for key, value in made.items() if value is not None}

        if change(application_set) == (application_set.get("status") or {}):
            return application_set
        return await self._write(application_set, change)

    async def _write(self, application_set: Object, change: Callable[[Object], Object]) -> Object:
        current = application_set
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._client.status(SETS, evolve(current, status=change(current)))
            except ApiError as error:
                if error.code == 404:
                    return application_set
                if error.code != 409 or attempt == _ATTEMPTS:
                    raise
            try:
                current = await self._client.get(SETS, namespace_of(application_set), name_of(application_set))
            except ApiError as error:
                if error.code == 404:
                    return application_set
                raise
        raise AssertionError("unreachable")
