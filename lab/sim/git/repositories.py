"""Bare repositories in a folder, as `FOLDER/OWNER/NAME.git`: any git program may read them there as well.

Objects are only added and never removed while a repository exists, so that readers need no lock. References move under
one lock for each repository. A `dulwich.repo.Repo` is never shared between threads: every user opens its own.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref, check_ref_format
from dulwich.repo import Repo

from lab.sim.files import make_folder

BRANCH = "main"
ZERO = "0" * 40
"""Stands for "no commit" in git's protocol."""

Moves = Mapping[str, tuple[str, str]]
"""Full reference name -> (old, new) commit; "" where the reference does not exist."""
Listener = Callable[[str, str, Moves], object]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_RESERVED = frozenset({".", "..", "-"})
_SUFFIXES = (".git", ".wiki", ".rss", ".atom", ".lock", ".json")


class InvalidName(ValueError):
    """A name no owner or repository can have."""


class NoRepository(KeyError):
    """There is no such repository."""

    def __str__(self) -> str:
        return f"there is no repository {self.args[0]}"


class RepositoryExists(ValueError):
    """A repository of that name is there already."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who made a commit."""

    name: str
    email: str

    def line(self) -> bytes:
        """As git writes it; what would break the line is left out."""
        name, email = (re.sub(r"[<>\n\0]", "", part).strip() for part in (self.name, self.email))
        return f"{name} <{email}>".encode()


@dataclass(frozen=True, slots=True)
class File:
    """One file to commit."""

    content: bytes
    mode: int = 0o100644
    """0o100755 for a program, 0o120000 for a symbolic link whose target is the content."""


class Repositories:
    """Every repository of one folder."""

    def __init__(self, folder: Path) -> None:
        """`folder`: made with mode 0700 if it is missing."""
        self.folder = folder
        make_folder(folder)
        self._locks: dict[tuple[str, str, str], threading.RLock] = {}
        self._locks_guard = threading.Lock()
        self._listeners: list[Listener] = []

    # -- which there are

    def path(self, owner: str, name: str) -> Path:
        """Where the repository is, or would be. Raises InvalidName."""
        return self.folder / _valid(owner) / f"{_valid(name)}.git"

    def exists(self, owner: str, name: str) -> bool:
        """Whether there is such a repository; False for impossible names."""
        try:
            return (self.path(owner, name) / "HEAD").is_file()
        except InvalidName:
            return False

    def names(self) -> list[tuple[str, str]]:
        """Owner and name of all, sorted."""
        found = self.folder.glob("*/*.git/HEAD")
        return sorted((path.parent.parent.name, path.parent.name.removesuffix(".git")) for path in found)

    def create(self, owner: str, name: str, branch: str = BRANCH) -> None:
        """An empty repository whose default branch is `branch`. Raises InvalidName or RepositoryExists."""
        path = self.path(owner, name)
        if not check_ref_format(Ref(b"refs/heads/" + branch.encode())):
            raise InvalidName(branch)
        with self.lock(owner, name):
            if self.exists(owner, name):
                raise RepositoryExists(f"{owner}/{name}")
            # What a crash left half made.
            shutil.rmtree(path, ignore_errors=True)
            make_folder(path.parent)
            beside = path.with_name(f".{path.name}.new")
            shutil.rmtree(beside, ignore_errors=True)
            Repo.init_bare(str(beside), mkdir=True, default_branch=branch.encode()).close()
            beside.replace(path)

    def delete(self, owner: str, name: str) -> None:
        """Remove the repository. Raises NoRepository."""
        with self.lock(owner, name):
            self._must_exist(owner, name)
            path = self.path(owner, name)
            gone = path.with_name(f".{path.name}.gone")
            shutil.rmtree(gone, ignore_errors=True)
            path.replace(gone)
            shutil.rmtree(gone, ignore_errors=True)

    # -- what is in one

    @contextmanager
    def open(self, owner: str, name: str) -> Iterator[Repo]:
        """The repository, for this thread only. Raises NoRepository or InvalidName."""
        self._must_exist(owner, name)
        repo = Repo(str(self.path(owner, name)), bare=True)
        try:
            yield repo
        finally:
            repo.close()

    def head_branch(self, owner: str, name: str) -> str:
        """Name of the default branch, whether it has commits or not."""
        self._must_exist(owner, name)
        target = (self.path(owner, name) / "HEAD").read_text(encoding="utf-8").strip()
        return target.removeprefix("ref:").strip().removeprefix("refs/heads/")

    def refs(self, owner: str, name: str) -> dict[str, str]:
        """Full reference name -> object id, sorted, `HEAD` not among them; tags are not peeled."""
        with self.open(owner, name) as repo:
            return refs_of(repo)

    def commit(
        self,
        owner: str,
        name: str,
        files: Mapping[str, bytes | File] | Path,
        *,
        message: str,
        author: Person,
        when: float,
        branch: str = BRANCH,
    ) -> str:
        """Put one commit with exactly these files on a branch, tell the listeners, and return the commit's id.

        :param files: path -> content, or a folder that is read from disk without its `.git`
        :param when: seconds since 1970, of author and committer, in UTC
        :raises InvalidName: a path that no repository can hold
        """
        given = folder_files(files) if isinstance(files, Path) else files
        full = f"refs/heads/{branch}"
        with self.lock(owner, name), self.open(owner, name) as repo:
            parent = refs_of(repo).get(full, "")
            tree, objects = _tree_of(given)
            commit = make_commit(tree, [parent] if parent else [], message, author, when)
            repo.object_store.add_objects([(one, None) for one in [*objects, commit]])
            new = commit.id.decode()
            refused = self.move(owner, name, {full: (parent, new)})[full]
            if refused:
                raise InvalidName(f"{branch}: {refused}")
        self.announce(owner, name, {full: (parent, new)})
        return new

    # -- references

    @contextmanager
    def lock(self, owner: str, name: str, what: str = "references") -> Iterator[None]:
        """Hold a part of the repository still; the same thread may take it again."""
        with self._locks_guard:
            held = self._locks.setdefault((owner, name, what), threading.RLock())
        with held:
            yield

    def move(self, owner: str, name: str, moves: Moves, *, atomic: bool = False) -> dict[str, str]:
        """Move references that still are where the mover saw them; for each, "" or why not.

        :param atomic: all or none
        """
        with self.lock(owner, name), self.open(owner, name) as repo:
            results = {ref: _obstacle(repo, ref, old, new) for ref, (old, new) in moves.items()}
            if atomic and any(results.values()):
                return {ref: why or "atomic transaction failed" for ref, why in results.items()}
            # Deletions first: they may make room for others.
            for ref, (old, new) in sorted(moves.items(), key=lambda one: bool(one[1][1])):
                if not results[ref]:
                    results[ref] = _set(repo, ref, old, new)
            return results

    def on_push(self, listener: Listener) -> None:
        """Call `listener(owner, name, moves)` whenever references have moved, in the event loop's thread."""
        self._listeners.append(listener)

    def announce(self, owner: str, name: str, moves: Moves) -> None:
        """Tell the listeners. To be called in the event loop's thread, after `move`."""
        if moves:
            for listener in tuple(self._listeners):
                listener(owner, name, moves)

    def _must_exist(self, owner: str, name: str) -> None:
        if not self.exists(owner, name):
            raise NoRepository(f"{owner}/{name}")


