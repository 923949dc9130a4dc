"""The lesson: where the learner is, what a step says, and doing a step for them."""

import json
import re
from collections.abc import Sequence

from lab.checks import run as checks
from lab.checks.evidence import known_secrets
from lab.errors import LabError
from lab.model import LessonStep
from lab.operations.check import check
from lab.plaintext import one_line
from lab.ports import Command
from lab.results import CheckResult, LessonStatus
from lab.session import Lab
from lab.state import write_private

FILE = "lesson.json"
SOLVE_TIMEOUT = 900.0
LAST_LINES = 5

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})sh[ \t]*\n(?P<body>.*?)^ *(?P=fence)[`~]*[ \t]*$", re.MULTILINE | re.DOTALL
)


def commands(text: str) -> list[str]:
    """The blocks of a step's text that are meant to be typed: those fenced as `sh`, in order."""
    found = []
    for match in _FENCE.finditer(text if text.endswith("\n") else text + "\n"):
        width = len(match["indent"])
        lines = [line[width:] if not line[:width].strip() else line for line in match["body"].splitlines()]
        found.append("\n".join(lines).strip("\n"))
    return [block for block in found if block.strip()]


def where(lab: Lab) -> LessonStatus:
    """The first step that is not done.

    A step is done when its checks hold, and stays so: a later step may undo on purpose what an earlier one made. A
    step with nothing to do, which has no checks or only such that hold as soon as the lab is up or that the provider
    cannot do, is done once it was marked as seen or a later step is done. Nothing waits and no drill is run. When
    every step is done, the last one is returned as done.

    :raises LabError: `lesson-unknown` when the scenario has no lesson
    """
    return _status(lab, *_walk(lab))


def show(lab: Lab, step: int) -> LessonStatus:
    """One step with the present state of its checks.

    Steps before it that have nothing to do count as seen from now on; so does the last step when it is shown.

    :param step: counted from 1
    :raises LabError: `lesson-unknown`
    """
    found = _step(lab, step)
    last = len(lab.scenario.lesson)
    shown = [s for s in lab.scenario.lesson if s.number < step or s.number == step == last]
    _mark(lab, [s.number for s in shown if not _asks_for_work(lab, s)])
    results = _look(lab, found)
    return _status(lab, found, results, _decided(lab, found, results) or found.number in _done(lab))


def seen(lab: Lab, step: int) -> None:
    """Remember that a step was read.

    :raises LabError: `lesson-unknown`
    """
    _mark(lab, [_step(lab, step).number])


def solve(lab: Lab, step: int) -> LessonStatus:
    """Bring the state of one step: run its `solve` text, then wait for its checks, drills included.

    The text runs as `bash -eu -o pipefail` in the workspace with the environment of `lab env`, and may itself call
    `lab`. A check that does not hold afterwards is in the result.

    :raises LabError: `lesson-unknown`; `command-failed` or `command-timeout` when the text ends badly
    """
    found = _step(lab, step)
    if found.solve.strip():
        _run(lab, found)
    results = check(lab, ids=found.checks).checks if found.checks else ()
    if all(result.outcome != "failed" for result in results):
        _mark(lab, [found.number])
    return _status(lab, found, results, found.number in _done(lab))


def jump(lab: Lab, step: int) -> LessonStatus:
    """Solve every step before this one that is not done, then show this one.

    Stops at the first step whose checks do not hold after its solution and returns that one.

    :raises LabError: as `solve`
    """
    _step(lab, step)
    current, _, _ = _walk(lab)
    for number in range(current.number, step):
        if number not in _done(lab):
            result = solve(lab, number)
            if not result.done:
                return result
    return show(lab, step)


# --- deciding -------------------------------------------------------------------------------------------------------


def _walk(lab: Lab) -> tuple[LessonStep, tuple[CheckResult, ...], bool]:
    """The first step that is not done and the results of its checks; the last one and True when all are done.

    Steps become done in order only: the state a later step asks for may be there before the lesson gets to it.
    """
    done = _done(lab)
    open_steps: list[tuple[LessonStep, tuple[CheckResult, ...]]] = []
    for step in lab.scenario.lesson:
        results = () if step.number in done else _look(lab, step)
        if step.number in done or _decided(lab, step, results):
            _mark(lab, [*(earlier.number for earlier, _ in open_steps), step.number])
            open_steps.clear()
            continue
        open_steps.append((step, results))
        if any(result.outcome == "failed" for result in results):
            break
    if open_steps:
        return *open_steps[0], False
    last = _step(lab, len(lab.scenario.lesson))
    return last, _look(lab, last), True


def _look(lab: Lab, step: LessonStep) -> tuple[CheckResult, ...]:
    results = checks.once(lab, [check for check in lab.scenario.spec.checks if check.id in step.checks])
    if lab.cancel.is_set():
        raise LabError("interrupted", command="lab lesson")
    return results


def _decided(lab: Lab, step: LessonStep, results: Sequence[CheckResult]) -> bool:
    """Whether checks say that a step is done: all hold. One that was skipped says nothing either way, unless nothing
    here could ever make it hold: then the others decide."""
    able = _possible(lab)
    return _asks_for_work(lab, step) and all(result.outcome == "passed" for result in results if result.id in able)


def _asks_for_work(lab: Lab, step: LessonStep) -> bool:
    """Whether one of the step's checks does not hold just because the lab is up, and can be made to hold here."""
    able = _possible(lab)
    return any(check.id in step.checks and check.id in able for check in lab.scenario.checks("lesson", "drill"))


def _possible(lab: Lab) -> set[str]:
    """Checks that the provider has what it takes for."""
    return {check.id for check in lab.scenario.spec.checks if lab.provider.capabilities.issuperset(check.needs)}


def _step(lab: Lab, number: int) -> LessonStep:
    steps = lab.scenario.lesson
    if not 1 <= number <= len(steps):
        raise LabError("lesson-unknown", step=number, steps=len(steps))
    return steps[number - 1]


def _status(lab: Lab, step: LessonStep, results: tuple[CheckResult, ...], done: bool) -> LessonStatus:
    return LessonStatus(
        scenario=lab.scenario.id,
        step=step.number,
        steps=len(lab.scenario.lesson),
        title=step.title,
        text=step.text,
        checks=results,
        done=done,
        hint=step.hint,
        commands=tuple(commands(step.text)),
        finished=tuple(sorted(_done(lab))),
    )


# --- doing ----------------------------------------------------------------------------------------------------------


def _run(lab: Lab, step: LessonStep) -> None:
    result = lab.shell.run(
        Command(
            argv=("bash", "-eu", "-o", "pipefail", "-s"),
            timeout=SOLVE_TIMEOUT,
            env=tuple(lab.environment().items()),
            cwd=lab.workspace,
            stdin=step.solve,
            changes=True,
            secrets=known_secrets(lab.folder),
        ),
        check=False,
    )
    if result.exit_code == 0:
        return
    output = [one_line(line) for line in (result.stderr.strip() or result.stdout.strip()).splitlines()]
    values = {
        "program": f"the solution of step {step.number}",
        "last_lines": "\n".join(output[-LAST_LINES:]) or "it printed nothing",
        "command": f"lab lesson {step.number}    # shows its commands one by one",
    }
    if result.exit_code < 0 and result.seconds >= SOLVE_TIMEOUT:
        raise LabError("command-timeout", timeout=SOLVE_TIMEOUT, **values)
    raise LabError("command-failed", exit_code=result.exit_code, **values)


# --- progress -------------------------------------------------------------------------------------------------------


def _done(lab: Lab) -> set[int]:
    """Numbers of the steps that were done once; a damaged file or another lesson's progress is no progress."""
    try:
        data = json.loads((lab.folder.path / FILE).read_text(encoding="utf-8"))
        if data["scenario"] != lab.scenario.id:
            return set()
        slugs = set(data["done"])
    except (OSError, ValueError, TypeError, KeyError):
        return set()
    return {step.number for step in lab.scenario.lesson if step.slug in slugs}


def _mark(lab: Lab, numbers: Sequence[int]) -> None:
    done = _done(lab)
    if set(numbers) <= done:
        return
    slugs = [step.slug for step in lab.scenario.lesson if step.number in done | set(numbers)]
    data = {"scenario": lab.scenario.id, "done": slugs, "time": lab.clock.now()}
    write_private(lab.folder.path / FILE, json.dumps(data, indent=2) + "\n")
