"""Events, in their core form.

Source: Kubernetes `pkg/printers/internalversion/printers.go`, `printEvent`.
"""

from __future__ import annotations

from lab.sim.api.printers.age import since
from lab.sim.api.printers.printer import NAME, WIDE, Cells, Printer, column, name, part
from lab.sim.api.resources import Object


def _event(event: Object, now: float) -> Cells:
    first = since(event.get("firstTimestamp") or event.get("eventTime"), now)
    last = since(event["lastTimestamp"], now) if event.get("lastTimestamp") else first
    count = event.get("count") or 1
    series = event.get("series")
    if series is not None:
        last, count = since(series.get("lastObservedTime"), now), series.get("count", 0)
    about, source = part(event, "involvedObject"), part(event, "source")
    reporter = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return [
        last,
        event.get("type", ""),
        event.get("reason", ""),
        "/".join(filter(None, (about.get("kind", "").lower(), about.get("name")))),
        about.get("fieldPath", ""),
        f"{reporter}, {host}" if host else reporter,
        event.get("message", "").strip(),
        first,
        count,
        name(event),
    ]


PRINTERS = {
    "events": Printer(
        [
            column("Last Seen", "Time since it last happened."),
            column("Type", "Normal or Warning."),
            column("Reason", "What happened, in a word."),
            column("Object", "What it happened to."),
            column("Subobject", "Which part of that.", priority=WIDE),
            column("Source", "Who tells of it.", priority=WIDE),
            column("Message", "What happened."),
            column("First Seen", "Time since it first happened.", priority=WIDE),
            column("Count", "How often it happened.", priority=WIDE),
            {**NAME, "priority": WIDE},
        ],
        _event,
    ),
}
