"""Semantic versions and ranges of them, as charts write them: `>=1.19-0`, `~1.2`, `1.x || ^3.1.0`, `1.2 - 1.4`.

Source of the rules: github.com/Masterminds/semver v3.5 `version.go` and `constraints.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from .builtins import GoError
from .values import quoted

_TAIL = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_VERSION = re.compile(r"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?" + _TAIL)
_PLACE = r"v?[0-9xX*]+(?:\.[0-9xX*]+)?(?:\.[0-9xX*]+)?(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
_OPERATOR = r"(?:!=|>=|=>|<=|=<|~>|=|>|<|~|\^|)"
_ONE = re.compile(rf"\s*({_OPERATOR})\s*v?([0-9xX*]+)(?:\.([0-9xX*]+))?(?:\.([0-9xX*]+))?{_TAIL}\s*")
_FIND = re.compile(rf"{_OPERATOR}\s*{_PLACE}")
_VALID = re.compile(rf"\s*{_OPERATOR}\s*{_PLACE}\s*(?:(?:\s+|,\s*){_OPERATOR}\s*{_PLACE}\s*)*")
_RANGE = re.compile(rf"\s*({_PLACE})\s+-\s+({_PLACE})\s*")
_MOST_GROUPS = 32
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Version:
    """A version; what was left out of it is zero."""

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""
    original: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Raises GoError for what is no version."""
        match = _VERSION.fullmatch(text) if len(text) < _LONGEST else None
        if match is None:
            raise GoError("invalid semantic version")
        major, minor, patch, prerelease, build = match.groups()
        return cls(int(major), int(minor or 0), int(patch or 0), prerelease or "", build or "", text)

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        return text + (f"-{self.prerelease}" if self.prerelease else "") + (f"+{self.build}" if self.build else "")

    def compare(self, other: Version) -> int:
        """-1, 0 or 1 by precedence, which leaves the build out."""
        mine, theirs = (self.major, self.minor, self.patch), (other.major, other.minor, other.patch)
        if mine != theirs:
            return -1 if mine < theirs else 1
        return _compare_prerelease(self.prerelease, other.prerelease)


def _compare_prerelease(one: str, other: str) -> int:
    if one == other:
        return 0
    if not one or not other:
        return 1 if not one else -1
    first, second = [_rank(part) for part in one.split(".")], [_rank(part) for part in other.split(".")]
    return -1 if first < second else 1 if first > second else 0


def _rank(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdigit() else (1, 0, part)


@dataclass(frozen=True, slots=True)
class _Rule:
    check: Callable[[Version, _Rule], bool]
    limit: Version
    any_minor: bool
    any_patch: bool
    partial: bool


def matches(constraint: str, version: Version) -> bool:
    """Whether a version lies in a range. Raises GoError for what is no range."""
    return any(
        (not version.prerelease or any(rule.limit.prerelease for rule in rules))
        and all(rule.check(version, rule) for rule in rules)
        for rules in _parsed(constraint)
    )


def in_range(constraint: str, version: str) -> bool:
    """As `matches`, False when either text is malformed."""
    try:
        return matches(constraint, Version.parse(version))
    except GoError:
        return False


@lru_cache(maxsize=512)
def _parsed(constraint: str) -> list[list[_Rule]]:
    if len(constraint) > _LONGEST:
        raise GoError(f"constraint string is too long (max {_LONGEST} bytes)")
    groups = _RANGE.sub(r">= \1, <= \2 ", constraint).split("||")
    if len(groups) > _MOST_GROUPS:
        raise GoError(f"too many constraint groups (max {_MOST_GROUPS})")
    made = []
    for group in groups:
        if not _VALID.fullmatch(group):
            raise GoError(f"improper constraint: {quoted(group)}")
        made.append([_rule(one) for one in _FIND.findall(group)])
    return made


def _rule(text: str) -> _Rule:
    match = _ONE.fullmatch(text)
    if match is None:
        raise GoError(f"improper constraint: {quoted(text)}")
    operator, major, minor, patch, prerelease, _ = match.groups()
    check = _CHECKS[operator]
    try:
        if _is_any(major):
            return _Rule(check, Version(0, 0, 0, prerelease or ""), False, False, True)
        if _is_any(minor):
            return _Rule(check, Version(int(major), 0, 0, prerelease or ""), True, False, True)
        if _is_any(patch):
            return _Rule(check, Version(int(major), int(minor), 0, prerelease or ""), False, True, True)
        return _Rule(check, Version(int(major), int(minor), int(patch), prerelease or ""), False, False, False)
    except ValueError:
        raise GoError("constraint parser error") from None


def _is_any(part: str | None) -> bool:
    return part is None or part in ("x", "X", "*")


def _not_equal(version: Version, rule: _Rule) -> bool:
    limit = rule.limit
    if rule.partial:
        if limit.major != version.major:
            return True
        if rule.any_minor:
            return False
        if limit.minor != version.minor:
            return True
        if rule.any_patch:
            return (
                bool(version.prerelease or limit.prerelease)
                and _compare_prerelease(version.prerelease, limit.prerelease) != 0
            )
    return version.compare(limit) != 0


def _greater(version: Version, rule: _Rule) -> bool:
    limit = rule.limit
    if rule.partial and version.major == limit.major and (rule.any_minor or rule.any_patch):
        return not rule.any_minor and version.minor > limit.minor
    if rule.partial and version.major != limit.major:
        return version.major > limit.major
    return version.compare(limit) > 0


def _at_most(version: Version, rule: _Rule) -> bool:
    limit = rule.limit
    if not rule.partial:
        return version.compare(limit) <= 0
    if version.major > limit.major:
        return False
    return not (version.major == limit.major and version.minor > limit.minor and not rule.any_minor)


def _tilde(version: Version, rule: _Rule) -> bool:
    limit = rule.limit
    if version.compare(limit) < 0:
        return False
    if not (limit.major or limit.minor or limit.patch or rule.any_minor or rule.any_patch):
        return True
    return version.major == limit.major and (rule.any_minor or version.minor == limit.minor)


def _caret(version: Version, rule: _Rule) -> bool:
    limit = rule.limit
    if version.compare(limit) < 0 or version.major != limit.major:
        return False
    if limit.major > 0 or rule.any_minor:
        return True
    if limit.minor > 0 or rule.any_patch:
        return version.minor == limit.minor
    return version.minor == 0 and version.patch == limit.patch


def _equal(version: Version, rule: _Rule) -> bool:
    return _tilde(version, rule) if rule.partial else version.compare(rule.limit) == 0


def _at_least(version: Version, rule: _Rule) -> bool:
    return version.compare(rule.limit) >= 0


def _below(version: Version, rule: _Rule) -> bool:
    return version.compare(rule.limit) < 0


_CHECKS: dict[str, Callable[[Version, _Rule], bool]] = {
    "": _equal, "=": _equal, "!=": _not_equal, ">": _greater, "<": _below, ">=": _at_least, "=>": _at_least,
    "<=": _at_most, "=<": _at_most, "~": _tilde, "~>": _tilde, "^": _caret,
}  # fmt: skip
