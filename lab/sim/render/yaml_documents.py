"""YAML of manifests: files of many documents, read with the types that Go's libraries give plain texts.

Two flavours. `KUBERNETES` is `sigs.k8s.io/yaml` on top of go-yaml v2, through which Argo CD, kubectl and Helm read:
`yes` is true. `KUSTOMIZE` is kyaml on top of go-yaml v3: `yes` is a text, a date becomes a time of day at midnight.
Nothing is run, swells or refers to itself. Source: go-yaml `resolve.go` and `decode.go`, apimachinery
`pkg/util/yaml/decoder.go`, kyaml `kio/byteio_reader.go`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
import yaml

from lab.sim.objects import Object
from lab.sim.render import gojson
from lab.sim.render.yaml_scalars import KUBERNETES, KUSTOMIZE, Flavour, Malformed

__all__ = [
    "KUBERNETES",
    "KUSTOMIZE",
    "Flavour",
    "Malformed",
    "documents",
    "flattened",
    "kustomize_documents",
    "objects",
    "settled",
    "value",
]

DEEPEST = 200
"""Levels of maps and lists in one document."""
MOST_NODES = 500_000
"""Values in one document, those behind an alias counted each time."""

_TAG = "tag:yaml.org,2002:"
_OPEN = object()
_NO_KEY = "\0"
"""Stands for a null as a key until its value is known; no key of YAML holds this character."""
_Scalar, _Alias, _ListStart = yaml.ScalarEvent, yaml.AliasEvent, yaml.SequenceStartEvent
_ListEnd, _MapEnd = yaml.SequenceEndEvent, yaml.MappingEndEvent
_BEGIN_JSON = re.compile(rb"\s*\{")
_DECODER = json.JSONDecoder()
"""For values one behind the other, which orjson does not read."""
_SEPARATOR = re.compile(r"\n---.*\n")


def value(content: bytes | str, flavour: Flavour = KUBERNETES) -> Any:
    """The first document's value, None for an empty one.

    Raises Malformed with go-yaml's text, e.g. `yaml: line 3: could not find expected ':'`.
    """
    try:
        return _Reader(content, flavour).document()
    except yaml.MarkedYAMLError as error:
        raise Malformed(f"yaml: {_where(error, flavour)}{error.problem}") from None
    except yaml.YAMLError as error:
        raise Malformed("yaml: " + " ".join(str(error).split())[:200]) from None
    except (UnicodeDecodeError, RecursionError):
        raise Malformed("yaml: invalid leading UTF-8 octet") from None


def _where(error: yaml.MarkedYAMLError, flavour: Flavour) -> str:
    """The line as go-yaml counts it: from one for the scanner, from zero for the parser, none for the first."""
    problem = error.problem_mark.line if error.problem_mark else 0
    context = error.context_mark.line if error.context_mark else 0
    first, second = (context, problem) if flavour.strict else (problem, context)
    scanned = isinstance(error, yaml.scanner.ScannerError)
    line = first + scanned if first else second + (scanned and flavour.strict and second > 0)
    return f"line {line}: " if line else ""


def objects(content: bytes) -> Iterator[Object]:
    """The Kubernetes objects of a YAML or JSON file, one by one; empty documents are left out.

    Raises Malformed at the document that is none, after those before it, with the text of apimachinery's
    `YAMLOrJSONDecoder`.
    """
    if _BEGIN_JSON.match(content):
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError:
            if (first := _json_end(text := content.decode(errors="replace"), 0)) is not None:
                yield from _json_stream(text, *first)
                return
        else:
            yield settled(_checked(found, ""))
            return
    for document in documents(content):
        try:
            found = value(document)
        except Malformed as error:
            raise Malformed(f"error converting YAML to JSON: {error}") from None
        if found is not None:
            yield _checked(found, "error unmarshaling JSON: while decoding JSON: ")


def flattened(found: Iterable[Object]) -> list[Object]:
    """The objects with those of lists one by one, as Argo CD takes them from any tool. Raises Malformed.

    A list is whatever has `items`; with null there, and neither spec nor status, it is left out.
    """
    made: list[Object] = []
    for one in found:
        items = one.get("items", ...)
        if isinstance(items, list):
            if not all(isinstance(item, dict) for item in items):
                raise Malformed("items member should be an object")
            made += items
        elif items is not None or "spec" in one or "status" in one:
            made.append(one)
    return made


def settled(found: Any) -> Any:
    """A value of JSON with its numbers as Kubernetes has them: whole ones are integers where 64 bits hold them."""
    if isinstance(found, dict):
        return {key: settled(below) for key, below in found.items()}
    if isinstance(found, list):
        return [settled(below) for below in found]
    if type(found) is float and found.is_integer() and abs(found) < 2**63:
        return int(found)
    if type(found) is int and not -(2**63) <= found < 2**63:
        return float(found)
    return found


def _json_end(text: str, start: int) -> tuple[Any, int] | None:
    """The JSON value that begins at `start` and where it ends."""
    try:
        return _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None


def _json_stream(text: str, found: Any, end: int) -> Iterator[Object]:
    """Values of JSON one behind the other, the first of which is known."""
    while True:
        yield settled(_checked(found, ""))
        while end < len(text) and text[end].isspace():
            end += 1
        if end == len(text):
            return
        following = _json_end(text, end)
        if following is None:
            raise Malformed(f"json: offset {end + 1}: invalid character {text[end]!r} looking for beginning of value")
        found, end = following


def _checked(found: Any, prefix: str) -> Object:
    if not isinstance(found, dict):
        kind = {list: "array", str: "string", bool: "bool"}.get(type(found), "number")
        raise Malformed(f"{prefix}json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
    if not isinstance(found.get("kind"), str) or not found["kind"]:
        raise Malformed(f"{prefix}Object 'Kind' is missing in '{gojson.dumps(found)}'")
    return found


def documents(content: bytes) -> Iterator[bytes]:
    """The documents of a file, split at lines that begin with `---`. Raises Malformed for text behind the dashes."""
    lines: list[bytes] = []
    for line in content.splitlines(keepends=True):
        if not line.startswith(b"---"):
            lines.append(line)
            continue
        rest = line[3:].strip()
        if rest and not rest.startswith(b"#"):
            raise Malformed(f"invalid Yaml document separator: {rest.decode(errors='replace')}")
        if lines:
            yield b"".join(lines)
            lines = []
    if lines:
        yield b"".join(lines)


def kustomize_documents(content: bytes) -> list[Any]:
    """Every document of a file as kustomize reads it, without empty ones. Raises Malformed."""
    text = content.decode(errors="replace").replace("\r\n", "\n")
    found: list[Any] = []
    place = 0
    for separator in _SEPARATOR.finditer(text):
        rest = separator[0][4:].strip()
        if rest and not rest.startswith("#"):
            raise Malformed(f"invalid document separator: {separator[0].strip()}")
        found.append(text[place : separator.start()] + "\n")
        place = separator.end()
    found.append(text[place:])
    return [one for one in (value(document, KUSTOMIZE) for document in found) if one is not None]


class _Reader:
    """Builds a value from the parser's events in one go, counting depth and size as it would be written out."""

    def __init__(self, content: bytes | str, flavour: Flavour) -> None:
        self._next: Callable[[], Any] = yaml.CSafeLoader(content).get_event
        self._plain = flavour.plain
        self._strict = flavour.strict
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._size = 0
        self._depth = 0

    def document(self) -> Any:
        while not isinstance(event := self._next(), yaml.DocumentStartEvent):
            if event is None or isinstance(event, yaml.StreamEndEvent):
                return None
        return self._value(self._next())

    def _value(self, event: Any) -> Any:
        kind = type(event)
        if kind is _Scalar:
            self._size += 1
            made = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = (made, 1)
            return made
        if kind is _Alias:
            return self._alias(str(event.anchor))
        before = self._size
        self._size += 1
        self._depth += 1
        if event.anchor is not None:
            self._anchors[event.anchor] = (_OPEN, 0)
        if self._depth > DEEPEST or self._size > MOST_NODES:
            raise Malformed("yaml: document is too deep" if self._depth > DEEPEST else "yaml: document is too large")
        made = self._list() if kind is _ListStart else self._map()
        self._depth -= 1
        if event.anchor is not None:
            self._anchors[event.anchor] = (made, self._size - before)
        return made

    def _alias(self, name: str) -> Any:
        made, size = self._anchors.get(name, (None, -1))
        if size < 0:
            raise Malformed(f"yaml: unknown anchor '{name[:60]}' referenced")
        if made is _OPEN:
            raise Malformed(f"yaml: anchor '{name[:60]}' value contains itself")
        self._size += size
        if self._size > MOST_NODES:
            raise Malformed("yaml: document contains excessive aliasing")
        return orjson.loads(orjson.dumps(made)) if isinstance(made, dict | list) else made

    def _list(self) -> list[Any]:
        made: list[Any] = []
        while type(event := self._next()) is not _ListEnd:
            made.append(self._value(event))
        return made

    def _map(self) -> dict[str, Any]:
        following, plain, strict = self._next, self._plain, self._strict
        made: dict[str, Any] = {}
        lines: dict[str, int] = {}
        below: dict[str, Any] = {}
        while type(event := following()) is not _MapEnd:
            if type(event) is _Scalar and event.tag is None and event.anchor is None:
                text = event.value
                if not event.implicit[0]:
                    key = text
                elif text == "<<":
                    for one in reversed(_mergeable(self._value(following()))):
                        (below if strict else made).update(one)
                    continue
                elif strict:
                    key = text
                else:
                    found = plain(text)
                    key = found if type(found) is str else self._key(found)
            else:
                key = self._key(self._value(event))
            if strict:
                if key in lines:
                    raise Malformed(
                        f"yaml: unmarshal errors:\n  line {event.start_mark.line + 1}: "
                        f'mapping key "{key}" already defined at line {lines[key]}'
                    )
                lines[key] = event.start_mark.line + 1
            event = following()
            if type(event) is _Scalar and event.tag is None and event.anchor is None:
                self._size += 1
                made[key] = plain(event.value) if event.implicit[0] else event.value
            else:
                made[key] = self._value(event)
        if _NO_KEY in made:
            shown = gojson.dumps(made[_NO_KEY])
            raise Malformed(f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {shown}")
        return {**below, **made} if below else made

    def _key(self, found: Any) -> str:
        if isinstance(found, str):
            return found
        if found is None:
            return _NO_KEY
        if isinstance(found, dict | list):
            raise Malformed("yaml: invalid map key: " + gojson.dumps(found))
        return gojson.dumps(found)

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            return self._plain(event.value) if event.implicit[0] else event.value
        return self._tagged(event.value, tag.removeprefix(_TAG))

    def _tagged(self, text: str, tag: str) -> Any:
        if tag == "binary":
            try:
                return base64.b64decode(text).decode(errors="replace")
            except (binascii.Error, ValueError):
                raise Malformed("yaml: !!binary value contains invalid base64 data") from None
        wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}.get(tag)
        if wanted is None:
            return text
        found = self._plain(text)
        if type(found) is wanted or (wanted is float and type(found) is int):
            return found
        is_now = {int: "int", float: "float", bool: "bool", str: "str"}.get(type(found), "null")
        raise Malformed(f"yaml: cannot decode !!{is_now} `{text[:40]}` as a !!{tag}")


def _mergeable(found: Any) -> list[dict[str, Any]]:
    every = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in every):
        raise Malformed("yaml: map merge requires map or sequence of maps as the value")
    return every
