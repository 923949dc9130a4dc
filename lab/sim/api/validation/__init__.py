"""What an object must be like beyond its types: names, required fields, quantities, immutable fields …

Source: Kubernetes `pkg/apis/*/validation/validation.go` and apiserver `pkg/registry/rest/{create,update}.go`. Custom
resources are judged by their definition's schema (`lab.sim.api.crd`).
"""

from __future__ import annotations

from lab.sim.api import crd
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import Cause
from lab.sim.api.validation import meta, names
from lab.sim.api.validation.rules import ANY, BY_STORAGE, Rules


def on_create(resource: Resource, obj: Object) -> list[Cause]:
    """Everything wrong with a new, defaulted object; never raises for an object of its kind's types."""
    rules = ANY if resource.custom is not None else BY_STORAGE.get(resource.storage, ANY)
    wrong: list[Cause] = []
    if rules.first is not None:
        rules.first(wrong, obj, None)
        if wrong:
            return wrong
    if not rules.late_metadata:
        _metadata(wrong, resource, obj, rules)
    if rules.create is not None:
        rules.create(wrong, obj)
    if rules.late_metadata and not wrong:
        _metadata(wrong, resource, obj, rules)
    if resource.custom is not None:
        wrong += crd.problems(resource, obj, None)
    elif resource.storage == crd.STORAGE:
        wrong += crd.definition_problems(obj)
    return wrong


def on_update(resource: Resource, new: Object, old: Object, subresource: str = "") -> list[Cause]:
    """Everything wrong with `new` in place of `old`; `subresource` is the one written through, or "".

    A server looks at metadata several times and reports what is wrong as often; so does this.
    """
    rules = ANY if resource.custom is not None else BY_STORAGE.get(resource.storage, ANY)
    wrong: list[Cause] = []
    if rules.first is not None and not subresource:
        rules.first(wrong, new, old)
        if wrong:
            return wrong
    namespaced = resource.namespaced
    meta.metadata(wrong, new["metadata"], names.path_segment, namespaced=namespaced, qualified=False)
    meta.changed(wrong, new["metadata"], old["metadata"], qualified=False)
    if rules.afresh and not subresource:
        _metadata(wrong, resource, new, rules)
        if rules.create is not None:
            rules.create(wrong, new)
    if not rules.late_metadata:
        meta.changed(wrong, new["metadata"], old["metadata"], qualified=rules.qualified)
    if resource.custom is not None:
        return wrong + crd.problems(resource, new, old, subresource)
    if subresource:
        through = rules.through.get(subresource)
        if through is not None:
            through(wrong, new, old)
        return wrong
    if rules.rechecks:
        _metadata(wrong, resource, new, rules)
    if rules.update is not None:
        rules.update(wrong, new, old)
    elif rules.create is not None:
        rules.create(wrong, new)
    if resource.storage == crd.STORAGE:
        wrong += crd.definition_problems(new)
    return wrong


def _metadata(wrong: list[Cause], resource: Resource, obj: Object, rules: Rules) -> None:
    meta.metadata(wrong, obj["metadata"], rules.name, namespaced=resource.namespaced, qualified=rules.qualified)
