"""The files of a commit as a folder for renderers and generators, without a checkout.

A commit's list of files is read once and kept by the commit's id; contents are read when they are asked for and kept by
their own id, so commits share them. One reader for the event loop's thread.

As Argo CD's repo server sees a checkout: symbolic links inside the repository are followed; a repository in which any
link leaves it is refused by `check`; LFS pointers are read as the text they are (LFS is off unless a repository asks
for it); a submodule without `.gitmodules` is an empty folder, and with it the repository is refused by `check`, for the
simulator fetches from nowhere else.
"""

from __future__ import annotations

import posixpath
import stat
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from dulwich.diff_tree import tree_changes
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.repo import Repo

from lab.sim.git.patterns import BadPattern, doublestar, pathspec
from lab.sim.git.repositories import Repositories, refs_of
from lab.sim.git.revisions import Metadata, metadata, resolve
from lab.sim.render.folder import FILE_LIMIT, OutOfBounds, TooLarge, clean

ENTRIES_LIMIT = 100_000
"""Files and folders of one commit."""
DEPTH_LIMIT = 100
CONTENTS_LIMIT = 64 * 1024 * 1024
"""Bytes of contents that are kept."""
TREES_KEPT = 256
ENTRIES_KEPT = 400_000
"""Files and folders of all commits that are kept."""
LINKS_LIMIT = 40
"""Symbolic links on one path, as Linux."""

Names = list[str]

_LINK, _SUBMODULE = 0o120000, 0o160000


class Unusable(ValueError):
    """Argo CD would not make manifests out of this repository."""


class MatchesFolder(BadPattern):
    """A pattern of files selects a folder, whose `path` it is."""

    def __init__(self, path: str) -> None:
        super().__init__(f"read {path}: is a directory")
        self.path = path


@dataclass(frozen=True, slots=True)
class References:
    """The references of a repository at one moment."""

    names: Mapping[str, str]
    """Full name -> object id, sorted."""
    head: str
    """Full name of the default branch."""
    made: int
    """What tells the repository from one of the same name that was deleted."""


class Contents:
    """Blobs by id, the last used ones kept."""

    def __init__(self, limit: int = CONTENTS_LIMIT) -> None:
        """`limit`: bytes kept in all."""
        self._kept: OrderedDict[ObjectID, bytes] = OrderedDict()
        self._size, self._limit = 0, limit

    def read(self, repo: Repo, oid: ObjectID, path: str) -> bytes:
        """Raises TooLarge or KeyError."""
        found = self._kept.get(oid)
        if found is not None:
            self._kept.move_to_end(oid)
            return found
        blob = repo.object_store[oid]
        if not isinstance(blob, Blob):
            raise KeyError(path)
        data = blob.data
        if len(data) > FILE_LIMIT:
            raise TooLarge(f"{path} is larger than {FILE_LIMIT} bytes")
        if len(data) <= self._limit // 8:
            self._kept[oid] = data
            self._size += len(data)
            while self._size > self._limit:
                self._size -= len(self._kept.popitem(last=False)[1])
        return data


