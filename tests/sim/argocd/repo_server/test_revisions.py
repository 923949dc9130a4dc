"""What a branch stands for, for how long that is remembered, and what a push changes."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.ports import RepoError
from lab.sim.argocd.repo_server import Settings
from tests.sim.argocd.repo_server.cases import config_map
from tests.sim.argocd.repo_server.given import BASE, Lab, request, url


def apps(**files: str) -> dict[str, bytes]:
    return {f"{path.replace('__', '/')}.yaml": config_map(text) for path, text in files.items()}


async def rendered(lab: Lab, **more: Any) -> tuple[str, list[str]]:
    made = await lab.server.manifests(request("r", {"path": "a"}, **more))
    return made.revision, [one["metadata"]["name"] for one in made.objects]


async def test_a_push_is_noticed_when_what_is_remembered_is_old(lab: Lab) -> None:
    first = lab.seed("r", apps(a__x="one"))
    assert await rendered(lab) == (first, ["one"])
    second = lab.push("r", apps(a__x="two"))
    await lab.clock.advance(179.0)
    assert await rendered(lab) == (first, ["one"])
    await lab.clock.advance(1.0)
    assert await rendered(lab) == (second, ["two"])


@pytest.mark.parametrize("how", ["refresh", "hard"])
async def test_a_push_is_noticed_at_once_on_request(lab: Lab, how: str) -> None:
    lab.seed("r", apps(a__x="one"))
    await rendered(lab)
    second = lab.push("r", apps(a__x="two"))
    assert await rendered(lab, **{how: True}) == (second, ["two"])
    assert await rendered(lab) == (second, ["two"])


async def test_nothing_is_remembered_when_it_is_told_so(lab: Lab) -> None:
    lab.server = lab.another(Settings(remember_references=0.0))
    lab.seed("r", apps(a__x="one"))
    await rendered(lab)
    second = lab.push("r", apps(a__x="two"))
    assert await rendered(lab) == (second, ["two"])


async def test_resolve_always_asks(lab: Lab) -> None:
    first = lab.seed("r", apps(a__x="one"))
    assert await lab.server.resolve(url("r"), "main") == first
    second = lab.push("r", apps(a__x="two"))
    assert await lab.server.resolve(url("r"), "") == second
    assert await lab.server.resolve(url("r"), "0" * 40) == "0" * 40
    with pytest.raises(RepoError, match=r"^rpc error: code = Unknown desc = unable to resolve 'x' to a commit SHA: "):
        await lab.server.resolve(url("r"), "x")


async def test_a_commit_that_came_later_is_found(lab: Lab) -> None:
    lab.seed("r", apps(a__x="one"))
    await rendered(lab)
    second = lab.push("r", apps(a__x="two"))
    assert await rendered(lab, revision=second) == (second, ["two"])
    assert await rendered(lab, revision=second[:8]) == (second, ["two"])


async def test_a_repository_made_anew_is_another_one(lab: Lab) -> None:
    lab.seed("r", apps(a__x="one"))
    await rendered(lab)
    lab.git.forge.delete("lab", "r")
    lab.server = lab.another()
    with pytest.raises(RepoError, match="failed to list refs: authentication required: Unauthorized"):
        await rendered(lab)
    again = lab.seed("r", apps(a__x="three"))
    assert await rendered(lab) == (again, ["three"])


async def test_listeners_hear_of_every_name_of_a_repository(lab: Lab) -> None:
    lab.seed("r", apps(a__x="one"))
    heard: list[str] = []
    end = lab.server.on_push(heard.append)
    lab.push("r", apps(a__x="two"))
    assert heard == [f"{BASE}/lab/r.git", "http://127.0.0.1:4000/lab/r.git"]
    end()
    lab.push("r", apps(a__x="three"))
    assert len(heard) == 2


async def test_every_name_of_a_repository_is_good(lab: Lab) -> None:
    commit = lab.seed("r", apps(a__x="one"))
    for name in (f"{BASE}/lab/r", f"{BASE}/lab/r.git/", "HTTP://Lab-Git:3000/lab/r.git", "http://127.0.0.1:4000/lab/r"):
        assert await lab.server.resolve(name, "") == commit


UNREACHABLE = {
    "https://github.com/a/b.git": 'Get "https://github.com/a/b.git/info/refs?service=git-upload-pack": dial tcp: '
    "lookup github.com on 10.96.0.10:53: server misbehaving",
    "https://ada:secret@example.com/b": 'Get "https://ada:***@example.com/b/info/refs?service=git-upload-pack": '
    "dial tcp: lookup example.com on 10.96.0.10:53: server misbehaving",
    "git@github.com:a/b.git": 'error creating SSH agent: "SSH agent requested but SSH_AUTH_SOCK not-specified"',
    f"{BASE.replace('http', 'https')}/lab/r": 'Get "https://lab-git:3000/lab/r/info/refs?service=git-upload-pack": '
    "http: server gave HTTP response to HTTPS client",
    "ftp://example.com/x": 'unsupported scheme "ftp"',
    "/etc": "repository not found",
}


@pytest.mark.parametrize("where", UNREACHABLE)
async def test_other_repositories_are_out_of_reach(lab: Lab, where: str) -> None:
    with pytest.raises(RepoError) as caught:
        await lab.server.manifests(request("r", {"repoURL": where, "path": "."}))
    ending = "(a repository outside http://lab-git:3000: not supported by the simulator; use --provider kind)"
    assert str(caught.value) == f"rpc error: code = Unknown desc = failed to list refs: {UNREACHABLE[where]} {ending}"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"repoURL": "https://charts.example", "chart": "redis", "targetRevision": "1.2.3"}, "error fetching chart: "),
        (
            {"repoURL": "https://charts.example", "chart": "redis", "targetRevision": "1.*"},
            "error loading repo index: ",
        ),
        ({"repoURL": "ghcr.io/charts", "chart": "redis", "targetRevision": "1.*"}, "unable to get tags: "),
        ({"repoURL": "oci://ghcr.io/a/b", "path": "."}, 'failed to resolve revision "": '),
    ],
)
async def test_charts_and_artifacts_are_out_of_reach(lab: Lab, source: dict[str, str], text: str) -> None:
    with pytest.raises(RepoError) as caught:
        await lab.server.manifests(request("r", source))
    assert str(caught.value).startswith(f"rpc error: code = Unknown desc = {text}")
    assert "not supported by the simulator; use --provider kind" in str(caught.value)


async def test_while_the_git_server_is_down_what_is_remembered_counts(lab: Lab) -> None:
    first = lab.seed("r", apps(a__x="one"))
    await rendered(lab)
    lab.is_up = False
    assert await rendered(lab) == (first, ["one"])
    with pytest.raises(RepoError) as caught:
        await rendered(lab, refresh=True)
    assert str(caught.value) == (
        'rpc error: code = Unknown desc = failed to list refs: Get "http://lab-git:3000/lab/r.git/info/refs?'
        'service=git-upload-pack": dial tcp: lookup lab-git on 10.96.0.10:53: no such host'
    )


# -- what changed between two commits


@pytest.fixture
def history(lab: Lab) -> tuple[str, str, str]:
    first = lab.seed("r", apps(a__x="one", b__y="one"))
    second = lab.push("r", apps(a__x="one", b__y="two"))
    third = lab.push("r", apps(a__x="two", b__y="two", c__z="new"))
    return first, second, third


async def _unchanged(lab: Lab, old: str, new: str, *paths: str) -> bool:
    return await lab.server.unchanged(request("r", {"path": "a"}, refresh_paths=paths), old, new)


async def test_only_the_named_paths_count(lab: Lab, history: tuple[str, str, str]) -> None:
    first, second, third = history
    assert await _unchanged(lab, first, second, "a")
    assert not await _unchanged(lab, first, second, "b")
    assert not await _unchanged(lab, first, second, "a", "b/y.yaml")
    assert not await _unchanged(lab, second, third, "a")
    assert not await _unchanged(lab, second, third, "?/z.yaml")
    assert await _unchanged(lab, second, third, "b")
    assert await _unchanged(lab, second, third, "aa")
    assert not await _unchanged(lab, second, third, ".")


async def test_without_paths_every_commit_counts(lab: Lab, history: tuple[str, str, str]) -> None:
    assert not await _unchanged(lab, *history[:2])
    assert await _unchanged(lab, history[0], history[0])


async def test_a_lost_commit_counts(lab: Lab, history: tuple[str, str, str]) -> None:
    assert not await _unchanged(lab, "1" * 40, history[2], "nothing")


async def test_the_paths_count_in_sources_that_are_referred_to(lab: Lab, history: tuple[str, str, str]) -> None:
    first, second, third = history
    source = {"path": "a", "helm": {"valueFiles": ["$v/values.yaml"]}}
    more: dict[str, Any] = {"refresh_paths": ("a",), "synced_references": {"$v": first}}

    def asked(revision: str) -> Any:
        return request("r", source, references={"$v": {"repoURL": url("r"), "targetRevision": revision}}, **more)

    assert await lab.server.unchanged(asked(second), first, first)
    assert not await lab.server.unchanged(asked(third), first, first)
