"""The client that asks a cluster in the same process, without a socket in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from lab.sim.api import selectors, subresources
from lab.sim.api.context import ADMIN, STRICT, WARN, Context, DeleteOptions, User
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest, both, shown
from lab.sim.api.status import no_such_path
from lab.sim.api.store import transition
from lab.sim.events import record
from lab.sim.objects import thaw


class Gate(Protocol):
    """Who may do what; raises ApiError 403."""

    def check(
        self, user: User, verb: str, resource: Resource, namespace: str, name: str = "", subresource: str = ""
    ) -> None:
        """Return if `user` may."""


class InProcessClient:
    """`lab.sim.client.Client` on a cluster's own `Rest`."""

    def __init__(self, rest: Rest, manager: str, user: User = ADMIN, gate: Gate | None = None) -> None:
        """`manager`: field manager of every write; `gate`: what decides whether `user` may, None for everything."""
        self._rest = rest
        self._manager = manager
        self._user = user
        self._gate = gate
        self._rows: dict[str, tuple[int, Resource]] = {}

    def _row(self, resource: str) -> Resource:
        known = self._rows.get(resource)
        if known is not None and known[0] == self._rest.registry.changes:
            return known[1]
        plural, _, group = resource.partition(".")
        row = self._rest.registry.plural(group, plural)
        if row is None:
            version, _, group = group.partition(".")
            row = self._rest.registry.find(group, version, plural)
        if row is None:
            raise no_such_path()
        self._rows[resource] = (self._rest.registry.changes, row)
        return row

    def _may(self, verb: str, row: Resource, namespace: str, name: str = "", subresource: str = "") -> None:
        if self._gate is not None:
            self._gate.check(self._user, verb, row, namespace, name, subresource)

    def _context(self, dry_run: bool = False, manager: str = "", strict: bool = False) -> Context:
        return Context(self._user, manager or self._manager, dry_run, STRICT if strict else WARN)

    async def get(self, resource: str, namespace: str, name: str) -> Object:
        """One object."""
        row = self._row(resource)
        self._may("get", row, namespace, name)
        return self._rest.get(row, namespace, name)

    async def list(
        self, resource: str, namespace: str = "", labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """Objects that match, and the list's resourceVersion."""
        row = self._row(resource)
        self._may("list", row, namespace)
        listed = self._rest.list(row, namespace, labels, fields)
        return listed.items, listed.revision

    async def watch(
        self, resource: str, namespace: str = "", labels: str = "", fields: str = "", since: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """Events after `since`, without end."""
        row = self._row(resource)
        self._may("watch", row, namespace)
        keep = both(selectors.labels(labels), selectors.fields(fields, row))
        first: list[Object] = []
        if not since:
            listed = self._rest.list(row, namespace, labels, fields)
            first, since = listed.items, listed.revision
        subscription = self._rest.watch(row, namespace, since)
        try:
            for obj in first:
                yield "ADDED", obj
            while await subscription.wait():
                for change in subscription.take():
                    told = transition(change, keep)
                    if told is not None:
                        yield told[0], shown(row, told[1])
        finally:
            subscription.close()

    async def create(
        self, resource: str, obj: Object, *, dry_run: bool = False, manager: str = "", strict: bool = False
    ) -> Object:
        """Create."""
        row = self._row(resource)
        namespace = obj.get("metadata", {}).get("namespace", "")
        self._may("create", row, namespace)
        return self._rest.create(row, namespace, thaw(obj), self._context(dry_run, manager, strict))

    async def update(
        self, resource: str, obj: Object, subresource: str = "", *, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Replace all but the status."""
        return self._update(resource, obj, subresource, self._context(dry_run, manager))

    def _update(self, resource: str, obj: Object, subresource: str, context: Context) -> Object:
        row = self._row(resource)
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        self._may("update", row, namespace, name, subresource)
        return self._rest.update(row, namespace, name, thaw(obj), context, subresource)

    async def patch(
        self,
        resource: str,
        namespace: str,
        name: str,
        patch: Any,
        kind: str = "merge",
        subresource: str = "",
        *,
        dry_run: bool = False,
        manager: str = "",
    ) -> Object:
        """Change by a patch."""
        row = self._row(resource)
        self._may("patch", row, namespace, name, subresource)
        context = self._context(dry_run, manager)
        if subresource:
            return subresources.patch(self._rest, row, namespace, name, subresource, patch, kind, context)
        return self._rest.patch(row, namespace, name, patch, kind, context)

    async def apply(
        self, resource: str, obj: Object, force: bool = True, *, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Server-side apply."""
        row = self._row(resource)
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        self._may("patch", row, namespace, name)
        whole = {"apiVersion": row.api_version, "kind": row.kind, **thaw(obj)}
        return self._rest.apply(row, namespace, name, whole, self._context(dry_run, manager), force)[0]

    async def delete(
        self, resource: str, namespace: str, name: str, propagation: str = "", uid: str = "", grace: int | None = None
    ) -> None:
        """Delete."""
        row = self._row(resource)
        self._may("delete", row, namespace, name)
        self._rest.delete(row, namespace, name, DeleteOptions(propagation, grace, uid), self._context())

    async def status(self, resource: str, obj: Object) -> Object:
        """Replace the status only."""
        return self._update(resource, obj, "status", self._context())

    async def event(self, about: Object, kind: str, reason: str, message: str, source: str) -> None:
        """Record an Event about an object; repeated ones are counted up."""
        await record(self, self._rest.clock, about, kind, reason, message, source)
