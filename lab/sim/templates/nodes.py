"""The parts of a parsed Go template, each of which can write itself as Go's error messages show it.

Source of the forms: Go's `text/template/parse/node.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .values import quoted


@dataclass(slots=True)
class Node:
    """Something at a place of the source; `pos` is an index of characters."""

    pos: int


@dataclass(slots=True)
class Text(Node):
    """Plain text."""

    text: str


@dataclass(slots=True)
class Dot(Node):
    """The current value."""

    def __str__(self) -> str:
        return "."


@dataclass(slots=True)
class Nil(Node):
    """The word `nil`."""

    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True)
class Bool(Node):
    """`true` or `false`."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True)
class Number(Node):
    """A number without a type: what it is as an integer (None when it is none) and as a float."""

    text: str
    integer: int | None
    real: float
    is_float: bool
    """Written so that it means a float where nothing else is asked for."""

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class String(Node):
    """A quoted string: as written, and what it means."""

    written: str
    text: str

    def __str__(self) -> str:
        return self.written


@dataclass(slots=True)
class Identifier(Node):
    """The name of a function."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True)
class Field(Node):
    """`.a.b.c`."""

    names: list[str]

    def __str__(self) -> str:
        return "." + ".".join(self.names)


@dataclass(slots=True)
class Variable(Node):
    """`$x.a.b`: the variable's name with its dollar, then fields."""

    names: list[str]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(slots=True)
class Chain(Node):
    """Fields of what a parenthesis or a function gives: `(f .x).a.b`."""

    of: Node
    names: list[str]

    def __str__(self) -> str:
        inner = f"({self.of})" if isinstance(self.of, Pipe) else str(self.of)
        return inner + "".join("." + one for one in self.names)


@dataclass(slots=True)
class Command(Node):
    """A function or value with its arguments."""

    args: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({one})" if isinstance(one, Pipe) else str(one) for one in self.args)


@dataclass(slots=True)
class Pipe(Node):
    """Commands, each of which is given the value of the one before, and the variables that take the last value."""

    declared: list[Variable] = field(default_factory=list)
    assigns: bool = False
    commands: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        head = ""
        if self.declared:
            head = ", ".join(map(str, self.declared)) + (" = " if self.assigns else " := ")
        return head + " | ".join(map(str, self.commands))


@dataclass(slots=True)
class Action(Node):
    """`{{ pipeline }}`."""

    pipe: Pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(slots=True)
class Branch(Node):
    """`{{ if }}`, `{{ with }}` or `{{ range }}`, which of them being in `word`."""

    word: str
    pipe: Pipe
    body: list[Node]
    otherwise: list[Node] | None

    def __str__(self) -> str:
        return f"{{{{{self.word} {self.pipe}}}}}"


@dataclass(slots=True)
class Jump(Node):
    """`{{ break }}` or `{{ continue }}`."""

    word: str


@dataclass(slots=True)
class Call(Node):
    """`{{ template "name" pipeline }}`."""

    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        given = "" if self.pipe is None else f" {self.pipe}"
        return f"{{{{template {quoted(self.name)}{given}}}}}"


@dataclass(slots=True)
class Stop(Node):
    """`{{ end }}` or `{{ else }}`, which close a list; never part of a tree."""

    word: str

    def __str__(self) -> str:
        return f"{{{{{self.word}}}}}"


@dataclass(slots=True)
class Tree:
    """One template: its name, the file it stands in, that file's text, and its parts."""

    name: str
    file: str
    source: str
    parts: list[Node]

    @property
    def is_blank(self) -> bool:
        """Nothing in it but space and comments, so that it does not replace another of the same name."""
        return all(isinstance(one, Text) and not one.text.strip() for one in self.parts)

    def place(self, node: Node) -> str:
        """`file:line:column` of a node; lines count from 1 and columns, in bytes, from 0."""
        before = self.source[: node.pos]
        line_start = before.rfind("\n") + 1
        return f"{self.file}:{before.count(chr(10)) + 1}:{len(before[line_start:].encode())}"
