"""What generators ask of the world around them, and the little records they get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lab.sim.argocd.pathspec import PathspecError, select
from lab.sim.objects import Object


class SourceError(Exception):
    """Something outside that did not answer; the text goes into the ApplicationSet's condition."""


class RepositoryNotFound(SourceError):
    """A repository a forge does not have: `continueOnRepoNotFoundError` passes over it."""


class ProviderError(SourceError):
    """A forge that cannot be asked at all, such as for want of a token."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """An open pull request."""

    number: int
    title: str
    branch: str
    target_branch: str
    head_sha: str
    author: str
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Repository:
    """A branch of a repository that an scmProvider found."""

    organization: str
    repository: str
    url: str
    branch: str
    sha: str
    labels: Sequence[str] = ()
    repository_id: Any = None


class Sources(Protocol):
    """The world of one ApplicationSet. Every method raises SourceError."""

    def secrets(self) -> Sequence[Object]:
        """The Secrets of Argo CD's namespace."""

    def secret(self, name: str) -> Mapping[str, str] | None:
        """The decoded data of one Secret there."""

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """The data of a ConfigMap there."""

    def has_project(self, name: str) -> bool:
        """Whether there is such an AppProject."""

    def directories(self, url: str, revision: str, project: str) -> Sequence[str]:
        """Folders of a Git revision, without the root and hidden ones; `project` is "" when it is not known yet."""

    def files(self, url: str, revision: str, project: str, pattern: str) -> Mapping[str, bytes]:
        """Files of a Git revision that a pathspec selects."""

    def pull_requests(self, generator: Object) -> Sequence[PullRequest]:
        """The open ones of the repository a pullRequest generator names."""

    def repositories(self, generator: Object) -> Sequence[Repository]:
        """What an scmProvider generator finds, its filters applied."""

    def call_plugin(self, base_url: str, token: str, timeout: int, body: Object) -> Any:
        """The JSON a plugin answers to a POST of `body`; `timeout` in seconds, 0 for the default."""

    def decisions(self, group: str, version: str, plural: str, name: str, selector: Object) -> Sequence[Object]:
        """Objects in Argo CD's namespace by name, or by label selector when `name` is ""."""


class Checkout(Protocol):
    """A read-only view of one Git revision, such as `lab.sim.git.repositories.Tree` gives."""

    def paths(self) -> Iterable[str]:
        """Every file, from the root."""

    def read(self, path: str) -> bytes:
        """Content of a file."""


def visible_directories(paths: Iterable[str], *, hidden: bool = False) -> list[str]:
    """The folders that hold the given files, in order of a walk; those whose name begins with a dot only on request.

    Source: Argo CD 3.6.1 `reposerver/repository/repository.go` `walkDirectoryTree`.
    """
    found: set[tuple[str, ...]] = set()
    for path in paths:
        parts = path.split("/")[:-1]
        for end in range(1, len(parts) + 1):
            if parts[end - 1].startswith(".") and not hidden:
                break
            found.add(tuple(parts[:end]))
    return ["/".join(one) for one in sorted(found)]


def selected_files(checkout: Checkout, pattern: str) -> dict[str, bytes]:
    """Files that a pathspec selects, as `git ls-files` does. Raises SourceError."""
    try:
        return {path: checkout.read(path) for path in select(pattern or ".", sorted(checkout.paths()))}
    except PathspecError as error:
        raise SourceError(str(error)) from None
