"""What happens to an Application's resources when it is deleted.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (finalizeApplicationDeletion, shouldBeDeleted),
`controller/sort_delete.go`, `pkg/apis/application/v1alpha1/{types,application_defaults}.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from lab.sim.api.status import ApiError
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.ports import Connection
from lab.sim.argocd.sync import hooks
from lab.sim.argocd.sync.delete_hooks import POST_DELETE, PRE_DELETE, DeleteHooks, DeletionError
from lab.sim.argocd.sync.discovery import Discovery, resource_in_version
from lab.sim.argocd.sync.options import annotation_values, option_value, value_of
from lab.sim.argocd.sync.request import is_deletion_confirmed
from lab.sim.argocd.tracking import group_of, is_definition
from lab.sim.clock import parse_timestamp
from lab.sim.objects import Object, name_of, namespace_of

RESOURCES = "resources-finalizer.argocd.argoproj.io"
FOREGROUND = f"{RESOURCES}/foreground"
BACKGROUND = f"{RESOURCES}/background"
PRE_DELETE_FINALIZER = "pre-delete-finalizer.argocd.argoproj.io"
POST_DELETE_FINALIZER = "post-delete-finalizer.argocd.argoproj.io"
_CASCADING = (RESOURCES, FOREGROUND, BACKGROUND)
_HELM_POLICY = "helm.sh/resource-policy"

Live = Mapping[ResourceKey, Object]


@dataclass(frozen=True, slots=True)
class Deletion:
    """One Application that is being deleted, and what its deletion needs."""

    application: Object
    """With `metadata.deletionTimestamp`, as the API has it now."""
    connection: Connection
    delete_hooks: DeleteHooks
    live: Callable[[], Awaitable[Live]]
    """Its live objects now, those its project does not permit left out."""
    targets: Callable[[], Awaitable[Iterable[Object]]]
    """What it renders to; only asked for where there are hooks for the deletion."""

    async def step(self) -> list[str] | None:
        """One pass: the finalizers that are left, None while something is waited for.

        When the list has become shorter it has to be stored before the next pass, except that the end of PreDelete
        hooks is taken up in the same pass. Raises DeletionError for hooks that fail, ApiError.
        """
        finalizers = list(self.application["metadata"].get("finalizers") or ())
        before_hooks = finalizers
        if PRE_DELETE_FINALIZER in finalizers:
            try:
                done = await self.delete_hooks.execute(PRE_DELETE, await self.targets(), await self.live())
            except (DeletionError, ApiError) as error:
                raise DeletionError(f"error executing pre-delete hooks: {error}") from None
            if not done:
                return None
            finalizers = _without(finalizers, PRE_DELETE_FINALIZER)
        if any(one in _CASCADING for one in finalizers):
            if await self._delete_resources(finalizers):
                return _without(finalizers, *_CASCADING)
            return finalizers if finalizers != before_hooks else None
        if POST_DELETE_FINALIZER in finalizers:
            done = await self.delete_hooks.execute(POST_DELETE, await self.targets(), await self.live())
            return _without(finalizers, POST_DELETE_FINALIZER) if done else None
        for kind, finalizer in ((PRE_DELETE, PRE_DELETE_FINALIZER), (POST_DELETE, POST_DELETE_FINALIZER)):
            if f"{finalizer}/cleanup" in finalizers:
                done = await self.delete_hooks.clean_up(kind, await self.live())
                return _without(finalizers, f"{finalizer}/cleanup") if done else None
        return finalizers

    async def _delete_resources(self, finalizers: list[str]) -> bool:
        """Delete the last wave there is; True when nothing is left."""
        live = await self.live()
        doomed: list[Object] = []
        confirmed = is_deletion_confirmed(
            self.application, parse_timestamp(str(self.application["metadata"]["deletionTimestamp"]))
        )
        for key, obj in live.items():
            if obj["metadata"].get("deletionTimestamp"):
                return False
            if goes_with(self.application, obj):
                doomed.append(obj)
                if not confirmed and self._needs_confirmation(key):
                    return False
        discovery = Discovery(self.connection)
        first = next(one for one in finalizers if one in _CASCADING)
        propagation = "Background" if first == BACKGROUND else "Foreground"
        for obj in last_wave(doomed):
            resource = await discovery.of(obj)
            name = resource_in_version(resource)
            await self.connection.client.delete(name, namespace_of(obj), name_of(obj), propagation)
        if not doomed:
            return True
        left = await self.live()
        return not any(goes_with(self.application, obj) for obj in left.values())

    def _needs_confirmation(self, key: ResourceKey) -> bool:
        """As the last comparison said; kinds and names are compared, not versions."""
        for one in self.application.get("status", {}).get("resources") or ():
            found = ResourceKey(*(str(one.get(field) or "") for field in ResourceKey._fields))
            if found == key:
                return bool(one.get("requiresDeletionConfirmation"))
        return False


def finalizers_without_cluster(application: Object) -> list[str]:
    """What is left of the finalizers when the destination is not known any more: resources stay where they are."""
    return [
        one
        for one in application["metadata"].get("finalizers") or ()
        if one not in _CASCADING and not one.startswith((PRE_DELETE_FINALIZER, POST_DELETE_FINALIZER))
    ]


def goes_with(application: Object, obj: Object) -> bool:
    """Whether a live object goes with its Application: no definition, not the Application itself, none to keep."""
    if is_definition(obj) or _is_itself(application, obj):
        return False
    option = option_value(obj, "Delete")
    if option is None:
        policy = (application.get("spec") or {}).get("syncPolicy") or {}
        option = value_of(policy.get("syncOptions") or (), "Delete")
    return option != "false" and "keep" not in annotation_values(obj, _HELM_POLICY)


def _is_itself(application: Object, obj: Object) -> bool:
    return (
        obj["metadata"].get("uid") == application["metadata"].get("uid")
        and (group_of(obj), obj.get("kind")) == ("argoproj.io", "Application")
        and (namespace_of(obj), name_of(obj)) == (namespace_of(application), name_of(application))
    )


def last_wave(objects: list[Object]) -> list[Object]:
    """The objects of the highest wave: they go first."""
    if not objects:
        return []
    last = max(hooks.wave(one) for one in objects)
    return [one for one in objects if hooks.wave(one) == last]


def _without(finalizers: list[str], *gone: str) -> list[str]:
    return [one for one in finalizers if one not in gone]
