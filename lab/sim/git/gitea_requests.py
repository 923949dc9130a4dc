"""What every handler of the API does with requests and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import web

from lab.sim.git.accounts import Account
from lab.sim.git.forge import Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE, PAGE_LIMIT = 30, 50
BODY_LIMIT = 1 << 20
"""Bytes of a JSON body."""
ACCOUNT: web.RequestKey[Account | None] = web.RequestKey("account", Account)


def as_json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer as Gitea sends it."""
    told = {"Content-Type": "application/json;charset=utf-8", **(headers or {})}
    return web.Response(body=orjson.dumps(body), status=status, headers=told)


def root_of(request: web.Request) -> str:
    """The server's address as the client wrote it."""
    return f"http://{request.host}"


def names_of(request: web.Request) -> tuple[str, str]:
    """Owner and name of the repository asked for."""
    return request.match_info["owner"], request.match_info["name"]


def number_of(request: web.Request, key: str = "number") -> int:
    """A number in the address; 0, which nothing has, where there is none."""
    text = request.match_info[key]
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def signed_in(request: web.Request) -> Account:
    """The account that asks. Raises Refused with 401."""
    account = request[ACCOUNT]
    if not isinstance(account, Account):
        raise Refused(401, "token is required")
    return account


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object sent, {} for none. Raises Refused."""
    if (request.content_length or 0) > BODY_LIMIT:
        raise Refused(413, "the request is too large")
    raw = await request.content.read(BODY_LIMIT + 1)
    while raw and len(raw) <= BODY_LIMIT and (more := await request.content.read(BODY_LIMIT)):
        raw += more
    if len(raw) > BODY_LIMIT:
        raise Refused(413, "the request is too large")
    try:
        said = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError as error:
        raise Refused(422, f"[]: {error}") from None
    if not isinstance(said, dict):
        raise Refused(422, "[]: an object is expected")
    return said


def required(said: dict[str, Any], key: str) -> str:
    """A text that must be there. Raises Refused with 422."""
    value = said.get(key)
    if not isinstance(value, str) or not value.strip():
        raise Refused(422, f"[{key.capitalize()}]: Required")
    return value.strip()


def paged(request: web.Request, items: list[Any]) -> web.Response:
    """One page of a list."""
    part, headers = page_of(request, items)
    return as_json(part, headers=headers)


def page_of(request: web.Request, items: list[Any]) -> tuple[list[Any], dict[str, str]]:
    """One page, and the headers that tell of the others."""
    page = _positive(request, "page", 1)
    limit = min(_positive(request, "limit", PAGE), PAGE_LIMIT)
    headers = {"X-Total-Count": str(len(items)), "Access-Control-Expose-Headers": "Link, X-Total-Count"}
    last = max(1, -(-len(items) // limit))
    others = {"next": page + 1, "last": last} if page < last else {}
    if page > 1:
        others |= {"first": 1, "prev": page - 1}
    links = []
    for relation, number in others.items():
        query = {**request.query, "limit": str(limit), "page": str(number)}
        text = "&".join(f"{quote(key)}={quote(value)}" for key, value in sorted(query.items()))
        links.append(f'<{root_of(request)}{request.path}?{text}>; rel="{relation}"')
    if links:
        headers["Link"] = ",".join(links)
    return items[(page - 1) * limit : page * limit], headers


def _positive(request: web.Request, key: str, default: int) -> int:
    text = request.query.get(key, "")
    return int(text) if text.isdecimal() and len(text) < 10 and int(text) > 0 else default
