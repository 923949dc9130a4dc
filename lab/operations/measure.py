"""What a lab costs and withstands, and how the shapes compare."""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.argocd import IN_CLUSTER, NAMESPACE
from lab.argocd.registration import SECRET_TYPE
from lab.argocd.secret_data import decode
from lab.checks import outcomes
from lab.errors import LabError
from lab.ports import Kube, Ref
from lab.providers import simulated, spoken
from lab.results import ClusterMeasure, DecisionRow, DecisionTable, Measurement, Survival
from lab.session import Lab
from lab.state import write_private

FILE = "measurements.json"
KEPT = 20
"""Measurements kept for each scenario."""

SHAPES = {
    "centralized": "fewer than 50 clusters",
    "distributed": "50 clusters and more, or teams that must not share",
    "hybrid": "one platform team for all, teams that deploy on their own",
}
"""Column -> what the tutorial recommends it for (GitOps at Scale, part 3, decision table; hybrid: part 4)."""


def measure(lab: Lab) -> Measurement:
    """Measure the lab as it runs now and keep the result for the decision table.

    Memory comes from the provider, the rest from the clusters' APIs, the journal of pushes and the last drills. What
    cannot be had is None, not zero.

    :raises LabError: `lab-paused` when every cluster is stopped
    """
    nodes = {node.cluster: node for node in lab.provider.nodes(memory=True)}
    if nodes and all(node.state == "paused" for node in nodes.values()):
        raise LabError("lab-paused", name=lab.name)
    pushes = _pushes(lab)
    clusters = []
    for cluster in lab.scenario.clusters:
        node = nodes.get(cluster.name)
        running = node is not None and node.state == "running"
        argocd = cluster.name in lab.instances
        times = pushes.get(cluster.name, [])
        clusters.append(
            ClusterMeasure(
                cluster=cluster.name,
                memory_bytes=node.memory_bytes or None if node and running else None,
                pods=_asked(lab, cluster.name, _pods) if running else None,
                argocd=argocd,
                applications=_asked(lab, cluster.name, _applications) if running and argocd else None,
                credentials=_asked(lab, cluster.name, _credentials) if running and argocd else None,
                synced_seconds=round(statistics.median(times), 1) if times else None,
                pushes=len(times),
            )
        )
    measurement = Measurement(
        scenario=lab.scenario.id,
        lab=lab.name,
        provider=lab.provider.name,
        time=lab.clock.now(),
        clusters=tuple(clusters),
        survival=tuple(_survival(lab)),
    )
    _keep(lab.settings.home, measurement)
    return measurement


