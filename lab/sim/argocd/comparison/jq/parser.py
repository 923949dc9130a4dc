"""Reads jq expressions into functions that evaluate them."""

from __future__ import annotations

import re
from typing import Any

import orjson

from lab.sim.argocd.comparison.jq import nodes
from lab.sim.argocd.comparison.jq.calls import called
from lab.sim.argocd.comparison.jq.values import Evaluate, JqError

_TOKEN = re.compile(
    r'\s+|\#[^\n]*|(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)'
    r"|(?P<field>\.[A-Za-z_]\w*)|(?P<name>[A-Za-z_]\w*(?:::\w+)*)|(?P<variable>\$[A-Za-z_]\w*)|(?P<format>@\w+)"
    r"|(?P<mark>\.\.|\?//|//=|\|=|\+=|-=|\*=|/=|%=|==|!=|<=|>=|//|[][(){}.,:;|?+\-*/%<>=])",
    re.ASCII,
)
_ASSIGNMENTS = frozenset(("=", "|=", "+=", "-=", "*=", "/=", "%=", "//="))
_REFUSED = frozenset(("reduce", "foreach", "def", "label", "break", "import", "include", "module"))
_KEYWORDS = frozenset(("then", "elif", "else", "end", "as", "and", "or", "catch"))
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_DEEPEST = 50


