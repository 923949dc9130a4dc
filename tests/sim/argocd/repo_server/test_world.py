"""What ApplicationSets find in the lab."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.sim.argocd.applicationset.generators import Run, transform
from lab.sim.argocd.applicationset.generators.pull_requests import generate as pull_requests
from lab.sim.argocd.applicationset.generators.repositories import generate as scm
from lab.sim.argocd.applicationset.params import GeneratorError
from lab.sim.argocd.applicationset.sources import RepositoryNotFound, SourceError
from lab.sim.argocd.applicationset.world import Hub, LabWorld
from lab.sim.git.repositories import File
from lab.sim.objects import Object
from lab.sim.templates.render_tree import GoRenderer
from tests.sim.argocd.repo_server.cases import BASE, config_map
from tests.sim.argocd.repo_server.given import OWNER, WHEN, Lab, url


@dataclass
class Objects:
    """The hub's objects, by name."""

    secrets: dict[str, Object] = field(default_factory=dict)
    config_maps: dict[str, Object] = field(default_factory=dict)
    projects: dict[str, Object] = field(default_factory=dict)
    decisions: list[Object] = field(default_factory=list)

    def world(self, lab: Lab, **more: Any) -> LabWorld:
        hub = Hub(
            "argocd",
            secrets=lambda: list(self.secrets.values()),
            secret=self.secrets.get,
            config_map=self.config_maps.get,
            project=self.projects.get,
            decisions=lambda group, version, plural: self.decisions,
            call_plugin=lambda base, token, timeout, body: {"asked": [base, token, timeout, body]},
        )
        return LabWorld(hub, lab.server, lab.git.forge, lab.addresses, **more)


FILES: Mapping[str, bytes | File] = {
    "apps/one/a.yaml": config_map("a"),
    "apps/two/deep/a.yaml": config_map("a"),
    ".hidden/x/a.yaml": b"",
    "clusters/east.json": b'{"name": "east"}',
    "clusters/sub/west.json": b'{"name": "west"}',
    "top.yaml": b"",
}


@pytest.fixture
def objects() -> Objects:
    return Objects()


def test_folders_of_a_revision(lab: Lab, objects: Objects) -> None:
    lab.seed("r", FILES)
    found = objects.world(lab).directories(url("r"), "main", "")
    assert found == ["apps", "apps/one", "apps/two", "apps/two/deep", "clusters", "clusters/sub"]


@pytest.mark.parametrize(
    ("pattern", "new_globbing", "paths"),
    [
        ("clusters/*.json", False, ["clusters/east.json", "clusters/sub/west.json"]),
        ("clusters/*.json", True, ["clusters/east.json"]),
        ("clusters/**/*.json", True, ["clusters/east.json", "clusters/sub/west.json"]),
        ("clusters", False, ["clusters/east.json", "clusters/sub/west.json"]),
        ("nothing", False, []),
    ],
)
def test_files_of_a_revision(lab: Lab, objects: Objects, pattern: str, new_globbing: bool, paths: list[str]) -> None:
    lab.seed("r", FILES)
    found = objects.world(lab, new_globbing=new_globbing).files(url("r"), "", "", pattern)
    assert found == {path: FILES[path] for path in paths}


def test_a_push_is_noticed_on_request(lab: Lab, objects: Objects) -> None:
    lab.seed("r", {"a/x": b""})
    assert objects.world(lab).directories(url("r"), "", "") == ["a"]
    lab.push("r", {"b/x": b""})
    assert objects.world(lab).directories(url("r"), "", "") == ["a"]
    assert objects.world(lab, fresh=True).directories(url("r"), "", "") == ["b"]


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (
            lambda world: world.directories(url("r"), "nope", ""),
            "error retrieving Git Directories: rpc error: code = Internal desc = unable to resolve git revision : "
            "unable to resolve 'nope' to a commit SHA: revision not found",
        ),
        (
            lambda world: world.files(url("none"), "", "", "*"),
            "error retrieving Git files: rpc error: code = Internal desc = unable to resolve git revision : "
            "failed to list refs: authentication required: Unauthorized\n",
        ),
    ],
)
def test_what_cannot_be_read(lab: Lab, objects: Objects, ask: Callable[[LabWorld], object], text: str) -> None:
    lab.seed("r", FILES)
    with pytest.raises(SourceError) as caught:
        ask(objects.world(lab))
    assert str(caught.value) == text


