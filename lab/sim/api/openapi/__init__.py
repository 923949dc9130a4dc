"""OpenAPI v3: the index `/openapi/v3` and one document for each group and version, for built-in and custom kinds.

kubectl validates, explains and chooses its patch by these documents, so asking for them never fails. Source of the
form: kube-openapi `pkg/handler3`, `pkg/builder3`; what clients read: client-go `openapi3`, kubectl `pkg/explain/v2`,
cli-runtime `pkg/resource/query_param_verifier_v3.go`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from lab.sim.api.discovery import PLAIN, Document, digest, groups
from lab.sim.api.openapi import components, operations
from lab.sim.api.resources import Registry, Resource
from lab.sim.api.status import no_such_path

Json = dict[str, Any]

ROOT = "/openapi/v3"
SECOND = "/openapi/v2"
_SECOND_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_IMMUTABLE = "public, immutable"
_NO_CACHE = "no-cache, private"


class Documents:
    """The OpenAPI documents of one cluster, each made when it is first asked for after a change of the registry."""

    def __init__(self, registry: Registry, minor: int) -> None:
        """`minor`: the Kubernetes minor of the cluster."""
        self._registry = registry
        self._minor = minor
        self._changes = -1
        self._rows: dict[str, tuple[Resource, ...]] = {}
        self._custom: dict[str, tuple[bytes, str]] = {}
        self._index: Document | None = None

    def get(self, path: str, said: str = "") -> Document:
        """The document at `path`, e.g. `/openapi/v3/apis/apps/v1`; `said`: the query's `hash`. Raises ApiError 404.

        A document that is asked for by its right hash may be kept for ever.
        """
        if self._changes != self._registry.changes:
            self._changes = self._registry.changes
            self._rows = by_path(self._registry)
            self._custom.clear()
            self._index = None
        below = path.removeprefix(ROOT).strip("/")
        if not below:
            if self._index is None:
                self._index = self._listed()
            return self._index
        if below not in self._rows:
            raise no_such_path()
        body, tag = self._document(below)
        return Document(body, PLAIN, f'"{tag}"', _IMMUTABLE if said == tag else _NO_CACHE)

    def _listed(self) -> Document:
        paths = {path: {"serverRelativeURL": f"{ROOT}/{path}?hash={self._document(path)[1]}"} for path in self._rows}
        body = orjson.dumps({"paths": paths})
        return Document(body, PLAIN, f'"{digest(body)}"', _NO_CACHE)

    def _document(self, path: str) -> tuple[bytes, str]:
        """A document and its hash."""
        rows = self._rows[path]
        if all(row.custom is None for row in rows):
            return _built_in(rows, self._minor)
        made = self._custom.get(path)
        if made is None:
            made = self._custom[path] = _encoded(rows, self._minor)
        return made


def second(minor: int) -> Document:
    """OpenAPI v2 in protobuf, without a single definition: kubectl asks here for what no v3 document knows.

    It then says that there is no such kind, which no answer at all would keep it from. Source of the field numbers:
    gnostic-models `openapiv2/OpenAPIv2.proto`.
    """
    version = f"v1.{minor}.0+sim"
    info = _field(1, b"Kubernetes") + _field(2, version.encode())
    return Document(_field(1, b"2.0") + _field(2, info), _SECOND_TYPE, f'"{version}"', _NO_CACHE)


def _field(number: int, content: bytes) -> bytes:
    """A text or message of fewer than 128 bytes."""
    return bytes((number << 3 | 2, len(content))) + content


def by_path(registry: Registry) -> dict[str, tuple[Resource, ...]]:
    """Rows by what follows `/openapi/v3/`: `api/v1` or `apis/GROUP/VERSION`."""
    return {
        f"apis/{group}/{version}" if group else f"api/{version}": tuple(rows)
        for group, versions in groups(registry).items()
        for version, rows in versions.items()
    }


@lru_cache(maxsize=256)
def _built_in(rows: tuple[Resource, ...], minor: int) -> tuple[bytes, str]:
    """Shared by all clusters of a minor."""
    return _encoded(rows, minor)


def _encoded(rows: tuple[Resource, ...], minor: int) -> tuple[bytes, str]:
    body = orjson.dumps(document(rows, minor))
    return body, digest(body)


def document(rows: tuple[Resource, ...], minor: int) -> Json:
    """The document of resources that share a group and a version."""
    schemas = components.Schemas(minor)
    paths: Json = {}
    for row in rows:
        paths.update(operations.paths(row, schemas))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": f"v1.{minor}.0+sim"},
        "paths": paths,
        "components": {"schemas": schemas.found},
    }
