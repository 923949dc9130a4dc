"""The answering side of `git clone` and `git fetch` over HTTP: protocol 0 and protocol 2.

Every request is answered from the repository alone, as HTTP needs it. Any object that is there may be asked for, as
Gitea allows: a client that was told of a branch which has moved meanwhile still gets what it was told of.
Source: git's `Documentation/gitprotocol-v2.txt`, `gitprotocol-pack.txt` and `gitprotocol-http.txt`. Own code instead of
`dulwich.server`: that knows no protocol 2, and fails on a plain fetch into a shallow clone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from dulwich.objects import ObjectID, valid_hexsha
from dulwich.pack import write_pack_from_container
from dulwich.repo import Repo

from lab.sim.git.history import TooMuch, ancestors, boundary, missing_objects, parents_of, peel
from lab.sim.git.pack_lines import (
    DELIMITED,
    DELIMITER,
    FLUSH,
    FLUSHED,
    Mark,
    ProtocolError,
    banded,
    line,
    lines_until_flush,
    read_line,
)
from lab.sim.git.repositories import ZERO, refs_of

AGENT = b"agent=gitops-lab"
LINES_LIMIT = 100_000
DEEPEST = 0x7FFFFFFF
"""What git sends for "everything"."""

_CAPABILITIES = (
    b"multi_ack_detailed no-done side-band-64k thin-pack ofs-delta shallow deepen-relative no-progress include-tag "
    b"allow-tip-sha1-in-want allow-reachable-sha1-in-want object-format=sha1 " + AGENT
)

Write = Callable[[bytes], None]


class _Refused(Exception):
    """Told to the client, whose git prints it."""


@dataclass
class _Request:
    wants: list[ObjectID] = field(default_factory=list)
    haves: list[ObjectID] = field(default_factory=list)
    shallow: set[ObjectID] = field(default_factory=set)
    depth: int = 0
    deepen_relative: bool = False
    done: bool = False
    tags: bool = False
    banded: bool = True
    no_done: bool = False


def advertise(repo: Repo, write: Write, version: int) -> None:
    """The first answer: references (protocol 0) or what may be asked (protocol 2)."""
    if version == 2:
        offers = (b"version 2", AGENT, b"ls-refs=unborn", b"fetch=shallow", b"object-format=sha1")
        write(b"".join(line(one + b"\n") for one in offers) + FLUSH)
        return
    listed = _listed(repo)
    symref = _head_target(repo)
    capabilities = _CAPABILITIES + (b" symref=HEAD:" + symref if b"HEAD" in dict(listed) else b"")
    write(line(b"# service=git-upload-pack\n") + FLUSH)
    if not listed:
        listed = [(b"capabilities^{}", ObjectID(ZERO.encode()))]
    for number, (name, oid) in enumerate(listed):
        write(line(oid + b" " + name + (b"\0" + capabilities if number == 0 else b"") + b"\n"))
        peeled = _peeled(repo, oid)
        if peeled != oid:
            write(line(peeled + b" " + name + b"^{}\n"))
    write(FLUSH)


def answer(repo: Repo, body: IO[bytes], write: Write, version: int, check: Callable[[], None]) -> None:
    """Answer one request.

    :param check: called now and then; it may raise to give up
    :raises ProtocolError: the body is no request; nothing was written then
    """
    try:
        if version == 2:
            _command(repo, body, write, check)
        else:
            _fetch_0(repo, _read_0(body), write, check)
    except (_Refused, TooMuch) as refusal:
        write(line(b"ERR upload-pack: " + str(refusal).encode() + b"\n"))


# --- protocol 0 -----------------------------------------------------------------------------------------------------


def _read_0(body: IO[bytes]) -> _Request:
    request = _Request(banded=False)
    for number, text in enumerate(lines_until_flush(body, LINES_LIMIT)):
        if number == 0:
            text, _, rest = text.replace(b"\0", b" ").partition(b" ")[2].partition(b" ")
            capabilities = set(rest.split())
            request.banded = b"side-band-64k" in capabilities
            request.tags = b"include-tag" in capabilities
            request.no_done = b"no-done" in capabilities
            request.deepen_relative = b"deepen-relative" in capabilities
            text = b"want " + text
        _take(request, text)
    while (got := read_line(body)) is not None:
        if not isinstance(got, Mark):
            _take(request, got)
    return request


def _fetch_0(repo: Repo, request: _Request, write: Write, check: Callable[[], None]) -> None:
    if not request.wants:
        return
    _must_have(repo, request.wants)
    cut, opened = _shallows(repo, request)
    if request.depth:
        write(b"".join(_shallow_lines(request, cut, opened)) + FLUSH)
    common = [oid for oid in request.haves if oid in repo.object_store]
    for oid in common:
        write(line(b"ACK " + oid + b" common\n"))
    ready = bool(common) and _enough(repo, request, common)
    if not request.done:
        if ready:
            write(line(b"ACK " + common[-1] + b" ready\n"))
        if request.haves or not request.depth:
            write(line(b"NAK\n"))
        if not (ready and request.no_done):
            return
    write(line(b"ACK " + common[-1] + b"\n") if common else line(b"NAK\n"))
    _send_pack(repo, request, cut, opened, write, check)


# --- protocol 2 -----------------------------------------------------------------------------------------------------


def _command(repo: Repo, body: IO[bytes], write: Write, check: Callable[[], None]) -> None:
    while (got := read_line(body)) is not None:
        if got is FLUSHED:
            continue
        command, arguments = _read_command(got, body)
        if command == b"ls-refs":
            _list_refs(repo, arguments, write)
        elif command == b"fetch":
            _fetch_2(repo, arguments, write, check)
        else:
            raise ProtocolError("there is no such command")


def _read_command(first: bytes | Mark, body: IO[bytes]) -> tuple[bytes, list[bytes]]:
    if isinstance(first, Mark) or not first.startswith(b"command="):
        raise ProtocolError("a command is expected")
    arguments: list[bytes] = []
    while (got := read_line(body)) is not None and got is not FLUSHED:
        if got is DELIMITED:
            arguments = list(lines_until_flush(body, LINES_LIMIT))
            break
        if isinstance(got, bytes) and got.startswith(b"object-format=") and got != b"object-format=sha1":
            raise ProtocolError("only SHA-1 repositories are kept here")
    return first.removeprefix(b"command="), arguments


def _list_refs(repo: Repo, arguments: list[bytes], write: Write) -> None:
    prefixes = tuple(one.removeprefix(b"ref-prefix ") for one in arguments if one.startswith(b"ref-prefix "))
    target = _head_target(repo)
    listed = _listed(repo)
    if b"unborn" in arguments and not any(name == b"HEAD" for name, _ in listed):
        write(line(b"unborn HEAD symref-target:" + target + b"\n"))
    for name, oid in listed:
        if prefixes and not name.startswith(prefixes):
            continue
        text = oid + b" " + name
        if name == b"HEAD" and b"symrefs" in arguments:
            text += b" symref-target:" + target
        peeled = _peeled(repo, oid) if b"peel" in arguments else oid
        if peeled != oid:
            text += b" peeled:" + peeled
        write(line(text + b"\n"))
    write(FLUSH)


def _fetch_2(repo: Repo, arguments: list[bytes], write: Write, check: Callable[[], None]) -> None:
    request = _Request()
    for text in arguments:
        _take(request, text)
    if not request.wants:
        raise ProtocolError("nothing is wanted")
    _must_have(repo, request.wants)
    if not request.done:
        common = [oid for oid in request.haves if oid in repo.object_store]
        write(line(b"acknowledgments\n"))
        write(b"".join(line(b"ACK " + oid + b"\n") for oid in common) if common else line(b"NAK\n"))
        if not (common and _enough(repo, request, common)):
            write(FLUSH)
            return
        write(line(b"ready\n") + DELIMITER)
    cut, opened = _shallows(repo, request)
    if request.depth:
        write(line(b"shallow-info\n") + b"".join(_shallow_lines(request, cut, opened)) + DELIMITER)
    write(line(b"packfile\n"))
    _send_pack(repo, request, cut, opened, write, check)


# --- both -----------------------------------------------------------------------------------------------------------


def _take(request: _Request, text: bytes) -> None:
    """Note one line of a request; hints of protocol 2 that change nothing are passed over."""
    word, _, rest = text.partition(b" ")
    match word:
        case b"want" | b"have" | b"shallow":
            if not valid_hexsha(rest) or len(rest) != 40:
                raise ProtocolError("that is no object id")
            oid = ObjectID(rest)
            if word == b"shallow":
                request.shallow.add(oid)
            else:
                (request.wants if word == b"want" else request.haves).append(oid)
        case b"deepen":
            if not rest.isdigit() or not 0 < int(rest) <= DEEPEST:
                raise ProtocolError("that is no depth")
            request.depth = int(rest)
        case b"deepen-relative":
            request.deepen_relative = True
        case b"done":
            request.done = True
        case b"include-tag":
            request.tags = True
        case b"thin-pack" | b"no-progress" | b"ofs-delta":
            pass
        case _:
            raise ProtocolError(f"{word[:40].decode(errors='replace')!r} is not supported here")


def _must_have(repo: Repo, wants: list[ObjectID]) -> None:
    for oid in wants:
        if oid not in repo.object_store:
            raise _Refused(f"not our ref {oid.decode()}")


def _shallows(repo: Repo, request: _Request) -> tuple[set[ObjectID], set[ObjectID]]:
    """Where the client's history will end, and where it ended but will not any more."""
    if not request.depth:
        return set(request.shallow), set()
    depth = request.depth
    starts = [peel(repo.object_store, oid) for oid in request.wants]
    if request.deepen_relative and request.shallow:
        starts, depth = [oid for oid in request.shallow if oid in repo.object_store], depth + 1
    cut, inside = boundary(repo.object_store, starts, depth)
    return cut, inside & request.shallow


