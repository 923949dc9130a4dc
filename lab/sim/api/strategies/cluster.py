"""Namespaces, secrets, events and definitions of custom resources."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource
from lab.sim.api.strategies.strategy import EVERYTHING, Strategy
from lab.sim.objects import CUSTOM_RESOURCE_CLEANUP

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

NAME_LABEL = "kubernetes.io/metadata.name"
_FINALIZER = "kubernetes"


class Namespaces(Strategy):
    """A namespace is first emptied: `spec.finalizers` hold it until the namespace controller has done so."""

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """A new namespace is active, held, and carries its name as a label."""
        metadata = obj["metadata"]
        metadata["labels"] = {**(metadata.get("labels") or {}), NAME_LABEL: metadata.get("name", "")}
        spec = obj["spec"] = dict(obj.get("spec") or {})
        finalizers = list(spec.get("finalizers") or ())
        if _FINALIZER not in finalizers:
            finalizers.append(_FINALIZER)
        spec["finalizers"] = finalizers
        obj["status"] = {"phase": "Active"}

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Only `finalize` changes `spec.finalizers`; the name's label always holds the name."""
        if subresource == "finalize":
            new["status"] = old.get("status", {})
            return
        finalizers = old.get("spec", {}).get("finalizers")
        new["spec"] = {**(new.get("spec") or {}), "finalizers": finalizers} if finalizers else {}
        metadata = new["metadata"]
        labels = metadata.get("labels") or {}
        if labels.get(NAME_LABEL) != metadata["name"]:
            metadata["labels"] = {**labels, NAME_LABEL: metadata["name"]}

    def begin_delete(self, rest: Rest, resource: Resource, obj: Object) -> None:
        """A namespace that is being deleted is Terminating."""
        obj["status"] = {**obj.get("status", {}), "phase": "Terminating"}
        # Unlike other objects a namespace does not say how long it takes.
        obj["metadata"].pop("deletionGracePeriodSeconds", None)

    def deletable(self, resource: Resource, obj: Object) -> bool:
        """Gone only when nothing in the namespace's spec holds it, and never with the first request."""
        return not obj.get("spec", {}).get("finalizers") and bool(obj["metadata"].get("deletionTimestamp"))


class Secrets(Strategy):
    """`stringData` is written and never read back."""

    def _fold(self, obj: Object) -> None:
        plain = obj.pop("stringData", None)
        if plain:
            data = dict(obj.get("data") or {})
            for key, value in plain.items():
                data[key] = base64.b64encode(str(value).encode()).decode()
            obj["data"] = data

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """Fold `stringData` into `data`."""
        self._fold(obj)

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Fold `stringData`; a type that is left out stays."""
        self._fold(new)
        if not new.get("type"):
            new["type"] = old.get("type", "Opaque")


class Events(Strategy):
    """Events have no dependents, and a PUT creates them."""

    collects = False
    create_on_update = True


class CustomResourceDefinitions(Strategy):
    """A definition starts without accepted names; which version is stored is known at once.

    It goes in two steps: its objects have to be cleared away first, which a finalizer waits for.
    """

    status_keeps = EVERYTHING

    def begin_delete(self, rest: Rest, resource: Resource, obj: Object) -> None:
        """Wait for its objects to go. Source: apiextensions `pkg/registry/customresourcedefinition/etcd.go`."""
        finalizers = obj["metadata"].get("finalizers") or []
        if CUSTOM_RESOURCE_CLEANUP not in finalizers:
            obj["metadata"]["finalizers"] = [*finalizers, CUSTOM_RESOURCE_CLEANUP]
        since = obj["metadata"]["deletionTimestamp"]
        text = "CustomResource deletion is in progress"
        told = {
            "type": "Terminating",
            "status": "True",
            "lastTransitionTime": since,
            "reason": "InstanceDeletionPending",
            "message": text,
        }
        status = obj.get("status") or {}
        obj["status"] = {**status, "conditions": [*(status.get("conditions") or ()), told]}

    def deletable(self, resource: Resource, obj: Object) -> bool:
        """Only after the first step."""
        return bool(obj["metadata"].get("deletionTimestamp"))

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """Give the status its first form."""
        versions = (obj.get("spec") or {}).get("versions") or ()
        stored = [one["name"] for one in versions if one.get("storage") and one.get("name")]
        obj["status"] = {"acceptedNames": {"kind": "", "plural": ""}, "conditions": [], "storedVersions": stored}

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """The version stored from now on joins the list of those that were ever stored."""
        if subresource:
            return
        stored = list(old.get("status", {}).get("storedVersions") or ())
        for one in (new.get("spec") or {}).get("versions") or ():
            if one.get("storage") and one.get("name") and one["name"] not in stored:
                stored.append(one["name"])
                new["status"] = {**new.get("status", {}), "storedVersions": stored}
