"""Wanted and live objects, brought together.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/reconcile.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.sim.argocd.comparison.targets import Scope, is_ignored
from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.sync.hooks import is_hook
from lab.sim.objects import Object


@dataclass(frozen=True, slots=True)
class Paired:
    """Objects with their counterparts."""

    pairs: Sequence[tuple[Object | None, Object | None]]
    """(wanted, live): at least one of them is there."""
    hooks: Sequence[Object]


def paired(
    targets: Sequence[Object], live: Mapping[ResourceKey, Object], namespace: str, is_namespaced: Scope
) -> Paired:
    """Find the live object of each wanted one; the rest of the live ones are not wanted.

    :param namespace: of the Application's destination
    """
    hooks = []
    wanted = []
    for obj in targets:
        if is_hook(obj):
            if not is_ignored(obj):
                hooks.append(obj)
        else:
            wanted.append(obj)
    left = _each_once(live, {key_of(one) for one in wanted})
    pairs: list[tuple[Object | None, Object | None]] = []
    for obj in wanted:
        key = key_of(obj)
        key = key._replace(namespace=key.namespace or namespace)
        namespaced = is_namespaced(key.group, key.kind)
        found = None
        if namespaced is not False:
            found = left.pop(key, None)
        if found is None and not namespaced:
            found = left.pop(key._replace(namespace=""), None)
        pairs.append((obj, found))
    pairs += [(None, left[key]) for key in sorted(left)]
    return Paired(pairs, hooks)


def _each_once(live: Mapping[ResourceKey, Object], wanted: set[ResourceKey]) -> dict[ResourceKey, Object]:
    """Without the doubles of objects that are served in several groups, unless they are wanted; one always stays."""
    by_uid: dict[str, list[ResourceKey]] = {}
    for key, obj in live.items():
        by_uid.setdefault(str(obj["metadata"].get("uid") or key), []).append(key)
    left = dict(live)
    for keys in by_uid.values():
        for key in sorted(keys)[: len(keys)]:
            if len(keys) == 1:
                break
            if key not in wanted:
                del left[key]
                keys = [one for one in keys if one != key]
    return left
