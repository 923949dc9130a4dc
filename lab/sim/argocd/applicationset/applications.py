"""How a live Application becomes the one that was generated, and what of it is left alone.

Source: Argo CD 3.6.1 `applicationset/controllers/applicationset_controller.go` (createOrUpdateInCluster),
`applicationset/utils/createOrUpdate.go`; controller-runtime `controllerutil.SetControllerReference`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.sim.argocd.applicationset.merge_patch import merge_patch
from lab.sim.argocd.applicationset.settings import Settings
from lab.sim.argocd.comparison.ignore import IgnoreRules, RulesError
from lab.sim.argocd.go_types import normalized, written
from lab.sim.objects import Object, controller_of, name_of, namespace_of, owner_reference

RESOURCE = "applications.argoproj.io"
API_VERSION = "argoproj.io/v1alpha1"
_PRESERVED_ANNOTATIONS = (
    "notified.notifications.argoproj.io",
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/hydrate",
)
_PRESERVED_FINALIZERS = ("pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io")
_OWNED = ("labels", "annotations", "finalizers", "ownerReferences")
_NEW_STATUS = {
    "health": {},
    "sourceHydrator": {},
    "summary": {},
    "sync": {"comparedTo": {"destination": {}, "source": {"repoURL": ""}}, "status": ""},
}
"""What Go's types write of a status that is not there yet."""


class WriteError(Exception):
    """An Application that cannot be written; the text is Argo CD's."""


class Writing:
    """How the Applications of one ApplicationSet are written."""

    def __init__(self, application_set: Object, settings: Settings) -> None:
        """Raises WriteError for `ignoreApplicationDifferences` that cannot be understood."""
        spec = application_set.get("spec") or {}
        preserved = spec.get("preservedFields") or {}
        self._owner = owner_reference({"apiVersion": API_VERSION, "kind": "ApplicationSet", **application_set})
        self._annotations = (
            *(preserved.get("annotations") or ()),
            *settings.preserved_annotations,
            *_PRESERVED_ANNOTATIONS,
        )
        self._labels = (*(preserved.get("labels") or ()), *settings.preserved_labels)
        ignored = spec.get("ignoreApplicationDifferences") or ()
        self._rules = _rules(ignored) if ignored else None

    def created(self, generated: Object) -> Object:
        """A generated Application as it is made at first."""
        metadata = generated["metadata"]
        kept = {
            key: metadata[key]
            for key in ("name", "namespace", "labels", "annotations", "finalizers")
            if key in metadata
        }
        made: Object = {
            "apiVersion": API_VERSION,
            "kind": "Application",
            "metadata": {**kept, "ownerReferences": [self._owner]},
            "spec": normalized(generated["spec"]),
            "status": _NEW_STATUS,
        }
        if generated.get("operation") is not None:
            made["operation"] = written(generated["operation"], "Operation")
        return made

    def change(self, live: Object, generated: Object) -> Object:
        """The merge patch that makes a live Application the generated one; {} when it is so already.

        Raises WriteError when it belongs to another controller.
        """
        before = _comparable(live)
        after = self._wanted(live, before, generated)
        if self._rules is not None:
            before, after = (
                self._without_ignored(before),
                {
                    **self._without_ignored(after),
                    **({"operation": after["operation"]} if "operation" in after else {}),
                },
            )
        return merge_patch(_plain(before), _plain(after))

    def same_spec(self, live: Object, generated: Object) -> bool:
        """Whether a live Application's spec is what a generated one asks for."""
        before, after = ({**_identity(live), "spec": normalized(one.get("spec") or {})} for one in (live, generated))
        if self._rules is not None:
            before, after = self._without_ignored(before), self._without_ignored(after)
        return bool(before["spec"] == after["spec"])

    def _wanted(self, live: Object, before: Object, generated: Object) -> Object:
        found, metadata = live["metadata"], generated["metadata"]
        labels = _preserving(metadata.get("labels"), found.get("labels"), self._labels)
        annotations = _preserving(metadata.get("annotations"), found.get("annotations"), self._annotations)
        finalizers = [
            *(metadata.get("finalizers") or ()),
            *(
                one
                for prefix in _PRESERVED_FINALIZERS
                for one in found.get("finalizers") or ()
                if one.startswith(prefix)
            ),
        ]
        made = {
            **before,
            "metadata": {
                "name": name_of(live),
                "namespace": namespace_of(live),
                "labels": labels,
                "annotations": annotations,
                "finalizers": finalizers,
                "ownerReferences": self._owners(live),
            },
            "spec": normalized(generated["spec"]),
        }
        if generated.get("operation") is not None:
            made["operation"] = written(generated["operation"], "Operation")
        return made

    def _owners(self, live: Object) -> list[Object]:
        references: list[Object] = list(live["metadata"].get("ownerReferences") or ())
        held = controller_of(live)
        if held is not None and not _same_object(held, self._owner):
            raise WriteError(
                f"error while wrapping using MutateFn: Object {namespace_of(live)}/{name_of(live)} is already owned by "
                f"another {held.get('kind', '')} controller {held.get('name', '')}"
            )
        for place, one in enumerate(references):
            if _same_object(one, self._owner):
                return [*references[:place], self._owner, *references[place + 1 :]]
        return [*references, self._owner]

    def _without_ignored(self, document: Object) -> Object:
        assert self._rules is not None
        made = self._rules.normalized(document)
        return {**made, "spec": normalized(made.get("spec") or {})}


def _rules(ignored: Sequence[Object]) -> IgnoreRules:
    entries = [{**one, "group": "argoproj.io", "kind": "Application"} for one in ignored]
    try:
        return IgnoreRules(entries, {})
    except RulesError as error:
        raise WriteError(f"failed to build ignore diff config: {error}") from None


def _identity(live: Object) -> Object:
    metadata = {"name": name_of(live), "namespace": namespace_of(live)}
    return {"apiVersion": API_VERSION, "kind": "Application", "metadata": metadata}


def _comparable(live: Object) -> Object:
    """What this controller owns of a live Application, its spec as it would be written."""
    metadata = live["metadata"]
    made = _identity(live)
    made["metadata"] |= {key: metadata[key] for key in _OWNED if metadata.get(key)}
    made["spec"] = normalized(live.get("spec") or {})
    if live.get("operation") is not None:
        made["operation"] = written(live["operation"], "Operation")
    return made


def _plain(document: Object) -> Object:
    """The part that is patched, with metadata that says nothing left out."""
    metadata = document.get("metadata") or {}
    made: Object = {key: document[key] for key in ("spec", "operation") if key in document}
    return {**made, "metadata": {key: metadata[key] for key in _OWNED if metadata.get(key)}}


def _preserving(wanted: Any, found: Any, keys: Sequence[str]) -> Mapping[str, str]:
    held: Mapping[str, str] = found or {}
    return {**(wanted or {}), **{key: held[key] for key in keys if key in held}}


def _same_object(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two references mean the same: group, kind and name count, not the UID."""
    group, other_group = (str(each.get("apiVersion", "")).rpartition("/")[0] for each in (one, other))
    return group == other_group and one.get("kind") == other.get("kind") and one.get("name") == other.get("name")