def _shallow_lines(request: _Request, cut: set[ObjectID], opened: set[ObjectID]) -> list[bytes]:
    fresh = sorted(cut - request.shallow)
    return [*(line(b"shallow " + oid) for oid in fresh), *(line(b"unshallow " + oid) for oid in sorted(opened))]


def _enough(repo: Repo, request: _Request, common: list[ObjectID]) -> bool:
    """Whether every want has a commit behind it that both sides have."""
    known = set(common)
    for want in request.wants:
        reached = ancestors(repo.object_store, [peel(repo.object_store, want)], ends=known)
        if not known & reached.keys():
            return False
    return True


def _send_pack(
    repo: Repo, request: _Request, cut: set[ObjectID], opened: set[ObjectID], write: Write, check: Callable[[], None]
) -> None:
    store = repo.object_store
    below = [parent for oid in opened for parent in parents_of(store, oid)]
    objects = missing_objects(
        store,
        [*request.wants, *below],
        request.haves,
        cut=cut,
        had_cut=request.shallow,
        check=check,
    )
    if request.tags:
        objects += _tags_along(repo, set(objects))

    def write_pack(data: bytes) -> None:
        check()
        for part in banded(1, data) if request.banded else (data,):
            write(part)

    gathered = _Gathered(write_pack)
    write_pack_from_container(
        gathered.write,
        store,
        [(oid, None) for oid in objects],
        repo.object_format,
        reuse_deltas=False,
        compression_level=1,
    )
    gathered.flush()
    if request.banded:
        write(FLUSH)


