"""Reads the source of a Go template into trees, with the messages of Go's own parser.

Source of grammar and wording: Go's `text/template/parse/parse.go`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from .lexer import Token, tokens
from .literals import number, unescape
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
    Stop,
    String,
    Text,
    Tree,
    Variable,
)
from .values import quoted

_OPERANDS = frozenset(
    ["bool", "char", "complex", ".", "field", "name", "number", "nil", "raw", "string", "variable", "("]
)
_MAX_NESTING = 500


class ParseError(Exception):
    """A template that cannot be parsed, worded as Go does: `template: NAME:LINE: …`."""


def parse(name: str, source: str, functions: Collection[str]) -> list[Tree]:
    """The template and all that its `define` and `block` actions define, in order of their ends; itself last.

    `functions`: names that may be called. Raises ParseError.
    """
    parser = _Parser(name, source, functions)
    try:
        return parser.parse()
    except RecursionError:
        raise ParseError(f"template: {name}:1: max expression depth exceeded") from None


class _Parser:
    def __init__(self, name: str, source: str, functions: Collection[str]) -> None:
        self.name = name
        self.source = source
        self.functions = functions
        self.tokens = tokens(source)
        self.index = 0
        self.last = 0
        self.seen = 0
        self.variables = ["$"]
        self.loops = 0
        self.nesting = 0
        self.action_start = -1
        self.trees: dict[str, Tree] = {}

    # Tokens

    def peek(self) -> Token:
        self.seen = max(self.seen, self.index)
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.peek()
        self.last = self.index
        if self.index < len(self.tokens) - 1:
            self.index += 1
        return token

    def peek_word(self) -> Token:
        while self.peek().kind == "space":
            self.index += 1
        return self.peek()

    def next_word(self) -> Token:
        self.peek_word()
        return self.next()

    def back(self) -> None:
        self.index = self.last

    def expect(self, kind: str, context: str) -> Token:
        token = self.next_word()
        if token.kind != kind:
            self.unexpected(token, context)
        return token

    # Errors

    def line(self, pos: int) -> int:
        return self.source.count("\n", 0, pos) + 1

    def fail(self, message: str) -> NoReturn:
        raise ParseError(f"template: {self.name}:{self.line(self.tokens[self.seen].pos)}: {message}")

    def unexpected(self, token: Token, context: str) -> NoReturn:
        if token.kind != "error":
            self.fail(f"unexpected {token} in {context}")
        extra = ""
        if self.action_start >= 0 and self.line(self.action_start) != self.line(token.pos):
            extra = f" in action started at {self.name}:{self.line(self.action_start)}"
            if token.text.endswith(" action"):
                extra = extra[len(" in action") :]
        self.fail(token.text + extra)

    # Templates

    def parse(self) -> list[Tree]:
        parts: list[Node] = []
        while self.peek().kind != "EOF":
            if self.peek().kind == "{{":
                start = self.index
                self.next()
                if self.next_word().kind == "define":
                    self.define()
                    continue
                self.index = start
            part = self.part()
            if isinstance(part, Stop):
                self.fail(f"unexpected {part}")
            parts.append(part)
        self.add(Tree(self.name, self.name, self.source, parts))
        return list(self.trees.values())

    def add(self, tree: Tree) -> None:
        known = self.trees.get(tree.name)
        if known is None or known.is_blank:
            self.trees.pop(tree.name, None)
            self.trees[tree.name] = tree
        elif not tree.is_blank:
            self.fail(f"template: multiple definition of template {quoted(tree.name)}")

    def define(self) -> None:
        context = "define clause"
        name = self.template_name(self.next_word(), context)
        self.expect("}}", context)
        self.add(Tree(name, self.name, self.source, self.definition(context)))

    def definition(self, context: str) -> list[Node]:
        outer = self.variables, self.loops
        self.variables, self.loops = ["$"], 0
        parts, stop = self.parts()
        if stop.word != "end":
            self.fail(f"unexpected {stop} in {context}")
        self.variables, self.loops = outer
        return parts

    def template_name(self, token: Token, context: str) -> str:
        if token.kind not in ("string", "raw"):
            self.unexpected(token, context)
        return self.unquote(token)

    def parts(self) -> tuple[list[Node], Stop]:
        parts: list[Node] = []
        while self.peek_word().kind != "EOF":
            part = self.part()
            if isinstance(part, Stop):
                return parts, part
            parts.append(part)
        return self.fail("unexpected EOF")

    def part(self) -> Node:
        token = self.next_word()
        if token.kind == "text":
            return Text(token.pos, token.text)
        if token.kind != "{{":
            self.unexpected(token, "input")
        self.action_start = token.pos
        try:
            return self.action()
        finally:
            self.action_start = -1

    def action(self) -> Node:
        token = self.next_word()
        kind = token.kind
        if kind in ("if", "range", "with"):
            return self.branch(kind)
        if kind == "end":
            return Stop(self.expect("}}", "end").pos, "end")
        if kind == "else":
            follow = self.peek_word()
            if follow.kind not in ("if", "with"):
                follow = self.expect("}}", "else")
            return Stop(follow.pos, "else")
        if kind == "template":
            return self.call()
        if kind == "block":
            return self.block()
        if kind in ("break", "continue"):
            return self.jump(token)
        self.back()
        return Action(self.peek().pos, self.pipeline("command", "}}"))

    def jump(self, token: Token) -> Node:
        following = self.next_word()
        if following.kind != "}}":
            self.unexpected(following, f"{{{{{token.text}}}}}")
        if not self.loops:
            self.fail(f"{{{{{token.text}}}}} outside {{{{range}}}}")
        return Jump(token.pos, token.text)

    def branch(self, word: str) -> Branch:
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            self.fail("max expression depth exceeded")
        kept = len(self.variables)
        pipe = self.pipeline(word, "}}")
        self.loops += word == "range"
        body, stop = self.parts()
        self.loops -= word == "range"
        otherwise: list[Node] | None = None
        if stop.word == "else":
            if word == self.peek().kind and word in ("if", "with"):
                self.next()
                otherwise = [self.branch(word)]
            else:
                otherwise, stop = self.parts()
                if stop.word != "end":
                    self.fail(f"expected end; found {stop}")
        del self.variables[kept:]
        self.nesting -= 1
        return Branch(pipe.pos, word, pipe, body, otherwise)

    def call(self) -> Call:
        context = "template clause"
        token = self.next_word()
        name = self.template_name(token, context)
        pipe = None
        if self.next_word().kind != "}}":
            self.back()
            pipe = self.pipeline(context, "}}")
        return Call(token.pos, name, pipe)

    def block(self) -> Call:
        context = "block clause"
        token = self.next_word()
        name = self.template_name(token, context)
        pipe = self.pipeline(context, "}}")
        self.add(Tree(name, self.name, self.source, self.definition(context)))
        return Call(token.pos, name, pipe)

    # Pipelines

    def pipeline(self, context: str, end: str) -> Pipe:
        pipe = Pipe(self.peek_word().pos)
        self.declarations(pipe, context)
        while True:
            token = self.next_word()
            if token.kind == end:
                break
            if token.kind not in _OPERANDS:
                self.unexpected(token, context)
            self.back()
            pipe.commands.append(self.command())
        if not pipe.commands:
            self.fail(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], (Bool, Dot, Nil, Number, String)):
                self.fail(f"non executable command in pipeline stage {stage}")
        return pipe

    def declarations(self, pipe: Pipe, context: str) -> None:
        while self.peek_word().kind == "variable":
            start = self.index
            variable = self.next()
            following = self.peek_word()
            if following.kind in ("=", ":="):
                self.next()
                pipe.assigns = following.kind == "="
                self.declare(pipe, variable)
                return
            if following.text != "," or following.kind != "sign":
                self.index = start
                return
            self.next()
            self.declare(pipe, variable)
            if context != "range" or len(pipe.declared) > 1:
                self.fail(f"too many declarations in {context}")
            if self.peek_word().kind not in ("variable", "}}", ")"):
                self.fail("range can only initialize variables")

    def declare(self, pipe: Pipe, variable: Token) -> None:
        pipe.declared.append(Variable(variable.pos, [variable.text]))
        self.variables.append(variable.text)

    def command(self) -> Command:
        command = Command(self.peek_word().pos)
        while True:
            self.peek_word()
            operand = self.operand()
            if operand is not None:
                command.args.append(operand)
            token = self.next()
            if token.kind == "space":
                continue
            if token.kind in ("}}", ")"):
                self.back()
            elif token.kind != "|":
                self.unexpected(token, "operand")
            break
        if not command.args:
            self.fail("empty command")
        return command

    def operand(self) -> Node | None:
        node = self.term()
        if node is None or self.peek().kind != "field":
            return node
        pos = self.peek().pos
        names = []
        while self.peek().kind == "field":
            names.append(self.next().text[1:])
        if isinstance(node, Field):
            return Field(pos, node.names + names)
        if isinstance(node, Variable):
            return Variable(pos, node.names + names)
        if isinstance(node, (Bool, String, Number, Nil, Dot)):
            self.fail(f"unexpected . after term {quoted(str(node))}")
        return Chain(pos, node, names)

    def term(self) -> Node | None:
        token = self.next_word()
        kind, pos, text = token
        if kind == "name":
            if text not in self.functions:
                self.fail(f"function {quoted(text)} not defined")
            return Identifier(pos, text)
        if kind == "field":
            return Field(pos, [text[1:]])
        if kind == "variable":
            if text not in self.variables:
                self.fail(f"undefined variable {quoted(text)}")
            return Variable(pos, [text])
        if kind == ".":
            return Dot(pos)
        if kind in ("string", "raw"):
            return String(pos, text, self.unquote(token))
        if kind in ("number", "char", "complex"):
            return self.number(token)
        if kind == "bool":
            return Bool(pos, text == "true")
        if kind == "nil":
            return Nil(pos)
        if kind == "(":
            self.nesting += 1
            if self.nesting > _MAX_NESTING:
                self.fail("max expression depth exceeded")
            pipe = self.pipeline("parenthesized pipeline", ")")
            self.nesting -= 1
            return pipe
        self.back()
        return None

    # Literals

    def unquote(self, token: Token) -> str:
        if token.kind == "raw":
            return token.text[1:-1].replace("\r", "")
        try:
            return unescape(token.text[1:-1], '"')
        except ValueError:
            self.fail("invalid syntax")

    def number(self, token: Token) -> Number:
        kind, pos, text = token
        if kind == "complex" or (kind == "number" and text.endswith("i")):
            self.fail("complex numbers are not supported by the simulator; use --provider kind")
        if kind == "char":
            try:
                rune = unescape(text[1:-1], "'")
            except ValueError:
                rune = ""
            if len(rune) != 1:
                self.fail(f"malformed character constant: {text}")
            return Number(pos, text, ord(rune), float(ord(rune)), False)
        try:
            return number(pos, text)
        except (ValueError, SyntaxError):
            self.fail(f"illegal number syntax: {quoted(text)}")
        except OverflowError:
            self.fail(f"integer overflow: {quoted(text)}")
