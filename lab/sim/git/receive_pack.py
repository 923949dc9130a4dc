"""The answering side of `git push` over HTTP.

Objects are stored first, then checked for being complete, then references move under the repository's lock; what moved
is returned. Source: git's `Documentation/gitprotocol-pack.txt`, "Pushing Data To a Server".
Own code instead of `dulwich.server`: that reports a reference as moved when another push was faster.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, ObjectFormatException
from dulwich.objects import Commit, ObjectID, valid_hexsha
from dulwich.pack import PackData, PackInflater
from dulwich.repo import Repo

from lab.sim.git.history import TooMuch, missing_objects, peel
from lab.sim.git.pack_lines import FLUSH, ProtocolError, banded, line, lines_until_flush
from lab.sim.git.repositories import ZERO, Moves, Repositories, refs_of
from lab.sim.git.upload_pack import AGENT

COMMANDS_LIMIT = 10_000
UNPACK_LIMIT = 100
"""Objects; git's `transfer.unpackLimit`."""
UNPACK_BYTES = 8 * 1024 * 1024
_CAPABILITIES = b"report-status delete-refs side-band-64k quiet atomic ofs-delta no-thin object-format=sha1 " + AGENT
_BAD_PACK = (
    ApplyDeltaError,
    AssertionError,
    ChecksumMismatch,
    EOFError,
    KeyError,
    IndexError,
    ObjectFormatException,
    ValueError,
    zlib.error,
)

Write = Callable[[bytes], None]


@dataclass(frozen=True)
class _Push:
    moves: dict[str, tuple[str, str]]
    capabilities: frozenset[bytes]


def advertise(repo: Repo, write: Write) -> None:
    """The first answer: references that may be moved."""
    write(line(b"# service=git-receive-pack\n") + FLUSH)
    refs = [(name.encode(errors="surrogateescape"), oid.encode()) for name, oid in refs_of(repo).items()]
    for number, (name, oid) in enumerate(refs or [(b"capabilities^{}", ZERO.encode())]):
        write(line(oid + b" " + name + (b"\0" + _CAPABILITIES if number == 0 else b"") + b"\n"))
    write(FLUSH)


def receive(repositories: Repositories, owner: str, name: str, repo: Repo, body: IO[bytes]) -> tuple[Moves, bytes]:
    """Carry out one push; what has moved, for `Repositories.announce`, and the answer to send.

    :param repo: this repository, opened for this thread
    :raises ProtocolError: the body is no push
    """
    push = _read(body)
    if not push.moves:
        return {}, b""
    problem = ""
    if any(new for _, new in push.moves.values()):
        with repositories.lock(owner, name, "incoming"):
            problem = _store_pack(repo, body)
    if problem:
        results = dict.fromkeys(push.moves, "unpacker error")
    else:
        results = _carry_out(repositories, owner, name, repo, push)
    moved = {ref: push.moves[ref] for ref, why in results.items() if not why and len(set(push.moves[ref])) == 2}
    return moved, _report(push, problem, results) if b"report-status" in push.capabilities else b""


def _read(body: IO[bytes]) -> _Push:
    moves: dict[str, tuple[str, str]] = {}
    capabilities: frozenset[bytes] = frozenset()
    for text in lines_until_flush(body, COMMANDS_LIMIT):
        if text.startswith(b"shallow "):
            # Where the other side's history ends. What is lacking shows later, as missing objects.
            continue
        if b"\0" in text:
            text, _, rest = text.partition(b"\0")
            capabilities = frozenset(rest.split())
        old, new, ref = (*text.split(b" ", 2), b"", b"")[:3]
        if not (valid_hexsha(old) and valid_hexsha(new) and len(old) == len(new) == 40 and ref):
            raise ProtocolError("that moves no reference")
        known = tuple("" if oid == ZERO.encode() else oid.decode().lower() for oid in (old, new))
        moves[ref.decode(errors="surrogateescape")] = (known[0], known[1])
    return _Push(moves, capabilities)


