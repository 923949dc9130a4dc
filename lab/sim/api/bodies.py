"""Request bodies: read within limits and decoded from JSON, YAML or protobuf into plain objects.

Limits are the real server's where it has one: 3 MiB a body (apiserver `DefaultMaxRequestBodyBytes`), aliases that
cannot swell (sigs.k8s.io/yaml). Nesting is limited to 200 levels, far beyond any real object.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import orjson
import yaml

from lab.sim.api import protobuf
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError, bad_request, unsupported_media

LIMIT = 3 * 1024 * 1024
DEEPEST = 200
_MOST_NODES = 200_000
_KEY = re.compile(rb'"\s*:')
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: a date is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def media_type(header: str) -> str:
    """The type alone, in small letters, without parameters."""
    return header.split(";", 1)[0].strip().lower()


def decoded(body: bytes, header: str) -> tuple[Object, tuple[str, ...]]:
    """The object in a body and the paths of keys that stand twice in it.

    `header`: the `Content-Type`. Raises ApiError 400 for what cannot be read, 415 for other types.
    """
    kind = media_type(header) or JSON
    if kind == JSON:
        value = as_object(json_value(body))
        return value, _duplicates(body, value)
    if kind in (YAML, "text/yaml", "application/x-yaml"):
        return as_object(yaml_value(body)), ()
    if kind == PROTOBUF:
        return as_object(protobuf.decode(body)), ()
    raise unsupported_media(
        f"the body of the request was in an unknown format - accepted media types include: {JSON}, {YAML}, {PROTOBUF}"
    )


def as_object(value: Any) -> Object:
    """`value` if it is an object. Raises ApiError 400."""
    if not isinstance(value, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is not an object")
    return value


def json_value(body: bytes) -> Any:
    """Any JSON value. Raises ApiError 400."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None
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


def yaml_value(body: bytes) -> Any:
    """Any YAML value that JSON could hold. Raises ApiError 400."""
    try:
        text = body.decode()
        _survey(text)
        value = yaml.load(text, _Loader)  # noqa: S506 - a safe loader of our own
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))
    except UnicodeDecodeError as error:
        raise bad_request(f"error converting YAML to JSON: {error.reason} at byte {error.start}") from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())[:300]
        raise bad_request(f"error converting YAML to JSON: yaml: {problem}") from None
    except (orjson.JSONEncodeError, orjson.JSONDecodeError, RecursionError, ValueError) as error:
        raise bad_request(f"error converting YAML to JSON: {error}") from None


def _survey(text: str) -> None:
    """Walk the events without building anything: depth, and how large the document is with its aliases written out."""
    depth = 0
    total = 0
    sizes: dict[str, int] = {}
    open_anchors: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise bad_request(
                    f"error converting YAML to JSON: yaml: anchor '{str(event.anchor)[:40]}' value contains itself"
                )
            total += sizes[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            total += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                open_anchors.append((event.anchor, total - 1))
            elif event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            anchor, start = open_anchors.pop()
            if anchor is not None:
                sizes[anchor] = total - start
        if depth > DEEPEST:
            raise bad_request(f"error converting YAML to JSON: yaml: exceeded max depth of {DEEPEST}")
        if total > _MOST_NODES:
            raise bad_request("error converting YAML to JSON: yaml: document contains excessive aliasing")


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
    waiting: list[tuple[str, Any]] = [("", json.loads(body, object_pairs_hook=_Pairs))]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, _Pairs):
            found += [f"{path}.{key}".lstrip(".") for key in one.twice]
            waiting += [(f"{path}.{key}", inner) for key, inner in one.items()]
        elif isinstance(one, list):
            waiting += [(f"{path}[{index}]", inner) for index, inner in enumerate(one)]
    return tuple(sorted(found))


def _keys(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_keys(one) for one in value.values() if isinstance(one, dict | list))
    if isinstance(value, list):
        return sum(_keys(one) for one in value if isinstance(one, dict | list))
    return 0


def patch_value(body: bytes, header: str) -> tuple[Any, str]:
    """A patch and its kind: `json`, `merge`, `strategic` or `apply`. Raises ApiError 400 or 415."""
    kind = media_type(header)
    if kind == "application/json-patch+json":
        return json_value(body), "json"
    if kind == "application/merge-patch+json":
        return json_value(body), "merge"
    if kind == "application/strategic-merge-patch+json":
        return json_value(body), "strategic"
    if kind == "application/apply-patch+yaml":
        try:
            return as_object(json_value(body)), "apply"
        except ApiError:
            return as_object(yaml_value(body)), "apply"
    raise unsupported_media(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, "
        "application/apply-patch+yaml"
    )
