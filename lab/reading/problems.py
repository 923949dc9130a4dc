"""What is wrong with a scenario's files: every problem with its address, collected and raised at once."""

import contextlib
import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

Place = tuple[int, int]
"""Line and column, both counted from 1."""
KeyPath = tuple[str | int, ...]
"""Keys and list positions from a document's root; positions are counted from 0."""

START: Place = (1, 1)
LISTED = 100
"""Problems that are printed; the rest is counted."""
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_./-]{1,60}")


@dataclass(frozen=True, order=True, kw_only=True)
class Problem:
    """One thing that must be corrected."""

    file: str
    """Path as a person would type it: relative where it is below the current folder."""
    line: int
    """Counted from 1."""
    column: int
    """Counted from 1, in characters."""
    path: str
    """Key path, e.g. `spec.checks[2].on`; empty when it is about the file."""
    text: str
    """`must be …, found …`."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        return f"{where}{self.path}: {self.text}" if self.path else where + self.text


class ScenarioProblems(LabError):
    """`scenario-invalid` with every problem found, in the order of files and lines."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        lines = [str(problem) for problem in self.problems[:LISTED]]
        if len(self.problems) > LISTED:
            lines.append(f"... and {len(self.problems) - LISTED} more")
        super().__init__("scenario-invalid", details="\n".join(lines), file=file, count=len(self.problems))


class Report:
    """Takes the problems of one file."""

    def __init__(self, file: Path, into: list[Problem]) -> None:
        self._file = display(file)
        self._into = into
        self._paths: set[KeyPath] = set()
        self._count = 0

    def add(self, place: Place, path: KeyPath, text: str) -> None:
        """Note a problem at a place; an empty path means the file as a whole."""
        self._paths.add(path)
        self._count += 1
        line, column = place
        self._into.append(Problem(file=self._file, line=line, column=column, path=dotted(path), text=printable(text)))

    @property
    def count(self) -> int:
        """How many problems this report took."""
        return self._count

    def has(self, path: KeyPath) -> bool:
        """Whether something was said about exactly this path."""
        return path in self._paths


class Problems:
    """Collects over all files of a scenario."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def report(self, file: Path) -> Report:
        return Report(file, self._found)

    def extend(self, problems: Iterable[Problem]) -> None:
        self._found.extend(problems)

    def raise_any(self, file: Path) -> None:
        """Raise ScenarioProblems, headed by this file or folder, when there is any problem."""
        if self._found:
            raise ScenarioProblems(display(file), self._found)


def display(path: Path) -> str:
    """The path as a person would type it, with whatever a terminal could stumble on escaped."""
    with contextlib.suppress(ValueError, OSError):
        path = path.relative_to(Path.cwd())
    return printable(str(path))


def printable(text: str) -> str:
    """Control characters, direction marks and lone surrogates become escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def quoted(text: str, limit: int = 60) -> str:
    """Text between double quotes on one line, cut after `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return printable(json.dumps(cut, ensure_ascii=False))


def dotted(path: KeyPath) -> str:
    """`("spec", "checks", 0, "id")` as `spec.checks[0].id`; keys that are not plain are quoted."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            parts.append(("." if parts else "") + (part if _PLAIN_KEY.fullmatch(part) else quoted(part)))
    return "".join(parts)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most like this one, or None when none is like it."""
    by_lowered = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word[:60].lower(), by_lowered, n=1, cutoff=cutoff)
    return by_lowered[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`; did you mean hub?`, or nothing."""
    found = nearest(word, known, cutoff)
    return f"; did you mean {found}?" if found else ""


def listed(words: Iterable[str], last: str = "or", limit: int = 8) -> str:
    """`a, b or c`; after `limit` words the rest is counted."""
    names = list(words)
    if len(names) > limit:
        return ", ".join(names[:limit]) + f" and {len(names) - limit} more"
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + f" {last} {names[-1]}"
