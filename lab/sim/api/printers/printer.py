"""What a kind's printer is: its columns, and the cells of an object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.sim.api.printers.age import since
from lab.sim.api.resources import Object

Cells = list[Any]
"""One value a column: strings, numbers, booleans and null."""

NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"
WIDE = 1
"""Priority of columns that `kubectl get` shows with `-o wide` only."""


@dataclass(frozen=True, slots=True)
class Printer:
    """How one kind is printed."""

    columns: list[Object]
    """`columnDefinitions`."""
    cells: Callable[[Object, float], Cells]
    """Of an object and the present in seconds since 1970, all columns, wide ones too."""
    conditions: Callable[[Object], list[Object]] | None = None
    """`conditions` of the row; None for a kind that has none."""


def column(name: str, description: str, kind: str = "string", *, form: str = "", priority: int = 0) -> Object:
    """A `TableColumnDefinition`; `kind` is an OpenAPI type."""
    return {"name": name, "type": kind, "format": form, "description": description, "priority": priority}


NAME = column("Name", "Name of the object, unique in its namespace.", form="name")
AGE = column("Age", "Time since the object was created.")
CREATED = column("Created At", "Time at which the object was created.", "date")
CONTAINERS = column("Containers", "Names of the containers in the template.", priority=WIDE)
IMAGES = column("Images", "Images of the containers in the template.", priority=WIDE)
SELECTOR = column("Selector", "Labels of the pods that belong to it.", priority=WIDE)


def name(obj: Object) -> str:
    """`metadata.name`."""
    return str(obj["metadata"].get("name", ""))


def age(obj: Object, now: float) -> str:
    """Time since the creation."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def part(obj: Object, field: str) -> Object:
    """The object in a field, `{}` when there is none."""
    found = obj.get(field)
    return found if isinstance(found, dict) else {}


def containers(template: Object) -> list[str]:
    """Cells `Containers` and `Images` of a pod template."""
    listed = part(template, "spec").get("containers") or ()
    return [
        ",".join(one.get("name", "") for one in listed),
        ",".join(one.get("image", "") for one in listed),
    ]


def shortened(texts: list[str], limit: int, separator: str = ",", total: int = -1) -> str:
    """The first `limit` texts, and how many of `total` (-1: of the texts) are left out."""
    total = len(texts) if total < 0 else total
    shown = separator.join(texts[:limit])
    return f"{shown} + {total - limit} more..." if total > limit else shown


def created_at(obj: Object, _now: float) -> Cells:
    """Cells of a kind that has no printer of its own. Source: apiserver `pkg/registry/rest/table.go`."""
    return [name(obj), obj["metadata"].get("creationTimestamp")]


def aged(*fields: Callable[[Object], Any]) -> Callable[[Object, float], Cells]:
    """Cells of the common form: the name, then what each of `fields` gives, then the age."""

    def cells(obj: Object, now: float) -> Cells:
        return [name(obj), *(field(obj) for field in fields), age(obj, now)]

    return cells
