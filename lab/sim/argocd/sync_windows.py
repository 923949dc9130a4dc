"""Sync windows of an AppProject: when its Applications may be synced.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/types.go`, `SyncWindows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from lab.sim import cron
from lab.sim.argocd.durations import parse_duration
from lab.sim.argocd.glob import matches as glob_matches
from lab.sim.objects import Object

_LONGEST_DESCRIPTION = 255


class SyncWindowError(Exception):
    """A window that cannot be read, with Argo CD's message."""


@dataclass(frozen=True, slots=True)
class SyncWindows:
    """Windows that hold for one Application, asked about at one moment.

    `now` is the present, in seconds since 1970: a window's time zone counts with its offset of today, also when a
    moment of the past is asked about.
    """

    windows: Sequence[Object]
    now: float

    def active(self, moment: float | None = None) -> list[Object]:
        """The windows that are open at `moment`, by default now. Raises SyncWindowError."""
        at = self.now if moment is None else moment
        return [one for one in self.windows if self._is_open(one, at)]

    def inactive_allows(self, moment: float | None = None) -> list[Object]:
        """The allow windows that are closed at `moment`. Raises SyncWindowError."""
        at = self.now if moment is None else moment
        return [one for one in self.windows if one.get("kind") == "allow" and not self._is_open(one, at)]

    def can_sync(self, manual: bool, operation_started: float | None = None) -> bool:
        """Whether a sync may start, or go on when it began at `operation_started`.

        An open deny window forbids, unless all of those have `manualSync` and the sync is manual. Otherwise an open
        allow window permits; when there are allow windows and none is open, nothing may sync, with the same exception.
        With `syncOverrun` in every window that blocks, an operation goes on that was allowed when it began.
        Raises SyncWindowError.
        """
        try:
            allowed, blocking = self._verdict(manual, self.now)
            if allowed or operation_started is None or not all(one.get("syncOverrun") for one in blocking):
                return allowed
            return self._verdict(manual, operation_started)[0]
        except SyncWindowError as error:
            raise SyncWindowError(f"invalid sync windows: {error}") from None

    def _verdict(self, manual: bool, moment: float) -> tuple[bool, list[Object]]:
        """Whether a sync may start at `moment`, and the windows that count for it."""
        active = self.active(moment)
        denies = [one for one in active if one.get("kind") == "deny"]
        if denies:
            return manual and all(one.get("manualSync") for one in denies), denies
        if any(one.get("kind") == "allow" for one in active):
            return True, []
        closed = self.inactive_allows(moment)
        if closed:
            return manual and all(one.get("manualSync") for one in closed), closed
        return True, []

    def _is_open(self, window: Object, moment: float) -> bool:
        schedule = _schedule(str(window.get("schedule", "")))
        duration = _duration(str(window.get("duration", "")))
        local = moment + _offset(str(window.get("timeZone", "")), self.now)
        opens = schedule.after(local - duration)
        return opens is None or opens < local


def matching(windows: Sequence[Object], application: Object) -> list[Object]:
    """The windows that hold for an Application, by its name and destination.

    A window's `applications`, `clusters` and `namespaces` are alternatives; with `andOperator` each list that is given
    must match.
    """
    spec = application.get("spec", {})
    destination = spec.get("destination", {})
    name = str(application.get("metadata", {}).get("name", ""))
    cluster = [str(destination[key]) for key in ("name", "server") if destination.get(key)]
    subjects = (
        ("applications", [name]),
        ("clusters", cluster),
        ("namespaces", [str(destination.get("namespace", ""))]),
    )
    return [one for one in windows if _holds(one, subjects)]


def _holds(window: Object, subjects: tuple[tuple[str, list[str]], ...]) -> bool:
    verdicts = [
        any(pattern == "*" or glob_matches(pattern, text) for pattern in window[key] for text in texts)
        for key, texts in subjects
        if window.get(key)
    ]
    if window.get("andOperator"):
        return bool(verdicts) and all(verdicts)
    return any(verdicts)


def check(window: Object) -> None:
    """Raise SyncWindowError with what `InlineSyncWindow.Validate` finds wrong."""
    if window.get("kind", "") not in ("allow", "deny"):
        raise SyncWindowError(f"kind '{window.get('kind', '')}' mismatch: can only be allow or deny")
    _schedule(str(window.get("schedule", "")))
    _duration(str(window.get("duration", "")))
    if len(str(window.get("description", "")).encode()) > _LONGEST_DESCRIPTION:
        raise SyncWindowError("description must not exceed 255 characters")


@lru_cache(maxsize=256)
def _schedule(text: str) -> cron.Schedule:
    try:
        if text.startswith("@"):
            raise ValueError(f"parser does not accept descriptors: {text}")
        return cron.parse(text)
    except ValueError as error:
        raise SyncWindowError(f"cannot parse schedule '{text}': {error}") from None


@lru_cache(maxsize=256)
def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise SyncWindowError(f"cannot parse duration '{text}': {error}") from None


def _offset(zone: str, now: float) -> float:
    """Seconds east of UTC; an unknown zone counts as UTC."""
    try:
        offset = datetime.fromtimestamp(now, cron.zone_of(zone)).utcoffset()
    except ValueError:
        return 0.0
    return offset.total_seconds() if offset else 0.0