class GitFolder:
    """`Folder` over one commit."""

    def __init__(self, repo: Repo, sha: str, contents: Contents, limit: int | None = None) -> None:
        """Reads the commit's trees. Raises KeyError when there is no such commit, TooLarge.

        `limit`: files and folders of a commit that is not too large; ENTRIES_LIMIT when not given.
        """
        self.sha = sha
        self._limit = ENTRIES_LIMIT if limit is None else limit
        self._repo, self._contents = repo, contents
        commit = repo.object_store[ObjectID(sha.encode())]
        if not isinstance(commit, Commit):
            raise KeyError(sha)
        self._files: dict[str, tuple[int, ObjectID]] = {}
        self._folders: dict[str, dict[str, int]] = {}
        self._ids: dict[str, ObjectID] = {}
        self._index("", commit.tree, 0)
        self._escaping: str | None = None

    def _index(self, path: str, oid: ObjectID, depth: int) -> None:
        tree = self._repo.object_store[oid]
        if not isinstance(tree, Tree) or depth > DEPTH_LIMIT:
            raise TooLarge(f"the repository has more than {DEPTH_LIMIT} folders inside each other")
        names = self._folders[path] = {}
        self._ids[path] = oid
        for raw, mode, below in tree.iteritems():
            if raw is None or mode is None or below is None:
                continue
            name = raw.decode(errors="surrogateescape")
            # What git itself refuses to check out.
            if name in ("", ".", "..") or "/" in name or name.lower() == ".git":
                raise Unusable(f"error: invalid path '{posixpath.join(path, name)}'")
            inside = f"{path}/{name}" if path else name
            names[name] = mode
            if stat.S_ISDIR(mode):
                self._index(inside, below, depth + 1)
            else:
                self._files[inside] = (mode, below)
                if mode == _SUBMODULE:
                    self._folders[inside] = {}
        if self.entries_count > self._limit:
            raise TooLarge(f"the repository has more than {self._limit} files")

    @property
    def entries_count(self) -> int:
        """Files and folders, the root among them."""
        return len(self._files) + len(self._folders)

    # -- Folder

    def read(self, path: str) -> bytes:
        """See `Folder.read`."""
        found = self._files.get(path)
        if found is None or stat.S_IFMT(found[0]) != stat.S_IFREG:
            real = self._real(path)
            found = self._files.get(real)
            if found is None or found[0] == _SUBMODULE:
                raise KeyError(path)
        return self._contents.read(self._repo, found[1], path)

    def exists(self, path: str) -> bool:
        """See `Folder.exists`."""
        try:
            real = self._real(path)
        except KeyError:
            return False
        return real in self._files or real in self._folders

    def list(self, path: str) -> list[str]:
        """See `Folder.list`."""
        real = self._real(path)
        names = self._folders.get(real)
        if names is None:
            raise KeyError(path)
        return sorted(f"{name}/" if self._is_folder(real, name, mode) else name for name, mode in names.items())

    # -- what git keeps, links as links

    def entries(self, path: str) -> dict[str, tuple[int, str]]:
        """Mode and object id of everything in a folder, by whole path. Raises KeyError."""
        found = {}
        for name, mode in self._folders[path].items():
            inside = f"{path}/{name}" if path else name
            found[inside] = (
                mode,
                self._ids[inside].decode() if stat.S_ISDIR(mode) else self._files[inside][1].decode(),
            )
        return found

    def blob(self, path: str) -> bytes:
        """The file's content, or where a link leads to. Raises KeyError."""
        return self._contents.read(self._repo, self._files[path][1], path)

    # -- the whole commit

    def paths(self) -> Names:
        """Every file and symbolic link, sorted; submodules are none."""
        return sorted(path for path, (mode, _) in self._files.items() if mode != _SUBMODULE)

    def directories(self, *, hidden: bool = False) -> Names:
        """Every folder but the root, as the git generator lists them: in the order of a walk, without links.

        :param hidden: also those whose name begins with a dot, and what is in them
        """
        found = [path.split("/") for path in self._folders if path]
        if not hidden:
            found = [parts for parts in found if not any(part.startswith(".") for part in parts)]
        return ["/".join(parts) for parts in sorted(found)]

    def matching(self, pattern: str, *, new_globbing: bool = False) -> Names:
        """Files the git generator's `files` takes for a pattern, sorted.

        :param new_globbing: doublestar instead of git's pathspec
        :raises BadPattern: the pattern is malformed
        """
        if not new_globbing:
            matches = pathspec(pattern or ".")
            return [path for path in sorted(self._files) if matches(path)]
        matches = doublestar(posixpath.normpath("/" + (pattern or ".")).lstrip("/"))
        found = [path for path in sorted({*self._files, *self._folders}) if path and matches(path)]
        inside = []
        for path in found:
            try:
                real = self._real(path)
            except OutOfBounds:
                continue
            if real in self._folders:
                raise MatchesFolder(path)
            inside.append(path)
        return inside

    def executable(self, path: str) -> bool:
        """Whether a file is a program. Raises KeyError."""
        return bool(self._files[self._real(path)][0] & 0o100)

    def check(self) -> None:
        """Raise Unusable, with Argo CD's text, where it would refuse the repository before looking for manifests."""
        if self._escaping is None:
            self._escaping = self._first_escaping()
        if self._escaping:
            raise Unusable(f"repository contains out-of-bounds symlinks. file: {self._escaping}")
        if ".gitmodules" in self._files and any(mode == _SUBMODULE for mode, _ in self._files.values()):
            raise Unusable("git submodules are not supported by the simulator; use --provider kind")

    # -- inside

    def _first_escaping(self) -> str:
        links = [path.split("/") for path, (mode, _) in self._files.items() if mode == _LINK]
        for parts in sorted(links):
            target = self._target("/".join(parts))
            here = parts[:-1]
            for part in [""] if target.startswith("/") else target.split("/"):
                if target.startswith("/") or (part == ".." and not here):
                    return "/".join(parts)
                if part == "..":
                    here = here[:-1]
                elif part not in ("", "."):
                    here = [*here, part]
        return ""

    def _target(self, link: str) -> str:
        return self.blob(link).decode(errors="surrogateescape")

    def _is_folder(self, folder: str, name: str, mode: int) -> bool:
        if mode != _LINK:
            return stat.S_ISDIR(mode) or mode == _SUBMODULE
        try:
            return self._real(f"{folder}/{name}" if folder else name) in self._folders
        except KeyError:
            return False

    def _real(self, path: str) -> str:
        """The path with every symbolic link on it followed. Raises KeyError or OutOfBounds."""
        wanted = clean(path)
        if wanted in self._folders:
            return wanted
        found = self._files.get(wanted)
        if found is not None and found[0] != _LINK:
            return wanted
        here: list[str] = []
        todo = wanted.split("/")[::-1]
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not here:
                    raise OutOfBounds(f"{path!r} leads out of the repository")
                here.pop()
                continue
            here.append(part)
            entry = self._files.get("/".join(here))
            if entry is None or entry[0] != _LINK:
                continue
            links += 1
            target = self._target("/".join(here))
            if links > LINKS_LIMIT:
                raise KeyError(path)
            if target.startswith("/"):
                raise OutOfBounds(f"{path!r} leads out of the repository")
            here.pop()
            todo.extend(target.split("/")[::-1])
        return "/".join(here)


