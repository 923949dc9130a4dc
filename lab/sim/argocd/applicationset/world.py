"""The world of an ApplicationSet controller in the lab: the lab's repositories and forge, and the hub's own objects.

Source: Argo CD 3.6.1 `applicationset/services/repo_service.go`, `services/pull_request/gitea.go`,
`services/scm_provider/gitea.go`, `applicationset/utils/kubernetes.go` (GetSecretRef).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from lab.sim.api.selectors import matches
from lab.sim.argocd.applicationset.sources import (
    ProviderError,
    PullRequest,
    Repository,
    RepositoryNotFound,
    SourceError,
)
from lab.sim.argocd.clusters import secret_data
from lab.sim.argocd.ports import RepoError
from lab.sim.argocd.repo_server.addresses import Addresses, lookup
from lab.sim.git.accounts import Account, BadCredentials
from lab.sim.git.forge import Forge, Refused
from lab.sim.git.records import Record
from lab.sim.objects import Object, name_of
from lab.sim.render.errors import NotSupported
from lab.sim.templates.values import quoted

_PAGE = 30
"""Pull requests a Gitea answers with when nobody says how many; Argo CD asks for one page."""
_APIS = {
    "github": "https://api.github.com/",
    "gitlab": "https://gitlab.com/",
    "gitea": "",
    "bitbucketServer": "",
    "bitbucket": "https://api.bitbucket.org/2.0",
    "azuredevops": "https://dev.azure.com",
    "azureDevOps": "https://dev.azure.com",
    "awsCodeCommit": "https://codecommit.amazonaws.com",
}
"""Where a provider is asked that names no address."""


class GitFiles(Protocol):
    """What a repository server tells git generators; `lab.sim.argocd.repo_server.LabRepoServer`. Raises RepoError."""

    def directories(self, url: str, revision: str, project: str = "", *, fresh: bool = False) -> Sequence[str]:
        """The folders of a revision."""

    def files(
        self,
        url: str,
        revision: str,
        pattern: str,
        project: str = "",
        *,
        fresh: bool = False,
        new_globbing: bool = False,
    ) -> Mapping[str, bytes]:
        """The files of a revision that a pattern selects."""


@dataclass(frozen=True, slots=True)
class Hub:
    """The objects in Argo CD's namespace, and what is asked of the cluster around it."""

    namespace: str
    secrets: Callable[[], Sequence[Object]]
    secret: Callable[[str], Object | None]
    config_map: Callable[[str], Object | None]
    project: Callable[[str], Object | None]
    decisions: Callable[[str, str, str], Sequence[Object]]
    """Objects of a resource (group, version, plural) in the namespace. Raises SourceError."""
    call_plugin: Callable[[str, str, int, Object], Any]
    """See `Sources.call_plugin`."""


