"""How near a run comes to the shortest time its graph allows (P7)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lab.events import RunStarted, StepFinished, StepInfo, read

EXACT = 10


def lower_bound(
    steps: Sequence[StepInfo], seconds: Mapping[str, float], groups: Iterable[tuple[Sequence[str], int]] = ()
) -> float:
    """No schedule can be shorter, in seconds.

    :param seconds: duration of each step by id; a step that is missing takes none
    :param groups: ids of steps that share slots, and how many of them run at once
    """
    needs = {step.id: step.needs for step in steps}
    followers: dict[str, list[str]] = {step.id: [] for step in steps}
    for step in steps:
        for need in step.needs:
            followers[need].append(step.id)
    heads: dict[str, float] = {}
    tails: dict[str, float] = {}

    def head(step: str) -> float:
        """Time that must pass before it begins."""
        if step not in heads:
            heads[step] = max((head(need) + seconds.get(need, 0.0) for need in needs[step]), default=0.0)
        return heads[step]

    def tail(step: str) -> float:
        """Time that must pass after it ended."""
        if step not in tails:
            tails[step] = max((tail(after) + seconds.get(after, 0.0) for after in followers[step]), default=0.0)
        return tails[step]

    bound = max((head(step.id) + seconds.get(step.id, 0.0) + tail(step.id) for step in steps), default=0.0)
    for members, slots in groups:
        # What begins no earlier than `early` and is followed by at least `late` has to pass through the slots between.
        for early in {head(member) for member in members}:
            for late in {tail(member) for member in members}:
                inside = [m for m in members if head(m) >= early and tail(m) >= late]
                bound = max(bound, early + shortest([seconds.get(m, 0.0) for m in inside], slots) + late)
    return bound


def shortest(durations: Sequence[float], slots: int) -> float:
    """The least time in which so many slots get through pieces of work that cannot be cut, in seconds.

    Exact for up to ten pieces; beyond, the time it takes when work could be cut.
    """
    if len(durations) > EXACT:
        return max(sum(durations) / slots, max(durations))
    loads = {(0.0,) * slots}
    for duration in durations:
        # Slots are alike, so sorted loads stand for all their orders.
        loads = {tuple(sorted((*load[:i], load[i] + duration, *load[i + 1 :]))) for load in loads for i in range(slots)}
    return min(max(load) for load in loads)


def of_log(path: Path, slots: int) -> tuple[float, float]:
    """Wall time of a recorded run's steps and their lower bound, in seconds.

    :param slots: how many clusters were created at once
    """
    started, seconds, wall = _recorded(path)
    creating = [step.id for step in started.steps if step.id.startswith("create:")]
    return wall, lower_bound(started.steps, seconds, [(creating, slots)] if creating else [])


def durations(path: Path) -> dict[str, float]:
    """Seconds of every step that was done in a recorded run."""
    return _recorded(path)[1]


def _recorded(path: Path) -> tuple[RunStarted, dict[str, float], float]:
    started: RunStarted | None = None
    seconds: dict[str, float] = {}
    end = 0.0
    with path.open(encoding="utf-8") as lines:
        for event in read(lines):
            if isinstance(event, RunStarted):
                started = event
            elif isinstance(event, StepFinished):
                seconds[event.step] = event.seconds
                end = event.time
    if started is None:
        raise ValueError(f"{path} holds no run")
    return started, seconds, end - started.time
