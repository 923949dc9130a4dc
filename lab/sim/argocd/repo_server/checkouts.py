"""The lab's repositories as a repository server reads them: what revisions stand for, and files of commits.

Everything here is guarded by one lock, so it may be used from the event loop and from the thread of an ApplicationSet
controller alike; a call is short unless a repository is large.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from lab.sim.argocd.repo_server.answers import Refusal, told
from lab.sim.git.accounts import BadCredentials
from lab.sim.git.forge import Refused
from lab.sim.git.repositories import Moves, NoRepository
from lab.sim.git.revisions import CannotCheckOut, UnknownRevision
from lab.sim.git.server import GitServer
from lab.sim.git.tree import GitFolder, References, Trees, Unusable
from lab.sim.render.folder import TooLarge

_RESOLVED = 4096
"""Revisions whose commit is remembered, for each state of a repository."""
_CHANGES = 1024
"""Pairs of commits whose difference is remembered."""

_MISSING = "repository not found: Repository not found"


class CannotRead(Refusal):
    """A commit that cannot be checked out."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "Internal")

    def wrapped(self) -> str:
        """As whoever needs the checkout words it."""
        return f"failed to initialize repository resources: {told(self)}"


class Commit(NamedTuple):
    """A commit of one of the lab's repositories."""

    owner: str
    name: str
    made: int
    """See `lab.sim.git.tree.References.made`."""
    sha: str


@dataclass(slots=True)
class Snapshot:
    """What a repository referred to at one moment."""

    owner: str
    name: str
    references: References
    resolved: dict[tuple[str, str], str | Refusal] = field(default_factory=dict)


class Checkouts:
    """Reads one git server's repositories."""

    def __init__(self, git: GitServer, reachable: Callable[[], bool] | None = None) -> None:
        """`reachable`: whether the server can be asked at all; it always can when nothing is given."""
        self.git = git
        self.is_reachable = reachable or (lambda: True)
        self.lock = threading.RLock()
        """Held by whoever reads files of a commit."""
        self._trees = Trees(git.repositories)
        self._snapshots: dict[tuple[str, str], Snapshot] = {}
        self._changes: OrderedDict[tuple[Commit, str], list[str]] = OrderedDict()
        self._listeners: list[Callable[[str, str], object]] = []
        git.repositories.on_push(self._pushed)

    def on_push(self, listener: Callable[[str, str], object]) -> Callable[[], None]:
        """Call `listener(owner, name)` after every push; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _pushed(self, owner: str, name: str, _: Moves) -> None:
        with self.lock:
            self._snapshots.pop((owner, name), None)
        for listener in tuple(self._listeners):
            listener(owner, name)

    # -- who may

    def check_access(self, owner: str, name: str, authorization: str) -> None:
        """Raise Refusal, as a git client words the forge's answer, unless the repository may be read."""
        forge = self.git.forge
        try:
            account = forge.accounts.who(authorization)
        except BadCredentials:
            raise _listing("authentication required: Failed to authenticate user\n") from None
        try:
            allowed = forge.may(account, owner, name, write=False)
        except Refused:
            allowed = False
        if allowed:
            return
        # A stranger is not told which repositories there are.
        raise _listing("authentication required: Unauthorized\n" if account is None else _MISSING)

    # -- revisions

    def snapshot(self, owner: str, name: str) -> Snapshot:
        """What the repository refers to now. Raises Refusal."""
        with self.lock:
            try:
                kept = self._snapshots.get((owner, name))
                if kept is not None and kept.references.made == self._trees.made(owner, name):
                    return kept
                found = Snapshot(owner, name, self._trees.references(owner, name))
            except NoRepository:
                raise _listing(_MISSING) from None
            if not found.references.names:
                raise _listing("remote repository is empty")
            self._snapshots[owner, name] = found
            return found

    def resolve(self, snapshot: Snapshot, revision: str, tag_prefix: str = "") -> Commit:
        """The commit that a revision stood for at that moment. Raises Refusal."""
        key = (revision, tag_prefix)
        found = snapshot.resolved.get(key)
        if found is None:
            if len(snapshot.resolved) >= _RESOLVED:
                snapshot.resolved.clear()
            found = snapshot.resolved[key] = self._resolved(snapshot, revision, tag_prefix)
        if isinstance(found, Refusal):
            raise type(found)(str(found))
        return Commit(snapshot.owner, snapshot.name, snapshot.references.made, found)

    def _resolved(self, snapshot: Snapshot, revision: str, tag_prefix: str) -> str | Refusal:
        with self.lock:
            try:
                return self._trees.resolve(snapshot.owner, snapshot.name, revision, tag_prefix, snapshot.references)
            except NoRepository:
                return _listing(_MISSING)
            except UnknownRevision as error:
                return Refusal(str(error.args[0]))
            except CannotCheckOut as error:
                return CannotRead(str(error.args[0]))

    # -- files

    def files(self, commit: Commit, limit: int | None = None) -> GitFolder:
        """A commit's files, to be read while the lock is held. `limit`: see `GitFolder`. Raises as `files_of` does."""
        with self.lock:
            return files_of(self._trees, commit, limit)

    def changed(self, old: Commit, new: str) -> list[str]:
        """Paths that differ between two commits of a repository, sorted. Raises KeyError when one is not there."""
        key = (old, new)
        with self.lock:
            found = self._changes.get(key)
            if found is None:
                found = self._changes[key] = self._trees.changed(old.owner, old.name, old.sha, new)
                if len(self._changes) > _CHANGES:
                    self._changes.popitem(last=False)
            return found

    def close(self) -> None:
        """Let every file go."""
        with self.lock:
            self._trees.close()


def files_of(trees: Trees, commit: Commit, limit: int | None = None) -> GitFolder:
    """The files of a commit, checked as Argo CD checks a checkout. Raises Refusal, and TooLarge only for `limit`."""
    try:
        folder = trees.at(commit.owner, commit.name, commit.sha, limit)
        folder.check()
    except TooLarge as error:
        if limit is not None:
            raise
        raise Refusal(str(error)) from None
    except Unusable as error:
        raise Refusal(str(error)) from None
    except (KeyError, NoRepository):
        raise CannotRead(str(CannotCheckOut(commit.sha).args[0])) from None
    return folder


def _listing(text: str) -> Refusal:
    return Refusal(f"failed to list refs: {text}")