@dataclass(frozen=True, slots=True)
class LabWorld:
    """`lab.sim.argocd.applicationset.sources.Sources` of one generation."""

    hub: Hub
    repositories_of: GitFiles
    forge: Forge | None
    """None where the lab has no git server."""
    addresses: Addresses
    fresh: bool = False
    """Ask git although the answer may be remembered: for an ApplicationSet that is to be refreshed."""
    new_globbing: bool = False
    """`applicationsetcontroller.enable.new.git.file.globbing`."""
    providers_enabled: bool = True
    """`applicationsetcontroller.enable.scm.providers`."""
    allowed_providers: Sequence[str] = ()
    """`applicationsetcontroller.allowed.scm.providers`; empty: all."""

    # -- the hub

    def secrets(self) -> Sequence[Object]:
        """See `Sources.secrets`."""
        return self.hub.secrets()

    def secret(self, name: str) -> Mapping[str, str] | None:
        """See `Sources.secret`."""
        found = self.hub.secret(name)
        return None if found is None else secret_data(found)

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """See `Sources.config_map`."""
        found = self.hub.config_map(name)
        return None if found is None else dict(found.get("data") or {})

    def has_project(self, name: str) -> bool:
        """See `Sources.has_project`."""
        return self.hub.project(name) is not None

    def call_plugin(self, base_url: str, token: str, timeout: int, body: Object) -> Any:
        """See `Sources.call_plugin`."""
        return self.hub.call_plugin(base_url, token, timeout, body)

    def decisions(self, group: str, version: str, plural: str, name: str, selector: Object) -> Sequence[Object]:
        """See `Sources.decisions`."""
        found = self.hub.decisions(group, version, plural)
        if name:
            return [one for one in found if name_of(one) == name]
        return [one for one in found if matches(selector, one.get("metadata", {}).get("labels") or {})]

    # -- git

    def directories(self, url: str, revision: str, project: str) -> Sequence[str]:
        """See `Sources.directories`."""
        try:
            return self.repositories_of.directories(url, revision, project, fresh=self.fresh)
        except RepoError as error:
            raise SourceError(f"error retrieving Git Directories: {error}") from None

    def files(self, url: str, revision: str, project: str, pattern: str) -> Mapping[str, bytes]:
        """See `Sources.files`."""
        try:
            return self.repositories_of.files(
                url, revision, pattern, project, fresh=self.fresh, new_globbing=self.new_globbing
            )
        except RepoError as error:
            raise SourceError(f"error retrieving Git files: {error}") from None

    # -- the forge

    def pull_requests(self, generator: Object) -> Sequence[PullRequest]:
        """See `Sources.pull_requests`."""
        forge, account, settings = self._forge(generator, "error fetching Secret token")
        owner, name = str(settings.get("owner") or ""), str(settings.get("repo") or "")
        record = self._record(forge, account, owner, name)
        wanted = set(settings.get("labels") or ())
        found = [one for one in reversed(record.pulls) if one.state == "open"][:_PAGE]
        made = []
        for one in found:
            labels = [label.name for label in record.labels if label.id in one.labels]
            if wanted <= set(labels):
                made.append(PullRequest(one.number, one.title, one.head, one.base, one.head_sha, one.user, labels))
        return made

    def repositories(self, generator: Object) -> Sequence[Repository]:
        """See `Sources.repositories`."""
        self._forge(generator, "error fetching Gitea token")
        # Argo CD lists what organizations own, and the lab's git server has none.
        raise SourceError("GetOrgByName")

    def _forge(self, generator: Object, failing: str) -> tuple[Forge, Account | None, Object]:
        """The lab's forge, who asks it, and the provider's settings. Raises SourceError for any other provider."""
        if not self.providers_enabled:
            raise ProviderError("scm providers are disabled")
        provider = next((one for one in _APIS if generator.get(one)), "")
        settings = generator.get(provider) or {}
        api = str(settings.get("api") or "")
        if api and self.allowed_providers and api not in self.allowed_providers:
            allowed = ", ".join(self.allowed_providers)
            text = f"scm provider {quoted(api)} not allowed, must use one of the following: {allowed}"
            raise ProviderError(f"scm provider not allowed: {text}")
        authorization = ""
        for key in ("tokenRef", "accessTokenRef"):
            reference = settings.get(key)
            if reference is not None:
                authorization = f"token {self._token(reference, failing)}"
        url = api or _APIS.get(provider, "")
        if provider != "gitea" or self.forge is None or self.addresses.find(f"{url.rstrip('/')}/_/_") is None:
            host = urlsplit(url).hostname or ""
            what = NotSupported(f"a {provider or 'forge'} outside the lab")
            asked = f"{url.rstrip('/')}/api/v1/version" if provider == "gitea" else url
            raise ProviderError(f'Get "{asked}": {lookup(host)} ({what})')
        try:
            return self.forge, self.forge.accounts.who(authorization), settings
        except BadCredentials:
            raise ProviderError("invalid username, password or token") from None

    def _token(self, reference: Object, failing: str) -> str:
        name, key = str(reference.get("secretName") or ""), str(reference.get("key") or "")
        data = self.secret(name)
        if data is None:
            where = f"{self.hub.namespace}/{name}"
            raise ProviderError(f"{failing}: error fetching secret {where}: Secret {quoted(name)} not found")
        if key not in data:
            raise ProviderError(f"{failing}: key {quoted(key)} in secret {self.hub.namespace}/{name} not found")
        return data[key]

    def _record(self, forge: Forge, account: Account | None, owner: str, name: str) -> Record:
        if not forge.accounts.get(owner):
            raise RepositoryNotFound("GetUserByName")
        try:
            allowed = forge.may(account, owner, name, write=False)
        except Refused as error:
            raise RepositoryNotFound(error.message) from None
        if not allowed or not forge.branches(owner, name):
            raise RepositoryNotFound("not found")
        return forge.record(owner, name)
