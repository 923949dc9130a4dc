"""What real git does with the server: clone, fetch, push, by both protocols."""

from __future__ import annotations

import asyncio
import gzip
import os
import threading

import aiohttp
import pytest

from lab.sim.git.pack_lines import line
from tests.sim.git.serving import OWNER, PASSWORD, Served

both = pytest.mark.parametrize("version", [0, 2])


async def tip(served: Served, name: str, ref: str = "refs/heads/main") -> str:
    return served.server.repositories.refs(OWNER, name).get(ref, "")


@both
async def test_clone_gives_the_committed_files_and_the_default_branch(served: Served, version: int) -> None:
    sha = served.seed("r")
    clone = await served.clone("r", version=version)
    assert (clone / "apps/x/app.yaml").read_bytes() == b"kind: X\n"
    assert (await served.git("rev-parse", "main", cwd=clone)).text.strip() == sha
    shown = (await served.git("log", "-1", "--format=%an %ae %at %s", cwd=clone)).text
    assert shown == "Ada ada@example.com 1700000000 first\n"
    assert (await served.git("fsck", "--full", "--strict", cwd=clone)).code == 0


@both
async def test_clone_of_an_empty_repository_and_its_first_push(served: Served, version: int) -> None:
    served.server.forge.create(OWNER, "r")
    clone = await served.clone("r", version=version)
    branch = (await served.git("symbolic-ref", "--short", "HEAD", cwd=clone)).text.strip()
    # Only protocol 2 tells the name of a branch without commits.
    assert branch == ("main" if version == 2 else "other")
    sha = await served.change(clone, {"a": b"1"})
    await served.git("push", "--quiet", "origin", "HEAD:main", cwd=clone, version=version)
    assert await tip(served, "r") == sha
    assert served.pushes == [(OWNER, "r", {"refs/heads/main": ("", sha)})]


@both
async def test_push_and_fetch(served: Served, version: int) -> None:
    first = served.seed("r")
    one = await served.clone("r", "one", version=version)
    other = await served.clone("r", "other", version=version)
    served.pushes.clear()
    second = await served.change(one, {"b.txt": b"two\n"})
    await served.git("push", "--quiet", cwd=one, version=version)
    assert served.pushes == [(OWNER, "r", {"refs/heads/main": (first, second)})]
    await served.git("pull", "--quiet", "--ff-only", cwd=other, version=version)
    assert (other / "b.txt").read_bytes() == b"two\n"
    assert (await served.git("fsck", "--full", cwd=other)).code == 0


async def test_push_that_lost_the_race_is_refused_and_force_wins(served: Served) -> None:
    served.seed("r")
    one, other = await served.clone("r", "one"), await served.clone("r", "other")
    mine = await served.change(one, {"a.txt": b"mine\n"})
    await served.git("push", "--quiet", cwd=one)
    theirs = await served.change(other, {"a.txt": b"theirs\n"})
    refused = await served.git("push", cwd=other, check=False)
    assert refused.code == 1
    assert "[rejected]" in refused.errors
    assert await tip(served, "r") == mine
    await served.git("push", "--quiet", "--force", cwd=other)
    assert await tip(served, "r") == theirs


async def test_branches_are_made_deleted_and_pruned(served: Served) -> None:
    sha = served.seed("r")
    one, other = await served.clone("r", "one"), await served.clone("r", "other")
    await served.git("push", "--quiet", "origin", "main:refs/heads/team/blue", cwd=one)
    await served.git("fetch", "--quiet", cwd=other)
    assert (await served.git("rev-parse", "origin/team/blue", cwd=other)).text.strip() == sha
    await served.git("push", "--quiet", "origin", ":team/blue", cwd=one)
    assert served.pushes[-1] == (OWNER, "r", {"refs/heads/team/blue": (sha, "")})
    await served.git("fetch", "--quiet", "--prune", cwd=other)
    assert (await served.git("rev-parse", "--verify", "--quiet", "origin/team/blue", cwd=other, check=False)).code == 1