def test_the_project_s_credentials_are_used(lab: Lab, objects: Objects) -> None:
    lab.seed("r", {"a/x": b""}, private=True)
    data = {"url": url("r"), "username": OWNER, "password": "a-password", "project": "prod"}
    lab.secrets = [_secret("repository", data)]
    assert objects.world(lab).directories(url("r"), "", "prod") == ["a"]
    with pytest.raises(SourceError, match="authentication required"):
        objects.world(lab).directories(url("r"), "", "")


# -- the hub


def _secret(kind: str, data: Mapping[str, str]) -> Object:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    labels = {"argocd.argoproj.io/secret-type": kind}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "labels": labels}, "data": encoded}


def test_objects_of_the_hub(lab: Lab, objects: Objects) -> None:
    objects.secrets["s"] = _secret("cluster", {"server": "https://x"})
    objects.config_maps["c"] = {"data": {"a": "b"}}
    objects.projects["prod"] = {}
    objects.decisions = [
        {"metadata": {"name": "a", "labels": {"tier": "one"}}},
        {"metadata": {"name": "b", "labels": {"tier": "two"}}},
    ]
    world = objects.world(lab)
    assert (world.secret("s"), world.secret("t")) == ({"server": "https://x"}, None)
    assert (world.config_map("c"), world.config_map("d")) == ({"a": "b"}, None)
    assert (world.has_project("prod"), world.has_project("default")) == (True, False)
    assert len(world.secrets()) == 1
    assert [one["metadata"]["name"] for one in world.decisions("g", "v", "p", "b", {})] == ["b"]
    chosen = world.decisions("g", "v", "p", "", {"matchLabels": {"tier": "one"}})
    assert [one["metadata"]["name"] for one in chosen] == ["a"]
    assert world.call_plugin("http://p", "t", 3, {}) == {"asked": ["http://p", "t", 3, {}]}


# -- the forge


def gitea(**more: Any) -> Object:
    return {"gitea": {"api": BASE, "owner": OWNER, "repo": "r", **more}}


@pytest.fixture
def reviewed(lab: Lab) -> Lab:
    """Three pull requests: one closed, one labelled, one plain."""
    lab.seed("r", {"a": b"1"})
    record = lab.git.forge.record(OWNER, "r")
    from lab.sim.git.records import Label

    record.labels.append(Label(1, "preview", "ffffff"))
    for name, labels in (("closed", ()), ("feature/labelled", (1,)), ("plain", ())):
        lab.push("r", {"a": name.encode()}, branch=name)
        lab.git.forge.open_pull(OWNER, "r", "ada", name, "main", f"Add {name}", "", labels)
    lab.git.forge.set_state(OWNER, "r", record.pulls[0], "closed")
    return lab


def numbers(found: Sequence[Any]) -> list[int]:
    return [one.number for one in found]


def test_open_pull_requests_newest_first(reviewed: Lab, objects: Objects) -> None:
    world = objects.world(reviewed)
    found = world.pull_requests(gitea())
    assert numbers(found) == [3, 2]
    heads = reviewed.git.forge.branches(OWNER, "r")
    labelled = found[1]
    assert (labelled.title, labelled.branch, labelled.target_branch) == (
        "Add feature/labelled",
        "feature/labelled",
        "main",
    )
    assert (labelled.head_sha, labelled.author, labelled.labels) == (heads["feature/labelled"], "ada", ["preview"])
    assert numbers(world.pull_requests(gitea(labels=["preview"]))) == [2]
    assert numbers(world.pull_requests(gitea(labels=["preview", "other"]))) == []


def test_argo_cd_sees_one_page_of_them(lab: Lab, objects: Objects) -> None:
    lab.seed("r", {"a": b"1"})
    for at in range(32):
        lab.push("r", {"a": str(at).encode()}, branch=f"b{at}")
        lab.git.forge.open_pull(OWNER, "r", "ada", f"b{at}", "main", "title", "", ())
    assert numbers(objects.world(lab).pull_requests(gitea())) == list(range(32, 2, -1))


