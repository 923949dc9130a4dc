"""`spec.templatePatch`: a strategic merge patch of the Application a template gave.

Source: Argo CD 3.6.1 `applicationset/controllers/template/patch.go`, `applicationset/utils/utils.go`
(ConvertYAMLToJSON).
"""

from __future__ import annotations

from typing import Any

import orjson

from lab.sim.api import types
from lab.sim.api.patch import strategic
from lab.sim.api.status import ApiError
from lab.sim.api.types import Type
from lab.sim.argocd.go_types import DecodeError, written
from lab.sim.objects import Object, thaw
from lab.sim.render import gojson, yaml_documents
from lab.sim.templates import json_text
from lab.sim.templates.render_tree import TemplateFailure
from lab.sim.templates.values import quoted

_TYPE = Type(kind="object", fields={"metadata": types.metadata(34)})
"""The only lists that merge are those of the metadata; every one of an Application's spec is replaced."""


def apply_patch(application: Object, text: str) -> Object:
    """The Application with a rendered patch, YAML or JSON; its project stays. Raises TemplateFailure."""
    json, patch = _read(text)
    try:
        written(patch, "Application")
    except DecodeError as error:
        raise TemplateFailure(f"invalid templatePatch {quoted(json)}: {error}") from None
    if not patch:
        return application
    try:
        merged = strategic.merged(thaw(application), thaw(patch), _TYPE)
    except ApiError as error:
        raise TemplateFailure(
            f"error while applying templatePatch template to json {quoted(json)}: {error.message}"
        ) from None
    try:
        made = written(merged, "Application")
    except DecodeError as error:
        raise TemplateFailure(f"error while unmarhsalling patched application: {error}") from None
    made["spec"]["project"] = application["spec"].get("project", "")
    return made


def _read(text: str) -> tuple[str, Any]:
    """A patch as JSON text and as a value."""
    if text.strip().startswith("{"):
        try:
            return text, orjson.loads(text)
        except orjson.JSONDecodeError:
            try:
                return text, json_text.loads(text)
            except json_text.BadJson as error:
                raise TemplateFailure(f"invalid templatePatch {quoted(text)}: {error}") from None
    try:
        value = yaml_documents.value(text)
    except yaml_documents.Malformed as error:
        raise TemplateFailure(f"error while converting template to json {quoted(text)}: {error}") from None
    return gojson.dumps(value), value
