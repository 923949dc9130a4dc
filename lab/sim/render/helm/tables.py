"""How values of charts, files and parameters are laid over each other.

Maps are merged, anything else is replaced. Null takes a chart's own default away. Source: Helm
`pkg/chart/common/util/coalesce.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lab.sim.templates.values import type_name

from .errors import HelmError

if TYPE_CHECKING:
    from .chart import Chart

Table = dict[str, Any]
GLOBAL = "global"


def copied(value: Any) -> Any:
    """A copy at every depth."""
    if isinstance(value, dict):
        return {key: copied(one) for key, one in value.items()}
    return [copied(one) for one in value] if isinstance(value, list) else value


def merged(below: Table, above: Table) -> Table:
    """A new table; what stands in `above` wins, nulls included."""
    made = dict(below)
    for key, value in above.items():
        current = made.get(key)
        made[key] = merged(current, value) if isinstance(value, dict) and isinstance(current, dict) else value
    return made


def coalesced(chart: Chart, values: Table | None, keep_nulls: bool = False) -> Table:
    """The values a chart and its subcharts get, those given laid over their own. Raises HelmError.

    `keep_nulls`: leave nulls for another coalescing to come.
    """
    target: Table = copied(values or {})
    return _coalesce(chart, target, keep_nulls)


def _coalesce(chart: Chart, target: Table, keep_nulls: bool) -> Table:
    _coalesce_own(chart, target, keep_nulls)
    for sub in chart.dependencies:
        name = sub.name
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            raise HelmError(f"type mismatch on {name}: {_as_bool_verb(inner)}")
        _coalesce_globals(inner, target)
        target[name] = _coalesce(sub, inner, keep_nulls)
    return target


def _as_bool_verb(value: Any) -> str:
    """Go's `%t` of a value that may be no bool, which Helm uses here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "%!t(<nil>)"
    shown = f"{value:g}" if isinstance(value, float) else value
    return f"%!t({type_name(value)}={shown})"


def _coalesce_own(chart: Chart, target: Table, keep_nulls: bool) -> None:
    children = {one.name for one in chart.dependencies}
    for key, own in copied(chart.values).items():
        if key not in target:
            if not keep_nulls:
                if own is None:
                    continue
                if isinstance(own, dict):
                    _drop_nulls(own)
            target[key] = own
            continue
        given = target[key]
        if given is None and not keep_nulls:
            del target[key]
        elif isinstance(given, dict) and isinstance(own, dict):
            keep = keep_nulls or key in children
            if not keep:
                _drop_nulls(own)
            coalesce_tables(given, own, keep)


def _drop_nulls(table: Table) -> None:
    for key, value in list(table.items()):
        if value is None:
            del table[key]
        elif isinstance(value, dict):
            _drop_nulls(value)


def coalesce_tables(target: Table, source: Table, keep_nulls: bool) -> Table:
    """`target` with what it lacks from `source`; both are changed."""
    set_before = {key for key, value in source.items() if value is not None}
    for key, value in target.items():
        if value is None:
            source[key] = None
    for key, value in source.items():
        present = key in target
        current = target.get(key)
        if present and not keep_nulls and current is None and key in set_before:
            del target[key]
        elif not present:
            target[key] = value
        elif isinstance(value, dict) and isinstance(current, dict):
            coalesce_tables(current, value, keep_nulls)
    return target


def _coalesce_globals(target: Table, source: Table) -> None:
    """Lays the globals of a chart under those of its subchart."""
    inner = target.get(GLOBAL, {})
    outer = source.get(GLOBAL, {})
    if not isinstance(inner, dict) or not isinstance(outer, dict):
        return
    for key, value in outer.items():
        current = inner.get(key)
        if isinstance(value, dict):
            mine = dict(value)
            if key not in inner:
                inner[key] = mine
            elif isinstance(current, dict):
                inner[key] = coalesce_tables(mine, current, True)
        elif not isinstance(current, dict):
            inner[key] = value
    target[GLOBAL] = inner


def table_at(values: Table, path: str) -> Table | None:
    """The table at a path with dots, None when there is none."""
    found: Any = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def value_at(values: Table, path: str) -> Iterator[Any]:
    """The value at a path with dots that is no table, if there is one."""
    head, _, last = path.rpartition(".")
    table = table_at(values, head) if head else values
    if table is not None and last in table and not isinstance(table[last], dict):
        yield table[last]
