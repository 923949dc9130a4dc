"""Splits the source of a Go template into tokens, with the messages of Go's own lexer.

Source: Go's `text/template/parse/lex.go`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .values import quoted

_SPACES = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"\w+")
_DIGITS = (
    r"(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_NUMBER = re.compile(r"[+-]?" + _DIGITS)
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_KEYWORDS = frozenset(["block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"])
_AFTER_NAME = frozenset(" \t\r\n.,|:)(")


class Token(NamedTuple):
    """One token: its kind, where it begins (in characters), and its text or, of kind `error`, the message."""

    kind: str
    pos: int
    text: str

    def __str__(self) -> str:
        if self.kind == "EOF":
            return "EOF"
        if self.kind == "error":
            return self.text
        if self.kind == "." or self.kind in _KEYWORDS:
            return f"<{self.text}>"
        return quoted(self.text[:10]) + "..." if len(self.text) > 10 else quoted(self.text)


class _Failed(Exception):
    """Lexing ends here; the message becomes the last token."""


def tokens(source: str) -> list[Token]:
    """All tokens, the last of them of kind `EOF` or `error`.

    Kinds are `text`, `{{`, `}}`, `space`, `name`, `field`, `variable`, `number`, `complex`, `char`, `string`, `raw`,
    `bool`, the keywords, and signs by their own text; any other printable sign is of kind `sign`.
    """
    found: list[Token] = []
    add = found.append
    pos = 0
    size = len(source)
    while True:
        start = source.find("{{", pos)
        if start < 0:
            if pos < size:
                add(Token("text", pos, source[pos:]))
            add(Token("EOF", size, ""))
            return found
        inside = start + 2
        trims = source[inside : inside + 1] == "-" and source[inside + 1 : inside + 2] in _SPACES and inside + 1 < size
        if start > pos:
            text = source[pos:start]
            if trims:
                text = text.rstrip(_SPACES)
            if text:
                add(Token("text", pos, text))
        if trims:
            inside += 1 if not source.startswith("/*", inside + 2) else 2
        try:
            if source.startswith("/*", inside):
                pos = _comment(source, inside)
            else:
                add(Token("{{", start, "{{"))
                pos = _action(source, inside, add)
        except _Failed as failed:
            add(Token("error", failed.args[0], failed.args[1]))
            return found


def _comment(source: str, start: int) -> int:
    end = source.find("*/", start + 2)
    if end < 0:
        raise _Failed(start, "unclosed comment")
    end += 2
    if source.startswith("}}", end):
        return end + 2
    if source[end : end + 1] in _SPACES and source.startswith("-}}", end + 1):
        return _after_spaces(source, end + 4)
    raise _Failed(start, "comment ends before closing delimiter")


def _after_spaces(source: str, pos: int) -> int:
    match = _SPACE.match(source, pos)
    return match.end() if match else pos


def _ends_name(source: str, pos: int) -> None:
    if pos < len(source) and source[pos] not in _AFTER_NAME and not source.startswith("}}", pos):
        raise _Failed(pos, f"bad character U+{ord(source[pos]):04X} '{source[pos]}'")


def _action(source: str, pos: int, add) -> int:  # type: ignore[no-untyped-def]
    """Tokens of one action up to and with its closing delimiter; gives the place after it."""
    depth = 0
    size = len(source)
    while True:
        trims = source.startswith("-}}", pos + 1) and source[pos] in _SPACES
        if trims or source.startswith("}}", pos):
            if depth:
                raise _Failed(pos, "unclosed left paren")
            pos += 2 if trims else 0
            add(Token("}}", pos, "}}"))
            return _after_spaces(source, pos + 2) if trims else pos + 2
        if pos >= size:
            raise _Failed(pos, "unclosed action")
        sign = source[pos]
        if sign in _SPACES:
            match = _SPACE.match(source, pos)
            assert match is not None
            end = match.end()
            if source.startswith("-}}", end):
                end -= 1
            add(Token("space", pos, source[pos:end]))
        elif sign == "." and not ("0" <= source[pos + 1 : pos + 2] <= "9"):
            end = _name_end(source, pos + 1)
            add(Token("." if end == pos + 1 else "field", pos, source[pos:end]))
        elif sign == "$":
            end = _name_end(source, pos + 1)
            add(Token("variable", pos, source[pos:end]))
        elif sign in ".+-" or "0" <= sign <= "9":
            end = _number(source, pos, add)
        elif sign.isalnum() or sign == "_":
            end = _name_end(source, pos)
            word = source[pos:end]
            kind = word if word in _KEYWORDS else "bool" if word in ("true", "false") else "name"
            add(Token(kind, pos, word))
        elif sign in "\"'`":
            end = _quoted_end(source, pos, sign)
            add(Token({'"': "string", "'": "char", "`": "raw"}[sign], pos, source[pos:end]))
        elif sign == ":":
            if source[pos + 1 : pos + 2] != "=":
                raise _Failed(pos, "expected :=")
            end = pos + 2
            add(Token(":=", pos, ":="))
        else:
            depth += {"(": 1, ")": -1}.get(sign, 0)
            if depth < 0:
                raise _Failed(pos, "unexpected right paren")
            if not (" " <= sign <= "~"):
                raise _Failed(pos, f"unrecognized character in action: U+{ord(sign):04X} '{sign}'")
            end = pos + 1
            add(Token(sign if sign in "=|()" else "sign", pos, sign))
        pos = end


def _name_end(source: str, pos: int) -> int:
    match = _WORD.match(source, pos)
    end = match.end() if match else pos
    _ends_name(source, end)
    return end


def _quoted_end(source: str, pos: int, sign: str) -> int:
    if sign == "`":
        end = source.find("`", pos + 1) + 1
        if not end:
            raise _Failed(pos, "unterminated raw quoted string")
        return end
    match = (_STRING if sign == '"' else _CHARACTER).match(source, pos)
    if match is None:
        what = "quoted string" if sign == '"' else "character constant"
        raise _Failed(pos, f"unterminated {what}")
    return match.end()


def _number(source: str, pos: int, add) -> int:  # type: ignore[no-untyped-def]
    match = _NUMBER.match(source, pos)
    assert match is not None
    end = match.end()
    kind = "number"
    if not _alphanumeric(source, end) and source[end : end + 1] in ("+", "-"):
        match = _NUMBER.match(source, end)
        assert match is not None
        end = match.end()
        kind = "complex"
        if source[end - 1] != "i":
            raise _Failed(pos, f"bad number syntax: {quoted(source[pos:end])}")
    if _alphanumeric(source, end):
        raise _Failed(pos, f"bad number syntax: {quoted(source[pos : end + 1])}")
    add(Token(kind, pos, source[pos:end]))
    return end


def _alphanumeric(source: str, pos: int) -> bool:
    return pos < len(source) and (source[pos] == "_" or source[pos].isalnum())
