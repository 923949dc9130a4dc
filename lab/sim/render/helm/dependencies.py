"""Which subcharts take part, under which names, and what they export.

Source: Helm `pkg/chart/v2/util/dependencies.go`.
"""

from __future__ import annotations

from typing import Any

from lab.sim.templates.semver import in_range

from .chart import Chart
from .errors import HelmError
from .metadata import Dependency
from .tables import Table, coalesce_tables, coalesced, copied, table_at, value_at


def check(chart: Chart) -> None:
    """Raises HelmError when a dependency is named but not there."""
    there = {one.name for one in chart.dependencies}
    missing = [one.name for one in chart.metadata.dependencies if one.name not in there]
    if missing:
        raise HelmError(
            "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to "
            f"fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: {', '.join(missing)}"
        )


def process(chart: Chart, values: Table) -> None:
    """Take away what is disabled, rename what has an alias, and import values. The chart is changed."""
    _enable(chart, values, "")
    _import_below(chart)


def _enable(chart: Chart, values: Table, path: str) -> None:
    wanted = chart.metadata.dependencies
    if not chart.metadata.has_dependencies:
        return
    kept = [one for one in chart.dependencies if not any(_is(one, dependency) for dependency in wanted)]
    for dependency in wanted:
        found = next((one for one in chart.dependencies if _is(one, dependency)), None)
        if found is not None:
            kept.append(found.twin(dependency.alias))
        dependency.name = dependency.alias or dependency.name
        dependency.enabled = True
    chart.adopt(kept)
    given = coalesced(chart, values)
    _by_tags(wanted, given)
    _by_conditions(wanted, given, path)
    disabled = {one.name for one in wanted if not one.enabled}
    chart.adopt([one for one in chart.dependencies if one.name not in disabled])
    chart.metadata.dependencies = [one for one in wanted if one.name not in disabled]
    for one in chart.dependencies:
        _enable(one, given, f"{path}{one.name}.")


def _is(chart: Chart, dependency: Dependency) -> bool:
    return chart.name == dependency.name and in_range(dependency.version, str(chart.metadata.fields["Version"]))


def _by_tags(dependencies: list[Dependency], values: Table) -> None:
    tags = table_at(values, "tags")
    if tags is None:
        return
    for one in dependencies:
        states = {tags[tag] for tag in one.tags if isinstance(tags.get(tag), bool)}
        one.enabled = True in states or not states


def _by_conditions(dependencies: list[Dependency], values: Table, path: str) -> None:
    for one in dependencies:
        for condition in filter(None, one.condition.strip().split(",")):
            found = next((value for value in value_at(values, path + condition) if isinstance(value, bool)), None)
            if found is not None:
                one.enabled = found
                break


def _import_below(chart: Chart) -> None:
    for one in chart.dependencies:
        _import_below(one)
    if not chart.metadata.has_dependencies:
        return
    given = coalesced(chart, None, keep_nulls=True)
    imported: Table = {}
    for dependency in chart.metadata.dependencies:
        rewritten = []
        for wanted in dependency.imports:
            child, parent = _paths(wanted)
            rewritten.append({"child": child, "parent": parent})
            found = table_at(given, f"{dependency.name}.{child}")
            if found is not None:
                imported = coalesce_tables(imported, copied(_nested(parent, found)), True)
        dependency.imports = rewritten
    chart.values = coalesce_tables(copied(given), imported, True)


def _paths(wanted: Any) -> tuple[str, str]:
    if isinstance(wanted, dict):
        return str(wanted.get("child", "<nil>")), str(wanted.get("parent", "<nil>"))
    return f"exports.{wanted}", "."


def _nested(path: str, table: Table) -> Table:
    if path == ".":
        return table
    for name in reversed(path.split(".")):
        table = {name: table}
    return table
