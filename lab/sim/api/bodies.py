"""Request bodies: read within limits and decoded from JSON, YAML or protobuf into plain objects.

Limits are the real server's where it has one: 3 MiB a body (apiserver `DefaultMaxRequestBodyBytes`), aliases that
cannot swell (sigs.k8s.io/yaml). Nesting is limited to 200 levels, far beyond any real object.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson
from aiohttp import web

from lab.sim.api import protobuf, yaml_body
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError, bad_request, too_large, unsupported_media

LIMIT = 3 * 1024 * 1024
DEEPEST = yaml_body.DEEPEST
SECONDS = 60.0
"""A body that is not there by then is not waited for."""
_KEY = re.compile(rb'"\s*:')
_SHOWN = 30
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
_TYPES = ("application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json")


async def received(http: web.BaseRequest) -> bytes:
    """The whole body. Raises ApiError 400 when it breaks off, 413 when it is too large, 504 when it takes too long."""
    length = http.content_length
    if length is not None and length > LIMIT:
        raise too_large(LIMIT)
    if not http.can_read_body:
        return b""
    if http.content.is_eof() and "Expect" not in http.headers:
        whole = http.content.read_nowait()
        if len(whole) > LIMIT:
            raise too_large(LIMIT)
        return whole
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            await _encourage(http)
            while chunk := await http.content.readany():
                body += chunk
                if len(body) > LIMIT:
                    raise too_large(LIMIT)
    except TimeoutError:
        raise ApiError(504, "Timeout", "Timeout: request did not complete within the allotted timeout") from None
    except (web.RequestPayloadError, web.PayloadAccessError) as error:
        raise bad_request(f"the body broke off: {error}"[:200]) from None
    return bytes(body)


async def _encourage(http: web.BaseRequest) -> None:
    """Tell a client that waits for it that its body is welcome. Raises ApiError 417 for any other expectation."""
    expected = http.headers.get("Expect", "").lower()
    if expected == "100-continue":
        await http.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        http.writer.output_size = 0
    elif expected:
        raise ApiError(417, "BadRequest", f"the expectation {expected[:40]!r} cannot be met")


def media_type(header: str) -> str:
    """The type alone, in small letters, without parameters; "?" for a header that is malformed."""
    kind, *parameters = header.split(";")
    if any(one.strip() and "=" not in one for one in parameters):
        return "?"
    return kind.strip().lower() or ("?" if header else "")


def decoded(body: bytes, header: str, api_version: str = "", kind: str = "") -> tuple[Object, tuple[str, ...]]:
    """The object in a body and the paths of keys that stand twice in it.

    `header`: the `Content-Type`; `api_version` and `kind`: what the path is about, for protobuf that does not say it
    and for the texts of refusals. Raises ApiError 400 for what cannot be read, 415 for other types.
    """
    media = media_type(header) or JSON
    try:
        if media == JSON:
            value = json_value(body)
            return (as_object(value), _duplicates(body, value)) if value is not None else ({}, ())
        if media in (YAML, "text/yaml", "application/x-yaml"):
            value, twice = _yaml(body)
            return as_object({} if value is None else value), twice
    except ApiError as error:
        named = f" (must be of type {kind})" if kind else ""
        raise bad_request(f"the object provided is unrecognized{named}: {error.message} ({_shown(body)})") from None
    if media == PROTOBUF:
        return as_object(protobuf.decode(body, api_version, kind)), ()
    raise unsupported_media(
        f"the body of the request was in an unknown format - accepted media types include: {JSON}, {YAML}, {PROTOBUF}"
    )


def _shown(body: bytes) -> str:
    """The beginning of a body, as the server quotes it: JSON as text, anything else in hexadecimal digits."""
    if not body:
        return "<empty>"
    text = body[:_SHOWN].decode(errors="replace") if body[:1] == b"{" else body[:_SHOWN].hex()
    return f"{text} ..." if len(body) > _SHOWN else text


def as_object(value: Any) -> Object:
    """`value` if it is an object. Raises ApiError 400."""
    if not isinstance(value, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is not an object")
    return value


_NO_KIND = "couldn't get version/kind; json parse error: "


def json_value(body: bytes) -> Any:
    """Any JSON value. Raises ApiError 400."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        why = "unexpected end of JSON input" if error.msg.startswith("unexpected end") else str(error)
        raise bad_request(f"{_NO_KIND}{why}") from None
    if isinstance(value, dict | list) and body.count(b"{") + body.count(b"[") > DEEPEST:
        _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            one
            for holder in level
            for one in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(one, dict | list)
        ]
        if not level:
            return
    raise bad_request(f"json: exceeded max depth of {DEEPEST}")


def _yaml(body: bytes) -> tuple[Any, tuple[str, ...]]:
    try:
        return yaml_body.read(body)
    except yaml_body.Malformed as error:
        raise bad_request(str(error)) from None


def yaml_value(body: bytes) -> Any:
    """Any YAML value that JSON could hold. Raises ApiError 400."""
    return _yaml(body)[0]


class _Pairs(dict[str, Any]):
    """An object that remembers which of its keys stood twice."""

    __slots__ = ("twice",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice: tuple[str, ...] = ()
        if len(self) != len(pairs):
            counted = Counter(key for key, _ in pairs)
            self.twice = tuple(key for key, count in counted.items() if count > 1)


def _duplicates(body: bytes, value: Any) -> tuple[str, ...]:
    """Paths of repeated keys. Texts that look like keys only cost the slower way, never a wrong answer."""
    if len(_KEY.findall(body)) == _keys(value):
        return ()
    found: list[str] = []
    # Numbers stay texts: only keys are looked at, and Python refuses whole numbers of more than 4300 digits.
    again = json.loads(body, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    waiting: list[tuple[str, Any]] = [("", again)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, _Pairs):
            found += [f"{path}.{key}".lstrip(".") for key in one.twice]
            waiting += [(f"{path}.{key}", inner) for key, inner in one.items()]
        elif isinstance(one, list):
            waiting += [(f"{path}[{index}]", inner) for index, inner in enumerate(one)]
    return tuple(sorted(found))


def _keys(holder: dict[str, Any] | list[Any]) -> int:
    """How many keys there are in all; written for speed, as it is asked of every body."""
    count = 0
    inside: Iterable[Any] = holder
    if type(holder) is dict:
        count = len(holder)
        inside = holder.values()
    for one in inside:
        if type(one) is dict or type(one) is list:
            count += _keys(one)
    return count


def patch_value(body: bytes, header: str) -> tuple[Any, str]:
    """A patch and its kind: `json`, `merge`, `strategic` or `apply`. Raises ApiError 400 or 415."""
    kind = media_type(header)
    if kind in _TYPES:
        try:
            return json_value(body), ("json", "merge", "strategic")[_TYPES.index(kind)]
        except ApiError as error:
            raise bad_request(error.message.removeprefix(_NO_KIND)) from None
    if kind != "application/apply-patch+yaml":
        raise unsupported_media(
            "the body of the request was in an unknown format - accepted media types include: "
            f"{', '.join(_TYPES)}, application/apply-patch+yaml"
        )
    try:
        return as_object(json_value(body)), "apply"
    except ApiError:
        return as_object(yaml_value(body)), "apply"
