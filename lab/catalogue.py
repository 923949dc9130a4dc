"""Which scenarios there are and where, without reading them: completion and error messages need no more.

Imports nothing heavy on purpose.
"""

import contextlib
import os
from pathlib import Path

from lab.errors import LabError
from lab.reading.files import kind_of
from lab.reading.problems import nearest, printable
from lab.settings import Settings

FILE = "scenario.yaml"
_DEPTH = 4
"""Folders below the scenarios folder that are looked through."""


def names(settings: Settings) -> list[str]:
    """The ids of all scenarios, sorted: paths of their folders below the scenarios folder. Nothing is read."""
    found: list[str] = []
    for root, folders, files in os.walk(settings.scenarios_dir):
        below = Path(root).relative_to(settings.scenarios_dir)
        if FILE in files and below.parts:
            found.append(below.as_posix())
        inner = FILE not in files and len(below.parts) < _DEPTH
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if inner else []
    return sorted(found)


def locate(settings: Settings, name: str) -> Path:
    """The folder of a scenario by its id, by the last part of its id where that is unique, or by a path to a folder
    or to its scenario.yaml.

    Raises `scenario-unknown` with the nearest names and `scenario-ambiguous` with the matching ids.
    """
    known = names(settings)
    matches = [scenario for scenario in known if name in (scenario, scenario.rpartition("/")[2])]
    if name in matches:
        return settings.scenarios_dir / name
    if len(matches) > 1:
        raise LabError("scenario-ambiguous", name=name, matches=", ".join(matches), first=matches[0])
    if matches:
        return settings.scenarios_dir / matches[0]
    # A bare word is a name that was not found; only what looks like a path is taken for one.
    if name and (os.sep in name or name.startswith((".", "~"))):
        folder = _folder(name)
        if kind_of(folder / FILE) == "file":
            return folder
    raise LabError(
        "scenario-unknown", name=printable(name[:80]) or "with an empty name", nearest=_nearest(name, known, settings)
    )


def _folder(name: str) -> Path:
    path = Path(name)
    with contextlib.suppress(RuntimeError):  # `~somebody` who is not known here
        path = path.expanduser()
    return path.parent if path.name == FILE else path


def _nearest(name: str, known: list[str], settings: Settings) -> str:
    if not known:
        return f"No scenario is in {printable(str(settings.scenarios_dir))}."
    short = {scenario.rpartition("/")[2]: scenario for scenario in known}
    found = nearest(name.rstrip("/").rpartition("/")[2], short, 0.5) or nearest(name, known, 0.5)
    return f"Did you mean {found}?" if found else f"There are {len(known)} scenarios."
