"""CEL rules of custom resources (`x-kubernetes-validations`), on the library `common-expression-language`.

Kubernetes' own functions for texts, lists, quantities, URLs and addresses are given to it here. A rule that needs
syntax or a function beyond these is refused when its definition is written, so that no rule is passed over in silence.
Source: apiextensions `pkg/apiserver/schema/cel`, Kubernetes "Common Expression Language in Kubernetes".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.sim.api.resources import Object
from lab.sim.api.shared_schemas import note, noted
from lab.sim.api.status import Cause, forbidden_field, invalid_value
from lab.sim.api.structural import counterpart
from lab.sim.quantity import compare, parse

_WITHOUT_RULES = "without rules"
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_LOOP = re.compile(r"\.(?:all|exists|exists_one|map|filter|sortBy|transformList|transformMap)\s*\(")
_LONGEST_RULE = 10_000
_MOST_LOOPS = 12
_DEEPEST_LOOP = 4
_MOST_STEPS = 1_000_000
"""Steps a rule's loops may take: it runs in the server's own time, and nothing can stop it."""
_LIBRARY = re.compile(r"(?<![\w.])((?:base64|format|ip|lists|math|optional|regex|sets|strings)\.\w+)\s*\(")
_OPTIONAL = re.compile(r"\.\?|\[\?")
_STANDARD = frozenset(
    (
        *(
            "has",
            "all",
            "exists",
            "exists_one",
            "map",
            "filter",
            "size",
            "matches",
            "contains",
            "startsWith",
            "endsWith",
        ),
        *("int", "uint", "double", "string", "bytes", "bool", "type", "dyn", "duration", "timestamp", "max", "min"),
        *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    )
)


def _replace(text: str, old: str, new: str, times: int = -1) -> str:
    return text.replace(old, new, times)


def _split(text: str, by: str, times: int = -1) -> list[str]:
    if times == 0:
        return []
    if not by:
        return list(text)
    return text.split(by, times - 1) if times > 0 else text.split(by)


def _index_of(holder: Any, wanted: Any) -> int:
    if isinstance(holder, str):
        return holder.find(wanted)
    return holder.index(wanted) if wanted in holder else -1


def _last_index_of(holder: Any, wanted: Any) -> int:
    if isinstance(holder, str):
        return holder.rfind(wanted)
    return len(holder) - 1 - holder[::-1].index(wanted) if wanted in holder else -1


def _can(make: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            make(text)
        except ValueError:
            return False
        return True

    return check


def _url(text: str) -> str:
    parts = urlsplit(text)
    if not parts.scheme and not text.startswith("/"):
        raise ValueError(text)
    return text


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "charAt": lambda text, at: text[at : at + 1],
    "format": lambda text, values: text % tuple(values),
    "indexOf": _index_of,
    "isSorted": lambda items: all(one <= two for one, two in pairwise(items)),
    "join": lambda items, by="": by.join(items),
    "lastIndexOf": _last_index_of,
    "lowerAscii": lambda text: text.lower(),
    "replace": _replace,
    "reverse": lambda holder: holder[::-1],
    "split": _split,
    "substring": lambda text, start, end=None: text[start:end],
    "sum": lambda items: sum(items),
    "trim": lambda text: text.strip(),
    "upperAscii": lambda text: text.upper(),
    "isURL": _can(_url),
    "url": _url,
    "getScheme": lambda url: urlsplit(url).scheme,
    "getHost": lambda url: urlsplit(url).netloc,
    "getHostname": lambda url: urlsplit(url).hostname or "",
    "getPort": lambda url: str(urlsplit(url).port or ""),
    "getEscapedPath": lambda url: urlsplit(url).path,
    "getQuery": lambda url: parse_qs(urlsplit(url).query),
    "isIP": _can(ip_address),
    "isCIDR": _can(lambda text: ip_network(text, strict=False)),
    "isQuantity": _can(parse),
    "quantity": lambda text: text,
    "isGreaterThan": lambda one, two: compare(one, two) > 0,
    "isLessThan": lambda one, two: compare(one, two) < 0,
    "compareTo": compare,
}


@lru_cache(maxsize=512)
def _compiled(rule: str) -> Any:
    import cel

    return cel.compile(rule)


def unsupported(schema: Object, path: str = "") -> Iterator[tuple[str, str]]:
    """(path of the rule, why) for every rule of a schema that could not be evaluated here."""
    for at, rules in _rules(schema, path):
        for index, rule in enumerate(rules):
            for key in ("rule", "messageExpression"):
                why = _why_not(rule.get(key, ""))
                if why:
                    yield f"{at}.x-kubernetes-validations[{index}].{key}", why


def _why_not(text: str) -> str:
    if not text:
        return ""
    bare = _TEXT.sub('""', text)
    if _OPTIONAL.search(bare) or "cel.bind" in bare:
        return "optional fields and cel.bind in CEL rules"
    library = _LIBRARY.search(bare)
    if library is not None:
        return f"the CEL function {library.group(1)}"
    for name in _CALL.findall(bare):
        if name not in _STANDARD and name not in _FUNCTIONS and name != "in":
            return f"the CEL function {name}"
    if len(text) > _LONGEST_RULE or len(_LOOP.findall(bare)) > _MOST_LOOPS or _nesting(text) > _DEEPEST_LOOP:
        return "a CEL rule of this size"
    return ""


def _nesting(text: str) -> int:
    """How many loops over lists stand inside one another at most."""
    bare = _TEXT.sub('""', text)
    loops = {found.end() - 1 for found in _LOOP.finditer(bare)}
    open_brackets: list[bool] = []
    deepest = 0
    for at, one in enumerate(bare):
        if one == "(":
            open_brackets.append(at in loops)
            deepest = max(deepest, sum(open_brackets))
        elif one == ")" and open_brackets:
            open_brackets.pop()
    return deepest


def _largest(value: Any) -> int:
    """The length of the longest list, object or text in a value."""
    largest, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list | str):
            largest = max(largest, len(one))
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
    return largest


def _rules(schema: Object | None, path: str) -> Iterator[tuple[str, list[Object]]]:
    if schema is None or noted(_WITHOUT_RULES, schema):
        return
    found = False
    if schema.get("x-kubernetes-validations"):
        found = True
        yield path, schema["x-kubernetes-validations"]
    for name, inner in (schema.get("properties") or {}).items():
        for one in _rules(inner, f"{path}.properties[{name}]" if path else f"properties[{name}]"):
            found = True
            yield one
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            for one in _rules(schema[key], f"{path}.{key}"):
                found = True
                yield one
    if not found:
        note(_WITHOUT_RULES, schema, True)


def compile_errors(schema: Object, path: str) -> list[Cause]:
    """A cause for every rule that is no CEL."""
    causes = []
    for at, rules in _rules(schema, path):
        for index, rule in enumerate(rules):
            try:
                _compiled(rule.get("rule", ""))
            except ValueError as error:
                text = " ".join(str(error).split())
                field = f"{at}.x-kubernetes-validations[{index}].rule"
                causes.append(invalid_value(field, rule, f"compilation failed: {text}"))
    return causes


def has_rules(schema: Object) -> bool:
    """Whether there is any rule in the schema."""
    return next(_rules(schema, ""), None) is not None


def broken(value: Any, old: Any, schema: Object, path: str, *, update: bool) -> list[Cause]:
    """Every rule that `value` breaks; `old` is what it replaces, for rules that name `oldSelf` on an update."""
    causes: list[Cause] = []
    _walk(value, old, schema, path, update, causes)
    return causes


def _walk(value: Any, old: Any, schema: Object, path: str, update: bool, causes: list[Cause]) -> None:
    same = update and value == old  # what was wrong already is let pass, but for rules about the change itself
    for rule in schema.get("x-kubernetes-validations") or ():
        if same and "oldSelf" not in rule["rule"]:
            continue
        cause = _evaluate(rule, value, old, path, update)
        if cause is not None:
            causes.append(cause)
    if isinstance(value, dict):
        before = old if isinstance(old, dict) else {}
        properties = schema.get("properties") or {}
        extra = schema.get("additionalProperties")
        for name, inner in value.items():
            field = properties.get(name, extra)
            if isinstance(field, dict):
                _walk(inner, before.get(name), field, f"{path}.{name}" if path else name, update, causes)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        keys = schema.get("x-kubernetes-list-map-keys") or ()
        for index, inner in enumerate(value):
            _walk(inner, counterpart(inner, old, keys), schema["items"], f"{path}[{index}]", update, causes)


def _evaluate(rule: Object, value: Any, old: Any, path: str, update: bool) -> Cause | None:
    text = rule["rule"]
    variables: dict[str, Any] = {"self": value}
    if "oldSelf" in text:
        if not update or old is None:
            return None
        variables["oldSelf"] = old
    kind = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer"}.get(type(value), "number")
    field = (path + rule.get("fieldPath", "")).removeprefix(".") or "<nil>"
    loops = _nesting(text)
    if loops and _largest(value) ** loops > _MOST_STEPS:
        return invalid_value(
            field, kind, "no further validation rules will be run due to call cost exceeds limit for rule"
        )
    try:
        if _run(text, variables) is True:
            return None
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, ZeroDivisionError) as error:
        shown = str(error).strip("'")
        told = rule.get("message") or text
        return invalid_value(field, kind, f"no such key: {shown} evaluating rule: {told}")
    message = _message(rule, variables)
    reason = rule.get("reason", "FieldValueInvalid")
    if reason == "FieldValueForbidden":
        return forbidden_field(field, message)
    if reason == "FieldValueRequired":
        return Cause(reason, f"Required value: {message}", field)
    if reason == "FieldValueDuplicate":
        return Cause(reason, f'Duplicate value: "{kind}"', field)
    return invalid_value(field, kind, message)


def _message(rule: Object, variables: dict[str, Any]) -> str:
    if rule.get("messageExpression"):
        try:
            said = _run(rule["messageExpression"], variables)
            if isinstance(said, str) and said.strip():
                return said
        except (RuntimeError, ValueError, TypeError, KeyError, IndexError):
            pass
    return str(rule.get("message") or f"failed rule: {rule['rule']}")


def _run(text: str, variables: dict[str, Any]) -> Any:
    import cel

    context = cel.Context()
    for name, value in variables.items():
        context.add_variable(name, value)
    for name in set(_CALL.findall(text)):
        function = _FUNCTIONS.get(name)
        if function is not None:
            context.add_function(name, function)
    return _compiled(text).execute(context)
