"""Pull requests, accounts and records by themselves: what survives a restart, and what listeners are told."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import orjson
import pytest
from dulwich.objects import Commit, ObjectID, Tree

from lab.sim.clock import ManualClock
from lab.sim.git.accounts import Account, BadCredentials
from lab.sim.git.forge import Forge, Refused
from lab.sim.git.records import Label
from lab.sim.git.repositories import File, InvalidName, Moves, NoRepository, Repositories, RepositoryExists, refs_of
from tests.sim.git.serving import AUTHOR, OWNER, PASSWORD, WHEN

NAMES = (OWNER, "r")


class Bench:
    """A forge over a folder, started anew as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.pushes = folder, ManualClock(WHEN), list[Moves]()
        self.restart()

    def restart(self) -> None:
        self.repositories = Repositories(self.folder)
        self.forge = Forge(self.repositories, self.clock)
        self.account = self.forge.accounts.ensure(OWNER, PASSWORD, WHEN)
        self.repositories.on_push(lambda *told: self.pushes.append(told[2]))

    def commit(self, files: dict[str, bytes | File], branch: str = "main") -> str:
        return self.repositories.commit(*NAMES, files, message="m", author=AUTHOR, when=WHEN, branch=branch)

    def branch(self, name: str, files: dict[str, bytes | File]) -> str:
        """A branch of main with one more commit."""
        main = self.repositories.refs(*NAMES)["refs/heads/main"]
        self.repositories.move(*NAMES, {f"refs/heads/{name}": ("", main)})
        return self.commit(files, name)

    def open(self, head: str) -> int:
        return self.forge.open_pull(*NAMES, OWNER, head, "main", f"Title of {head}", "", ()).number


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "git")
    made.forge.create(*NAMES)
    made.commit({"a": b"1"})
    return made


def test_requests_survive_a_restart_and_numbers_are_never_reused(bench: Bench) -> None:
    bench.branch("one", {"a": b"1", "b": b"1"})
    bench.branch("two", {"a": b"1", "c": b"1"})
    assert (bench.open("one"), bench.open("two")) == (1, 2)
    record = bench.forge.record(*NAMES)
    record.labels.append(Label(1, "preview", "0075ca"))
    record.pulls[0].labels.append(1)
    bench.forge.set_state(*NAMES, record.pulls[1], "closed")
    kept = orjson.dumps(record)
    bench.restart()
    assert orjson.dumps(bench.forge.record(*NAMES)) == kept
    bench.branch("three", {"d": b"1"})
    assert bench.open("three") == 3
    path = bench.folder / OWNER / "r.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {each.name for each in path.parent.iterdir()} == {"r.json", "r.git"}


def test_requests_follow_their_branch(bench: Bench) -> None:
    bench.branch("one", {"a": b"1", "b": b"1"})
    bench.open("one")
    pull = bench.forge.pull(*NAMES, 1)
    bench.clock._now += 60
    new = bench.commit({"a": b"1", "b": b"2"}, "one")
    assert (pull.head_sha, pull.updated - pull.created) == (new, 60)
    assert bench.repositories.refs(*NAMES)["refs/pull/1/head"] == new
    bench.forge.move(*NAMES, {"refs/heads/one": (new, "")})
    assert pull.state == "closed"
    assert bench.repositories.refs(*NAMES)["refs/pull/1/head"] == new


def test_a_merge_moves_the_base_and_is_told(bench: Bench) -> None:
    main = bench.repositories.refs(*NAMES)["refs/heads/main"]
    head = bench.branch("one", {"a": b"1", "b": b"1"})
    bench.open("one")
    bench.pushes.clear()
    pull = bench.forge.pull(*NAMES, 1)
    with pytest.raises(Refused) as refused:
        bench.forge.merge(*NAMES, pull, bench.account, "merge", head="1" * 40)
    assert refused.value.status == 409
    bench.forge.merge(*NAMES, pull, bench.account, "merge", title="Own words", message="and more")
    assert bench.pushes == [{"refs/heads/main": (main, pull.merge_commit)}]
    with bench.repositories.open(*NAMES) as repo:
        commit = repo.object_store[ObjectID(pull.merge_commit.encode())]
        assert isinstance(commit, Commit)
        assert commit.parents == [main.encode(), head.encode()]
        assert commit.message == b"Own words\n\nand more\n"


