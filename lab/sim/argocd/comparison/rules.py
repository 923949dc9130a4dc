"""What counts in an Application's comparisons, and how they are made.

Source: Argo CD 3.6.1 `controller/state.go` (CompareAppState, shouldUseServerSideDiff), `util/argo/diff/diff.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson

from lab.sim.argocd.comparison.ignore import IgnoreRules, rules_for
from lab.sim.argocd.comparison.known_types import KnownTypes
from lab.sim.argocd.comparison.settings import ComparisonSettings
from lab.sim.argocd.sync.options import annotation_values
from lab.sim.argocd.tracking import Tracking
from lab.sim.objects import Object

COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
_NONE: Object = {}


@dataclass(frozen=True, slots=True, eq=False)
class DiffRules:
    """The rules of one Application; Applications with the same ones share this record."""

    ignore: IgnoreRules
    known: KnownTypes
    tracking: Tracking
    ignore_aggregated_roles: bool = False
    server_side: bool = False
    """Let the destination say what an apply would make of an object."""
    include_webhooks: bool = False
    """Let what admission would change count, too, in a server-side difference."""


def diff_rules(application: Object, settings: ComparisonSettings) -> DiffRules:
    """The rules of an Application. Raises RulesError."""
    spec = application.get("spec") or _NONE
    options = annotation_values(application, COMPARE_OPTIONS)
    sync_options: Sequence[str] = (spec.get("syncPolicy") or _NONE).get("syncOptions") or ()
    server_side = "ServerSideDiff=false" not in options and (
        settings.server_side_diff or "ServerSideDiff=true" in options or "ServerSideApply=true" in sync_options
    )
    ignores = orjson.dumps(spec.get("ignoreDifferences") or [])
    return _made(settings, ignores, server_side, "IncludeMutationWebhook=true" in options)


@lru_cache(maxsize=512)
def _made(settings: ComparisonSettings, ignores: bytes, server_side: bool, include_webhooks: bool) -> DiffRules:
    return DiffRules(
        rules_for(settings, orjson.loads(ignores)),
        KnownTypes(settings.overrides),
        settings.tracking,
        settings.ignore_aggregated_roles,
        server_side,
        include_webhooks,
    )