def _store_pack(repo: Repo, body: IO[bytes]) -> str:
    """Store the pack that follows; "" or what is wrong with it."""

    def read_all(size: int) -> bytes:
        got = body.read(size)
        if len(got) != size:
            raise EOFError("early EOF")
        return got

    def read_some(size: int) -> bytes:
        return body.read(size)

    try:
        if (small := _small_pack(body)) is not None:
            with PackData.from_file(small, repo.object_format, len(small.getvalue())) as pack:
                pack.check()
                found = list(PackInflater.for_pack_data(pack, resolve_ext_ref=repo.object_store.get_raw))
            for one in found:
                repo.object_store.add_object(one)
        else:
            repo.object_store.add_thin_pack(read_all, read_some)
    except _BAD_PACK as error:
        for left in Path(repo.object_store.path).glob("tmp_pack_*"):
            left.unlink(missing_ok=True)
        return f"index-pack abnormal exit: {error or type(error).__name__}".replace("\n", " ")[:200]
    return ""


def _small_pack(body: IO[bytes]) -> io.BytesIO | None:
    """The pack, if it has few objects: they are stored one by one, for a pack of each push would slow down reading."""
    start = body.tell()
    head = body.read(12)
    count = int.from_bytes(head[8:12], "big")
    if head[:4] == b"PACK" and len(head) == 12 and count < UNPACK_LIMIT:
        rest = body.read(UNPACK_BYTES)
        if len(rest) < UNPACK_BYTES:
            return io.BytesIO(head + rest)
    body.seek(start)
    return None


def _carry_out(repositories: Repositories, owner: str, name: str, repo: Repo, push: _Push) -> dict[str, str]:
    with repositories.lock(owner, name):
        default = f"refs/heads/{repositories.head_branch(owner, name)}"
        found = {ref: _refusal(repo, ref, new, default) for ref, (_, new) in push.moves.items()}
        refused = {ref: why for ref, why in found.items() if why}
        atomic = b"atomic" in push.capabilities
        if refused and atomic:
            return {ref: refused.get(ref, "atomic transaction failed") for ref in push.moves}
        allowed = {ref: move for ref, move in push.moves.items() if ref not in refused}
        moved = repositories.move(owner, name, allowed, atomic=atomic)
        return {ref: refused.get(ref) or moved.get(ref, "") for ref in push.moves}


def _refusal(repo: Repo, ref: str, new: str, default: str) -> str:
    """Why a reference may not get this value, or ""."""
    if ref.startswith("refs/pull/"):
        return "hook declined"
    if not new:
        return "pre-receive hook declined" if ref == default else ""
    oid = ObjectID(new.encode())
    if oid not in repo.object_store:
        return "missing necessary objects"
    if ref.startswith("refs/heads/") and not isinstance(repo.object_store[oid], Commit):
        return "cannot update ref: trying to write non-commit object to branch"
    return "" if _complete(repo, oid) else "missing necessary objects"


def _complete(repo: Repo, new: ObjectID) -> bool:
    """Whether everything the object needs is there, beyond what the repository's references already reach."""
    store = repo.object_store
    try:
        tips = {peel(store, ObjectID(oid.encode())) for oid in refs_of(repo).values()}
        needed = missing_objects(store, [new], [oid for oid in tips if isinstance(store[oid], Commit)])
        return all(oid in store for oid in needed)
    except (KeyError, TooMuch):
        return False


def _report(push: _Push, problem: str, results: dict[str, str]) -> bytes:
    lines = [line(b"unpack " + (problem.encode() or b"ok") + b"\n")]
    for ref, why in results.items():
        raw = ref.encode(errors="surrogateescape")
        lines.append(line(b"ng " + raw + b" " + why.encode() + b"\n" if why else b"ok " + raw + b"\n"))
    report = b"".join(lines) + FLUSH
    return b"".join(banded(1, report)) + FLUSH if b"side-band-64k" in push.capabilities else report
