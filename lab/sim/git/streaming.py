"""Between the event loop and the threads that speak git: bodies in on disk, answers out in bounded pieces."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from aiohttp import web

BODY_LIMIT = 512 * 1024 * 1024
"""Bytes of one request, unpacked."""
IN_MEMORY = 1 << 20
BODY_SECONDS = 300.0
STALL_SECONDS = 30.0
"""How long a client may read nothing, or send nothing."""
ANSWER_SECONDS = 300.0
"""How long one answer may take to be made."""
PIECE = 1 << 16
PIECES = 16
"""Pieces that wait for a slow client."""


class GivenUp(Exception):
    """The client is gone, or the answer takes too long."""


class BodyTooLarge(ValueError):
    """The request's body is larger than BODY_LIMIT."""


class BadBody(ValueError):
    """The request's body is not what its headers say."""


async def spooled(request: web.Request, limit: int = BODY_LIMIT) -> IO[bytes]:
    """The request's body, unpacked, in memory when small and else in an anonymous file.

    Raises BodyTooLarge, BadBody, or TimeoutError when the client is too slow.
    """
    body = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115, its reader closes it
    unpack = _unpacker(request.headers.get("Content-Encoding", "").lower())
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while piece := await asyncio.wait_for(request.content.read(PIECE), STALL_SECONDS):
                for part in unpack(piece):
                    size += len(part)
                    if size > limit:
                        raise BodyTooLarge(f"more than {limit} bytes")
                    body.write(part)
            for part in unpack(b""):
                body.write(part)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return body


def _unpacker(encoding: str) -> Callable[[bytes], Iterator[bytes]]:
    """What turns received pieces into plain ones, PIECE bytes at most; b"" stands for the end. Raises BadBody."""
    if encoding in ("", "identity"):
        return lambda piece: iter((piece,))
    if encoding not in ("gzip", "x-gzip"):
        raise BadBody(f"the encoding {encoding[:20]!r} is not supported here")
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def unpack(piece: bytes) -> Iterator[bytes]:
        if not piece and not unpacking.eof:
            raise BadBody("the compressed body ends too early")
        try:
            while piece and not unpacking.eof:
                yield unpacking.decompress(piece, PIECE)
                piece = unpacking.unconsumed_tail
        except zlib.error as error:
            raise BadBody(str(error)) from error

    return unpack


class Outlet:
    """What a thread writes and the event loop sends; the thread waits when the client is slow."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(PIECES)
        self._closed = threading.Event()
        self._until = time.monotonic() + ANSWER_SECONDS
        self._waiting: list[bytes] = []
        self._size = 0

    # -- in the thread

    def write(self, data: bytes) -> None:
        """Send in time. Raises GivenUp."""
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= PIECE:
            self._flush()

    def check(self) -> None:
        """Raise GivenUp when there is no use in going on."""
        if self._closed.is_set():
            raise GivenUp("the client is gone")
        if time.monotonic() > self._until:
            raise GivenUp("the answer takes too long")

    def in_loop(self, call: Callable[..., object], *arguments: object) -> None:
        """Have something done in the event loop, before anything that is written from now on is sent."""
        self._loop.call_soon_threadsafe(call, *arguments)

    def _flush(self) -> None:
        self.check()
        if not self._waiting:
            return
        if not self._room.acquire(timeout=STALL_SECONDS):
            raise GivenUp("the client reads nothing")
        self.check()
        piece = b"".join(self._waiting)
        self._waiting, self._size = [], 0
        self._loop.call_soon_threadsafe(self._queue.put_nowait, piece)

    def run(self, work: Callable[[Outlet], object]) -> None:
        """Do the work, then send what is left; the end is told in any case."""
        try:
            work(self)
            self._flush()
        finally:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, None)

    # -- in the event loop

    async def piece(self) -> bytes | None:
        """The next piece, or None at the end."""
        got = await self._queue.get()
        if got is not None:
            self._room.release()
        return got

    def close(self) -> None:
        """Nobody reads any more; a thread that waits for room wakes up."""
        self._closed.set()
        self._room.release()


class Threads:
    """The threads that speak git: few, so that a crowd of clients waits instead of filling the memory."""

    def __init__(self, count: int = 4) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="git")
        self._outlets: set[Outlet] = set()

    async def answer(
        self, request: web.Request, headers: dict[str, str], work: Callable[[Outlet], object]
    ) -> web.StreamResponse:
        """Run `work` in a thread and send what it writes.

        What `work` raises before its first piece is sent is raised here; later the connection is cut, so that the
        client notices.
        """
        outlet = Outlet()
        self._outlets.add(outlet)
        task = asyncio.get_running_loop().run_in_executor(self._pool, outlet.run, work)
        # Where the client is gone, nobody else looks at how the work ended.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            first = await outlet.piece()
            second = await outlet.piece() if first is not None else None
            if second is None:
                await task
                return web.Response(body=first or b"", headers=headers)
            return await _stream(request, headers, outlet, (first or b"", second), task)
        finally:
            outlet.close()
            self._outlets.discard(outlet)

    async def close(self) -> None:
        """Take no more work, and return when what runs was given up or is done."""
        for outlet in tuple(self._outlets):
            outlet.close()
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)


async def _stream(
    request: web.Request,
    headers: dict[str, str],
    outlet: Outlet,
    first: tuple[bytes, ...],
    task: asyncio.Future[None],
) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    for piece in first:
        await response.write(piece)
    while (piece_or_end := await outlet.piece()) is not None:
        await response.write(piece_or_end)
    try:
        await task
    except Exception:
        if request.transport is not None:
            request.transport.abort()
        raise
    await response.write_eof()
    return response