class _Gathered:
    """Joins small pieces, so that each object does not become lines of its own."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= 1 << 16:
            self.flush()

    def flush(self) -> None:
        if self._pieces:
            self._write(b"".join(self._pieces))
        self._pieces, self._size = [], 0


def _tags_along(repo: Repo, sent: set[ObjectID]) -> list[ObjectID]:
    """Annotated tags of commits that are sent."""
    found = []
    for name, oid in refs_of(repo).items():
        tag = ObjectID(oid.encode())
        if name.startswith("refs/tags/") and tag not in sent and _peeled(repo, tag) in sent:
            found.append(tag)
    return found


def _listed(repo: Repo) -> list[tuple[bytes, ObjectID]]:
    """References in git's order, `HEAD` first if its branch has a commit."""
    listed = [(name.encode(errors="surrogateescape"), ObjectID(oid.encode())) for name, oid in refs_of(repo).items()]
    listed = [(name, oid) for name, oid in listed if oid in repo.object_store]
    head = dict(listed).get(_head_target(repo))
    return [(b"HEAD", head), *listed] if head else listed


def _head_target(repo: Repo) -> bytes:
    chain, _ = repo.refs.follow(b"HEAD")  # type: ignore[arg-type]
    return bytes(chain[-1])


def _peeled(repo: Repo, oid: ObjectID) -> ObjectID:
    try:
        return peel(repo.object_store, oid)
    except KeyError:
        return oid
