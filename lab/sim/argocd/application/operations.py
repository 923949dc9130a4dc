"""The operation of an Application: begun, taken further, retried, ended.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (processRequestedAppOperation, setOperationState),
`controller/state.go` (persistRevisionHistory).
"""

from __future__ import annotations

from collections.abc import Callable

from lab.sim.api.status import ApiError
from lab.sim.argocd.application import retry
from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.audit import OPERATION_COMPLETED
from lab.sim.argocd.application.context import Context
from lab.sim.argocd.application.hub import Key, ProjectNotFound, ProjectNotPermitted
from lab.sim.argocd.application.refresh import Level
from lab.sim.argocd.application.status import merge_patch
from lab.sim.argocd.application.syncing import Syncing
from lab.sim.argocd.sync.records import COMPLETED, ERROR, FAILED, RUNNING, SUCCEEDED, TERMINATING
from lab.sim.clock import parse_timestamp, timestamp
from lab.sim.objects import Object, name_of, namespace_of

_WRITE_AGAIN_SECONDS = 1.0


class Operations:
    """Works off the field `operation`."""

    def __init__(self, context: Context, again: Callable[[Key, float], object]) -> None:
        """`again`: have `process` called for an Application in so many seconds."""
        self._context = context
        self._again = again
        self._syncing = Syncing(context)

    async def process(self, app: Object) -> None:
        """Take an operation one pass further.

        :param app: the Application as the API has it now, with an `operation`
        """
        context = self._context
        try:
            state, cause = await self._resumed(app)
        except _LeftAlone as left:
            self._again(_key(app), left.seconds)
            return
        if state is None:
            return
        terminating = state["phase"] == TERMINATING
        history: list[Object] | None = None
        try:
            project = context.hub.project(app)
        except (ProjectNotFound, ProjectNotPermitted) as error:
            state["phase"] = ERROR
            state["message"] = f"Failed to load application project: {error}"
        else:
            try:
                history = await self._syncing.advance(app, project, state)
            except Exception as error:
                # An operation that breaks must not run for ever; what it broke on is for its message.
                context.log.about("error", app, "Recovered from panic", error=str(error))
                state["phase"], state["message"] = ERROR, str(error)
        if state["phase"] == RUNNING:
            await self._check_termination(app, state)
        elif state["phase"] in (FAILED, ERROR):
            self._retry(state, terminating, cause)
        await self._write(app, state, history)
        if state["phase"] in COMPLETED:
            sync = app["operation"].get("sync")
            if sync is not None and not sync.get("dryRun"):
                initiator = (state["operation"].get("initiatedBy")) or {}
                context.request_refresh(_key(app), Level.LATEST if initiator.get("automated") else Level.FORCED, 0.0)
            return
        self._again(_key(app), self._poll(state))

    # -- where it stands

    async def _resumed(self, app: Object) -> tuple[Object | None, str]:
        """The state to go on from, and what terminates it. Raises _LeftAlone while a retry is waited for."""
        context = self._context
        known = specs.operation_state(app)
        if known is None or known.get("phase") in COMPLETED:
            state: Object = {"operation": app["operation"], "phase": RUNNING, "startedAt": context.now()}
            await self._write(app, state)
            context.log.about("info", app, "Initialized new operation")
            return state, ""
        state = dict(known)
        if state.get("syncResult"):
            state["syncResult"] = dict(state["syncResult"])
        now = context.clock.now()
        limit = context.env.sync_timeout
        if state.get("phase") == TERMINATING:
            pass
        elif limit and now > parse_timestamp(str(state["startedAt"])) + limit:
            state["phase"], state["message"] = TERMINATING, "operation is terminating due to timeout"
            await self._write(app, state)
            return state, "controller sync timeout"
        elif state.get("phase") == RUNNING and state.get("finishedAt"):
            # A failed attempt that is to be retried is Running and has an end.
            try:
                wait = context.env.bounded(retry.delay(state["operation"], int(state.get("retryCount") or 0)))
            except retry.RetryError as error:
                state["phase"], state["message"] = ERROR, str(error)
                await self._write(app, state)
                return None, ""
            left = parse_timestamp(str(state["finishedAt"])) + wait - now
            if left > 0:
                raise _LeftAlone(left)
            self._begin_retry(state)
            await self._write(app, state)
        context.log.about(
            "info", app, f"Resuming in-progress operation. phase: {state['phase']}, message: {state.get('message', '')}"
        )
        return state, ""

    @staticmethod
    def _begin_retry(state: Object) -> None:
        extra = ""
        operation = state["operation"]
        if (operation.get("retry") or {}).get("refresh") and operation.get("sync"):
            extra = " with latest revisions"
            sync = {key: value for key, value in operation["sync"].items() if key not in ("revision", "revisions")}
            state["operation"] = {**operation, "sync": sync}
        state["message"] = f"Retrying operation{extra}. Attempt #{int(state.get('retryCount') or 0)}"
        state.pop("finishedAt", None)
        state.pop("syncResult", None)

    async def _check_termination(self, app: Object, state: Object) -> None:
        """A termination that was asked for while this pass went on must not be overwritten."""
        try:
            fresh = await self._context.hub.fresh(app)
        except ApiError:
            return
        if fresh is not None and (specs.operation_state(fresh) or {}).get("phase") == TERMINATING:
            state["phase"], state["message"] = TERMINATING, "operation is terminating"

    def _retry(self, state: Object, terminating: bool, cause: str) -> None:
        """What becomes of a failed attempt: another one, or the end with what to say of it."""
        retries = int(state.get("retryCount") or 0)
        limit = retry.limit(state["operation"])
        message = str(state.get("message") or "")
        if not terminating and (retries < limit or limit < 0):
            now = self._context.clock.now()
            try:
                at = now + self._context.env.bounded(retry.delay(state["operation"], retries))
            except retry.RetryError as error:
                state["phase"], state["message"] = ERROR, f"{message} (failed to retry: {error})"
                return
            state.update(phase=RUNNING, finishedAt=timestamp(now), retryCount=retries + 1)
            state["message"] = f"{message}. Retrying attempt #{retries + 1} at {timestamp(at)}."
            return
        if terminating and cause:
            message = f"{message}, triggered by {cause}"
        if retries > 0:
            message = f"{message} (retried {retries} times)."
        state["message"] = message

    def _poll(self, state: Object) -> float:
        env = self._context.env
        if state["phase"] == RUNNING and state.get("finishedAt"):
            try:
                return env.bounded(retry.delay(state["operation"], int(state.get("retryCount") or 0)))
            except retry.RetryError:
                return 0.0
        if env.sync_timeout and state["phase"] != TERMINATING:
            left = parse_timestamp(str(state["startedAt"])) + env.sync_timeout - self._context.clock.now()
            return max(min(env.poll, left), 0.0)
        return env.poll

    # -- writing

    async def _write(self, app: Object, state: Object, history: list[Object] | None = None) -> None:
        """Store the state; an operation that is over is taken off the Application."""
        context = self._context
        over = state["phase"] in COMPLETED
        if over:
            state["finishedAt"] = context.now()
        written = {key: value for key, value in state.items() if value not in ("", None)}
        held = context.hub.application(_key(app)) or app
        known = specs.operation_state(held)
        if known == written and not over and history is None:
            return
        status: Object = {"operationState": merge_patch(known or {}, written)}
        if history is not None:
            status["history"] = history
        patch: Object = {"status": status}
        if over:
            patch["operation"] = None
        while True:
            try:
                await context.hub.patch(app, patch)
                break
            except ApiError as error:
                if error.code == 404:
                    return
                context.log.about("warn", app, "error patching application with operation state", error=error.message)
                await context.clock.sleep(_WRITE_AGAIN_SECONDS)
        context.log.about("info", app, f"updated '{specs.qualified_name(app)}' operation (phase: {state['phase']})")
        if over:
            kind, message = _completion(state)
            await context.audit.tell(app, kind, OPERATION_COMPLETED, message)


class _LeftAlone(Exception):
    """A retry is not due yet."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


def _completion(state: Object) -> tuple[str, str]:
    """Type and message of the event about an operation's end."""
    partial = bool((state["operation"].get("sync") or {}).get("resources"))
    words = ["Partial sync operation" if partial else "Sync operation"]
    result = state.get("syncResult")
    if result is not None:
        words += ["to", ",".join(result.get("revisions") or ()) or str(result.get("revision") or "")]
    if state["phase"] == SUCCEEDED:
        return "Normal", " ".join([*words, "succeeded"])
    return "Warning", " ".join([*words, "failed:", str(state.get("message") or "")])


def _key(app: Object) -> Key:
    return namespace_of(app), name_of(app)
