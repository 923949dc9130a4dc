"""Files and folders as kustomize finds them from one of its roots, with its messages.

Paths in messages begin with what Argo CD shows for the folder a repository is checked out to.
"""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from typing import Any

from lab.sim.render import gojson
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import ROOT, Folder, is_directory, shown
from lab.sim.render.kustomize.resources import Resource, Resources, scalar_text, texts
from lab.sim.render.yaml_documents import Malformed, kustomize_documents

_WILD = re.compile(r"[*?\[]")
_REMOTE = re.compile(
    r"(?i)(git::|(https?|ssh|git|file|s3|gs|oci)://|(www\.)?(github|gitlab|bitbucket)\.(com|org)[/:]|[\w.-]+@[\w.-]+[:/])"
)


class DuplicateKey(RenderError):
    """A key that stands twice, which kustomize notices only when it writes."""


class Root:
    """A folder with a kustomization, and those that led to it."""

    def __init__(self, folder: Folder, path: str, referrer: Root | None = None) -> None:
        """`path`: from the root of `folder`, "" for itself."""
        self._folder = folder
        self._referrer = referrer
        self.path = path

    @property
    def shown(self) -> str:
        """The path as messages show it."""
        return shown(self.path)

    def load(self, path: str) -> bytes:
        """A file in or below this root. Raises RenderError."""
        if re.match("(?i)https?://", path):
            raise NotSupported(f"a kustomization with the remote file {path}")
        full, label = self._resolved(path)
        if full is None or not self._folder.exists(full):
            raise RenderError(self._missing(full, label))
        if is_directory(self._folder, full):
            raise RenderError(f"'{label}' must resolve to a file")
        if self.path and not full.startswith(f"{self.path}/"):
            raise RenderError(f"security; file '{label}' is not in or below '{self.shown}'")
        return self._folder.read(full)

    def below(self, path: str) -> Root:
        """The root at a path from here. Raises RenderError."""
        if not path:
            raise RenderError("new root cannot be empty")
        if _REMOTE.match(path):
            raise NotSupported(f"a kustomization with the remote base {path}")
        full = self.at(path)
        label = shown(full)
        visited: Root | None = self
        while visited is not None:
            if not full or visited.path == full or visited.path.startswith(f"{full}/"):
                raise RenderError(f"cycle detected: candidate root '{label}' contains visited root '{visited.shown}'")
            visited = visited._referrer
        return Root(self._folder, full, self)

    def at(self, path: str) -> str:
        """A folder at a path from here, seen from the repository's root. Raises RenderError as `below` does."""
        if path.startswith("/"):
            raise RenderError(f"new root '{path}' cannot be absolute")
        full, label = self._resolved(path)
        if full is None or not self._folder.exists(full):
            raise RenderError(f"must build at directory: not a valid directory: {self._missing(full, label)}")
        if not is_directory(self._folder, full):
            raise RenderError(f"must build at directory: '{label}': file is not directory")
        return full

    def matching(self, pattern: str) -> list[str]:
        """Paths from here that fit a pattern of Go's `filepath.Glob`, hidden ones left out."""
        found = [""]
        for part in pattern.split("/"):
            if part in (".", "..") or not _WILD.search(part):
                found = [posixpath.join(one, part) for one in found]
                found = [
                    one for one in found if (full := self._resolved(one)[0]) is not None and self._folder.exists(full)
                ]
                continue
            below: list[str] = []
            for one in found:
                full = self._resolved(one or ".")[0]
                names = self._folder.list(full) if full is not None and is_directory(self._folder, full) else []
                plain = [name.rstrip("/") for name in names if not name.startswith(".")]
                below += [posixpath.join(one, name) for name in plain if fnmatchcase(name, part)]
            found = below
        return sorted(found)

    def missing(self) -> str:
        """What is said of this root when it is not there."""
        return self._missing(self.path, self.shown)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        full = posixpath.join(self.path, name)
        return self._folder.exists(full) and not is_directory(self._folder, full)

    def _resolved(self, path: str) -> tuple[str | None, str]:
        """The path from the repository's root, None when it is outside, and how messages show it."""
        if path.startswith("/"):
            return None, posixpath.normpath(path)
        full = posixpath.normpath(posixpath.join(self.path, path))
        if full == ".." or full.startswith("../"):
            return None, posixpath.join(ROOT, full)
        full = "" if full == "." else full
        return full, shown(full)

    def _missing(self, full: str | None, label: str) -> str:
        """What the operating system says about a path that is not there."""
        if full is None:
            return f"evalsymlink failure on '{label}' : lstat {label}: no such file or directory"
        reached = ""
        for name in full.split("/"):
            if reached and not is_directory(self._folder, reached):
                return f"evalsymlink failure on '{label}' : not a directory"
            reached = posixpath.join(reached, name)
            if not self._folder.exists(reached):
                break
        return f"evalsymlink failure on '{label}' : lstat {shown(reached)}: no such file or directory"