async def test_a_branch_below_another_branch_is_refused(served: Served) -> None:
    served.seed("r")
    clone = await served.clone("r")
    refused = await served.git("push", "origin", "main:refs/heads/main/below", cwd=clone, check=False)
    assert refused.code == 1
    assert "remote rejected" in refused.errors
    assert list(served.server.repositories.refs(OWNER, "r")) == ["refs/heads/main"]


async def test_the_default_branch_and_pull_references_are_not_for_pushing(served: Served) -> None:
    sha = served.seed("r")
    clone = await served.clone("r")
    for what in (":main", "main:refs/pull/1/head"):
        assert (await served.git("push", "origin", what, cwd=clone, check=False)).code == 1
    assert served.server.repositories.refs(OWNER, "r") == {"refs/heads/main": sha}


@both
async def test_tags(served: Served, version: int) -> None:
    sha = served.seed("r")
    clone = await served.clone("r")
    await served.git("tag", "v1.0.0", cwd=clone)
    await served.git("tag", "--annotate", "--message", "told", "v1.1.0", cwd=clone)
    await served.git("push", "--quiet", "--tags", cwd=clone, version=version)
    again = await served.clone("r", "again", version=version)
    assert (await served.git("tag", "--list", cwd=again)).text.split() == ["v1.0.0", "v1.1.0"]
    listed = (await served.git("ls-remote", "--tags", "origin", cwd=again, version=version)).text
    assert f"{sha}\trefs/tags/v1.1.0^{{}}" in listed
    await served.git("push", "--quiet", "origin", ":refs/tags/v1.0.0", cwd=clone, version=version)
    assert "v1.0.0" not in (await served.git("ls-remote", "--tags", "origin", cwd=again)).text


async def commits(served: Served, name: str, count: int) -> list[str]:
    clone = await served.clone(name, f"{name}-writer")
    made = []
    for number in range(count):
        made.append(await served.change(clone, {f"dir/{number}.txt": b"%d\n" % number, "same": b"%d" % number}))
    await served.git("push", "--quiet", cwd=clone)
    return made


@both
async def test_shallow_clone_then_fetch_deepen_unshallow_and_push(served: Served, version: int) -> None:
    served.seed("r")
    made = await commits(served, "r", 4)
    shallow = await served.clone("r", "shallow", "--depth", "1", version=version)

    async def depth() -> int:
        return int((await served.git("rev-list", "--count", "HEAD", cwd=shallow)).text)

    assert await depth() == 1
    assert (shallow / "dir/0.txt").exists()
    # A plain pull into a shallow clone.
    writer = served.home / "r-writer"
    await served.change(writer, {"later": b"1"})
    await served.git("push", "--quiet", cwd=writer)
    await served.git("pull", "--quiet", "--ff-only", cwd=shallow, version=version)
    assert await depth() == 2
    await served.git("fetch", "--quiet", "--deepen", "1", cwd=shallow, version=version)
    assert await depth() == 3
    await served.git("fetch", "--quiet", "--depth", "2", cwd=shallow, version=version)
    assert await depth() == 2
    pushed = await served.change(shallow, {"from-shallow": b"1"})
    await served.git("push", "--quiet", cwd=shallow, version=version)
    assert await tip(served, "r") == pushed
    await served.git("fetch", "--quiet", "--unshallow", cwd=shallow, version=version)
    assert await depth() == 7
    assert made[0] in (await served.git("rev-list", "HEAD", cwd=shallow)).text
    assert (await served.git("fsck", "--full", cwd=shallow)).code == 0


@both
async def test_a_commit_may_be_fetched_by_its_id(served: Served, version: int) -> None:
    first = served.seed("r")
    await commits(served, "r", 2)
    await served.git("init", "--quiet", "empty")
    empty = served.home / "empty"
    await served.git("fetch", "--quiet", "--depth", "1", served.url("r"), first, cwd=empty, version=version)
    assert (await served.git("rev-parse", "FETCH_HEAD", cwd=empty)).text.strip() == first
    missing = "1" * 40
    refused = await served.git("fetch", served.url("r"), missing, cwd=empty, version=version, check=False)
    assert refused.code == 128
    assert f"not our ref {missing}" in refused.errors


