"""Argo CD's repository server over the lab's own git server.

Source: Argo CD 3.6.1 `reposerver/repository/repository.go` (GenerateManifest, runRepoOperation, ResolveRevision,
UpdateRevisionForPaths, GetGitDirectories, GetGitFiles), `util/git/client.go` (LsRemote), `util/db/repository.go`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress

import orjson

from lab.sim.argocd import git_url
from lab.sim.argocd.ports import ManifestRequest, Manifests
from lab.sim.argocd.repo_server import changes, jobs
from lab.sim.argocd.repo_server.addresses import Addresses
from lab.sim.argocd.repo_server.answers import Refusal, told
from lab.sim.argocd.repo_server.checkouts import CannotRead, Commit, Snapshot
from lab.sim.argocd.repo_server.credentials import Credentials, Repository, basic
from lab.sim.argocd.repo_server.failures import Failures
from lab.sim.argocd.repo_server.renderer import OBJECTS_KEPT, Renderer
from lab.sim.argocd.repo_server.settings import Settings
from lab.sim.argocd.tracking import Tracking, TrackingError, is_definition
from lab.sim.clock import Clock
from lab.sim.git.patterns import BadPattern
from lab.sim.git.tree import GitFolder, MatchesFolder
from lab.sim.objects import Object
from lab.sim.render.folder import ROOT, TooLarge
from lab.sim.templates.values import quoted

_log = logging.getLogger(__name__)
_COMMIT = re.compile(r"[0-9A-Fa-f]{40}")
_REMEMBERED = 10_000
"""URLs whose references are remembered."""


class LabRepoServer:
    """The repository server of one Argo CD; `lab.sim.argocd.ports.RepoServer`."""

    def __init__(
        self,
        renderer: Renderer,
        addresses: Addresses,
        secrets: Callable[[], Sequence[Object]],
        clock: Clock,
        settings: Settings | None = None,
        kept: int = OBJECTS_KEPT,
    ) -> None:
        """`secrets`: of Argo CD's namespace; `kept`: objects with tracking marks that are remembered."""
        self._renderer = renderer
        self._checkouts = renderer.checkouts
        self._addresses = addresses
        self._credentials = Credentials(secrets)
        self._clock = clock
        self._settings = settings = settings or Settings()
        self._failures = Failures(clock, settings.failed_attempts, settings.failure_minutes, settings.failure_requests)
        self._references: OrderedDict[tuple[str, Repository], tuple[float, Snapshot]] = OrderedDict()
        self._manifests: OrderedDict[Hashable, tuple[Sequence[Object], Manifests]] = OrderedDict()
        self._objects, self._most = 0, kept

    # -- RepoServer

    async def manifests(self, request: ManifestRequest) -> Manifests:
        """See `RepoServer.manifests`."""
        try:
            return await self._generated(request)
        except CannotRead as error:
            raise told(Refusal(error.wrapped())) from None
        except Refusal as error:
            raise told(error) from None
        except (asyncio.CancelledError, MemoryError):
            raise
        except Exception as error:
            # A source that breaks a renderer breaks nothing else, as with the real server's own recovery.
            _log.exception("cannot render %s for %s", request.source, request.instance)
            raise told(Refusal(f"{type(error).__name__}: {error}", "Internal")) from None

    async def resolve(self, url: str, revision: str, project: str = "", *, fresh: bool = True) -> str:
        """See `RepoServer.resolve`. `fresh`: ask git although the answer may be remembered."""
        try:
            return self.commit_of(url, revision, project, fresh=fresh)
        except Refusal as error:
            raise told(error) from None

    async def unchanged(self, request: ManifestRequest, old: str, new: str) -> bool:
        """See `RepoServer.unchanged`. Without `request.refresh_paths` everything that is another commit has changed."""
        try:
            return not self._has_changed(request, old, new)
        except Refusal as error:
            raise told(error) from None

    def on_push(self, listener: Callable[[str], object]) -> Callable[[], None]:
        """See `RepoServer.on_push`; called once for every URL under which the repository is known."""

        def tell(owner: str, name: str) -> None:
            for url in self._addresses.urls(owner, name):
                listener(url)

        return self._checkouts.on_push(tell)

    # -- for git generators, from any thread

    def directories(self, url: str, revision: str, project: str = "", *, fresh: bool = False) -> list[str]:
        """The folders of a revision as git generators see them. Raises RepoError."""
        try:
            commit = self._generator_commit(url, revision, project, "", fresh=fresh)
            with self._checkouts.lock:
                return self._generator_files(url, commit, "").directories(hidden=self._settings.hidden_directories)
        except Refusal as error:
            raise told(error) from None

    def files(
        self,
        url: str,
        revision: str,
        pattern: str,
        project: str = "",
        *,
        fresh: bool = False,
        new_globbing: bool = False,
    ) -> dict[str, bytes]:
        """The files of a revision that a git generator's pattern selects. Raises RepoError."""
        try:
            pattern = pattern or "."
            shown = f" pattern {pattern}"
            commit = self._generator_commit(url, revision, project, shown, fresh=fresh)
            where = f"repo {url} with revision {commit.sha}{shown}"
            with self._checkouts.lock:
                folder = self._generator_files(url, commit, shown)
                try:
                    found = folder.matching(pattern, new_globbing=new_globbing)
                except MatchesFolder as error:
                    text = f"unable to read files. {where}: read {ROOT}/{error.path}: is a directory"
                    raise Refusal(text, "Internal") from None
                except BadPattern as error:
                    text = _of_git(pattern, str(error))
                    raise Refusal(f"unable to list files. {where}: {text}", "Internal") from None
                try:
                    return {path: folder.read(path) for path in found}
                except (KeyError, TooLarge) as error:
                    raise Refusal(f"unable to read files. {where}: {error.args[0]}", "Internal") from None
        except Refusal as error:
            raise told(error) from None

    # -- revisions

    def commit_of(self, url: str, revision: str, project: str = "", tag_prefix: str = "", *, fresh: bool = True) -> str:
        """What a client is told that a revision stands for; 40 digits are not looked up. Raises Refusal."""
        if _COMMIT.fullmatch(revision):
            return revision
        return self._commit(url, revision, project, tag_prefix, fresh=fresh).sha

    def _commit(self, url: str, revision: str, project: str, tag_prefix: str = "", *, fresh: bool = False) -> Commit:
        snapshot = self._snapshot(url, project, fresh=fresh)
        try:
            return self._checkouts.resolve(snapshot, revision, tag_prefix)
        except Refusal as error:
            if not _COMMIT.fullmatch(revision) or not isinstance(error, CannotRead):
                raise
        # A commit that came after what is remembered is fetched nevertheless.
        return self._checkouts.resolve(self._snapshot(url, project, fresh=True), revision, tag_prefix)

    def _snapshot(self, url: str, project: str, *, fresh: bool) -> Snapshot:
        """The repository's references, remembered for a while. Raises Refusal."""
        repository = self._credentials.find(url, project)
        key, now = (url, repository), self._clock.now()
        kept = self._references.get(key)
        if kept is not None and not fresh and now < kept[0] and self._settings.remember_references > 0:
            return kept[1]
        address = self._addresses.find(url)
        if address is None:
            raise self._addresses.outside(url)
        if not self._checkouts.is_reachable():
            raise self._addresses.down(url)
        own = basic(address.user, address.password) if address.user else ""
        self._checkouts.check_access(address.owner, address.name, repository.authorization or own)
        found = self._checkouts.snapshot(address.owner, address.name)
        self._references[key] = (now + self._settings.remember_references, found)
        self._references.move_to_end(key)
        while len(self._references) > _REMEMBERED:
            self._references.popitem(last=False)
        return found

    def _generator_commit(self, url: str, revision: str, project: str, pattern: str, *, fresh: bool) -> Commit:
        try:
            return self._commit(url, revision, project, fresh=fresh)
        except CannotRead as error:
            text = f"unable to checkout git repo {url} with revision {revision}{pattern}: {error.wrapped()}"
            raise Refusal(text, "Internal") from None
        except Refusal as error:
            # The revision is empty by then: Argo CD shows what the failed resolution returned.
            raise Refusal(f"unable to resolve git revision : {error}", "Internal") from None

    def _generator_files(self, url: str, commit: Commit, pattern: str) -> GitFolder:
        try:
            return self._checkouts.files(commit)
        except Refusal as error:
            text = f"unable to checkout git repo {url} with revision {commit.sha}{pattern}: {error}"
            raise Refusal(text, "Internal") from None

    # -- manifests

    async def _generated(self, request: ManifestRequest) -> Manifests:
        source = request.source
        url, path, chart = (str(source.get(key) or "") for key in ("repoURL", "path", "chart"))
        several = _is_one_of_several(request)
        revision = request.revision or str(source.get("targetRevision") or "")
        if url.startswith("oci://") and not chart:
            raise self._addresses.artifact(url, revision)
        if chart:
            raise self._addresses.chart(url, chart, revision)
        fresh = request.refresh or request.hard
        if several and not path and source.get("ref"):
            return Manifests((), self.commit_of(url, revision, request.project, fresh=fresh), "")
        commit = self._commit(url, revision, request.project, str(source.get("tagPrefix") or ""), fresh=fresh)
        references = self._resolved(request, commit, fresh=fresh) if several else {}
        if several and not path:
            return Manifests((), commit.sha, "")
        failing = (request.instance, commit, tuple(references.items()), orjson.dumps(source))
        if not request.hard:
            self._failures.check(failing)
        try:
            made = await self._rendered(request, commit, path, references)
        except Refusal as error:
            self._failures.failed(failing, error)
            raise
        self._failures.succeeded(failing)
        return made

    def _resolved(self, request: ManifestRequest, commit: Commit, *, fresh: bool) -> dict[str, Commit]:
        """The commits of the sources whose files this one uses, by `$name`. Raises Refusal."""
        found: dict[str, Commit] = {}
        seen: dict[str, tuple[str, str, Commit]] = {}
        for name in jobs.check_references(request.source, request.references):
            target = request.references[name]
            url, revision = str(target.get("repoURL") or ""), str(target.get("targetRevision") or "")
            key = git_url.normalize(url)
            if key not in seen:
                try:
                    one = self._commit(url, revision, request.project, fresh=fresh)
                except Refusal:
                    raise Refusal(f"failed to get git client for repo {url}") from None
                # Looking into its cache, Argo CD gives every reference to a repository the first one's commit; a hard
                # refresh does not look there.
                seen[key] = (name, revision if request.hard else one.sha, one)
            first, expected, found[name] = seen[key]
            shown = revision if request.hard else expected
            if shown != expected:
                text = f"{name} references {quoted(shown)} while {first} references {quoted(expected)}"
                raise Refusal(f"cannot reference multiple revisions for the same repository ({text})")
            if found[name][:3] == commit[:3] and found[name].sha != commit.sha:
                text = f"{name} references {quoted(shown)} which resolves to {quoted(found[name].sha)} while the "
                text += f"application references {quoted(request.revision)} which resolves to {quoted(commit.sha)}"
                raise Refusal(f"cannot reference a different revision of the same repository ({text})")
        return found

    async def _rendered(
        self, request: ManifestRequest, commit: Commit, path: str, references: Mapping[str, Commit]
    ) -> Manifests:
        survey = await self._renderer.survey(commit, path)
        kind, source = survey.source(request.source, request.instance)
        repository = self._credentials.find(str(request.source.get("repoURL") or ""), request.project).url
        job = jobs.job(request, commit, survey.path, kind, source, repository, references)
        objects = await self._renderer.render(job, is_small=survey.is_small, again=request.hard)
        tracking = Tracking(request.tracking, request.label_key, request.installation)
        key = (job, request.instance, request.namespace, tracking)
        kept = self._manifests.get(key)
        if kept is not None and kept[0] is objects:
            self._manifests.move_to_end(key)
            return kept[1]
        made = Manifests(_marked(objects, request, tracking), commit.sha, kind)
        self._keep(key, objects, made)
        return made

    def _keep(self, key: Hashable, objects: Sequence[Object], made: Manifests) -> None:
        gone = self._manifests.pop(key, None)
        self._manifests[key] = (objects, made)
        self._objects += len(made.objects) + 1 - (len(gone[1].objects) + 1 if gone else 0)
        while self._objects > self._most and len(self._manifests) > 1:
            self._objects -= len(self._manifests.popitem(last=False)[1][1].objects) + 1

    # -- what a push changed

    def _has_changed(self, request: ManifestRequest, old: str, new: str) -> bool:
        """Whether a source is to be rendered again. Raises Refusal."""
        paths = request.refresh_paths
        if not paths:
            return old != new
        fresh = request.refresh or request.hard
        if self._differ(str(request.source.get("repoURL") or ""), old, new, request, paths, fresh=fresh):
            return True
        for name in dict.fromkeys(jobs.names_used(request.source)) if _is_one_of_several(request) else ():
            target, before = request.references.get(name), request.synced_references.get(name)
            if target is None or before is None:
                raise Refusal(f"source referenced {quoted(name)}, but no source has a 'ref' field defined")
            url, now = str(target.get("repoURL") or ""), str(target.get("targetRevision") or "")
            if self._differ(url, before, now, request, paths, fresh=fresh):
                return True
        return False

    def _differ(
        self, url: str, old: str, new: str, request: ManifestRequest, paths: Sequence[str], *, fresh: bool
    ) -> bool:
        if old == new:
            return False
        try:
            after = self._commit(url, new, request.project, fresh=fresh)
            before = self.commit_of(url, old, request.project, fresh=False)
        except Refusal as error:
            raise Refusal(f"unable to resolve git revision {new}: {error}", "Internal") from None
        if before == after.sha:
            return False
        with suppress(KeyError):
            files = self._checkouts.changed(after, before)
            return bool(files) and changes.concern(paths, files)
        # The old commit is gone, after a forced push.
        return True


def _of_git(pattern: str, error: str) -> str:
    """What git says of a pattern, as Argo CD shows the command that failed."""
    if not error.endswith("is outside repository"):
        return error
    return f"`git ls-files --full-name -z -- {pattern}` failed exit status 128: fatal: {error} at '{ROOT}'"


def _is_one_of_several(request: ManifestRequest) -> bool:
    return request.multiple or bool(request.references) or bool(request.source.get("ref"))


def _marked(objects: Sequence[Object], request: ManifestRequest, tracking: Tracking) -> list[Object]:
    if not request.label_key or not request.instance:
        return list(objects)
    try:
        return [
            one if is_definition(one) else tracking.marked(one, request.instance, request.namespace) for one in objects
        ]
    except TrackingError as error:
        raise Refusal(f"failed to set app instance tracking info on manifest: {error}") from None
