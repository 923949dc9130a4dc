"""Whether a comparison leads to an automated sync, and to which.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (autoSync, alreadyAttemptedSync, selfHealRemainingBackoff).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.settings import Environment
from lab.sim.argocd.comparison.records import OUT_OF_SYNC, SYNCED, Condition
from lab.sim.clock import parse_timestamp
from lab.sim.objects import Object

DEFAULT_RETRY_LIMIT = 5
COMPLETED = frozenset(("Failed", "Error", "Succeeded"))


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an Application that was just compared."""

    operation: Object | None = None
    """The one to start."""
    condition: Condition | None = None
    """A SyncError to show; without one, an older SyncError goes away."""
    wait: float = 0.0
    """Compare again in so many seconds; 0 for no need."""
    note: str = ""
    """For the log."""
    revisions: Sequence[str] = field(default_factory=tuple)


def decide(
    app: Object, sync: Object, resources: Sequence[Object], revisions_may_differ: bool, env: Environment, now: float
) -> Decision:
    """Decide.

    :param sync: what `status.sync` is about to be
    :param resources: what `status.resources` is about to be
    :param revisions_may_differ: whether the commits that were compared may hold other manifests than those last synced
    :param now: seconds since 1970
    """
    spec = app["spec"]
    automated = specs.automated(spec)
    if automated is None:
        return Decision()
    refusal = _refusal(app, sync, resources, automated)
    if refusal:
        return Decision(note=refusal)
    several = specs.is_multiple(spec)
    desired = list(sync.get("revisions") or ()) if several else [str(sync.get("revision") or "")]
    operation = _operation(spec, sync, automated)
    attempted, last, phase = _already_attempted(app, desired, revisions_may_differ)
    shown, last_shown = _go_list(desired), _go_list(last)
    if attempted:
        state = specs.operation_state(app) or {}
        if phase != "Succeeded":
            return Decision(
                condition=Condition(
                    "SyncError", f"Failed last sync attempt to {last_shown}: {state.get('message') or ''}"
                ),
                note=f"Skipping auto-sync: failed previous sync attempt to {last_shown} and will not retry for {shown}",
            )
        if not automated.get("selfHeal"):
            return Decision(note=f"Skipping auto-sync: most recent sync already to {shown}")
        attempts = int(((state.get("operation") or {}).get("sync") or {}).get("autoHealAttemptsCount") or 0)
        wait = _self_heal_wait(state, attempts, env, now)
        if wait > 0:
            return Decision(
                wait=wait,
                note=f"Skipping auto-sync: already attempted sync to {last_shown} with timeout "
                f"{env.self_heal_timeout:g}s (retrying in {wait:.3f}s)",
            )
        operation["sync"]["autoHealAttemptsCount"] = attempts + 1
        chosen = [
            {key: one[key] for key in ("group", "kind", "name") if one.get(key)}
            for one in resources
            if one.get("status") != SYNCED
        ]
        if chosen:
            operation["sync"]["resources"] = chosen
    if (
        automated.get("prune")
        and not automated.get("allowEmpty")
        and all(one.get("requiresPruning") for one in resources)
    ):
        message = f"Skipping sync attempt to {shown}: auto-sync will wipe out all resources"
        return Decision(condition=Condition("SyncError", message), note=message)
    return Decision(operation, revisions=desired)


def _refusal(app: Object, sync: Object, resources: Sequence[Object], automated: Object) -> str:
    if app.get("operation") is not None:
        return "Skipping auto-sync: another operation is in progress"
    if specs.is_deleting(app):
        return "Skipping auto-sync: deletion in progress"
    if sync.get("status") != OUT_OF_SYNC:
        return f"Skipping auto-sync: application status is {sync.get('status')}"
    if not automated.get("prune") and not any(
        one.get("status") != SYNCED and not one.get("requiresPruning") for one in resources
    ):
        return "Skipping auto-sync: need to prune extra resources only but automated prune is disabled"
    return ""


def _operation(spec: Object, sync: Object, automated: Object) -> Object:
    wanted: Object = {}
    if specs.is_multiple(spec):
        wanted["sources"] = spec["sources"]
        wanted["revisions"] = list(sync.get("revisions") or ())
    else:
        wanted["source"] = {"repoURL": "", **specs.source(spec)}
        if spec.get("sources"):
            wanted["sources"] = spec["sources"]
    if sync.get("revision"):
        wanted["revision"] = sync["revision"]
    if automated.get("prune"):
        wanted["prune"] = True
    options = specs.policy(spec).get("syncOptions")
    if options:
        wanted["syncOptions"] = options
    retry = specs.policy(spec).get("retry")
    return {
        "sync": wanted,
        "initiatedBy": {"automated": True},
        "retry": {"limit": DEFAULT_RETRY_LIMIT} if retry is None else retry,
    }


def _already_attempted(app: Object, desired: Sequence[str], may_differ: bool) -> tuple[bool, list[str], str]:
    """Whether the last operation was about the same commits and sources; its commits and phase."""
    spec = app["spec"]
    state = specs.operation_state(app)
    if state is None:
        return False, [], ""
    phase = str(state.get("phase") or "")
    result = state.get("syncResult")
    if result is None:
        # A sync that ended without a result went wrong early; it was retried as often as its policy says.
        return phase in COMPLETED, [], phase
    if specs.is_multiple(spec):
        last = list(result.get("revisions") or ())
        same = specs.same(spec["sources"], result.get("sources"))
    else:
        last = [str(result.get("revision") or "")]
        same = specs.same(specs.source(spec), result.get("source"))
    if may_differ and last != list(desired):
        return False, last, phase
    return same, last, phase


def _self_heal_wait(state: Object, attempts: int, env: Environment, now: float) -> float:
    finished = state.get("finishedAt")
    passed = now - parse_timestamp(str(finished)) if finished else 0.0
    if not env.self_heal_first:
        delay = env.self_heal_timeout
    else:
        delay, step = 0.0, env.self_heal_first
        for _ in range(attempts):
            delay = min(step, env.self_heal_longest)
            step *= env.self_heal_factor
            if delay >= env.self_heal_longest:
                break
    return delay - passed


def _go_list(items: Sequence[str]) -> str:
    return f"[{' '.join(items)}]"
