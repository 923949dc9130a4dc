"""A scenario file as plain data that rules can ask, whatever is wrong with it.

A rule about one value must work while another value is broken, so that every problem is said at once. Whatever is
reported already, or is of another type than the rule needs, reads as absent.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lab.reading.files import Kind, inside, kind_of
from lab.reading.marks import Document
from lab.reading.problems import LISTED, KeyPath, Report, did_you_mean, listed, quoted
from lab.reading.wording import value_at


class Facts:
    """One document and the folder it belongs to."""

    def __init__(self, document: Document, folder: Path, report: Report) -> None:
        self._document = document
        self._report = report
        self.folder = folder
        self.clusters = self._names(("spec", "clusters"), "name", optional=False)
        """Cluster names; None when one of them cannot be told, so that nothing can be said about references."""
        self.instances = self._names(("spec", "argocd"), "on", optional=False)
        """Clusters that run an Argo CD, or None."""
        self.repositories = self._names(("spec", "repositories"), "name")
        self.checks = self._names(("spec", "checks"), "id")

    def _names(self, path: KeyPath, key: str, optional: bool = True) -> list[str] | None:
        spec, entries = value_at(self._document.data, path[:-1]), value_at(self._document.data, path)
        if optional and isinstance(spec, dict) and path[-1] not in spec:
            return []
        if not isinstance(entries, list):
            return None
        names = [name for entry in entries if isinstance(name := value_at(entry, (key,)), str) and name]
        return names if len(names) == len(entries) else None

    def has(self, path: KeyPath) -> bool:
        """Whether the key is there with a value."""
        return value_at(self._document.data, path) is not None

    def value(self, path: KeyPath) -> Any:
        return None if self._report.has(path) else value_at(self._document.data, path)

    def text(self, path: KeyPath) -> str:
        """The text there, or an empty one."""
        value = self.value(path)
        return value if isinstance(value, str) else ""

    def mapping(self, path: KeyPath) -> dict[str, Any]:
        value = self.value(path)
        return value if isinstance(value, dict) else {}

    def entries(self, path: KeyPath) -> list[KeyPath]:
        """The path of every mapping in the list there."""
        value = self.value(path)
        return [
            (*path, n) for n, entry in enumerate(value if isinstance(value, list) else ()) if isinstance(entry, dict)
        ]

    def texts(self, path: KeyPath) -> list[tuple[KeyPath, str]]:
        """Every text in the list there, with its path."""
        value = self.value(path)
        paths = [(*path, n) for n, _ in enumerate(value if isinstance(value, list) else ())]
        return [(path, text) for path in paths if (text := self.text(path))]

    def say(self, path: KeyPath, text: str, key: bool = False) -> None:
        """Report a problem at the value of a path, or at its key."""
        self._report.add(self._document.place(path, key=key), path, text)

    def must_be_known(self, path: KeyPath, name: str, known: Sequence[str] | None, what: str) -> None:
        """Say so when a name is none of these. Nothing is said while they cannot be told."""
        if name and known is not None and name not in known:
            choice = listed(known) or "there is none"
            # Comparing thousands of wrong names with thousands of names takes long, and nobody reads the answers.
            advice = did_you_mean(name, known, 0.5) if self._report.count < LISTED else ""
            self.say(path, f"must be {what} ({choice}), found {quoted(name)}{advice}")

    def must_be_unique(self, entries: Iterable[tuple[KeyPath, str]], what: str = "unique") -> None:
        """Say so where a name is there for the second time."""
        first: dict[str, KeyPath] = {}
        for path, name in entries:
            if name in first:
                line = self._document.place(first[name])[0]
                self.say(path, f"must be {what}, found {quoted(name)} on line {line} too")
            elif name:
                first[name] = path

    def find(self, path: KeyPath, *kinds: Kind) -> Path | None:
        """The file or folder that a path of the scenario names, or None after saying what it must be."""
        text = self.text(path)
        if not text:
            return None
        target, wanted = self.folder / text, f"a {' or '.join(kinds)} of the scenario"
        found = kind_of(target)
        if not inside(target, self.folder):
            self.say(path, f"must be {wanted}, found a link that leads out of it")
        elif found == "missing":
            self.say(path, f"must be {wanted}, found nothing at {quoted(text)}")
        elif found not in kinds:
            self.say(path, f"must be {wanted}, found a {found} at {quoted(text)}")
        else:
            return target
        return None
