"""After how long an ApplicationSet is looked at again by itself.

Source: Argo CD 3.6.1 `GetRequeueAfter` of each generator, `getMinRequeueAfter` of the controller.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.sim.argocd.applicationset.generators.generator import REQUEUE_DEFAULT, REQUEUE_FORGE
from lab.sim.argocd.applicationset.generators.transform import ORDER
from lab.sim.objects import Object

_FORGE = frozenset(("scmProvider", "pullRequest", "plugin"))
_NEVER = frozenset(("list", "clusters"))
_COMBINING = frozenset(("matrix", "merge"))


def requeue_after(entries: Iterable[Object], default: float = REQUEUE_DEFAULT) -> float:
    """Seconds, the shortest among the generators; 0 when none of them asks for it.

    `default`: for git, oci and cluster decisions without `requeueAfterSeconds`.
    """
    times = [_of(name, one[name], default) for one in entries for name in ORDER if one.get(name) is not None]
    return min((one for one in times if one), default=0.0)


def _of(name: str, spec: Object, default: float) -> float:
    if name in _NEVER:
        return 0.0
    if name in _COMBINING:
        return requeue_after(spec.get("generators") or (), default)
    given = spec.get("requeueAfterSeconds")
    if given is not None:
        return float(given)
    return REQUEUE_FORGE if name in _FORGE else default