@both
async def test_only_what_is_missing_is_sent(served: Served, version: int) -> None:
    served.seed("r", {"large.bin": bytes(range(256)) * 8000, "small": b"1"})
    clone = await served.clone("r", version=version)
    other = await served.clone("r", "other", version=version)
    await served.change(clone, {"small": b"2"})
    await served.git("push", "--quiet", cwd=clone, version=version)

    async def objects() -> int:
        told = dict(line.split(": ") for line in (await served.git("count-objects", "-v", cwd=other)).text.splitlines())
        return int(told["count"]) + int(told["in-pack"])

    before = await objects()
    await served.git("fetch", "--quiet", cwd=other, version=version)
    # A commit, a tree and a blob.
    assert (before, await objects()) == (4, 7)


async def test_large_push_in_chunks_and_packed_references(served: Served) -> None:
    served.seed("r")
    clone = await served.clone("r")
    # Above http.postBuffer: git asks for leave first, and sends in chunks.
    noise = {f"f{number}.bin": os.urandom(20_000) for number in range(120)}
    sha = await served.change(clone, noise)
    await served.git("push", "--quiet", cwd=clone)
    assert await tip(served, "r") == sha
    again = await served.clone("r", "again")
    assert (again / "f119.bin").read_bytes() == noise["f119.bin"]


async def test_compressed_request_bodies(served: Served) -> None:
    sha = served.seed("r")
    wanted = gzip.compress(line(f"want {sha} ofs-delta side-band-64k\n".encode()) + b"0000" + line(b"done\n"))
    headers = {"Content-Type": "application/x-git-upload-pack-request", "Content-Encoding": "gzip"}
    address = f"{served.url('r')}/git-upload-pack"
    async with aiohttp.ClientSession() as session:
        async with session.post(address, data=wanted, headers=headers) as answer:
            assert answer.status == 200
            assert (await answer.read()).startswith(b"0008NAK\n")
        async with session.post(address, data=wanted[:-9], headers=headers) as answer:
            assert answer.status == 400


async def test_a_long_negotiation(served: Served) -> None:
    # Both sides have much that the other has not: git talks in several rounds, with compressed bodies.
    served.seed("r")
    clone = await served.clone("r")
    stream = "".join(
        f"commit refs/heads/main\ncommitter T <t@x> {1700000001 + number} +0000\ndata 1\nm"
        + ("\nfrom refs/heads/main^0" if number == 0 else "")
        + f"\nM 644 inline f{number}\ndata 1\nx\n"
        for number in range(300)
    )
    (served.home / "stream").write_text(stream)
    other = await served.clone("r", "other")
    await served.git("fast-import", "--quiet", "--force", cwd=clone, stdin=stream)
    await served.git("push", "--quiet", "origin", "main", cwd=clone)
    await served.git("fast-import", "--quiet", "--force", cwd=other, stdin=stream.replace("data 1\nm", "data 1\nn"))
    for version in (0, 2):
        await served.git("fetch", "--quiet", "origin", f"main:got{version}", cwd=other, version=version)
        assert (await served.git("rev-list", "--count", f"got{version}", cwd=other)).text == "301\n"
        await served.git("branch", "--delete", "--force", f"got{version}", cwd=other)
        await served.git("update-ref", "-d", "refs/remotes/origin/main", cwd=other)
        await served.git("gc", "--quiet", "--prune=now", cwd=other)


async def test_atomic_push_moves_all_or_nothing(served: Served) -> None:
    served.seed("r")
    one, other = await served.clone("r", "one"), await served.clone("r", "other")
    await served.change(one, {"a.txt": b"1"})
    await served.git("push", "--quiet", cwd=one)
    await served.git("branch", "fresh", cwd=other)
    await served.change(other, {"a.txt": b"2"})
    refused = await served.git("push", "--atomic", "origin", "main", "fresh", cwd=other, check=False)
    assert refused.code == 1
    assert "refs/heads/fresh" not in served.server.repositories.refs(OWNER, "r")


async def test_many_pushes_keep_reading_fast_and_the_repository_sound(served: Served) -> None:
    served.seed("r")
    clone = await served.clone("r")
    for number in range(10):
        await served.change(clone, {"a.txt": b"%d" % number})
        await served.git("push", "--quiet", cwd=clone)
    path = served.server.repositories.path(OWNER, "r")
    assert len(list((path / "objects/pack").glob("*.pack"))) <= 1
    assert (await served.git("--git-dir", str(path), "fsck", "--full", "--strict")).code == 0
    assert len([one for one in served.pushes if one[1] == "r"]) == 11


