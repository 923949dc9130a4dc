"""From an entry of `spec.generators` to parameter sets and the template they fill.

Source: Argo CD 3.6.1 `applicationset/generators/generator_spec_processor.go`, `utils.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.sim.argocd.applicationset.generators import (
    clusters,
    decisions,
    elements,
    git,
    matrix,
    merged,
    plugin,
    pull_requests,
    repositories,
)
from lab.sim.argocd.applicationset.generators.generator import Generate, Run, wrapped
from lab.sim.argocd.applicationset.merge import fill
from lab.sim.argocd.applicationset.params import GeneratorError, Params, interpolate
from lab.sim.argocd.applicationset.selectors import selector
from lab.sim.argocd.applicationset.sources import SourceError
from lab.sim.objects import Object

ORDER = (
    "list",
    "clusters",
    "git",
    "scmProvider",
    "clusterDecisionResource",
    "pullRequest",
    "matrix",
    "merge",
    "plugin",
    "oci",
)
"""Generators of one entry are asked in this order."""
_COMBINING = ("matrix", "merge")
_INNERMOST = 2
_TERMINAL: dict[str, Generate] = {
    "list": elements.generate,
    "clusters": clusters.generate,
    "git": git.generate,
    "scmProvider": repositories.generate,
    "clusterDecisionResource": decisions.generate,
    "pullRequest": pull_requests.generate,
    "plugin": plugin.generate,
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one generator of an entry gives: parameter sets, and the template each of them fills."""

    params: list[Params]
    template: Object


@dataclass(frozen=True, slots=True)
class Transformed:
    """All generators of an entry, and the first error among them or None: then no result may be used."""

    results: list[Result] = field(default_factory=list)
    error: GeneratorError | None = None


def transform(entry: Object, run: Run) -> Transformed:
    """The parameters of one entry of `spec.generators`.

    The generator's own template goes before that of the ApplicationSet. Matrix and merge may stand in one another
    once; below that only generators that combine nothing. An entry without a known generator gives no result.
    """
    base = (run.application_set.get("spec") or {}).get("template") or {}
    return _transform(entry, run, base, {}, 0)


def unknown_generators(application_set: Object) -> str:
    """The warning Argo CD logs for entries whose generator it does not know; "" for none."""
    entries = (application_set.get("spec") or {}).get("generators") or ()
    unknown = [one for one in entries if not any(one.get(name) is not None for name in ORDER)]
    if not unknown:
        return ""
    names = sorted({key for one in unknown for key in one if key != "selector"})
    said = f"ApplicationSet {(application_set.get('metadata') or {}).get('name', '')} contains unrecognized generators"
    return f"{said}: {', '.join(names)}" if names else said


def _transform(entry: Object, run: Run, template: Object, outer: Params, depth: int) -> Transformed:
    try:
        selects = selector(entry.get("selector"))
    except GeneratorError as error:
        return Transformed(error=error)
    results: list[Result] = []
    first: GeneratorError | None = None
    for name in ORDER:
        spec = entry.get(name)
        if spec is None:
            continue
        try:
            filled = fill(spec.get("template") or {}, template)
            asked = interpolate(entry, outer, run.renderer)[name] if outer else spec
            params = _generate(name, asked, run, depth)
            results.append(Result([one for one in params if selects(one)], filled))
        except (GeneratorError, SourceError) as error:
            first = first or GeneratorError(str(error))
    return Transformed(results, first)


def _generate(name: str, spec: Object, run: Run, depth: int) -> list[Params]:
    if name in _COMBINING:
        combining = matrix.generate if name == "matrix" else merged.generate
        return combining(spec, run, lambda child, params: _child(child, run, params, depth + 1))
    known = _TERMINAL.get(name)
    if known is None:
        raise GeneratorError(f"generator {name} is not supported by the simulator; use --provider kind")
    return known(spec, run)


def _child(entry: Object, run: Run, params: Params, depth: int) -> list[Params]:
    """The sets of a generator inside a combining one, which must be exactly one generator."""
    inner = {key: spec for key, spec in entry.items() if depth < _INNERMOST or key not in _COMBINING}
    found = _transform(inner, run, {}, params, depth)
    if found.error is not None:
        raise wrapped("child generator returned an error on parameter generation", found.error)
    if not found.results:
        raise GeneratorError("child generator generated no parameters")
    if len(found.results) > 1:
        raise GeneratorError("found more than one generator in matrix.Generators")
    return found.results[0].params
