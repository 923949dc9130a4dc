"""When a failed operation is tried again.

Source: Argo CD 3.6.1 `pkg/apis/application/v1alpha1/types.go` (RetryStrategy), `common/common.go`.
"""

from __future__ import annotations

from lab.sim.argocd.durations import parse_duration
from lab.sim.objects import Object

_FIRST_SECONDS, _LONGEST_SECONDS, _FACTOR = 5.0, 180.0, 2


class RetryError(Exception):
    """A back-off that cannot be read; the text is Argo CD's."""


def limit(operation: Object) -> int:
    """How often at most; negative for always."""
    return int((operation.get("retry") or {}).get("limit") or 0)


def delay(operation: Object, retries: int) -> float:
    """Seconds between the end of an attempt and the next, after so many retries. Raises RetryError."""
    backoff = (operation.get("retry") or {}).get("backoff") or {}
    first = _seconds(backoff.get("duration"), _FIRST_SECONDS)
    longest = _seconds(backoff.get("maxDuration"), _LONGEST_SECONDS)
    factor = backoff.get("factor")
    try:
        wait = first * float(_FACTOR if factor is None else factor) ** retries
    except OverflowError:
        wait = float("inf")
    return min(longest, wait) if longest > 0 else wait


def _seconds(text: object, default: float) -> float:
    if not text:
        return default
    given = str(text)
    try:
        return float(int(given)) if given.lstrip("+-").isdigit() else parse_duration(given)
    except ValueError:
        raise RetryError(f"unable to parse {given} as a duration") from None
