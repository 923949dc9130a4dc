"""Merging of parameters and templates as the Go library mergo does it. Source: `dario.cat/mergo` v1.0.2 `merge.go`."""

from __future__ import annotations

from typing import Any

from lab.sim.argocd.applicationset.params import GeneratorError, Params, as_texts
from lab.sim.objects import Object
from lab.sim.templates.values import StringMap

_OPAQUE = frozenset(("valuesObject", "matchExpressions"))


def override(base: Params, above: Params) -> Params:
    """Maps joined at every depth; anything else in `above` wins, also when it is empty or null (`WithOverride`)."""
    merged = _same(base)
    for key, value in above.items():
        held = merged.get(key)
        if isinstance(value, dict) and isinstance(held, dict):
            merged[key] = override(held, value)
        else:
            merged[key] = _copy(value)
    for key in base.keys() - above.keys():
        merged[key] = _copy(base[key])
    return merged


def _same(value: Params) -> Params:
    return type(value)(value) if isinstance(value, StringMap) else dict(value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return type(value)((key, _copy(one)) for key, one in value.items())
    if isinstance(value, list):
        return type(value)(_copy(one) for one in value)
    return value


def fill(template: Object, defaults: Object) -> Object:
    """A template with what it leaves empty taken from another; lists that are given stay as they are."""
    filled = dict(template)
    for key, value in defaults.items():
        held = filled.get(key)
        if not held:
            filled[key] = value
        elif isinstance(held, dict) and isinstance(value, dict) and key not in _OPAQUE:
            filled[key] = fill(held, value)
    return filled


def combine(first: Params, second: Params) -> dict[str, str]:
    """Two flat sets as one of texts. Raises GeneratorError when a key has two values."""
    combined = as_texts(first)
    for key, text in as_texts(second).items():
        held = combined.setdefault(key, text)
        if held != text:
            raise GeneratorError(f"found duplicate key {key} with different value, a: {held} ,b: {text}")
    return combined
