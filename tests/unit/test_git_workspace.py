"""First commits, clones and the push hook, with real git."""

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest

from lab import git_workspace
from lab.errors import LabError
from lab.git_workspace import hook_text
from tests.fakes.git_server import FolderGitServer
from tests.fakes.shell import HomeShell

PASSWORD = "p@ss:w/rd 'quoted' %41"


class Place:
    """A machine of its own: home with a hostile git configuration, a server, a scenario, a workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.bin = folder / "bin"
        for made in (self.home, self.bin):
            made.mkdir(parents=True)
        (self.home / ".gitconfig").write_text(
            "[user]\n  name = Ada\n  email = ada@example.org\n"
            "[commit]\n  gpgSign = true\n[core]\n  hooksPath = /nowhere\n  autocrlf = true\n"
            f"  excludesFile = {self.home}/ignored\n[init]\n  defaultBranch = trunk\n"
            "[credential]\n  helper = !echo asked the machine >&2\n[clone]\n  defaultRemoteName = upstream\n"
        )
        (self.home / "ignored").write_text("*.yaml\n")
        self.before = (self.home / ".gitconfig").read_bytes()
        self.shell = HomeShell(home=self.home, path=f"{self.bin}:{os.environ['PATH']}")
        self.server = FolderGitServer(folder / "server")
        self.server.create("platform")
        self.source = folder / "gitops"
        (self.source / "apps").mkdir(parents=True)
        (self.source / "apps" / "web.yaml").write_bytes(b"a: 1\r\n")
        (self.source / ".gitignore").write_text("apps/\n")
        self.workspace = folder / "my lab's work"
        self.credentials = folder / "it's secret" / "git"
        git_workspace.write_credentials(self.credentials, "http://127.0.0.1:3000", PASSWORD)

    def seed(self, **extra: str) -> str:
        files = {name.replace("__", "/"): text for name, text in extra.items()}
        return git_workspace.seed(
            self.shell, self.server, "platform", self.source, files, self.folder / "seed", self.credentials
        )

    def clone(self, hook: str = "") -> Path:
        return git_workspace.clone(self.shell, self.server, "platform", self.workspace, self.credentials, hook)

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        environment = {"HOME": str(self.home), "PATH": self.shell.path, "GIT_TERMINAL_PROMPT": "0"}
        ran = subprocess.run(
            ["git", *arguments], cwd=cwd or self.workspace / "platform", env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def somebody_else_pushes(self) -> None:
        """A commit on main that the workspace does not know."""
        other = self.folder / "other"
        self.git("clone", "--quiet", f"file://{self.server.path('platform')}", str(other), cwd=self.folder)
        self.git("-c", "commit.gpgSign=false", "commit", "--allow-empty", "--message", "theirs", cwd=other)
        self.git("push", "--quiet", "upstream", "HEAD:main", cwd=other)

    def kubectl(self, script: str) -> Path:
        """Put a kubectl on PATH that writes down how it was called."""
        log = self.folder / "kubectl.log"
        program = self.bin / "kubectl"
        program.write_text(f'#!/bin/sh\necho "$KUBECONFIG $*" >>"{log}"\n{script}\n')
        program.chmod(0o755)
        return log


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# --- the first commit -------------------------------------------------------------------------------------------------


def test_the_first_commit_holds_every_byte(place: Place) -> None:
    revision = place.seed(argocd__install__yaml="kind: X\n")
    assert place.server.head("platform") == revision
    bare = place.server.path("platform")
    files = place.git("ls-tree", "-r", "--name-only", "main", cwd=bare).split()
    assert files == [".gitignore", "apps/web.yaml", "argocd/install/yaml"]
    shown = subprocess.run(["git", "-C", str(bare), "show", "main:apps/web.yaml"], capture_output=True)
    assert shown.stdout == b"a: 1\r\n"
    assert place.git("log", "--format=%an <%ae> %cn %aI", cwd=bare).strip() == (
        "GitOps Lab <lab@localhost> GitOps Lab 2026-01-01T00:00:00+00:00"
    )
    assert not list((place.folder / "seed").iterdir())


def test_the_same_files_give_the_same_commit_on_any_machine(tmp_path: Path) -> None:
    first, second = Place(tmp_path / "a"), Place(tmp_path / "b")
    (second.home / ".gitconfig").write_text("[core]\n  autocrlf = input\n")
    assert first.seed(x="1") == second.seed(x="1")


def test_a_branch_that_exists_is_never_pushed_to(place: Place) -> None:
    first = place.seed()
    (place.source / "apps" / "web.yaml").write_text("a: 2\n")
    assert place.seed() == first
    assert place.server.head("platform") == first


def test_a_seed_that_was_cut_short_is_done_again(place: Place) -> None:
    left = place.folder / "seed" / "seed-platform"
    left.mkdir(parents=True)
    (left / "half").write_text("")
    place.seed()
    assert "half" not in place.git("ls-tree", "-r", "--name-only", "main", cwd=place.server.path("platform"))


def test_the_password_is_in_no_command(place: Place) -> None:
    place.seed()
    place.clone()
    assert place.shell.commands
    assert not [c for c in place.shell.commands if "p@ss" in str(c)]
    assert all(("GIT_TERMINAL_PROMPT", "0") in c.env for c in place.shell.commands)


# --- the clone --------------------------------------------------------------------------------------------------------


def test_a_clone_pushes_with_plain_git_whatever_the_machine_says(place: Place) -> None:
    place.seed()
    clone = place.clone()
    assert clone == place.workspace / "platform"
    (clone / "new.yaml").write_text("b: 1\n")
    place.git("add", "--all", "--force")
    place.git("commit", "--message", "mine")
    place.git("push")
    assert place.server.head("platform") == place.git("rev-parse", "HEAD").strip()
    assert place.git("log", "-1", "--format=%an").strip() == "Ada"
    assert (place.home / ".gitconfig").read_bytes() == place.before


def test_somebody_without_a_name_gets_one_in_the_clone_alone(place: Place) -> None:
    (place.home / ".gitconfig").unlink()
    place.seed()
    place.clone()
    assert place.git("config", "--local", "user.name").strip() == "GitOps Lab"
    assert not (place.home / ".gitconfig").exists()


def test_git_finds_the_password_in_the_labs_file(place: Place) -> None:
    place.seed()
    clone = place.clone()
    assert stat.S_IMODE(place.credentials.stat().st_mode) == 0o600
    ran = subprocess.run(
        ["git", "credential", "fill"],
        cwd=clone,
        env={"HOME": str(place.home), "PATH": os.environ["PATH"], "GIT_TERMINAL_PROMPT": "0"},
        input="protocol=http\nhost=127.0.0.1:3000\n\n",
        capture_output=True,
        text=True,
    )
    assert f"password={PASSWORD}\n" in ran.stdout
    assert "username=lab\n" in ran.stdout
    assert ran.stderr == ""


def test_a_clone_that_is_there_keeps_its_work_and_follows_a_moved_server(place: Place) -> None:
    place.seed()
    clone = place.clone()
    (clone / "mine.txt").write_text("work")
    moved = place.folder / "moved"
    place.server.folder.rename(moved)
    place.server.folder = moved
    assert place.clone("#!/bin/sh\nexit 0\n") == clone
    assert (clone / "mine.txt").read_text() == "work"
    assert place.git("remote", "get-url", "origin").strip() == f"file://{moved}/lab/platform.git"
    place.git("fetch")
    assert os.access(clone / ".git" / "hooks" / "reference-transaction", os.X_OK)


def test_a_clone_that_was_cut_short_is_made_again(place: Place) -> None:
    place.seed()
    (place.workspace / ".platform.part" / ".git").mkdir(parents=True)
    place.clone()
    assert sorted(p.name for p in place.workspace.iterdir()) == ["platform"]


def test_something_else_in_its_place_is_left_alone(place: Place) -> None:
    place.seed()
    (place.workspace / "platform").mkdir(parents=True)
    (place.workspace / "platform" / "thesis.txt").write_text("x")
    with pytest.raises(LabError) as raised:
        place.clone()
    assert raised.value.code == "foreign"
    assert (place.workspace / "platform" / "thesis.txt").exists()


# --- work -------------------------------------------------------------------------------------------------------------


def test_commit_and_push_takes_everything_along(place: Place) -> None:
    place.seed()
    clone = place.clone()
    (clone / "new.txt").write_text("1")
    (clone / ".gitignore").unlink()
    revision = git_workspace.commit_and_push(place.shell, clone, "a message")
    assert place.server.head("platform") == revision
    assert place.git("log", "-1", "--format=%s").strip() == "a message"
    assert git_workspace.commit_and_push(place.shell, clone, "nothing new") == revision
    assert place.git("rev-list", "--count", "HEAD").strip() == "2"


def test_commits_made_by_hand_are_pushed_too(place: Place) -> None:
    place.seed()
    clone = place.clone()
    place.git("commit", "--allow-empty", "--message", "by hand")
    assert git_workspace.commit_and_push(place.shell, clone, "unused") == place.server.head("platform")
    assert place.git("log", "-1", "--format=%s").strip() == "by hand"


def test_a_push_the_server_refuses_is_an_error_in_gits_words(place: Place) -> None:
    place.seed()
    clone = place.clone()
    place.somebody_else_pushes()
    (clone / "late.txt").write_text("1")
    with pytest.raises(LabError) as raised:
        git_workspace.commit_and_push(place.shell, clone, "late")
    assert raised.value.code == "command-failed"
    assert "rejected" in raised.value.why


def test_unpushed_work_is_listed(place: Place) -> None:
    place.seed()
    clone = place.clone()
    assert git_workspace.unpushed(place.shell, place.workspace) == ()
    place.git("commit", "--allow-empty", "--message", "not pushed")
    (clone / ".gitignore").write_text("changed\n")
    place.git("stash", "push", "--quiet")
    for name in "abcd":
        (clone / f"{name}.txt").write_text("1")
    files, stash, commits = git_workspace.unpushed(place.shell, place.workspace)
    assert files == "platform: 4 files changed (a.txt, b.txt, c.txt, …)"
    assert stash.startswith("platform: 1 change stashed (")
    assert commits.startswith("platform: 1 commit not pushed (")
    assert "not pushed" in commits
    assert git_workspace.unpushed(place.shell, place.folder / "nowhere") == ()


def test_work_on_a_branch_of_its_own_counts(place: Place) -> None:
    place.seed()
    place.clone()
    place.git("checkout", "--quiet", "-b", "feature")
    place.git("commit", "--allow-empty", "--message", "on a branch")
    assert len(git_workspace.unpushed(place.shell, place.workspace)) == 1
    place.git("push", "--quiet", "origin", "feature")
    assert git_workspace.unpushed(place.shell, place.workspace) == ()


def test_a_server_that_lost_its_data_gets_it_back_from_the_clone(place: Place) -> None:
    place.seed()
    clone = place.clone()
    (clone / "work.txt").write_text("1")
    revision = git_workspace.commit_and_push(place.shell, clone, "work")
    assert not git_workspace.restore(place.shell, place.server, clone)
    place.server.path("platform").rename(place.folder / "lost.git")
    place.server.create("platform")
    assert place.seed() != revision
    assert git_workspace.restore(place.shell, place.server, clone)
    assert place.server.head("platform") == revision


def test_a_server_that_went_on_is_not_set_back(place: Place) -> None:
    place.seed()
    clone = place.clone()
    place.somebody_else_pushes()
    newer = place.server.head("platform")
    assert not git_workspace.restore(place.shell, place.server, clone)
    assert place.server.head("platform") == newer


# --- the hook ---------------------------------------------------------------------------------------------------------


def calls(log: Path, count: int) -> list[str]:
    """What kubectl was called with, when it was called so often."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = log.read_text().splitlines() if log.exists() else []
        if len(lines) >= count:
            return lines
        time.sleep(0.02)
    raise AssertionError(f"{log.read_text() if log.exists() else 'nothing'} is not {count} calls")


