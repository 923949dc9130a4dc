"""Faults that a simulated pod can be given: by the tag of an image or by an annotation on the pod.

`TABLE` is the whole list, from which documentation is made. The annotation reads
`sim.gitops-lab.io/fault: NAME[;key=value]…`; `container=NAME` limits it to one container. It reaches a pod through its
template like any other annotation. A tag such as `registry.example/app:crash` gives the same fault to the containers
that use the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.sim.api.resources import Object

ANNOTATION = "sim.gitops-lab.io/fault"
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of fault."""

    name: str
    tags: tuple[str, ...]
    """Image tags that bring it about."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Keys it takes, and their default; times in seconds, "" for the cluster's own timing."""
    shows: str = ""
    """What the pod shows, as `kubectl get pods` puts it."""
    does: str = ""
    """What happens, in a sentence."""


TABLE: tuple[Kind, ...] = (
    Kind(
        "crash",
        ("crash",),
        {"after": "", "code": "1"},
        "CrashLoopBackOff",
        "The container exits with an error again and again; restarts wait 10 s, then twice as long, up to 5 min.",
    ),
    Kind(
        "exit",
        ("fail",),
        {"after": "", "code": "1"},
        "Error",
        "The container ends once with this exit code and, if it is restarted, runs on.",
    ),
    Kind(
        "oom",
        ("oom",),
        {"after": ""},
        "OOMKilled, CrashLoopBackOff",
        "The container is killed with exit code 137 for using more memory than its limit.",
    ),
    Kind(
        "image-not-found",
        ("notfound",),
        {},
        "ErrImagePull, ImagePullBackOff",
        "The registry does not know the image; pulls are tried again after 10 s, then twice as long, up to 5 min.",
    ),
    Kind(
        "slow-pull",
        ("slowpull",),
        {"seconds": "30"},
        "ContainerCreating",
        "Fetching the image takes this long.",
    ),
    Kind(
        "bad-command",
        ("badcommand",),
        {},
        "RunContainerError, CrashLoopBackOff",
        "The runtime cannot start the container's command.",
    ),
    Kind(
        "slow-start",
        ("slow",),
        {"seconds": "30"},
        "Running, 0/1 ready",
        "Every probe fails until the container has run this long; a liveness probe may kill it before.",
    ),
    Kind(
        "failing-readiness",
        ("unready",),
        {"after": "0", "for": ""},
        "Running, 0/1 ready",
        "The readiness probe fails, from `after` on and, if given, for so many seconds.",
    ),
    Kind(
        "failing-liveness",
        ("unhealthy",),
        {"after": "0"},
        "CrashLoopBackOff",
        "The liveness probe fails from `after` on: the container is killed and started again.",
    ),
    Kind(
        "ignores-stop",
        ("stubborn",),
        {},
        "Terminating",
        "The container ignores SIGTERM and is killed when the pod's grace period is over.",
    ),
)

_BY_NAME = {kind.name: kind for kind in TABLE}
_BY_TAG = {tag: kind for kind in TABLE for tag in kind.tags}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that a container has."""

    name: str
    values: Mapping[str, str]

    def number(self, key: str, default: float = 0.0) -> float:
        """A parameter as a number; `default` where it is "" or none."""
        try:
            return float(self.values.get(key) or default)
        except ValueError:
            return default


class BadFault(ValueError):
    """The annotation cannot be read; the text says why, for an event."""


def fault_of(pod: Object, container: Object) -> Fault | None:
    """The fault of a container, from its pod's annotation or its image's tag. Raises BadFault."""
    text = (pod["metadata"].get("annotations") or {}).get(ANNOTATION)
    if text:
        fault = parse(text)
        if fault.values.get("container", container["name"]) == container["name"]:
            return fault
    _, colon, tag = container.get("image", "").rpartition(":")
    kind = _BY_TAG.get(tag) if colon else None
    return Fault(kind.name, kind.parameters) if kind else None


def check(pod: Object) -> None:
    """Raises BadFault when the pod's annotation cannot be read."""
    text = (pod["metadata"].get("annotations") or {}).get(ANNOTATION)
    if text:
        parse(text)


def parse(text: str) -> Fault:
    """Read `NAME[;key=value]…`. Raises BadFault."""
    name, *pairs = [part.strip() for part in text.split(";")]
    kind = _BY_NAME.get(name)
    if kind is None:
        raise BadFault(f'unknown fault "{name}" in annotation {ANNOTATION}; known: {", ".join(_BY_NAME)}')
    values = dict(kind.parameters)
    for pair in filter(None, pairs):
        key, equals, value = pair.partition("=")
        if not equals or key not in (*kind.parameters, "container"):
            allowed = ", ".join((*kind.parameters, "container"))
            raise BadFault(f'fault "{name}" does not take "{pair}"; it takes {allowed}')
        if key != "container":
            try:
                float(value)
            except ValueError:
                raise BadFault(f'"{value}" is not a number in fault "{name}"') from None
        values[key] = value
    return Fault(name, values)
