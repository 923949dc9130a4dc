r"""The three languages in which the git generator names paths, as pure functions.

`path_match`: Go's `path.Match`, for directories. `*`, `?` and `[^a-z]`; `*` and `?` stop at `/`.
`pathspec`: git's pathspec, for files. `*` crosses `/`; a name without wildcards is a file or a folder.
`doublestar`: github.com/bmatcuk/doublestar v4, for files when the new globbing is on. `**` is any number of folders,
`{a,b}` alternatives.
Each matches in time proportional to pattern × name; nothing here can be made to run for ever.
"""

from __future__ import annotations

import posixpath
import string
from collections.abc import Callable
from dataclasses import dataclass

ALTERNATIVES_LIMIT = 1024
LENGTH_LIMIT = 4096
"""Characters of a pattern."""

_POSIX = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, (*range(32), 127))),
    "digit": string.digits,
    "graph": string.ascii_letters + string.digits + string.punctuation,
    "lower": string.ascii_lowercase,
    "print": string.ascii_letters + string.digits + string.punctuation + " ",
    "punct": string.punctuation,
    "space": " \t\n\r\v\f",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}


class BadPattern(ValueError):
    """The pattern is malformed."""

    def __init__(self, message: str = "syntax error in pattern") -> None:
        """`message`: Go's by default."""
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class _Class:
    """One character out of some ranges, or out of all others."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool

    def holds(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.negated


_STAR, _ANY, _FOLDERS = object(), object(), object()
_Token = object  # a character, a _Class, or one of the three above
Matcher = Callable[[str], bool]


def path_match(pattern: str, name: str) -> bool:
    """Go's `path.Match`. Raises BadPattern."""
    return _matches(_go_tokens(pattern, doublestar=False), name, crossing=False)


def doublestar(pattern: str) -> Matcher:
    """doublestar's `Match` of a path without `/` at its ends. Raises BadPattern."""
    alternatives = [_go_tokens(one, doublestar=True) for one in _expanded(pattern)]
    return lambda name: any(_matches_folders(tokens, name) for tokens in alternatives)


def pathspec(spec: str) -> Matcher:
    """git's pathspec of `git ls-files -- SPEC` at the top of a repository.

    The magic words top, literal, glob, icase and exclude are known. Raises BadPattern with git's text.
    """
    words, pattern = _magic(spec)
    unknown = words - {"top", "literal", "glob", "icase", "exclude"}
    if unknown:
        raise BadPattern(f"Invalid pathspec magic '{sorted(unknown)[0]}' in '{spec}'")
    cleaned = posixpath.normpath(pattern) if pattern else ""
    if cleaned.startswith(("/", "../")) or cleaned == "..":
        raise BadPattern(f"{spec}: '{spec}' is outside repository")
    cleaned = "" if cleaned == "." else cleaned + ("/" if pattern.endswith("/") else "")
    found = _pathspec_item(cleaned, words)
    return (lambda name: not found(name)) if "exclude" in words else found


def _pathspec_item(pattern: str, words: frozenset[str]) -> Matcher:
    fold: Callable[[str], str] = str.lower if "icase" in words else str
    wanted = fold(pattern)
    tokens = None
    if "literal" not in words and any(char in wanted for char in "*?[\\"):
        try:
            tokens = _git_tokens(wanted, glob="glob" in words)
        except BadPattern:
            tokens = None

    def matches(name: str) -> bool:
        name = fold(name)
        if not wanted or name == wanted or name.startswith(wanted if wanted.endswith("/") else f"{wanted}/"):
            return True
        if tokens is None:
            return False
        return _matches_folders(tokens, name) if "glob" in words else _matches(tokens, name, crossing=True)

    return matches


