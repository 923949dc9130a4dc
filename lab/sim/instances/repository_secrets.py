"""The Secrets of one namespace that describe repositories, kept in step without looking through all of them again."""

from __future__ import annotations

from collections.abc import Sequence

from lab.sim.api.store import Change, Store
from lab.sim.argocd.clusters import SECRET_TYPE_LABEL
from lab.sim.objects import Object

_STORAGE = "secrets"
_TYPES = ("repository", "repo-creds")


class RepositorySecrets:
    """Used with `with`: it follows the store in between."""

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace
        self._found: Sequence[Object] | None = None

    def __enter__(self) -> RepositorySecrets:
        self._end = self._store.listen(self._changed)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def all(self) -> Sequence[Object]:
        """Those there are now; the same list until one of them changes."""
        if self._found is None:
            self._found = [one for one in self._store.scan(_STORAGE, self._namespace) if _is_repository(one)]
        return self._found

    def _changed(self, change: Change) -> None:
        if change.storage == _STORAGE and change.namespace == self._namespace:
            self._found = None


def _is_repository(secret: Object) -> bool:
    return (secret["metadata"].get("labels") or {}).get(SECRET_TYPE_LABEL) in _TYPES
