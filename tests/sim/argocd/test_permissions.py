"""What an AppProject says about a whole Application, and projects joined with others."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.clusters import Clusters
from lab.sim.argocd.permissions import problems
from lab.sim.argocd.project import Project, with_global, with_scoped
from tests.sim.argocd.test_clusters import secret

GOOD = {
    "source": {"repoURL": "https://git/apps.git", "path": "web"},
    "destination": {"server": "https://kubernetes.default.svc", "namespace": "web"},
}
ALLOWED = {
    "sourceRepos": ["https://git/*"],
    "destinations": [{"server": "https://kubernetes.default.svc", "namespace": "web"}],
}


def project(**spec: Any) -> Project:
    return Project({"metadata": {"name": "team"}, "spec": {**ALLOWED, **spec}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        (
            {"source": {"repoURL": "https://git/apps.git"}},
            ["spec.source.repoURL and either spec.source.path or spec.source.chart are required"],
        ),
        (
            {"source": {"repoURL": "https://git/charts", "chart": "web"}},
            ["spec.source.targetRevision is required if the manifest source is a helm chart"],
        ),
        (
            {"source": {"repoURL": "https://other/apps.git", "path": "web"}},
            ["application repo https://other/apps.git is not permitted in project 'team'"],
        ),
        (
            {"destination": {"name": "in-cluster", "namespace": "db"}},
            [
                "application destination server 'in-cluster' and namespace 'db' do not match any of the allowed "
                "destinations in project 'team'"
            ],
        ),
        ({"destination": {"namespace": "web"}}, ["Destination server missing from app spec"]),
        (
            {
                "source": None,
                "sources": [{"repoURL": "https://git/a", "path": "x"}, {"repoURL": "https://no/b", "ref": "v"}],
            },
            ["application repo https://no/b is not permitted in project 'team'"],
        ),
        (
            {"source": None, "sources": [{"repoURL": "https://git/a"}]},
            [
                "spec.source.repoURL and either source.path, source.chart, or source.ref are required for source "
                "{https://git/a   nil nil nil nil   }"
            ],
        ),
    ],
)
def test_problems(change: dict[str, Any], said: list[str]) -> None:
    assert problems({**GOOD, **change}, project(), Clusters([])) == said


def test_scoped_clusters_and_repositories_are_permitted() -> None:
    known = Clusters([secret("e", server="https://edge", name="edge", project="team", namespaces="a,b")])
    joined = with_scoped(project().manifest, ["https://own/repo"], known.of_project("team"))
    made = Project(joined, known.of_project("team"))
    assert made.permits_source("https://own/repo.git")
    assert made.permits_destination(known.by_server("https://edge"), "b")
    assert not made.permits_destination(known.by_server("https://edge"), "c")


def test_only_scoped_clusters() -> None:
    known = Clusters([secret("e", server="https://edge", name="edge", project="team")])
    made = Project(
        project(destinations=[{"server": "*", "namespace": "*"}], permitOnlyProjectScopedClusters=True).manifest,
        known.of_project("team"),
    )
    assert made.permits_destination(known.by_server("https://edge"), "x")
    assert not made.permits_destination(known.by_server("https://kubernetes.default.svc"), "x")


def test_global_projects_are_appended() -> None:
    own = {"metadata": {"name": "team", "labels": {"opt": "in"}}, "spec": {"sourceRepos": ["a"]}}
    shared = {
        "metadata": {"name": "shared"},
        "spec": {
            "sourceRepos": ["b"],
            "namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
            "description": "d",
        },
    }
    setting = {"projectName": "shared", "labelSelector": {"matchLabels": {"opt": "in"}}}
    made = with_global(own, [setting], [own, shared])
    assert made["spec"] == {
        "sourceRepos": ["a", "b"],
        "namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
    }
    assert with_global({**own, "metadata": {"name": "team"}}, [setting], [own, shared])["spec"] == own["spec"]
    assert own["spec"] == {"sourceRepos": ["a"]}


def test_orphans() -> None:
    made = project(orphanedResources={"warn": True, "ignore": [{"kind": "Config*", "name": "keep-*"}]})
    assert made.watches_orphans
    assert made.warns_of_orphans
    assert made.ignores_orphan("", "ConfigMap", "web", "keep-1")
    assert made.ignores_orphan("", "ServiceAccount", "web", "default")
    assert made.ignores_orphan("", "Service", "default", "kubernetes")
    assert not made.ignores_orphan("", "ConfigMap", "web", "other")
    assert not project().watches_orphans
