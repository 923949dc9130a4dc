"""`.helmignore`: which files of a folder are no part of a chart. Source: Helm `pkg/ignore/rules.go`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.sim.git.patterns import BadPattern, path_match

from .errors import HelmError


@dataclass(frozen=True, slots=True)
class _Rule:
    matches: Callable[[str], bool]
    negated: bool
    folders_only: bool


class Rules:
    """The rules of one file, with Helm's own one against hidden templates."""

    def __init__(self, text: str = "") -> None:
        """Raises HelmError for a rule that Helm refuses."""
        self._rules = [_parse(line.strip()) for line in text.removeprefix("\ufeff").splitlines() if _counts(line)]
        self._rules.append(_parse("templates/.?*"))

    def ignores(self, path: str, is_folder: bool) -> bool:
        """Whether a path, relative to the chart, is left out."""
        for rule in self._rules:
            if rule.negated:
                if (rule.folders_only and not is_folder) or not rule.matches(path):
                    return True
            elif (is_folder or not rule.folders_only) and rule.matches(path):
                return True
        return False


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("#")


def _parse(rule: str) -> _Rule:
    if "**" in rule:
        raise HelmError("double-star (**) syntax is not supported")
    negated = rule.startswith("!")
    rule = rule.removeprefix("!")
    folders_only = rule.endswith("/")
    rule = rule.removesuffix("/")
    whole = "/" in rule
    pattern = rule.removeprefix("/")
    try:
        path_match(pattern, "abc")
    except BadPattern as error:
        raise HelmError(str(error)) from None
    if whole:
        return _Rule(lambda path: path_match(pattern, path), negated, folders_only)
    return _Rule(lambda path: path_match(pattern, path.rpartition("/")[2]), negated, folders_only)
