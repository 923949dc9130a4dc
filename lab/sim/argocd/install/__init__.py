"""Argo CD as it is installed on a simulated cluster: the objects, generated from compact data.

They bear Argo CD's names, labels, commands and settings, so that whatever is done to an installation (scaling a part,
deleting its pod, changing `argocd-cmd-params-cm`) is done in the same way. The programs their containers name are part
of the simulator. Left out beside the prose: mounts and variables for what no simulated part has.
"""

from __future__ import annotations

from lab.sim.argocd.install.access import access
from lab.sim.argocd.install.definitions import definitions
from lab.sim.argocd.install.parts import PARTS, VERSION
from lab.sim.argocd.install.settings import default_project, settings
from lab.sim.argocd.install.workloads import network_policy, services, workload
from lab.sim.objects import Object, thaw


def objects(
    namespace: str = "argocd", *, cluster_wide: bool = True, full: bool = False, version: str = VERSION
) -> list[Object]:
    """Everything to apply for one Argo CD, in an order in which it can be applied; each object is the caller's own.

    The Namespace comes first and the AppProject `default` last, which Argo CD's core install lacks.

    :param cluster_wide: with the definitions and with roles for the whole cluster, as `core-install.yaml` and
        `install.yaml`; otherwise as `namespace-install.yaml`, for one more instance on a cluster that has one
    :param full: with API server, notifications controller and Dex, as `install.yaml`
    :param version: tag of Argo CD's image
    """
    parts = [part for part in PARTS if full or not part.full]
    made: list[Object] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}]
    if cluster_wide:
        made += definitions()
    for part in parts:
        made += access(part, namespace, cluster_wide=cluster_wide, full=full)
    made += settings(namespace, full=full)
    for part in parts:
        made += services(part, namespace)
    made += [workload(part, namespace, version) for part in parts]
    made += [network_policy(part, namespace) for part in parts]
    made.append(default_project(namespace))
    return [thaw(obj) for obj in made]