def merged(bench: Bench, ours: dict[str, bytes | File], theirs: dict[str, bytes | File]) -> dict[str, bytes] | str:
    """Files after merging a request whose base moved on; or why it cannot be merged."""
    bench.branch("one", theirs)
    bench.open("one")
    bench.commit(ours)
    pull = bench.forge.pull(*NAMES, 1)
    mergeable = bench.forge.compared(*NAMES, pull)[3]
    try:
        bench.forge.merge(*NAMES, pull, bench.account, "merge")
    except Refused as refused:
        assert not mergeable
        return refused.message
    assert mergeable
    git = ["git", "--git-dir", str(bench.repositories.path(*NAMES))]
    listed = subprocess.run([*git, "ls-tree", "-r", "--name-only", "main"], capture_output=True, text=True, check=True)
    subprocess.run([*git, "fsck", "--strict"], check=True, capture_output=True)
    return {
        name: subprocess.run([*git, "show", f"main:{name}"], capture_output=True, check=True).stdout
        for name in listed.stdout.split()
    }


LINES = b"1\n2\n3\n4\n5\n"
CONFLICT = "Please try again later"


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"a": LINES, "x": b"x"}, {"a": LINES, "y": b"y"}, {"a": LINES, "x": b"x", "y": b"y"}),
        ({"a": b"0\n2\n3\n4\n5\n"}, {"a": b"1\n2\n3\n4\n6\n"}, {"a": b"0\n2\n3\n4\n6\n"}),
        ({"a": b"0\n2\n3\n4\n5\n"}, {"a": b"9\n2\n3\n4\n5\n"}, CONFLICT),
        ({"a": b"0\n2\n3\n4\n5\n"}, {"a": b"1\n9\n3\n4\n5\n"}, CONFLICT),
        ({"a": b"0\n2\n3\n4\n5\n"}, {"a": b"0\n2\n3\n4\n5\n", "z": b""}, {"a": b"0\n2\n3\n4\n5\n", "z": b""}),
        ({}, {"a": LINES, "b": b"b"}, {"b": b"b"}),
        ({}, {"a": LINES + b"6\n"}, CONFLICT),
        ({"a": LINES, "d/x": b"x"}, {"a": LINES, "d/y": b"y"}, {"a": LINES, "d/x": b"x", "d/y": b"y"}),
        ({"a": LINES, "d": b"file"}, {"a": LINES, "d/y": b"y"}, CONFLICT),
        ({"a": LINES, "n": b"1"}, {"a": LINES, "n": b"2"}, CONFLICT),
        ({"a": LINES, "n": b"1"}, {"a": LINES, "n": b"1"}, {"a": LINES, "n": b"1"}),
        ({"a": b"\0" + LINES}, {"a": LINES + b"\0"}, CONFLICT),
        ({"a": File(b"x", 0o120000)}, {"a": LINES + b"6\n"}, CONFLICT),
    ],
)
def test_merging(
    bench: Bench, ours: dict[str, bytes | File], theirs: dict[str, bytes | File], expected: dict[str, bytes] | str
) -> None:
    bench.commit({"a": LINES})
    assert merged(bench, ours, theirs) == expected


def test_merging_keeps_the_programs_bit(bench: Bench) -> None:
    bench.commit({"a": LINES})
    assert isinstance(merged(bench, {"a": b"0\n" + LINES}, {"a": File(LINES + b"6\n", 0o100755)}), dict)
    with bench.repositories.open(*NAMES) as repo:
        commit = repo.object_store[ObjectID(refs_of(repo)["refs/heads/main"].encode())]
        assert isinstance(commit, Commit)
        tree = repo.object_store[commit.tree]
        assert isinstance(tree, Tree)
        assert tree[b"a"][0] == 0o100755


# --- repositories ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-", "a/b", "a b", "a.git", ".hidden", "a\0", "é", "x" * 101, "r.json", "a\\b", "a.lock"]
)
def test_impossible_names(bench: Bench, name: str) -> None:
    for owner, repository in ((OWNER, name), (name, "r")):
        assert not bench.repositories.exists(owner, repository)
        with pytest.raises(InvalidName):
            bench.repositories.create(owner, repository)


