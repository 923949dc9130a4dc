"""Label and field selectors of list, watch and deletecollection.

A selector's text is compiled once and kept, so a watch that begins again with the same text costs nothing.
Source: apimachinery `pkg/labels/selector.go`, `pkg/fields/selector.go`; the fields a kind offers stand in
`pkg/apis/*/v1/conversion.go` and, for custom resources, in apiextensions `pkg/apiserver/conversion/converter.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError, bad_request, invalid_value

Matcher = Callable[[Object], bool]
Labels = dict[str, str]
Test = Callable[[Labels], bool]
Getter = Callable[[Object], str]

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


# -- labels


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


# -- fields


def fields(text: str, resource: Resource) -> Matcher | None:
    """What a `fieldSelector` selects; None for everything. Raises ApiError 400 for a field this kind does not offer."""
    return _fields(text, resource) if text else None


@lru_cache(maxsize=2048)
def _fields(text: str, resource: Resource) -> Matcher | None:
    terms = []
    for part in sorted(_split(text)):
        if part:
            found = _TERM.search(part)
            if found is None:
                raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
            terms.append((part[: found.start()], found[0] == "!=", _unescaped(part[found.end() :])))
    tests = [_term(_getter(resource, field), negative, value) for field, negative, value in terms]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda obj: all(test(obj) for test in tests)


_TERM = re.compile("!=|==|=")
_UNESCAPED_COMMA = re.compile(r"((?:[^\\,]|\\.|\\\Z)*)(,|\Z)", re.DOTALL)


def _split(text: str) -> list[str]:
    parts, at = [], 0
    while True:
        found = _UNESCAPED_COMMA.match(text, at)
        assert found is not None
        parts.append(found[1])
        if not found[2]:
            return parts
        at = found.end()


def _unescaped(text: str) -> str:
    if "\\" not in text and "=" not in text:
        return text
    made = []
    characters = iter(text)
    for one in characters:
        if one == "\\":
            following = next(characters, "")
            if following not in ("\\", ",", "="):
                raise bad_request(f"invalid field selector: invalid escape sequence: \\{following}")
            made.append(following)
        elif one in ",=":
            raise bad_request(f"invalid field selector: unescaped character in value: {ord(one)}")
        else:
            made.append(one)
    return "".join(made)


def _term(get: Getter, negative: bool, value: str) -> Matcher:
    if negative:
        return lambda obj: get(obj) != value
    return lambda obj: get(obj) == value


def _path(path: str, default: str = "") -> Getter:
    """What stands at a dotted path, as a selector compares it."""
    *parents, last = path.split(".")

    def get(obj: Object) -> str:
        at: Any = obj
        for parent in parents:
            at = at.get(parent)
            if not isinstance(at, dict):
                return default
        found = at.get(last)
        if found is None:
            return default
        if isinstance(found, bool):
            return "true" if found else "false"
        return str(found)

    return get


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", ""))


def _pod_address(obj: Object) -> str:
    found = obj.get("status", {}).get("podIPs") or ()
    return str(found[0].get("ip", "")) if found else ""


def _event_source(obj: Object) -> str:
    return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")


def _event_fields(about: str, reporter: str) -> dict[str, Getter]:
    """The fields of events, under the names a version of the API has for them."""
    named = {
        f"{about}.{one}": _path(f"involvedObject.{one}")
        for one in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    }
    return {
        **named,
        "reason": _path("reason"),
        reporter: _path("reportingComponent"),
        "type": _path("type"),
        "metadata.name": _name,
        "metadata.namespace": _namespace,
    }


_ANY: dict[str, Getter] = {"metadata.name": _name, "metadata.namespace": _namespace}
_OFFERED: dict[tuple[str, str], dict[str, Getter]] = {
    ("", "pods"): {
        **_ANY,
        "spec.nodeName": _path("spec.nodeName"),
        "spec.host": _path("spec.nodeName"),
        "spec.restartPolicy": _path("spec.restartPolicy"),
        "spec.schedulerName": _path("spec.schedulerName"),
        "spec.serviceAccountName": _path("spec.serviceAccountName"),
        "spec.hostNetwork": _path("spec.hostNetwork", "false"),
        "status.phase": _path("status.phase"),
        "status.podIP": _pod_address,
        # Offered by the server, yet never filled: it selects pods only when asked for "".
        "status.podIPs": lambda _: "",
        "status.nominatedNodeName": _path("status.nominatedNodeName"),
    },
    ("", "nodes"): {"metadata.name": _name, "spec.unschedulable": _path("spec.unschedulable", "false")},
    ("", "namespaces"): {"metadata.name": _name, "status.phase": _path("status.phase")},
    ("", "secrets"): {**_ANY, "type": _path("type")},
    ("", "services"): {**_ANY, "spec.clusterIP": _path("spec.clusterIP"), "spec.type": _path("spec.type")},
    ("", "replicationcontrollers"): {**_ANY, "status.replicas": _path("status.replicas", "0")},
    ("batch", "jobs"): {**_ANY, "status.successful": _path("status.succeeded", "0")},
    ("certificates.k8s.io", "certificatesigningrequests"): {
        "metadata.name": _name,
        "spec.signerName": _path("spec.signerName"),
    },
    ("", "events"): {**_event_fields("involvedObject", "reportingComponent"), "source": _event_source},
    ("events.k8s.io", "events"): _event_fields("regarding", "reportingController"),
}


def _getter(resource: Resource, field: str) -> Getter:
    if resource.custom is not None:
        if field in _ANY and (resource.namespaced or field == "metadata.name"):
            return _ANY[field]
        if f".{field}" in resource.custom.selectable:
            return _path(field)
        raise bad_request(f"field label not supported: {field}")
    offered = _OFFERED.get((resource.group, resource.plural), _ANY)
    get = offered.get(field)
    if get is not None:
        return get
    raise _unknown(resource, field, offered)


def _unknown(resource: Resource, field: str, offered: dict[str, Getter]) -> ApiError:
    if offered is _ANY:
        return bad_request(f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    if resource.plural == "jobs":
        return bad_request(f'field label "{field}" not supported for Job')
    return bad_request(f"field label not supported: {field}")
