"""A small scenario folder for tests to break."""

import shutil
from collections.abc import Mapping
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"
SMALL = GOLDEN / "small"


def small(parent: Path, edits: Mapping[str, str] | None = None, name: str = "small") -> Path:
    """A copy of the small scenario below `parent`; each text of `edits` must be in its scenario.yaml exactly once."""
    folder = parent / name
    shutil.copytree(SMALL, folder)
    file = folder / "scenario.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in (edits or {}).items():
        if text.count(old) != 1:
            raise ValueError(f"{old!r} is in the small scenario {text.count(old)} times")
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return folder
