"""The one JSON object of `--output json`."""

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.plaintext import clean

VERSION = 1
"""Of the envelope's keys; grows when one is renamed or removed."""


def error_item(error: LabError, log: str = "") -> dict[str, Any]:
    """One entry of `errors`. For a file that is not as it must be, `problems` says each with file, line and column."""
    item = {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}
    texts: dict[str, Any] = {n: clean(text) for n, text in {**item, "details": error.details, "log": log}.items()}
    problems = getattr(error, "problems", ())
    return {**texts, "problems": [asdict(problem) for problem in problems]} if problems else texts


def plain(value: object) -> Any:
    """Results as JSON's own types."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def envelope(
    command: str, exit_code: int, data: object = None, errors: list[dict[str, Any]] | None = None, status: str = ""
) -> str:
    """One line of JSON: version, command, status, exit_code, data, errors."""
    word = status if status in ("success", "partial") else "error" if status or exit_code else "success"
    whole = {
        "version": VERSION,
        "command": command,
        "status": word,
        "exit_code": exit_code,
        "data": plain(data),
        "errors": errors or [],
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
