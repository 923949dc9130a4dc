"""What every generator is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.sim.argocd.applicationset.params import GeneratorError, Params
from lab.sim.argocd.applicationset.sources import Sources
from lab.sim.objects import Object, name_of
from lab.sim.templates.render_tree import Renderer

EMPTY = "ApplicationSet is empty"
REQUEUE_DEFAULT = 180.0
REQUEUE_FORGE = 1800.0


@dataclass(frozen=True, slots=True)
class Run:
    """One generation of parameters for one ApplicationSet."""

    application_set: Object
    renderer: Renderer
    sources: Sources
    requeue_default: float = REQUEUE_DEFAULT
    """Seconds after which git and cluster decisions are asked again."""

    @property
    def name(self) -> str:
        """Name of the ApplicationSet."""
        return name_of(self.application_set)

    @property
    def go_template(self) -> bool:
        """Whether parameters keep their shape."""
        return self.renderer.go_template

    @property
    def project(self) -> str:
        """The template's project; "" while it depends on parameters."""
        project = self.template_project
        return "" if "{{" in project else project

    @property
    def template_project(self) -> str:
        """The template's project as it is written."""
        spec = self.application_set.get("spec") or {}
        return str(((spec.get("template") or {}).get("spec") or {}).get("project") or "")


Generate = Callable[[Object, Run], list[Params]]
"""The parameter sets of a generator's own part of the spec. Raises GeneratorError."""


def wrapped(prefix: str, error: Exception) -> GeneratorError:
    """The error with words in front."""
    return GeneratorError(f"{prefix}: {error}")