class Trees:
    """Commits of every repository as folders."""

    def __init__(self, repositories: Repositories, kept: int = TREES_KEPT) -> None:
        """`kept`: commits whose list of files is remembered."""
        self._repositories = repositories
        self._contents = Contents()
        self._kept: OrderedDict[tuple[str, str, int, str], GitFolder] = OrderedDict()
        self._limit = kept
        self._entries = 0
        self._repos: dict[tuple[str, str], tuple[int, Repo]] = {}

    def references(self, owner: str, name: str) -> References:
        """What the repository refers to now. Raises NoRepository."""
        repo, made = self._repo(owner, name)
        return References(refs_of(repo), f"refs/heads/{self._repositories.head_branch(owner, name)}", made)

    def made(self, owner: str, name: str) -> int:
        """See `References.made`. Raises NoRepository."""
        return self._repo(owner, name)[1]

    def resolve(
        self, owner: str, name: str, revision: str, tag_prefix: str = "", known: References | None = None
    ) -> str:
        """See `revisions.resolve`. Raises NoRepository as well. `known`: from an earlier moment."""
        known = known or self.references(owner, name)
        return resolve(self._repo(owner, name)[0], known.names, known.head, revision, tag_prefix)

    def at(self, owner: str, name: str, sha: str, limit: int | None = None) -> GitFolder:
        """The files of a commit. Raises NoRepository, KeyError when there is no such commit, TooLarge, Unusable.

        `limit`: see `GitFolder`, for a commit that is not kept yet.
        """
        repo, made = self._repo(owner, name)
        key = (owner, name, made, sha)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = GitFolder(repo, sha, self._contents, limit)
            self._entries += found.entries_count
            while len(self._kept) > self._limit or (self._entries > ENTRIES_KEPT and len(self._kept) > 1):
                self._entries -= self._kept.popitem(last=False)[1].entries_count
        else:
            self._kept.move_to_end(key)
        return found

    def changed(self, owner: str, name: str, old: str, new: str) -> Names:
        """Paths that differ between two commits, sorted. Raises NoRepository, KeyError when there is no such commit."""
        repo, _ = self._repo(owner, name)
        trees = []
        for sha in (old, new):
            commit = repo.object_store[ObjectID(sha.encode())]
            if not isinstance(commit, Commit):
                raise KeyError(sha)
            trees.append(commit.tree)
        found: set[bytes] = set()
        for change in tree_changes(repo.object_store, *trees):
            found.update(one.path for one in (change.old, change.new) if one is not None and one.path is not None)
        return sorted(path.decode(errors="surrogateescape") for path in found)

    def metadata(self, owner: str, name: str, sha: str) -> Metadata:
        """See `revisions.metadata`."""
        return metadata(self._repo(owner, name)[0], sha)

    def close(self) -> None:
        """Let every file go."""
        for _, repo in self._repos.values():
            repo.close()
        self._repos.clear()
        self._kept.clear()
        self._entries = 0

    def _repo(self, owner: str, name: str) -> tuple[Repo, int]:
        """The repository, opened once, and what tells it from one that was deleted and made again."""
        if not self._repositories.exists(owner, name):
            gone = self._repos.pop((owner, name), None)
            if gone:
                gone[1].close()
            # Raises NoRepository.
            self._repositories.head_branch(owner, name)
        made = (self._repositories.path(owner, name) / "config").stat().st_ino
        kept = self._repos.get((owner, name))
        if kept is not None and kept[0] == made:
            return kept[1], made
        if kept is not None:
            kept[1].close()
        repo = Repo(str(self._repositories.path(owner, name)), bare=True)
        self._repos[owner, name] = (made, repo)
        return repo, made
