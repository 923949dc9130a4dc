"""Reading every Application of every Argo CD of a lab."""

import re
from collections.abc import Mapping

from lab.argocd import IN_CLUSTER
from lab.errors import LabError
from lab.ports import Kube, Object, Ref
from lab.results import FleetCell

UNREACHABLE = "unreachable"
"""Sync and health of the one cell that stands for an Argo CD that could not be asked; its application is empty."""

COMMIT = re.compile(r"[0-9a-f]{40}")
PATIENCE = ("Running", "Succeeded")
"""Operation phases whose message is no complaint."""


def read(kubes: Mapping[str, Kube], clusters: Mapping[str, str]) -> tuple[FleetCell, ...]:
    """All Applications, by instance and name; one list call for each Argo CD.

    An Argo CD whose API does not answer contributes one cell without an application, marked `unreachable`.

    :param kubes: cluster an Argo CD runs on -> that cluster's API
    :param clusters: destination name or server -> the lab's name of the cluster
    """
    cells = []
    for instance, kube in kubes.items():
        try:
            applications = kube.list(Ref(kind="Application"))
        except LabError as error:
            cells.append(_unreachable(instance, f"{error.what}: {error.why}"))
            continue
        cells += sorted((cell(obj, instance, clusters) for obj in applications), key=lambda c: c.application)
    return tuple(cells)


def cell(application: Object, instance: str, clusters: Mapping[str, str]) -> FleetCell:
    """One Application as its status reports it."""
    metadata, spec = application["metadata"], application.get("spec", {})
    status = application.get("status", {})
    sync, health = status.get("sync", {}), status.get("health", {})
    revision = sync.get("revision") or next(iter(sync.get("revisions") or ()), "")
    owners = (o["name"] for o in metadata.get("ownerReferences", ()) if o.get("kind") == "ApplicationSet")
    return FleetCell(
        application=metadata["name"],
        instance=instance,
        cluster=deploys_to(spec.get("destination", {}), instance, clusters),
        namespace=spec.get("destination", {}).get("namespace", ""),
        sync=sync.get("status") or "Unknown",
        health=health.get("status") or "Unknown",
        revision=revision[:7] if COMMIT.fullmatch(revision) else revision,
        message=message(status),
        since=max(health.get("lastTransitionTime", ""), status.get("operationState", {}).get("finishedAt", "")),
        applicationset=next(owners, ""),
    )


def message(status: Object) -> str:
    """Why an Application is not well, on one line: its first complaint, else what its last operation says."""
    for condition in status.get("conditions") or ():
        # Warnings, unlike errors, describe what Argo CD puts up with.
        if not condition.get("type", "").endswith("Warning"):
            return _line(condition.get("message", ""))
    operation = status.get("operationState", {})
    if operation.get("phase") not in (None, *PATIENCE):
        return _line(operation.get("message", ""))
    if status.get("health", {}).get("status") not in (None, "Healthy"):
        return _line(status["health"].get("message", ""))
    return ""


def deploys_to(destination: Object, instance: str, clusters: Mapping[str, str]) -> str:
    """The lab's name of the cluster a destination means to this Argo CD; `?` when it means none of the lab's."""
    name, server = destination.get("name", ""), destination.get("server", "")
    if name == "in-cluster" or server.rstrip("/") == IN_CLUSTER:
        return instance
    return clusters.get(name) or clusters.get(server) or clusters.get(server.rstrip("/")) or "?"


def _line(text: str) -> str:
    return " ".join(text.split())


def _unreachable(instance: str, why: str) -> FleetCell:
    return FleetCell(
        application="",
        instance=instance,
        cluster=instance,
        namespace="",
        sync=UNREACHABLE,
        health=UNREACHABLE,
        message=why,
    )
