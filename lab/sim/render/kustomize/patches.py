"""Patches: strategic merge and JSON, for one object or for all that a target selects.

Source: kustomize `api/internal/builtins/Patch*.go`, `api/resource/resource.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from lab.sim.objects import thaw
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.kustomize import files, json_patch
from lab.sim.render.kustomize.files import Root, quoted
from lab.sim.render.kustomize.merge import merged
from lab.sim.render.kustomize.resources import Resource, Resources, texts
from lab.sim.render.kustomize.selection import selected
from lab.sim.render.kustomize.yaml_text import dump
from lab.sim.render.yaml_documents import Malformed, value

Transformer = Callable[[Resources], None]


def configured(name: str, config: Mapping[str, Any], make: Callable[[], Transformer]) -> Transformer:
    """What `make` makes; kustomize says of its failures which configuration they come from."""
    try:
        return make()
    except NotSupported:
        raise
    except RenderError as error:
        raise RenderError(f"trouble configuring builtin {name} with config: `\n{dump(config)}`: {error}") from None


def patch(root: Root, entry: Mapping[str, Any]) -> Transformer:
    """The transformer of an entry of `patches`. Raises RenderError."""
    config = {key: below for key, below in entry.items() if below}
    return configured("PatchTransformer", config, lambda: _patch(root, entry, config))


def _patch(root: Root, entry: Mapping[str, Any], config: Mapping[str, Any]) -> Transformer:
    text, path = entry.get("patch", "").strip(), entry.get("path", "")
    if not text and not path:
        raise RenderError(f"must specify one of patch and path in\n{dump(config)}")
    if text and path:
        raise RenderError(f"patch and path can't be set at the same time\n{dump(config)}")
    source = f"[patch: {quoted(text)}]" if text else f"[path: {quoted(path)}]"
    if not text:
        try:
            text = root.load(path).decode(errors="replace")
        except NotSupported:
            raise
        except RenderError as error:
            raise RenderError(f"failed to get the patch file from path({path}): {error}") from None
    merges, operations = _merges(text), _operations(text)
    if merges and operations:
        raise RenderError(f"illegally qualifies as both an SM and JSON patch: {source}")
    if merges is None and operations is None:
        raise RenderError(f"unable to parse SM or JSON patch from {source}")
    target = entry.get("target")
    if merges is None:
        assert operations is not None
        return lambda resources: _apply_operations(resources, target, operations, source)
    options = entry.get("options") or {}
    for one in merges:
        one.name_may_change = bool(options.get("allowNameChange"))
        one.kind_may_change = bool(options.get("allowKindChange"))
    return lambda resources: _apply_merges(resources, target, merges, source)


def _merges(text: str) -> list[Resource] | None:
    try:
        return files.resources(text.encode())
    except (RenderError, Malformed):
        return None


def _operations(text: str) -> list[dict[str, Any]] | None:
    """The operations of a JSON patch; JSON has to be JSON, anything else is read as YAML."""
    try:
        found = orjson.loads(text) if text.startswith("[") else value(text)
    except (orjson.JSONDecodeError, Malformed):
        return None
    return found if text and json_patch.is_patch(found) else None


def _apply_merges(resources: Resources, target: Any, merges: list[Resource], source: str) -> None:
    if target is not None:
        if len(merges) > 1:
            raise RenderError(
                "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` "
                f"field: {source}"
            )
        if merges:
            _merge_into(resources, selected(resources, target), merges[0])
        return
    for one in merges:
        wanted = one.original()
        try:
            found = resources.the_one(wanted)
        except RenderError as error:
            raise RenderError(f'no resource matches strategic merge patch "{wanted}": {error}') from None
        _merge(found, one)


def _merge_into(resources: Resources, targets: list[Resource], patch: Resource) -> None:
    """Merge into each target a patch whose labels and annotations are texts first."""
    for resource in targets:
        copy = Resource(thaw(patch.data))
        copy.name_may_change, copy.kind_may_change = patch.name_may_change, patch.kind_may_change
        metadata = copy.writable_metadata()
        for key in ("labels", "annotations"):
            if found := texts(metadata.get(key), "null"):
                metadata[key] = found
            else:
                metadata.pop(key, None)
        if not metadata.get("namespace"):
            metadata.pop("namespace", None)
        copy.data["apiVersion"] = resource.data.get("apiVersion")
        _merge(resource, copy)
    resources.items = Resources(one for one in resources if one.obj).items


def _merge(resource: Resource, patch: Resource) -> None:
    name, namespace, kind = resource.metadata.get("name"), resource.namespace, resource.kind
    if patch.name_may_change or patch.kind_may_change:
        resource.remember()
    resource.obj = merged(resource.data, thaw(patch.data))
    if not resource.obj:
        resource.obj = None
        return
    if not patch.kind_may_change:
        resource.obj["kind"] = kind
    metadata = resource.writable_metadata()
    if not patch.name_may_change:
        metadata["name"] = name
    if namespace:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)


def _apply_operations(resources: Resources, target: Any, operations: json_patch.Operations, source: str) -> None:
    if target is None:
        raise RenderError(f"must specify a target for JSON patch {source}")
    for resource in selected(resources, target):
        resource.remember()
        _operate(resource, operations)


def _operate(resource: Resource, operations: json_patch.Operations) -> None:
    found = json_patch.patched(resource.data, operations)
    if not isinstance(found, dict):
        raise RenderError("json: cannot unmarshal array into Go value of type map[string]interface {}")
    resource.obj = found


# -- the older fields


def merges(root: Root, entries: list[str]) -> Transformer:
    """The transformer of `patchesStrategicMerge`. Raises RenderError."""
    return configured("PatchStrategicMergeTransformer", {"paths": entries}, lambda: _old_merges(root, entries))


def _old_merges(root: Root, entries: list[str]) -> Transformer:
    found: list[Resource] = []
    for entry in entries:
        inline = _merges(entry)
        if inline is None:
            content = root.load(entry)
            try:
                inline = files.resources(content)
            except Malformed as error:
                raise RenderError(files.malformed(error, entry)) from None
        found += inline
    if not found:
        raise RenderError(f"patch appears to be empty; files=[{' '.join(entries)}], Patch=")

    def transform(resources: Resources) -> None:
        for one in found:
            _merge_into(resources, [resources.the_one(one.original())], one)

    return transform


def operations(root: Root, entry: Mapping[str, Any]) -> Transformer:
    """The transformer of an entry of `patchesJson6902`. Raises RenderError."""
    config = {"target": entry.get("target"), "path": entry.get("path"), "jsonOp": entry.get("patch")}
    config = {key: below for key, below in config.items() if below}
    return configured("PatchJson6902Transformer", config, lambda: _old_operations(root, entry))


def _old_operations(root: Root, entry: Mapping[str, Any]) -> Transformer:
    target, path, text = entry.get("target") or {}, entry.get("path", ""), entry.get("patch", "")
    if not target.get("name"):
        raise RenderError("must specify the target name")
    if not path and not text:
        raise RenderError("empty file path and empty jsonOp")
    if path:
        if text:
            raise RenderError("must specify a file path or jsonOp, not both")
        text = root.load(path).decode(errors="replace")
        if not text:
            raise RenderError(f"patch file '{path}' empty seems to be empty")
    found = _operations(text)
    if found is None:
        raise RenderError(f"decoding {text}: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    if not found:
        raise RenderError(f"patch appears to be empty; file={path}, JsonOp={text}")

    def transform(resources: Resources) -> None:
        for resource in selected(resources, target):
            _operate(resource, found)

    return transform
