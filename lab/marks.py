"""YAML as plain data that remembers where each part stands.

PyYAML's C parser does the reading. Its events are looked at first, because its composer recurses on the C stack: deep
nesting would end the process. Plain data is built here and not by PyYAML's constructor for three reasons: duplicate
keys are problems, `on` must stay text in lab files, and manifests must read as `kubectl` reads them.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from lab.problems import START, KeyPath, Place, Report, printable, quoted
from lab.syntax import syntax_problem

DEPTH = 64
"""Nested lists and mappings; far more than any manifest has."""
_TAG = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset(_TAG + name for name in ("str", "null", "bool", "int", "float", "map", "seq"))
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LINE_END = re.compile(r"\r\n|\n|\r")

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_OLD_BOOL = re.compile(r"(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]*|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_TRUE = frozenset({"y", "yes", "on", "true"})


class _LabLoader(yaml.CSafeLoader):
    """Scalars as YAML 1.2 resolves them: `on`, `yes` and dates are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


class _ManifestLoader(yaml.CSafeLoader):
    """Scalars as sigs.k8s.io/yaml (go-yaml v2) resolves them for kubectl and Argo CD: `on` is true, dates are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


for _loader, _bool, _letters in ((_LabLoader, _BOOL, "tTfF"), (_ManifestLoader, _OLD_BOOL, "yYnNtTfFoO")):
    _loader.add_implicit_resolver(_TAG + "null", _NULL, ["~", "n", "N", ""])
    _loader.add_implicit_resolver(_TAG + "bool", _bool, list(_letters))
    _loader.add_implicit_resolver(_TAG + "int", _INT, list("-+0123456789"))
    _loader.add_implicit_resolver(_TAG + "float", _FLOAT, list("-+.0123456789"))
_ManifestLoader.add_implicit_resolver(_TAG + "merge", re.compile(r"<<\Z"), ["<"])


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Which YAML a file may hold."""

    loader: type[yaml.CSafeLoader]
    aliases: bool
    """Whether anchors, aliases and merge keys may be used."""
    controls: bool
    """Whether text may hold control characters other than line breaks and tabs."""
    values: int
    """Most values a file may hold, aliases written out."""


LAB = Dialect(loader=_LabLoader, aliases=False, controls=False, values=20_000)
"""Files of the lab's own format."""
MANIFEST = Dialect(loader=_ManifestLoader, aliases=True, controls=True, values=200_000)
"""Kubernetes manifests."""