def test_repositories_are_made_and_removed(bench: Bench) -> None:
    with pytest.raises(RepositoryExists):
        bench.repositories.create(*NAMES)
    bench.repositories.create("other", "r")
    assert bench.repositories.names() == [NAMES, ("other", "r")]
    bench.forge.delete(*NAMES)
    assert bench.repositories.names() == [("other", "r")]
    assert not (bench.folder / OWNER / "r.json").exists()
    with pytest.raises(NoRepository):
        bench.repositories.delete(*NAMES)
    with pytest.raises(Refused, match="not found"):
        bench.forge.delete(*NAMES)


def test_the_same_seed_makes_the_same_commit(tmp_path: Path, bench: Bench) -> None:
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    (source / "a.txt").write_text("a")
    (source / "bin/run").write_text("#!/bin/sh\n")
    (source / "bin/run").chmod(0o755)
    (source / "link").symlink_to("a.txt")
    (source / ".git").mkdir()
    (source / ".git/config").write_text("not part of it")
    made = []
    for name in ("s1", "s2"):
        bench.forge.create(OWNER, name)
        made.append(bench.repositories.commit(OWNER, name, source, message="seed", author=AUTHOR, when=WHEN))
    assert made[0] == made[1]
    git = ["git", "--git-dir", str(bench.repositories.path(OWNER, "s1")), "ls-tree", "-r", "main"]
    listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout
    assert [(line.split()[0], line.split()[-1]) for line in listed.splitlines()] == [
        ("100644", "a.txt"), ("100755", "bin/run"), ("120000", "link"),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", ".git/config", "a/.GIT/x", "", "a\0b", "a/"])
def test_paths_no_commit_can_hold(bench: Bench, path: str) -> None:
    with pytest.raises(InvalidName):
        bench.commit({path: b"x"})


def test_a_move_from_elsewhere_than_it_stands_is_refused(bench: Bench) -> None:
    main = bench.repositories.refs(*NAMES)["refs/heads/main"]
    moves: dict[str, tuple[str, str]] = {
        "refs/heads/main": ("1" * 40, main),
        "refs/heads/new": ("", main),
        "refs/heads/gone": (main, ""),
        "refs/heads/lost": ("", "2" * 40),
    }
    results = bench.repositories.move(*NAMES, moves)
    assert {ref for ref, why in results.items() if not why} == {"refs/heads/new"}
    assert bench.repositories.refs(*NAMES) == {"refs/heads/main": main, "refs/heads/new": main}


# --- accounts -------------------------------------------------------------------------------------------------------


def test_accounts_survive_a_restart_without_secrets_in_the_file(bench: Bench) -> None:
    _, token = bench.forge.accounts.add_token(bench.account, "ci", ["write:repository"], WHEN)
    bench.restart()
    assert bench.forge.accounts.who(f"token {token}") is bench.account
    assert bench.forge.accounts.who(f"Bearer {token}") is bench.account
    path = bench.folder / "accounts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token not in path.read_text()
    assert PASSWORD not in path.read_text()
    assert bench.forge.accounts.remove_token(bench.account, "ci")
    with pytest.raises(BadCredentials):
        bench.forge.accounts.who(f"token {token}")


@pytest.mark.parametrize(
    "header", ["token ", "token x", "Basic", "Basic !!", "Basic bGFi", "Basic Og==", "Digest x", "x"]
)
def test_wrong_credentials(bench: Bench, header: str) -> None:
    with pytest.raises(BadCredentials):
        bench.forge.accounts.who(header)
    assert bench.forge.accounts.who("") is None


def test_an_account_without_a_password_cannot_sign_in(bench: Bench) -> None:
    made: Account = bench.forge.accounts.ensure("nobody", "", WHEN, admin=False)
    assert not made.admin
    with pytest.raises(BadCredentials):
        bench.forge.accounts.who("Basic bm9ib2R5Og==")
    assert not bench.forge.may(made, *NAMES, write=True)
    assert bench.forge.may(made, *NAMES, write=False)
