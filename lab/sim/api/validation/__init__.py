"""What an object must be like beyond its types: names, required fields, quantities, immutable fields …

Source: Kubernetes `pkg/apis/*/validation/validation.go`, for custom resources their structural schema and CEL rules.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import Cause


def on_create(resource: Resource, obj: Object) -> list[Cause]:
    """Everything wrong with a new, defaulted object."""
    return []


def on_update(resource: Resource, new: Object, old: Object, subresource: str = "") -> list[Cause]:
    """Everything wrong with `new` in place of `old`; `subresource` is the one written through, or ""."""
    return []
