"""Applications, projects and comparisons for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lab.sim.argocd.comparison import Comparison, ComparisonSettings, compare
from lab.sim.argocd.comparison.settings import DEFAULTS
from lab.sim.argocd.project import Project
from lab.sim.argocd.tracking import Tracking
from lab.sim.objects import Object, evolve
from tests.sim.argocd.live.reach import SERVER, Seen, objects

EVERYTHING = {
    "destinations": [{"server": "*", "namespace": "*"}],
    "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
}


def project(**spec: Any) -> Project:
    return Project({"metadata": {"name": "default"}, "spec": {**EVERYTHING, **spec}})


def application(annotations: dict[str, str] | None = None, status: Object | None = None, **spec: Any) -> Object:
    metadata: Object = {"name": "web", "namespace": "argocd", "uid": "app-uid"}
    if annotations:
        metadata["annotations"] = annotations
    made = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata,
        "spec": {"destination": {"server": SERVER, "namespace": "shop"}, "project": "default", **spec},
    }
    return made if status is None else {**made, "status": status}


def targets(text: str, tracking: Tracking = DEFAULTS.tracking, instance: str = "web") -> list[Object]:
    """Rendered objects with their marks."""
    return [tracking.marked(one, instance, "shop") for one in objects(text)]


def placed(obj: Object, namespace: str = "shop", instance: str = "web") -> Object:
    """A target as a sync leaves it: in its namespace, marked for it."""
    return DEFAULTS.tracking.marked(evolve(obj, metadata={"namespace": namespace}), instance, namespace)


async def compared(
    seen: Seen,
    wanted: Iterable[Object],
    app: Object | None = None,
    settings: ComparisonSettings = DEFAULTS,
    **more: Any,
) -> Comparison:
    live = await seen.live()
    return await compare(
        app or application(),
        more.pop("project", project()),
        live.cluster,
        live,
        list(wanted),
        settings,
        controller_namespace="argocd",
        **more,
    )


def states(comparison: Comparison) -> dict[str, str]:
    """Statuses as `{KIND/NAME: STATUS}`."""
    return {f"{one.kind}/{one.name}": one.status for one in comparison.resources}


def told(comparison: Comparison) -> list[tuple[str, str]]:
    """Conditions as (type, message)."""
    return [(one.type, one.message) for one in comparison.conditions]
