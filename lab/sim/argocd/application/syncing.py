"""One pass of a sync operation: compare with the commit it is about, then let a sync context go on.

Source: Argo CD 3.6.1 `controller/sync.go` (SyncAppState), `controller/state.go` (persistRevisionHistory),
`util/argo/argo.go` (AugmentSyncMsg).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.catching_up import CatchingUp
from lab.sim.argocd.application.context import Context
from lab.sim.argocd.application.state import Compared, compare_state
from lab.sim.argocd.application.status import conditions_of, told
from lab.sim.argocd.comparison.diff import DiffError
from lab.sim.argocd.comparison.respected import respecting
from lab.sim.argocd.destinations import DestinationError
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.ports import ApiResource
from lab.sim.argocd.project import Project
from lab.sim.argocd.sync.context import SyncContext
from lab.sim.argocd.sync.records import ERROR, FAILED, RUNNING, SUCCEEDED, TERMINATING, ResourceResult, SyncState
from lab.sim.argocd.sync.request import sync_request
from lab.sim.argocd.sync_windows import SyncWindowError, SyncWindows, matching
from lab.sim.clock import parse_timestamp
from lab.sim.objects import Object

_REFUSING = frozenset(("ComparisonError", "InvalidSpecError"))
_SHARED = frozenset(("SharedResourceWarning",))
_NO_RESOURCE = "the server could not find the requested resource"
_IMPERSONATION = "application.sync.impersonation.enabled"
_NO_IMPERSONATION = f"{_IMPERSONATION} is not supported by the simulator; use --provider kind"
_TOO_LONG = "metadata.annotations: Too long: must have at most 262144 bytes"
_TOO_LONG_HINT = (
    " \n -Additional Info: This error usually means that you are trying to add a large resource on client side. "
    "Consider using Server-side apply or syncing with replace enabled. Note: Syncing with Replace enabled is "
    "potentially destructive as it may cause resource deletion and re-creation."
)


class Syncing:
    """Takes sync operations further."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def advance(self, app: Object, project: Project, state: Object) -> list[Object] | None:
        """One pass; `state` (an operationState of our own) is changed in place.

        Returns the new `status.history` when a sync of everything has succeeded.
        """
        operation = state["operation"].get("sync")
        if operation is None:
            state["phase"], state["message"] = ERROR, "Invalid operation request: no operation specified"
            return None
        result = state.get("syncResult")
        if result is None:
            result = state["syncResult"] = _new_result(app, operation)
        if self._is_blocked(app, project, state):
            return None
        sources = list(result.get("sources") or ())
        multiple = bool(sources)
        revisions = list(result.get("revisions") or ()) if multiple else [str(result.get("revision") or "")]
        try:
            outcome = await compare_state(
                self._context,
                app,
                app.get("status") or {},
                project,
                sources if multiple else [_without_zero(result["source"])],
                revisions,
                multiple=multiple,
                force_resolve=True,
                manifests=operation.get("manifests") or (),
            )
        except DestinationError as error:
            state["phase"], state["message"] = ERROR, str(error)
            return None
        assert outcome is not None, "an error is told at once where revisions are resolved anew"
        result["revision"] = str(outcome.sync.get("revision") or "")
        result.pop("revisions", None)
        if outcome.sync.get("revisions"):
            result["revisions"] = outcome.sync["revisions"]
        refusal = _refusal(outcome, operation)
        if refusal is not None:
            state["phase"], state["message"] = refusal
            return None
        if self._context.hub.flag(_IMPERSONATION):
            state["phase"], state["message"] = ERROR, _NO_IMPERSONATION
            return None
        if outcome.live is None or outcome.settings is None:
            state["phase"], state["message"] = ERROR, "Failed to load resource overrides"
            return None
        await self._step(app, project, state, operation, outcome)
        if operation.get("dryRun") or operation.get("resources") or state["phase"] != SUCCEEDED:
            return None
        return _history(app, outcome.sync, state, multiple, self._context.now())

    def _is_blocked(self, app: Object, project: Project, state: Object) -> bool:
        """Whether a sync window forbids to go on; ending an operation is always allowed."""
        if state["phase"] == TERMINATING:
            return False
        windows = SyncWindows(matching(project.sync_windows, app), self._context.clock.now())
        known = specs.operation_state(app)
        manual, started = False, None
        if known is not None:
            manual = not ((known.get("operation") or {}).get("initiatedBy") or {}).get("automated")
            if known.get("startedAt"):
                started = parse_timestamp(str(known["startedAt"]))
        why = ""
        try:
            if windows.can_sync(manual, started):
                return False
        except SyncWindowError as error:
            why = f": {error}"
        if state["phase"] == RUNNING:
            state["message"] = f"Sync operation blocked by sync window{why}"
        return True

    async def _step(self, app: Object, project: Project, state: Object, operation: Object, outcome: Compared) -> None:
        assert outcome.live is not None
        assert outcome.settings is not None
        spec = app["spec"]
        started = parse_timestamp(str(state["startedAt"]))
        try:
            respected = _respected(operation, outcome)
        except DiffError as error:
            state["phase"], state["message"] = ERROR, f"Failed to normalize target resources: {error}"
            return
        request = sync_request(
            app,
            operation,
            outcome.comparison,
            revision=str(outcome.sync.get("revision") or ""),
            started_at=started,
            project=project,
            cluster=outcome.cluster,
            tracking=outcome.settings.tracking,
            health_overrides=outcome.settings.health,
            wave_delay=self._context.env.wave_delay,
            targets=respected,
        )
        connection = CatchingUp(outcome.live, self._context.clock)
        context = SyncContext(connection, request, self._context.clock, SyncState.read(state, started))
        if state["phase"] == TERMINATING:
            await context.terminate()
        else:
            await context.step()
        await connection.caught_up()
        state["phase"], state["message"] = context.phase, context.message
        result = state["syncResult"]
        metadata = specs.managed_namespace_metadata(spec)
        if metadata is not None:
            result["managedNamespaceMetadata"] = metadata
        result.pop("resources", None)
        entries = [_augmented(one, outcome.live.apis).entry() for one in context.results]
        if entries:
            result["resources"] = entries


