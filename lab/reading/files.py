"""The files of a scenario folder: found and read within limits, and never outside the folder."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from lab.reading.problems import START, Problems, Report

FILE_LIMIT = 1 << 20
"""Bytes of one file of the lab's own format or one manifest."""
FOLDER_LIMIT = 64 << 20
"""Bytes of everything that is pushed or applied."""
FOLDER_FILES = 5_000
_NOT_CONTENT = frozenset({".git", ".DS_Store"})

Kind = Literal["file", "folder", "device", "missing"]
"""`device`: anything that is neither a file nor a folder, such as a named pipe."""


def kind_of(path: Path) -> Kind:
    """What stands at a path, links followed. Never raises: a path that cannot exist is missing."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return "missing"
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "device"


def executable(path: Path) -> bool:
    """Whether anybody may execute the file."""
    try:
        return bool(path.stat().st_mode & 0o111)
    except (OSError, ValueError):
        return False


def inside(path: Path, folder: Path) -> bool:
    """Whether the path, links followed, lies in the folder."""
    try:
        return resolved(path).is_relative_to(resolved(folder))
    except ValueError:  # a null byte
        return False


def resolved(path: Path) -> Path:
    """The absolute path with links followed. Unlike `Path.resolve` it takes links that lead to themselves."""
    return Path(os.path.realpath(path))


def listing(folder: Path) -> list[Path]:
    """What is directly in a folder, sorted by name; nothing when it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, sorted by path; links are given and not followed. `.git` is left out."""
    found: list[Path] = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_CONTENT]
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        found += [Path(root) / name for name in (*files, *links) if name not in _NOT_CONTENT]
    yield from sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def read_bytes(path: Path, report: Report, limit: int = FILE_LIMIT) -> bytes | None:
    """The content of a regular file of at most `limit` bytes, or None after saying why not."""
    try:
        # Without O_NONBLOCK, opening a named pipe waits for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                report.add(START, (), "must be a regular file")
                return None
            data = _read(descriptor, limit + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        report.add(START, (), "must exist")
        return None
    except (OSError, ValueError) as error:
        report.add(START, (), f"must be readable, found: {getattr(error, 'strerror', None) or error}")
        return None
    if len(data) > limit:
        report.add(START, (), f"must be at most {limit >> 20} MiB")
        return None
    return data


def _read(descriptor: int, limit: int) -> bytes:
    parts: list[bytes] = []
    while limit > 0 and (part := os.read(descriptor, min(limit, FILE_LIMIT))):
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


def digest(folder: Path, files: Iterable[Path], problems: Problems) -> str:
    """SHA-256 over paths below the folder and contents, whatever the order, modes and times of the files.

    A file that cannot be read goes to `problems`.
    """
    total = hashlib.sha256()
    for path in sorted(set(files), key=lambda path: path.relative_to(folder).as_posix()):
        if path.is_symlink():
            content = b"link " + os.fsencode(path.readlink())
        else:
            content = b"file " + (read_bytes(path, problems.report(path), FOLDER_LIMIT) or b"")
        name = os.fsencode(path.relative_to(folder).as_posix())
        total.update(b"%d %b %b" % (len(name), name, hashlib.sha256(content).digest()))
    return total.hexdigest()
