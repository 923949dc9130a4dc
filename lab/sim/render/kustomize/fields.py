"""Finding the places in an object that a field specification means, making them where it says so."""

from __future__ import annotations

from typing import Any

from lab.sim.objects import Object
from lab.sim.render.errors import RenderError
from lab.sim.render.kustomize.field_specs import FieldSpec, split
from lab.sim.render.kustomize.resources import Resource
from lab.sim.render.kustomize.yaml_text import dump

MAPPING, SCALAR = "MappingNode", "ScalarNode"
Place = tuple[Object, str]
"""A map and a key that it has."""


def places(resource: Resource, spec: FieldSpec, create: str = "") -> list[Place]:
    """Where `spec` leads to in an object.

    `create`: `MAPPING` or `SCALAR`, of what is made when it is missing and the specification allows that; "" makes
    nothing. Raises RenderError when something on the way is neither map nor list.
    """
    found: list[Place] = []
    try:
        _walk(resource.data, split(spec.path), 0, create if spec.create else "", found)
    except _NoContainer as error:
        raise RenderError(f"considering field '{spec.path}' of object {resource.id()}: {error}") from None
    return found


class _NoContainer(Exception):
    pass


def _walk(node: Any, path: tuple[tuple[str, bool], ...], start: int, create: str, found: list[Place]) -> None:
    last = len(path) - 1
    for place in range(start, last + 1):
        if isinstance(node, list):
            _walk_items(node, path, place, create, found)
            return
        if node is None:
            return
        if not isinstance(node, dict):
            raise _NoContainer("expected sequence or mapping node")
        name, is_list = path[place]
        below = node.get(name)
        if below is None:
            if create and not is_list:
                below = node[name] = "" if place == last and create == SCALAR else {}
            elif name not in node:
                return
            elif is_list:
                below = node[name] = []
        if place == last:
            found.append((node, name))
        node = below


def _walk_items(
    items: list[Any], path: tuple[tuple[str, bool], ...], place: int, create: str, found: list[Place]
) -> None:
    for item in items:
        try:
            _walk(item, path, place, create, found)
        except _NoContainer as error:
            shown = " ".join(name + "[]" * is_list for name, is_list in path[place:])
            raise _NoContainer(f"visit traversal on path: [{shown}]: {error}") from None


def wrong_kind(wanted: str, value: Any) -> RenderError:
    """kyaml's message for a value of the wrong shape."""
    return RenderError(f"wrong node kind: expected {wanted} but got {kind_of(value)}: node contents:\n{dump(value)}")


def kind_of(value: Any) -> str:
    """The kind of node a value is in YAML."""
    return MAPPING if isinstance(value, dict) else "SequenceNode" if isinstance(value, list) else SCALAR
