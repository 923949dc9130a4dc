"""Which objects a `target` of a patch or of a replacement means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.sim.api import selectors
from lab.sim.api.status import ApiError
from lab.sim.render.errors import RenderError
from lab.sim.render.kustomize.expressions import fits
from lab.sim.render.kustomize.resources import Id, Resource, Resources, texts

Selector = Mapping[str, Any]


def selected(resources: Resources, selector: Selector) -> list[Resource]:
    """The objects a patch's target means: kind as it is, name and namespace as they are or were at first."""
    return [one for one in resources if one.obj and _patch_selects(one, selector)]


def _patch_selects(resource: Resource, selector: Selector) -> bool:
    now, first = resource.id(), resource.original()
    return (
        any(matches(selector.get("namespace"), one.effective) for one in (first, now))
        and any(matches(selector.get("name"), one.name) for one in (first, now))
        and _kind_matches(now, selector)
        and marks_match(resource, selector)
    )


def id_matches(one: Id, selector: Selector) -> bool:
    """Whether kind, name and namespace fit, each a regular expression for the whole."""
    return (
        _kind_matches(one, selector)
        and matches(selector.get("name"), one.name)
        and matches(selector.get("namespace"), one.namespace)
    )


def _kind_matches(one: Id, selector: Selector) -> bool:
    return (
        matches(selector.get("group"), one.group)
        and matches(selector.get("version"), one.version)
        and matches(selector.get("kind"), one.kind)
    )


def matches(pattern: str | None, text: str) -> bool:
    """Whether a regular expression fits the whole text; none fits all. Raises RenderError for a broken one."""
    return not pattern or fits(pattern, text)


def marks_match(resource: Resource, selector: Selector) -> bool:
    """Whether labels and annotations fit. Raises RenderError for a broken selector."""
    for field, marks in (("labelSelector", "labels"), ("annotationSelector", "annotations")):
        if not (text := selector.get(field)):
            continue
        try:
            matcher = selectors.labels(text)
        except ApiError as error:
            raise RenderError(str(error)) from None
        if matcher is not None and not matcher({"metadata": {"labels": texts(resource.metadata.get(marks))}}):
            return False
    return True
