"""The schemas of Kubernetes' own kinds, for every supported minor: committed data, made by `lab.sim.schemas.build`.

Origin and licence of the data: the file `NOTICE` beside this module.
"""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson

MINORS = (34, 35, 36)
"""Kubernetes 1.NN that a cluster can be."""
FOLDER = Path(__file__).parent
GO_FILE = "go.json"
ENUMS_FILE = "enums.json"

Schema = dict[str, Any]


def definitions_file(minor: int) -> str:
    """Name of the file with the definitions of a minor."""
    return f"v1.{minor}.json.xz"


def texts_file(minor: int) -> str:
    """Name of the file with the descriptions of a minor."""
    return f"v1.{minor}.text.json.xz"


def _read(name: str) -> dict[str, Any]:
    return cast(dict[str, Any], orjson.loads(lzma.decompress((FOLDER / name).read_bytes())))


@cache
def definitions(minor: int) -> dict[str, Schema]:
    """Definitions by name, e.g. `io.k8s.api.core.v1.Pod`; a `$ref` holds a bare name. Shared: never change one.

    Raises KeyError for a minor that is not supported.
    """
    if minor not in MINORS:
        raise KeyError(minor)
    return _read(definitions_file(minor))


@cache
def kinds(minor: int) -> dict[tuple[str, str, str], str]:
    """Names of definitions by group, version and kind."""
    return {
        (one["group"], one["version"], one["kind"]): name
        for name, schema in definitions(minor).items()
        for one in schema.get("x-kubernetes-group-version-kind", ())
    }


@cache
def go_types() -> dict[str, dict[str, str]]:
    """Of every definition the fields whose Go type follows no rule, as `lab.sim.schemas.gotypes` describes."""
    return cast(dict[str, dict[str, str]], orjson.loads((FOLDER / GO_FILE).read_bytes()))


@cache
def enums(minor: int) -> dict[str, dict[str, str]]:
    """Of every Go type that is an enumeration, e.g. `v1.PullPolicy`, its values with what they mean, sorted."""
    found = orjson.loads((FOLDER / ENUMS_FILE).read_bytes())
    return {
        name: {value: text for value, (since, text) in sorted(values.items()) if since <= minor}
        for name, values in found.items()
    }


def texts(minor: int) -> dict[str, dict[str, str]]:
    """Descriptions by definition and field, "" for the definition itself. Not kept: half a megabyte, seldom needed."""
    return cast(dict[str, dict[str, str]], _read(texts_file(minor)))
