"""What was there when a check failed: conditions, pod states, events, in a few clean lines."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lab.errors import LabError
from lab.plaintext import one_line
from lab.ports import Object, Ref
from lab.session import Lab
from lab.state import LabFolder

LINES = 10
LINE_WIDTH = 240
PODS = 4
EVENTS = 5

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)*"), "***"),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://***@"),
    (re.compile(r"""(?i)\b(password|passwd|token|api[-_]?key)\b(["']?\s*[:=]\s*["']?)[^\s"']{6,}"""), r"\1\2***"),
)
"""What a third party may have put into a message that is a credential by its form."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A namespace of a cluster."""

    cluster: str
    namespace: str


def known_secrets(folder: LabFolder) -> tuple[str, ...]:
    """All secrets the lab keeps, so that they can be hidden; unreadable files are passed over."""
    found = []
    secrets = folder.path / "secrets"
    for path in sorted(secrets.iterdir()) if secrets.is_dir() else ():
        try:
            found.append(path.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError):
            continue
    return tuple(text for text in found if len(text) >= 8)


def clean(text: str, secrets: Sequence[str] = ()) -> str:
    """One line of at most 240 characters, without control characters and without secrets."""
    for secret in secrets:
        text = text.replace(secret, "***")
    for mask, instead in _MASKS:
        text = mask.sub(instead, text)
    text = one_line(" ".join(text.split()))
    return text if len(text) <= LINE_WIDTH else text[: LINE_WIDTH - 1] + "…"


def bounded(lines: Iterable[str], secrets: Sequence[str]) -> tuple[str, ...]:
    """At most ten clean lines, none twice and none empty."""
    unique = dict.fromkeys(clean(line, secrets) for line in lines)
    return tuple(line for line in unique if line)[:LINES]


def around(lab: Lab, places: Sequence[Place]) -> list[str]:
    """Pods that do not run and recent events of these places; a cluster that does not answer is one line."""
    lines: list[str] = []
    for place in dict.fromkeys(places):
        lines += gathered(lambda place=place: _pods(lab, place))  # type: ignore[misc]
    for place in dict.fromkeys(places):
        lines += gathered(lambda place=place: _events(lab, place))  # type: ignore[misc]
    return lines


def gathered(collect: Callable[[], list[str]]) -> list[str]:
    """What the collector finds, or the one line that says why it could not look."""
    try:
        return collect()
    except LabError as error:
        return [f"could not look: {error.what}"]


def _pods(lab: Lab, place: Place) -> list[str]:
    lines = []
    for pod in lab.kube(place.cluster).list(Ref(kind="Pod", namespace=place.namespace)):
        reason = _pod_reason(pod)
        if reason:
            lines.append(f"pod {pod['metadata']['name']} on {place.cluster}: {reason}")
    return lines[:PODS]


def _pod_reason(pod: Object) -> str:
    status = pod.get("status") or {}
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        for state in ("waiting", "terminated"):
            found = container.get("state", {}).get(state)
            if found and found.get("reason") != "Completed":
                message = found.get("message") or ""
                reason = found.get("reason") or f"exit code {found.get('exitCode')}"
                return f"{container['name']} {state}: {reason}" + (f": {message}" if message else "")
    if status.get("phase") == "Pending":
        unscheduled: Object = next((c for c in status.get("conditions", ()) if c.get("status") == "False"), {})
        return f"Pending: {unscheduled.get('message') or unscheduled.get('reason') or 'no reason given'}"
    if status.get("phase") == "Failed":
        return f"Failed: {status.get('message') or status.get('reason') or 'no reason given'}"
    return ""


def _events(lab: Lab, place: Place) -> list[str]:
    found = sorted(
        lab.kube(place.cluster).list(Ref(kind="Event", namespace=place.namespace)),
        key=lambda event: (event.get("type") == "Warning", _event_time(event)),
    )
    lines = []
    for event in reversed(found[-EVENTS:]):
        about = event.get("involvedObject") or {}
        times = event.get("count") or 1
        lines.append(
            f"event {about.get('kind', '?')} {about.get('name', '?')} on {place.cluster}: {event.get('reason', '?')}: "
            + f"{event.get('message', '')}"
            + (f" (×{times})" if times > 1 else "")
        )
    return lines


def _event_time(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp", ""))
