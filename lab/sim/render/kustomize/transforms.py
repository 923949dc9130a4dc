"""Transformers that write one value into many objects: namespace, names, labels, annotations, images, replicas.

Each works on the objects in place. Source: kustomize `api/internal/builtins` and `api/filters`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from lab.sim.render import gojson
from lab.sim.render.errors import RenderError
from lab.sim.render.kustomize import field_specs
from lab.sim.render.kustomize.expressions import fits
from lab.sim.render.kustomize.field_specs import FieldSpec
from lab.sim.render.kustomize.fields import MAPPING, SCALAR, Place, kind_of, places, wrong_kind
from lab.sim.render.kustomize.resources import Id, Resource, Resources, scalar_text, shown_kind

_ANNOTATION = "internal.config.kubernetes.io/"
_ROLE_BINDINGS = ("RoleBinding", "ClusterRoleBinding")
_DIGEST = re.compile(r"@sha256:[a-zA-Z0-9_.{}-]*\Z")
_TAG = re.compile(r":[a-zA-Z0-9_.{}-]*\Z")
_UNNAMED = (("", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService"), ("", "Namespace"))
"""Groups and kinds that get no prefix and no suffix."""


def set_namespace(resources: Resources, namespace: str) -> None:
    """Move every object into a namespace. Raises RenderError when two become the same."""
    taken = Counter(one.id().key for one in resources)
    for resource in resources:
        taken[resource.id().key] -= 1
        resource.remember()
        version, kind = scalar_text(resource.data.get("apiVersion")), resource.kind
        if not resource.id().cluster:
            resource.writable_metadata()["namespace"] = namespace
        if kind in _ROLE_BINDINGS:
            _set_subjects(resource, namespace)
        for spec in field_specs.NAMESPACE:
            if spec.selects(*resource.version(), kind) and (version == "v1" or spec.path != "metadata/name"):
                for place, key in places(resource, spec, SCALAR):
                    if isinstance(place[key], dict | list):
                        raise RenderError(
                            f"namespace field specs must target scalar nodes: {wrong_kind(SCALAR, place[key])}"
                        )
                    place[key] = namespace
        now = resource.id()
        taken[now.key] += 1
        if taken[now.key] > 1:
            same = [_debug(one) for one in resources if one.id().key == now.key]
            raise RenderError(f"namespace transformation produces ID conflict: [{' '.join(same)}]")


def _debug(resource: Resource) -> str:
    """An object with what kustomize remembers of it in annotations, as its messages show one."""
    metadata = dict(resource.metadata)
    notes = {
        f"{_ANNOTATION}{name}": ",".join(one[place] for one in resource.previous)
        for place, name in enumerate(("previousNamespaces", "previousNames", "previousKinds"))
        if resource.previous
    }
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **notes}
    return gojson.dumps({**resource.data, "metadata": metadata})


def _set_subjects(resource: Resource, namespace: str) -> None:
    subjects = resource.data.get("subjects")
    for subject in subjects if isinstance(subjects, list) else ():
        if isinstance(subject, dict) and subject.get("name") == "default":
            subject["namespace"] = namespace


def add_prefix(resources: Resources, prefix: str) -> None:
    """Put `prefix` before every name."""
    for resource in _named(resources):
        resource.prefixes.append(prefix)
        resource.remember()
        metadata = resource.writable_metadata()
        metadata["name"] = prefix + scalar_text(metadata.get("name"))


def add_suffix(resources: Resources, suffix: str) -> None:
    """Put `suffix` behind every name."""
    for resource in _named(resources):
        resource.suffixes.append(suffix)
        resource.remember()
        metadata = resource.writable_metadata()
        metadata["name"] = scalar_text(metadata.get("name")) + suffix


def _named(resources: Resources) -> Iterable[Resource]:
    for resource in resources:
        original = resource.original()
        if not any(original.selected(group, "", kind) for group, kind in _UNNAMED):
            yield resource


def set_entries(resources: Resources, entries: Mapping[str, str], specs: Iterable[FieldSpec]) -> None:
    """Write labels or annotations into the maps that `specs` lead to. Raises RenderError where there is none."""
    if not entries:
        return
    for resource in resources:
        kind = (*resource.version(), resource.kind)
        for spec in specs:
            if spec.selects(*kind):
                for place, key in places(resource, spec, MAPPING):
                    if not isinstance(place[key], dict):
                        why = wrong_kind(MAPPING, place[key])
                        raise RenderError(f"considering field '{spec.path}' of object {resource.id()}: {why}")
                    place[key].update(entries)


# -- images


def set_image(resources: Resources, image: Mapping[str, str]) -> None:
    """Change name, tag or digest of an image wherever it is used. Raises RenderError for an image that is no text."""
    for resource in resources:
        if resource.kind == "CustomResourceDefinition":
            continue
        for place in _containers(resource.data):
            _change_image(place, image)
        for spec in field_specs.IMAGES:
            for place in places(resource, spec):
                _change_image(place, image)


def _containers(node: Any) -> Iterable[Place]:
    """The `image` of every item of lists called `containers` or `initContainers`, at any depth."""
    if isinstance(node, list):
        for item in node:
            yield from _containers(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, dict | list):
                yield from _containers(value)
            if key in ("containers", "initContainers") and isinstance(value, list):
                yield from ((item, "image") for item in value if isinstance(item, dict) and "image" in item)


def _change_image(place: Place, image: Mapping[str, str]) -> None:
    holder, key = place
    if isinstance(holder[key], dict | list):
        raise wrong_kind(SCALAR, holder[key])
    text = scalar_text(holder[key])
    without_digest = _DIGEST.sub("", text, count=1)
    candidates = {text, without_digest, _TAG.sub("", without_digest, count=1)}
    if not any(fits(image.get("name", ""), one) for one in candidates):
        return
    name, tag, digest = split_image(text)
    name = image.get("newName") or name
    new_tag, new_digest = image.get("newTag", ""), image.get("digest", "")
    if new_tag or new_digest:
        tag, digest = new_tag, new_digest
    elif image.get("tagSuffix"):
        tag, digest = tag + image["tagSuffix"], ""
    holder[key] = name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def split_image(text: str) -> tuple[str, str, str]:
    """Name, tag and digest of an image, "" for what it does not say."""
    slash = max(text.find("/"), 0)
    at, colon = text.find("@", slash), text.find(":", slash)
    if at >= 0 and (colon < 0 or at < colon):
        return text[:at], "", text[at + 1 :]
    if colon < 0:
        return text, "", ""
    if at >= 0:
        return text[:colon], text[colon + 1 : at], text[at + 1 :]
    return text[:colon], text[colon + 1 :], ""


# -- replicas


def set_replicas(resources: Resources, name: str, count: int) -> None:
    """Set the replicas of workloads that are or were called `name`. Raises RenderError when there is none."""
    found = False
    for spec in field_specs.REPLICAS:
        for resource in resources.by_any_id(partial(_is_called, name, spec.kind)):
            found = True
            if resource.kind == spec.kind:
                for place, key in places(resource, spec, SCALAR):
                    if kind_of(place[key]) != SCALAR:
                        raise wrong_kind(SCALAR, place[key])
                    place[key] = count
    if not found:
        kinds = " ".join(shown_kind("", "", spec.kind) for spec in field_specs.REPLICAS)
        raise RenderError(f"resource with name {name} does not match a config with the following GVK [{kinds}]")


def _is_called(name: str, kind: str, one: Id) -> bool:
    return one.name == name and one.kind == kind
