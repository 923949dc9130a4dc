"""Turns the tree of a template into Python functions that run it with Go's meaning.

Every expression becomes a function of a frame and the current value, every statement likewise. Source of the rules:
Go's `text/template/exec.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .calls import BudgetExceeded, Frame, Function, shown_argument
from .evaluation import MISSING, Argument, Expression, constant, entries, field_of, function_call
from .nodes import (
    Action,
    Bool,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Jump,
    Nil,
    Node,
    Number,
    Pipe,
    String,
    Text,
    Tree,
    Variable,
)
from .values import (
    INVALID,
    NamedMap,
    TooLarge,
    is_true,
    printed,
    quoted,
    type_name,
)

Statement = Callable[[Frame, Any], None]
_MAX_DEPTH = 100_000


class _Break(Exception):
    """`{{ break }}`."""


class _Continue(Exception):
    """`{{ continue }}`."""


class Program:
    """A template that can run."""

    __slots__ = ("body", "slots", "tree")

    def __init__(self, tree: Tree) -> None:
        compiler = _Compiler()
        self.tree = tree
        self.body = compiler.block(tree.parts)
        self.slots = compiler.most

    def execute(self, run: Any, dot: Any, write: Callable[[str], Any], depth: int = 0) -> None:
        """Run with a current value, writing through `write`. Raises ExecutionError."""
        self.body(Frame(run, self.tree, self.slots, dot, write, depth), dot)


class _Compiler:
    """Knows at which place of the frame's variables each name stands, and which values came out of a container.

    A value out of a list or map is an `interface {}` in Go's error messages until a pipeline has passed it on.
    """

    def __init__(self) -> None:
        self.names = ["$"]
        self.boxed = [False]
        self.most = 0
        self.dot_boxed = False

    def push(self, name: str, boxed: bool = False) -> int:
        self.names.append(name)
        self.boxed.append(boxed)
        self.most = max(self.most, len(self.names) - 1)
        return len(self.names) - 1

    def pop(self, mark: int) -> None:
        del self.names[mark:]
        del self.boxed[mark:]

    def slot(self, name: str) -> int:
        for place in range(len(self.names) - 1, -1, -1):
            if self.names[place] == name:
                return place
        return 0

    # Statements

    def block(self, parts: list[Node]) -> Statement:
        statements = [self.statement(one) for one in parts]
        if len(statements) == 1:
            return statements[0]

        def run_all(frame: Frame, dot: Any) -> None:
            for one in statements:
                one(frame, dot)

        return run_all

    def scoped(self, parts: list[Node]) -> Statement:
        mark = len(self.names)
        made = self.block(parts)
        self.pop(mark)
        return made

    def statement(self, node: Node) -> Statement:
        if isinstance(node, Text):
            return _write_text(node.text)
        if isinstance(node, Action):
            return self.action(node)
        if isinstance(node, Branch):
            return self.range(node) if node.word == "range" else self.condition(node)
        if isinstance(node, Call):
            return self.call(node)
        assert isinstance(node, Jump)
        return _break if node.word == "break" else _continue

    def action(self, node: Action) -> Statement:
        pipe = self.pipeline(node.pipe)
        if node.pipe.declared:

            def declare(frame: Frame, dot: Any) -> None:
                frame.meter.spend()
                pipe(frame, dot)

            return declare

        def write(frame: Frame, dot: Any) -> None:
            meter = frame.meter
            meter.spend()
            value = pipe(frame, dot)
            if type(value) is not str:
                if callable(value) or isinstance(value, Function):
                    frame.node = node
                    frame.fail(f"can't print {node} of type {type_name(value)}")
                try:
                    value = printed(value)
                except TooLarge as error:
                    raise BudgetExceeded(str(error)) from None
            meter.left -= len(value)
            frame.write(value)

        return write

    def condition(self, node: Branch) -> Statement:
        mark = len(self.names)
        pipe = self.pipeline(node.pipe)
        is_with = node.word == "with"
        outer = self.dot_boxed
        if is_with:
            self.dot_boxed = False
        body = self.scoped(node.body)
        self.dot_boxed = outer
        otherwise = self.scoped(node.otherwise) if node.otherwise is not None else None
        self.pop(mark)

        def choose(frame: Frame, dot: Any) -> None:
            value = pipe(frame, dot)
            if is_true(value):
                body(frame, value if is_with else dot)
            elif otherwise is not None:
                otherwise(frame, dot)

        return choose

    def range(self, node: Branch) -> Statement:
        mark = len(self.names)
        declared = node.pipe.declared
        pipe = self.pipeline(node.pipe, boxed=True)
        slots = [self.slot(one.names[0]) for one in declared]
        outer, self.dot_boxed = self.dot_boxed, True
        body = self.scoped(node.body)
        self.dot_boxed = outer
        otherwise = self.scoped(node.otherwise) if node.otherwise is not None else None
        self.pop(mark)
        key_slot = slots[0] if len(slots) > 1 else None
        value_slot = slots[-1] if slots else None

        def loop(frame: Frame, dot: Any) -> None:
            value = pipe(frame, dot)
            empty = True
            variables = frame.variables
            for key, element in entries(frame, value, len(slots)):
                empty = False
                frame.meter.spend()
                if key_slot is not None:
                    variables[key_slot] = key
                if value_slot is not None:
                    variables[value_slot] = element
                try:
                    body(frame, element)
                except _Continue:
                    continue
                except _Break:
                    break
            if empty and otherwise is not None:
                otherwise(frame, dot)

        return loop

    def call(self, node: Call) -> Statement:
        pipe = self.pipeline(node.pipe) if node.pipe is not None else None
        name = node.name

        def invoke(frame: Frame, dot: Any) -> None:
            frame.node = node
            run = frame.run
            frame.meter.spend()
            program = run.templates.get(name)
            if program is None:
                frame.fail(f"template {quoted(name)} not defined")
            if frame.depth >= run.max_depth:
                frame.fail(f"exceeded maximum template depth ({_MAX_DEPTH})")
            given = pipe(frame, dot) if pipe is not None else INVALID
            program.execute(run, given, frame.write, frame.depth + 1)

        return invoke

    # Expressions

    def pipeline(self, pipe: Pipe, boxed: bool = False) -> Expression:
        commands = [self.command(one) for one in pipe.commands]
        if pipe.assigns:
            slots = [self.slot(one.names[0]) for one in pipe.declared]
        else:
            slots = [self.push(one.names[0], boxed) for one in pipe.declared]
        if len(commands) == 1 and not slots:
            only = commands[0]

            def single(frame: Frame, dot: Any) -> Any:
                frame.node = pipe
                value = only(frame, dot, MISSING)
                return INVALID if value is None else value

            return single

        def run(frame: Frame, dot: Any) -> Any:
            frame.node = pipe
            value = MISSING
            for one in commands:
                value = one(frame, dot, value)
                if value is None:
                    value = INVALID
            for slot in slots:
                frame.variables[slot] = value
            return value

        return run

    def command(self, command: Command) -> Callable[[Frame, Any, Any], Any]:
        first = command.args[0]
        arguments = [self.argument(one) for one in command.args[1:]]
        if isinstance(first, Identifier):
            return function_call(first.name, first, command, arguments)
        if isinstance(first, (Field, Chain)) or (isinstance(first, Variable) and len(first.names) > 1):
            return self.fields(first, arguments)
        value = self.term(first)
        many = len(command.args) > 1

        def plain(frame: Frame, dot: Any, final: Any) -> Any:
            if many or final is not MISSING:
                frame.node = first
                frame.fail(f"can't give argument to non-function {shown_argument(first)}")
            return value(frame, dot)

        return plain

    def term(self, node: Node) -> Expression:
        """A value that takes no arguments."""
        if isinstance(node, Dot):
            return lambda frame, dot: _at(frame, node, dot)
        if isinstance(node, Pipe):
            return self.pipeline(node)
        if isinstance(node, Variable) and len(node.names) == 1:
            slot = self.slot(node.names[0])
            return lambda frame, _: _at(frame, node, frame.variables[slot])
        if isinstance(node, (Field, Variable, Chain)):
            fields = self.fields(node, [])
            return lambda frame, dot: fields(frame, dot, MISSING)
        if isinstance(node, Identifier):
            function = function_call(node.name, node, node, [])
            return lambda frame, dot: function(frame, dot, MISSING)
        if isinstance(node, Number) and not node.is_float and not -(2**63) <= (node.integer or 0) < 2**63:
            return lambda frame, _: _at(frame, node, INVALID, f"{node} overflows int")
        if isinstance(node, (Number, String, Bool)):
            fixed = constant(node)
            return lambda frame, _: _at(frame, node, fixed)
        return lambda frame, _: _at(frame, node, INVALID, "nil is not a command")

    def argument(self, node: Node) -> Argument:
        """A node and how it gets its value; None for a literal, whose value depends on the parameter's type."""
        if isinstance(node, (Number, String, Bool, Nil)):
            return node, None
        return node, self.term(node)

    def fields(self, node: Field | Variable | Chain, arguments: list[Argument]) -> Callable[[Frame, Any, Any], Any]:
        names = node.names
        of: Expression | None = None
        boxed = self.dot_boxed
        if isinstance(node, Variable):
            slot = self.slot(names[0])
            names = names[1:]
            boxed = self.boxed[slot]

            def of_variable(frame: Frame, _: Any) -> Any:
                return frame.variables[slot]

            of = of_variable
        elif isinstance(node, Chain):
            boxed = False
            of = self.term(node.of)
        last = len(names) - 1

        def walk(frame: Frame, dot: Any, final: Any) -> Any:
            frame.node = node
            value = dot if of is None else of(frame, dot)
            if last == 0 or (final is MISSING and not arguments):
                plain = final is MISSING and not arguments
                for place, name in enumerate(names):
                    if plain and (type(value) is dict or type(value) is NamedMap):
                        try:
                            value = value[name]
                            continue
                        except KeyError:
                            pass
                    value = field_of(frame, dot, value, name, node, arguments, final, boxed or place > 0)
                return value
            for place, name in enumerate(names[:-1]):
                value = field_of(frame, dot, value, name, node, [], MISSING, boxed or place > 0)
            return field_of(frame, dot, value, names[-1], node, arguments, final, True)

        return walk


def _write_text(text: str) -> Statement:
    size = len(text)

    def write(frame: Frame, _: Any) -> None:
        frame.meter.left -= size
        frame.write(text)

    return write


def _break(*_: Any) -> None:
    raise _Break


def _continue(*_: Any) -> None:
    raise _Continue


def _at(frame: Frame, node: Node, value: Any, failure: str = "") -> Any:
    frame.node = node
    if failure:
        frame.fail(failure)
    return value