class Document:
    """One YAML document: its data, and the place of every part of it."""

    def __init__(self, data: Any, node: yaml.Node, first_line: int) -> None:
        self.data = data
        self._node = node
        self._first_line = first_line
        self._children: dict[int, dict[str | int, tuple[yaml.Node, yaml.Node]]] = {}

    def place(self, path: KeyPath = (), key: bool = False) -> Place:
        """Where the value of a path stands, or its key. What is not written stands at the nearest parent's key."""
        node = at = self._node
        for part in path:
            child = self._child(node, part)
            if child is None:
                return self._at(at)
            at, node = child
        is_empty = node.start_mark.index == node.end_mark.index
        return self._at(at if key or is_empty else node)

    def source(self, path: KeyPath) -> str:
        """A scalar as it is written, without its quotes; empty for anything else."""
        node = self._node
        for part in path:
            child = self._child(node, part)
            if child is None:
                return ""
            node = child[1]
        return str(node.value) if isinstance(node, yaml.ScalarNode) else ""

    def scalars(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
        """Every text below a path, with its own path."""
        value = self.data
        for part in path:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return
        yield from _texts(value, path)

    def _child(self, node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        children = self._children.get(id(node))
        if children is None:
            children = {}
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    children.setdefault(str(key.value), (key, value))
            elif isinstance(node, yaml.SequenceNode):
                children = {index: (item, item) for index, item in enumerate(node.value)}
            self._children[id(node)] = children
        return children.get(part)

    def _at(self, node: yaml.Node) -> Place:
        return node.start_mark.line + self._first_line, node.start_mark.column + 1


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _texts(part, (*path, index))


def decode(data: bytes, report: Report) -> str | None:
    """Bytes as text, or None after saying why not. A UTF-8 byte order mark is dropped."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        report.add(START, (), "must be UTF-8 text, found UTF-16; save it as UTF-8")
        return None
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        report.add(place_of(before, len(before)), (), f"must be UTF-8 text, found the byte 0x{data[error.start]:02x}")
        return None
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        found = f"found the control character U+{ord(odd[0]):04X}"
        report.add(place_of(text, odd.start()), (), f"must be text, {found}")
        return None
    return text


def place_of(text: str, offset: int) -> Place:
    """Line and column of an offset into a text."""
    line, start = 1, 0
    for end in _LINE_END.finditer(text, 0, offset):
        line, start = line + 1, end.end()
    return line, offset - start + 1


def parse(text: str, dialect: Dialect, report: Report, first_line: int = 1) -> list[Document]:
    """The documents of a YAML text; what is wrong goes to the report.

    `first_line` is the line the text starts at in its file. A text that is not YAML gives no documents.
    """
    documents: list[Document] = []
    try:
        if not _scan(text, dialect, report, first_line):
            return []
        for node in yaml.compose_all(text, Loader=dialect.loader):
            budget = _Budget(dialect.values)
            if dialect.aliases and not budget.allows(node):
                report.add(_place(node.start_mark, first_line), (), budget.refusal)
                return documents
            documents.append(Document(_Builder(dialect, report, first_line).build(node, ()), node, first_line))
    except yaml.YAMLError as error:
        mark, problem = syntax_problem(error, text)
        report.add(_place(mark, first_line) if mark else (first_line, 1), (), f"is not valid YAML: {problem}")
    return documents


def _place(mark: Any, first_line: int) -> Place:
    return mark.line + first_line, mark.column + 1


def _scan(text: str, dialect: Dialect, report: Report, first_line: int) -> bool:
    """Look at the parser's events, which need no recursion; False when the text must not be composed."""
    depth = values = 0
    fine = True
    for event in yaml.parse(text, Loader=dialect.loader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if not isinstance(event, yaml.NodeEvent):
            continue
        refusal = ""
        values += 1
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        if depth > DEPTH:
            refusal = f"must be nested at most {DEPTH} levels deep"
        elif values > dialect.values:
            refusal = f"must hold at most {dialect.values} values"
        if refusal:
            report.add(_place(event.start_mark, first_line), (), refusal)
            return False
        if isinstance(event, yaml.AliasEvent) and not dialect.aliases:
            refusal = f"must not use aliases, found *{event.anchor}; write the value out"
        elif event.anchor is not None and not dialect.aliases:
            refusal = f"must not use anchors, found &{event.anchor}; write the value out"
        elif tag is not None and tag not in _CORE_TAGS:
            refusal = f"must not use tags, found {quoted(tag.replace(_TAG, '!!'))}"
        if refusal:
            report.add(_place(event.start_mark, first_line), (), refusal)
            fine = False
    return fine


class _Budget:
    """Counts values with aliases written out, without writing them out."""

    def __init__(self, values: int) -> None:
        self._values = values
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()
        self.refusal = ""

    def allows(self, node: yaml.Node) -> bool:
        size = self._size(node, 1)
        if not self.refusal and size > self._values:
            self.refusal = f"must hold at most {self._values} values with its aliases written out"
        return not self.refusal

    def _size(self, node: yaml.Node, depth: int) -> int:
        known = self._sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            self.refusal = "must not have an alias inside what it stands for"
        elif depth > DEPTH * 2:
            self.refusal = f"must be nested at most {DEPTH} levels deep with its aliases written out"
        if self.refusal:
            return 0
        self._open.add(id(node))
        size = 1
        if isinstance(node, yaml.MappingNode):
            size += sum(self._size(key, depth + 1) + self._size(value, depth + 1) for key, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            size += sum(self._size(item, depth + 1) for item in node.value)
        self._open.discard(id(node))
        self._sizes[id(node)] = size
        return size


class _Builder:
    """Nodes to plain data; keys are always text, as in JSON."""

    def __init__(self, dialect: Dialect, report: Report, first_line: int) -> None:
        self._controls = dialect.controls
        self._report = report
        self._first_line = first_line

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._say(key_node, path, "must have text as keys, found a list or mapping")
                continue
            key = self._key(key_node)
            if key in data:
                self._say(key_node, (*path, key), f"must be given once, found it on line {lines[key]} too")
                continue
            lines[key] = _place(key_node.start_mark, self._first_line)[0]
            data[key] = self.build(value_node, (*path, key))
        for part in merged:
            if isinstance(part, yaml.MappingNode):
                data = {**self._mapping(part, path), **data}
            else:
                self._say(part, (*path, "<<"), "must be a mapping")
        return data

    def _key(self, node: yaml.ScalarNode) -> str:
        if node.tag == _TAG + "bool":
            return "true" if node.value.lower() in _TRUE else "false"
        return str(node.value)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        kind, text = node.tag.removeprefix(_TAG), str(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in _TRUE
        if kind not in ("int", "float"):
            odd = None if self._controls else _CONTROL.search(text)
            if odd is not None:
                self._say(node, path, f"must not hold control characters, found U+{ord(odd[0]):04X}")
            return text
        number = _number(text)
        if number is None:
            self._say(node, path, f"must be a number that fits 64 bits, found {printable(text[:24])}")
            return 0
        return number

    def _say(self, node: yaml.Node, path: KeyPath, text: str) -> None:
        self._report.add(_place(node.start_mark, self._first_line), path, text)


def _number(text: str) -> int | float | None:
    """The number go-yaml v2 reads; None when it is not finite or wider than 64 bits."""
    plain = text.replace("_", "")
    digits = plain.lstrip("+-")
    try:
        if len(digits) > 80:
            return None
        if _INT.match(plain):
            octal = digits.startswith("0") and digits.isdigit() and len(digits) > 1
            number = int(plain, 8 if octal else 0)
            return number if -(2**63) <= number < 2**64 else None
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