def _magic(spec: str) -> tuple[frozenset[str], str]:
    if spec.startswith(":("):
        inside, closed, rest = spec[2:].partition(")")
        if not closed:
            raise BadPattern(f"Missing ')' at the end of pathspec magic in '{spec}'")
        return frozenset(word for word in inside.split(",") if word), rest
    words: set[str] = set()
    if spec.startswith(":"):
        rest = spec[1:]
        while rest and rest[0] in "/!^":
            words.add("top" if rest[0] == "/" else "exclude")
            rest = rest[1:]
        return frozenset(words), rest.removeprefix(":")
    return frozenset(), spec


# --- patterns as tokens ---------------------------------------------------------------------------------------------


def _go_tokens(pattern: str, *, doublestar: bool) -> list[_Token]:
    _short(pattern)
    tokens: list[_Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            begins = at == 1 or pattern[at - 2] == "/"
            count = 1
            while at < len(pattern) and pattern[at] == "*" and (not doublestar or count < 2):
                at, count = at + 1, count + 1
            if doublestar and count == 2 and begins and (at == len(pattern) or pattern[at] == "/"):
                tokens.append(_FOLDERS)
                at += 1
            else:
                tokens.append(_STAR)
        elif char == "?":
            tokens.append(_ANY)
        elif char == "[":
            made, at = _go_class(pattern, at, bang=doublestar)
            tokens.append(made)
        else:
            if char == "\\":
                if at == len(pattern):
                    raise BadPattern
                char, at = pattern[at], at + 1
            tokens.append(char)
    return tokens


def _go_class(pattern: str, at: int, *, bang: bool) -> tuple[_Class, int]:
    """`path.Match` refuses `]` and `-` as members unless they are escaped; doublestar refuses only the first `]`."""
    negated = pattern[at : at + 1] == "^" or (bang and pattern[at : at + 1] == "!")
    at += negated
    ranges: list[tuple[str, str]] = []
    while True:
        if at >= len(pattern):
            raise BadPattern
        if pattern[at] == "]" and ranges:
            return _Class(tuple(ranges), negated), at + 1
        low, at = _go_member(pattern, at, dash=bang)
        high = low
        if pattern[at : at + 1] == "-" and not (bang and pattern[at + 1 : at + 2] == "]"):
            high, at = _go_member(pattern, at + 1, dash=bang)
        ranges.append((low, high))


def _go_member(pattern: str, at: int, *, dash: bool) -> tuple[str, int]:
    char = pattern[at : at + 1]
    if char in ("", "]") or (char == "-" and not dash):
        raise BadPattern
    if char == "\\":
        char, at = pattern[at + 1 : at + 2], at + 1
    if not char:
        raise BadPattern
    return char, at + 1


def _git_tokens(pattern: str, *, glob: bool) -> list[_Token]:
    """wildmatch's language. Raises BadPattern where wildmatch gives up."""
    _short(pattern)
    tokens: list[_Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            begins = at == 1 or pattern[at - 2] == "/"
            start = at - 1
            while at < len(pattern) and pattern[at] == "*":
                at += 1
            if glob and begins and at - start == 2 and (at == len(pattern) or pattern[at] == "/"):
                tokens.append(_FOLDERS)
                at += 1
            else:
                tokens.append(_STAR)
        elif char == "?":
            tokens.append(_ANY)
        elif char == "[":
            made, at = _git_class(pattern, at)
            tokens.append(made)
        else:
            if char == "\\" and at < len(pattern):
                char, at = pattern[at], at + 1
            tokens.append(char)
    return tokens


def _git_class(pattern: str, at: int) -> tuple[_Class, int]:
    negated = pattern[at : at + 1] in ("!", "^") and at < len(pattern)
    at += negated
    ranges: list[tuple[str, str]] = []
    first = True
    while first or pattern[at : at + 1] != "]":
        if at >= len(pattern):
            raise BadPattern
        first = False
        if pattern.startswith("[:", at) and (end := pattern.find(":]", at + 2)) > 0:
            members = _POSIX.get(pattern[at + 2 : end])
            if members is None:
                raise BadPattern
            ranges.extend((one, one) for one in members)
            at = end + 2
            continue
        low, at = _git_member(pattern, at)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("]", ""):
            high, at = _git_member(pattern, at + 1)
        ranges.append((low, high))
    return _Class(tuple(ranges), negated), at + 1


def _git_member(pattern: str, at: int) -> tuple[str, int]:
    at += pattern[at] == "\\"
    if at >= len(pattern):
        raise BadPattern
    return pattern[at], at + 1


def _expanded(pattern: str) -> list[str]:
    """Every alternative of `{a,b}` as a pattern of its own."""
    _short(pattern)
    done: list[str] = []
    pending = [(pattern, 0)]
    while pending:
        text, at = pending.pop()
        while at < len(text) and text[at] != "{":
            at = _after_class(text, at) if text[at] == "[" else at + (2 if text[at] == "\\" else 1)
        if at >= len(text):
            done.append(text)
        else:
            inside, end = _alternatives(text, at + 1)
            pending.extend((text[:at] + one + text[end:], at) for one in inside)
        if len(done) + len(pending) > ALTERNATIVES_LIMIT:
            raise BadPattern(f"more than {ALTERNATIVES_LIMIT} alternatives are not supported by the simulator")
    return done


def _after_class(text: str, at: int) -> int:
    at += 1
    while at < len(text) and text[at] != "]":
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _alternatives(text: str, at: int) -> tuple[list[str], int]:
    found, start, depth = [], at, 1
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == "{":
            depth += 1
        elif char == "," and depth == 1:
            found.append(text[start:at])
            start = at + 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return [*found, text[start:at]], at + 1
        at += 1
    raise BadPattern


def _short(pattern: str) -> None:
    if len(pattern) > LENGTH_LIMIT:
        raise BadPattern(f"patterns of more than {LENGTH_LIMIT} characters are not supported by the simulator")


# --- matching -------------------------------------------------------------------------------------------------------


def _one(token: _Token, char: str, *, crossing: bool) -> bool:
    if token is _ANY:
        return crossing or char != "/"
    if isinstance(token, _Class):
        return token.holds(char)
    return token == char


def _matches(tokens: list[_Token], name: str, *, crossing: bool) -> bool:
    """Whether the tokens match the whole name; of several stars only the last one may still grow."""
    at = place = 0
    star = -1
    grown = 0
    while place < len(name):
        if at < len(tokens) and tokens[at] is _STAR:
            star, grown = at, place
            at += 1
        elif at < len(tokens) and _one(tokens[at], name[place], crossing=crossing):
            at, place = at + 1, place + 1
        elif star >= 0 and (crossing or name[grown] != "/"):
            grown += 1
            at, place = star + 1, grown
        else:
            return False
    return all(token is _STAR for token in tokens[at:])


def _matches_folders(tokens: list[_Token], name: str) -> bool:
    """As `_matches`, with `**` for any number of folders; of several only the last one may still grow."""
    at = place = 0
    star = folders = -1
    grown = deepened = 0
    while place < len(name):
        token = tokens[at] if at < len(tokens) else None
        if token is _FOLDERS:
            if at + 1 == len(tokens):
                return True
            folders, deepened, star = at, place, -1
            at += 1
        elif token is _STAR:
            star, grown = at, place
            at += 1
        elif token is not None and _one(token, name[place], crossing=False):
            at, place = at + 1, place + 1
        elif star >= 0 and name[grown] != "/":
            grown += 1
            at, place = star + 1, grown
        elif folders >= 0 and (slash := name.find("/", deepened)) >= 0:
            deepened = place = slash + 1
            at, star = folders + 1, -1
        else:
            return False
    rest = tokens[at:]
    if rest[:1] == ["/"] and rest[1:] == [_FOLDERS]:
        return True
    return not rest or rest in ([_STAR], [_FOLDERS])
