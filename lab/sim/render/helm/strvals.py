"""The language of `--set`: `a.b=1,c[0]=x,d={1,2}`. Source of rules and wording: Helm `pkg/strvals/parser.go`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.sim.templates.values import Int64, quoted, type_name

from .errors import HelmError

MAX_INDEX = 65536
MAX_DEPTH = 30
Reader = Callable[[str], Any]


class _End(Exception):
    """The text ends here; what was read up to it is in the argument."""


def typed(text: str) -> Any:
    """A value of `--set`: a boolean, null, an integer without leading zeros, or a text."""
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered == "null":
        return None
    if text == "0":
        return Int64(0)
    digits = text[1:] if text[:1] in ("-", "+") else text
    if digits.isascii() and digits.isdigit() and text[0] != "0" and len(digits) < 20 and -(2**63) <= int(text) < 2**63:
        return Int64(int(text))
    return text


def parse_into(text: str, target: dict[str, Any], read: Reader = typed) -> None:
    """Set what `text` says in `target`; `read` makes a value of its text. Raises HelmError."""
    parser = _Parser(text, read)
    try:
        while True:
            parser.key(target, 0)
    except _End:
        return


class _Parser:
    def __init__(self, text: str, read: Reader) -> None:
        self.text = text
        self.pos = 0
        self.read = read

    def until(self, stop: str) -> tuple[str, str]:
        """Text up to one of the signs in `stop`, and that sign. Raises _End."""
        out: list[str] = []
        while self.pos < len(self.text):
            sign = self.text[self.pos]
            self.pos += 1
            if sign in stop:
                return "".join(out), sign
            if sign == "\\":
                if self.pos >= len(self.text):
                    break
                sign = self.text[self.pos]
                self.pos += 1
            out.append(sign)
        raise _End("".join(out))

    def key(self, data: dict[str, Any], depth: int) -> None:
        try:
            name, last = self.until("=[,.")
        except _End as end:
            if not end.args[0]:
                raise
            raise HelmError(f"key {quoted(end.args[0])} has no value") from None
        if last == "[":
            self.index_key(data, name, depth)
        elif last == "=":
            self.assign(lambda value: _set(data, name, value))
        elif last == ",":
            _set(data, name, "")
            raise HelmError(f"key {quoted(name)} has no value (cannot end with ,)")
        else:
            self.inner_key(data, name, depth + 1)

    def inner_key(self, data: dict[str, Any], name: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise HelmError(f"value name nested level is greater than maximum supported nested level of {MAX_DEPTH}")
        inner = data.get(name, {})
        if not isinstance(inner, dict):
            raise _not_a("map[string]interface {}", inner)
        try:
            self.key(inner, depth)
        except _End:
            if inner:
                _set(data, name, inner)
            raise
        if not inner:
            raise HelmError(f"key map {quoted(name)} has no value")
        _set(data, name, inner)

    def index_key(self, data: dict[str, Any], name: str, depth: int) -> None:
        place = self.index()
        found = data.get(name, [])
        if not isinstance(found, list):
            raise _not_a("[]interface {}", found)
        holder = {"list": found}
        try:
            self.item(holder, place, depth)
        finally:
            _set(data, name, holder["list"])

    def index(self) -> int:
        try:
            text, _ = self.until("]")
        except _End:
            raise HelmError("error parsing index: EOF") from None
        try:
            return int(text)
        except ValueError:
            raise HelmError(f"error parsing index: strconv.Atoi: parsing {quoted(text)}: invalid syntax") from None

    def item(self, holder: dict[str, list[Any]], place: int, depth: int) -> None:
        """Set an item of `holder["list"]`, which may become another list."""
        if place < 0:
            raise HelmError(f"negative {place} index not allowed")
        try:
            text, last = self.until("[.=")
        except _End as end:
            if end.args[0]:
                raise HelmError(f"unexpected data at end of array index: {quoted(end.args[0])}") from None
            raise
        if text:
            raise HelmError(f"unexpected data at end of array index: {quoted(text)}")
        if last == "=":
            self.assign(lambda value: _set_item(holder, place, value))
            return
        there = holder["list"][place] if place < len(holder["list"]) else None
        if last == "[":
            following = self.index()
            if there is not None and not isinstance(there, list):
                raise _not_a("[]interface {}", there)
            inner = {"list": there or []}
            self.item(inner, following, depth)
            _set_item(holder, place, inner["list"])
            return
        table = there if isinstance(there, dict) else {}
        if place < len(holder["list"]):
            holder["list"][place] = table
        try:
            self.key(table, depth)
        finally:
            if table:
                _set_item(holder, place, table)

    def assign(self, put: Callable[[Any], None]) -> None:
        """Read what follows `=`. Raises _End when nothing does."""
        if self.pos >= len(self.text):
            put("")
            raise _End("")
        if self.text[self.pos] == "{":
            self.pos += 1
            put(self.listed())
            return
        try:
            text, _ = self.until(",")
        except _End as end:
            text = end.args[0]
        put(self.read(text))

    def listed(self) -> list[Any]:
        items = []
        while True:
            try:
                text, last = self.until(",}")
            except _End:
                raise HelmError("list must terminate with '}'") from None
            items.append(self.read(text))
            if last == "}":
                if self.text[self.pos : self.pos + 1] == ",":
                    self.pos += 1
                return items


def _set(data: dict[str, Any], name: str, value: Any) -> None:
    if name:
        data[name] = value


def _set_item(holder: dict[str, list[Any]], place: int, value: Any) -> None:
    if place > MAX_INDEX:
        raise HelmError(f"index of {place} is greater than maximum supported index of {MAX_INDEX}")
    items = holder["list"]
    if len(items) <= place:
        items = holder["list"] = items + [None] * (place + 1 - len(items))
    items[place] = value


def _not_a(wanted: str, found: Any) -> HelmError:
    return HelmError(f"unable to parse key: interface conversion: interface {{}} is {_go(found)}, not {wanted}")


def _go(found: Any) -> str:
    return "nil" if found is None else type_name(found)
