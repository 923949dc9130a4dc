"""How a controller talks to a cluster: ten methods, with the same meaning in process and over HTTP.

`lab.sim.inprocess` answers from the cluster's own store, `lab.sim.http_client` over HTTPS from any Kubernetes API.
Objects that come back may be shared with others: copy before you change one (`lab.sim.objects.evolve`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from lab.sim.api.resources import Object


class Client(Protocol):
    """The API of one cluster, as one user and one field manager.

    `resource` is `PLURAL` for the core group and `PLURAL.GROUP` otherwise, e.g. `pods`, `deployments.apps`; with
    `PLURAL.VERSION.GROUP` the server is asked in that version, e.g. `horizontalpodautoscalers.v1.autoscaling`.
    `namespace` is "" for cluster-wide resources and, in `list` and `watch`, for all namespaces.

    Of writes: `dry_run` lets the server do everything but keep the result; `manager` is the field manager of this one
    write, "" for the client's own. Every method raises `lab.sim.api.status.ApiError` with the server's code, reason and
    text.
    """

    async def get(self, resource: str, namespace: str, name: str) -> Object:
        """One object."""

    async def list(
        self, resource: str, namespace: str = "", labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """Objects that match both selectors, in order of namespace and name, and the list's resourceVersion."""

    def watch(
        self, resource: str, namespace: str = "", labels: str = "", fields: str = "", since: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """Events (`ADDED`, `MODIFIED`, `DELETED`, object) after resourceVersion `since`, without end.

        "" for `since` begins with an `ADDED` for everything there is. Raises ApiError 410 when `since` is too old.
        """

    async def create(
        self, resource: str, obj: Object, *, dry_run: bool = False, manager: str = "", strict: bool = False
    ) -> Object:
        """Create; the namespace stands in the object. `strict`: unknown fields are refused instead of dropped."""

    async def update(
        self, resource: str, obj: Object, subresource: str = "", *, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Replace all but the status; a `metadata.resourceVersion` in `obj` must still be the newest.

        `subresource`: replace through it, e.g. a namespace's `finalize`.
        """

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
        """Change by a `merge`, `strategic` or `json` patch."""

    async def apply(
        self, resource: str, obj: Object, force: bool = True, *, dry_run: bool = False, manager: str = ""
    ) -> Object:
        """Server-side apply."""

    async def delete(
        self, resource: str, namespace: str, name: str, propagation: str = "", uid: str = "", grace: int | None = None
    ) -> None:
        """Delete.

        `propagation`: `Background`, `Foreground`, `Orphan` or "" for the resource's default; `uid`: only this very
        object; `grace`: seconds, None for the object's own.
        """

    async def status(self, resource: str, obj: Object) -> Object:
        """Replace the status only, as `update` replaces the rest."""

    async def event(self, about: Object, kind: str, reason: str, message: str, source: str) -> None:
        """Record an Event about an object, `kind` being `Normal` or `Warning`; repeated ones are counted up."""
