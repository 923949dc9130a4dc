"""ConfigMaps and Secrets made from files, and the hash at the end of their names.

Source: kustomize `api/kv/kv.go`, `api/internal/generators`, `api/hasher/hasher.go`, `api/resmap/reswrangler.go`.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
from collections.abc import Mapping
from typing import Any

from lab.sim.objects import Object
from lab.sim.render import gojson
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.kustomize.files import Root
from lab.sim.render.kustomize.resources import Id, Resource, Resources, texts

_LINE = 70
"""Characters of base64 in a line of a generated value."""
_HASH = 10
_LETTERS = str.maketrans("013ae", "ghkmt")


def generated(root: Root, kind: str, entry: Mapping[str, Any], shared: Mapping[str, Any] | None) -> Resource:
    """The object of an entry of `configMapGenerator` or `secretGenerator`; `shared`: the `generatorOptions`.

    Raises RenderError.
    """
    name = entry.get("name", "")
    if not name:
        raise RenderError("a configmap must have a name")
    metadata: Object = {"name": name}
    if entry.get("namespace"):
        metadata["namespace"] = entry["namespace"]
    obj: Object = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    if kind == "Secret":
        obj |= {"type": entry.get("type") or "Opaque", "data": {}}
    for key, content in _pairs(root, name, entry).items():
        if kind == "Secret":
            obj["data"][key] = _base64(content)
        else:
            _put(obj, key, content)
    options = _options(entry.get("options"), shared)
    for field in ("labels", "annotations"):
        if options[field]:
            metadata[field] = dict(options[field])
    if options["immutable"]:
        obj["immutable"] = True
    resource = Resource(obj)
    resource.hashed = not options["disableNameSuffixHash"]
    resource.behavior = entry.get("behavior", "")
    return resource


def _put(obj: Object, key: str, content: bytes) -> None:
    try:
        obj.setdefault("data", {})[key] = content.decode()
    except UnicodeDecodeError:
        obj.setdefault("binaryData", {})[key] = _base64(content)
        if not obj.get("data"):
            obj.pop("data", None)


def _base64(content: bytes) -> str:
    text = base64.b64encode(content).decode()
    if len(text) < _LINE:
        return text
    return "".join(f"{text[place : place + _LINE]}\n" for place in range(0, len(text), _LINE))


def _options(own: Mapping[str, Any] | None, shared: Mapping[str, Any] | None) -> dict[str, Any]:
    own, shared = own or {}, shared or {}
    return {
        "labels": {**(shared.get("labels") or {}), **(own.get("labels") or {})},
        "annotations": {**(shared.get("annotations") or {}), **(own.get("annotations") or {})},
        "disableNameSuffixHash": own.get("disableNameSuffixHash") or shared.get("disableNameSuffixHash"),
        "immutable": own.get("immutable") or shared.get("immutable"),
    }


# -- sources


def _pairs(root: Root, name: str, entry: Mapping[str, Any]) -> dict[str, bytes]:
    envs = [*(entry.get("envs") or ()), *([entry["env"]] if entry.get("env") else ())]
    found: list[tuple[str, bytes]] = []
    for label, sources, read in (
        ("env source files:", envs, _lines),
        ("literal sources", entry.get("literals") or [], _literal),
        ("file sources:", entry.get("files") or [], _file),
    ):
        try:
            for source in sources:
                found += read(root, source)
        except NotSupported:
            raise
        except RenderError as error:
            raise RenderError(f"loading KV pairs: {label} [{' '.join(sources)}]: {error}") from None
    made: dict[str, bytes] = {}
    for key, content in found:
        if key in made:
            raise RenderError(f"configmap {name} illegally repeats the key `{key}`")
        made[key] = content
    return dict(sorted(made.items()))


def _lines(root: Root, path: str) -> list[tuple[str, bytes]]:
    found = []
    for number, line in enumerate(root.load(path).split(b"\n")):
        line = line.removesuffix(b"\r")
        try:
            text = line.decode()
        except UnicodeDecodeError:
            shown = " ".join(map(str, line))
            raise RenderError(f"line [{shown}] has invalid utf8 bytes : {line.decode(errors='replace')}") from None
        if number == 0:
            text = text.removeprefix("\ufeff")
        text = text.lstrip()
        if text and not text.startswith("#"):
            key, _, content = text.partition("=")
            if key:
                found.append((key, content.encode()))
    return found


def _literal(_root: Root, source: str) -> list[tuple[str, bytes]]:
    key, separator, content = source.partition("=")
    if not key or not separator:
        raise RenderError(f"invalid literal source {source}, expected key=value")
    if len(content) >= 2 and content[0] == content[-1] and content[0] in "\"'":
        content = content[1:-1]
    return [(key, content.encode())]


def _file(root: Root, source: str) -> list[tuple[str, bytes]]:
    count = source.count("=")
    if count == 0:
        return [(posixpath.basename(source), root.load(source))]
    key, _, path = source.partition("=")
    if count > 1:
        raise RenderError(f"source \"{source}\" key name or file path contains '='")
    if not key:
        raise RenderError(f'missing key name for file path "{path}" in source "{source}"')
    if not path:
        raise RenderError(f'missing file path for key name "{key}" in source "{source}"')
    return [(key, root.load(path))]


# -- into the others


def absorb(resources: Resources, resource: Resource) -> None:
    """Add a generated object, or replace or merge the one there is, as its behaviour says. Raises RenderError."""
    wanted = resource.id()
    found = resources.by_any_id(lambda one: one.key == wanted.key)
    shown = _go_id(wanted)
    if not found:
        if resource.behavior in ("merge", "replace"):
            raise RenderError(f"id {shown} does not exist; cannot merge or replace")
        resources.extend([resource])
        return
    if len(found) > 1:
        every = " ".join(gojson.dumps(one.data) for one in found)
        raise RenderError(f"found multiple objects [{every}] that could accept merge of {wanted}")
    if resource.behavior not in ("merge", "replace"):
        behavior = resource.behavior if resource.behavior == "create" else "unspecified"
        raise RenderError(f"id {shown} exists; can not use behavior: '{behavior}', behavior must be merge or replace")
    old = found[0]
    _take_metadata(resource, old)
    if resource.behavior == "merge":
        resource.origin = old.origin or resource.origin
        for field in ("data", "binaryData"):
            both = {**texts(old.data.get(field)), **texts(resource.data.get(field))}
            resource.data.pop(field, None)
            if both:
                resource.data[field] = both
    resource.copy_state(old)
    resources.items[resources.items.index(old)] = resource


def _take_metadata(resource: Resource, old: Resource) -> None:
    metadata = resource.writable_metadata()
    for field in ("labels", "annotations"):
        both = {**texts(old.metadata.get(field)), **texts(metadata.get(field))}
        metadata.pop(field, None)
        if both:
            metadata[field] = both
    metadata["name"] = old.name
    if old.namespace:
        metadata["namespace"] = old.namespace
    else:
        metadata.pop("namespace", None)
    resource.hashed = resource.hashed and old.hashed


def _go_id(one: Id) -> str:
    return (
        f'resid.ResId{{Gvk:resid.Gvk{{Group:"{one.group}", Version:"{one.version}", Kind:"{one.kind}", '
        f'isClusterScoped:{"true" if one.cluster else "false"}}}, Name:"{one.name}", Namespace:"{one.namespace}"}}'
    )


# -- hashes


def add_hashes(resources: Resources) -> None:
    """Put the hash of its content behind the name of every generated object that wants one."""
    for resource in resources:
        if resource.hashed:
            resource.remember()
            resource.writable_metadata()["name"] = f"{resource.name}-{content_hash(resource.data)}"


def content_hash(obj: Object) -> str:
    """The ten letters for an object's content; its name does not count."""
    kind = obj.get("kind")
    content: Any = obj
    if kind == "ConfigMap":
        content = {"kind": kind, "name": "", "data": obj.get("data", "")}
        if isinstance(obj.get("binaryData"), dict):
            content["binaryData"] = obj["binaryData"]
    elif kind == "Secret":
        content = {"kind": kind, "type": obj.get("type", ""), "name": "", "data": obj.get("data", "")}
        if isinstance(obj.get("stringData"), dict):
            content["stringData"] = obj["stringData"]
    digest = hashlib.sha256(gojson.dumps(content).encode()).hexdigest()
    return digest[:_HASH].translate(_LETTERS)
