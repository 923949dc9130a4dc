"""A folder and the filesystem below it."""

import contextlib
import os
import stat
from pathlib import Path

from lab.doctor.machine import Folder


def folder(path: Path) -> Folder:
    """What there is to know of a folder, or of the place where it would be made."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    exists = place == path
    room = os.statvfs(place)
    private = not exists or not stat.S_IMODE(path.stat().st_mode) & 0o077
    return Folder(
        path=str(path),
        exists=exists,
        writable=place.is_dir() and os.access(place, os.W_OK | os.X_OK) and not room.f_flag & os.ST_RDONLY,
        private=private,
        free=room.f_bavail * room.f_frsize,
        kind=_filesystem(place.resolve()),
        noexec=bool(room.f_flag & getattr(os, "ST_NOEXEC", 0)),
    )


def _filesystem(path: Path) -> str:
    """Type of the filesystem a path is on (https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html)."""
    best, kind = -1, ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            before, _, after = line.partition(" - ")
            mount = Path(before.split()[4].replace("\\040", " "))
            if path.is_relative_to(mount) and len(mount.parts) >= best:
                best, kind = len(mount.parts), after.split()[0]
    return kind
