"""Label selectors of list, watch and deletecollection, and the door to field selectors.

A selector's text is compiled once and kept, so a watch that begins again with the same text costs nothing.
Source: apimachinery `pkg/labels/selector.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lab.sim.api.field_selectors import Matcher, fields
from lab.sim.api.resources import Object
from lab.sim.api.status import bad_request, invalid_value

__all__ = ["Matcher", "fields", "key_errors", "labels", "matches", "value_errors"]

Labels = dict[str, str]
Test = Callable[[Labels], bool]

_NONE: Labels = {}
_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>\0]+|\0)")
_SPECIAL = frozenset(["==", "!=", "=", "!", "(", ")", ",", "<", ">"])
_OPERATORS = {"in": "in", "notin": "notin", "=": "=", "==": "=", "!=": "!=", ">": ">", "<": "<"}
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LONGEST_INTEGER = 19


def labels(text: str) -> Matcher | None:
    """What a `labelSelector` selects; None for everything. Raises ApiError 400."""
    return _labels(text) if text else None


@lru_cache(maxsize=2048)
def _labels(text: str) -> Matcher | None:
    tests = _Parser(text).parse()
    if not tests:
        return None
    if len(tests) == 1:
        only = tests[0]
        return lambda obj: only(obj["metadata"].get("labels") or _NONE)

    def every(obj: Object) -> bool:
        held = obj["metadata"].get("labels") or _NONE
        return all(test(held) for test in tests)

    return every


def matches(selector: Object | None, wanted: Labels) -> bool:
    """Whether a `metav1.LabelSelector` selects these labels; None selects nothing, {} everything.

    A selector with an operator that does not exist selects nothing. Source: apimachinery `LabelSelectorAsSelector`.
    """
    if selector is None:
        return False
    for key, value in (selector.get("matchLabels") or _NONE).items():
        if wanted.get(key) != value:
            return False
    for one in selector.get("matchExpressions") or ():
        test = _EXPRESSIONS.get(one.get("operator", ""))
        if test is None or not test(wanted.get(one.get("key")), one.get("values") or ()):
            return False
    return True


_EXPRESSIONS: dict[str, Callable[[str | None, Any], bool]] = {
    "In": lambda held, values: held is not None and held in values,
    "NotIn": lambda held, values: held is None or held not in values,
    "Exists": lambda held, _: held is not None,
    "DoesNotExist": lambda held, _: held is None,
}


class _Parser:
    """Reads requirements from left to right, with the texts of apimachinery where it cannot."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def parse(self) -> list[Test]:
        tests: list[Test] = []
        while True:
            word = self._peek()
            if not word:
                return tests
            if word in _SPECIAL and word != "!":
                raise bad_request(f"found '{word}', expected: !, identifier, or 'end of string'")
            try:
                tests.append(self._requirement())
            except ValueError as error:
                raise bad_request(f"unable to parse requirement: {error}") from None
            word = self._take()
            if not word:
                return tests
            if word != ",":
                raise bad_request(f"found '{word}', expected: ',' or 'end of string'")
            following = self._peek()
            if not following or (following in _SPECIAL and following != "!"):
                raise bad_request(f"found '{following}', expected: identifier after ','")

    def _requirement(self) -> Test:
        key = self._take()
        absent = key == "!"
        if absent:
            key = self._take()
        if not key or key in _SPECIAL:
            raise ValueError(f"found '{key}', expected: identifier")
        wrong = key_errors(key)
        if wrong:
            raise ValueError(str(invalid_value("<nil>", key, "; ".join(wrong))))
        if absent:
            return lambda held: key not in held
        if self._peek() in ("", ","):
            return lambda held: key in held
        said = self._take()
        operator = _OPERATORS.get(said)
        if operator is None:
            raise ValueError(f"found '{said}', expected: in, notin, =, ==, !=, gt, lt")
        values = sorted(self._values() if operator in ("in", "notin") else {self._value()})
        _check_values(key, operator, values)
        return _test(key, operator, values)

    def _value(self) -> str:
        if self._peek() in ("", ","):
            return ""
        word = self._take()
        if word in _SPECIAL:
            raise ValueError(f"found '{word}', expected: identifier")
        return word

    def _values(self) -> set[str]:
        word = self._take()
        if word != "(":
            raise ValueError(f"found '{word}' expected: '('")
        word = self._peek()
        if word == ")":
            self._take()
            return {""}
        if not word or (word in _SPECIAL and word != ","):
            raise ValueError(f"found '{word}', expected: ',', ')' or identifier")
        found: set[str] = set()
        while True:
            word = self._take()
            if word == ",":
                if not found:
                    found.add("")
                if self._peek() == ")":
                    found.add("")
                    break
                if self._peek() == ",":
                    self._take()
                    found.add("")
            elif not word or word in _SPECIAL:
                raise ValueError(f"found '{word}', expected: ',', or identifier")
            else:
                found.add(word)
                following = self._peek()
                if following == ")":
                    break
                if following != ",":
                    raise ValueError(f"found '{following}', expected: ',' or ')'")
        self._take()
        return found


def _check_values(key: str, operator: str, values: list[str]) -> None:
    wrong = []
    if operator in (">", "<") and _integer(values[0]) is None:
        detail = "for 'Gt', 'Lt' operators, the value must be an integer"
        wrong.append(str(invalid_value("values[0]", values[0], detail)))
    for index, value in enumerate(values):
        errors = value_errors(value)
        if errors:
            wrong.append(str(invalid_value(f"values[{index}][{key}]", value, "; ".join(errors))))
    if wrong:
        raise ValueError(wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]")


def _test(key: str, operator: str, values: list[str]) -> Test:
    value = values[0]
    if operator in ("!=", "notin"):
        if len(values) == 1:
            return lambda held: held.get(key) != value
        excluded = frozenset(values)
        return lambda held: held.get(key) not in excluded
    if operator in ("=", "in"):
        if len(values) == 1:
            return lambda held: held.get(key) == value
        wanted = frozenset(values)
        return lambda held: held.get(key) in wanted
    bound = _integer(value) or 0
    above = operator == ">"

    def compared(held: Labels) -> bool:
        number = _integer(held.get(key, ""))
        return number is not None and (number > bound if above else number < bound)

    return compared


def _integer(text: str) -> int | None:
    """A 64-bit integer as Go reads it, or None."""
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not digits.isascii() or not digits.isdigit() or len(digits.lstrip("0")) > _LONGEST_INTEGER:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def key_errors(key: str) -> list[str]:
    """What is wrong with a label's or annotation's key, worded as apimachinery's `IsQualifiedName`."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return [
            f"a qualified name {_NAME_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    wrong = []
    if slash and not prefix:
        wrong.append("prefix part must be non-empty")
    elif slash:
        if len(prefix) > 253:
            wrong.append("prefix part must be no more than 253 characters")
        if not _SUBDOMAIN.match(prefix):
            wrong.append(f"prefix part {_SUBDOMAIN_RULE}")
    if not name:
        wrong.append("name part must be non-empty")
    elif len(name) > 63:
        wrong.append("name part must be no more than 63 characters")
    if not _NAME.match(name):
        wrong.append(f"name part {_NAME_RULE}")
    return wrong


def value_errors(value: str) -> list[str]:
    """What is wrong with a label's value, worded as apimachinery's `IsValidLabelValue`."""
    wrong = []
    if len(value) > 63:
        wrong.append("must be no more than 63 characters")
    if value and not _NAME.match(value):
        wrong.append(_VALUE_RULE)
    return wrong
