"""Runs a plan: in parallel where the graph allows, one event for everything that happens."""

import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from lab.errors import Cancelled, LabError
from lab.events import StepFinished, StepOutcome, StepProgressed, StepStarted
from lab.plan import Plan
from lab.recording import current_step
from lab.session import Lab
from lab.steps.step import Step

WORKERS = 12
UNKNOWN = ("kube-unreachable", "kube-refused", "git-failed")
"""Errors that leave open whether a step is satisfied; then it is done, which is the same for what is there."""
Work = Callable[[Step, Lab], StepOutcome]


def run(plan: Plan, lab: Lab, again: str) -> None:
    """Do every step that is not yet satisfied.

    :param again: the command that goes on after an interruption
    :raises LabError: the first step's error, when the steps that ran beside it have ended; `interrupted` when
        `lab.cancel` was set
    """
    _walk(plan, lab, _do, again)


def undo(plan: Plan, lab: Lab) -> None:
    """Undo every step of a reversed plan; a step that fails does not keep the others from being undone.

    :raises LabError: the first error, at the end
    """
    _walk(plan, lab, _undo, "lab down", keep_going=True)


def _do(step: Step, lab: Lab) -> StepOutcome:
    try:
        missing = step.satisfied(lab)
    except LabError as error:
        if error.code not in UNKNOWN:
            raise
        missing = f"{error.what}: {error.why}"
    if not missing:
        return "already"
    lab.sink(StepStarted(step=step.id))
    lab.folder.note("step-begun", step=step.id)
    _told(lab, step)(missing)
    step.run(lab, _told(lab, step))
    lab.folder.note("step-done", step=step.id)
    return "done"


def _undo(step: Step, lab: Lab) -> StepOutcome:
    lab.sink(StepStarted(step=step.id))
    step.undo(lab, _told(lab, step))
    return "done"


def _told(lab: Lab, step: Step) -> Callable[[str], None]:
    return lambda detail: lab.sink(StepProgressed(step=step.id, detail=detail))


class _Slots:
    """How many steps of one slot may still start."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._free = dict(limits)

    def take(self, step: Step) -> bool:
        if self._free.get(step.slot, 1) < 1:
            return False
        if step.slot in self._free:
            self._free[step.slot] -= 1
        return True

    def give(self, step: Step) -> None:
        if step.slot in self._free:
            self._free[step.slot] += 1


def _walk(plan: Plan, lab: Lab, work: Work, again: str, keep_going: bool = False) -> None:
    todo = list(plan)
    finished: set[str] = set()
    running: dict[Future[LabError | Exception | None], Step] = {}
    slots = _Slots({"create": lab.settings.create_slots})
    first_error: LabError | Exception | None = None
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="step") as pool:
        while todo or running:
            stopping = lab.cancel.is_set() or (first_error is not None and not keep_going)
            if not stopping:
                for step in list(todo):
                    if set(step.needs) <= finished and slots.take(step):
                        todo.remove(step)
                        context = contextvars.copy_context()
                        running[pool.submit(context.run, _step, step, lab, work)] = step
            if not running:
                break
            done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                step = running.pop(future)
                slots.give(step)
                error = future.result()
                if error is None or keep_going:
                    finished.add(step.id)
                if error is not None and first_error is None and not isinstance(error, Cancelled):
                    first_error = error
    why = "an earlier step did not end well" if first_error else "stopped on request"
    for step in todo:
        lab.sink(StepFinished(step=step.id, outcome="skipped", detail=why))
    if first_error is not None:
        raise first_error
    if lab.cancel.is_set():
        raise LabError("interrupted", command=again)


def _step(step: Step, lab: Lab, work: Work) -> LabError | Exception | None:
    """Run one step and tell its end; the error is returned so that the walk decides what it means."""
    current_step.set(step.id)
    start = lab.clock.monotonic()

    def finish(outcome: StepOutcome, detail: str = "") -> None:
        seconds = round(lab.clock.monotonic() - start, 3)
        lab.sink(StepFinished(step=step.id, outcome=outcome, seconds=seconds, detail=detail))

    try:
        finish(work(step, lab))
    except Cancelled as error:
        finish("cancelled", f"while waiting for {error}")
        return error
    except LabError as error:
        finish("failed", f"{error.what}: {error.why}")
        return error
    except Exception as error:
        finish("failed", f"{type(error).__name__}: {error}")
        return error
    return None
