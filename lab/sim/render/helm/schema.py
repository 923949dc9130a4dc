"""`values.schema.json`: JSON Schema of drafts 4 to 2020-12, with the words of Helm's validator.

Own code, because a library (jsonschema) would bring four packages and still need every message rewritten. What charts
do not use is refused by name: references to other files, `$dynamicRef`, `unevaluated…` and content encodings. Source
of rules and wording: github.com/santhosh-tekuri/jsonschema v6 `validator.go` and `kind/kind.go`. Properties are looked
at in order of their names; Go leaves that order to chance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

from lab.sim.render.errors import NotSupported
from lab.sim.templates.builtins import GoError
from lab.sim.templates.sprig.strings import TABLE
from lab.sim.templates.values import float_text

from .chart import Chart
from .errors import HelmError
from .tables import Table

_REFUSED = (
    "$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems", "contentSchema",
)  # fmt: skip
_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value),
}
_ORDER = ("null", "boolean", "number", "integer", "string", "array", "object")
_DEEPEST = 200
_matches = TABLE["mustRegexMatch"][1]


@dataclass(slots=True)
class _Failure:
    """One thing wrong, at a place of the values, with what lies behind it."""

    at: tuple[str, ...]
    text: str
    causes: list[_Failure] = field(default_factory=list)
    group: bool = False
    reference: bool = False

    def lines(self, indent: int) -> Iterator[str]:
        hidden = self.reference and len(self.causes) == 1
        if not hidden:
            place = "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in self.at)
            yield f"{'  ' * (indent - 1)}- at {_quote(place)}: {self.text}"
        for cause in self.causes:
            yield from cause.lines(indent + (not hidden))


def validate(chart: Chart, values: Table) -> None:
    """Check the values of a chart and its subcharts. Raises HelmError with Helm's report."""
    report = _report(chart, values)
    if report:
        raise HelmError(f"values don't meet the specifications of the schema(s) in the following chart(s):\n{report}")


def _report(chart: Chart, values: Table) -> str:
    report = ""
    if chart.schema is not None:
        found = _single(chart.schema, values)
        if found:
            report += f"{chart.name}:\n{found}"
    for sub in chart.dependencies:
        inner = values.get(sub.name)
        if inner is None:
            continue
        if not isinstance(inner, dict):
            report += f"{sub.name}:\ninvalid type for values: expected object (map), got {_go_type(inner)}\n"
            continue
        report += _report(sub, inner)
    return report


def _go_type(value: Any) -> str:
    from lab.sim.templates.values import type_name

    return type_name(value)


def _single(source: bytes, values: Table) -> str:
    try:
        schema = json.loads(source)
    except ValueError as error:
        return f"invalid JSON schema: {error}"
    failures = _Validator(schema).check(schema, values, ())
    lines = [line for failure in _flat(failures) for line in failure.lines(1)]
    return "".join(line + "\n" for line in lines)


def _flat(failure: _Failure | None) -> list[_Failure]:
    if failure is None:
        return []
    return failure.causes if failure.group else [failure]