def parse(text: str) -> Evaluate:
    """The expression as a function. Raises JqError."""
    parser = _Parser(text)
    made = parser.pipe()
    if parser.kind:
        raise parser.unexpected()
    return made


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise JqError(f'unexpected token "{text[place]}"')
            if found.lastgroup:
                self._tokens.append((found.lastgroup, found[0]))
            place = found.end()
        self._tokens.append(("", ""))
        self._at = 0
        self._depth = 0

    @property
    def kind(self) -> str:
        """Of the next token; "" at the end."""
        return self._tokens[self._at][0]

    @property
    def text(self) -> str:
        return self._tokens[self._at][1]

    def unexpected(self) -> JqError:
        """What to raise at the next token."""
        if self.text in _ASSIGNMENTS or self.text in _REFUSED or self.kind == "format":
            return JqError(f"{self.text} is not supported by the simulator's jq")
        return JqError(f'unexpected token "{self.text}"' if self.kind else "unexpected EOF")

    def _take(self) -> str:
        found = self.text
        self._at += 1
        return found

    def _is(self, *texts: str) -> bool:
        return self.kind in ("mark", "name") and self.text in texts

    def _skip(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise self.unexpected()

    # -- from what binds loosest to what binds tightest

    def pipe(self) -> Evaluate:
        """`a | b`"""
        made = self._comma()
        while self._skip("|"):
            made = nodes.piped(made, self._comma())
        return made

    def _comma(self) -> Evaluate:
        made = self._alternative()
        while self._skip(","):
            made = nodes.both(made, self._alternative())
        return made

    def _alternative(self) -> Evaluate:
        made = self._or()
        return nodes.alternative(made, self._alternative()) if self._skip("//") else made

    def _or(self) -> Evaluate:
        made = self._and()
        while self._skip("or"):
            made = nodes.logical(made, self._and(), stop=True)
        return made

    def _and(self) -> Evaluate:
        made = self._comparison()
        while self._skip("and"):
            made = nodes.logical(made, self._comparison(), stop=False)
        return made

    def _comparison(self) -> Evaluate:
        made = self._sum()
        if self.kind == "mark" and self.text in _COMPARISONS:
            operator = self._take()
            made = nodes.calculated(operator, made, self._sum())
        return made

    def _sum(self) -> Evaluate:
        made = self._product()
        while self._is("+", "-"):
            operator = self._take()
            made = nodes.calculated(operator, made, self._product())
        return made

    def _product(self) -> Evaluate:
        made = self._postfix()
        while self._is("*", "/", "%"):
            operator = self._take()
            made = nodes.calculated(operator, made, self._postfix())
        return made

    def _postfix(self) -> Evaluate:
        made = self._term()
        while True:
            if self.kind == "field":
                made = nodes.piped(made, nodes.named(self._take()[1:]))
            elif self._is(".") and self._tokens[self._at + 1][0] == "string":
                self._take()
                made = nodes.piped(made, nodes.named(self._string()))
            elif self._is(".") and self._tokens[self._at + 1][1] == "[":
                self._take()
            elif self._skip("["):
                made = self._bracket(made)
            elif self._skip("?"):
                made = nodes.forgiven(made)
            elif self._skip("as"):
                return self._binding(made)
            else:
                return made

    def _binding(self, of: Evaluate) -> Evaluate:
        """`of as $x | …`, to the end of what stands in these parentheses."""
        if self.kind != "variable":
            raise JqError("destructuring is not supported by the simulator's jq")
        name = self._take()
        self._expect("|")
        return nodes.bound(of, name, self.pipe())

    def _bracket(self, made: Evaluate) -> Evaluate:
        if self._skip("]"):
            return nodes.iterated(made)
        start = None if self._is(":") else self.pipe()
        if self._skip(":"):
            end = None if self._is("]") else self.pipe()
            self._expect("]")
            return nodes.ranged(made, start, end)
        self._expect("]")
        assert start is not None
        return nodes.at(made, start)

    def _string(self) -> str:
        text = self._take()
        if re.search(r"(?<!\\)(?:\\\\)*\\\(", text):
            raise JqError("text with \\( ) in it is not supported by the simulator's jq")
        try:
            return str(orjson.loads(text))
        except orjson.JSONDecodeError:
            raise JqError(f"invalid string literal {text}") from None

    def _term(self) -> Evaluate:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise JqError("expression is nested too deeply")
        made = self._atom()
        self._depth -= 1
        return made

    def _atom(self) -> Evaluate:
        if self.kind == "number":
            text = self._take()
            return nodes.constant(int(text) if text.isdigit() else float(text))
        if self.kind == "string":
            return nodes.constant(self._string())
        if self.kind == "variable":
            return nodes.variable(self._take())
        if self.kind == "field":
            return nodes.named(self._take()[1:])
        if self.kind == "name" and self.text not in _REFUSED | _KEYWORDS:
            return self._name()
        if self._skip(".."):
            return called("recurse", [])
        if self._skip("."):
            return nodes.named(self._string()) if self.kind == "string" else nodes.identity
        if self._skip("-"):
            return nodes.calculated("-", nodes.constant(0), self._postfix())
        if self._skip("("):
            made = self.pipe()
            self._expect(")")
            return made
        if self._skip("["):
            if self._skip("]"):
                return nodes.constant([])
            made = self.pipe()
            self._expect("]")
            return nodes.listed(made)
        if self._skip("{"):
            return self._object()
        raise self.unexpected()

    def _name(self) -> Evaluate:
        name = self._take()
        match name:
            case "null" | "true" | "false":
                return nodes.constant({"null": None, "true": True, "false": False}[name])
            case "if":
                return self._condition()
            case "try":
                made = self._postfix()
                if self._skip("catch"):
                    return nodes.caught(made, self._postfix())
                return nodes.forgiven(made)
        arguments: list[Evaluate] = []
        if self._skip("("):
            arguments.append(self.pipe())
            while self._skip(";"):
                arguments.append(self.pipe())
            self._expect(")")
        return called(name, arguments)

    def _condition(self) -> Evaluate:
        test = self.pipe()
        self._expect("then")
        then = self.pipe()
        otherwise: Evaluate = nodes.identity
        if self._skip("elif"):
            return nodes.chosen(test, then, self._condition())
        if self._skip("else"):
            otherwise = self.pipe()
        self._expect("end")
        return nodes.chosen(test, then, otherwise)

    def _object(self) -> Evaluate:
        entries: list[tuple[Evaluate, Evaluate]] = []
        while not self._skip("}"):
            key: Any
            if self.kind == "string":
                key = self._string()
                name, value = nodes.constant(key), nodes.named(key)
            elif self.kind == "name":
                key = self._take()
                name, value = nodes.constant(key), nodes.named(key)
            elif self.kind == "variable":
                key = self._take()
                name, value = nodes.constant(key[1:]), nodes.variable(key)
            else:
                self._expect("(")
                name = self.pipe()
                self._expect(")")
                value = nodes.identity
            if self._skip(":"):
                value = self._alternative()
            entries.append((name, value))
            if not self._skip(",") and not self._is("}"):
                raise self.unexpected()
        return nodes.made_object(entries)
