"""The list generator. Source: Argo CD 3.6.1 `applicationset/generators/list.go`."""

from __future__ import annotations

from typing import Any

from lab.sim.argocd.applicationset.generators.generator import Run, wrapped
from lab.sim.argocd.applicationset.params import GeneratorError, Params
from lab.sim.objects import Object
from lab.sim.render import yaml_documents
from lab.sim.templates.json_text import floats

_NO_TEXT = "error parsing value as string %!w(<nil>)"


def generate(spec: Object, run: Run) -> list[Params]:
    """`elements` as they are, or as flat texts; then those of `elementsYaml`, always as they are."""
    sets = [_element(floats(one), go_template=run.go_template) for one in spec.get("elements") or ()]
    return sets + _from_yaml(str(spec.get("elementsYaml") or ""))


def _element(element: Any, *, go_template: bool) -> Params:
    if element is not None and not isinstance(element, dict):
        kind = {str: "string", float: "number", bool: "bool", list: "array"}[type(element)]
        raise GeneratorError(
            f"error unmarshling list element json: cannot unmarshal {kind} into Go value of type "
            "map[string]interface {}"
        )
    if go_template:
        return element or {}
    params: Params = {}
    for key, value in (element or {}).items():
        if key == "values":
            if not isinstance(value, dict):
                raise GeneratorError("error parsing values map")
            params.update({f"values.{name}": _text(one) for name, one in value.items()})
        else:
            params[key] = _text(value)
    return params


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise GeneratorError(_NO_TEXT)
    return value


def _from_yaml(text: str) -> list[Params]:
    if not text:
        return []
    try:
        read = floats(yaml_documents.value(text))
    except yaml_documents.Malformed as error:
        raise wrapped("error unmarshling decoded ElementsYaml error converting YAML to JSON", error) from None
    if read is None:
        return []
    if not isinstance(read, list) or not all(isinstance(one, dict | None) for one in read):
        raise GeneratorError(
            "error unmarshling decoded ElementsYaml error unmarshaling JSON: while decoding JSON: "
            f"json: cannot unmarshal {_kind(read)} into Go value of type {_wanted(read)}"
        )
    return [one or {} for one in read]


def _kind(read: Any) -> str:
    wrong = next((one for one in read if not isinstance(one, dict)), read) if isinstance(read, list) else read
    return {str: "string", float: "number", bool: "bool", list: "array", dict: "object"}[type(wrong)]


def _wanted(read: Any) -> str:
    return "map[string]interface {}" if isinstance(read, list) else "[]map[string]interface {}"
