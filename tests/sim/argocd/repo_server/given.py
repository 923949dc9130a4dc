"""A git server with the repositories of the cases, and a repository server over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.sim.argocd.ports import ManifestRequest
from lab.sim.argocd.repo_server import Addresses, Checkouts, LabRepoServer, Renderer, Settings
from lab.sim.clock import ManualClock
from lab.sim.git.repositories import File, Person
from lab.sim.git.server import GitServer
from lab.sim.objects import Object
from tests.sim.argocd.repo_server.cases import BASE, BRANCHES, REPOSITORIES, Case

AUTHOR = Person("Ada", "ada@example.com")
WHEN = 1_700_000_000.0
OWNER = "lab"


def url(name: str, base: str = BASE) -> str:
    return f"{base}/{OWNER}/{name}.git"


class Lab:
    """A git server that is not served over a port, and one repository server over it."""

    def __init__(self, folder: Path, settings: Settings | None = None, **renderer: Any) -> None:
        self.clock = ManualClock()
        self.git = GitServer(folder / "git", self.clock)
        self.git.forge.accounts.ensure(OWNER, "a-password", WHEN)
        self.secrets: list[Object] = []
        self.is_up = True
        self.checkouts = Checkouts(self.git, lambda: self.is_up)
        self.renderer = Renderer(self.checkouts, **renderer)
        self.addresses = Addresses(lambda: [BASE, "http://127.0.0.1:4000"])
        self.server = self.another(settings)

    def another(self, settings: Settings | None = None) -> LabRepoServer:
        """A repository server beside the first one."""
        return LabRepoServer(self.renderer, self.addresses, lambda: self.secrets, self.clock, settings)

    def seed(self, name: str, files: Mapping[str, bytes | File], *, private: bool = False) -> str:
        self.git.forge.create(OWNER, name, private=private)
        return self.push(name, files) if files else ""

    def push(self, name: str, files: Mapping[str, bytes | File], branch: str = "main") -> str:
        return self.git.repositories.commit(
            OWNER, name, files, message="change", author=AUTHOR, when=WHEN, branch=branch
        )

    def seed_all(self) -> None:
        for name, files in REPOSITORIES.items():
            self.seed(name, files)
        for (name, branch), more in BRANCHES.items():
            self.push(name, more, branch)


def request(name: str, source: Mapping[str, Any], **more: Any) -> ManifestRequest:
    """A request of the Application `app` for a repository of the lab."""
    given: dict[str, Any] = {"instance": "app", "application": "app", "project": "prod", "namespace": "shop", **more}
    return ManifestRequest(source={"repoURL": url(name), **source}, **given)


def of_case(case: Case) -> ManifestRequest:
    more = dict(case.more)
    if case.references:
        more["references"] = {
            name: {"repoURL": url(repository), "targetRevision": revision}
            for name, (repository, revision) in case.references.items()
        }
    return request(case.repository, case.source, **more)


def asked_of_argo_cd(case: Case, at: Callable[[str], str]) -> dict[str, Any]:
    """The request as Argo CD's controller sends it; `at`: a repository's URL."""
    ours = of_case(case)
    return {
        "repo": {"repo": at(case.repository)},
        "revision": ours.revision or case.source.get("targetRevision", ""),
        "noCache": ours.hard,
        "appLabelKey": ours.label_key,
        "appName": ours.instance,
        "namespace": ours.namespace,
        "applicationSource": {**ours.source, "repoURL": at(case.repository)},
        "kustomizeOptions": {},
        "kubeVersion": ours.kube_version,
        "apiVersions": list(ours.api_versions),
        "trackingMethod": ours.tracking,
        "hasMultipleSources": ours.multiple,
        "refSources": {
            name: {"repo": {"repo": at(repository)}, "targetRevision": revision}
            for name, (repository, revision) in case.references.items()
        },
        "projectName": ours.project,
        "installationID": ours.installation,
    }


def asked_by_a_generator(question: Mapping[str, Any], at: Callable[[str], str]) -> dict[str, Any]:
    """One of `QUESTIONS` as Argo CD's ApplicationSet controller sends it."""
    return {
        "repo": {"repo": at(question["repository"])},
        "revision": question.get("revision", ""),
        "path": question.get("path", ""),
        "NewGitFileGlobbingEnabled": question.get("new", False),
    }


def named(objects: Sequence[Object]) -> list[str]:
    return [one["metadata"]["name"] for one in objects]
