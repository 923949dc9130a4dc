"""Merging two commits: by whole files first, by lines where both sides changed the same text file.

As git's default strategy, without looking for renamed files, and with several merge bases the newest one is taken.
"""

from __future__ import annotations

import difflib
import stat
from collections.abc import Sequence

from dulwich.object_store import BaseObjectStore
from dulwich.objects import Blob, ObjectID, Tree

from lab.sim.git.history import merge_bases, tree_of

LINES_LIMIT = 5_000
"""Lines of a file that is merged by line; in a longer one two changes are a conflict."""

Entry = tuple[int, ObjectID] | None
"""Mode and id of one name in a tree, or None where it is not there."""


class Conflict(ValueError):
    """Both sides changed the same."""


def merged_tree(store: BaseObjectStore, ours: ObjectID, theirs: ObjectID) -> tuple[ObjectID, list[Blob | Tree]]:
    """Tree of the merge of two commits, and its objects that are not stored yet. Raises Conflict."""
    bases = merge_bases(store, ours, theirs)
    made: dict[ObjectID, Blob | Tree] = {}
    base = (0o40000, tree_of(store, bases[0])) if bases else None
    merged = _merge(store, "", base, (0o40000, tree_of(store, ours)), (0o40000, tree_of(store, theirs)), made)
    if merged is None:
        empty = Tree()
        made[empty.id] = empty
        return empty.id, list(made.values())
    return merged[1], list(made.values())


def _merge(
    store: BaseObjectStore, path: str, base: Entry, ours: Entry, theirs: Entry, made: dict[ObjectID, Blob | Tree]
) -> Entry:
    if ours == theirs or base == theirs:
        return ours
    if base == ours:
        return theirs
    if all(entry is None or stat.S_ISDIR(entry[0]) for entry in (base, ours, theirs)):
        return _merge_folders(store, path, base, ours, theirs, made)
    if ours is None or theirs is None:
        raise Conflict(f"{path}: changed on one side and removed on the other")
    if not all(stat.S_ISREG(entry[0]) for entry in (ours, theirs)) or (base and not stat.S_ISREG(base[0])):
        raise Conflict(f"{path}: changed on both sides")
    text = _merge_text(path, *(_content(store, entry) for entry in (base, ours, theirs)))
    blob = Blob.from_string(text)
    made[blob.id] = blob
    mode = theirs[0] if base is not None and base[0] == ours[0] else ours[0]
    return mode, blob.id


def _merge_folders(
    store: BaseObjectStore, path: str, base: Entry, ours: Entry, theirs: Entry, made: dict[ObjectID, Blob | Tree]
) -> Entry:
    sides = [_entries(store, entry) for entry in (base, ours, theirs)]
    tree = Tree()
    for name in sorted({name for side in sides for name in side}):
        below = f"{path}/{name.decode(errors='replace')}".lstrip("/")
        one, other, third = (side.get(name) for side in sides)
        entry = _merge(store, below, one, other, third, made)
        if entry is not None:
            tree.add(name, *entry)
    if len(tree) == 0:
        return None
    made[tree.id] = tree
    return 0o40000, tree.id


def _merge_text(path: str, base: bytes, ours: bytes, theirs: bytes) -> bytes:
    if any(b"\0" in side for side in (base, ours, theirs)):
        raise Conflict(f"{path}: a binary file changed on both sides")
    lines = [side.splitlines(keepends=True) for side in (base, ours, theirs)]
    if max(map(len, lines)) > LINES_LIMIT:
        raise Conflict(f"{path}: too long to be merged by line")
    merged = merge_lines(*lines)
    if merged is None:
        raise Conflict(f"{path}: both sides changed the same lines")
    return b"".join(merged)


def merge_lines(base: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes]) -> list[bytes] | None:
    """Both sides' changes to `base` together, or None when they touch or overlap and differ."""
    changes = sorted(
        [(start, end, 0, tuple(ours[s:e])) for start, end, s, e in _changes(base, ours)]
        + [(start, end, 1, tuple(theirs[s:e])) for start, end, s, e in _changes(base, theirs)]
    )
    merged: list[bytes] = []
    at = 0
    last: tuple[int, int, int, tuple[bytes, ...]] | None = None
    for change in changes:
        start, end, side, lines = change
        if last is not None and side != last[2] and start <= last[1]:
            if (start, end, lines) == (last[0], last[1], last[3]):
                continue
            return None
        merged.extend(base[at:start])
        merged.extend(lines)
        at, last = end, change if last is None or end >= last[1] or side != last[2] else last
    merged.extend(base[at:])
    return merged


def _changes(base: Sequence[bytes], side: Sequence[bytes]) -> list[tuple[int, int, int, int]]:
    matcher = difflib.SequenceMatcher(None, base, side, autojunk=False)
    return [(i, j, s, e) for tag, i, j, s, e in matcher.get_opcodes() if tag != "equal"]


def changed_lines(store: BaseObjectStore, old: ObjectID, new: ObjectID) -> tuple[int, int, int]:
    """Lines added, lines removed and files changed between two commits, as a pull request shows them."""
    added = removed = files = 0
    before: dict[bytes, Entry] = {}
    after: dict[bytes, Entry] = {}
    _flatten(store, tree_of(store, old), b"", before)
    _flatten(store, tree_of(store, new), b"", after)
    for path in before.keys() | after.keys():
        one, other = before.get(path), after.get(path)
        if one == other:
            continue
        files += 1
        lines = [_content(store, entry).splitlines() for entry in (one, other)]
        if max(map(len, lines)) <= LINES_LIMIT:
            for start, end, s, e in _changes(*lines):
                added, removed = added + e - s, removed + end - start
    return added, removed, files


def _flatten(store: BaseObjectStore, tree: ObjectID, prefix: bytes, found: dict[bytes, Entry]) -> None:
    for name, entry in _entries(store, (0o40000, tree)).items():
        if entry is not None and stat.S_ISDIR(entry[0]):
            _flatten(store, entry[1], prefix + name + b"/", found)
        else:
            found[prefix + name] = entry


def _entries(store: BaseObjectStore, entry: Entry) -> dict[bytes, Entry]:
    if entry is None:
        return {}
    tree = store[entry[1]]
    assert isinstance(tree, Tree)
    return {name: (mode, oid) for name, mode, oid in tree.iteritems() if mode is not None and oid is not None and name}


def _content(store: BaseObjectStore, entry: Entry) -> bytes:
    if entry is None or entry[0] == 0o160000:
        return b""
    blob = store[entry[1]]
    assert isinstance(blob, Blob)
    return blob.data
