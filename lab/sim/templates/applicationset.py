"""The functions that ApplicationSets have beside sprig's.

Source: Argo CD 3.6 `applicationset/utils/utils.go` and `template_functions.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import sprig, yaml_text
from .builtins import GoError
from .calls import BudgetExceeded, ExecutionError, Function
from .gotemplate import ParseError, Run, TemplateSet
from .values import quoted, type_name

NAME = "base"
"""What messages call a template."""
_LONGEST_NAME = 253
_LONGEST_SLUG = 50
_DEEPEST_TPL = 3
_NOT_IN_NAMES = re.compile(r"[^-a-z0-9.]")
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9_-]")
_DASHES = re.compile(r"-+")


def functions(now: Callable[[], float], seed: str) -> dict[str, Function]:
    """All by name; see `sprig.functions`."""
    made = sprig.functions(now, seed)
    del made["getHostByName"]
    return made | _OWN


def normalize(name: str) -> str:
    """A name as DNS takes it."""
    return _NOT_IN_NAMES.sub("-", name.lower())[:_LONGEST_NAME].strip("-.")


def slugify(*arguments: Any) -> str:
    """`slugify [longest=50] [whole words=true] name`."""
    longest, whole, name = _LONGEST_SLUG, True, ""
    for place, value in enumerate(arguments):
        if place == len(arguments) - 1:
            name = _expect(value, str)
        elif place == 0:
            longest = _expect(value, int)
        elif place == 1:
            whole = _expect(value, bool)
    slug = normalize(name)
    if not whole and len(slug) >= longest:
        slug = slug[: max(longest, 0)]
    slug = _DASHES.sub("-", _NOT_IN_SLUGS.sub("-", slug)).strip("-_")
    if longest <= 0 or not whole or len(slug) <= longest:
        return slug
    end = slug.rfind("-", 0, longest + 1)
    return slug[: end if end >= 0 else longest]


def _expect(value: Any, wanted: type) -> Any:
    if type(value) is wanted:
        return value
    name = {str: "string", int: "int", bool: "bool"}[wanted]
    shown = "nil" if value is None else type_name(value)
    raise GoError(f"interface conversion: interface {{}} is {shown}, not {name}")


def _to_yaml(value: Any) -> str:
    try:
        return yaml_text.dumps(value)
    except ValueError as error:
        raise GoError(f"error marshaling into JSON: {error}") from None


def _from_yaml(text: str) -> dict[str, Any]:
    found = yaml_text.loads_value(text)
    if found is not None and not isinstance(found, dict):
        raise GoError(yaml_text.wrong_type(found, "map[string]interface {}"))
    return found or {}


def _from_yaml_array(text: str) -> list[Any]:
    found = yaml_text.loads_value(text)
    if found is not None and not isinstance(found, list):
        raise GoError(yaml_text.wrong_type(found, "[]interface {}"))
    return found or []


_OWN = {
    "fail": Function("(string) string", sprig.fail),
    "fromYaml": Function("(string) map[string]any", _from_yaml),
    "fromYamlArray": Function("(string) []any", _from_yaml_array),
    "normalize": Function("(string) string", normalize),
    "slugify": Function("(...any) string", slugify),
    "toYaml": Function("(any) string", _to_yaml),
    "tpl": Function("(string, any) string", lambda *_: ""),
}


def with_tpl(run: Run, known: frozenset[str]) -> Run:
    """A run whose `tpl` runs templates with the same options, at most three deep."""
    depth = 0
    table = dict(run.functions)
    made = run.within(run.templates, table)

    def tpl(source: str, data: Any) -> str:
        nonlocal depth
        if depth >= _DEEPEST_TPL:
            raise GoError(f"maximum recursion depth {_DEEPEST_TPL} exceeded in tpl function")
        inner = TemplateSet(made.templates)
        try:
            inner.add(NAME, source, known)
        except ParseError as error:
            raise GoError(f"cannot parse template {quoted(source)}: {error}") from None
        depth += 1
        try:
            text = made.within(inner.templates, table).execute(NAME, data)
        except BudgetExceeded:
            raise
        except ExecutionError as error:
            raise GoError(f"error during tpl function execution for {quoted(source)}: {error}") from None
        finally:
            depth -= 1
        return text.replace("<no value>", "")

    table["tpl"] = Function("(string, any) string", tpl)
    return made