def history(home: Path) -> dict[str, list[Measurement]]:
    """Measurements by scenario id, oldest first; empty when there is none or the file is damaged.

    :param home: folder of all labs
    """
    try:
        data = json.loads((home / FILE).read_text(encoding="utf-8"))
        return {str(scenario): [_measurement(values) for values in kept] for scenario, kept in data.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def decision_table(home: Path) -> DecisionTable:
    """Centralized, distributed and hybrid by the tutorial's criteria, filled with what was measured on this machine.

    An empty cell says which command would fill it. What was measured on simulated clusters counts only for a shape
    that was never measured on real ones.
    """
    by_name = {scenario.rpartition("/")[2]: _real(kept) or kept for scenario, kept in history(home).items()}
    rows = [
        DecisionRow(criterion=criterion, cells=tuple(_cell(name, by_name.get(name, []), fill) for name in SHAPES))
        for criterion, fill in CRITERIA
    ]
    rows.append(DecisionRow(criterion="best for (the tutorial's advice)", cells=tuple(SHAPES.values())))
    return DecisionTable(columns=tuple(SHAPES), rows=tuple(rows))


def _real(kept: Sequence[Measurement]) -> list[Measurement]:
    return [measurement for measurement in kept if not simulated(measurement.provider)]


# --- asking ---------------------------------------------------------------------------------------------------------


def _asked(lab: Lab, cluster: str, question: Callable[[Kube], int]) -> int | None:
    try:
        return question(lab.kube(cluster))
    except LabError:
        return None


def _pods(kube: Kube) -> int:
    return len(kube.list(Ref(kind="Pod")))


def _applications(kube: Kube) -> int:
    return len(kube.list(Ref(kind="Application")))


def _credentials(kube: Kube) -> int:
    found = kube.list(Ref(kind="Secret", namespace=NAMESPACE), SECRET_TYPE)
    return len([secret for secret in found if decode(secret).get("server", "").rstrip("/") != IN_CLUSTER])


def _pushes(lab: Lab) -> dict[str, list[float]]:
    """Seconds from push to Synced by cluster, as `lab push` noted them."""
    found: dict[str, list[float]] = {}
    for entry in lab.folder.journal():
        if entry.get("what") == "pushed" and isinstance(entry.get("per_cluster"), dict):
            for cluster, seconds in entry["per_cluster"].items():
                if isinstance(seconds, int | float):
                    found.setdefault(cluster, []).append(float(seconds))
    return found


def _survival(lab: Lab) -> Iterator[Survival]:
    known = outcomes.read(lab.folder)
    for check in lab.scenario.checks("drill"):
        last = known.get(check.id)
        if last is not None and last.outcome != "skipped":
            yield Survival(check=check.id, title=check.title, outcome=last.outcome, time=last.time)


# --- keeping --------------------------------------------------------------------------------------------------------


def _keep(home: Path, measurement: Measurement) -> None:
    kept = history(home)
    kept.setdefault(measurement.scenario, []).append(measurement)
    data = {scenario: [asdict(one) for one in every[-KEPT:]] for scenario, every in kept.items()}
    write_private(home / FILE, json.dumps(data, indent=1) + "\n")


def _measurement(values: dict[str, Any]) -> Measurement:
    clusters = tuple(ClusterMeasure(**cluster) for cluster in values["clusters"])
    survival = tuple(Survival(**drill) for drill in values["survival"])
    return Measurement(**{**values, "clusters": clusters, "survival": survival})


# --- the table ------------------------------------------------------------------------------------------------------


Fill = Callable[[Measurement], tuple[str, str]]
"""A cell's text, or empty and the command that would measure it."""


def _cell(name: str, kept: Sequence[Measurement], fill: Fill) -> str:
    """The newest measurement that says something about the criterion."""
    command = f"lab up {name}" if not kept else ""
    for measurement in reversed(kept):
        text, missing = fill(measurement)
        if text:
            return text
        command = command or missing
    return f"not measured yet: {command}"


def _pane(found: Measurement) -> tuple[str, str]:
    views = [(c.cluster, c.applications) for c in found.clusters if c.argocd]
    counted = [(cluster, number) for cluster, number in views if number is not None]
    if not counted or len(counted) < len(views):
        return "", "lab measure"
    if len(counted) == 1:
        return f"yes: {counted[0][0]} shows all {_many(counted[0][1], 'application')}", ""
    return "no: " + ", ".join(f"{cluster} shows {number}" for cluster, number in counted), ""


def _isolation(found: Measurement) -> tuple[str, str]:
    kept = [f"{c.cluster} {c.credentials}" for c in found.clusters if c.credentials is not None]
    return (f"credentials of other clusters: {', '.join(kept)}", "") if kept else ("", "lab measure")


def _resources(found: Measurement) -> tuple[str, str]:
    memory = [c.memory_bytes for c in found.clusters if c.memory_bytes is not None]
    pods = [c.pods for c in found.clusters if c.pods is not None]
    if len(pods) < len(found.clusters):
        return "", "lab measure"
    parts = [_size(sum(memory))] if len(memory) == len(found.clusters) else []
    parts += [_many(sum(pods), "pod"), _many(sum(c.argocd for c in found.clusters), "Argo CD")]
    return ", ".join(parts), ""


def _memory(found: Measurement) -> tuple[str, str]:
    parts = [f"{c.cluster} {_size(c.memory_bytes)}" for c in found.clusters if c.memory_bytes is not None]
    real = f"lab up {found.scenario.rpartition('/')[2]} --provider kind"
    return ", ".join(parts), real if simulated(found.provider) else "lab measure"


def _synced(found: Measurement) -> tuple[str, str]:
    timed = [c for c in found.clusters if c.synced_seconds is not None]
    if not timed:
        return "", "lab push && lab measure"
    number = max(c.pushes for c in timed)
    times = ", ".join(f"{c.cluster} {c.synced_seconds:.1f} s" for c in timed)
    return f"{times} ({_many(number, 'push', 'pushes')})", ""


def _failure(found: Measurement) -> tuple[str, str]:
    words = {"passed": "shown", "failed": "not so"}
    parts = [f"{words[drill.outcome]}: {drill.title}" for drill in found.survival]
    return "; ".join(parts), "lab check --drills && lab measure"


def _measured(found: Measurement) -> tuple[str, str]:
    return f"{time.strftime('%Y-%m-%d', time.gmtime(found.time))} on {spoken(found.provider)}", ""


CRITERIA: tuple[tuple[str, Fill], ...] = (
    ("single pane of glass", _pane),
    ("isolation", _isolation),
    ("resources", _resources),
    ("memory per cluster", _memory),
    ("commit to Synced", _synced),
    ("single point of failure", _failure),
    ("measured", _measured),
)


def _size(number: int) -> str:
    gib = number / 2**30
    return f"{gib:.1f} GiB" if gib >= 1 else f"{number / 2**20:.0f} MiB"


def _many(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
