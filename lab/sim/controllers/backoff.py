"""How long the kubelet waits before it tries again: 10 s, then twice as long each time, up to 5 minutes.

Source: client-go `util/flowcontrol/backoff.go`, Kubernetes `pkg/kubelet/kubelet.go`.
"""

from __future__ import annotations

FIRST_BACKOFF_SECONDS = 10.0
LONGEST_BACKOFF_SECONDS = 300.0


def longer(backoff: float) -> float:
    """The next back-off after one of so many seconds; 0 for none yet."""
    return min(backoff * 2, LONGEST_BACKOFF_SECONDS) if backoff else FIRST_BACKOFF_SECONDS


def go_duration(seconds: float) -> str:
    """A duration as Go prints it: `0s`, `350ms`, `1.2s`, `2m40s`."""
    millis = round(seconds * 1000)
    if millis == 0:
        return "0s"
    if millis < 1000:
        return f"{millis}ms"
    minutes, rest = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown
