"""One cluster's API over HTTPS: from a request to an answer, on the verbs of `rest.py`.

Every answer, refusals included, is a Kubernetes object; a bug answers 500 and leaves the server alive. Source of the
protocol: apiserver `pkg/endpoints/handlers`, `pkg/server/handler.go`.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from lab.sim.api import bodies, discovery, negotiation, openapi, request, reviews, streams, subresources, table, watch
from lab.sim.api.authn import Authenticator
from lab.sim.api.context import Context, DeleteOptions, User
from lab.sim.api.negotiation import PLAIN, Form
from lab.sim.api.rbac import Authorizer
from lab.sim.api.request import Asked
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import (
    ApiError,
    bad_request,
    internal,
    method_not_allowed,
    no_such_path,
    not_simulated,
    too_large,
)
from lab.sim.api.tokens import Tokens
from lab.sim.logs import Logs

_log = logging.getLogger(__name__)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))
_HEALTH = ("/healthz", "/livez", "/readyz")
_NO_CACHE = "no-cache, private"
Verb = Callable[[web.BaseRequest, Asked, Resource, User], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What an API server stands on."""

    rest: Rest
    authenticator: Authenticator
    authorizer: Authorizer
    tokens: Tokens
    logs: Logs


class Server:
    """Answers the requests of one cluster."""

    def __init__(self, parts: Parts) -> None:
        self._rest = parts.rest
        self._authenticator = parts.authenticator
        self._authorizer = parts.authorizer
        self._tokens = parts.tokens
        self._logs = parts.logs
        self._discovery = discovery.Documents(parts.rest.registry, parts.rest.minor)
        self._openapi = openapi.Documents(parts.rest.registry, parts.rest.minor)
        self._verbs: dict[str, Verb] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._deletecollection,
        }

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        try:
            answer = await self._answer(http)
            await self._rest.store.committed()
            return answer
        except ApiError as error:
            return _refusal(error)
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            _log.exception("%s %s", http.method, http.path)
            return _refusal(
                internal(f"the simulator failed on this request ({type(error).__name__}); please report it")
            )

    async def _answer(self, http: web.BaseRequest) -> web.StreamResponse:
        if http.method not in _METHODS:
            raise method_not_allowed()
        asked = request.parse(http.method, http.raw_path.split("?", 1)[0], http.query)
        user = self._user(http)
        if not asked.plural:
            return await self._elsewhere(http, asked, user)
        resource = self._rest.registry.find(asked.group, asked.version, asked.plural)
        if resource is None:
            self._authorizer.check_attributes(
                user, asked.verb, asked.group, asked.plural, asked.subresource, asked.namespace, asked.name
            )
            raise no_such_path()
        name = asked.name or _only_name(http.query.get("fieldSelector", ""), asked.verb)
        self._authorizer.check(user, asked.verb, resource, asked.namespace, name, asked.subresource)
        if resource.namespaced is False and asked.namespace:
            raise no_such_path()
        if resource.namespaced and not asked.namespace and asked.verb not in ("list", "watch", "create"):
            raise no_such_path() if asked.name else method_not_allowed()
        if asked.subresource:
            return await self._subresource(http, asked, resource, user)
        verb = asked.verb
        if verb not in resource.verbs:
            raise method_not_allowed()
        return await self._verbs[verb](http, asked, resource, user)

    def _user(self, http: web.BaseRequest) -> User:
        transport = http.transport
        if transport is None:
            raise ConnectionResetError
        tls = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        user = self._authenticator.authenticate(certificate, http.headers)
        return self._authenticator.impersonated(user, http.headers, self._authorizer)

    # -- reading

    async def _get(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = negotiation.wanted(http.headers.get("Accept", ""))
        obj = self._rest.get(resource, asked.namespace, asked.name)
        return self._one(http, resource, obj, form)

    async def _list(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = negotiation.wanted(http.headers.get("Accept", ""))
        query = http.query
        fields = _with_name(query.get("fieldSelector", ""), asked.name)
        listed = self._rest.list(
            resource,
            asked.namespace,
            query.get("labelSelector", ""),
            fields,
            request.number(query, "limit"),
            query.get("continue", ""),
            query.get("resourceVersion", ""),
            query.get("resourceVersionMatch", ""),
        )
        metadata: Object = {"resourceVersion": listed.revision}
        if listed.carry_on:
            metadata["continue"] = listed.carry_on
        if listed.remaining is not None:
            metadata["remainingItemCount"] = listed.remaining
        if form.shape == "Table":
            body: Object = table.table(
                resource, listed.items, metadata, self._rest.clock.now(), _include(query.get("includeObject", ""))
            )
        elif form.shape:
            body = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": [negotiation.partial(obj) for obj in listed.items],
            }
        else:
            body = {
                "kind": resource.list_kind,
                "apiVersion": resource.api_version,
                "metadata": metadata,
                "items": listed.items,
            }
        return _body(http, body, form)

    async def _watch(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = negotiation.wanted(http.headers.get("Accept", ""))
        query = http.query
        initial = query.get("sendInitialEvents")
        options = watch.WatchOptions(
            labels=query.get("labelSelector", ""),
            fields=_with_name(query.get("fieldSelector", ""), asked.name),
            revision=query.get("resourceVersion", ""),
            match=query.get("resourceVersionMatch", ""),
            bookmarks=request.truth(query, "allowWatchBookmarks"),
            initial_events=None if initial is None else request.truth(query, "sendInitialEvents"),
            seconds=request.number(query, "timeoutSeconds", 24 * 3600),
        )
        stream = watch.Stream(
            self._rest, resource, asked.namespace, options, form, _include(query.get("includeObject", ""))
        )
        try:
            return await streams.lines(http, stream.blocks())
        finally:
            stream.close()

    # -- writing

    async def _create(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        if asked.name:
            raise method_not_allowed()
        form = negotiation.wanted(http.headers.get("Accept", ""))
        context = self._context(http, user, "CreateOptions")
        obj = await self._decoded(http, context)
        if resource.namespaced and not asked.namespace:
            raise bad_request("an empty namespace may not be set during creation")
        if not resource.stored:
            answer = reviews.create(
                self._rest, self._authorizer, self._tokens, resource, asked.namespace, "", "", obj, user, context
            )
            return _body(http, answer, form, 201)
        made = self._rest.create(resource, asked.namespace, obj, context)
        return self._one(http, resource, made, form, 201, context)

    async def _update(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = negotiation.wanted(http.headers.get("Accept", ""))
        context = self._context(http, user, "UpdateOptions")
        obj = await self._decoded(http, context)
        made = self._rest.update(resource, asked.namespace, asked.name, obj, context)
        return self._one(http, resource, made, form, 200, context)

    async def _patch(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = negotiation.wanted(http.headers.get("Accept", ""))
        context = self._context(http, user, "PatchOptions")
        patch, kind = bodies.patch_value(await _read(http), http.headers.get("Content-Type", ""))
        made, created = self._patched(http, asked, resource, patch, kind, context, "")
        return self._one(http, resource, made, form, 201 if created else 200, context)

    def _patched(
        self,
        http: web.BaseRequest,
        asked: Asked,
        resource: Resource,
        patch: Any,
        kind: str,
        context: Context,
        subresource: str,
    ) -> tuple[Object, bool]:
        force = request.truth(http.query, "force")
        if kind == "apply":
            return self._rest.apply(resource, asked.namespace, asked.name, patch, context, force, subresource)
        if "force" in http.query:
            raise request.no_force()
        return self._rest.patch(resource, asked.namespace, asked.name, patch, kind, context, subresource), False

    async def _delete(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        context = self._context(http, user, "DeleteOptions")
        options, context.dry_run = await self._delete_options(http, context)
        obj, gone = self._rest.delete(resource, asked.namespace, asked.name, options, context)
        if not gone or resource.storage == "pods":
            return self._one(http, resource, obj, PLAIN, 200, context)
        details: Object = {"name": asked.name}
        if resource.group:
            details["group"] = resource.group
        details |= {"kind": resource.plural, "uid": obj["metadata"]["uid"]}
        return self._success(http, details)

    async def _deletecollection(
        self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User
    ) -> web.StreamResponse:
        context = self._context(http, user, "DeleteOptions")
        options, context.dry_run = await self._delete_options(http, context)
        listed = self._rest.delete_collection(
            resource,
            asked.namespace,
            http.query.get("labelSelector", ""),
            http.query.get("fieldSelector", ""),
            options,
            context,
        )
        body = {
            "kind": resource.list_kind,
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": listed.revision},
            "items": listed.items,
        }
        return _body(http, body, PLAIN)

    def _success(self, http: web.BaseRequest, details: Object, code: int = 200) -> web.StreamResponse:
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
        return _body(http, body, PLAIN, code)

    async def _delete_options(self, http: web.BaseRequest, context: Context) -> tuple[DeleteOptions, bool]:
        said: Object = {}
        body = await _read(http)
        if body:
            said, _ = bodies.decoded(body, http.headers.get("Content-Type", ""))
        return request.delete_options(said, http.query)

    # -- subresources

    async def _subresource(
        self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User
    ) -> web.StreamResponse:
        sub, verb = asked.subresource, asked.verb
        if sub not in resource.subresources:
            raise no_such_path()
        if resource.storage == "pods" and sub in ("log", "exec", "attach", "portforward"):
            return await streams.pod(http, self._rest, self._logs, asked, resource)
        form = negotiation.wanted(http.headers.get("Accept", ""))
        rest, namespace, name = self._rest, asked.namespace, asked.name
        if verb == "get":
            if sub == "status":
                return self._one(http, resource, rest.get(resource, namespace, name), form)
            return self._one(http, resource, subresources.get(rest, resource, namespace, name, sub), form)
        if verb == "create":
            context = self._context(http, user, "CreateOptions")
            obj = await self._decoded(http, context)
            if sub == "token":
                answer = reviews.create(
                    rest, self._authorizer, self._tokens, resource, namespace, name, sub, obj, user, context
                )
            else:
                answer = subresources.create(rest, resource, namespace, name, sub, obj, context)
            return _body(http, answer, form, 201)
        if verb == "update":
            context = self._context(http, user, "UpdateOptions")
            obj = await self._decoded(http, context)
            if sub == "status":
                made = rest.update(resource, namespace, name, obj, context, "status")
            else:
                made = subresources.update(rest, resource, namespace, name, sub, obj, context)
            return self._one(http, resource, made, form, 200, context)
        if verb == "patch":
            context = self._context(http, user, "PatchOptions")
            patch, kind = bodies.patch_value(await _read(http), http.headers.get("Content-Type", ""))
            if sub == "status":
                made, _ = self._patched(http, asked, resource, patch, kind, context, "status")
            else:
                made = subresources.patch(rest, resource, namespace, name, sub, patch, kind, context)
            return self._one(http, resource, made, form, 200, context)
        if sub == "proxy":
            raise not_simulated(f"the proxy to {resource.plural}")
        raise method_not_allowed()

    # -- everything that is no resource

    async def _elsewhere(self, http: web.BaseRequest, asked: Asked, user: User) -> web.StreamResponse:
        path = asked.path.rstrip("/") or "/"
        self._authorizer.check_path(user, asked.verb, path)
        if asked.verb != "get":
            raise method_not_allowed() if self._known(path) else no_such_path()
        if path.startswith(_HEALTH):
            return web.Response(text="ok", headers={"Cache-Control": _NO_CACHE, "X-Content-Type-Options": "nosniff"})
        if path == "/version":
            return _body(http, discovery.version(self._rest.minor), PLAIN)
        if path == "/.well-known/openid-configuration":
            return _body(http, self._tokens.configuration(), PLAIN)
        if path == "/openid/v1/jwks":
            return _body(http, self._tokens.keys(), PLAIN)
        if path == "/openapi/v3" or path.startswith("/openapi/v3/"):
            return _document(http, self._openapi.get(path, http.query.get("hash", "")))
        found = self._discovery.get(path, http.headers.get("Accept", ""))
        if found is None:
            raise no_such_path()
        return _document(http, found)

    def _known(self, path: str) -> bool:
        return path == "/version" or path.startswith(_HEALTH) or self._discovery.get(path, "") is not None

    # -- small pieces

    def _context(self, http: web.BaseRequest, user: User, kind: str) -> Context:
        query = http.query
        manager = request.field_manager(query, http.headers.get("User-Agent", ""), kind)
        if (
            kind == "PatchOptions"
            and not query.get("fieldManager")
            and "apply-patch" in http.headers.get("Content-Type", "")
        ):
            manager = ""
        return Context(
            user,
            manager,
            request.dry_run(query, kind),
            request.field_validation(query, kind),
        )

    async def _decoded(self, http: web.BaseRequest, context: Context) -> Object:
        obj, context.duplicates = bodies.decoded(await _read(http), http.headers.get("Content-Type", ""))
        return obj

    def _one(
        self,
        http: web.BaseRequest,
        resource: Resource,
        obj: Object,
        form: Form,
        code: int = 200,
        context: Context | None = None,
    ) -> web.StreamResponse:
        body: Any = obj
        if form.shape == "Table":
            body = table.table(
                resource,
                [obj],
                {"resourceVersion": obj["metadata"].get("resourceVersion", "")},
                self._rest.clock.now(),
                _include(http.query.get("includeObject", "")),
            )
        elif form.shape:
            body = negotiation.partial(obj)
        return _body(http, body, form, code, context.warnings if context else ())


def _only_name(fields: str, verb: str) -> str:
    """The one name a list is narrowed to: rules for that name allow it (apiserver `requestinfo.go`)."""
    if verb not in ("list", "watch", "deletecollection"):
        return ""
    for one in fields.split(","):
        key, _, value = one.partition("=")
        if key.strip() == "metadata.name":
            return value.lstrip("=").strip()
    return ""


def _with_name(fields: str, name: str) -> str:
    """A list or watch of one object: what `?watch=true` on an object's own path means."""
    if not name:
        return fields
    own = f"metadata.name={name}"
    return f"{fields},{own}" if fields else own


def _include(text: str) -> str:
    if text in ("", "Metadata"):
        return "Metadata"
    if text in ("None", "Object"):
        return text
    raise bad_request(f"invalid includeObject {text[:40]!r}: must be None, Metadata or Object")


async def _read(http: web.BaseRequest) -> bytes:
    length = http.content_length
    if length is not None and length > bodies.LIMIT:
        raise too_large(bodies.LIMIT)
    if not http.can_read_body:
        return b""
    if length is not None:
        return await http.content.read(-1) if length else b""
    body = bytearray()
    async for chunk in http.content.iter_any():
        body += chunk
        if len(body) > bodies.LIMIT:
            raise too_large(bodies.LIMIT)
    return bytes(body)


def _pretty(http: web.BaseRequest) -> bool:
    said = http.query.get("pretty")
    if said is not None:
        return request.truth(http.query, "pretty")
    agent = http.headers.get("User-Agent", "")
    return agent.startswith(("curl", "Wget", "Mozilla/5.0"))


def _body(
    http: web.BaseRequest, value: Any, form: Form, code: int = 200, warnings: list[str] | tuple[str, ...] = ()
) -> web.Response:
    response = web.Response(body=negotiation.encoded(value, form, _pretty(http)), status=code)
    headers = response.headers
    headers["Content-Type"] = form.content_type
    headers["Cache-Control"] = _NO_CACHE
    headers["Audit-Id"] = str(uuid.uuid4())
    for text in dict.fromkeys(warnings):
        headers.add("Warning", f'299 - "{_quoted(text)}"')
    return response


def _quoted(text: str) -> str:
    plain = "".join(one if one.isprintable() else " " for one in text)[:900]
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def _refusal(error: ApiError) -> web.Response:
    response = web.Response(body=orjson.dumps(error.status()) + b"\n", status=error.code)
    response.headers["Content-Type"] = "application/json"
    response.headers["Cache-Control"] = _NO_CACHE
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


def _document(http: web.BaseRequest, document: discovery.Document) -> web.Response:
    headers = {"Cache-Control": document.cache, "ETag": document.etag, "Vary": "Accept"}
    if http.headers.get("If-None-Match", "") == document.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=document.body, headers={**headers, "Content-Type": document.content_type})
