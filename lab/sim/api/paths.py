"""What is at the paths that are no resources: health, the version, discovery, OpenAPI, the keys of tokens.

Source: apiserver `pkg/server/routes`, kubernetes `pkg/routes/openidmetadata.go`.
"""

from __future__ import annotations

from aiohttp import web

from lab.sim.api import answers, discovery, openapi
from lab.sim.api.request import Asked
from lab.sim.api.rest import Rest
from lab.sim.api.status import ApiError, NothingThere, method_not_allowed, no_such_path
from lab.sim.api.tokens import Tokens

_HEALTH = ("/healthz", "/livez", "/readyz")
_CHECKS = ("etcd", "ping", "log")


class Paths:
    """The documents of one cluster."""

    def __init__(self, rest: Rest, tokens: Tokens) -> None:
        self._minor = rest.minor
        self._tokens = tokens
        self._discovery = discovery.Documents(rest.registry, rest.minor)
        self._openapi = openapi.Documents(rest.registry, rest.minor)

    def answer(self, http: web.BaseRequest, asked: Asked) -> web.Response:
        """Raises ApiError 404 or 405."""
        path = asked.path.rstrip("/") or "/"
        if _is_health(path):
            return web.Response(
                text="ok", headers={"Cache-Control": answers.NO_CACHE, "X-Content-Type-Options": "nosniff"}
            )
        if asked.verb != "get":
            known = path in ("/version", openapi.ROOT, openapi.SECOND) or self._discovery.get(path) is not None
            raise method_not_allowed() if known else _missing(path)
        if path == "/version":
            return answers.body(http, discovery.version(self._minor))
        if path == "/.well-known/openid-configuration":
            return answers.body(http, self._tokens.configuration())
        if path == "/openid/v1/jwks":
            return answers.body(http, self._tokens.keys())
        if path == openapi.SECOND:
            return answers.document(http, openapi.second(self._minor))
        if path == openapi.ROOT or path.startswith(f"{openapi.ROOT}/"):
            return answers.document(http, self._openapi.get(path, http.query.get("hash", "")))
        found = self._discovery.get(path, http.headers.get("Accept", ""))
        if found is None:
            raise _missing(path)
        return answers.document(http, found)


def _missing(path: str) -> ApiError:
    return no_such_path() if path.startswith(("/api/", "/apis/")) else NothingThere()


def _is_health(path: str) -> bool:
    root, _, check = path.lstrip("/").partition("/")
    return f"/{root}" in _HEALTH and (not check or check in _CHECKS)
