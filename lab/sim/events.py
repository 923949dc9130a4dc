"""Events about objects: recorded once, then counted up, as client-go's event recorder does.

What was recorded lately is remembered beside the client that recorded it, so that nothing needs to be listed.
Source: client-go `tools/record/event.go`, `tools/record/events_cache.go`.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock, timestamp

_log = logging.getLogger(__name__)
_WINDOW_SECONDS = 600.0
"""An event that comes again within this time of the last one is the same event."""
_MOST_ALIKE = 10
"""Events that differ in nothing but the message are told one by one up to here, and as one from then on."""
_REMEMBERED = 4096
_COMBINED = "(combined from similar events): "
Key = tuple[str, ...]


@dataclass(slots=True)
class _Recorded:
    namespace: str
    name: str
    count: int
    last: float


@dataclass(slots=True)
class _Alike:
    last: float
    messages: OrderedDict[str, None] = field(default_factory=OrderedDict)


class _Memory:
    """What one client recorded lately."""

    def __init__(self) -> None:
        self.events: OrderedDict[Key, _Recorded] = OrderedDict()
        self._alike: OrderedDict[Key, _Alike] = OrderedDict()
        self._stamp = 0

    def stamp(self, now: float) -> int:
        """Nanoseconds since 1970, later each time: events of one moment need names of their own."""
        self._stamp = max(int(now * 1e9), self._stamp + 1)
        return self._stamp

    def combined(self, key: Key, message: str, now: float) -> bool:
        """Whether so many messages came under `key` that they are told as one."""
        alike = self._alike.get(key)
        if alike is None or now - alike.last > _WINDOW_SECONDS:
            alike = self._alike[key] = _Alike(now)
        alike.last = now
        self._alike.move_to_end(key)
        _shorten(self._alike)
        alike.messages[message] = None
        if len(alike.messages) < _MOST_ALIKE:
            return False
        alike.messages.popitem(last=False)
        return True

    def note(self, key: Key, recorded: _Recorded) -> None:
        """Remember an event under `key`."""
        self.events[key] = recorded
        self.events.move_to_end(key)
        _shorten(self.events)


def _shorten(table: OrderedDict[Key, _Recorded] | OrderedDict[Key, _Alike]) -> None:
    while len(table) > _REMEMBERED:
        table.popitem(last=False)


_memories: WeakKeyDictionary[Client, _Memory] = WeakKeyDictionary()


async def record(
    client: Client, clock: Clock, about: Object, kind: str, reason: str, message: str, source: str
) -> None:
    """Write an Event about an object, or count up the one that says the same.

    `about`: the object; with a top-level `fieldPath` the event is about that part of it. `kind`: `Normal` or `Warning`.
    `source`: the component, with the host behind a comma where it has one: `kubelet, node-1`. Never raises ApiError: an
    event that cannot be written, as in a namespace that is going, is dropped.
    """
    memory = _memories.get(client)
    if memory is None:
        memory = _memories[client] = _Memory()
    now = clock.now()
    metadata = about["metadata"]
    key: Key = (metadata.get("uid") or metadata["name"], about.get("fieldPath", ""), kind, reason, source)
    if memory.combined(key, message, now):
        message = _COMBINED + message
    else:
        key = (*key, message)
    known = memory.events.get(key)
    try:
        if known is not None and now - known.last <= _WINDOW_SECONDS and await _counted(client, known, message, now):
            memory.note(key, known)
            return
        event = _event(about, kind, reason, message, source, now, memory.stamp(now))
        await client.create("events", event)
        memory.note(key, _Recorded(event["metadata"]["namespace"], event["metadata"]["name"], 1, now))
    except ApiError as error:
        _log.debug("event %s about %s dropped: %s", reason, metadata["name"], error.message)


async def _counted(client: Client, known: _Recorded, message: str, now: float) -> bool:
    """Count a known event up; False when it is gone."""
    change = {"count": known.count + 1, "lastTimestamp": timestamp(now), "message": message}
    try:
        await client.patch("events", known.namespace, known.name, change)
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    known.count += 1
    known.last = now
    return True


def _event(about: Object, kind: str, reason: str, message: str, source: str, now: float, stamp: int) -> Object:
    metadata = about["metadata"]
    component, _, host = source.partition(",")
    host = host.strip()
    involved = {
        "apiVersion": about.get("apiVersion", ""),
        "kind": about.get("kind", ""),
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "resourceVersion": metadata.get("resourceVersion", ""),
        "fieldPath": about.get("fieldPath", ""),
    }
    when = timestamp(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name']}.{stamp:x}",
            "namespace": metadata.get("namespace") or "default",
        },
        "involvedObject": {name: value for name, value in involved.items() if value},
        "reason": reason,
        "message": message,
        "type": kind,
        "source": {"component": component, "host": host} if host else {"component": component},
        "reportingComponent": component,
        "reportingInstance": host,
        "firstTimestamp": when,
        "lastTimestamp": when,
        "count": 1,
        "eventTime": None,
    }
