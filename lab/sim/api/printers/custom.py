"""Custom resources: the columns their definition gives.

Source: apiextensions `pkg/registry/customresource/tableconvertor/tableconvertor.go`.
"""

from __future__ import annotations

import math
from typing import Any

from lab.sim.api.jsonpath import JSONPath, compiled, text_of
from lab.sim.api.printers.age import since
from lab.sim.api.printers.printer import AGE, NAME, Cells, Printer, column, name
from lab.sim.api.resources import Custom, Object

_DEFAULT: tuple[Object, ...] = (
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp", "description": AGE["description"]},
)


def printer(custom: Custom) -> Printer:
    """The printer of a custom resource. A path that does not parse leaves the name alone, as on a real server."""
    given = custom.columns or _DEFAULT
    paths: list[tuple[str, JSONPath]] = []
    columns = [NAME]
    for one in given:
        try:
            paths.append((one["type"], compiled(one["jsonPath"])))
        except ValueError:
            break
        description = (
            one.get("description") or f"Custom resource definition column (in JSONPath format): {one['jsonPath']}"
        )
        columns.append(
            column(one["name"], description, one["type"], form=one.get("format", ""), priority=one.get("priority", 0))
        )

    def cells(obj: Object, now: float) -> Cells:
        return [name(obj), *(_cell(kind, path, obj, now) for kind, path in paths)]

    return Printer(columns, cells)


def _cell(kind: str, path: JSONPath, obj: Object, now: float) -> Any:
    """The first thing found, if it has the column's type, else None."""
    try:
        found = path.find(obj)
    except ValueError:
        return None
    if not found:
        return None
    value = found[0]
    if kind == "string":
        return text_of(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "integer":
        return int(value) if number and math.isfinite(value) else None
    if kind == "number":
        return value if number else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "date" and isinstance(value, str):
        return since("" if value == "null" else value, now)
    return None