def resources(content: bytes) -> list[Resource]:
    """The objects of a file, those of lists one by one. Raises RenderError, or Malformed for what is no YAML."""
    found = kustomize_documents(content)
    if len(found) == 1 and isinstance(found[0], dict) and found[0].get("kind") in ("List", "ResourceList"):
        items = found[0].get("items")
        if isinstance(items, list):
            found = items
    waiting = [one for one in found if one not in ({}, [], None)]
    made: list[Resource] = []
    for one in waiting:
        _check(one)
    while waiting:
        one = waiting.pop(0)
        kind = scalar_text(one["kind"])
        if not kind.endswith("List") or "items" not in one:
            made.append(Resource(one))
            continue
        items = one["items"]
        if items is None:
            continue
        if not isinstance(items, list):
            raise RenderError(f"expected array in {kind}/items, but found {_go_type(items)}")
        items = [below for below in items if below not in ({}, [], None)]
        for below in items:
            _check(below)
        waiting.extend(items)
    return made


def _go_type(value: Any) -> str:
    return {dict: "map[string]interface {}", str: "string", bool: "bool", int: "int"}.get(type(value), "float64")


def _check(found: Any) -> None:
    if not isinstance(found, dict) or not any(found.get(key) for key in ("apiVersion", "kind", "metadata")):
        raise RenderError("missing Resource metadata")
    metadata = found.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    version, kind = scalar_text(found.get("apiVersion")), scalar_text(found.get("kind"))
    name, namespace = scalar_text(metadata.get("name")), scalar_text(metadata.get("namespace"))
    labels, annotations = (_go_map(texts(metadata.get(key))) for key in ("labels", "annotations"))
    shown = f"{{{{{version} {kind}}} {{{{{name} {namespace}}} {labels} {annotations}}}}}"
    if not kind:
        raise RenderError(f"missing kind in object {shown}")
    if not name and not kind.endswith("List"):
        raise RenderError(f"missing metadata.name in object {shown}")


def _go_map(values: dict[str, str]) -> str:
    return "map[" + " ".join(f"{key}:{values[key]}" for key in sorted(values)) + "]"


def from_file(root: Root, path: str) -> Resources:
    """The objects of a file named in `resources`. Raises RenderError with kustomize's text."""
    content = root.load(path)
    try:
        return Resources(resources(content))
    except Malformed as error:
        if "already defined at line" in str(error):
            # It finds them in what it has written out, which does not begin with empty lines.
            error = _without_first_lines(content) or error
            raise DuplicateKey(f"map[string]interface {{}}(nil): {error}") from None
        raise RenderError(malformed(error, path)) from None


def _without_first_lines(content: bytes) -> Malformed | None:
    try:
        kustomize_documents(content.lstrip(b"\n"))
    except Malformed as error:
        return error
    return None


def malformed(error: Malformed, path: str = "") -> str:
    """What kustomize says about text that is no YAML."""
    text = str(error)
    if text.startswith("invalid document separator"):
        return text
    return f"MalformedYAMLError: {text}" + (f" in File: {path}" if path else "")


def quoted(text: str) -> str:
    """A text in Go's `%q`."""
    return gojson.dumps(text).replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")
