"""Runs a chart's templates. Source of rules and wording: Helm `pkg/engine/engine.go` and `funcs.go`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from lab.sim.templates import sprig, yaml_text
from lab.sim.templates.builtins import GoError
from lab.sim.templates.calls import BudgetExceeded, ExecutionError, Function
from lab.sim.templates.gotemplate import Budget, ParseError, Run, TemplateSet
from lab.sim.templates.json_text import BadJson, dumps, loads
from lab.sim.templates.values import NamedMap, Struct, quoted

from . import toml
from .chart import Chart
from .chart_files import chart_files
from .errors import HelmError
from .tables import Table, table_at

_DEEPEST_INCLUDE = 1000
_WARNING = re.compile(r"HELM_ERR_START(.*)HELM_ERR_END", re.DOTALL)


class _Failed(GoError):
    """`fail` and `required`, whose message alone is shown."""

    def __init__(self, message: str) -> None:
        super().__init__(f"HELM_ERR_START{message}HELM_ERR_END")


def render(
    chart: Chart, values: Table, release: Table, capabilities: Struct, now: Callable[[], float], budget: Budget
) -> dict[str, str]:
    """Text of every template but the partial ones, by its path, e.g. `app/templates/service.yaml`.

    `values`: coalesced, for the root; `now`: seconds since 1970. Raises HelmError with Helm's text.
    """
    found: dict[str, tuple[bytes, Table, str]] = {}
    _collect(chart, {"Values": values, "Release": release, "Capabilities": capabilities}, found)
    names = sorted(found, key=lambda name: (name.count("/"), name), reverse=True)
    seed = f"{chart.name}\0{release['Name']}\0{release['Namespace']}"
    functions = sprig.functions(now, seed) | _FUNCTIONS
    templates = TemplateSet()
    run = Run(templates.templates, functions, "zero", budget)
    functions.update(_late(run, functions, {}))
    known = frozenset(functions)
    for name in names:
        try:
            templates.add(name, found[name][0].decode(errors="replace"), known)
        except ParseError as error:
            parts = str(error).split(": ")
            raise HelmError(f"parse error at ({parts[1]}): {parts[-1]}") from None
    rendered = {}
    for name in names:
        if name.rpartition("/")[2].startswith("_"):
            continue
        _, scope, base = found[name]
        scope["Template"] = {"Name": name, "BasePath": base}
        try:
            rendered[name] = run.execute(name, scope).replace("<no value>", "")
        except BudgetExceeded as error:
            raise HelmError(f"execution error in ({name}): {error}") from None
        except ExecutionError as error:
            raise HelmError(_explained(error)) from None
    return rendered


def _collect(chart: Chart, outer: Table, found: dict[str, tuple[bytes, Table, str]]) -> Table:
    """Prepare what the templates of a chart and its subcharts see."""
    subcharts: Table = {}
    values = outer["Values"] if chart.parent is None else table_at(outer, f"Values.{chart.name}")
    scope: Table = {
        "Chart": chart.metadata.seen(chart.parent is None),
        "Files": chart_files(chart.files),
        "Release": outer["Release"],
        "Capabilities": outer["Capabilities"],
        "Values": NamedMap(values or {}),
        "Subcharts": subcharts,
    }
    for one in chart.dependencies:
        subcharts[one.name] = _collect(one, scope, found)
    for name, content in chart.templates.items():
        if not chart.metadata.is_library or name.rpartition("/")[2].startswith("_"):
            found[f"{chart.path}/{name}"] = (content, scope, f"{chart.path}/templates")
    return scope


def _late(run: Run, functions: dict[str, Function], included: dict[str, int]) -> dict[str, Function]:
    """The functions that run templates of the set they are called in."""
    depth = 0

    def include(name: str, data: Any) -> str:
        nonlocal depth
        count = included.get(name, 0)
        if count > _DEEPEST_INCLUDE or depth >= run.max_depth:
            raise GoError(f"rendering template has a nested reference name: {name}: unable to execute template")
        included[name] = count + 1
        depth += 1
        try:
            return run.execute(name, data)
        finally:
            included[name] -= 1
            depth -= 1

    def tpl(source: str, data: Any) -> str:
        inner = TemplateSet(run.templates)
        own = dict(functions)
        below = run.within(inner.templates, own)
        own.update(_late(below, own, included))
        name = "gotpl"
        try:
            inner.add(name, source, frozenset(own))
        except ParseError as error:
            raise GoError(f"cannot parse template {quoted(source)}: {error}") from None
        try:
            made = below.execute(name, data) if name in inner.templates else ""
        except BudgetExceeded:
            raise
        except ExecutionError as error:
            raise GoError(f"error during tpl function execution for {quoted(source)}: {error}") from None
        return made.replace("<no value>", "")

    return {"include": Function("(string, any) string", include), "tpl": Function("(string, any) string", tpl)}


def _required(message: str, value: Any) -> Any:
    if value is None or (isinstance(value, str) and value == ""):
        raise _Failed(message)
    return value


def _fail(message: str) -> str:
    raise _Failed(message)


def _to_yaml(value: Any) -> str:
    try:
        return yaml_text.dumps(value)
    except ValueError:
        return ""


def _to_yaml_pretty(value: Any) -> str:
    try:
        return yaml_text.dumps_pretty(value)
    except ValueError:
        return ""


def _to_json(value: Any) -> str:
    try:
        return dumps(value)
    except ValueError:
        return ""


def _from_json(text: str) -> dict[str, Any]:
    try:
        found = loads(text)
    except BadJson as error:
        return {"Error": str(error)}
    if found is None:
        return {}
    return found if isinstance(found, dict) else {"Error": _not_json(found, "map[string]interface {}")}


def _from_json_list(text: str) -> list[Any]:
    try:
        found = loads(text)
    except BadJson as error:
        return [str(error)]
    if found is None:
        return []
    return found if isinstance(found, list) else [_not_json(found, "[]interface {}")]


def _not_json(found: Any, wanted: str) -> str:
    kind = {list: "array", dict: "object", str: "string", bool: "bool"}.get(type(found), "number")
    return f"json: cannot unmarshal {kind} into Go value of type {wanted}"


_FUNCTIONS = {
    "toToml": Function("(any) string", toml.dumps_or_error),
    "mustToToml": Function("(any) string", toml.dumps),
    "fromToml": Function("(string) map[string]any", toml.loads),
    "toYaml": Function("(any) string", _to_yaml),
    "mustToYaml": Function("(any) string", yaml_text.dumps),
    "toYamlPretty": Function("(any) string", _to_yaml_pretty),
    "fromYaml": Function("(string) map[string]any", yaml_text.loads_map),
    "fromYamlArray": Function("(string) []any", yaml_text.loads_list),
    "toJson": Function("(any) string", _to_json),
    "mustToJson": Function("(any) string", dumps),
    "fromJson": Function("(string) map[string]any", _from_json),
    "fromJsonArray": Function("(string) []any", _from_json_list),
    "required": Function("(string, any) any", _required),
    "fail": Function("(string) string", _fail),
    "lookup": Function("(string, string, string, string) map[string]any", lambda *_: {}),
}


def _explained(error: ExecutionError) -> str:
    """Helm's report of a failure: the message of `fail`, or a list of places with what failed at each."""
    text = str(error)
    parts = text.split(": ", 2)
    if len(parts) == 3:
        warning = _WARNING.search(parts[2])
        if warning is not None:
            return f"execution error at ({parts[1]}): {warning[1]}"
    places: list[str] = []
    current: BaseException | None = error
    while current is not None:
        place = _place(str(current))
        if place is None:
            return text
        if not places or places[-1] != place:
            places.append(place)
        current = getattr(current, "cause", None)
    return "".join(places).strip()


_EXECUTING = re.compile(r'(.*?): executing "([^"]*)" at <(.*?)>: (.*)', re.DOTALL)


def _place(text: str) -> str | None:
    """One place of a failure, in Helm's three lines; None for a text without one."""
    if not text.startswith("template: "):
        return None
    rest = text.removeprefix("template: ")
    if rest.startswith("no template "):
        return f"{text}\n"
    match = _EXECUTING.fullmatch(rest)
    if match is not None:
        message = match[4].partition(" template:")[0]
        return f'{match[1]}\n  executing "{match[2]}" at <{match[3]}>:\n    {message}\n'
    place, mark, message = rest.rpartition(": ")
    if not mark:
        return None
    return f"{place}\n  {message.partition(' template:')[0]}\n"
