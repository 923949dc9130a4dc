"""Version constraints as Argo CD reads them in a target revision: `1.*`, `>=1.2 <2`, `v1.x`, `~1.2 || ^3`.

The rules are those of github.com/Masterminds/semver v3 (`version.go`, `constraints.go`) and of Argo CD's
`util/versions/tags.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

CONSTRAINT_LIMIT, GROUPS_LIMIT, VERSION_LIMIT = 512, 32, 256
_LARGEST = (1 << 64) - 1

_TAIL = r"(?:-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?"
_VERSION = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?{_TAIL}")
_LOOSE = rf"v?([0-9|x|X|*]+)(?:\.([0-9|x|X|*]+))?(?:\.([0-9|x|X|*]+))?{_TAIL}"
_PLAIN = re.sub(r"\((?!\?)", "(?:", _LOOSE)
_ONE = re.compile(rf"(!=|>=|=>|<=|=<|~>|=|>|<|~|\^|)\s*{_LOOSE}")
_BETWEEN = re.compile(r"\s*,\s*|\s+")
_RANGE = re.compile(rf"\s*({_PLAIN})\s+-\s+({_PLAIN})\s*")


class InvalidVersion(ValueError):
    """The text is no version, or no constraint."""


@dataclass(frozen=True)
class Version:
    """A semantic version; parts that were left out are 0."""

    major: int
    minor: int
    patch: int
    pre: str
    original: str

    @classmethod
    def parse(cls, text: str) -> Version:
        """Raises InvalidVersion."""
        found = _VERSION.fullmatch(text) if len(text) <= VERSION_LIMIT else None
        if not found:
            raise InvalidVersion("invalid semantic version")
        numbers = [int(part or 0) for part in found.groups()[:3]]
        pre = found[4] or ""
        if max(numbers) > _LARGEST or any(len(one) > 1 and one.isdigit() and one[0] == "0" for one in pre.split(".")):
            raise InvalidVersion("invalid semantic version")
        major, minor, patch = numbers
        return cls(major, minor, patch, pre, text)

    @cached_property
    def key(self) -> tuple[int, int, int, tuple[int, tuple[tuple[int, int, str], ...]]]:
        """For ordering: a release is above its pre-releases, numbers are below words."""
        parts = tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in self.pre.split("."))
        return self.major, self.minor, self.patch, (0, parts) if self.pre else (1, ())


@dataclass(frozen=True)
class _Condition:
    op: str
    version: Version
    dirty: bool
    """A part was left out or is `x`: of the patch, of the minor, or of the major version."""
    minor_dirty: bool
    patch_dirty: bool

    def check(self, version: Version, with_pre: bool) -> bool:
        if version.pre and not with_pre:
            return False
        return _CHECKS[self.op](self, version)


class Constraint:
    """Alternatives of conditions that hold together."""

    def __init__(self, text: str) -> None:
        """Raises InvalidVersion."""
        if len(text) > CONSTRAINT_LIMIT:
            raise InvalidVersion(f"constraint string is too long (max {CONSTRAINT_LIMIT} bytes)")
        text = _RANGE.sub(r">= \1, <= \2 ", text)
        groups = text.split("||")
        if len(groups) > GROUPS_LIMIT:
            raise InvalidVersion(f"too many constraint groups (max {GROUPS_LIMIT})")
        self._groups = [_group(group) for group in groups]

    def check(self, version: Version) -> bool:
        """Whether the version satisfies the constraint; pre-releases only where the constraint names one."""
        return any(
            all(one.check(version, any(other.version.pre for other in group)) for one in group)
            for group in self._groups
        )


def is_constraint(text: str) -> bool:
    """Whether the text is a constraint and not one exact version."""
    try:
        Version.parse(text)
    except InvalidVersion:
        try:
            Constraint(text)
        except InvalidVersion:
            return False
        return True
    return False


def highest(revision: str, tags: Iterable[str], prefix: str = "") -> str:
    """Argo CD's `MaxVersion`: the revision itself when it is one version, else the highest tag that satisfies it.

    :param prefix: only tags with it count; it is cut off before they are compared
    :raises InvalidVersion: it is no constraint and no tag, or no tag satisfies it
    """
    listed = [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]
    try:
        return prefix + Version.parse(revision).original
    except InvalidVersion:
        pass
    try:
        constraint = Constraint(revision)
    except InvalidVersion as error:
        if prefix:
            needed = f'tagPrefix "{prefix}" requires targetRevision to be a semver constraint'
            raise InvalidVersion(f'{needed}, but "{revision}" is not a valid constraint') from None
        if revision in listed:
            return revision
        raise InvalidVersion(f"failed to determine semver constraint: {error}") from error
    best: Version | None = None
    for tag in listed:
        try:
            version = Version.parse(tag)
        except InvalidVersion:
            continue
        if constraint.check(version) and (best is None or version.key > best.key):
            best = version
    if best is None:
        raise InvalidVersion(f"version matching constraint not found in {len(listed)} tags")
    return prefix + best.original


def _group(text: str) -> list[_Condition]:
    """Conditions with spaces or a comma between them."""
    found: list[_Condition] = []
    rest, at = text.strip(), 0
    while True:
        one = _ONE.match(rest, at)
        if not one:
            raise InvalidVersion(f'improper constraint: "{text}"')
        found.append(_condition(*one.groups()[:5]))
        at = one.end()
        if at == len(rest):
            return found
        between = _BETWEEN.match(rest, at)
        if not between:
            raise InvalidVersion(f'improper constraint: "{text}"')
        at = between.end()


def _condition(op: str, major: str, minor: str | None, patch: str | None, pre: str | None) -> _Condition:
    tail = f"-{pre}" if pre else ""
    dirty = minor_dirty = patch_dirty = False
    if major in ("x", "X", "*"):
        text, dirty = f"0.0.0{tail}", True
    elif minor in (None, "x", "X", "*"):
        text, dirty, minor_dirty = f"{major}.0.0{tail}", True, True
    elif patch in (None, "x", "X", "*"):
        text, dirty, patch_dirty = f"{major}.{minor}.0{tail}", True, True
    else:
        text = f"{major}.{minor}.{patch}{tail}"
    try:
        version = Version.parse(text)
    except InvalidVersion:
        raise InvalidVersion("constraint parser error") from None
    return _Condition(op, version, dirty, minor_dirty, patch_dirty)


def _not_equal(c: _Condition, v: Version) -> bool:
    if c.dirty:
        if c.version.major != v.major:
            return True
        if c.version.minor != v.minor and not c.minor_dirty:
            return True
        if c.minor_dirty:
            return False
        if c.version.patch != v.patch and not c.patch_dirty:
            return True
        if c.patch_dirty:
            return bool(v.pre or c.version.pre) and v.key[3] != c.version.key[3]
    return v.key != c.version.key


def _greater(c: _Condition, v: Version) -> bool:
    if not c.dirty:
        return v.key > c.version.key
    if v.major != c.version.major:
        return v.major > c.version.major
    if c.minor_dirty:
        return False
    if c.patch_dirty:
        return v.minor > c.version.minor
    return v.key > c.version.key


def _less_or_equal(c: _Condition, v: Version) -> bool:
    if not c.dirty:
        return v.key <= c.version.key
    if v.major > c.version.major:
        return False
    return not (v.major == c.version.major and v.minor > c.version.minor and not c.minor_dirty)


def _tilde(c: _Condition, v: Version) -> bool:
    if v.key < c.version.key:
        return False
    base = c.version
    if (base.major, base.minor, base.patch) == (0, 0, 0) and not c.minor_dirty and not c.patch_dirty:
        return True
    return v.major == base.major and (v.minor == base.minor or c.minor_dirty)


def _equal(c: _Condition, v: Version) -> bool:
    return _tilde(c, v) if c.dirty else v.key == c.version.key


def _caret(c: _Condition, v: Version) -> bool:
    base = c.version
    if v.key < base.key:
        return False
    if base.major > 0 or c.minor_dirty:
        return v.major == base.major
    if v.major > 0:
        return False
    if base.minor > 0 or c.patch_dirty:
        return v.minor == base.minor
    return v.minor == 0 and v.patch == base.patch


_CHECKS: dict[str, Callable[[_Condition, Version], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": lambda c, v: v.key < c.version.key,
    ">=": lambda c, v: v.key >= c.version.key,
    "=>": lambda c, v: v.key >= c.version.key,
    "<=": _less_or_equal,
    "=<": _less_or_equal,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