class _Validator:
    def __init__(self, root: Any) -> None:
        self.root = root
        self.depth = 0
        draft = str(root.get("$schema", "")) if isinstance(root, dict) else ""
        self.old = any(name in draft for name in ("draft-04", "draft-06", "draft-07"))
        self.before_2020 = self.old or "2019-09" in draft

    def check(self, schema: Any, value: Any, at: tuple[str, ...]) -> _Failure | None:
        """What is wrong with a value, None if nothing is."""
        if isinstance(schema, bool):
            return None if schema else _Failure(at, "false schema")
        self.depth += 1
        if self.depth > _DEEPEST:
            raise HelmError("values.schema.json is nested too deeply")
        try:
            failures = list(self.failures(schema, value, at))
        finally:
            self.depth -= 1
        if len(failures) < 2:
            return failures[0] if failures else None
        return _Failure(at, "validation failed", failures, group=True)

    def failures(self, schema: dict[str, Any], value: Any, at: tuple[str, ...]) -> Iterator[_Failure]:
        for keyword in _REFUSED:
            if keyword in schema:
                raise NotSupported(f"the keyword {keyword} in values.schema.json")
        if self.old and "$ref" in schema:
            yield from self.referenced(schema["$ref"], value, at)
            return
        first = self.first(schema, value)
        if first:
            yield _Failure(at, first)
            return
        if "$ref" in schema:
            yield from self.referenced(schema["$ref"], value, at)
        if isinstance(value, dict):
            yield from self.object(schema, value, at)
        elif isinstance(value, list):
            yield from self.array(schema, value, at)
        elif isinstance(value, str):
            yield from (_Failure(at, text) for text in _string(schema, value))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield from (_Failure(at, text) for text in _number(schema, value))
        yield from self.combined(schema, value, at)

    def first(self, schema: dict[str, Any], value: Any) -> str:
        """Type, constant and enumeration, after which nothing else is looked at."""
        wanted = schema.get("type")
        if wanted:
            names = [wanted] if isinstance(wanted, str) else list(wanted)
            if not any(_TYPES[name](value) for name in names if name in _TYPES):
                ordered = sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else 99)
                return f"got {_type_of(value)}, want {' or '.join(ordered)}"
        if "const" in schema and not _same(schema["const"], value):
            constant = schema["const"]
            return "'const' failed" if isinstance(constant, (dict, list)) else f"value must be {_display(constant)}"
        if "enum" in schema and not any(_same(one, value) for one in schema["enum"]):
            options = schema["enum"]
            if any(isinstance(one, (dict, list)) for one in options):
                return "'enum' failed"
            shown = ", ".join(map(_display, options))
            return f"value must be {shown}" if len(options) == 1 else f"value must be one of {shown}"
        return ""

    def referenced(self, reference: str, value: Any, at: tuple[str, ...]) -> Iterator[_Failure]:
        found = self.check(self.resolve(reference), value, at)
        if found is not None:
            yield _Failure(at, "validation failed", _flat(found), reference=True)

    def resolve(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise NotSupported(f"the reference {reference} in values.schema.json")
        found = self.root
        for token in unquote(reference[1:]).split("/")[1:]:
            token = token.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and token.isdigit() and int(token) < len(found):
                found = found[int(token)]
            elif isinstance(found, dict) and token in found:
                found = found[token]
            else:
                raise HelmError(f'json-pointer in "file:///values.schema.json{reference}" not found')
        return found

    def object(self, schema: dict[str, Any], value: dict[str, Any], at: tuple[str, ...]) -> Iterator[_Failure]:
        if len(value) < schema.get("minProperties", 0):
            yield _Failure(at, f"minProperties: got {len(value)}, want {schema['minProperties']}")
        if "maxProperties" in schema and len(value) > schema["maxProperties"]:
            yield _Failure(at, f"maxProperties: got {len(value)}, want {schema['maxProperties']}")
        missing = [name for name in schema.get("required", ()) if name not in value]
        if missing:
            shown = ", ".join(map(_quote, missing))
            yield _Failure(at, f"missing {'property' if len(missing) == 1 else 'properties'} {shown}")
        yield from self.dependent(schema, value, at)
        yield from self.properties(schema, value, at)
        names = schema.get("propertyNames")
        for name in sorted(value) if names is not None else ():
            found = self.check(names, name, ())
            if found is not None:
                yield _Failure(at, f"invalid propertyName {_quote(name)}", _flat(found))

    def properties(self, schema: dict[str, Any], value: dict[str, Any], at: tuple[str, ...]) -> Iterator[_Failure]:
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        additional = schema.get("additionalProperties", True)
        extra = []
        for name in sorted(value):
            rules = [known[name]] if name in known else []
            rules += [rule for pattern, rule in patterns.items() if _found(pattern, name)]
            if not rules and additional is False:
                extra.append(name)
            elif not rules:
                rules = [additional]
            for rule in rules:
                yield from _flat(self.check(rule, value[name], (*at, name)))
        if extra:
            yield _Failure(at, f"additional properties {', '.join(map(_quote, extra))} not allowed")

    def dependent(self, schema: dict[str, Any], value: dict[str, Any], at: tuple[str, ...]) -> Iterator[_Failure]:
        for keyword in ("dependencies", "dependentSchemas", "dependentRequired"):
            for name, rule in schema.get(keyword, {}).items():
                if name not in value:
                    continue
                if not isinstance(rule, list):
                    yield from _flat(self.check(rule, value, at))
                    continue
                missing = [one for one in rule if one not in value]
                if missing:
                    shown = ", ".join(map(_quote, missing))
                    yield _Failure(at, f"properties {shown} required, if {_quote(name)} exists")

    def array(self, schema: dict[str, Any], value: list[Any], at: tuple[str, ...]) -> Iterator[_Failure]:
        if len(value) < schema.get("minItems", 0):
            yield _Failure(at, f"minItems: got {len(value)}, want {schema['minItems']}")
        if "maxItems" in schema and len(value) > schema["maxItems"]:
            yield _Failure(at, f"maxItems: got {len(value)}, want {schema['maxItems']}")
        if schema.get("uniqueItems"):
            pair = _duplicate(value)
            if pair:
                yield _Failure(at, f"items at {pair[0]} and {pair[1]} are equal")
        items = schema.get("items")
        leading = items if isinstance(items, list) else [] if self.before_2020 else schema.get("prefixItems", [])
        others = schema.get("additionalItems", True) if isinstance(items, list) else items
        if others is False and isinstance(items, list):
            if len(value) > len(leading):
                yield _Failure(at, f"last {len(value) - len(leading)} additionalItem(s) not allowed")
            others = None
        for place, item in enumerate(value):
            rule = leading[place] if place < len(leading) else others
            if rule is not None:
                yield from _flat(self.check(rule, item, (*at, str(place))))
        if "contains" in schema:
            yield from self.contains(schema, value, at)

    def contains(self, schema: dict[str, Any], value: list[Any], at: tuple[str, ...]) -> Iterator[_Failure]:
        found = [self.check(schema["contains"], item, (*at, str(place))) for place, item in enumerate(value)]
        matched = [place for place, failure in enumerate(found) if failure is None]
        causes = [failure for failure in found if failure is not None]
        least = schema.get("minContains")
        if least is not None and len(matched) < least:
            tail = f"matched {len(matched)} items at {' '.join(map(str, matched))}" if matched else "none matched"
            yield _Failure(at, f"min {least} items required to match contains schema, but {tail}", causes)
        elif least is None and not matched:
            yield _Failure(at, "no items match contains schema", causes)

    def combined(self, schema: dict[str, Any], value: Any, at: tuple[str, ...]) -> Iterator[_Failure]:
        if "not" in schema and self.check(schema["not"], value, at) is None:
            yield _Failure(at, "'not' failed")
        every = [self.check(one, value, at) for one in schema.get("allOf", ())]
        causes = [one for one in every if one is not None]
        if causes:
            yield _Failure(at, "'allOf' failed", causes)
        if schema.get("anyOf"):
            some = [self.check(one, value, at) for one in schema["anyOf"]]
            if all(one is not None for one in some):
                yield _Failure(at, "'anyOf' failed", [one for one in some if one is not None])
        if schema.get("oneOf"):
            each = [self.check(one, value, at) for one in schema["oneOf"]]
            matched = [place for place, one in enumerate(each) if one is None]
            if not matched:
                yield _Failure(at, "'oneOf' failed, none matched", [one for one in each if one is not None])
            elif len(matched) > 1:
                yield _Failure(at, f"'oneOf' failed, subschemas {matched[0]}, {matched[1]} matched")
        if "if" in schema:
            branch = "then" if self.check(schema["if"], value, at) is None else "else"
            if branch in schema:
                yield from _flat(self.check(schema[branch], value, at))


def _string(schema: dict[str, Any], value: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield f"minLength: got {len(value)}, want {schema['minLength']}"
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield f"maxLength: got {len(value)}, want {schema['maxLength']}"
    pattern = schema.get("pattern")
    if pattern is not None and not _found(pattern, value):
        yield f"{_quote(value)} does not match pattern {_quote(pattern)}"


def _number(schema: dict[str, Any], value: float) -> Iterator[str]:
    number = Fraction(str(value))
    for keyword, fails in _BOUNDS.items():
        limit = schema.get(keyword)
        if limit is not None and not isinstance(limit, bool) and fails(number, Fraction(str(limit))):
            yield f"{keyword}: got {_rational(number)}, want {_rational(Fraction(str(limit)))}"
    step = schema.get("multipleOf")
    if step is not None and (number / Fraction(str(step))).denominator != 1:
        yield f"multipleOf: got {_rational(number)}, want {_rational(Fraction(str(step)))}"


_BOUNDS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "minimum": lambda value, limit: value < limit,
    "maximum": lambda value, limit: value > limit,
    "exclusiveMinimum": lambda value, limit: value <= limit,
    "exclusiveMaximum": lambda value, limit: value >= limit,
}


def _rational(value: Fraction) -> str:
    """As the validator prints a rational: a float with few digits, an integer with separators of thousands."""
    if value.denominator == 1:
        return f"{value.numerator:,}"
    return float_text(float(value))


def _found(pattern: str, text: str) -> bool:
    try:
        return bool(_matches(pattern, text))
    except GoError as error:
        raise HelmError(f"{_quote(pattern)} is not valid regex: {error}") from None


def _type_of(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return next(name for name, fits in _TYPES.items() if fits(value))


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON values: true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _duplicate(items: list[Any]) -> tuple[int, int] | None:
    for place, one in enumerate(items):
        for before in range(place):
            if _same(items[before], one):
                return before, place
    return None


def _display(value: Any) -> str:
    if isinstance(value, str):
        return _quote(value)
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _quote(text: str) -> str:
    """In single quotes, as the validator writes texts."""
    escaped = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{escaped}'"
