"""Whether a custom resource's schema is of the types Go decodes it into, also below the fields that take several.

The general decoder stops at `items`, `additionalProperties` and their like, which may be a schema or something else.
Source: apiextensions-apiserver `pkg/apis/apiextensions/v1/{types_jsonschema,marshal}.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.api.golang import kind_of
from lab.sim.api.status import ApiError, bad_request

_TEXTS = ("$ref", "$schema", "description", "format", "id", "pattern", "title", "type")
_EXTENSIONS = ("x-kubernetes-list-type", "x-kubernetes-map-type")
_FLAGS = (
    "exclusiveMaximum",
    "exclusiveMinimum",
    "nullable",
    "uniqueItems",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
)
_NUMBERS = ("maximum", "minimum", "multipleOf")
_COUNTS = ("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties")
_LISTS = ("allOf", "anyOf", "oneOf")
_MAPS = ("definitions", "patternProperties", "properties")
_NAMES = ("required", "x-kubernetes-list-map-keys")
_RULES = "x-kubernetes-validations"


def check(schema: Any) -> None:
    """Raises ApiError 400 for a value of a wrong type."""
    if schema is None:
        return
    if not isinstance(schema, dict):
        raise _mistyped(schema, "JSONSchemaProps", "v1.JSONSchemaProps")
    for field, value in schema.items():
        if value is None:
            continue
        if field in _TEXTS or field in _EXTENSIONS:
            _is(value, (str,), field, "string")
        elif field in _FLAGS:
            _is(value, (bool,), field, "bool")
        elif field in _NUMBERS:
            _is(value, (int, float), field, "float64")
        elif field in _COUNTS:
            _is(value, (int,), field, "int64")
        elif field in _LISTS:
            _is(value, (list,), field, "[]v1.JSONSchemaProps")
            for one in value:
                check(one)
        elif field in _MAPS:
            _is(value, (dict,), field, "map[string]v1.JSONSchemaProps")
            for one in value.values():
                check(one)
        elif field in _NAMES:
            _is(value, (list,), field, "[]string")
            for one in value:
                _is(one, (str,), field, "string")
        elif field == "enum":
            _is(value, (list,), field, "[]v1.JSON")
        elif field == _RULES:
            _rules(value)
        else:
            _several(field, value)


def _several(field: str, value: Any) -> None:
    if field in ("items", "additionalProperties", "additionalItems"):
        if isinstance(value, list) and field == "items":
            for one in value:
                check(one)
        elif not isinstance(value, bool) or field == "items":
            check(value)
    elif field == "not":
        check(value)
    elif field == "dependencies":
        _is(value, (dict,), field, "v1.JSONSchemaDependencies")
        for one in value.values():
            if not isinstance(one, list):
                check(one)


def _rules(value: Any) -> None:
    _is(value, (list,), _RULES, "v1.ValidationRules")
    for rule in value:
        _is(rule, (dict,), _RULES, "v1.ValidationRule")
        for key, one in rule.items():
            if one is not None and key in ("rule", "message", "messageExpression", "reason", "fieldPath"):
                _is(one, (str,), f"{_RULES}.{key}", "string")


def _is(value: Any, wanted: tuple[type, ...], field: str, named: str) -> None:
    if type(value) not in wanted:
        raise _mistyped(value, f"JSONSchemaProps.{field}", named)


def _mistyped(value: Any, field: str, named: str) -> ApiError:
    return bad_request(
        'CustomResourceDefinition in version "v1" cannot be handled as a CustomResourceDefinition: json: cannot '
        f"unmarshal {kind_of(value)} into Go struct field {field} of type {named}"
    )
