"""In which form an answer is wanted: plain objects, a Table or metadata only, as JSON or YAML.

Source: apiserver `pkg/endpoints/handlers/negotiation/negotiate.go`. Answers in protobuf are not given: every client
that asks for it also names JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
import yaml

from lab.sim.api.status import ApiError, not_acceptable

_JSON, _YAML = "application/json", "application/yaml"


@dataclass(frozen=True, slots=True)
class Form:
    """How to answer."""

    shape: str = ""
    """`Table`, `PartialObjectMetadata`, `PartialObjectMetadataList` or "" for the objects themselves."""
    yaml: bool = False

    @property
    def content_type(self) -> str:
        """The answer's `Content-Type`."""
        base = _YAML if self.yaml else _JSON
        return f"{base};as={self.shape};g=meta.k8s.io;v=v1" if self.shape in ("PartialObjectMetadata",) else base


PLAIN = Form()


@lru_cache(maxsize=256)
def wanted(accept: str, shapes: bool = True) -> Form:
    """The first form of an `Accept` header that can be given. Raises ApiError 406.

    `shapes`: whether this answer can be had as Table or metadata only.
    """
    if not accept.strip():
        return PLAIN
    for clause in accept.split(","):
        kind, *parameters = (part.strip() for part in clause.split(";"))
        named = dict(part.split("=", 1) for part in parameters if "=" in part)
        shape = named.get("as", "")
        if shape and (not shapes or named.get("g") != "meta.k8s.io" or named.get("v") != "v1"):
            continue
        if shape not in ("", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            continue
        if kind in (_JSON, "*/*", "application/*", "text/html", "text/plain"):
            return Form(shape)
        if kind in (_YAML, "text/yaml"):
            return Form(shape, yaml=True)
    raise refused()


def refused() -> ApiError:
    """406 for a form that cannot be given."""
    return not_acceptable(
        "only the following media types are accepted: application/json, application/yaml, application/json;stream=watch"
    )


def partial(obj: dict[str, Any]) -> dict[str, Any]:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def encoded(value: Any, form: Form, pretty: bool = False) -> bytes:
    """`value` as the answer's body."""
    if form.yaml:
        return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True).encode()
    if pretty:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"
    return orjson.dumps(value) + b"\n"
