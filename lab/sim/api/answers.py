"""Answers as they go out: objects, lists, documents and refusals, in the form that was asked for.

Answers are not compressed: a real server does so for large ones that were asked for with `Accept-Encoding: gzip`, which
on a loopback port only costs time. Source of headers: apiserver `pkg/endpoints/handlers/responsewriters/writers.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from lab.sim.api import negotiation, request, table
from lab.sim.api.discovery import Document
from lab.sim.api.negotiation import PLAIN, Form
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Listed
from lab.sim.api.status import ApiError, NothingThere, bad_request
from lab.sim.objects import new_uid

NO_CACHE = "no-cache, private"
_LONGEST_WARNING = 900
_PRETTY_AGENTS = ("curl", "Wget", "Mozilla/5.0")


def body(
    http: web.BaseRequest, value: Any, form: Form = PLAIN, code: int = 200, warnings: Iterable[str] = ()
) -> web.Response:
    """`value` as an answer."""
    headers = {"Content-Type": form.content_type, "Cache-Control": NO_CACHE, "Audit-Id": new_uid()}
    response = web.Response(body=negotiation.encoded(value, form, _pretty(http)), status=code, headers=headers)
    warn(response, warnings)
    return response


def warn(response: web.StreamResponse, warnings: Iterable[str]) -> None:
    """Add `Warning` headers to an answer that has not been sent."""
    for text in dict.fromkeys(warnings):
        response.headers.add("Warning", f'299 - "{_quoted(text)}"')


def _pretty(http: web.BaseRequest) -> bool:
    """A value that is no boolean counts as false, and people with a browser or curl get line ends unasked."""
    said = http.query.get("pretty")
    if said is not None:
        return request.truth(http.query, "pretty")
    return http.headers.get("User-Agent", "").startswith(_PRETTY_AGENTS)


def _quoted(text: str) -> str:
    plain = "".join(one if one.isprintable() else " " for one in text)[:_LONGEST_WARNING]
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def refusal(error: ApiError, accept: str = "") -> web.Response:
    """A Status. `accept`: the request's `Accept`, of which no more than JSON or YAML is regarded."""
    if isinstance(error, NothingThere):
        return web.Response(text=error.TEXT, status=error.code, headers={"X-Content-Type-Options": "nosniff"})
    try:
        form = Form(yaml=negotiation.wanted(accept).yaml)
    except ApiError:
        form = PLAIN
    response = web.Response(body=negotiation.encoded(error.status(), form), status=error.code)
    response.headers["Content-Type"] = form.content_type
    response.headers["Cache-Control"] = NO_CACHE
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


def document(http: web.BaseRequest, found: Document) -> web.Response:
    """A document that changes seldom: 304 for those who have it."""
    headers = {"Cache-Control": found.cache, "ETag": found.etag, "Vary": "Accept"}
    known = {one.strip().removeprefix("W/") for one in http.headers.get("If-None-Match", "").split(",")}
    if found.etag and (found.etag in known or "*" in known):
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.body, headers={**headers, "Content-Type": found.content_type})


def success(http: web.BaseRequest, details: Object, warnings: Iterable[str] = ()) -> web.Response:
    """The Status of a deletion that is done."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return body(http, status, PLAIN, 200, warnings)


def one(
    http: web.BaseRequest,
    resource: Resource,
    obj: Object,
    form: Form,
    now: float,
    code: int = 200,
    warnings: Iterable[str] = (),
) -> web.Response:
    """An object, as it is, as a Table or its metadata alone. `now`: seconds since 1970, for ages."""
    value: Any = obj
    if form.shape == "Table":
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        value = table.table(resource, [obj], metadata, now, include(http))
    elif form.shape == "PartialObjectMetadataList":
        raise negotiation.refused()
    elif form.shape:
        value = negotiation.partial(obj)
    return body(http, value, form, code, warnings)


def many(http: web.BaseRequest, resource: Resource, listed: Listed, form: Form, now: float) -> web.Response:
    """A list; `now` as for `one`."""
    metadata: Object = {"resourceVersion": listed.revision}
    if listed.carry_on:
        metadata["continue"] = listed.carry_on
    if listed.remaining is not None:
        metadata["remainingItemCount"] = listed.remaining
    if form.shape == "Table":
        return body(http, table.table(resource, listed.items, metadata, now, include(http)), form)
    if form.shape == "PartialObjectMetadata":
        raise negotiation.refused()
    kind, api_version, items = resource.list_kind, resource.api_version, listed.items
    if form.shape:
        kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = [negotiation.partial(obj) for obj in items]
    return body(http, {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items}, form)


def include(http: web.BaseRequest) -> str:
    """`includeObject` of a Table. Raises ApiError 400."""
    text = http.query.get("includeObject", "")
    if text in ("", "Metadata"):
        return "Metadata"
    if text in ("None", "Object"):
        return text
    raise bad_request(f'unrecognized includeObject value: "{text[:40]}"')
