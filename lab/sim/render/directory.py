"""A directory of manifests, read as Argo CD's repository server does.

Source: Argo CD `reposerver/repository/repository.go` (`findManifests`, `getPotentiallyValidManifests`,
`getObjsFromYAMLOrJSON`).
"""

from __future__ import annotations

import codecs
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.sim.argocd.glob import matches
from lab.sim.objects import Object
from lab.sim.render import gojson
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import Folder, OutOfBounds, clean
from lab.sim.render.yaml_documents import Malformed, flattened, objects, settled

COMBINED_LIMIT = 10_000_000
"""Bytes of all manifests of a source together: `reposerver.max.combined.directory.manifests.size`."""
DEEPEST = 64
"""Folders inside each other."""
_MANIFEST = re.compile(r".*\.(yaml|yml|json|jsonnet)")
_SKIP = b"+argocd:skip-file-rendering"
_MARKS = (b"apiVersion:", b"kind:", b"metadata:")
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def render(
    folder: Folder, path: str, options: Mapping[str, Any] | None = None, *, limit: int = COMBINED_LIMIT
) -> list[Object]:
    """The objects of the manifests in the folder `path`, in order of their paths, those of lists one by one.

    `options`: `spec.source.directory`; `limit`: bytes of all files together, 0 for none. Raises RenderError with Argo
    CD's text, and NotSupported for jsonnet.
    """
    options = options or {}
    where = clean(path)
    found: list[Object] = []
    try:
        files = list(_manifests(folder, where, options, limit))
    except NotSupported:
        raise
    except RenderError as error:
        raise RenderError(f"failed to get potentially valid manifests: {error}") from None
    for name, content in files:
        found += _json_object(name, content) if name.endswith(".json") else _yaml_objects(name, content)
    try:
        return flattened(found)
    except Malformed as error:
        raise RenderError(str(error)) from None


def _manifests(folder: Folder, root: str, options: Mapping[str, Any], limit: int) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file that may be a manifest."""
    every = bool(options.get("disableExtensionFilter"))
    total = 0
    for path in _walk(folder, root, bool(options.get("recurse")), 0):
        name = posixpath.basename(path)
        relative = posixpath.relpath(path, root or ".")
        if not every and not _MANIFEST.fullmatch(name):
            continue
        if options.get("exclude") and matches(options["exclude"], relative):
            continue
        if options.get("include") and not matches(options["include"], relative):
            continue
        try:
            content = _decoded(folder.read(path))
        except OutOfBounds:
            raise RenderError(f'invalid manifest file "{path}": illegal filepath in symlink at "{relative}"') from None
        except KeyError:
            continue
        if _SKIP in content:
            continue
        if name.endswith(".jsonnet"):
            raise NotSupported(f"the jsonnet file {relative}")
        total += len(content)
        if limit and total > limit:
            raise RenderError("exceeded max combined manifest file size")
        yield name, content


def _walk(folder: Folder, path: str, recurse: bool, depth: int) -> Iterator[str]:
    """Paths of all files, in the order in which Go walks a folder."""
    if depth > DEEPEST:
        raise RenderError(f"more than {DEEPEST} folders inside each other at {path}")
    try:
        names = folder.list(path)
    except KeyError:
        raise RenderError(f"{path or '.'}: app path does not exist") from None
    for name in sorted(names, key=lambda one: one.removesuffix("/")):
        below = posixpath.join(path, name.removesuffix("/"))
        if not name.endswith("/"):
            yield below
        elif recurse:
            yield from _walk(folder, below, recurse, depth + 1)


def _decoded(content: bytes) -> bytes:
    """UTF-8 without a byte order mark, whatever mark the file begins with."""
    for mark, encoding in _ENCODINGS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace").encode()
    return content


def _refused(text: str) -> RenderError:
    error = RenderError(text)
    error.code = "FailedPrecondition"
    return error


def _yaml_objects(name: str, content: bytes) -> list[Object]:
    """The objects of a file; one that is no Kubernetes YAML from the start is passed over unless it looks like it."""
    found: list[Object] = []
    try:
        for one in objects(content):
            found.append(one)
    except Malformed as error:
        if found or all(mark in content for mark in _MARKS):
            raise _refused(f'Failed to unmarshal "{name}": failed to unmarshal manifest: {error}') from None
    return found


def _json_object(name: str, content: bytes) -> list[Object]:
    text = content.decode(errors="replace").lstrip()
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except RecursionError:
        raise _refused(f'Failed to unmarshal "{name}": exceeded max depth') from None
    except ValueError as error:
        raise _refused(f'Failed to unmarshal "{name}": {_go_error(text, error)}') from None
    if not isinstance(found, dict):
        kind = {list: "array", str: "string", bool: "bool"}.get(type(found), "number")
        what = f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        raise _refused(f'Failed to unmarshal "{name}": {what}')
    if not isinstance(found.get("kind"), str) or not found["kind"]:
        raise _refused(f"Failed to unmarshal \"{name}\": Object 'Kind' is missing in '{gojson.dumps(found)}'")
    if text[end:].strip():
        raise _refused(f'Found multiple objects in "{name}". Only single objects are allowed in JSON files.')
    return [settled(found)]


def _go_error(text: str, error: ValueError) -> str:
    """The message of Go's decoder, where there is one like Python's."""
    if not text:
        return "EOF"
    place = getattr(error, "pos", len(text))
    if place >= len(text.rstrip()):
        return "unexpected EOF"
    after = {"Expecting ',' delimiter": "after object key:value pair", "Expecting ':' delimiter": "after object key"}
    wanted = "looking for beginning of object key string" if "property name" in str(error) else None
    what = wanted or after.get(str(error).partition(":")[0].strip(), "looking for beginning of value")
    return f"invalid character {text[place]!r} {what}"
