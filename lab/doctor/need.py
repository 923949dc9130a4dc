"""What a lab takes from the machine, from one table of measured figures."""

from collections.abc import Collection
from dataclasses import dataclass, fields

from lab.model import Scenario
from lab.state import Options

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Share:
    """What one part of a lab takes when it has settled."""

    memory: int = 0
    """Bytes, page cache that can be dropped left out."""
    disk: int = 0
    """Bytes below Docker's root."""
    instances: int = 0
    """inotify instances of the user the containers run as."""
    watches: int = 0
    """inotify watches of the same user."""
    tasks: int = 0
    """Processes and threads."""
    keys: int = 0
    """Kernel keys: a session keyring and its key per container."""
    files: int = 0
    """Open files."""

    def __add__(self, other: "Share") -> "Share":
        return Share(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Share)})

    def __mul__(self, times: int) -> "Share":
        return Share(**{f.name: getattr(self, f.name) * times for f in fields(Share)})


# One row a part. docs/doctor.md says how the figures were taken.
NODE = Share(memory=520 * MIB, disk=1800 * MIB, instances=28, watches=330, tasks=240, keys=32, files=850)
ARGOCD = Share(memory=830 * MIB, disk=700 * MIB, watches=20, tasks=50, keys=8, files=200)
"""Half of it is the cluster's API server, which grows with Argo CD's large resource definitions."""
ARGOCD_UI = Share(memory=250 * MIB, tasks=40, keys=6, files=100)
GIT = Share(memory=110 * MIB, disk=100 * MIB, tasks=15, keys=2, files=50)
IMAGES = Share(disk=2500 * MIB)
"""Node, Argo CD, git server and workload images once on the machine."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What the parts of a lab take where they come from."""

    node: Share = NODE
    argocd: Share = ARGOCD
    argocd_ui: Share = ARGOCD_UI
    git: Share = GIT
    images: Share = IMAGES


SIMULATED = Costs(
    node=Share(memory=8 * MIB),
    argocd=Share(memory=25 * MIB),
    argocd_ui=Share(),
    git=Share(memory=60 * MIB),
    images=Share(),
)
"""The simulator is one process for all clusters; what that takes by itself stands with the git server."""

DISK_MARGIN = 10 * GIB
"""kind switches eviction and image garbage collection off: nothing gives way when the disk fills."""
CACHE_NEED = 1 * GIB
"""Image archives and downloads below the lab's cache."""
INSTANCES_BASE = 24
"""inotify instances of the system's own services where they cannot be counted."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What the whole lab takes and what is still to come."""

    clusters: tuple[str, ...]
    """Short names, in the scenario's order."""
    missing: tuple[str, ...]
    """Those of them that do not run."""
    total: Share
    rest: Share
    """Without what already runs."""


def _parts(clusters: Collection[str], instances: Collection[str], options: Options, costs: Costs) -> Share:
    argocd = costs.argocd + costs.argocd_ui if options.ui else costs.argocd
    return costs.node * len(clusters) + argocd * sum(1 for name in instances if name in clusters)


def need(
    scenario: Scenario | None,
    options: Options,
    running: Collection[str] = (),
    git: bool = False,
    images: bool = False,
    costs: Costs | None = None,
) -> Need:
    """What the scenario takes; without one, the smallest lab: one cluster with Argo CD and the git server.

    :param running: names of its clusters that run
    :param git: whether its git server runs
    :param images: whether its images are on this machine
    :param costs: what its parts take; default: as containers
    """
    costs = costs or Costs()
    clusters = tuple(c.name for c in scenario.clusters) if scenario else ("hub",)
    instances = {a.on for a in scenario.spec.argocd} if scenario else {"hub"}
    missing = tuple(name for name in clusters if name not in running)
    return Need(
        clusters=clusters,
        missing=missing,
        total=_parts(clusters, instances, options, costs) + costs.git + costs.images,
        rest=_parts(missing, instances, options, costs)
        + (Share() if git else costs.git)
        + (Share() if images else costs.images),
    )


def estimate(scenario: Scenario | None, options: Options | None = None) -> int:
    """Memory the lab takes when it has settled, in bytes."""
    return need(scenario, options or Options()).total.memory
