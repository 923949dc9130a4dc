"""The Applications an ApplicationSet asks for.

Source: Argo CD 3.6.1 `applicationset/controllers/template/template.go`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from lab.sim.argocd.applicationset.generators import Run, transform
from lab.sim.argocd.applicationset.params import Params
from lab.sim.argocd.applicationset.template_patch import apply_patch
from lab.sim.argocd.go_types import DecodeError, written
from lab.sim.objects import Object, namespace_of
from lab.sim.templates.render_tree import TemplateFailure, render_application

PARAMETERS_FAILED = "ApplicationGenerationFromParamsError"
TEMPLATE_FAILED = "RenderTemplateParamsError"
_AT_ONCE = 5
"""Applications rendered before others have their turn."""
_METADATA = ("annotations", "labels", "namespace", "name", "finalizers")


@dataclass(slots=True)
class Generated:
    """What all generators gave. After an error none of it may be used."""

    applications: list[Object] = field(default_factory=list)
    """As Go's types hold them, in order of the generators."""
    error: str = ""
    """The first one; "" for none."""
    reason: str = ""

    def failed(self, reason: str, error: str) -> None:
        """Note an error unless there was one before."""
        if not self.reason:
            self.error, self.reason = error, reason


async def generate(run: Run) -> Generated:
    """Every generator with every set of parameters, also after one that failed. Gives way to others now and then."""
    spec = run.application_set.get("spec") or {}
    made = Generated()
    for entry in spec.get("generators") or ():
        transformed = transform(entry, run)
        if transformed.error is not None:
            made.failed(PARAMETERS_FAILED, str(transformed.error))
            continue
        for result in transformed.results:
            template = _application(result.template)
            for place, params in enumerate(result.params):
                if place % _AT_ONCE == _AT_ONCE - 1:
                    await asyncio.sleep(0)
                try:
                    made.applications.append(_render(template, params, spec, run))
                except TemplateFailure as error:
                    made.failed(TEMPLATE_FAILED, str(error))
    return made


def _application(template: Object) -> Object:
    metadata = template.get("metadata") or {}
    return {
        "metadata": {key: metadata[key] for key in _METADATA if metadata.get(key)},
        "spec": template.get("spec") or {},
    }


def _render(template: Object, params: Params, spec: Object, run: Run) -> Object:
    keeps = bool((spec.get("syncPolicy") or {}).get("preserveResourcesOnDeletion"))
    rendered = render_application(template, params, run.renderer, keeps_resources=keeps)
    try:
        application = written(rendered, "Application")
    except DecodeError as error:
        raise TemplateFailure(str(error)) from None
    patch = spec.get("templatePatch")
    if patch is not None:
        try:
            text = run.renderer.render_string(patch, params)
        except TemplateFailure as error:
            raise TemplateFailure(f"error replacing values in templatePatch: {error}") from None
        application = apply_patch(application, text)
    metadata = {**application["metadata"], "namespace": namespace_of(run.application_set)}
    return {**application, "metadata": metadata}
