"""The merge generator. Source: Argo CD 3.6.1 `applicationset/generators/merge.go`."""

from __future__ import annotations

from collections.abc import Sequence

from lab.sim.argocd.applicationset.generators.generator import Run, wrapped
from lab.sim.argocd.applicationset.generators.matrix import Children
from lab.sim.argocd.applicationset.merge import override
from lab.sim.argocd.applicationset.params import GeneratorError, Params
from lab.sim.objects import Object
from lab.sim.templates.json_text import dumps


def generate(spec: Object, run: Run, children: Children) -> list[Params]:
    """The sets of the first child, each overridden by the later children's set with equal merge keys.

    Merge keys are looked up at the top level only; a set without one has null there. The order is that of the first
    child, where Argo CD's is random. Raises GeneratorError.
    """
    generators = spec.get("generators") or []
    keys: list[str] = sorted(set(spec.get("mergeKeys") or ()))
    if len(generators) < 2:
        raise GeneratorError("found less than two generators, Merge requires two or more")
    given = []
    for place, one in enumerate(generators, 1):
        try:
            given.append(children(one, {}))
        except GeneratorError as error:
            raise wrapped(
                "error getting param sets from generators: "
                f"error getting params from generator {place} of {len(generators)}",
                error,
            ) from None
    base, *above = (_by_keys(keys, sets) for sets in given)
    for sets in above:
        for key, params in sets.items():
            if key in base:
                base[key] = override(base[key], params) if run.go_template else {**base[key], **params}
    return list(base.values())


def _by_keys(keys: Sequence[str], sets: Sequence[Params]) -> dict[str, Params]:
    if not keys:
        raise GeneratorError(
            "error getting param sets by merge key: no merge keys were specified, Merge requires at least one"
        )
    found: dict[str, Params] = {}
    for params in sets:
        key = dumps({name: params.get(name) for name in keys})
        if key in found:
            raise GeneratorError(
                "error getting param sets by merge key: the parameters from a generator were not unique by the given "
                f"mergeKeys, Merge requires all param sets to be unique. Duplicate key was {key}"
            )
        found[key] = params
    return found
