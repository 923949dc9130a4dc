"""Garbage, floods and vanished clients: each is refused, and the server goes on."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.pack import write_pack_objects

from lab.sim.git import streaming
from lab.sim.git.pack_lines import line
from lab.sim.git.repositories import ZERO, Repositories, make_commit
from tests.sim.git.serving import AUTHOR, OWNER, PASSWORD, WHEN, Served

BASIC = "Basic " + base64.b64encode(f"{OWNER}:{PASSWORD}".encode()).decode()


async def post(
    served: Served, service: str, body: bytes, version: int = 0, content_type: str = "", encoding: str = ""
) -> tuple[int, bytes]:
    headers = {"Authorization": BASIC, "Content-Type": content_type or f"application/x-{service}-request"}
    if version:
        headers["Git-Protocol"] = f"version={version}"
    if encoding:
        headers["Content-Encoding"] = encoding
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{served.url('r')}/{service}", data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.read()


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection, cut at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port, limit=1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def works(served: Served) -> None:
    assert "refs/heads/main" in (await served.git("ls-remote", served.url("r"))).text


GARBAGE = [
    b"\0" * 50,
    b"zzzz",
    b"0003",
    b"fffe",
    b"000",
    b"0010too short",
    b"-001",
    b"+1+1",
    line(b"want nothing\n") + b"0000",
    line(b"want " + b"g" * 40 + b"\n") + b"0000",
    line(b"hello") + b"0000",
    b"0001" * 10,
    os.urandom(300),
]


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("service", ["git-upload-pack", "git-receive-pack"])
async def test_garbage_is_refused(served: Served, service: str, version: int) -> None:
    served.seed("r")
    for body in GARBAGE:
        status, text = await post(served, service, body, version)
        assert status == 400, (body, status, text)
    assert await post(served, service, b"", version) == (200, b"")
    await works(served)


async def test_wrong_content_types_and_services(served: Served) -> None:
    served.seed("r")
    assert (await post(served, "git-upload-pack", b"0000", content_type="text/plain"))[0] == 415
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{served.url('r')}/info/refs?service=git-upload-archive") as answer:
            assert answer.status == 400
        async with session.post(f"{served.url('r')}/git-upload-archive", data=b"") as answer:
            assert answer.status in (404, 405)


@pytest.mark.parametrize(
    "said",
    [
        b"command=fetch\n0001",
        b"command=object-info\n",
    ],
)
async def test_commands_of_protocol_2_that_are_not_offered(served: Served, said: bytes) -> None:
    served.seed("r")
    assert (await post(served, "git-upload-pack", line(said) + b"0000", 2))[0] == 400
    body = line(b"command=fetch\n") + b"0001" + line(b"filter blob:none\n") + b"0000"
    status, text = await post(served, "git-upload-pack", body, 2)
    assert (status, text) == (400, b"'filter' is not supported here\n")


async def test_large_bodies_and_bombs(served: Served) -> None:
    served.seed("r")
    assert (await post(served, "git-upload-pack", b"0" * (17 << 20)))[0] == 413
    bomb = gzip.compress(b"0" * (40 << 20))
    assert len(bomb) < 50_000
    assert (await post(served, "git-upload-pack", bomb, encoding="gzip"))[0] in (400, 413)
    assert (await post(served, "git-upload-pack", b"no gzip", encoding="gzip"))[0] == 400
    await works(served)


def push(ref: bytes, new: bytes, objects: list[ShaFile], old: bytes = ZERO.encode()) -> bytes:
    body = line(old + b" " + new + b" " + ref + b"\0report-status\n") + b"0000"
    pack: list[bytes] = []
    write_pack_objects(pack.append, [(one, None) for one in objects], DEFAULT_OBJECT_FORMAT)
    return body + b"".join(pack)


def parts(content: str = "x") -> tuple[Blob, Tree, Commit]:
    blob = Blob.from_string(content.encode())
    tree = Tree()
    tree.add(b"f", 0o100644, blob.id)
    return blob, tree, make_commit(tree.id, [], "m", AUTHOR, WHEN)


async def test_incomplete_and_broken_packs_move_nothing(served: Served) -> None:
    served.seed("r")
    cases = (("commit",), ("tree", "commit"), ("blob", "commit"), ("blob", "tree", "orphan"), ("blob", "tree"))
    for number, sent in enumerate(cases):
        blob, tree, commit = parts(f"content {number}")
        orphan = make_commit(tree.id, ["1" * 40], "m", AUTHOR, WHEN)
        made: dict[str, ShaFile] = {"blob": blob, "tree": tree, "commit": commit, "orphan": orphan}
        new = orphan.id if "orphan" in sent else commit.id
        status, text = await post(served, "git-receive-pack", push(b"refs/heads/x", new, [made[one] for one in sent]))
        assert status == 200
        assert b"ng refs/heads/x missing necessary objects" in text, sent
    blob, tree, commit = parts()
    status, text = await post(served, "git-receive-pack", push(b"refs/heads/x", tree.id, [blob, tree, commit]))
    assert b"ng refs/heads/x cannot update ref: trying to write non-commit object to branch" in text
    whole = push(b"refs/heads/x", commit.id, [blob, tree, commit])
    for broken in (whole[:-1], whole[:-25], whole[:-30] + bytes(10) + whole[-20:], whole[: whole.index(b"PACK")]):
        status, text = await post(served, "git-receive-pack", broken)
        assert status == 200
        assert b"unpack ok" not in text
        assert b"ng refs/heads/x unpacker error" in text
    assert list(served.server.repositories.refs(OWNER, "r")) == ["refs/heads/main"]
    assert len(served.pushes) == 1
    path = served.server.repositories.path(OWNER, "r")
    assert not list(path.rglob("tmp_*"))
    status, text = await post(served, "git-receive-pack", whole)
    assert b"ok refs/heads/x" in text


@pytest.mark.parametrize(
    "ref", [b"HEAD", b"refs/heads/../../config", b"refs/heads/a..b", b"refs/heads/x.lock", b"heads/x", b"refs/heads/ "]
)
async def test_strange_references_are_refused(served: Served, ref: bytes) -> None:
    served.seed("r")
    blob, tree, commit = parts()
    before = served.server.repositories.refs(OWNER, "r")
    status, text = await post(served, "git-receive-pack", push(ref, commit.id, [blob, tree, commit]))
    assert status == 200
    assert b"ng " + ref + b" funny refname" in text
    assert served.server.repositories.refs(OWNER, "r") == before
    assert served.server.repositories.head_branch(OWNER, "r") == "main"


async def test_paths_that_leave_the_folder(served: Served) -> None:
    served.seed("r")
    (served.server.repositories.folder.parent / "outside.git").mkdir()
    for path in (
        "/lab/../../outside.git",
        "/lab/..%2foutside.git",
        "/%2e%2e/outside.git",
        "/lab/%00.git",
        "/../x/y.git",
    ):
        asked = f"GET {path}/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC}\r\n"
        async with connected(served) as (reader, writer):
            writer.write(f"{asked}Connection: close\r\n\r\n".encode())
            assert int((await reader.read()).split()[1]) in (400, 404), path


async def test_a_client_that_leaves_or_reads_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    sha = served.seed("r", {"large": os.urandom(8 << 20)})
    monkeypatch.setattr(streaming, "STALL_SECONDS", 0.3)
    body = line(b"want " + sha.encode() + b" side-band-64k ofs-delta\n") + b"0000" + line(b"done\n")
    head = f"POST /{OWNER}/r.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: application/x-git-upload-pack-request\r\n\r\n"
    async with AsyncExitStack() as idle:
        for number in range(9):
            async with AsyncExitStack() as short:
                _, writer = await (short if number % 2 else idle).enter_async_context(connected(served))
                writer.write(head.encode() + body)
                await writer.drain()
        # More stuck clients than threads: they are given up, and a clone gets through.
        clone = await served.clone("r")
        assert (clone / "large").stat().st_size == 8 << 20


async def test_a_body_that_never_comes(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.seed("r")
    monkeypatch.setattr(streaming, "STALL_SECONDS", 0.2)
    head = f"POST /{OWNER}/r.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n"
    async with connected(served) as (reader, writer):
        writer.write(f"{head}Content-Type: application/x-git-upload-pack-request\r\n\r\n0000".encode())
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)


async def test_bad_requests_to_the_api(served: Served) -> None:
    served.seed("r")
    headers = {"Authorization": BASIC}
    root = f"{served.server.url}/api/v1"
    async with aiohttp.ClientSession(headers=headers) as session:
        for body in (b"{", b"[]", b"\xff", b'"x"', b'{"title": 5, "head": [], "base": {}}', b"null"):
            async with session.post(f"{root}/repos/{OWNER}/r/pulls", data=body) as answer:
                assert answer.status == 422, body
        async with session.post(f"{root}/repos/{OWNER}/r/pulls", data=b" " * (2 << 20)) as answer:
            assert answer.status == 413
        async with session.get(f"{root}/repos/{OWNER}/r/pulls?page=99999999999&limit=-1") as answer:
            assert answer.status == 200
        async with session.get(f"{root}/repos/{OWNER}/r/raw/..%2f..%2fconfig") as answer:
            assert answer.status == 404
        async with session.post(f"{root}/repos/{OWNER}/r/pulls/1/merge", data=b'{"Do": "rebase"}') as answer:
            assert answer.status == 404
        async with session.get(root, headers={"Authorization": "Basic !!!"}) as answer:
            assert answer.status == 401
    await works(served)


async def test_only_loopback_is_served(served: Served) -> None:
    with socket.socket() as probe:
        probe.connect(("127.0.0.1", served.server.port))
        assert probe.getpeername()[0] == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others:
        if str(address).startswith("127."):
            continue
        with socket.socket() as probe, pytest.raises(OSError, match="refused"):
            probe.connect((address, served.server.port))


def test_a_crash_while_a_repository_is_made_or_removed(tmp_path: Path) -> None:
    repositories = Repositories(tmp_path)
    for left in (".r.git.new", ".r.git.gone"):
        (tmp_path / "lab" / left / "objects").mkdir(parents=True)
    (tmp_path / "lab/r.git/objects").mkdir(parents=True)
    assert repositories.names() == []
    repositories.create("lab", "r")
    assert repositories.names() == [("lab", "r")]
    sha = repositories.commit("lab", "r", {"f": b"1"}, message="m", author=AUTHOR, when=WHEN)
    assert ObjectID(sha.encode())
