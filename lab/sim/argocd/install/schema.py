"""From a table of types to the schemas of CustomResourceDefinitions.

Notation: `TYPE = field field …`, continued on indented lines. A field is `NAME`, followed by `!` when it is required
and by `:KIND` when it is not a string. `[]KIND` is a list, `[=]KIND` a list that is owned as a whole, `{}KIND` a map,
and any other kind a scalar of `SCALARS` or a type. `TYPE (atomic)` is owned as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.sim.objects import Object

SCALARS: Mapping[str, Object] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int": {"format": "int64", "type": "integer"},
    "intOrString": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
    "time": {"format": "date-time", "type": "string"},
    "object": {"type": "object"},
    "json": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "any": {"x-kubernetes-preserve-unknown-fields": True},
    "applicationsSync": {"enum": ["create-only", "create-update", "create-delete", "sync"], "type": "string"},
    "hydratePhase": {"enum": ["Hydrating", "Failed", "Hydrated"], "type": "string"},
    "shortText": {"maxLength": 255, "type": "string"},
    "syncPath": {"minLength": 1, "pattern": "^.{2,}|[^./]$", "type": "string"},
}
_ATOMIC = "(atomic)"


class Types:
    """Types that are expanded where they are used; equal parts of a schema are one object, so never change them."""

    def __init__(self, *tables: str) -> None:
        self._fields: dict[str, list[str]] = {}
        self._atomic: set[str] = set()
        self._made: dict[str, Object] = {}
        for table in tables:
            for entry in _entries(table):
                head, _, rest = entry.partition(" = ")
                name, _, mark = head.partition(" ")
                self._fields[name] = rest.split()
                if mark == _ATOMIC:
                    self._atomic.add(name)

    def schema(self, kind: str) -> Object:
        """The schema of a kind of the notation. Raises KeyError for one that is not there."""
        found = SCALARS.get(kind) or self._made.get(kind)
        if found is None:
            found = self._made[kind] = self._expanded(kind)
        return found

    def _expanded(self, kind: str) -> Object:
        if kind.startswith("[]"):
            return {"items": self.schema(kind[2:]), "type": "array"}
        if kind.startswith("[=]"):
            return {"items": self.schema(kind[3:]), "type": "array", "x-kubernetes-list-type": "atomic"}
        if kind.startswith("{}"):
            return {"additionalProperties": self.schema(kind[2:]), "type": "object"}
        properties: Object = {}
        required = []
        for field in self._fields[kind]:
            head, _, within = field.partition(":")
            name = head.removesuffix("!")
            properties[name] = self.schema(within or "string")
            if head != name:
                required.append(name)
        made: Object = {"properties": properties}
        if required:
            made["required"] = required
        made["type"] = "object"
        if kind in self._atomic:
            made["x-kubernetes-map-type"] = "atomic"
        return made


def _entries(table: str) -> Iterable[str]:
    """The entries of a table, each on one line."""
    entry = ""
    for line in table.splitlines():
        if line.startswith(" "):
            entry += f" {line.strip()}"
            continue
        if entry:
            yield entry
        entry = line
    if entry:
        yield entry
