"""The matrix generator. Source: Argo CD 3.6.1 `applicationset/generators/matrix.go`."""

from __future__ import annotations

from collections.abc import Callable

from lab.sim.argocd.applicationset.generators.generator import Run, wrapped
from lab.sim.argocd.applicationset.merge import combine, override
from lab.sim.argocd.applicationset.params import GeneratorError, Params
from lab.sim.objects import Object

Children = Callable[[Object, Params], list[Params]]
"""The sets of a child generator, rendered first with the given parameters. Raises GeneratorError."""


def generate(spec: Object, run: Run, children: Children) -> list[Params]:
    """Every set of the first child with every set of the second, which is rendered anew by each of the first.

    With Go templates the first child's values win; else a key with two values is an error. Raises GeneratorError.
    """
    generators = spec.get("generators") or []
    if len(generators) < 2:
        raise GeneratorError("found less than two generators, Matrix support only two")
    if len(generators) > 2:
        raise GeneratorError("found more than two generators, Matrix support only two")
    first, second = generators
    try:
        outer = children(first, {})
    except GeneratorError as error:
        raise wrapped("error failed to get params for first generator in matrix generator", error) from None
    sets: list[Params] = []
    for one in outer:
        try:
            inner = children(second, one)
        except GeneratorError as error:
            raise wrapped("failed to get params for second generator in the matrix generator", error) from None
        sets += [_joined(one, other, go_template=run.go_template) for other in inner]
    return sets


def _joined(first: Params, second: Params, *, go_template: bool) -> Params:
    if go_template:
        return override(second, first)
    try:
        return dict(combine(first, second))
    except GeneratorError as error:
        raise wrapped("failed to combine string maps with merging params for the matrix generator", error) from None
