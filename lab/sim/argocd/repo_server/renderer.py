"""Renders jobs and remembers what came out, for every Argo CD of a daemon.

A small source is rendered at once, in the event loop. Anything larger, and anything that took long before, is rendered
in one thread that has its own view of the repositories, so that a slow chart holds up other slow ones only. Whoever
asks for a job that is under way waits for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from lab.sim.argocd.repo_server.answers import Refusal
from lab.sim.argocd.repo_server.checkouts import Checkouts, Commit, files_of
from lab.sim.argocd.repo_server.jobs import Job
from lab.sim.argocd.repo_server.rendering import Tools, render
from lab.sim.argocd.repo_server.survey import Survey, survey
from lab.sim.git.tree import GitFolder, Trees
from lab.sim.objects import Object
from lab.sim.render.directory import COMBINED_LIMIT
from lab.sim.render.folder import TooLarge
from lab.sim.templates.gotemplate import Budget

T = TypeVar("T")
OBJECTS_KEPT = 100_000
"""Objects of all outcomes that are remembered."""
_SURVEYS = 8192
_SMALL_ENTRIES = 2_000
"""Files and folders of a commit that is read in the event loop."""
_SLOW = 0.03
"""Seconds of computing. What took longer is rendered in the thread from then on."""
_BRIEF = Budget(steps=10_000, seconds=0.2, characters=1 << 20)
"""What the templates of a small chart may cost in the event loop before they are left to the thread."""
_OVERDRAWN = ("template execution took", "template output is larger")
_STACK = 64 * 1024 * 1024
"""Bytes: templates and YAML may be nested deeply."""
Outcome = tuple[Object, ...] | Refusal


class Renderer:
    """The renderers of one git server's repositories."""

    def __init__(
        self,
        checkouts: Checkouts,
        tools: Tools | None = None,
        *,
        limit: int = COMBINED_LIMIT,
        now: Callable[[], float] = time.time,
        budget: Budget | None = None,
        kept: int = OBJECTS_KEPT,
    ) -> None:
        """Programs to use, and limits.

        :param limit: bytes of a directory's manifests
        :param now: what charts take for the time
        :param budget: what the templates of a chart may cost
        :param kept: see OBJECTS_KEPT
        """
        self.checkouts = checkouts
        self._tools = tools or Tools()
        self._limit, self._now, self._budget, self._most = limit, now, budget, kept
        self._surveys: OrderedDict[tuple[Commit, str], Survey | Refusal] = OrderedDict()
        self._outcomes: OrderedDict[Job, Outcome] = OrderedDict()
        self._objects = 0
        self._slow: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._large: set[tuple[str, str, int]] = set()
        self._under_way: dict[Any, asyncio.Future[Any]] = {}
        self._worker: _Worker | None = None

    async def survey(self, commit: Commit, path: str) -> Survey:
        """What the folder of a source says. Raises Refusal."""
        key = (commit, path)
        found = self._surveys.get(key)
        if found is None:
            try:
                found = await self._surveyed(commit, path)
            except Refusal as error:
                found = error
            self._surveys[key] = found
            if len(self._surveys) > _SURVEYS:
                self._surveys.popitem(last=False)
        else:
            self._surveys.move_to_end(key)
        if isinstance(found, Refusal):
            raise Refusal(str(found), found.code)
        return found

    async def render(self, job: Job, *, is_small: bool, again: bool = False) -> Sequence[Object]:
        """The objects of a job, without tracking marks and never to be changed. Raises Refusal.

        :param is_small: what the survey says of it
        :param again: render although the outcome is remembered
        """
        found = None if again else self._outcomes.get(job)
        if found is None:
            found = await self._outcome(job, is_small)
            self._keep(job, found)
        else:
            self._outcomes.move_to_end(job)
        if isinstance(found, Refusal):
            raise Refusal(str(found), found.code)
        return found

    def close(self) -> None:
        """Render no more. A rendering that is under way ends by itself, and nobody hears of it."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        self.checkouts.close()

    # -- inside

    async def _surveyed(self, commit: Commit, path: str) -> Survey:
        where = (commit.owner, commit.name, commit.made)
        if where not in self._large:
            try:
                with self.checkouts.lock:
                    return survey(self.checkouts.files(commit, _SMALL_ENTRIES), path)
            except TooLarge:
                self._large.add(where)
        return await self._in_thread((commit, path), lambda trees: survey(files_of(trees, commit), path))

    async def _outcome(self, job: Job, is_small: bool) -> Outcome:
        cost_key = (job.commit.owner, job.commit.name, job.path)
        started = time.thread_time()
        others = {commit[:3] for _, commit in job.references}
        fits = is_small and cost_key not in self._slow and not others & self._large and not any(self._programs(job))
        if fits:
            with self.checkouts.lock:
                found = self._attempt(job, self.checkouts.files, _BRIEF)
            took = time.thread_time() - started
        if not fits or (isinstance(found, Refusal) and any(one in str(found) for one in _OVERDRAWN)):
            found, took = await self._in_thread(job, lambda trees: self._timed(job, trees))
        if took > _SLOW:
            self._slow[cost_key] = None
            if len(self._slow) > _SURVEYS:
                self._slow.popitem(last=False)
        return found

    def _programs(self, job: Job) -> tuple[str, ...]:
        return (self._tools.helm, self._tools.kustomize) if job.kind != "Directory" else ()

    def _timed(self, job: Job, trees: Trees) -> tuple[Outcome, float]:
        started = time.thread_time()
        found = self._attempt(job, lambda commit: files_of(trees, commit), self._budget)
        return found, time.thread_time() - started

    def _attempt(self, job: Job, files: Callable[[Commit], GitFolder], budget: Budget | None = None) -> Outcome:
        try:
            return tuple(render(job, files, self._tools, limit=self._limit, now=self._now, budget=budget))
        except Refusal as error:
            return error

    def _keep(self, job: Job, outcome: Outcome) -> None:
        gone = self._outcomes.pop(job, ())
        self._outcomes[job] = outcome
        self._objects += _weight(outcome) - (_weight(gone) if gone else 0)
        while self._objects > self._most and len(self._outcomes) > 1:
            self._objects -= _weight(self._outcomes.popitem(last=False)[1])

    async def _in_thread(self, key: object, work: Callable[[Trees], T]) -> T:
        """What `work` gives in the thread; once for all who ask for `key` meanwhile."""
        waiting = self._under_way.get(key)
        if waiting is None:
            if self._worker is None:
                self._worker = _Worker(self.checkouts)
            waiting = asyncio.wrap_future(self._worker.submit(work))
            self._under_way[key] = waiting
            waiting.add_done_callback(lambda done: self._ended(key, done))
        found: T = await asyncio.shield(waiting)
        return found

    def _ended(self, key: object, done: asyncio.Future[Any]) -> None:
        del self._under_way[key]
        # Where nobody waits any more, nobody else looks at how it ended.
        done.cancelled() or done.exception()


def _weight(outcome: Outcome | tuple[()]) -> int:
    return 1 if isinstance(outcome, Refusal) else len(outcome) + 1


class _Worker:
    """One thread that renders, with repositories opened for itself."""

    def __init__(self, checkouts: Checkouts) -> None:
        self._trees = Trees(checkouts.git.repositories, kept=32)
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[Trees], Any]] | None] = SimpleQueue()
        before = threading.stack_size(_STACK)
        try:
            threading.Thread(target=self._run, name="repo-server", daemon=True).start()
        finally:
            threading.stack_size(before)

    def submit(self, work: Callable[[Trees], T]) -> Future[T]:
        future: Future[T] = Future()
        self._queue.put((future, work))
        return future

    def close(self) -> None:
        self._queue.put(None)

    def _run(self) -> None:
        while (one := self._queue.get()) is not None:
            future, work = one
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work(self._trees))
            except BaseException as error:  # it is raised again where the answer is awaited
                future.set_exception(error)
            # Nothing of a rendering stays while the thread waits for the next one.
            del one, future, work
        self._trees.close()
