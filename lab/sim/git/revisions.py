"""From what a target revision says to a commit, and what is told of a commit, by Argo CD's rules.

Source: argo-cd `util/git/client.go` (`lsRemote`, `RevisionMetadata`) and `reposerver/repository/repository.go`
(`checkoutRevision`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from dulwich.object_store import BaseObjectStore
from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo

from lab.sim.git.history import peel
from lab.sim.git.repositories import refs_of
from lab.sim.git.semver import InvalidVersion, highest

_FULL = re.compile(r"[0-9A-Fa-f]{40}")
_TRUNCATED = re.compile(r"[0-9A-Fa-f]{7,}")
_SHORTENED = ("refs/heads/", "refs/tags/", "refs/remotes/", "refs/")


class UnknownRevision(LookupError):
    """No branch, tag, version or commit has that name."""

    def __init__(self, revision: str) -> None:
        """Worded as Argo CD's `ErrRevisionNotFound`."""
        super().__init__(f"unable to resolve '{revision}' to a commit SHA: revision not found")


class CannotCheckOut(LookupError):
    """The revision looks like a commit but the repository has none, or several, of that name."""

    def __init__(self, revision: str) -> None:
        """Worded as the repo server's error after git's."""
        git = (
            f"`git fetch origin {revision} --tags --force --prune` failed exit status 128: "
            f"fatal: couldn't find remote ref {revision}"
            if not _FULL.fullmatch(revision)
            else f"`git fetch origin {revision} --tags --force --prune` failed exit status 128: "
            f"fatal: remote error: upload-pack: not our ref {revision}"
        )
        super().__init__(f"Failed to checkout revision {revision}: {git}")


@dataclass(frozen=True, slots=True)
class Metadata:
    """Argo CD's RevisionMetadata."""

    author: str
    """`Name <email>`."""
    date: float
    """When the author wrote it, in seconds since 1970."""
    message: str
    """Without spaces at its ends."""
    tags: tuple[str, ...]
    """Tags at this very commit, sorted."""


def resolve(repo: Repo, refs: Mapping[str, str], head: str, revision: str, tag_prefix: str = "") -> str:
    """Id of the commit that a target revision stands for now.

    In this order: 40 digits; a version constraint's highest tag; a reference by full or short name (where a branch and
    a tag share a name, the branch); `HEAD`, also for ""; at least seven digits that begin one commit's id.

    :param refs: full name -> object id
    :param head: full name of the default branch
    :raises UnknownRevision: nothing has that name
    :raises CannotCheckOut: it looks like a commit's id and is none here
    """
    wanted = revision or "HEAD"
    if _FULL.fullmatch(wanted):
        return commit_of(repo.object_store, wanted.lower(), revision)
    tags = [ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")]
    with contextlib.suppress(InvalidVersion):
        wanted = highest(wanted, tags, tag_prefix)
    if wanted == "HEAD" and head in refs:
        return commit_of(repo.object_store, refs[head], revision)
    for ref, oid in sorted(refs.items()):
        if ref == wanted or _short(ref) == wanted:
            return commit_of(repo.object_store, oid, revision)
    if _TRUNCATED.fullmatch(wanted):
        return _by_prefix(repo, wanted.lower(), revision)
    raise UnknownRevision(wanted)


def commit_of(store: BaseObjectStore, oid: str, revision: str) -> str:
    """Id of the commit an object stands for. Raises CannotCheckOut."""
    try:
        found = store[peel(store, ObjectID(oid.encode()))]
    except KeyError:
        raise CannotCheckOut(revision) from None
    if not isinstance(found, Commit):
        raise CannotCheckOut(revision)
    return found.id.decode()


def metadata(repo: Repo, sha: str) -> Metadata:
    """What is told of a commit. Raises KeyError."""
    store = repo.object_store
    commit = store[ObjectID(sha.encode())]
    if not isinstance(commit, Commit):
        raise KeyError(sha)
    tags = []
    for ref, oid in refs_of(repo).items():
        if ref.startswith("refs/tags/") and _points_at(store, ObjectID(oid.encode()), commit.id):
            tags.append(ref.removeprefix("refs/tags/"))
    encoding = (commit.encoding or b"utf-8").decode("ascii", "replace")
    return Metadata(
        author=_text(commit.author, encoding),
        date=float(commit.author_time),
        message=_text(commit.message, encoding).strip(),
        tags=tuple(sorted(tags)),
    )


def _points_at(store: BaseObjectStore, tag: ObjectID, commit: ObjectID) -> bool:
    try:
        return peel(store, tag) == commit
    except KeyError:
        return False


def _text(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _short(ref: str) -> str:
    """go-git's `ReferenceName.Short`: what is left behind the longest known prefix."""
    for prefix in _SHORTENED:
        if ref.startswith(prefix) and len(ref) > len(prefix):
            return ref[len(prefix) :]
    return ref


def _by_prefix(repo: Repo, prefix: str, revision: str) -> str:
    if len(prefix) > 40:
        raise CannotCheckOut(revision)
    found = set()
    for oid in repo.object_store.iter_prefix(prefix.encode()):
        if isinstance(repo.object_store[oid], Commit):
            found.add(oid.decode())
        if len(found) > 1:
            break
    if len(found) != 1:
        raise CannotCheckOut(revision)
    return str(found.pop())
