"""git over HTTP, in the event loop: clone, fetch and push by the smart protocol; the dumb one is refused.

aiohttp reads requests and sends answers, and git itself is spoken in a few threads over files that hold the bodies.
One port and one loop serve git and the API that way, many slow clients cost no thread, and a push is announced in the
loop's own thread. A WSGI server beside the loop would need a thread for each client and a second way in for the API.
Source of addresses, headers and statuses: git's `Documentation/gitprotocol-http.txt`, and Gitea 1.26.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial
from typing import IO

from aiohttp import web

from lab.sim.git import receive_pack, upload_pack
from lab.sim.git.accounts import Account, BadCredentials
from lab.sim.git.forge import Forge, Refused
from lab.sim.git.pack_lines import ProtocolError
from lab.sim.git.repositories import NoRepository
from lab.sim.git.streaming import BadBody, BodyTooLarge, GivenUp, Outlet, Threads, spooled

_log = logging.getLogger(__name__)
_FETCH_BODY = 16 * 1024 * 1024
"""Bytes of a request to fetch: names of commits only."""
_SERVICES = ("git-upload-pack", "git-receive-pack")
_NO_CACHE = {
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
    "Expires": "Fri, 01 Jan 1980 00:00:00 GMT",
    "Pragma": "no-cache",
}
_DUMB = "only git's smart protocol is served here"
_VERSION = re.compile(r"(?:^|:)version=2(?:$|:)")


class SmartHttp:
    """The handlers of `/OWNER/NAME.git/…`."""

    def __init__(self, forge: Forge, threads: Threads) -> None:
        """`threads`: closed by who made them."""
        self._forge = forge
        self._repositories = forge.repositories
        self._threads = threads

    def add_routes(self, app: web.Application) -> None:
        """Serve git below every owner."""
        here = "/{owner}/{name}"
        app.router.add_get(f"{here}/info/refs", self.advertise)
        for service in _SERVICES:
            app.router.add_post(f"{here}/{service}", partial(self.serve, service))
        for dumb in ("HEAD", "objects/{rest:.*}", "info/{rest:.*}"):
            app.router.add_get(f"{here}/{dumb}", self.refuse_dumb)

    async def advertise(self, request: web.Request) -> web.StreamResponse:
        """`GET …/info/refs?service=`: which references there are."""
        service = request.query.get("service", "")
        if not service:
            return _text(403, _DUMB)
        if service not in _SERVICES:
            return _text(400, "no such service")
        allowed = self._allowed(request, service)
        if isinstance(allowed, web.Response):
            return allowed
        headers = {**_NO_CACHE, "Content-Type": f"application/x-{service}-advertisement"}
        owner, name, _ = allowed
        version = _version(request)

        def work(outlet: Outlet) -> None:
            with self._repositories.open(owner, name) as repo:
                if service == "git-upload-pack":
                    upload_pack.advertise(repo, outlet.write, version)
                else:
                    receive_pack.advertise(repo, outlet.write)

        return await self._answer(request, headers, work)

    async def serve(self, service: str, request: web.Request) -> web.StreamResponse:
        """`POST …/git-upload-pack` and `POST …/git-receive-pack`."""
        allowed = self._allowed(request, service)
        if isinstance(allowed, web.Response):
            return allowed
        if request.content_type != f"application/x-{service}-request":
            return _text(415, "Unsupported Media Type")
        owner, name, _ = allowed
        try:
            body = await (spooled(request, _FETCH_BODY) if service == "git-upload-pack" else spooled(request))
        except BodyTooLarge as error:
            return _text(413, str(error))
        except BadBody as error:
            return _text(400, str(error))
        except TimeoutError:
            return _text(408, "the request took too long")
        version = _version(request)
        headers = {**_NO_CACHE, "Content-Type": f"application/x-{service}-result"}
        with body:
            if service == "git-upload-pack":
                return await self._answer(request, headers, partial(self._upload, owner, name, body, version))
            return await self._answer(request, headers, self._receiving(owner, name, body))

    async def refuse_dumb(self, _: web.Request) -> web.StreamResponse:
        """Files of a repository are not served as files."""
        return _text(403, _DUMB)

    # -- in threads

    def _upload(self, owner: str, name: str, body: IO[bytes], version: int, outlet: Outlet) -> None:
        with self._repositories.open(owner, name) as repo:
            upload_pack.answer(repo, body, outlet.write, version, outlet.check)

    def _receiving(self, owner: str, name: str, body: IO[bytes]) -> Callable[[Outlet], None]:
        def work(outlet: Outlet) -> None:
            with self._repositories.open(owner, name) as repo:
                moved, report = receive_pack.receive(self._repositories, owner, name, repo, body)
            # Told before the answer is sent, and told even if nobody waits for the answer any more.
            outlet.in_loop(self._repositories.announce, owner, name, moved)
            outlet.write(report)

        return work

    # -- inside

    async def _answer(
        self, request: web.Request, headers: dict[str, str], work: Callable[[Outlet], None]
    ) -> web.StreamResponse:
        try:
            return await self._threads.answer(request, headers, work)
        except ProtocolError as error:
            return _text(400, str(error))
        except NoRepository:
            return _text(404, "Repository not found")
        except GivenUp as error:
            return _text(503, str(error))

    def _allowed(self, request: web.Request, service: str) -> tuple[str, str, Account | None] | web.Response:
        """Owner, repository and who asks; or the refusal."""
        owner, name = request.match_info["owner"], request.match_info["name"].removesuffix(".git")
        try:
            account = self._forge.accounts.who(request.headers.get("Authorization", ""))
        except BadCredentials:
            return _unauthorized("Failed to authenticate user")
        write = service == "git-receive-pack"
        try:
            allowed = self._forge.may(account, owner, name, write=write)
        except Refused:
            # A stranger is not told which repositories there are.
            return _unauthorized("Unauthorized") if account is None else _text(404, "Repository not found")
        if allowed:
            return owner, name, account
        if account is None:
            return _unauthorized("Unauthorized")
        private = self._forge.record(owner, name).private
        return _text(404, "Repository not found") if private else _text(403, "User permission denied for writing.")


def _version(request: web.Request) -> int:
    return 2 if _VERSION.search(request.headers.get("Git-Protocol", "")) else 0


def _unauthorized(text: str) -> web.Response:
    return web.Response(status=401, text=f"{text}\n", headers={"WWW-Authenticate": 'Basic realm="Gitea"'})


def _text(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
