"""One body of tests for both git servers: the simulator's, and a real Gitea where one may be started (LAB_RIG=1)."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab import web
from lab.git import USER, Gitea
from lab.sim.clock import SystemClock
from lab.sim.git.server import GitServer
from tests.sim.git.gitea_process import binary, gitea

PASSWORD = "a-password-of-tests"
SECONDS = 30.0
Json = Any

PULL_KEYS = set(
    [
        "allow_maintainer_edit",
        "assignee",
        "assignees",
        "base",
        "body",
        "closed_at",
        "comments",
        "content_version",
        "created_at",
        "diff_url",
        "draft",
        "due_date",
        "head",
        "html_url",
        "id",
        "is_locked",
        "labels",
        "merge_base",
        "merge_commit_sha",
        "mergeable",
        "merged",
        "merged_at",
        "merged_by",
        "milestone",
        "number",
        "patch_url",
        "pin_order",
        "requested_reviewers",
        "requested_reviewers_teams",
        "review_comments",
        "state",
        "title",
        "updated_at",
        "url",
        "user",
    ]
)


class Server:
    """One git server, its API, and git."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.client = Gitea(url, PASSWORD)
        self._folder = folder
        self._names = (f"r{number}" for number in itertools.count())

    def new(self, files: dict[str, str] | None = None) -> tuple[str, Path]:
        """A fresh repository with a commit on main, and a clone of it."""
        name = next(self._names)
        self.client.create(name)
        clone = self._folder / name
        clone.mkdir()
        self.git(clone, "init", "--quiet", "--initial-branch=main")
        self.git(clone, "remote", "add", "origin", self.address(name))
        self.commit(clone, files or {"a.txt": "1\n2\n3\n4\n5\n6\n7\n"})
        self.git(clone, "push", "--quiet", "origin", "main")
        self.noticed(name, "main")
        return name, clone

    def noticed(self, name: str, branch: str) -> None:
        """Wait until the API knows of a branch that was pushed."""
        eventually(lambda: self.ask("GET", f"/repos/{USER}/{name}/branches/{branch}")[0] == 200)

    def address(self, name: str, secret: str = PASSWORD) -> str:
        return f"http://{USER}:{secret}@{urlsplit(self.url).netloc}/{USER}/{name}.git"

    def branch(self, clone: Path, name: str, files: dict[str, str], start: str = "main") -> str:
        """A pushed branch with one more commit; the commit's id."""
        self.git(clone, "checkout", "--quiet", "-B", name, start)
        self.commit(clone, files)
        self.git(clone, "push", "--quiet", "--force", "origin", name)
        return self.git(clone, "rev-parse", "HEAD")

    def commit(self, clone: Path, files: dict[str, str]) -> None:
        for path, text in files.items():
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            (clone / path).write_text(text)
        self.git(clone, "add", "--all")
        self.git(clone, "commit", "--quiet", "--message", f"change {sorted(files)}")

    def git(self, cwd: Path, *arguments: str, check: bool = True) -> str:
        people = {f"GIT_{role}_{key}": "t@x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "GIT_TERMINAL_PROMPT": "0", **people}
        ran = subprocess.run(["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0 or not check, ran.stderr
        return ran.stdout.strip() if ran.returncode == 0 else ran.stderr

    def ask(
        self, method: str, path: str, body: Json = None, secret: str | None = PASSWORD, token: str = ""
    ) -> tuple[int, Json]:
        """Status and decoded answer."""
        auth = (USER, secret) if secret and not token else None
        headers = {"Authorization": f"token {token}"} if token else {}
        answer = web.request(method, f"{self.url}/api/v1{path}", json=body, auth=auth, headers=headers)
        try:
            return answer.status, answer.json()
        except ValueError:
            return answer.status, answer.text

    def refusal(self, method: str, path: str, body: Json = None, **options: Any) -> tuple[int, str]:
        """Status and message of a refusal."""
        status, answer = self.ask(method, path, body, **options)
        assert set(answer) - {"errors"} == {"message", "url"}
        return status, answer["message"]


def eventually(probe: Callable[[], Any]) -> Any:
    """What the probe gives once it gives something true: Gitea works on what was pushed in the background."""
    until = time.monotonic() + SECONDS
    while not (got := probe()):
        assert time.monotonic() < until, "nothing came of it"
        time.sleep(0.1)
    return got


@pytest.fixture(scope="module", params=["simulator", "gitea"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "clones").mkdir()
    if request.param == "gitea":
        program = binary()
        if program is None:
            pytest.skip("needs a gitea binary and LAB_RIG=1")
        with gitea(folder, program, USER, PASSWORD) as url:
            yield Server(url, folder / "clones")
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> GitServer:
        made = GitServer(folder / "repositories", SystemClock())
        made.forge.accounts.ensure(USER, PASSWORD, time.time())
        await made.start()
        return made

    simulated = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield Server(simulated.url, folder / "clones")
    finally:
        asyncio.run_coroutine_threadsafe(simulated.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


# --- as the lab uses it ---------------------------------------------------------------------------------------------


def test_account(server: Server) -> None:
    assert server.client.ready() == ""
    assert server.client.signed_in()
    assert not Gitea(server.url, "wrong").signed_in()


def test_repositories_and_heads(server: Server) -> None:
    server.client.create("twice")
    server.client.create("twice")
    assert "twice" in server.client.repositories()
    assert server.client.head("twice") == ""
    assert server.client.head("missing") == ""
    name, clone = server.new()
    assert server.client.head(name) == server.git(clone, "rev-parse", "HEAD")
    assert server.client.head(name, "other") == ""


def test_pull_request_from_opening_to_merge(server: Server) -> None:
    name, clone = server.new()
    server.branch(clone, "preview", {"b.txt": "b\n"})
    pull = server.client.open_pull(name, "preview", "Try it", ["preview", "blue"])
    assert (pull.number, pull.title, pull.branch, pull.state) == (1, "Try it", "preview", "open")
    assert set(pull.labels) == {"preview", "blue"}
    assert server.client.open_pull(name, "preview", "Again").number == 1
    assert [one.number for one in server.client.pulls(name)] == [1]
    before = server.client.head(name)
    server.client.merge_pull(name, 1)
    server.client.merge_pull(name, 1)
    assert server.client.pulls(name)[0].state == "merged"
    server.git(clone, "fetch", "--quiet", "origin")
    parents = server.git(clone, "log", "-1", "--format=%P", "origin/main").split()
    assert parents == [before, server.git(clone, "rev-parse", "preview")]
    subject = server.git(clone, "log", "-1", "--format=%s", "origin/main")
    assert subject == "Merge pull request 'Try it' (#1) from preview into main"
    who = server.git(clone, "log", "-1", "--format=%an <%ae>", "origin/main")
    assert who == f"{USER} <{USER}@localhost>"
    assert server.git(clone, "show", "origin/main:b.txt") == "b"


def test_closing_and_numbers(server: Server) -> None:
    name, clone = server.new()
    for number in (1, 2):
        server.branch(clone, f"b{number}", {f"f{number}": "x"})
        assert server.client.open_pull(name, f"b{number}", "t").number == number
    server.client.close_pull(name, 2)
    assert [(one.number, one.state) for one in server.client.pulls(name)] == [(2, "closed"), (1, "open")]
    assert server.client.open_pull(name, "b2", "again").number == 3


def test_password_is_set_with_a_token_that_is_then_removed(server: Server) -> None:
    status, made = server.ask("POST", f"/users/{USER}/tokens", {"name": "setup-1", "scopes": ["write:admin"]})
    assert status == 201
    assert len(made["sha1"]) == 40
    server.client.set_password(made["sha1"])
    server.client.remove_token("setup-1")
    server.client.remove_token("setup-1")
    assert server.ask("GET", "/user", token=made["sha1"])[0] == 401
    assert server.client.signed_in()


# --- as Argo CD's pull request generator reads it ---------------------------------------------------------------------


def test_open_pulls_as_the_generator_reads_them(server: Server) -> None:
    name, clone = server.new()
    assert server.ask("GET", "/version", secret=None)[1] == {"version": "1.26.0"}
    first = server.branch(clone, "feature/one", {"b": "b"})
    server.client.open_pull(name, "feature/one", "One", ["preview"])
    status, pulls = server.ask("GET", f"/repos/{USER}/{name}/pulls?limit=50&page=1&state=open", secret=None)
    assert status == 200
    assert len(pulls) == 1
    pull = pulls[0]
    assert set(pull) == PULL_KEYS
    _, alone = server.ask("GET", f"/repos/{USER}/{name}/pulls/1", secret=None)
    assert set(alone) == PULL_KEYS | {"additions", "deletions", "changed_files"}
    assert (pull["number"], pull["title"], pull["state"], pull["merged"]) == (1, "One", "open", False)
    assert (pull["head"]["ref"], pull["head"]["sha"], pull["base"]["ref"]) == ("feature/one", first, "main")
    assert pull["user"]["login"] == pull["user"]["username"] == USER
    assert [label["name"] for label in pull["labels"]] == ["preview"]
    assert urlsplit(pull["html_url"]).path == f"/{USER}/{name}/pulls/1"
    assert pull["head"]["repo"]["clone_url"].endswith(f"/{USER}/{name}.git")
    assert pull["base"]["repo"]["full_name"] == f"{USER}/{name}"
    assert (alone["additions"], alone["deletions"], alone["changed_files"]) == (1, 0, 1)
    second = server.branch(clone, "feature/one", {"b": "c"}, start="feature/one")
    eventually(lambda: server.ask("GET", f"/repos/{USER}/{name}/pulls/1")[1]["head"]["sha"] == second)
    listed = server.git(clone, "ls-remote", server.address(name), "refs/pull/1/head")
    assert listed.split() == [second, "refs/pull/1/head"]


def test_pulls_of_a_missing_and_of_an_empty_repository(server: Server) -> None:
    assert server.refusal("GET", f"/repos/{USER}/missing/pulls?state=open") == (404, "not found")
    server.client.create("empty")
    assert server.refusal("GET", f"/repos/{USER}/empty/pulls?state=open") == (404, "not found")
    assert server.ask("GET", f"/repos/{USER}/empty/branches") == (200, None)


# --- pull requests --------------------------------------------------------------------------------------------------


def test_refused_pull_requests(server: Server) -> None:
    name, clone = server.new()
    server.branch(clone, "b", {"b": "b"})
    path = f"/repos/{USER}/{name}/pulls"
    server.client.open_pull(name, "b", "t")
    same = "There are no changes between the head and the base"
    for body, expected in (
        ({"head": "gone", "base": "main", "title": "t"}, (404, "not found")),
        ({"head": "b", "base": "gone", "title": "t"}, (404, "not found")),
        ({"head": "main", "base": "main", "title": "t"}, (422, f"Invalid PullRequest: {same}")),
        ({"head": "b", "base": "main"}, (422, "[Title]: Required")),
    ):
        assert server.refusal("POST", path, body) == expected, body
    status, text = server.refusal("POST", path, {"head": "b", "base": "main", "title": "t"})
    assert status == 409
    assert text.startswith("pull request already exists for these targets [id: ")
    assert server.refusal("POST", path, {"head": "b", "base": "main", "title": "t"}, secret=None) == (
        401,
        "token is required",
    )
    assert server.refusal("GET", f"{path}/99") == (404, "not found")
    assert server.refusal("GET", f"{path}/x") == (404, "not found")
    assert server.refusal("POST", f"{path}/1/merge", {}) == (422, "[Do]: Required")
    assert server.refusal("POST", f"{path}/1/merge", {"Do": "somehow"}) == (422, "[Do]: In")
    assert server.refusal("POST", f"{path}/99/merge", {"Do": "merge"}) == (404, "GetPullRequestByIndex")
    assert server.refusal("PATCH", f"{path}/1", {"state": "lost"}) == (412, "unknown state: lost")


def merge(server: Server, name: str, number: int, style: str) -> None:
    path = f"/repos/{USER}/{name}/pulls/{number}/merge"
    eventually(lambda: server.ask("POST", path, {"Do": style})[0] == 200)


def test_changes_to_other_lines_of_a_file_are_merged(server: Server) -> None:
    name, clone = server.new()
    for branch, text in (("top", "X\n2\n3\n4\n5\n6\n7\n"), ("bottom", "1\n2\n3\n4\n5\n6\nY\n")):
        server.branch(clone, branch, {"a.txt": text})
        server.client.open_pull(name, branch, branch.title())
    merge(server, name, 1, "merge")
    merge(server, name, 2, "squash")
    server.git(clone, "fetch", "--quiet", "origin")
    assert server.git(clone, "show", "origin/main:a.txt") == "X\n2\n3\n4\n5\n6\nY"
    assert server.git(clone, "log", "-1", "--format=%s%n%P", "origin/main").splitlines()[0] == "Bottom (#2)"
    assert len(server.git(clone, "log", "-1", "--format=%P", "origin/main").split()) == 1


def test_fast_forward(server: Server) -> None:
    name, clone = server.new()
    tip = server.branch(clone, "ahead", {"b": "b"})
    server.client.open_pull(name, "ahead", "t")
    merge(server, name, 1, "fast-forward-only")
    assert server.client.head(name) == tip


def test_conflict(server: Server) -> None:
    name, clone = server.new()
    for branch, text in (("one", "X\n2\n"), ("other", "Y\n2\n")):
        server.branch(clone, branch, {"a.txt": text})
        server.client.open_pull(name, branch, "t")
    merge(server, name, 1, "merge")
    path = f"/repos/{USER}/{name}/pulls/2"
    eventually(lambda: server.ask("GET", path)[1]["mergeable"] is False)
    before = server.client.head(name)
    assert server.refusal("POST", f"{path}/merge", {"Do": "merge"}) == (405, "Please try again later")
    assert server.client.head(name) == before
    # The branch is mended, and then it merges.
    server.git(clone, "fetch", "--quiet", "origin")
    server.branch(clone, "other", {"a.txt": "Z\n2\n"}, start="origin/main")
    eventually(lambda: server.ask("GET", path)[1]["mergeable"] is True)
    merge(server, name, 2, "merge")


def test_states(server: Server) -> None:
    name, clone = server.new()
    server.branch(clone, "b", {"b": "b"})
    server.client.open_pull(name, "b", "t")
    path = f"/repos/{USER}/{name}/pulls"
    assert server.refusal("GET", f"{path}/1/merge")[0] == 404
    status, pull = server.ask("PATCH", f"{path}/1", {"state": "closed"})
    assert (status, pull["state"], pull["merged"]) == (201, "closed", False)
    assert pull["closed_at"]
    assert server.ask("GET", f"{path}?state=open") == (200, [])
    assert [one["number"] for one in server.ask("GET", f"{path}?state=closed")[1]] == [1]
    assert server.refusal("POST", f"{path}/1/merge", {"Do": "merge"}) == (404, "not found")
    status, pull = server.ask("PATCH", f"{path}/1", {"state": "open"})
    assert (status, pull["state"], pull["closed_at"]) == (201, "open", None)
    merge(server, name, 1, "merge")
    assert server.ask("GET", f"{path}/1/merge")[0] == 204
    _, pull = server.ask("GET", f"{path}/1")
    assert (pull["merged"], pull["state"], pull["merge_commit_sha"]) == (True, "closed", server.client.head(name))
    assert pull["merged_by"]["login"] == USER
    assert server.refusal("POST", f"{path}/1/merge", {"Do": "merge"}) == (405, "The PR is already merged")
    text = "cannot change state of this pull request, it was already merged"
    assert server.refusal("PATCH", f"{path}/1", {"state": "open"}) == (412, text)


def test_deleting_the_branch_closes_the_request(server: Server) -> None:
    name, clone = server.new()
    tip = server.branch(clone, "b", {"b": "b"})
    server.client.open_pull(name, "b", "t")
    server.git(clone, "push", "--quiet", "origin", ":b")
    path = f"/repos/{USER}/{name}/pulls/1"
    eventually(lambda: server.ask("GET", path)[1]["state"] == "closed")
    head = server.ask("GET", path)[1]["head"]
    assert (head["ref"], head["sha"], head["label"]) == ("refs/pull/1/head", tip, "b")


def test_labels(server: Server) -> None:
    name, clone = server.new()
    labels = f"/repos/{USER}/{name}/labels"
    status, made = server.ask("POST", labels, {"name": "preview", "color": "#0075ca"})
    assert (status, made["name"], made["color"]) == (201, "preview", "0075ca")
    _, other = server.ask("POST", labels, {"name": "blue", "color": "00ff00", "description": "d"})
    assert [one["name"] for one in server.ask("GET", labels)[1]] == ["blue", "preview"]
    assert server.refusal("POST", labels, {"name": "x", "color": "zzz"}) == (422, "invalid color: #zzz")
    assert server.refusal("POST", labels, {"name": "x"}) == (422, "[Color]: Required")
    server.branch(clone, "b", {"b": "b"})
    server.client.open_pull(name, "b", "t")
    path = f"/repos/{USER}/{name}/issues/1/labels"

    def names(method: str, body: Json = None) -> list[str]:
        status, answer = server.ask(method, path, body)
        assert status == 200
        return [one["name"] for one in answer]

    assert names("POST", {"labels": [made["id"]]}) == ["preview"]
    assert names("POST", {"labels": ["blue"]}) == ["blue", "preview"]
    assert server.ask("DELETE", f"{path}/{made['id']}")[0] == 204
    assert server.ask("DELETE", f"{path}/{made['id']}")[0] == 204
    assert names("GET") == ["blue"]
    assert server.refusal("DELETE", f"{path}/99999")[0] == 422
    assert names("PUT", {"labels": [made["id"]]}) == ["preview"]
    assert server.ask("DELETE", path)[0] == 204
    assert names("GET") == []
    assert server.refusal("GET", f"/repos/{USER}/{name}/issues/99/labels")[0] == 404
    assert other["description"] == "d"


# --- repositories, branches, contents --------------------------------------------------------------------------------


def test_repositories_by_the_api(server: Server) -> None:
    path = "/user/repos"
    for body, expected in (
        ({"name": "twice"}, (409, "The repository with the same name already exists.")),
        ({"name": "../x"}, (422, "[Name]: AlphaDashDot")),
        ({"name": ""}, (422, "[Name]: Required")),
        ({"name": "a.git"}, (422, "name pattern is not allowed [pattern: *.git]")),
    ):
        server.client.create("twice")
        assert server.refusal("POST", path, body) == expected, body
    assert server.refusal("GET", f"/repos/{USER}/missing") == (404, "not found")
    assert server.refusal("GET", "/repos/nobody/missing") == (404, "GetUserByName")
    status, made = server.ask("POST", path, {"name": "short-lived"})
    assert (status, made["full_name"], made["empty"], made["default_branch"]) == (
        201,
        f"{USER}/short-lived",
        True,
        "main",
    )
    assert server.ask("DELETE", f"/repos/{USER}/short-lived")[0] == 204
    assert server.refusal("DELETE", f"/repos/{USER}/short-lived") == (404, "not found")


def test_private_repository(server: Server) -> None:
    server.ask("POST", "/user/repos", {"name": "private", "private": True})
    assert server.refusal("GET", f"/repos/{USER}/private", secret=None) == (404, "not found")
    assert server.ask("GET", f"/repos/{USER}/private")[1]["private"] is True
    for path, status in (("private", 401), ("none", 401), ("twice", 200)):
        server.client.create("twice")
        answer = web.request("GET", f"{server.url}/{USER}/{path}.git/info/refs?service=git-upload-pack")
        assert answer.status == status, path
    assert web.request("GET", f"{server.url}/{USER}/twice.git/info/refs?service=git-receive-pack").status == 401


def test_branches(server: Server) -> None:
    name, clone = server.new()
    path = f"/repos/{USER}/{name}/branches"
    head = server.client.head(name)
    status, made = server.ask("POST", path, {"new_branch_name": "team/blue", "old_branch_name": "main"})
    assert (status, made["name"], made["commit"]["id"]) == (201, "team/blue", head)
    assert [one["name"] for one in server.ask("GET", path)[1]] == ["main", "team/blue"]
    assert [one["name"] for one in server.ask("GET", f"{path}?limit=1&page=2")[1]] == ["team/blue"]
    assert server.ask("GET", f"{path}/team/blue")[1]["commit"]["author"]["email"] == "t@x"
    assert server.refusal("POST", path, {"new_branch_name": "team/blue"}) == (409, "The branch already exists.")
    assert server.refusal("POST", path, {"new_branch_name": "a..b"}) == (422, "[BranchName]: GitRefName")
    assert server.refusal("POST", path, {}) == (422, "[BranchName]: Required")
    assert server.ask("DELETE", f"{path}/team/blue")[0] == 204
    assert server.refusal("DELETE", f"{path}/team/blue") == (404, "not found")
    text = "can not delete default or pull request target branch"
    assert server.refusal("DELETE", f"{path}/main") == (403, text)
    refused = server.git(clone, "push", "origin", ":main", check=False)
    assert "[remote rejected] main (pre-receive hook declined)" in refused


def test_contents(server: Server) -> None:
    name, clone = server.new({"apps/x.yaml": "kind: X\n", "top": "t"})
    server.branch(clone, "b", {"apps/x.yaml": "kind: Y\n"})
    server.noticed(name, "b")
    path = f"/repos/{USER}/{name}"
    assert web.request("GET", f"{server.url}/api/v1{path}/raw/apps/x.yaml").text == "kind: X\n"
    assert web.request("GET", f"{server.url}/api/v1{path}/raw/apps/x.yaml?ref=b").text == "kind: Y\n"
    assert server.refusal("GET", f"{path}/raw/none") == (404, "not found")
    status, one = server.ask("GET", f"{path}/contents/apps/x.yaml?ref=b")
    assert (status, one["type"], one["size"], one["encoding"], one["content"]) == (
        200,
        "file",
        8,
        "base64",
        "a2luZDogWQo=",
    )
    _, listed = server.ask("GET", f"{path}/contents")
    assert {each["name"]: each["type"] for each in listed} == {"apps": "dir", "top": "file"}
    assert server.refusal("GET", f"{path}/contents/none") == (404, "GetContentsOrList")
    assert server.refusal("GET", f"{path}/contents/top?ref=none") == (404, "not found")


def test_tokens(server: Server) -> None:
    name, clone = server.new()
    path = f"/users/{USER}/tokens"
    status, made = server.ask("POST", path, {"name": "ci", "scopes": ["write:repository", "read:user"]})
    assert status == 201
    assert made["token_last_eight"] == made["sha1"][-8:]
    assert server.refusal("POST", path, {"name": "ci", "scopes": ["write:repository"]}) == (
        400,
        "access token name has been used already",
    )
    assert server.refusal("POST", path, {"name": "other"}) == (400, "access token must have a scope")
    assert [(one["name"], one["sha1"]) for one in server.ask("GET", path)[1] if one["name"] == "ci"] == [("ci", "")]
    assert server.ask("GET", "/user", token=made["sha1"])[1]["login"] == USER
    server.git(clone, "push", "--quiet", server.address(name, made["sha1"]), "main:by-token")
    assert server.client.head(name, "by-token")
    assert server.ask("DELETE", f"{path}/ci")[0] == 204
    assert server.refusal("GET", "/user", token=made["sha1"]) == (401, "invalid username, password or token")
    assert server.refusal("GET", "/user", secret=None) == (401, "token is required")