def pushed_with(place: Place, hook: str) -> float:
    """Push a commit from a clone with this hook; seconds the push took."""
    place.seed()
    clone = place.clone(hook)
    (place.folder / "kubectl.log").unlink(missing_ok=True)
    (clone / "new.txt").write_text("1")
    place.git("add", "--all")
    place.git("commit", "--message", "new")
    start = time.monotonic()
    place.git("push", "--quiet")
    return time.monotonic() - start


def test_a_push_refreshes_every_instance(place: Place) -> None:
    log = place.kubectl("exit 0")
    hub, team = place.folder / "it's hub.yaml", place.folder / "team.yaml"
    for path in (hub, team):
        path.write_text("")
    pushed_with(place, hook_text([("hub", hub), ("w1", team)], "fast"))
    lines = calls(log, 4)
    for path in (hub, team):
        mine = [line for line in lines if line.startswith(f"{path} ")]
        common = "--request-timeout=3s --namespace argocd annotate --overwrite --all"
        assert f"{path} {common} applicationsets.argoproj.io argocd.argoproj.io/application-set-refresh=true" in mine
        (refreshed,) = (line for line in mine if "applications.argoproj.io" in line)
        assert f"{common} applications.argoproj.io argocd.argoproj.io/refresh=normal" in refreshed