# --- access ---------------------------------------------------------------------------------------------------------


async def test_anybody_reads_a_public_repository_and_only_accounts_push(served: Served) -> None:
    served.seed("r")
    await served.git("clone", "--quiet", served.url("r"), "reader")
    reader = served.home / "reader"
    sha = await served.change(reader, {"x": b"1"})
    refused = await served.git("push", cwd=reader, check=False)
    assert refused.code == 128
    assert "could not read Username" in refused.errors
    wrong = await served.git("push", served.url("r", f"{OWNER}:wrong"), "main", cwd=reader, check=False)
    assert wrong.code == 128
    assert "Authentication failed" in wrong.errors
    account = served.server.forge.accounts.get(OWNER)
    assert account
    _, token = served.server.forge.accounts.add_token(account, "ci", ["write:repository"], 0.0)
    await served.git("push", "--quiet", served.url("r", f"{OWNER}:{token}"), "main", cwd=reader)
    assert await tip(served, "r") == sha


async def test_a_private_repository_is_hidden_from_strangers(served: Served) -> None:
    served.seed("secret", private=True)
    refused = await served.git("ls-remote", served.url("secret"), check=False)
    assert refused.code == 128
    assert "could not read Username" in refused.errors
    listed = await served.git("ls-remote", served.writable("secret"))
    assert "refs/heads/main" in listed.text


async def test_a_missing_repository(served: Served) -> None:
    gone = await served.git("ls-remote", served.writable("none"), check=False)
    assert gone.code == 128
    assert "not found" in gone.errors
    for trick in ("..%2f..%2fetc", "a%00b", "%2e%2e"):
        assert (await served.git("ls-remote", served.writable(trick), check=False)).code == 128


async def test_the_dumb_protocol_is_refused(served: Served) -> None:
    served.seed("r")
    async with aiohttp.ClientSession() as session:
        for path in ("info/refs", "HEAD", "objects/info/packs", "objects/pack/pack-1.idx"):
            async with session.get(f"{served.url('r')}/{path}") as answer:
                assert answer.status == 403, path


# --- concurrency ----------------------------------------------------------------------------------------------------


async def test_clones_while_others_push_are_each_whole(served: Served) -> None:
    served.seed("r", {f"d{number}/f.txt": b"x" * number for number in range(100)})
    writers = [await served.clone("r", f"w{number}") for number in range(3)]

    async def push(number: int) -> None:
        for step in range(4):
            await served.change(writers[number], {f"w{number}-{step}": b"1"})
            await served.git("push", "--quiet", "--force", "origin", f"HEAD:b{number}", cwd=writers[number])

    async def clone(number: int) -> None:
        path = await served.clone("r", f"c{number}", version=2 * (number % 2))
        assert (await served.git("fsck", "--full", cwd=path)).code == 0

    await asyncio.gather(*(push(number) for number in range(3)), *(clone(number) for number in range(6)))
    assert len(served.pushes) == 1 + 12


async def test_of_pushes_at_the_same_moment_one_wins(served: Served) -> None:
    served.seed("r")
    clones = [await served.clone("r", f"w{number}") for number in range(4)]
    made = [await served.change(clone, {"a.txt": b"%d" % number}) for number, clone in enumerate(clones)]
    ran = await asyncio.gather(*(served.git("push", cwd=clone, check=False) for clone in clones))
    won = [sha for sha, one in zip(made, ran, strict=True) if one.code == 0]
    assert won == [await tip(served, "r")]


async def test_listeners_are_called_in_the_loops_thread(served: Served) -> None:
    served.seed("r")
    threads: set[int] = set()
    served.server.repositories.on_push(lambda *_: threads.add(threading.get_ident()))
    clone = await served.clone("r")
    await served.change(clone, {"x": b"1"})
    await served.git("push", "--quiet", cwd=clone)
    assert threads == {threading.get_ident()}
    assert PASSWORD not in str(served.pushes)
