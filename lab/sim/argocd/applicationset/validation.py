"""Which of the generated Applications cannot be made.

Source: Argo CD 3.6.1 `applicationset/controllers/applicationset_controller.go` (validateGeneratedApplications).
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.sim.argocd.applicationset.hub import Hub
from lab.sim.argocd.destinations import DestinationError, cluster_of
from lab.sim.objects import Object, name_of

_NO_NAME = (
    "contains an application with no name; a name must be set in the template's metadata.name or via a templatePatch "
    "(generateName is not supported)"
)


def problems(applications: Sequence[Object], application_set: Object, hub: Hub) -> dict[str, str]:
    """What is wrong, by the Application's name: neither of two with the same name is good."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    said = f"ApplicationSet {name_of(application_set)}"
    for one in applications:
        name = name_of(one)
        if not name:
            found[name] = f"{said} {_NO_NAME}"
            continue
        if name in seen:
            found[name] = f"{said} contains applications with duplicate name: {name}"
            continue
        seen.add(name)
        project = str(one["spec"].get("project") or "")
        if not hub.has_project(project):
            found[name] = f"application references project {project} which does not exist"
            continue
        try:
            cluster_of(one["spec"].get("destination") or {}, hub.clusters)
        except DestinationError as error:
            found[name] = f"application destination spec is invalid: {error}"
    return found


def summary(found: dict[str, str]) -> str:
    """The message of the condition: the last one by name, and how many more there are."""
    last = found[max(found)]
    return f"{last} (and {len(found) - 1} more)" if len(found) > 1 else last
