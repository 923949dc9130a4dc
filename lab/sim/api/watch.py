"""A watch as a stream of lines: what is there, what changes, and bookmarks, until the client or its time limit ends it.

Source: apiserver `pkg/endpoints/handlers/watch.go`, `pkg/storage/cacher/cacher.go`, KEP-3157 (watch lists).
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import orjson

from lab.sim.api import request, table
from lab.sim.api.negotiation import Form, partial
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest, both, shown
from lab.sim.api.selectors import fields, labels
from lab.sim.api.status import ApiError, expired, forbidden_field, invalid
from lab.sim.api.store import Change, transition

BOOKMARK_SECONDS = 60.0
_SHORTEST_SECONDS = 1800
LONGEST_SECONDS = 24 * 3600
MOST_WAITING = 20_000
"""Changes a watcher may lag behind before it is cut off and has to list anew."""
_BLOCK = 500
"""Most changes in one block: what is written at once stays small."""
_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """`metav1.ListOptions` of a watch."""

    labels: str = ""
    fields: str = ""
    revision: str = ""
    match: str = ""
    bookmarks: bool = False
    initial_events: bool | None = None
    """`sendInitialEvents`; None when not said."""
    seconds: int = 0
    """`timeoutSeconds`; 0 for the server's choice."""


def options(query: Mapping[str, str], name: str) -> WatchOptions:
    """The options in a URL; `name`: the one object its path is about, "" for all. Raises ApiError 400."""
    initial = query.get("sendInitialEvents")
    selected = query.get("fieldSelector", "")
    if name:
        own = f"metadata.name={name}"
        selected = f"{selected},{own}" if selected else own
    return WatchOptions(
        labels=query.get("labelSelector", ""),
        fields=selected,
        revision=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        bookmarks=request.truth(query, "allowWatchBookmarks"),
        initial_events=None if initial is None else request.truth(query, "sendInitialEvents"),
        seconds=min(max(request.number(query, "timeoutSeconds"), 0), LONGEST_SECONDS),
    )


class Stream:
    """One watch, opened: it misses nothing from its making on. Close it, or exhaust `blocks`."""

    def __init__(
        self,
        rest: Rest,
        resource: Resource,
        namespace: str,
        options: WatchOptions,
        form: Form,
        include: str = "Metadata",
    ) -> None:
        """Raises ApiError 400 for bad selectors, 410 when the changes asked for are no longer known."""
        self._rest = rest
        self._options = options
        self._keep = both(labels(options.labels), fields(options.fields, resource))
        self._encode = _Encoder(rest, resource, form, include)
        self._streaming = options.initial_events is True
        from_scratch = self._streaming or (options.revision in ("", "0") and options.initial_events is None)
        self._first = rest.list(resource, namespace, options.labels, options.fields) if from_scratch else None
        since = self._first.revision if self._first else options.revision
        self._subscription = rest.watch(resource, namespace, since)
        self._subscription.limit = MOST_WAITING
        self._revision = int(since or 0) or rest.store.revision

    def close(self) -> None:
        """Take no more changes."""
        self._subscription.close()

    async def blocks(self) -> AsyncIterator[bytes]:
        """Blocks of newline-ended watch events. A watcher that falls too far behind is told 410 and cut off."""
        options, subscription, encode, store = self._options, self._subscription, self._encode, self._rest.store
        seconds = options.seconds or random.randint(_SHORTEST_SECONDS, 2 * _SHORTEST_SECONDS)  # noqa: S311
        ends = time.monotonic() + seconds
        bookmark = time.monotonic() + BOOKMARK_SECONDS
        revision = self._revision
        try:
            if self._first:
                items, self._first = self._first.items, None
                for start in range(0, len(items), _BLOCK):
                    yield b"".join([encode.object("ADDED", obj) for obj in items[start : start + _BLOCK]])
                if self._streaming:
                    yield encode.bookmark(revision, initial=True)
            while not subscription.closed or subscription.changes:
                until = min(ends, bookmark) if options.bookmarks else ends
                waiting = await subscription.wait(max(until - time.monotonic(), 0.0))
                if subscription.overrun:
                    yield failure(expired("the watch fell too far behind: list again and watch from there"))
                    return
                if waiting:
                    taken = subscription.take()
                    for start in range(0, len(taken), _BLOCK):
                        block, revision = encode.changes(taken[start : start + _BLOCK], self._keep)
                        if block:
                            store.commit()
                            yield block
                now = time.monotonic()
                if now >= ends:
                    return
                if options.bookmarks and now >= bookmark:
                    yield encode.bookmark(max(revision, store.revision) if not subscription.changes else revision)
                    bookmark = now + BOOKMARK_SECONDS
        finally:
            subscription.close()


def check(options: WatchOptions, *, watching: bool) -> None:
    """Raises ApiError 422 for options that do not go together (apimachinery `internalversion/validation`)."""
    wrong = []
    if options.initial_events is None:
        if watching and options.match:
            detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            wrong.append(forbidden_field("resourceVersionMatch", detail))
    elif not watching:
        if not options.match or not options.revision:
            detail = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            wrong.append(forbidden_field("resourceVersionMatch", detail))
        wrong.append(forbidden_field("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    elif options.match != "NotOlderThan":
        detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        wrong.append(forbidden_field("resourceVersionMatch", detail))
    if wrong:
        raise invalid("meta.k8s.io", "ListOptions", "", wrong)


def failure(error: ApiError) -> bytes:
    """The line that ends a stream which went wrong after it began."""
    return b'{"type":"ERROR","object":%s}\n' % orjson.dumps(error.status())


async def refused(error: ApiError) -> AsyncIterator[bytes]:
    """A stream that only says what is wrong: what a watch from a forgotten version is answered."""
    yield failure(error)


class _Encoder:
    def __init__(self, rest: Rest, resource: Resource, form: Form, include: str) -> None:
        self._rest = rest
        self._resource = resource
        self._shape = form.shape
        self._include = include
        self._columns_sent = False
        self._plain = not form.shape

    def changes(self, taken: list[Change], keep: Callable[[Object], bool] | None) -> tuple[bytes, int]:
        made: list[bytes] = []
        resource = self._resource
        for change in taken:
            told = transition(change, keep)
            if told is None:
                continue
            kind, obj = told[0], shown(resource, told[1])
            if self._plain and obj is change.object:
                made.append(change.json(kind))
            else:
                made.append(self.object(kind, obj))
        return b"".join(made), taken[-1].revision

    def object(self, kind: str, obj: Object) -> bytes:
        if self._shape == "Table":
            told: Object = table.table(
                self._resource,
                [obj],
                {"resourceVersion": obj["metadata"]["resourceVersion"]},
                self._rest.clock.now(),
                self._include,
                with_columns=not self._columns_sent,
            )
            self._columns_sent = True
        elif self._shape:
            told = partial(obj)
        else:
            told = obj
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), orjson.dumps(told))

    def bookmark(self, revision: int, *, initial: bool = False) -> bytes:
        metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial:
            metadata["annotations"] = {_INITIAL_END: "true"}
        if self._shape == "Table":
            told = {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"resourceVersion": str(revision)},
                "columnDefinitions": None,
                "rows": [
                    {
                        "cells": [],
                        "object": {
                            "kind": "PartialObjectMetadata",
                            "apiVersion": "meta.k8s.io/v1",
                            "metadata": metadata,
                        },
                    }
                ],
            }
        elif self._shape:
            told = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        else:
            told = {"kind": self._resource.kind, "apiVersion": self._resource.api_version, "metadata": metadata}
        return b'{"type":"BOOKMARK","object":%s}\n' % orjson.dumps(told)
