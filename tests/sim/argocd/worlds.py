"""A world for generators, given as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.sim.api.selectors import matches
from lab.sim.argocd.applicationset.generators import Run
from lab.sim.argocd.applicationset.sources import PullRequest, Repository, RepositoryNotFound, SourceError
from lab.sim.objects import Object
from lab.sim.templates.render_tree import FastRenderer, GoRenderer


@dataclass
class World:
    """What `Sources` asks for, from one dict; `sourceError` fails every question about repositories."""

    data: dict[str, Any] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    def _fail(self) -> None:
        if self.data.get("sourceError"):
            kind = RepositoryNotFound if self.data.get("notFound") else SourceError
            raise kind(self.data["sourceError"])

    def secrets(self) -> Sequence[Object]:
        return self.data.get("secrets", [])

    def secret(self, name: str) -> Mapping[str, str] | None:
        return self.data.get("secretData", {}).get(name)

    def config_map(self, name: str) -> Mapping[str, str] | None:
        return self.data.get("configMaps", {}).get(name)

    def has_project(self, name: str) -> bool:
        return name in self.data.get("projects", [""])

    def directories(self, url: str, revision: str, project: str) -> Sequence[str]:
        self.asked.append((url, revision, project))
        self._fail()
        return self.data.get("directories", [])

    def files(self, url: str, revision: str, project: str, pattern: str) -> Mapping[str, bytes]:
        self.asked.append((url, revision, project, pattern))
        self._fail()
        returned = self.data.get("returned", {})
        return {path: text.encode() for path, text in returned.get(pattern, returned.get("*", {})).items()}

    def pull_requests(self, generator: Object) -> Sequence[PullRequest]:
        self._fail()
        return [PullRequest(**one) for one in self.data.get("pulls", [])]

    def repositories(self, generator: Object) -> Sequence[Repository]:
        self._fail()
        return [Repository(**one) for one in self.data.get("repositories", [])]

    def call_plugin(self, base_url: str, token: str, timeout: int, body: Object) -> Any:
        self.asked.append((base_url, token, timeout, body))
        self._fail()
        return self.data.get("answer")

    def decisions(self, group: str, version: str, plural: str, name: str, selector: Object) -> Sequence[Object]:
        self._fail()
        listed = self.data.get("decisions", [])
        if name:
            return [one for one in listed if one["metadata"]["name"] == name]
        return [one for one in listed if matches(selector, one["metadata"].get("labels") or {})]


def run(case: dict[str, Any]) -> Run:
    """A generation over `world`, with `goTemplate`, `options`, `template` and `namespace` of a case."""
    renderer = GoRenderer(case.get("options") or ()) if case.get("goTemplate") else FastRenderer()
    world = case.get("world") or {}
    application_set = {
        "metadata": {"name": "set", "namespace": world.get("namespace", "argocd")},
        "spec": {"template": case.get("template") or {}},
    }
    return Run(application_set, renderer, World(world))
