"""The connections of one cluster's port: limits on what a client may send and how long it may take.

Bodies are not unpacked: a real server takes none that are compressed, and a small one could become huge. Sources of the
limits: Go `net/http` (1 MiB of headers), apiserver `pkg/server/secure_serving.go` (32 s for the headers).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from lab.sim.api import answers
from lab.sim.api.status import ApiError, bad_request, internal

FIRST_REQUEST_SECONDS = 32.0
"""A connection that has asked nothing by then is closed."""
IDLE_SECONDS = 300.0
LONGEST_LINE = 64 * 1024
MOST_HEADERS = 256
_log = logging.getLogger(__name__)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connections(web.Server):
    """Gives every request that is HTTP to one handler, and answers the others itself."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, handler_cancellation=True, request_factory=self._request)
        self._own_loop = asyncio.get_running_loop()

    def __call__(self) -> web.RequestHandler:
        """A connection; `asyncio` calls this for each that it accepts."""
        return _Connection(
            self,
            loop=self._own_loop,
            access_log=None,
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            max_headers=MOST_HEADERS,
            auto_decompress=False,
        )

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        if isinstance(protocol, _Connection):
            protocol.has_asked = True
        return web.BaseRequest(message, payload, protocol, writer, task, self._own_loop)


class _Connection(web.RequestHandler):
    __slots__ = ("_first", "has_asked")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.has_asked = False
        self._first: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._first = asyncio.get_running_loop().call_later(FIRST_REQUEST_SECONDS, self._close_unasked)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._first is not None:
            self._first.cancel()
            self._first = None
        super().connection_lost(exc)

    def _close_unasked(self) -> None:
        self._first = None
        if not self.has_asked:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The Status for bytes that are no request, or for an answer that failed; the connection ends with it."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if status >= 500:
            _log.error("%s %s", request.method, request.path, exc_info=exc)
            error = internal("the simulator failed on this request; please report it")
        else:
            error = bad_request(f"the request is not HTTP: {_first_line(message)}")
            if isinstance(exc, LineTooLong) or "Too many headers" in error.message:
                error = ApiError(431, "RequestHeaderFieldsTooLarge", "the request line or its headers are too large")
        response = answers.refusal(error)
        response.force_close()
        return response


def _first_line(text: str | None) -> str:
    return (text or "malformed").strip().split("\n", 1)[0][:200]
