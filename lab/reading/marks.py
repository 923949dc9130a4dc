"""YAML as plain data that remembers where each part stands.

PyYAML's C parser does the reading. Its events are looked at first, because its composer recurses on the C stack: deep
nesting would end the process. Plain data is built here and not by PyYAML's constructor for three reasons: duplicate
keys are problems, `on` must stay text in lab files, and manifests must read as `kubectl` reads them.
"""

import bisect
import re
from collections.abc import Iterator
from typing import Any

import yaml

from lab.reading.dialects import CORE_TAGS, TAG, TRUE, Dialect, number
from lab.reading.problems import START, KeyPath, Place, Report, printable, quoted
from lab.reading.syntax import syntax_problem

DEPTH = 64
"""Nested lists and mappings; far more than any manifest has."""
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TAG_DIRECTIVE = re.compile(r"^%TAG\b", re.MULTILINE)
_LINE_END = re.compile(r"\r\n|\n|\r")


class Lines:
    """Lines as editors count them. libyaml also ends lines at U+0085, U+2028 and U+2029: its count is not used."""

    def __init__(self, text: str, first_line: int = 1) -> None:
        self._starts = [0, *(end.end() for end in _LINE_END.finditer(text))]
        self._first_line = first_line

    def at(self, mark: Any) -> Place:
        """The place of one of libyaml's marks, or the first place where there is none."""
        return self.place(0 if mark is None else mark.index)

    def place(self, offset: int) -> Place:
        """Line and column of an offset into the text."""
        line = bisect.bisect_right(self._starts, offset) - 1
        return line + self._first_line, offset - self._starts[line] + 1


class Document:
    """One YAML document: its data, and the place of every part of it."""

    def __init__(self, data: Any, node: yaml.Node, lines: Lines) -> None:
        self.data = data
        self._node = node
        self._lines = lines
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
                    children.setdefault(_key(key), (key, value))
            elif isinstance(node, yaml.SequenceNode):
                children = {index: (item, item) for index, item in enumerate(node.value)}
            self._children[id(node)] = children
        return children.get(part)

    def _at(self, node: yaml.Node) -> Place:
        return self._lines.at(node.start_mark)


def _texts(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _texts(part, (*path, index))


def _key(node: yaml.Node) -> str:
    """A key as text; the manifests' boolean keys as kubectl spells them."""
    if node.tag == TAG + "bool":
        return "true" if node.value.lower() in TRUE else "false"
    return str(node.value)


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
        report.add(
            Lines(before).place(len(before)), (), f"must be UTF-8 text, found the byte 0x{data[error.start]:02x}"
        )
        return None
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        found = f"found the control character U+{ord(odd[0]):04X}"
        report.add(Lines(text).place(odd.start()), (), f"must be text, {found}")
        return None
    return text


def parse(text: str, dialect: Dialect, report: Report, first_line: int = 1) -> list[Document]:
    """The documents of a YAML text; what is wrong goes to the report.

    `first_line` is the line the text starts at in its file. A text that is not YAML gives no documents.
    """
    documents: list[Document] = []
    lines = Lines(text, first_line)
    try:
        if not _scan(text, dialect, report, lines):
            return []
        for node in yaml.compose_all(text, Loader=dialect.loader):
            budget = _Budget(dialect.values)
            if dialect.aliases and not budget.allows(node):
                report.add(lines.at(node.start_mark), (), budget.refusal)
                return documents
            documents.append(Document(_Builder(dialect, report, lines).build(node, ()), node, lines))
    except yaml.YAMLError as error:
        mark, problem = syntax_problem(error, text)
        report.add(lines.at(mark), (), f"is not valid YAML: {problem}")
    return documents


def _scan(text: str, dialect: Dialect, report: Report, lines: Lines) -> bool:
    """Look at the parser's events, which need no recursion; False when the text must not be composed."""
    directive = _TAG_DIRECTIVE.search(text)
    if directive is not None:
        # Tags are refused anyway, and libyaml takes minutes for many directives: it compares each with all others.
        report.add(lines.place(directive.start()), (), "must not use %TAG directives")
        return False
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
            refusal = f"must hold at most {dialect.values} keys and values"
        if refusal:
            report.add(lines.at(event.start_mark), (), refusal)
            return False
        if isinstance(event, yaml.AliasEvent) and not dialect.aliases:
            refusal = f"must not use aliases, found *{event.anchor}; write the value out"
        elif event.anchor is not None and not dialect.aliases:
            refusal = f"must not use anchors, found &{event.anchor}; write the value out"
        elif tag is not None and tag not in CORE_TAGS:
            refusal = f"must not use tags, found {quoted(tag.replace(TAG, '!!'))}"
        if refusal:
            report.add(lines.at(event.start_mark), (), refusal)
            fine = False
    return fine


class _Budget:
    """Counts values and levels with aliases written out, without writing them out."""

    def __init__(self, values: int) -> None:
        self._values = values
        self._known: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()
        self.refusal = ""

    def allows(self, node: yaml.Node) -> bool:
        values, levels = self._measure(node)
        if not self.refusal and levels > DEPTH:
            self.refusal = f"must be nested at most {DEPTH} levels deep with its aliases written out"
        if not self.refusal and values > self._values:
            self.refusal = f"must hold at most {self._values} keys and values with its aliases written out"
        return not self.refusal

    def _measure(self, node: yaml.Node) -> tuple[int, int]:
        known = self._known.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            self.refusal = "must not have an alias inside what it stands for"
            return 0, 0
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            inner = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        self._open.add(id(node))
        measured = [self._measure(part) for part in inner]
        levels = 0 if isinstance(node, yaml.ScalarNode) else 1 + max((deep for _, deep in measured), default=0)
        found = 1 + sum(values for values, _ in measured), levels
        self._known[id(node)] = found
        return found


class _Builder:
    """Nodes to plain data; keys are always text, as in JSON."""

    def __init__(self, dialect: Dialect, report: Report, lines: Lines) -> None:
        self._controls = dialect.controls
        self._report = report
        self._lines = lines

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        seen: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == TAG + "merge":
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._say(key_node, path, "must have text as keys, found a list or mapping")
                continue
            key = _key(key_node)
            if key in data:
                self._say(key_node, (*path, key), f"must be given once, found it on line {seen[key]} too")
                continue
            seen[key] = self._lines.at(key_node.start_mark)[0]
            data[key] = self.build(value_node, (*path, key))
        for part in merged:
            if isinstance(part, yaml.MappingNode):
                data = {**self._mapping(part, path), **data}
            else:
                self._say(part, (*path, "<<"), "must be a mapping")
        return data

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        kind, text = node.tag.removeprefix(TAG), str(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in TRUE
        if kind not in ("int", "float"):
            odd = None if self._controls else _CONTROL.search(text)
            if odd is not None:
                self._say(node, path, f"must not hold control characters, found U+{ord(odd[0]):04X}")
            return text
        value = number(text)
        if value is None:
            self._say(node, path, f"must be a number that fits 64 bits, found {printable(text[:24])}")
            return 0
        return value

    def _say(self, node: yaml.Node, path: KeyPath, text: str) -> None:
        self._report.add(self._lines.at(node.start_mark), path, text)
