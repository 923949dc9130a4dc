"""Questions of generators that take time: noted in one pass over the generators, answered, and known in the next.

Generators are functions without waiting. What they ask of the network is not there the first time; the pass then gives
nothing worth having, the answers are fetched side by side, and the generators run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from lab.sim.api.status import ApiError
from lab.sim.argocd.applicationset.sources import SourceError
from lab.sim.client import Client
from lab.sim.objects import Object

CallPlugin = Callable[[str, str, int, Object], Awaitable[Any]]
"""(base URL, token, timeout in seconds or 0, body) -> JSON. Raises SourceError."""


class Asking:
    """The questions of one reconcile. Its methods answer at once, with nothing while an answer is missing."""

    def __init__(self, client: Client, namespace: str, call: CallPlugin) -> None:
        """`namespace`: Argo CD's own."""
        self._client = client
        self._namespace = namespace
        self._call = call
        self._known: dict[bytes, Any] = {}
        self._missing: dict[bytes, Callable[[], Awaitable[Any]]] = {}

    @property
    def is_answered(self) -> bool:
        """Whether the last pass over the generators had all it asked for."""
        return not self._missing

    async def fetch(self) -> None:
        """Get what is missing."""
        missing, self._missing = self._missing, {}
        found = await asyncio.gather(*(_result(ask) for ask in missing.values()))
        self._known.update(zip(missing, found, strict=True))

    def call_plugin(self, base_url: str, token: str, timeout: int, body: Object) -> Any:
        """See `Sources.call_plugin`."""
        key = orjson.dumps(["plugin", base_url, token, timeout, body])
        return self._answer(key, lambda: self._call(base_url, token, timeout, body), {})

    def decisions(self, group: str, version: str, plural: str) -> Sequence[Object]:
        """Objects of a resource in Argo CD's namespace."""

        async def ask() -> Sequence[Object]:
            try:
                return (await self._client.list(f"{plural}.{group}", self._namespace))[0]
            except ApiError as error:
                raise SourceError(error.message) from None

        found: Sequence[Object] = self._answer(orjson.dumps(["objects", group, version, plural]), ask, [])
        return found

    def _answer(self, key: bytes, ask: Callable[[], Awaitable[Any]], nothing: Any) -> Any:
        if key not in self._known:
            self._missing[key] = ask
            return nothing
        found = self._known[key]
        if isinstance(found, SourceError):
            raise found
        return found


async def _result(ask: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await ask()
    except SourceError as error:
        return error
