"""Kinds that make pods, and what follows them: jobs, daemon sets, deployments, endpoint slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Resource
from lab.sim.api.strategies.strategy import LABELS_ONLY, Strategy

if TYPE_CHECKING:
    from lab.sim.api.rest import Rest

_JOB_NAMES = ("job-name", "batch.kubernetes.io/job-name")
_JOB_UIDS = ("controller-uid", "batch.kubernetes.io/controller-uid")
_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


class Deployments(Strategy):
    """A change of annotations makes a new generation too, because the controller copies them to its replica sets."""

    status_keeps = LABELS_ONLY

    def generation_moves(self, new: Object, old: Object) -> bool:
        """On a change of the spec or the annotations."""
        before, after = old["metadata"].get("annotations") or {}, new["metadata"].get("annotations") or {}
        return before != after or super().generation_moves(new, old)


class EndpointSlices(Strategy):
    """A change of labels makes a new generation too."""

    def generation_moves(self, new: Object, old: Object) -> bool:
        """On a change of anything but the metadata, or of the labels."""
        before, after = old["metadata"].get("labels") or {}, new["metadata"].get("labels") or {}
        return before != after or super().generation_moves(new, old)


class DaemonSets(Strategy):
    """The template's generation, long deprecated, is still told in an annotation."""

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """Begin to count the template's generations."""
        super().prepare_create(rest, resource, obj, context)
        _annotate(obj, _TEMPLATE_GENERATION, str(max(_template_generation(obj), 1)))

    def prepare_update(self, rest: Rest, resource: Resource, new: Object, old: Object, subresource: str) -> None:
        """Count the template's generations; a client cannot set them."""
        if subresource:
            return
        count = _template_generation(old)
        if new.get("spec", {}).get("template") != old["spec"].get("template"):
            count += 1
        _annotate(new, _TEMPLATE_GENERATION, str(count))


def _template_generation(obj: Object) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _annotate(obj: Object, key: str, value: str) -> None:
    metadata = obj["metadata"]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), key: value}


class Jobs(Strategy):
    """A job selects its pods by its own uid, unless it says `manualSelector`; deleting it leaves them by default."""

    default_propagation = "Orphan"

    def prepare_create(self, rest: Rest, resource: Resource, obj: Object, context: Context) -> None:
        """Generate the selector and the template's labels."""
        super().prepare_create(rest, resource, obj, context)
        spec = obj.get("spec")
        if not isinstance(spec, dict) or not isinstance(spec.get("template"), dict):
            return
        template, metadata = spec["template"], obj["metadata"]
        described = template.get("metadata") or {}
        labels = dict(described.get("labels") or {})
        inherits = (metadata.get("labels") or {}) in ({}, labels)
        if not spec.get("manualSelector"):
            for key in _JOB_NAMES:
                labels.setdefault(key, metadata.get("name", ""))
            for key in _JOB_UIDS:
                labels.setdefault(key, metadata["uid"])
            selector = dict(spec.get("selector") or {})
            selector["matchLabels"] = {**(selector.get("matchLabels") or {})}
            selector["matchLabels"].setdefault(_JOB_UIDS[1], metadata["uid"])
            spec["selector"] = selector
            template["metadata"] = {**described, "labels": labels}
        if inherits and labels:
            metadata["labels"] = dict(labels)

    def deletion_warning(self, options: DeleteOptions) -> str:
        """Say that the pods stay, where the request does not say what to do about them."""
        if options.propagation:
            return ""
        return (
            "child pods are preserved by default when jobs are deleted; "
            "set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"
        )
