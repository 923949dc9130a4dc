"""The generators of ApplicationSets: from a spec and a view of the world to parameter sets."""

from __future__ import annotations

from lab.sim.argocd.applicationset.generators.generator import Run
from lab.sim.argocd.applicationset.generators.requeue import requeue_after
from lab.sim.argocd.applicationset.generators.transform import Result, Transformed, transform, unknown_generators

__all__ = ["Result", "Run", "Transformed", "requeue_after", "transform", "unknown_generators"]
