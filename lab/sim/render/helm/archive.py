"""Charts packed as `.tgz`, read into memory with Helm's checks. Source: Helm `pkg/chart/loader/archive/archive.go`."""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
import zlib

from .errors import HelmError

LARGEST_CHART = 100 * 1024 * 1024
LARGEST_FILE = 5 * 1024 * 1024
_DRIVE = re.compile(r"[a-zA-Z]:/")


def files(data: bytes) -> dict[str, bytes]:
    """The files of an archive by their path below its one folder. Raises HelmError."""
    found: dict[str, bytes] = {}
    left = LARGEST_CHART
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|gz") as archive:
            for entry in archive:
                if entry.isdir():
                    continue
                name = _checked(entry.name)
                if entry.size > left:
                    raise HelmError(f"decompressed chart is larger than the maximum size {LARGEST_CHART}")
                if entry.size > LARGEST_FILE:
                    raise HelmError(
                        f'decompressed chart file "{entry.name}" is larger than the maximum file size {LARGEST_FILE}'
                    )
                left -= entry.size
                # A link has no content of its own; Helm reads it as an empty file.
                stream = archive.extractfile(entry) if entry.isreg() else None
                found[name] = stream.read().removeprefix(b"\xef\xbb\xbf") if stream is not None else b""
    except tarfile.ReadError as error:
        raise HelmError("gzip: invalid header" if "gzip" in str(error) else str(error)) from None
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise HelmError(str(error) or "unexpected EOF") from None
    if not found:
        raise HelmError("no files in chart archive")
    return found


def _checked(written: str) -> str:
    delimiter = "\\" if "\\" in written else "/"
    parts = written.split(delimiter)
    name = "/".join(parts[1:])
    if name.startswith("/"):
        raise HelmError("chart illegally contains absolute paths")
    name = posixpath.normpath(name) if name else "."
    if name == ".":
        raise HelmError(f'chart illegally contains content outside the base directory: "{written}"')
    if name.startswith(".."):
        raise HelmError("chart illegally references parent directory")
    if _DRIVE.match(name):
        raise HelmError("chart contains illegally named files")
    if parts[0] == "Chart.yaml":
        raise HelmError("chart yaml not in base directory")
    return name
