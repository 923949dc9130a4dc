"""What a renderer reads: a read-only tree of files, on disk, in a commit or in memory.

Paths are relative to the root, with `/` between names; "" and "." are the root itself. They are cleaned as text first
(`a/./b/../c` is `a/c`), so a path can never name anything above the root.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

ROOT = "<path to cached source>"
"""How Argo CD's messages name the root of a repository."""
FILE_LIMIT = 64 * 1024 * 1024
"""Bytes. A larger file is refused instead of read."""


class OutOfBounds(KeyError):
    """The path, or a symbolic link on it, leaves the root."""

    def __str__(self) -> str:
        return str(self.args[0])


class TooLarge(ValueError):
    """A file or a tree is larger than the simulator reads."""


class Folder(Protocol):
    """A read-only tree of files."""

    def read(self, path: str) -> bytes:
        """The file's content; symbolic links inside the root are followed.

        Raises KeyError when there is no file (a folder is none), OutOfBounds, or TooLarge.
        """

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder, at the end of symbolic links inside the root."""

    def list(self, path: str) -> list[str]:
        """Names in a folder, sorted; those of folders, and of links to folders, end with "/". KeyError when none."""


def clean(path: str) -> str:
    """The shortest form of a path, "" for the root. Raises OutOfBounds when it leaves the root or is absolute."""
    if not path or path == ".":
        return ""
    if path.startswith("/") or "\0" in path:
        raise OutOfBounds(f"{path!r} is not a path inside the folder")
    shortest = posixpath.normpath(path)
    if shortest == ".." or shortest.startswith("../"):
        raise OutOfBounds(f"{path!r} leaves the folder")
    return "" if shortest == "." else shortest


def shown(path: str) -> str:
    """A path of a repository as Argo CD's messages show it."""
    return f"{ROOT}/{path}" if path else ROOT


def is_directory(folder: Folder, path: str) -> bool:
    """Whether `path` is a folder."""
    try:
        folder.list(path)
    except KeyError:
        return False
    return True


class DiskFolder:
    """A folder of the machine. Symbolic links that leave it are refused, as are devices and pipes."""

    def __init__(self, root: Path, *, limit: int = FILE_LIMIT) -> None:
        """`root`: an existing folder; `limit`: bytes of the largest file that is read."""
        self._root = os.path.realpath(root)
        self._limit = limit

    def read(self, path: str) -> bytes:
        """See `Folder.read`."""
        real, mode = self._find(path)
        if not stat.S_ISREG(mode):
            raise KeyError(path)
        with Path(real).open("rb") as file:
            content = file.read(self._limit + 1)
        if len(content) > self._limit:
            raise TooLarge(f"{path} is larger than {self._limit} bytes")
        return content

    def exists(self, path: str) -> bool:
        """See `Folder.exists`."""
        try:
            self._find(path)
        except KeyError:
            return False
        return True

    def list(self, path: str) -> list[str]:
        """See `Folder.list`."""
        real, mode = self._find(path)
        if not stat.S_ISDIR(mode):
            raise KeyError(path)
        names = []
        with os.scandir(real) as entries:
            for entry in entries:
                names.append(f"{entry.name}/" if self._leads_to_folder(path, entry) else entry.name)
        return sorted(names)

    def _leads_to_folder(self, path: str, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return entry.is_dir()
        try:
            return stat.S_ISDIR(self._find(posixpath.join(path, entry.name))[1])
        except KeyError:
            return False

    def _find(self, path: str) -> tuple[str, int]:
        """Real path and mode of what is at `path`."""
        wanted = clean(path)
        real = os.path.realpath(f"{self._root}{os.sep}{wanted}" if wanted else self._root)
        if real != self._root and not real.startswith(self._root.rstrip(os.sep) + os.sep):
            raise OutOfBounds(f"{path!r} leads out of the folder")
        try:
            return real, Path(real).stat().st_mode
        except OSError as error:
            raise KeyError(path) from error


class MemoryFolder:
    """A mapping of paths to contents as a folder; it has no links."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """`files`: path -> content; paths are cleaned. Raises OutOfBounds."""
        self._files = {clean(path): content for path, content in files.items()}
        self._folders: dict[str, set[str]] = {"": set()}
        for path in self._files:
            name, suffix = path, ""
            while name:
                parent, _, base = name.rpartition("/")
                self._folders.setdefault(parent, set()).add(base + suffix)
                name, suffix = parent, "/"

    def read(self, path: str) -> bytes:
        """See `Folder.read`."""
        return self._files[clean(path)]

    def exists(self, path: str) -> bool:
        """See `Folder.exists`."""
        try:
            wanted = clean(path)
        except OutOfBounds:
            return False
        return wanted in self._files or wanted in self._folders

    def list(self, path: str) -> list[str]:
        """See `Folder.list`."""
        return sorted(self._folders[clean(path)])
