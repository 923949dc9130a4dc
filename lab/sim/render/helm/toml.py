"""TOML, as Helm's `toToml` and `fromToml` write and read it.

Source of the form: github.com/BurntSushi/toml `encode.go`.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime, time
from typing import Any

from lab.sim.templates.builtins import GoError
from lab.sim.templates.values import Int64, float_text, type_name

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {
    "\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\",
}  # fmt: skip


def dumps(value: Any) -> str:
    """The text of a value. Raises GoError for what TOML cannot hold."""
    if not isinstance(value, dict):
        return _inline(value)
    lines: list[str] = []
    _table(value, [], lines)
    return "".join(line + "\n" for line in lines)


def dumps_or_error(value: Any) -> str:
    """The text of a map, or of the error."""
    try:
        return dumps(value)
    except GoError as error:
        return str(error)


def loads(text: str) -> dict[str, Any]:
    """A map; a text that is no TOML gives one with the reason under `Error`."""
    try:
        return {key: _plain(value) for key, value in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return {"Error": f"toml: {error}"}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return Int64(value)
    return value.isoformat() if isinstance(value, (datetime, date, time)) else value


def _table(table: dict[str, Any], path: list[str], lines: list[str]) -> None:
    direct = {key: value for key, value in table.items() if value is not None and not _is_table(value)}
    for key in sorted(direct):
        lines.append(f"{'  ' * len(path)}{_key(key)} = {_inline(direct[key])}")
    for key in sorted(table):
        value = table[key]
        if not _is_table(value) or value is None:
            continue
        inner = [*path, key]
        name = ".".join(map(_key, inner))
        margin = "  " * len(path)
        if isinstance(value, dict):
            if len(inner) == 1 and lines:
                lines.append("")
            lines.append(f"{margin}[{name}]")
            _table(value, inner, lines)
            continue
        for one in value:
            if lines:
                lines.append("")
            lines.append(f"{margin}[[{name}]]")
            _table(one, inner, lines)


def _is_table(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, dict) for one in value)
    return isinstance(value, dict)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    out = []
    for sign in text:
        if sign in _ESCAPES:
            out.append(_ESCAPES[sign])
        elif ord(sign) < 0x20 or ord(sign) == 0x7F:
            out.append(f"\\u{ord(sign):04x}")
        else:
            out.append(sign)
    return '"' + "".join(out) + '"'


def _inline(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        text = float_text(value)
        return text if any(sign in text for sign in ".enN") else text + ".0"
    if isinstance(value, (list, tuple)):
        if any(one is None for one in value):
            raise GoError("toml: cannot encode array with nil element")
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_inline(value[key])}" for key in sorted(value)) + "}"
    raise GoError(f"unsupported type: {type_name(value)}")