def _respected(operation: Object, outcome: Compared) -> dict[ResourceKey, Object]:
    """Targets whose ignored fields are as they are live, where the operation asks for that. Raises DiffError."""
    rules = outcome.comparison.rules
    if rules is None or "RespectIgnoreDifferences=true" not in (operation.get("syncOptions") or ()):
        return {}
    return {
        one.key: respecting(rules, one.target, one.live, outcome.live)
        for one in outcome.comparison.resources
        if one.target is not None and one.live is not None
    }


def _refusal(outcome: Compared, operation: Object) -> tuple[str, str] | None:
    """Phase and message of an operation that is not carried out."""
    shared = conditions_of(outcome.status, _SHARED)
    if shared and "FailOnSharedResource=true" in (operation.get("syncOptions") or ()):
        return FAILED, f"Shared resource found: {shared[0].get('message', '')}"
    errors = conditions_of(outcome.status, _REFUSING)
    return (ERROR, told(errors)) if errors else None


def _new_result(app: Object, operation: Object) -> Object:
    """The result of a sync that begins: what it is about, as far as that is known."""
    spec = app["spec"]
    if operation.get("sources") or operation.get("source") is not None:
        source, sources = operation.get("source") or {}, operation.get("sources") or ()
    else:
        source, sources = specs.source(spec), spec.get("sources") or ()
    result: Object = {"revision": str(operation.get("revision") or ""), "source": {"repoURL": "", **source}}
    if sources:
        result["sources"] = list(sources)
    if operation.get("revisions"):
        result["revisions"] = list(operation["revisions"])
    return result


def _without_zero(source: Object) -> Object:
    return source if source.get("repoURL") else {}


def _history(app: Object, sync: Object, state: Object, multiple: bool, now: str) -> list[Object]:
    """`status.history` with one more entry, the oldest left out when there are too many."""
    known = list((app.get("status") or {}).get("history") or ())
    compared = sync["comparedTo"]
    entry: Object = {
        "id": int(known[-1].get("id") or 0) + 1 if known else 0,
        "deployedAt": now,
        "deployStartedAt": state["startedAt"],
        "initiatedBy": state["operation"].get("initiatedBy") or {},
        "source": {"repoURL": "", **(compared.get("source") or {})},
    }
    if multiple:
        entry["sources"] = compared.get("sources") or []
        entry["revisions"] = sync.get("revisions") or []
    elif sync.get("revision"):
        entry["revision"] = sync["revision"]
    given = app["spec"].get("revisionHistoryLimit")
    limit = specs.HISTORY_LIMIT if given is None else int(given)
    return [*known, entry][-limit:] if limit > 0 else []


def _augmented(result: ResourceResult, apis: Sequence[ApiResource]) -> ResourceResult:
    """A result whose message says what a server's short one means."""
    key = result.key
    if _NO_RESOURCE in result.message:
        where = f"{key.group}/{key.kind} for requested resource {key.namespace}/{key.name}"
        kinds = [one for one in apis if one.kind == key.kind]
        found = next((one for one in kinds if one.group == key.group), kinds[0] if kinds else None)
        if found is None:
            text = (
                f'The Kubernetes API could not find {where}. Make sure the "{key.kind}" CRD is installed on the '
                "destination cluster."
            )
        else:
            text = (
                f'The Kubernetes API could not find version "{result.version}" of {where}. '
                f'Version "{found.version}" of {found.group}/{found.kind} is installed on the destination cluster.'
            )
        return replace(result, message=text)
    if _TOO_LONG in result.message:
        return replace(result, message=result.message + _TOO_LONG_HINT)
    return result
