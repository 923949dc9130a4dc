"""The git server's API, against a server on loopback."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lab import git
from lab.errors import LabError, WaitTimeout
from lab.git import Gitea
from lab.ports import GitServer
from tests.fakes.clock import FakeClock
from tests.fakes.gitea import TOKEN, FakeGitea, served

COMMIT = "a" * 40


@pytest.fixture
def fake() -> Iterator[FakeGitea]:
    with served(FakeGitea(password="secret")) as gitea:
        yield gitea


def client(fake: FakeGitea, password: str = "secret") -> Gitea:
    return Gitea(fake.url, password, log="docker logs lab-git", clock=FakeClock())


def test_it_is_a_git_server(fake: FakeGitea) -> None:
    server: GitServer = client(fake)
    assert server.in_cluster_url == "http://lab-git:3000"
    assert git.repository_url(server.in_cluster_url, "platform") == "http://lab-git:3000/lab/platform.git"


def test_ready_says_why_not(fake: FakeGitea) -> None:
    assert client(fake).ready() == ""
    fake.healthy = False
    assert client(fake).ready() == "the git server answers with status 503"
    assert "cannot be reached" in Gitea("http://127.0.0.1:9", "x").ready()


def test_a_repository_is_made_once(fake: FakeGitea) -> None:
    server = client(fake)
    server.create("platform")
    server.create("platform")
    server.create("apps")
    assert server.repositories() == ["apps", "platform"]


def test_more_repositories_than_one_page(fake: FakeGitea) -> None:
    fake.repositories = {f"r{n:03}": {} for n in range(2 * git.PAGE)}
    assert len(client(fake).repositories()) == 2 * git.PAGE


def test_the_head_of_a_branch(fake: FakeGitea) -> None:
    fake.repositories = {"platform": {"main": COMMIT, "feature/a.b": "b" * 40}, "empty": {}}
    server = client(fake)
    assert server.head("platform") == COMMIT
    assert server.head("platform", "feature/a.b") == "b" * 40
    assert server.head("platform", "feature/axb") == ""
    assert server.head("platform", "feature") == ""
    assert server.head("empty") == ""
    assert server.head("platform", "gone") == ""
    assert server.head("nothing") == ""


def test_pull_requests_from_opening_to_merging(fake: FakeGitea) -> None:
    server = client(fake)
    fake.labels = [{"id": 1, "name": "other"}]
    pull = server.open_pull("platform", "feature", "A feature", ["preview"])
    assert (pull.number, pull.branch, pull.labels, pull.state) == (1, "feature", ("preview",), "open")
    assert server.open_pull("platform", "feature", "A feature", ["preview"]) == pull
    assert [label["name"] for label in fake.labels] == ["other", "preview"]
    fake.busy_merges = 2
    server.merge_pull("platform", 1)
    assert server.pulls("platform")[0].state == "merged"
    server.merge_pull("platform", 1)
    second = server.open_pull("platform", "other", "Another")
    server.close_pull("platform", second.number)
    assert [p.state for p in server.pulls("platform")] == ["closed", "merged"]


def test_a_branch_that_was_just_pushed_is_waited_for(fake: FakeGitea) -> None:
    fake.repositories = {"platform": {"main": COMMIT, "feature": COMMIT}}
    fake.unnoticed = 3
    assert client(fake).open_pull("platform", "feature", "A feature").state == "open"
    fake.unnoticed = 1
    with pytest.raises(LabError) as raised:
        client(fake).open_pull("platform", "never-pushed", "A feature")
    assert raised.value.code == "git-failed"
    assert "branch does not exist" in raised.value.what


def test_a_merge_that_never_comes_says_what_the_server_says(fake: FakeGitea) -> None:
    server = client(fake)
    server.open_pull("platform", "feature", "A feature")
    fake.busy_merges = 10**6
    with pytest.raises(WaitTimeout) as raised:
        server.merge_pull("platform", 1)
    assert raised.value.seen == "Please try again later"


def test_a_refusal_keeps_the_password_out(fake: FakeGitea) -> None:
    with pytest.raises(LabError) as raised:
        client(fake, "not-the-password").create("platform")
    error = raised.value
    assert error.code == "git-failed"
    assert "status 401" in error.what
    assert "docker logs lab-git" in error.fix
    assert "not-the-password" not in f"{error.what}{error.why}{error.fix}{error.details}"


def test_a_server_that_is_away_is_an_error_of_git() -> None:
    with pytest.raises(LabError) as raised:
        Gitea("http://127.0.0.1:9", "x").repositories()
    assert raised.value.code == "git-failed"


# --- account and container --------------------------------------------------------------------------------------------


class Container:
    """Runs `gitea admin ...` as the real one: the account is made once, a token each time."""

    def __init__(self, fake: FakeGitea, prints: str = f"warning\n{TOKEN}\n") -> None:
        self.fake = fake
        self.prints = prints
        self.ran: list[Sequence[str]] = []

    def __call__(self, argv: Sequence[str]) -> str:
        self.ran.append(argv)
        self.fake.password = self.fake.password or "made up"
        self.fake.tokens.add(argv[-1].split("--token-name ")[1].split()[0])
        return self.prints


@pytest.mark.parametrize("before", ["", "changed by somebody"])
def test_the_account_gets_the_labs_password_without_it_being_shown(before: str) -> None:
    with served(FakeGitea(password=before)) as fake:
        container = Container(fake)
        server = client(fake, "the lab's own")
        assert git.ensure_account(server, container)
        assert server.signed_in()
        assert fake.tokens == set()
        assert "the lab's own" not in " ".join(container.ran[0])
        assert not git.ensure_account(server, container)
        assert len(container.ran) == 1


def test_an_account_that_cannot_be_made_is_an_error() -> None:
    with served(FakeGitea()) as fake, pytest.raises(LabError) as raised:
        git.ensure_account(client(fake), Container(fake, prints="panic: disk full"))
    assert raised.value.code == "git-failed"


def test_the_containers_settings_are_closed_to_the_outside() -> None:
    manifests = Path(__file__).parents[2] / "manifests"
    environment = git.container_environment(manifests, "a key")
    assert environment["GITEA__security__SECRET_KEY"] == "a key"
    assert environment["GITEA__security__INSTALL_LOCK"] == "true"
    assert environment["GITEA__server__DISABLE_SSH"] == "true"
    assert environment["GITEA__service__DISABLE_REGISTRATION"] == "true"
    assert environment["GITEA__cron_0X2E_update_checker__ENABLED"] == "false"
    assert all(isinstance(value, str) for value in environment.values())
