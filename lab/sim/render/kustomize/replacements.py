"""Replacements: one field's value copied into fields of other objects.

Source: kustomize `api/filters/replacement/replacement.go`, kyaml `yaml/match.go`, `yaml/fns.go`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lab.sim.render import gojson
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.kustomize.expressions import found_in
from lab.sim.render.kustomize.fields import kind_of
from lab.sim.render.kustomize.files import Root, quoted
from lab.sim.render.kustomize.kustomization import REPLACEMENT, decoded
from lab.sim.render.kustomize.patches import Transformer, configured
from lab.sim.render.kustomize.resources import Id, Resource, Resources, scalar_text
from lab.sim.render.kustomize.selection import id_matches, marks_match
from lab.sim.render.yaml_documents import KUSTOMIZE, Malformed, value

_NAME = "metadata.name"
_UNSET: Any = object()
"""A field that was made and has no value yet."""
Place = tuple[Any, Any]
"""A map or list and the key or index in it."""


def replacements(root: Root, entries: list[Mapping[str, Any]]) -> Transformer:
    """The transformer of `replacements`. Raises RenderError."""
    return configured("ReplacementTransformer", {"replacements": entries}, lambda: _loaded(root, entries))


def _loaded(root: Root, entries: list[Mapping[str, Any]]) -> Transformer:
    found: list[Mapping[str, Any]] = []
    for entry in entries:
        if not entry.get("path"):
            found.append(entry)
            continue
        if "source" in entry or entry.get("targets"):
            raise RenderError("cannot specify both path and inline replacement")
        try:
            content = value(root.load(entry["path"]))
        except Malformed as error:
            raise RenderError(f"error converting YAML to JSON: {error}") from None
        if not isinstance(content, dict | list):
            raise RenderError(f"unsupported replacement type encountered within replacement path: {kind_of(content)}")
        every = content if isinstance(content, list) else [content]
        found += [
            decoded(one, REPLACEMENT, "Replacement", "error unmarshaling JSON: while decoding JSON: ") for one in every
        ]

    def transform(resources: Resources) -> None:
        for one in found:
            _replace(resources, one)

    return transform


def _replace(resources: Resources, entry: Mapping[str, Any]) -> None:
    source, fixed = entry.get("source"), entry.get("sourceValue")
    if (source is None and fixed is None) or "targets" not in entry:
        raise RenderError("replacements must specify a source and at least one target")
    if source is not None and fixed is not None:
        raise RenderError("value and resource selectors are mutually exclusive")
    content = fixed if source is None else _source_value(resources, source)
    for target in entry["targets"]:
        if "select" not in target:
            raise RenderError("target must specify resources to select")
        for resource in resources:
            if _is_target(resource, target):
                _write(resource, content, target)


# -- the source


def _source_value(resources: Resources, source: Mapping[str, Any]) -> Any:
    options = source.get("options") or {}
    wanted = Id(*(source.get(key, "") for key in ("group", "version", "kind", "name", "namespace")))
    found = [one for one in resources if any(_is_source(known, wanted) for known in _ids(one))]
    if len(found) != 1:
        path = f":{source['fieldPath']}" if source.get("fieldPath") else ""
        if options.get("delimiter") or options.get("create"):
            create = "true" if options.get("create") else "false"
            path += f":{options.get('delimiter', '')}({options.get('index', 0)}), create={create}"
        what = "multiple matches for selector" if found else "nothing selected by"
        raise RenderError(f"{what} {wanted}{path}")
    path = source.get("fieldPath") or _NAME
    content = _looked_up(found[0].data, path)
    if content is None or content in ({}, []):
        raise RenderError(f"fieldPath `{path}` is missing for replacement source {wanted}")
    delimiter, index = options.get("delimiter", ""), options.get("index", 0)
    if not delimiter:
        return content
    if isinstance(content, dict | list):
        raise RenderError("delimiter option can only be used with scalar nodes")
    parts = scalar_text(content).split(delimiter)
    if not 0 <= index < len(parts):
        raise RenderError(f"options.index {index} is out of bounds for value {scalar_text(content)}")
    return parts[index]


def _ids(resource: Resource) -> list[Id]:
    return [resource.id()._replace(cluster=False), *resource.previous_ids()]


def _is_source(one: Id, wanted: Id) -> bool:
    return (
        one.selected(wanted.group, wanted.version, wanted.kind)
        and (not wanted.name or wanted.name == one.name)
        and (not wanted.namespace or wanted.effective == one.effective)
    )


def _looked_up(node: Any, path: str) -> Any:
    for part in _split(path):
        part = part.strip()
        if not part:
            continue
        if part == "*":
            raise RenderError("error looking up replacement source: wildcard is not supported in PathGetter")
        if part == "-" or re.fullmatch(r"[-+]?\d+", part):
            if not isinstance(node, list):
                raise _lookup_failed("SequenceNode", node)
            index = -1 if part == "-" else int(part)
            node = node[index] if -1 <= index < len(node) and node else None
        elif part.startswith("[") and part.endswith("]"):
            field, text = _condition(part)
            node = next((one for one in node if _exactly(one, field, text)), None) if isinstance(node, list) else None
        elif isinstance(node, dict):
            node = node.get(part)
        else:
            raise _lookup_failed("MappingNode", node)
        if node is None:
            return None
    return node


def _lookup_failed(wanted: str, node: Any) -> RenderError:
    return RenderError(
        f"error looking up replacement source: wrong node kind: expected {wanted} but got {kind_of(node)}"
    )


def _exactly(item: Any, field: str, text: str) -> bool:
    if not field:
        return not isinstance(item, dict | list) and scalar_text(item) == text
    return isinstance(item, dict) and field in item and scalar_text(item[field]) == text


# -- paths


def _split(path: str) -> list[str]:
    """The parts of a path, at dots that stand neither behind a backslash nor in brackets."""
    parts = [part.replace("\0", ".") for part in path.replace("\\.", "\0").removeprefix(".").split(".")]
    made: list[str] = []
    while parts:
        part = parts.pop(0)
        if part.startswith("[") and not part.endswith("]"):
            while parts:
                part += "." + parts[0]
                if parts.pop(0).endswith("]"):
                    break
            part = part if "=" in part else part.strip("[]")
        made.append(part)
    return made


def _condition(part: str) -> tuple[str, str]:
    field, separator, text = part.removeprefix("[").removesuffix("]").partition("=")
    if not separator:
        raise RenderError("list path element must contain fieldName=fieldValue for element to match")
    return field, text


def _places(holder: Any, key: Any, path: list[str], create: bool) -> list[Place]:
    """Where a path leads from `holder[key]`; with `create` missing parts are made."""
    if not path:
        return [(holder, key)]
    node = holder[key]
    if node is _UNSET:
        node = holder[key] = [] if _is_item(path[0]) else {}
    part, rest = path[0], path[1:]
    if part.isdigit():
        return _item(_sequence(node), int(part), rest, create)
    if part.startswith("[") and part.endswith("]"):
        return _items(_sequence(node), part, rest, create)
    if part == "*":
        return [place for index in range(len(_sequence(node))) for place in _places(node, index, rest, create)]
    if isinstance(node, str) and (found := _structured(node)) is not None:
        raise NotSupported(f"a replacement inside the text of a field that holds {found}")
    if node is None or not isinstance(node, dict):
        if node is None and not create:
            return []
        raise RenderError(f"wrong node kind: expected MappingNode but got {kind_of(node)}")
    if part not in node:
        if not create:
            return []
        node[part] = _UNSET
    return _places(node, part, rest, create)


def _is_item(part: str) -> bool:
    return part.isdigit() or (part.startswith("[") and part.endswith("]"))


def _structured(text: str) -> str | None:
    try:
        found = value(text, KUSTOMIZE)
    except Malformed:
        return None
    return "YAML" if isinstance(found, dict | list) else None


def _sequence(node: Any) -> list[Any]:
    if not isinstance(node, list):
        raise RenderError(f"wrong node kind: expected SequenceNode but got {kind_of(node)}")
    return node


def _item(items: list[Any], index: int, rest: list[str], create: bool) -> list[Place]:
    if index == len(items) and create:
        items.append(_UNSET)
    if index >= len(items):
        raise RenderError(f"index {index} specified but only {len(items)} elements found")
    return _places(items, index, rest, create)


def _items(items: list[Any], part: str, rest: list[str], create: bool) -> list[Place]:
    field, text = _condition(part)
    found: list[Place] = []
    for index, item in enumerate(items):
        if not field:
            if not isinstance(item, dict | list) and found_in(text, scalar_text(item)):
                found.append((items, index))
        elif isinstance(item, dict) and field in item and found_in(text, scalar_text(item[field])):
            found += _places(items, index, rest, create)
    if found or not create:
        return found
    items.append({field: text} if field else text)
    return _items(items, part, rest, create)


# -- the targets


def _is_target(resource: Resource, target: Mapping[str, Any]) -> bool:
    rejects = target.get("reject") or []
    if not marks_match(resource, target["select"]):
        return False
    for one in rejects:
        if (one.get("annotationSelector") or one.get("labelSelector")) and marks_match(resource, one):
            return False
    ids = _ids(resource)
    named = [one for one in rejects if any(one.get(key) for key in ("group", "version", "kind", "name", "namespace"))]
    if any(id_matches(known, one) for one in named for known in ids):
        return False
    return any(id_matches(known, target["select"]) for known in ids)


def _write(resource: Resource, content: Any, target: Mapping[str, Any]) -> None:
    options = target.get("options") or {}
    create = bool(options.get("create"))
    for path in target.get("fieldPaths") or [_NAME]:
        parts = _split(path)
        if _write_into_text(resource.data, parts, content, create):
            continue
        what = f"unable to find {'or create ' if create else ''}field {quoted(path)} in replacement target"
        try:
            found = _places([resource.data], 0, parts, create)
        except NotSupported:
            raise
        except RenderError as error:
            raise RenderError(f"{what}: {error}") from None
        if not found:
            raise RenderError(what)
        for holder, key in found:
            holder[key] = _written(holder[key], content, options)


def _written(old: Any, content: Any, options: Mapping[str, Any]) -> Any:
    """What stands in a place afterwards: a scalar keeps the type it had, one just made gets that of its text."""
    delimiter, index = options.get("delimiter", ""), options.get("index", 0)
    if delimiter:
        if isinstance(old, dict | list):
            raise RenderError("delimiter option can only be used with scalar nodes")
        parts = ("" if old is _UNSET else scalar_text(old)).split(delimiter)
        text = scalar_text(content)
        if index < 0:
            parts.insert(0, text)
        elif index >= len(parts):
            parts.append(text)
        else:
            parts[index] = text
        content = delimiter.join(parts)
    if isinstance(content, dict | list):
        return json.loads(json.dumps(content)) if isinstance(old, dict | list) or old is _UNSET else ""
    if isinstance(old, dict | list):
        return content
    text = scalar_text(content)
    if isinstance(old, str):
        return text
    made = (
        value(gojson.dumps(text) if text == "" else text, KUSTOMIZE) if old is not _UNSET or "\n" not in text else text
    )
    if old is _UNSET or type(made) is type(old) or (isinstance(old, float) and isinstance(made, int)):
        return made
    raise RenderError(f"yaml: cannot decode !!str `{text}` as a {_TAGS.get(type(old), '!!null')}")


_TAGS = {int: "!!int", float: "!!float", bool: "!!bool"}


def _write_into_text(data: Any, parts: list[str], content: Any, create: bool) -> bool:
    """Write into a field whose text is JSON, where the path leads into it; False where it does not."""
    node: Any = data
    for place, part in enumerate(parts[:-1]):
        if not isinstance(node, dict) or part not in node:
            return False
        holder, node = node, node[part]
        if isinstance(node, str):
            return node.lstrip()[:1] in ("{", "[") and _write_json(holder, part, parts[place + 1 :], content, create)
    return False


def _write_json(holder: Any, key: str, path: list[str], content: Any, create: bool) -> bool:
    text = holder[key]
    try:
        inside = [value(text, KUSTOMIZE)]
        found = _places(inside, 0, path, create)
    except (Malformed, RenderError):
        return False
    for below, name in found:
        below[name] = _written(below[name], content, {})
    if not found:
        return False
    pretty = "\n" in text and "  " in text
    holder[key] = (
        json.dumps(inside[0], indent=2, sort_keys=True, ensure_ascii=False) if pretty else gojson.dumps(inside[0])
    )
    return True
