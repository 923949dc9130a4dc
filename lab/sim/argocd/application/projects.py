"""The end of an AppProject: it is let go when no Application refers to it any more.

Source: Argo CD 3.6.1 `controller/appcontroller.go` (finalizeProjectDeletion).
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.sim.argocd.application import spec as specs
from lab.sim.argocd.application.audit import Log
from lab.sim.argocd.application.hub import Hub
from lab.sim.argocd.project import Project
from lab.sim.objects import Object, name_of, namespace_of

FINALIZER = "resources-finalizer.argocd.argoproj.io"
PROJECT_RETRY_SECONDS = 10.0


async def release_project(hub: Hub, project: Object, apps: Sequence[Object], log: Log) -> None:
    """Take the finalizer off a project that is being deleted and that nothing refers to. Raises ApiError.

    :param apps: the Applications that name it
    """
    metadata = project["metadata"]
    held = list(metadata.get("finalizers") or ())
    if not metadata.get("deletionTimestamp") or FINALIZER not in held:
        return
    rules = Project(project)
    users = [app for app in apps if rules.permits_application_namespace(namespace_of(app), hub.namespace)]
    if users:
        log(
            "info",
            f"Cannot remove project '{name_of(project)}' finalizer as it is still referenced by application "
            f"{specs.qualified_name(users[0])}",
        )
        return
    left = [one for one in held if one != FINALIZER]
    await hub.client.patch(specs.PROJECTS, hub.namespace, name_of(project), {"metadata": {"finalizers": left}})
