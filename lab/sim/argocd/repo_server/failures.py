"""Sources that failed several times in a row are left alone for a while.

Source: Argo CD 3.6.1 `reposerver/repository/repository.go` (getManifestCacheEntry, runManifestGenAsync).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from lab.sim.argocd.repo_server.answers import Refusal, nested
from lab.sim.clock import Clock

_KEPT = 50_000
_PREFIX = "Manifest generation error (cached)"


@dataclass(slots=True)
class _Failure:
    first: float
    count: int = 0
    text: str = ""
    returned: int = 0


class Failures:
    """What failed of late, by what was asked for."""

    def __init__(self, clock: Clock, attempts: int = 3, minutes: int = 60, requests: int = 0) -> None:
        """Pause after `attempts` failures, until `minutes` or `requests` have passed; 0: never for that reason."""
        self._clock = clock
        self._attempts, self._minutes, self._requests = attempts, minutes, requests
        self._known: OrderedDict[Hashable, _Failure] = OrderedDict()

    def check(self, key: Hashable) -> None:
        """Raise Refusal while `key` is left alone."""
        found = self._known.get(key)
        if found is None or not self._attempts or found.count < self._attempts:
            return
        aged = self._minutes and int(self._clock.now() - found.first) // 60 >= self._minutes
        asked = self._requests and found.returned >= self._requests
        if aged or asked:
            del self._known[key]
            return
        found.returned += 1
        raise Refusal(f"{_PREFIX}: {found.text}")

    def failed(self, key: Hashable, error: Refusal) -> None:
        """Count a failure."""
        if not self._attempts:
            return
        found = self._known.setdefault(key, _Failure(self._clock.now()))
        found.count += 1
        found.text = nested(error)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        """Forget what failed."""
        self._known.pop(key, None)
