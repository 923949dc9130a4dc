"""Sets of completion indexes, as an Indexed Job's status writes them: `0,2-4,7`.

Source: Kubernetes `pkg/controller/job/indexed_job_utils.go`.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.sim.api.resources import Object
from lab.sim.controllers.workload import annotations_of

ANNOTATION = "batch.kubernetes.io/job-completion-index"
"""Also the label that carries the index."""
ENVIRONMENT = "JOB_COMPLETION_INDEX"


def index_of(pod: Object) -> int | None:
    """The pod's completion index; None without a valid one."""
    text = annotations_of(pod).get(ANNOTATION, "")
    return int(text) if text.isascii() and text.isdigit() else None


def written(indexes: Iterable[int]) -> str:
    """The shortest text for a set of indexes."""
    parts: list[list[int]] = []
    for index in sorted(set(indexes)):
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    texts = []
    for first, last in parts:
        if first == last:
            texts.append(str(first))
        else:
            texts.append(f"{first},{last}" if last == first + 1 else f"{first}-{last}")
    return ",".join(texts)


def read(text: str, completions: int) -> set[int]:
    """The indexes below `completions` that a text names; parts that make no sense are left out."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            continue
        found.update(range(int(first), min(int(last or first), completions - 1) + 1))
    return found


def indexes_in(pods: Iterable[Object]) -> set[int]:
    """The indexes of these pods."""
    return {index for pod in pods if (index := index_of(pod)) is not None}


def first_missing(taken: set[int], count: int, completions: int) -> list[int]:
    """The lowest `count` indexes below `completions` that are not taken."""
    found: list[int] = []
    for index in range(completions):
        if len(found) == count:
            break
        if index not in taken:
            found.append(index)
    return found