def refs_of(repo: Repo) -> dict[str, str]:
    """Full reference name -> object id, sorted, without `HEAD`."""
    found = repo.refs.as_dict()
    return {
        ref.decode(errors="surrogateescape"): found[ref].decode() for ref in sorted(found) if ref.startswith(b"refs/")
    }


def make_commit(tree: bytes, parents: list[str], message: str, author: Person, when: float) -> Commit:
    """A commit that is in no repository yet; author and committer are the same, in UTC."""
    commit = Commit()
    commit.tree = ObjectID(tree)
    commit.parents = [ObjectID(parent.encode()) for parent in parents]
    commit.author = commit.committer = author.line()
    commit.author_time = commit.commit_time = int(when)
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = None
    commit.message = message.encode() if message.endswith("\n") else f"{message}\n".encode()
    return commit


def folder_files(folder: Path) -> dict[str, File]:
    """Every file of a folder, with programs' bit and symbolic links as links; folders named `.git` are left out."""
    files: dict[str, File] = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            key = path.relative_to(folder).as_posix()
            if stat.S_ISLNK(mode):
                files[key] = File(os.fsencode(path.readlink()), 0o120000)
            elif stat.S_ISREG(mode):
                files[key] = File(path.read_bytes(), 0o100755 if mode & 0o100 else 0o100644)
    return files


def _tree_of(files: Mapping[str, bytes | File]) -> tuple[bytes, list[Blob | Tree]]:
    """Id of the tree that holds the files, and every object it needs."""
    root: dict[str, object] = {}
    for path, content in files.items():
        *folders, name = path.split("/")
        if any(part in ("", ".", "..") or part.lower() == ".git" or "\0" in part for part in (*folders, name)):
            raise InvalidName(f"{path!r} is no path in a repository")
        here = root
        for folder in folders:
            below = here.setdefault(folder, {})
            if not isinstance(below, dict):
                raise InvalidName(f"{path!r} lies below a file")
            here = below
        if name in here:
            raise InvalidName(f"{path!r} is a file and a folder")
        here[name] = content if isinstance(content, File) else File(content)
    made: dict[bytes, Blob | Tree] = {}
    return _write_tree(root, made), list(made.values())


def _write_tree(entries: Mapping[str, object], made: dict[bytes, Blob | Tree]) -> bytes:
    tree = Tree()
    for name, entry in entries.items():
        if isinstance(entry, File):
            blob = Blob.from_string(entry.content)
            made[blob.id] = blob
            tree.add(name.encode(errors="surrogateescape"), entry.mode, blob.id)
        elif isinstance(entry, dict):
            below = _write_tree(entry, made)
            tree.add(name.encode(errors="surrogateescape"), 0o40000, ObjectID(below))
    made[tree.id] = tree
    return tree.id


def _obstacle(repo: Repo, ref: str, old: str, new: str) -> str:
    """Why a reference cannot move, worded as git's receive-pack, or ""."""
    raw = ref.encode(errors="surrogateescape")
    if not raw.startswith(b"refs/") or not check_ref_format(Ref(raw)):
        return "funny refname"
    present = refs_of(repo)
    if present.get(ref, "") != old:
        return "failed to update ref"
    if new and ObjectID(new.encode()) not in repo.object_store:
        return "missing necessary objects"
    taken = any(other.startswith(f"{ref}/") or ref.startswith(f"{other}/") for other in present)
    return "failed to update ref" if new and taken else ""


def _set(repo: Repo, ref: str, old: str, new: str) -> str:
    name, before = Ref(ref.encode(errors="surrogateescape")), ObjectID((old or ZERO).encode())
    try:
        if new:
            done = repo.refs.set_if_equals(name, before, ObjectID(new.encode()))
        else:
            done = not old or repo.refs.remove_if_equals(name, before)
    except (OSError, KeyError, ValueError):
        return "failed to update ref"
    return "" if done else "failed to update ref"


def _valid(name: str) -> str:
    if not _NAME.fullmatch(name) or name in _RESERVED or name.lower().endswith(_SUFFIXES) or name.startswith("."):
        raise InvalidName(name)
    return name
