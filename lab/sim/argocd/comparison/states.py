"""The status of one resource.

Source: Argo CD 3.6.1 `controller/state.go` (CompareAppState, isObjRequiresDeletionConfirmation).
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.sim.argocd.comparison.records import OUT_OF_SYNC, SYNCED, ComparedResource, Difference
from lab.sim.argocd.comparison.rules import COMPARE_OPTIONS
from lab.sim.argocd.comparison.targets import is_any_hook, is_ignored, is_managed_namespace
from lab.sim.argocd.health.fields import annotations_of
from lab.sim.argocd.live.key import key_of
from lab.sim.argocd.sync.hooks import is_skipped, wave
from lab.sim.argocd.sync.options import CONFIRM, SYNC_OPTIONS, annotation_values, option_value, value_of
from lab.sim.argocd.tracking import Tracking
from lab.sim.objects import Object, name_of


def resource_state(
    target: Object | None,
    live: Object | None,
    found: Difference,
    application: Object,
    hooks: Sequence[Object],
    tracking: Tracking,
) -> tuple[ComparedResource, bool]:
    """A resource with its status, and whether that makes the whole Application OutOfSync."""
    obj = live if live is not None else target
    assert obj is not None
    key = key_of(obj)
    own = tracking.names_itself(live, target, name_of(application))
    hook = is_any_hook(obj)
    status, counts = "", False
    if not (hook or is_ignored(obj) or (target is not None and is_skipped(target)) or not own):
        expected = live is None and is_managed_namespace(target, application)
        if not expected and (found.modified or target is None or live is None):
            status = OUT_OF_SYNC
            extra = target is None and live is not None
            counts = not extra or "IgnoreExtraneous" not in annotation_values(obj, COMPARE_OPTIONS)
        else:
            status = SYNCED
    made = ComparedResource(
        group=key.group,
        version=str(obj.get("apiVersion") or "").rpartition("/")[2],
        kind=key.kind,
        namespace=key.namespace,
        name=key.name,
        target=target,
        live=live,
        difference=found,
        status=status,
        hook=hook,
        requires_pruning=target is None and live is not None and own,
        requires_deletion_confirmation=any(_needs_word(one, application) for one in (target, live)),
        sync_wave=wave(target) if target is not None else _wave_of_hook(obj, hooks) if hook else 0,
    )
    return made, counts


def _wave_of_hook(live: Object, hooks: Sequence[Object]) -> int:
    key = key_of(live)
    for one in hooks:
        other = key_of(one)
        if (other.name, other.kind, other.namespace) == (key.name, key.kind, key.namespace):
            return wave(one)
    return 0


def _needs_word(obj: Object | None, application: Object) -> bool:
    """Whether somebody has to confirm its deletion."""
    if obj is None:
        return False
    policy = (application.get("spec") or {}).get("syncPolicy") or {}
    options = policy.get("syncOptions") or ()
    if not options and SYNC_OPTIONS not in annotations_of(obj):
        return False
    for name in ("Delete", "Prune"):
        own = option_value(obj, name)
        if (value_of(options, name) if own is None else own) == CONFIRM:
            return True
    return False
