"""Label and field selectors of list, watch and deletecollection.

Source: apimachinery `pkg/labels/selector.go`, `pkg/fields/selector.go`; the selectable fields of each kind stand in
the registries' `GetAttrs` functions (`pkg/registry/*/*/strategy.go`).
"""

from __future__ import annotations

from collections.abc import Callable

from lab.sim.api.resources import Object, Resource

Matcher = Callable[[Object], bool]


def labels(text: str) -> Matcher | None:
    """What a `labelSelector` selects; None for everything. Raises ApiError 400."""
    if not text:
        return None
    raise NotImplementedError


def fields(text: str, resource: Resource) -> Matcher | None:
    """What a `fieldSelector` selects; None for everything. Raises ApiError 400 for a field this kind does not offer."""
    if not text:
        return None
    raise NotImplementedError


def matches(selector: Object | None, wanted: dict[str, str]) -> bool:
    """Whether a `metav1.LabelSelector` selects these labels; None selects nothing, {} everything."""
    raise NotImplementedError
