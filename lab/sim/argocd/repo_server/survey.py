"""What a source's folder says before anything is rendered: how it is to be rendered, and what it overrides.

One survey of a folder serves every Application that renders it.
Source: Argo CD 3.6.1 `reposerver/repository/repository.go` (GetAppSourceType, mergeSourceParameters).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lab.sim.argocd.repo_server.answers import refusal
from lab.sim.git.tree import GitFolder
from lab.sim.objects import Object
from lab.sim.render.detect import app_path, source_type
from lab.sim.render.errors import RenderError
from lab.sim.render.folder import Folder, MemoryFolder, TooLarge

_OVERRIDES = ".argocd-source"
SMALL_FILES, SMALL_BYTES = 60, 48 * 1024
"""A source of no more than this is rendered at once; anything larger is not, so that nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a folder in a commit."""

    path: str
    """From the root of the repository."""
    names: Folder
    """Its files by name; only those that override a source have content."""
    is_small: bool
    """Whether rendering it is a matter of milliseconds."""

    def source(self, source: Mapping[str, Any], instance: str) -> tuple[str, Object]:
        """How Argo CD renders a source with this folder, and the source with the folder's overrides.

        :param instance: the Application, as its own override file names it
        :raises Refusal: the source or an override cannot be read
        """
        try:
            return source_type(self.names, self.path, source, instance)
        except RenderError as error:
            raise refusal(error) from None


def survey(folder: GitFolder, path: str) -> Survey:
    """Look at the folder of a source. Raises Refusal."""
    try:
        where = app_path(folder, path)
    except RenderError as error:
        raise refusal(error) from None
    files: dict[str, bytes] = {}
    for name in folder.list(where):
        if not name.endswith("/"):
            full = posixpath.join(where, name)
            files[full] = folder.read(full) if name.startswith(_OVERRIDES) else b""
    # A folder must exist even when nothing but folders are in it.
    names = MemoryFolder(files or {posixpath.join(where, ".none"): b""})
    kustomize = any(name.lower().startswith("kustomization") for name in folder.list(where))
    return Survey(where, names, _is_small(folder, "" if kustomize else where))


def _is_small(folder: GitFolder, path: str) -> bool:
    files = size = 0
    try:
        for name in _walk(folder, path):
            files, size = files + 1, size + len(folder.read(name))
            if files > SMALL_FILES or size > SMALL_BYTES:
                return False
    except (KeyError, TooLarge):
        return False
    return True


def _walk(folder: GitFolder, path: str, depth: int = 0) -> Iterator[str]:
    for name in folder.list(path) if depth < SMALL_FILES else ():
        below = posixpath.join(path, name.removesuffix("/"))
        if name.endswith("/"):
            yield from _walk(folder, below, depth + 1)
        else:
            yield below
