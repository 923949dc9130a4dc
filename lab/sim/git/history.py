"""Walks over commits: ancestors, shallow boundaries, merge bases, and which objects another side lacks."""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterable, Iterator

from dulwich.object_store import BaseObjectStore
from dulwich.objects import Commit, ObjectID, Tag, Tree

OBJECTS_LIMIT = 500_000
"""Objects of one answer; more are refused, so that memory is bounded."""


class TooMuch(ValueError):
    """A walk would visit more objects than the simulator allows."""


def parents_of(store: BaseObjectStore, commit: ObjectID) -> list[ObjectID]:
    """The commit's parents; none for an object that is no commit or is missing."""
    try:
        found = store[commit]
    except KeyError:
        return []
    return list(found.parents) if isinstance(found, Commit) else []


def peel(store: BaseObjectStore, oid: ObjectID) -> ObjectID:
    """What a tag stands for, however many tags deep; the object itself when it is no tag. Raises KeyError."""
    found = store[oid]
    for _ in range(64):
        if not isinstance(found, Tag):
            break
        found = store[found.object[1]]
    return found.id


def ancestors(
    store: BaseObjectStore,
    starts: Iterable[ObjectID],
    *,
    without: Collection[ObjectID] = frozenset(),
    ends: Collection[ObjectID] = frozenset(),
) -> dict[ObjectID, list[ObjectID]]:
    """Commits that can be reached, each with its parents, the starts among them.

    :param without: not visited, nor what is only behind them
    :param ends: visited, but their parents are not
    """
    found: dict[ObjectID, list[ObjectID]] = {}
    pending = list(starts)
    while pending:
        commit = pending.pop()
        if commit in found or commit in without:
            continue
        if len(found) >= OBJECTS_LIMIT:
            raise TooMuch("too many commits")
        found[commit] = [] if commit in ends else parents_of(store, commit)
        pending.extend(found[commit])
    return found


def is_ancestor(store: BaseObjectStore, older: ObjectID, newer: ObjectID) -> bool:
    """Whether `newer` holds everything of `older`; a commit holds itself."""
    seen: set[ObjectID] = set()
    pending = [newer]
    while pending:
        commit = pending.pop()
        if commit == older:
            return True
        if commit not in seen:
            seen.add(commit)
            pending.extend(parents_of(store, commit))
    return False


def merge_bases(store: BaseObjectStore, one: ObjectID, other: ObjectID) -> list[ObjectID]:
    """The best common ancestors: those that no other common ancestor is newer than. Newest first."""
    common = ancestors(store, [one]).keys() & ancestors(store, [other]).keys()
    behind: set[ObjectID] = set()
    for commit in common:
        behind.update(ancestors(store, parents_of(store, commit), without=behind))
    best = [commit for commit in common if commit not in behind]
    return sorted(best, key=lambda commit: (-_time(store, commit), commit))


def boundary(store: BaseObjectStore, wants: Iterable[ObjectID], depth: int) -> tuple[set[ObjectID], set[ObjectID]]:
    """Commits at exactly `depth` from the wants that have parents (a clone is cut there), and all nearer ones."""
    near: set[ObjectID] = set()
    level = {commit for commit in wants if isinstance(store[commit], Commit)}
    for _ in range(depth - 1):
        near |= level
        level = {parent for commit in level for parent in parents_of(store, commit)} - near
        if not level:
            break
    cut = {commit for commit in level if parents_of(store, commit)}
    return cut - near, near | (level - cut)


def missing_objects(
    store: BaseObjectStore,
    wants: Iterable[ObjectID],
    haves: Iterable[ObjectID],
    *,
    cut: Collection[ObjectID] = frozenset(),
    had_cut: Collection[ObjectID] = frozenset(),
    check: Callable[[], None] = lambda: None,
) -> list[ObjectID]:
    """What the other side lacks to have the wants.

    :param wants: commits, tags, trees or blobs that are in the store
    :param haves: commits the other side has with everything behind them
    :param cut: where its history will end
    :param had_cut: where its history ends so far
    :param check: called now and then; it may raise to give up
    :raises TooMuch: more than OBJECTS_LIMIT
    """
    told = [commit for commit in haves if commit in store]
    has = ancestors(store, told, ends=had_cut)
    found: dict[ObjectID, None] = {}
    commits: list[ObjectID] = []
    trees: list[ObjectID] = []
    for want in wants:
        item = store[want]
        while isinstance(item, Tag):
            found[item.id] = None
            item = store[item.object[1]]
        if isinstance(item, Commit):
            commits.append(item.id)
        elif isinstance(item, Tree):
            trees.append(item.id)
        else:
            found[item.id] = None
    new = ancestors(store, commits, without=has, ends=cut)
    edge = {parent for parents in new.values() for parent in parents if parent in has} or set(told)
    known = set(_contents(store, [tree_of(store, commit) for commit in edge], set(), check))
    found.update(dict.fromkeys(new))
    found.update(dict.fromkeys(_contents(store, [*(tree_of(store, commit) for commit in new), *trees], known, check)))
    return list(found)


def _contents(
    store: BaseObjectStore, roots: Iterable[ObjectID], known: set[ObjectID], check: Callable[[], None]
) -> Iterator[ObjectID]:
    """Trees and blobs below the roots that are not known; submodules' commits are not part of a repository."""
    seen = set(known)
    pending = [root for root in roots if root not in seen]
    while pending:
        oid = pending.pop()
        if oid in seen:
            continue
        seen.add(oid)
        yield oid
        tree = store[oid]
        check()
        if not isinstance(tree, Tree):
            continue
        for _, mode, below in tree.iteritems():
            assert mode is not None
            assert below is not None
            if below in seen or stat.S_IFMT(mode) == 0o160000:
                continue
            if stat.S_ISDIR(mode):
                pending.append(below)
            else:
                seen.add(below)
                yield below
        if len(seen) > OBJECTS_LIMIT:
            raise TooMuch("too many objects")


def tree_of(store: BaseObjectStore, commit: ObjectID) -> ObjectID:
    """Id of a commit's tree. Raises KeyError."""
    found = store[commit]
    assert isinstance(found, Commit)
    return ObjectID(found.tree)


def _time(store: BaseObjectStore, commit: ObjectID) -> int:
    found = store[commit]
    return found.commit_time if isinstance(found, Commit) else 0