@pytest.mark.parametrize("script", ["exit 1", "sleep 3", "echo noise; echo noise >&2"])
def test_a_kubectl_that_fails_or_hangs_is_not_felt(place: Place, script: str) -> None:
    log = place.kubectl(script)
    config = place.folder / "hub.yaml"
    config.write_text("")
    seconds = pushed_with(place, hook_text([("hub", config)], "fast"))
    calls(log, 1)
    assert seconds < 2.0
    assert place.server.head("platform") == place.git("rev-parse", "HEAD").strip()


def test_a_commit_alone_refreshes_nothing(place: Place) -> None:
    log = place.kubectl("exit 0")
    config = place.folder / "hub.yaml"
    config.write_text("")
    place.seed()
    clone = place.clone(hook_text([("hub", config)], "fast"))
    log.unlink(missing_ok=True)
    (clone / "new.txt").write_text("1")
    place.git("add", "--all")
    place.git("commit", "--message", "new")
    place.git("tag", "one")
    marker = subprocess.run([str(place.bin / "kubectl"), "marker"], env={"PATH": os.environ["PATH"]})
    assert marker.returncode == 0
    assert log.read_text().splitlines() == [" marker"]


@pytest.mark.parametrize("timing", ["argocd", "fast"])
def test_argo_cds_own_timing_means_no_refresh(place: Place, timing: str) -> None:
    config = place.folder / "hub.yaml"
    assert ("kubectl" in hook_text([("hub", config)], timing)) is (timing == "fast")
    assert "kubectl" not in hook_text([], timing)


def test_the_hook_is_plain_shell() -> None:
    text = hook_text([("hub", Path("/a b/hub.yaml"))], "fast")
    assert subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True).stderr == ""
    assert subprocess.run(["sh", "-n"], input=hook_text([], "argocd"), text=True).returncode == 0
