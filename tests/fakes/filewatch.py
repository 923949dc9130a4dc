"""Told of every file that this process opens for writing, renames or removes below a folder.

The interpreter tells of them by audit events, whichever function was called, before anything happens; an exception
keeps it from happening.
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class _Watcher:
    folder: Path
    look: Callable[[], None]
    change: Callable[[str], None]


_watched: list[_Watcher] = []
_hooked: list[bool] = []
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NAMED_FIRST = ("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod")


@contextlib.contextmanager
def watched(folder: Path, look: Callable[[], None], change: Callable[[str], None]) -> Iterator[None]:
    """Call `look` for every file below the folder that is touched, and `change` with what is about to be done to it."""
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked.append(True)
    _watched[:] = [_Watcher(folder, look, change)]
    try:
        yield
    finally:
        _watched.clear()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watched or not (event == "open" or event.startswith("os.")):
        return
    watcher = _watched[0]
    folder = -1
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int):
            return
        changes = bool(isinstance(flags, int) and flags & _WRITING)
    elif event == "os.rename":
        path, folder, changes = arguments[1], arguments[3], True
    elif event in _NAMED_FIRST:
        path, changes = arguments[0], True
        folder = arguments[-1] if event in ("os.remove", "os.rmdir") else -1
    else:
        return
    name = _name(path, folder, watcher.folder)
    if not name:
        return
    watcher.look()
    if changes and event not in ("os.chmod", "os.truncate"):
        watcher.change(f"{event.removeprefix('os.')} {name}")


def _name(path: Any, folder: int, home: Path) -> str:
    """The file below the lab's home, without what differs from run to run; empty: it is elsewhere."""
    if isinstance(path, bytes):
        path = path.decode()
    if isinstance(path, int):
        folder, path = path, ""
    text = os.path.join(f"/proc/self/fd/{folder}", path) if folder >= 0 else str(path)  # noqa: PTH118
    if folder >= 0:
        with contextlib.suppress(OSError):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)  # noqa: PTH115, PTH118
    if not text.startswith(f"{home}{os.sep}"):
        return ""
    name = text.removeprefix(f"{home}{os.sep}")
    name = re.sub(r"/\.([^/]+)\.\d+\.[0-9a-f]{8}$", r"/\1 (new)", name)
    return re.sub(r"runs/\d+-(\w+)-\d+", r"runs/\1", name)
