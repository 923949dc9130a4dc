"""Decoding against a kind's schema: wrong types are refused, unknown fields reported and dropped.

Source of texts: apimachinery `pkg/runtime/serializer/json`, apiextensions `pkg/apiserver/schema`.
"""

from __future__ import annotations

from lab.sim.api.context import Context
from lab.sim.api.resources import Object, Resource


def decode(resource: Resource, obj: Object, context: Context) -> None:
    """Make `obj` (the caller's own copy) hold only what its kind has.

    Raises ApiError 400 for wrong types and, with `Strict`, for unknown and duplicate fields; with `Warn` those go to
    `context.warnings`. Raises 422 where a custom resource breaks its schema's types.
    """
