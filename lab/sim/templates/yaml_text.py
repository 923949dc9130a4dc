"""YAML as templates write and read it: `toYaml`, `toYamlPretty`, `fromYaml` and `fromYamlArray`.

Text is byte for byte that of sigs.k8s.io/yaml on go-yaml v2, because charts take checksums of it. Source of the rules:
go-yaml `encode.go` and `resolve.go`; libyaml, from which go-yaml's emitter stems, writes the text.
"""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import yaml

from lab.sim.render import yaml_documents

from .json_text import floats, number
from .values import INVALID, Struct, checked, float_text, type_name

_TEXT = "tag:yaml.org,2002:str"
_WORDS = frozenset(
    [
        "y",
        "Y",
        "yes",
        "Yes",
        "YES",
        "true",
        "True",
        "TRUE",
        "on",
        "On",
        "ON",
        "n",
        "N",
        "no",
        "No",
        "NO",
        "false",
        "False",
        "FALSE",
        "off",
        "Off",
        "OFF",
        "~",
        "null",
        "Null",
        "NULL",
        ".nan",
        ".NaN",
        ".NAN",
        ".inf",
        ".Inf",
        ".INF",
        "+.inf",
        "+.Inf",
        "+.INF",
        "-.inf",
        "-.Inf",
        "-.INF",
        "<<",
    ]
) | {""}
_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]*|0[bB][01]+|[1-9][0-9]*)|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
)
_DATE = re.compile(
    r"\d{4}-\d\d?-\d\d?([Tt]\d\d?:\d\d?:\d\d?(\.\d+)?(Z|[-+]\d\d:\d\d)| +\d\d?:\d\d?:\d\d?(\.\d+)?)?",
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_HINTS = frozenset("+-0123456789.")
_DEEPEST = 500


def dumps(value: Any) -> str:
    """A value as sigs.k8s.io/yaml writes it, without the line end at its end. Raises ValueError."""
    stream = io.StringIO()
    writer = yaml.CSafeDumper(stream, allow_unicode=True, width=80)
    return _written(writer, _node(checked(value), _json_number), stream)


def dumps_pretty(value: Any) -> str:
    """A value as go-yaml v3 writes it with an indent of two, lists in maps being indented. Raises ValueError."""
    stream = io.StringIO()
    return _written(_Indenting(stream, allow_unicode=True, width=1 << 30), _node(checked(value), float_text), stream)


def loads_map(text: str) -> dict[str, Any]:
    """`fromYaml`: a map; a text that is none gives a map with the reason under `Error`."""
    try:
        found = floats(yaml_documents.value(text))
    except yaml_documents.Malformed as error:
        return {"Error": f"error converting YAML to JSON: {error}"}
    if found is None:
        return {}
    return found if isinstance(found, dict) else {"Error": wrong_type(found, "map[string]interface {}")}


def loads_list(text: str) -> list[Any]:
    """`fromYamlArray`: a list; a text that is none gives a list of the reason."""
    try:
        found = floats(yaml_documents.value(text))
    except yaml_documents.Malformed as error:
        return [f"error converting YAML to JSON: {error}"]
    if found is None:
        return []
    return found if isinstance(found, list) else [wrong_type(found, "[]interface {}")]


def loads_value(text: str) -> Any:
    """Any value. Raises ValueError with the text of sigs.k8s.io/yaml."""
    try:
        return floats(yaml_documents.value(text))
    except yaml_documents.Malformed as error:
        raise ValueError(f"error converting YAML to JSON: {error}") from None


def wrong_type(found: Any, wanted: str) -> str:
    """What Go says when a document is of another type than asked for."""
    kind = {list: "array", dict: "object", str: "string", bool: "bool"}.get(type(found), "number")
    return f"error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go value of type {wanted}"


class _Indenting(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)


def _written(writer: Any, node: yaml.Node, stream: io.StringIO) -> str:
    # Every node has one tag, which the resolver gives back, so that the chosen style alone decides about quotes.
    writer.resolve = lambda *_: _TEXT
    try:
        writer.open()
        writer.serialize(node)
        writer.close()
    finally:
        writer.dispose()
    return stream.getvalue().removesuffix("\n").removesuffix("\n...")


def _json_number(value: float) -> str:
    text = number(value)
    return text if "." not in text and "e" not in text and abs(value) < 2**64 else float_text(value)


def _node(value: Any, real: Any, depth: int = 0) -> yaml.Node:
    if depth > _DEEPEST:
        raise ValueError("value is nested too deeply")
    if isinstance(value, str):
        text = str(value)
        style = "|" if "\n" in text else None if _is_plain(text) else '"'
        return yaml.ScalarNode(_TEXT, text, style=style)
    if value is None or value is INVALID:
        return yaml.ScalarNode(_TEXT, "null")
    if isinstance(value, bool):
        return yaml.ScalarNode(_TEXT, "true" if value else "false")
    if isinstance(value, int):
        return yaml.ScalarNode(_TEXT, str(int(value)))
    if isinstance(value, float):
        return yaml.ScalarNode(_TEXT, real(value))
    if isinstance(value, Struct):
        return _node(value.json, real, depth)
    if isinstance(value, dict):
        pairs = [(_node(str(key), real), _node(value[key], real, depth + 1)) for key in sorted(value, key=_natural)]
        return yaml.MappingNode(_TEXT, pairs, flow_style=not pairs)
    if isinstance(value, (list, tuple)):
        items = [_node(one, real, depth + 1) for one in value]
        return yaml.SequenceNode(_TEXT, items, flow_style=not items)
    if isinstance(value, bytes):
        return _node(base64.b64encode(value).decode(), real)
    raise ValueError(f"json: unsupported type: {type_name(value)}")


_RUNS = re.compile(r"(\d+)|(\D)")


def _natural(key: Any) -> list[tuple[int, int, str]]:
    """Order of keys in go-yaml: runs of digits as numbers, letters after other signs."""
    return [
        (1, int(run), "") if run else (2 if sign.isalpha() else 0, 0, sign) for run, sign in _RUNS.findall(str(key))
    ]


def _is_plain(text: str) -> bool:
    """Whether an unquoted text would be read as a text."""
    if text in _WORDS:
        return False
    if text[0] not in _HINTS:
        return True
    digits = text.replace("_", "")
    if len(digits) < 400 and _NUMBER.fullmatch(digits):
        return False
    return not (_DATE.fullmatch(text) or _BASE_60.fullmatch(text))
