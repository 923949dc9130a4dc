"""Argo CD's three CustomResourceDefinitions: all fields and columns, without the prose."""

from __future__ import annotations

from functools import cache

from lab.sim.argocd.install.schema import Types
from lab.sim.argocd.install.types import APPLICATION, APPLICATION_SET, PROJECT
from lab.sim.objects import Object

_COLUMNS = (
    (".status.sync.status", "Sync Status", 0),
    (".status.health.status", "Health Status", 0),
    (".status.sync.revision", "Revision", 10),
    (".spec.project", "Project", 10),
)
_ABOUT = {
    "Application": "What is to run where: a source in git, a destination, and how the two are kept equal.",
    "ApplicationSet": "Makes Applications from a template, one for each set of parameters its generators give.",
    "AppProject": "What the Applications of a project may deploy, from where and to where.",
}


@cache
def definitions() -> tuple[Object, ...]:
    """The definitions of Application, ApplicationSet and AppProject, in this order. Shared: never change them."""
    columns = [
        {"jsonPath": path, "name": name, **({"priority": priority} if priority else {}), "type": "string"}
        for path, name, priority in _COLUMNS
    ]
    return (
        _definition("Application", "app apps", {"additionalPrinterColumns": columns, "subresources": {}}),
        _definition("ApplicationSet", "appset appsets", {"subresources": {"status": {}}}),
        _definition("AppProject", "appproj appprojs", {}),
    )


def _definition(kind: str, short: str, extra: Object) -> Object:
    singular = kind.lower()
    name = f"{singular}s.argoproj.io"
    schema = {"description": _ABOUT[kind], **Types(APPLICATION, APPLICATION_SET, PROJECT).schema(kind)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "argocd"},
            "name": name,
        },
        "spec": {
            "group": "argoproj.io",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": f"{singular}s",
                "shortNames": short.split(),
                "singular": singular,
            },
            "scope": "Namespaced",
            "versions": [
                {
                    **extra,
                    "name": "v1alpha1",
                    "schema": {"openAPIV3Schema": schema},
                    "served": True,
                    "storage": True,
                }
            ],
        },
    }
