"""The repositories and credentials that an Argo CD keeps in Secrets.

Source: Argo CD 3.6.1 `util/db/repository_secrets.go`, `util/db/repository.go`, `pkg/apis/application/v1alpha1/
repository_types.go` (GetGitCreds).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lab.sim.argocd import git_url
from lab.sim.argocd.clusters import SECRET_TYPE_LABEL, secret_data
from lab.sim.objects import Object

_REPOSITORY, _TEMPLATE = "repository", "repo-creds"
_COPIED = ("username", "password", "bearer", "ssh_key")
_REMEMBERED = 10_000
"""URLs whose Secret is remembered."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as Argo CD sees it."""

    url: str
    """As its Secret writes it, else as the Application does: `$ARGOCD_APP_SOURCE_REPO_URL`."""
    username: str = ""
    password: str = ""
    bearer: str = ""
    ssh_key: str = ""
    project: str = ""
    kind: str = ""
    """`git`, `helm` or `oci`; "" when nothing is said."""

    @property
    def has_credentials(self) -> bool:
        """Whether it needs none of a template."""
        return bool(self.username or self.password or self.bearer or self.ssh_key)

    @property
    def authorization(self) -> str:
        """The `Authorization` header that git sends, "" for none."""
        if self.bearer:
            return f"Bearer {self.bearer}"
        if not self.password:
            return ""
        return basic(self.username or "x-access-token", self.password)


def basic(name: str, password: str) -> str:
    """The header of HTTP's basic authentication."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def parse(secret: Object) -> Repository:
    """The repository, or the template for several, that a Secret describes."""
    data = secret_data(secret)
    return Repository(
        url=data.get("url", ""),
        username=data.get("username", ""),
        password=data.get("password", ""),
        bearer=data.get("bearerToken", ""),
        ssh_key=data.get("sshPrivateKey", ""),
        project=data.get("project", ""),
        kind=data.get("type", ""),
    )


class Credentials:
    """What the Secrets of one Argo CD say about repositories."""

    def __init__(self, secrets: Callable[[], Sequence[Object]]) -> None:
        """`secrets`: those of its namespace, or those of them that are about repositories; asked anew each time."""
        self._secrets = secrets
        self._seen: Sequence[Object] = ()
        self._repositories: dict[str, list[Repository]] = {}
        self._templates: list[tuple[str, Repository]] = []
        self._found: dict[tuple[str, str], Repository] = {}

    def find(self, url: str, project: str = "") -> Repository:
        """The repository of a URL: the project's own before everybody's, with credentials of the longest template."""
        self._follow()
        key = (url, project)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[key] = self._enriched(self._chosen(url, project))
        return found

    def _chosen(self, url: str, project: str) -> Repository:
        fallback = None
        for one in self._repositories.get(_key(url), ()):
            if one.project == project:
                return one
            if not one.project:
                fallback = one
        return fallback or Repository(url)

    def _enriched(self, repository: Repository) -> Repository:
        if repository.has_credentials:
            return repository
        wanted, best = _key(repository.url), ("", repository)
        for prefix, one in self._templates:
            if wanted.startswith(prefix) and len(prefix) > len(best[0]):
                best = (prefix, one)
        return replace(repository, **{field: getattr(best[1], field) for field in _COPIED})

    def _follow(self) -> None:
        """Read the Secrets again when they are others than last time."""
        now = self._secrets()
        if len(now) == len(self._seen) and all(one is other for one, other in zip(now, self._seen, strict=True)):
            return
        self._seen = list(now)
        self._repositories, self._templates, self._found = {}, [], {}
        for secret in self._seen:
            kind = (secret.get("metadata", {}).get("labels") or {}).get(SECRET_TYPE_LABEL)
            if kind == _REPOSITORY:
                one = parse(secret)
                self._repositories.setdefault(_key(one.url), []).append(one)
            elif kind == _TEMPLATE:
                one = parse(secret)
                self._templates.append((_key(one.url), one))


def _key(url: str) -> str:
    return git_url.normalize(url) or url
