"""One pass of a sync: `SyncContext`.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/sync_context.go` (Sync, Terminate).
"""

from __future__ import annotations

from lab.sim.argocd.health import HealthError, assess
from lab.sim.argocd.ports import Connection
from lab.sim.argocd.sync.discovery import Discovery, KubectlCache
from lab.sim.argocd.sync.kubectl import OperationError
from lab.sim.argocd.sync.ledger import Ledger
from lab.sim.argocd.sync.order import is_namespace, several_steps
from lab.sim.argocd.sync.planning import Planner
from lab.sim.argocd.sync.records import (
    COMPLETED,
    ERROR,
    FAILED,
    RUNNING,
    SUCCEEDED,
    SYNC_FAIL,
    SYNC_FAILED,
    ResourceResult,
    SyncOptions,
    SyncRequest,
    SyncState,
)
from lab.sim.argocd.sync.running import BROKEN, DONE, Runner, needs_confirmation
from lab.sim.argocd.sync.task import Task
from lab.sim.clock import Clock
from lab.sim.objects import Object

_HOOK_STATES = {"Unknown": FAILED, "Degraded": FAILED, "Progressing": RUNNING, "Suspended": RUNNING}


class SyncContext:
    """A sync that goes on from a state. Like Argo CD's it is made anew for each pass, from a new comparison.

    After `step` or `terminate`: `phase`, `message` and `results` are what to store.
    """

    def __init__(
        self,
        connection: Connection,
        request: SyncRequest,
        clock: Clock,
        state: SyncState | None = None,
        cache: KubectlCache | None = None,
    ) -> None:
        """`state`: how far it has come; None for an operation that begins now; `cache`: the controller's own one."""
        state = state or SyncState(started_at=clock.now())
        self.phase = state.phase
        self.message = state.message
        self.results: list[ResourceResult] = list(state.results)
        """What became of every resource so far, in the order they came up."""
        self._request = request
        self._clock = clock
        self._ledger = Ledger(state.results)
        self._discovery = Discovery(connection)
        self._planner = Planner(connection, self._discovery, request, self._ledger, state.started_at)
        self._runner = Runner(connection, self._discovery, request.options, self._ledger, clock, cache)
        self._modified = {one.key: one.modified for one in request.pairs}

    @property
    def done(self) -> bool:
        """Whether the operation is over."""
        return self.phase in COMPLETED

    async def step(self) -> bool:
        """One pass; True when the operation is over. Sleeps `wave_delay` where Argo CD does."""
        await self._sync()
        self.results = self._ledger.results()
        return self.done

    async def terminate(self) -> None:
        """End the operation: running hooks are let go and deleted."""
        tasks, _ = await self._planner.tasks()
        await self._let_go([one for one in tasks if one.is_hook and one.completed])
        if await self._terminate_hooks(tasks):
            self._set(FAILED, "Operation terminated")
        else:
            self._set(ERROR, "Operation termination had errors")
        self.results = self._ledger.results()

    def _set(self, phase: str, message: str) -> None:
        self.phase, self.message = phase, message

    async def _sync(self) -> None:
        tasks, valid = await self._planner.tasks()
        if not valid:
            text = "one or more synchronization tasks are not valid"
            failures = self._ledger.failures()
            self._set(FAILED, f"{text}: {'; '.join(failures)}" if failures else text)
            return
        if not self._ledger.begun and not await self._try(tasks):
            return
        self._follow(tasks)
        if await self._is_waiting(tasks):
            return
        await self._let_go([one for one in tasks if one.is_hook and one.completed])
        finished = [one for one in tasks if one.is_hook and one.live is not None and not one.running]
        after_success = [one for one in finished if one.delete_on_success]
        after_failure = [one for one in finished if one.delete_on_failure]
        on_failure = [one for one in tasks if one.phase == SYNC_FAIL]
        tasks = [one for one in tasks if one.phase != SYNC_FAIL]
        if any(one.completed and not one.successful for one in tasks):
            await self._delete_hooks(after_failure)
            await self._fail(on_failure, tasks, "one or more synchronization tasks completed unsuccessfully")
            return
        tasks = [one for one in tasks if one.pending]
        if self._request.options.out_of_sync_only:
            tasks = self._out_of_sync(tasks)
        if not tasks:
            await self._delete_hooks(after_success)
            self._set(SUCCEEDED, "successfully synced (no more tasks)")
            return
        await self._run_wave(tasks, on_failure, after_success, after_failure)

    async def _try(self, tasks: list[Task]) -> bool:
        """Before anything else: make the namespace, then try everything without doing it."""
        trying = tasks
        makes = next((one for one in tasks if one.live is None and self._is_destination(one)), None)
        if makes is not None:
            if await self._runner.run([makes], False) == BROKEN:
                await self._fail([], [makes], "the namespace failed to apply")
                return False
            trying = [one for one in tasks if one is not makes]
        if self._request.options.out_of_sync_only:
            trying = self._out_of_sync(trying)
        if await self._runner.run(trying, True) == BROKEN:
            self._set(FAILED, "one or more objects failed to apply (dry run)")
            return False
        return True

    def _is_destination(self, task: Task) -> bool:
        return is_namespace(task.target, self._request.namespace)

    def _out_of_sync(self, tasks: list[Task]) -> list[Task]:
        return [
            one
            for one in tasks
            if one.is_hook
            or one.target is None
            or one.live is None
            or self._modified.get(one.compared_key) is not False
        ]

    # -- watching what runs

    def _follow(self, tasks: list[Task]) -> None:
        """See what became of what is running."""
        for task in tasks:
            if not task.running or task.live is None:
                continue
            if task.is_hook:
                state, message = self._hook_state(task.live)
                self._ledger.record(task, task.status, state, message)
                continue
            try:
                health = assess(task.live, self._request.health_overrides, self._clock.now())
            except HealthError:
                continue
            if health is None:
                self._ledger.record(task, task.status, SUCCEEDED, task.message)
            elif health.status == "Healthy":
                self._ledger.record(task, task.status, SUCCEEDED, health.message)
            elif health.status == "Degraded":
                self._ledger.record(task, task.status, FAILED, health.message)

    def _hook_state(self, live: Object) -> tuple[str, str]:
        try:
            health = assess(live, self._request.health_overrides, self._clock.now())
        except HealthError as error:
            return ERROR, f"failed to get resource health: failed to get resource health: {error}"
        if health is None:
            return SUCCEEDED, f"{live['metadata'].get('name', '')} created"
        state = _HOOK_STATES.get(health.status, SUCCEEDED)
        return state, health.message

    async def _is_waiting(self, tasks: list[Task]) -> bool:
        multi_step = several_steps(tasks)
        running = [one for one in tasks if (multi_step or one.is_hook) and one.running]
        if running:
            await self._find_missing(running)
            self._wait_for(running)
            return True
        leaving = [
            one
            for one in tasks
            if one.pruned and one.live is not None and one.live["metadata"].get("deletionTimestamp")
        ]
        if leaving:
            self._wait_for(leaving, deletion=True)
        return bool(leaving)

    async def _find_missing(self, running: list[Task]) -> None:
        """What was applied and is not there any more will never become healthy."""
        for task in running:
            if task.live is not None:
                continue
            try:
                if await self._runner.live(task) is not None:
                    continue
            except OperationError as error:
                self._ledger.record(task, task.status, ERROR, f"Failed to get live resource {error}")
                continue
            text = f"Resource {task.title} is missing, it might have been deleted"
            self._ledger.record(task, SYNC_FAILED, ERROR, text)

    def _wait_for(self, tasks: list[Task], *, deletion: bool = False) -> None:
        self._set(RUNNING, waiting_for(tasks, self._request.options, deletion=deletion))

    # -- the next wave

    async def _run_wave(
        self, tasks: list[Task], on_failure: list[Task], after_success: list[Task], after_failure: list[Task]
    ) -> None:
        place, last = (tasks[0].phase, tasks[0].wave), (tasks[-1].phase, tasks[-1].wave)
        remaining = [one for one in tasks if (one.phase, one.wave) != place]
        tasks = [one for one in tasks if (one.phase, one.wave) == place]
        self._set(RUNNING, "one or more tasks are running")
        ran = await self._runner.run(tasks, False)
        if ran != BROKEN and place != last and self._request.wave_delay > 0:
            await self._clock.sleep(self._request.wave_delay)
        if ran == BROKEN:
            await self._wave_failed(tasks, on_failure, after_failure)
        elif ran != DONE:
            self._wait_for(
                [one for one in tasks if one.delete_before_creation or (one.is_prune and one.pending)], deletion=True
            )
        elif remaining or any(one.is_hook for one in tasks):
            self._wait_for(tasks)
        else:
            await self._delete_hooks(after_success)
            self._set(SUCCEEDED, "successfully synced (all tasks run)")

    async def _wave_failed(self, tasks: list[Task], on_failure: list[Task], after_failure: list[Task]) -> None:
        text = "one or more objects failed to apply"
        running = [one for one in tasks if one.running]
        if running:
            if on_failure and not await self._fail(on_failure, tasks, text):
                running += on_failure
            self._wait_for(running)
        elif await self._fail(on_failure, tasks, text):
            await self._delete_hooks(after_failure)

    async def _fail(self, on_failure: list[Task], tasks: list[Task], message: str) -> bool:
        """Run the hooks for failures, then fail; False while they run."""
        text = _with_reasons(message, tasks)
        if all(one.completed for one in on_failure):
            failed = [one for one in on_failure if one.status == SYNC_FAILED]
            if failed:
                text += "\n" + _with_reasons("one or more SyncFail hooks failed", failed)
            self._set(FAILED, text)
            return True
        waiting = [one for one in on_failure if not one.completed and not one.running]
        await self._runner.run(waiting, False)
        self._wait_for(waiting)
        return False

    # -- ends of hooks

    async def _let_go(self, tasks: list[Task]) -> None:
        for task in tasks:
            try:
                await self._runner.remove_finalizer(task)
            except OperationError as error:
                self._ledger.record(task, task.status, ERROR, f"Failed to remove hook finalizer: {error}")

    async def _delete_hooks(self, tasks: list[Task]) -> None:
        for task in tasks:
            try:
                await self._runner.delete(task)
            except OperationError as error:
                self._ledger.record(task, task.status, ERROR, f"failed to delete resource: {error}")

    async def _terminate_hooks(self, tasks: list[Task]) -> bool:
        done = True
        for task in tasks:
            if task.is_hook and task.running:
                done = await self._terminate_hook(task) and done
        return done

    async def _terminate_hook(self, task: Task) -> bool:
        try:
            if task.live is None:
                task.live = await self._runner.live(task)
        except OperationError as error:
            self._ledger.record(task, task.status, ERROR, f"Failed to get live resource: {error}")
            return False
        if task.live is None:
            self._ledger.record(task, task.status, SUCCEEDED, "Terminated")
            return True
        state, message = self._hook_state(task.live)
        try:
            await self._runner.remove_finalizer(task)
        except OperationError as error:
            self._ledger.record(task, task.status, ERROR, f"Failed to remove hook finalizer: {error}")
            return False
        if state in (RUNNING, ERROR) or task.delete_on_failure:
            try:
                await self._runner.delete(task)
            except OperationError as error:
                self._ledger.record(task, task.status, FAILED, f"Failed to delete: {error}")
                return False
        if state == ERROR:
            text = message.replace("failed to get resource health: ", "Failed to get hook health: ", 1)
            self._ledger.record(task, task.status, ERROR, text)
        elif state != RUNNING:
            self._ledger.record(task, task.status, state, message)
        else:
            self._ledger.record(task, task.status, FAILED, "Terminated")
        return True


def waiting_for(tasks: list[Task], options: SyncOptions, *, deletion: bool = False) -> str:
    """What an operation says that waits for tasks, or for their objects to be gone; "" for none."""
    if not tasks:
        return ""
    of_hooks = [one for one in tasks if one.is_hook]
    first, more = (of_hooks or tasks)[0], len(tasks) - 1
    reason = "completion of hook" if of_hooks else "healthy state of"
    if deletion:
        reason = "deletion of hook" if of_hooks else "deletion of"
    unconfirmed = [] if options.prune_confirmed else [one for one in tasks if needs_confirmation(one, options)]
    if unconfirmed:
        reason, first, more = "pruning confirmation of", unconfirmed[0], len(unconfirmed) - 1
    message = f"waiting for {reason} {first.title}"
    if more > 0:
        message += f" and {more} more {'hooks' if len(of_hooks) == len(tasks) else 'resources'}"
    return message


def _with_reasons(message: str, tasks: list[Task]) -> str:
    """The message with what the failed tasks say, each text once."""
    reasons = dict.fromkeys(one.message for one in tasks if one.status == SYNC_FAILED)
    return f"{message}, reason: {','.join(reasons)}" if reasons else message
