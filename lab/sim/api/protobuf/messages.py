"""Which fields a protobuf message has: the table in `messages.txt`, read when a message is first met.

A line of the table is `MESSAGE=FIELD,FIELD…` under `[PACKAGE APIVERSION]`, a field `NUMBER JSONNAME TYPE`. Of a type,
`*` in front means repeated, `%` a map from strings, `+` a message whose fields stand in the JSON object around it, and
`?` a value that JSON leaves out when it is empty. `@` after the equals sign marks a message that is a list in JSON.
Source: Kubernetes' `generated.proto` files and the tags of the Go types; numbers are only ever added.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ONE, MANY, MAP, INLINE = "one", "many", "map", "inline"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    """As in JSON."""
    kind: str
    """A letter for a scalar, else a message's name.

    string, bytes, raw JSON, bool (`t`), int32, int64 (`l`), uint32, uint64 (`U`), double.
    """
    mode: str
    """`one`, `many`, `map` or `inline`."""
    omit_empty: bool
    """JSON leaves the field out when it is empty."""
    scalar: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One message, `PACKAGE.NAME`."""

    name: str
    fields: dict[int, Field]
    is_list: bool
    """JSON shows the one field, `items`, in its place."""


_MODES = {"*": MANY, "%": MAP, "+": INLINE}
_OPTIONS = "meta"
"""The package of kinds that every group version has: DeleteOptions, Status …"""


def _index() -> tuple[dict[str, str], dict[str, str]]:
    lines: dict[str, str] = {}
    packages = {"v1/Status": _OPTIONS}
    package = ""
    for line in Path(__file__).with_name("messages.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            package, api_version = line[1:-1].split(" ")
            packages[api_version] = package
        elif not line.startswith("#"):
            name, _, fields = line.partition("=")
            lines[f"{package}.{name}"] = fields
    return lines, packages


_LINES, _PACKAGES = _index()
_read: dict[str, Message] = {}


def message(name: str) -> Message:
    """The message `PACKAGE.NAME`, which must be in the table."""
    found = _read.get(name)
    if found is None:
        found = _read[name] = _message(name, _LINES[name])
    return found


def of_kind(api_version: str, kind: str) -> Message | None:
    """The message of an object with this `apiVersion` and `kind`; None when there is none."""
    package = _PACKAGES.get(api_version)
    if package is None:
        return None
    for name in (f"{package}.{kind}", f"{_OPTIONS}.{kind}"):
        if name in _LINES:
            return message(name)
    return None


def _message(name: str, line: str) -> Message:
    is_list = line.startswith("@")
    fields: dict[int, Field] = {}
    for text in filter(None, line.lstrip("@").split(",")):
        number, json_name, kind = text.split(" ")
        mode = _MODES.get(kind[0], ONE)
        omit_empty = kind[0] == "?"
        plain = kind[1:] if mode != ONE or omit_empty else kind
        fields[int(number)] = Field(json_name, plain, mode, omit_empty, len(plain) == 1)
    return Message(name, fields, is_list)
