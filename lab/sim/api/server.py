"""One cluster's API over HTTPS: from a request to an answer, on the verbs of `rest.py`.

Every answer, refusals included, is a Kubernetes object; a bug answers 500 and leaves the server alive. Source of the
protocol: apiserver `pkg/endpoints/handlers`, `pkg/server/handler.go`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import HttpVersion10, web

from lab.sim.api import answers, bodies, negotiation, request, reviews, streams, subresources, watch
from lab.sim.api.authn import Authenticator
from lab.sim.api.context import Context, DeleteOptions, User
from lab.sim.api.negotiation import PLAIN, Form
from lab.sim.api.paths import Paths
from lab.sim.api.rbac import Authorizer
from lab.sim.api.request import Asked
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import ApiError, NothingThere, internal, method_not_allowed, no_such_path, not_simulated
from lab.sim.api.tokens import Tokens
from lab.sim.logs import Logs

_log = logging.getLogger(__name__)
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))
_STREAMED = ("log", "exec", "attach", "portforward")
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
        self._paths = Paths(parts.rest, parts.tokens)
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
            return answers.refusal(error, http.headers.get("Accept", ""))
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:
            _log.exception("%s %s", http.method, http.path)
            if http.writer.output_size > 0:
                raise ConnectionResetError("the answer has begun already") from None
            return answers.refusal(
                internal(f"the simulator failed on this request ({type(error).__name__}); please report it")
            )

    async def _answer(self, http: web.BaseRequest) -> web.StreamResponse:
        if http.version < HttpVersion10:
            raise ApiError(505, "HTTPVersionNotSupported", "HTTP 1.0 or 1.1 is spoken here")
        user = self._user(http)
        asked = request.parse(http.method, http.raw_path, http.query)
        if not asked.plural:
            self._authorizer.check_path(user, asked.verb, asked.path)
            return self._paths.answer(http, asked)
        resource = self._rest.registry.find(asked.group, asked.version, asked.plural)
        if resource is None:
            self._authorizer.check_attributes(
                user, asked.verb, asked.group, asked.plural, asked.subresource, asked.namespace, asked.name
            )
            raise no_such_path() if self._rest.registry.serves(asked.group) else NothingThere()
        name = asked.name or request.only_name(http.query.get("fieldSelector", ""), asked.verb)
        self._authorizer.check(user, asked.verb, resource, asked.namespace, name, asked.subresource)
        request.check_scope(asked, resource)
        if http.method not in _METHODS:
            raise method_not_allowed()
        request.check_name(asked.name)
        request.check_timeout(http.query)
        if asked.subresource:
            return await self._subresource(http, asked, resource, user)
        if asked.verb not in resource.verbs:
            raise no_such_path() if asked.name and not resource.stored else method_not_allowed()
        answer = await self._verbs[asked.verb](http, asked, resource, user)
        if resource.deprecated and not answer.prepared:
            answers.warn(answer, [resource.deprecated])
        return answer

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
        form = _form(http)
        return self._one(http, resource, self._rest.get(resource, asked.namespace, asked.name), form)

    async def _list(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = _form(http)
        query = http.query
        watch.check(watch.options(query, asked.name), watching=False)
        request.number(query, "timeoutSeconds")
        listed = self._rest.list(
            resource,
            asked.namespace,
            query.get("labelSelector", ""),
            query.get("fieldSelector", ""),
            max(request.number(query, "limit"), 0),
            query.get("continue", ""),
            query.get("resourceVersion", ""),
            query.get("resourceVersionMatch", ""),
        )
        return answers.many(http, resource, listed, form, self._rest.clock.now())

    async def _watch(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = _form(http)
        options = watch.options(http.query, asked.name)
        watch.check(options, watching=True)
        try:
            stream = watch.Stream(self._rest, resource, asked.namespace, options, form, answers.include(http))
        except ApiError as error:
            if error.code != 410:
                raise
            return await streams.lines(http, watch.refused(error))
        try:
            return await streams.lines(http, stream.blocks())
        finally:
            stream.close()

    # -- writing

    async def _create(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = _form(http)
        context = request.context(http.query, http.headers, user, "CreateOptions")
        obj = await _decoded(http, context, resource.api_version, resource.kind)
        if not resource.stored:
            answer = reviews.create(
                self._rest, self._authorizer, self._tokens, resource, asked.namespace, "", "", obj, user, context
            )
            return answers.body(http, answer, form, 201)
        made = self._rest.create(resource, asked.namespace, obj, context)
        return self._one(http, resource, made, form, 201, context)

    async def _update(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = _form(http)
        context = request.context(http.query, http.headers, user, "UpdateOptions")
        obj = await _decoded(http, context, resource.api_version, resource.kind)
        made = self._rest.update(resource, asked.namespace, asked.name, obj, context)
        return self._one(http, resource, made, form, 200, context)

    async def _patch(self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User) -> web.StreamResponse:
        form = _form(http)
        context = request.context(http.query, http.headers, user, "PatchOptions")
        patch, kind = bodies.patch_value(await bodies.received(http), http.headers.get("Content-Type", ""))
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
        context = request.context(http.query, http.headers, user, "DeleteOptions")
        options, context.dry_run = await _delete_options(http)
        obj, gone = self._rest.delete(resource, asked.namespace, asked.name, options, context)
        if not gone or resource.storage == "pods":
            return self._one(http, resource, obj, PLAIN, 200, context)
        details: Object = {"name": asked.name}
        if resource.group:
            details["group"] = resource.group
        details |= {"kind": resource.plural, "uid": obj["metadata"]["uid"]}
        return answers.success(http, details, context.warnings)

    async def _deletecollection(
        self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User
    ) -> web.StreamResponse:
        context = request.context(http.query, http.headers, user, "DeleteOptions")
        options, context.dry_run = await _delete_options(http)
        labels, fields = http.query.get("labelSelector", ""), http.query.get("fieldSelector", "")
        listed = self._rest.delete_collection(resource, asked.namespace, labels, fields, options, context)
        return answers.many(http, resource, listed, PLAIN, self._rest.clock.now())

    # -- subresources

    async def _subresource(
        self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User
    ) -> web.StreamResponse:
        sub, verb = asked.subresource, asked.verb
        if sub not in resource.subresources:
            raise no_such_path()
        if resource.storage == "pods" and sub in _STREAMED:
            return await streams.pod(http, self._rest, self._logs, asked, resource)
        form = _form(http)
        rest, namespace, name = self._rest, asked.namespace, asked.name
        if verb == "get":
            if sub == "status":
                return self._one(http, resource, rest.get(resource, namespace, name), form)
            return self._one(http, resource, subresources.get(rest, resource, namespace, name, sub), form)
        if verb == "create":
            return await self._action(http, asked, resource, user, form)
        if verb == "update":
            context = request.context(http.query, http.headers, user, "UpdateOptions")
            obj = await _decoded(http, context, *_shape(resource, sub))
            if sub == "status":
                made = rest.update(resource, namespace, name, obj, context, "status")
            else:
                made = subresources.update(rest, resource, namespace, name, sub, obj, context)
            return self._one(http, resource, made, form, 200, context)
        if verb == "patch":
            context = request.context(http.query, http.headers, user, "PatchOptions")
            patch, kind = bodies.patch_value(await bodies.received(http), http.headers.get("Content-Type", ""))
            if sub == "status":
                made, _ = self._patched(http, asked, resource, patch, kind, context, "status")
            else:
                made = subresources.patch(rest, resource, namespace, name, sub, patch, kind, context)
            return self._one(http, resource, made, form, 200, context)
        if sub == "proxy":
            raise not_simulated(f"the proxy to {resource.plural}")
        raise method_not_allowed()

    async def _action(
        self, http: web.BaseRequest, asked: Asked, resource: Resource, user: User, form: Form
    ) -> web.StreamResponse:
        """A POST to a subresource: something is done to the object."""
        sub, namespace, name = asked.subresource, asked.namespace, asked.name
        if sub not in _SHAPES or sub == "scale":
            raise not_simulated(f"the proxy to {resource.plural}") if sub == "proxy" else method_not_allowed()
        context = request.context(http.query, http.headers, user, "CreateOptions")
        obj = await _decoded(http, context, *_shape(resource, sub))
        if sub == "token":
            answer = reviews.create(
                self._rest,
                self._authorizer,
                self._tokens,
                resource,
                asked.namespace,
                asked.name,
                sub,
                obj,
                user,
                context,
            )
        else:
            answer = subresources.create(self._rest, resource, namespace, name, sub, obj, context)
        return answers.body(http, answer, form, 201, context.warnings)

    def _one(
        self,
        http: web.BaseRequest,
        resource: Resource,
        obj: Object,
        form: Form,
        code: int = 200,
        context: Context | None = None,
    ) -> web.StreamResponse:
        warnings = context.warnings if context else ()
        return answers.one(http, resource, obj, form, self._rest.clock.now(), code, warnings)


_SHAPES = {
    "binding": ("v1", "Binding"),
    "eviction": ("policy/v1", "Eviction"),
    "scale": ("autoscaling/v1", "Scale"),
    "token": ("authentication.k8s.io/v1", "TokenRequest"),
}
"""apiVersion and kind of what is sent to a subresource, where it is not the object itself."""


def _shape(resource: Resource, subresource: str) -> tuple[str, str]:
    return _SHAPES.get(subresource, (resource.api_version, resource.kind))


def _form(http: web.BaseRequest) -> Form:
    return negotiation.wanted(http.headers.get("Accept", ""))


async def _decoded(http: web.BaseRequest, context: Context, api_version: str, kind: str) -> Object:
    body = await bodies.received(http)
    obj, context.duplicates = bodies.decoded(body, http.headers.get("Content-Type", ""), api_version, kind)
    return obj


async def _delete_options(http: web.BaseRequest) -> tuple[DeleteOptions, bool]:
    said: Object = {}
    body = await bodies.received(http)
    if body:
        said, _ = bodies.decoded(body, http.headers.get("Content-Type", ""), "v1", "DeleteOptions")
    return request.delete_options(said, http.query)
