"""Parameters a generator gives: names made safe, values read as Go reads them, and the flat view selectors match.

A parameter set is a dict as `lab.sim.templates` renders it: numbers that came from JSON or YAML are floats, a Go
`[]string` is a `StringList`, a `map[string]string` a `StringMap`. Source: Argo CD 3.6.1 `applicationset/utils`,
`applicationset/generators/generator_spec_processor.go`, `value_interpolation.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.sim.objects import Object
from lab.sim.templates.applicationset import normalize as sanitize_name
from lab.sim.templates.render_tree import MissingKey, Renderer, TemplateFailure
from lab.sim.templates.values import StringList, StringMap, shown

__all__ = [
    "GeneratorError",
    "ParamSets",
    "Params",
    "add_values",
    "as_texts",
    "flatten",
    "interpolate",
    "sanitize_name",
]

Params = dict[str, Any]


class GeneratorError(Exception):
    """A generator that cannot give parameters; the text is Argo CD's."""


class ParamSets(list[Params]):
    """A Go `[]map[string]any`: what `flatList` puts under `clusters`. Selectors do not look into it."""


def flatten(params: Mapping[str, Any]) -> dict[str, str]:
    """Maps and lists spread out with dots, values printed as Go's `%v`; empty ones leave nothing."""
    flat: dict[str, str] = {}
    _flatten(params, "", flat)
    return flat


def _flatten(value: Any, prefix: str, flat: dict[str, str]) -> None:
    if isinstance(value, Mapping):
        for key, one in value.items():
            _flatten(one, f"{prefix}.{key}" if prefix else key, flat)
    elif isinstance(value, list) and not isinstance(value, StringList | ParamSets):
        for place, one in enumerate(value):
            _flatten(one, f"{prefix}.{place}" if prefix else str(place), flat)
    else:
        flat[prefix] = shown(value)


def as_texts(params: Params) -> dict[str, str]:
    """Every value printed as Go's `%v`, without spreading anything."""
    return {key: shown(value) for key, value in params.items()}


def add_values(values: Mapping[str, str] | None, params: Params, renderer: Renderer) -> None:
    """Render a generator's `values` with its parameters and add them, in place; values do not see one another.

    Raises GeneratorError.
    """
    rendered = StringMap()
    for key, text in (values or {}).items():
        try:
            rendered[key] = renderer.render_string(text, params)
        except TemplateFailure as error:
            raise GeneratorError(
                f"failed to replace templated string: failed to replace templated string with rendered values: {error}"
            ) from None
    if not renderer.go_template:
        params.update({f"values.{key}": text for key, text in rendered.items()})
    elif rendered:
        params["values"] = rendered


def interpolate(generator: Object, params: Params, renderer: Renderer) -> Object:
    """A generator with its texts rendered by another generator's parameters. Raises GeneratorError.

    `values` are rendered too, but one that asks for what is not there is left for the generator itself.
    """
    try:
        return {key: _interpolate(one, params, renderer) for key, one in generator.items()}
    except (GeneratorError, TemplateFailure) as error:
        raise GeneratorError(f"failed to replace parameters in generator: {error}") from None


def _interpolate(spec: Any, params: Params, renderer: Renderer) -> Any:
    if not isinstance(spec, dict):
        return renderer.render_tree(spec, params)
    generators = spec.get("generators")
    rest = {key: one for key, one in spec.items() if key not in ("values", "generators")}
    made: Object = renderer.render_tree(rest, params)
    if spec.get("values") is not None:
        made["values"] = _interpolate_values(spec["values"], params, renderer)
    if generators is not None:
        made["generators"] = [
            {key: _interpolate(one, params, renderer) for key, one in each.items()} for each in generators
        ]
    return made


def _interpolate_values(values: Mapping[str, str], params: Params, renderer: Renderer) -> dict[str, str]:
    strict = renderer.strict()
    made: dict[str, str] = {}
    for key, text in values.items():
        try:
            made[key] = strict.render_string(text, params)
        except MissingKey:
            made[key] = text
        except TemplateFailure as error:
            raise GeneratorError(f'failed to pre-resolve Values key "{key}": {error}') from None
    return made