@pytest.mark.parametrize("more", [{"repo": "none"}, {"owner": "nobody"}])
def test_a_repository_that_is_not_there(lab: Lab, objects: Objects, more: dict[str, str]) -> None:
    lab.seed("r", {"a": b"1"})
    with pytest.raises(RepositoryNotFound):
        objects.world(lab).pull_requests(gitea(**more))


def test_a_private_repository_needs_a_token(lab: Lab, objects: Objects) -> None:
    lab.seed("r", {"a": b"1"}, private=True)
    account = lab.git.forge.accounts.get(OWNER)
    assert account is not None
    _, token = lab.git.forge.accounts.add_token(account, "t", [], WHEN)
    objects.secrets["s"] = _secret("scm-creds", {"token": token, "wrong": "no"})
    world = objects.world(lab)
    with pytest.raises(RepositoryNotFound):
        world.pull_requests(gitea())
    assert world.pull_requests(gitea(tokenRef={"secretName": "s", "key": "token"})) == []


def _run(world: LabWorld) -> Run:
    return Run({"metadata": {"name": "set", "namespace": "argocd"}, "spec": {}}, GoRenderer(()), world)


SELECTING = "failed to select pull request service provider"


@pytest.mark.parametrize(
    ("spec", "more", "text"),
    [
        (
            gitea(tokenRef={"secretName": "none", "key": "token"}),
            {},
            f'{SELECTING}: error fetching Secret token: error fetching secret argocd/none: Secret "none" not found',
        ),
        (
            gitea(tokenRef={"secretName": "s", "key": "none"}),
            {},
            f'{SELECTING}: error fetching Secret token: key "none" in secret argocd/s not found',
        ),
        (gitea(tokenRef={"secretName": "s", "key": "wrong"}), {}, f"{SELECTING}: invalid username, password or token"),
        (gitea(), {"providers_enabled": False}, f"{SELECTING}: scm providers are disabled"),
        (
            gitea(),
            {"allowed_providers": ["http://a", "http://b"]},
            f'{SELECTING}: scm provider not allowed: scm provider "{BASE}" not allowed, must use one of the following: '
            "http://a, http://b",
        ),
        (
            {"github": {"owner": "a", "repo": "b"}},
            {},
            f'{SELECTING}: Get "https://api.github.com/": dial tcp: lookup api.github.com on 10.96.0.10:53: server '
            "misbehaving (a github outside the lab: not supported by the simulator; use --provider kind)",
        ),
    ],
)
def test_a_forge_that_cannot_be_asked(
    lab: Lab, objects: Objects, spec: Object, more: dict[str, Any], text: str
) -> None:
    objects.secrets["s"] = _secret("scm-creds", {"wrong": "no"})
    with pytest.raises(GeneratorError) as caught:
        pull_requests(spec, _run(objects.world(lab, **more)))
    assert str(caught.value) == text


def test_the_lab_has_no_organizations(lab: Lab, objects: Objects) -> None:
    spec = {"gitea": {"api": BASE, "owner": OWNER}}
    with pytest.raises(GeneratorError, match=r"^error listing repos: GetOrgByName$"):
        scm(spec, _run(objects.world(lab)))
    with pytest.raises(GeneratorError, match=r"^scm providers are disabled$"):
        scm(spec, _run(objects.world(lab, providers_enabled=False)))


def test_a_git_generator_over_the_lab(lab: Lab, objects: Objects) -> None:
    lab.seed("r", FILES)
    objects.projects["default"] = {}
    spec = {"git": {"repoURL": url("r"), "revision": "main", "files": [{"path": "clusters/*.json"}]}}
    application_set = {"metadata": {"name": "set"}, "spec": {"template": {"spec": {"project": "default"}}}}
    run = Run(application_set, GoRenderer(()), objects.world(lab))
    found = transform(spec, run).results
    assert [one["name"] for one in found[0].params] == ["east", "west"]
