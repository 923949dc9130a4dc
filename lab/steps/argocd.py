"""Argo CD: installed by the lab, or awaited where another instance installs it from git."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from lab.argocd import NAMESPACE, install, manifest
from lab.kube import ref_of
from lab.ports import Kube, Object
from lab.session import Lab
from lab.steps.clusters import LoadImages, StageImages
from lab.steps.step import Step, Told
from lab.waiting import wait_until

READY_TIMEOUT = 300.0
CLUSTER_NETWORKS = ("10.96.0.0/16", "10.244.0.0/16")
"""Services and pods of a kind cluster; a proxy must not be asked for them."""


@dataclass(frozen=True, kw_only=True)
class StageArgoCDImages(StageImages):
    """The images that Argo CD's manifest names; it is read when the step runs, so a plan needs no download."""

    what: str = "Argo CD"

    def wanted(self, lab: Lab) -> tuple[str, ...]:
        return manifest.images(lab.settings, lab.options.ui, lab.provider.argocd)


@dataclass(frozen=True, kw_only=True)
class LoadArgoCDImages(LoadImages):
    """The images that Argo CD's manifest names."""

    what: str = "Argo CD"

    def wanted(self, lab: Lab) -> tuple[str, ...]:
        return manifest.images(lab.settings, lab.options.ui, lab.provider.argocd)


@dataclass(frozen=True, kw_only=True)
class InstallArgoCD(Step):
    """Argo CD's objects on one cluster; whether its pods run is the next step's question."""

    cluster: str

    @property
    def id(self) -> str:
        return f"argocd:{self.cluster}"

    @property
    def title(self) -> str:
        return f"installing Argo CD on {self.cluster}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.cluster,)

    def _objects(self, lab: Lab) -> list[Object]:
        names = [urlsplit(lab.provider.server(cluster.name)).hostname or "" for cluster in lab.scenario.clusters]
        proxy = manifest.proxy_environment(os.environ, ["lab-git", *names, *CLUSTER_NETWORKS])
        return manifest.objects(lab.settings, lab.options, lab.options.ui, proxy, lab.provider.argocd)

    def satisfied(self, lab: Lab) -> str:
        return install.installed(lab.kube(self.cluster), self._objects(lab))

    def run(self, lab: Lab, told: Told) -> None:
        kube = lab.kube(self.cluster)
        told("applying the manifest")
        objects = self._objects(lab)
        if lab.options.ui:
            _set_password(kube, lab.folder.secret("argocd-admin"))
        install.install(kube, objects, lab.clock, lab.cancel)


@dataclass(frozen=True, kw_only=True)
class WaitArgoCD(Step):
    """All pods of one instance serve."""

    cluster: str

    @property
    def id(self) -> str:
        return f"argocd-ready:{self.cluster}"

    @property
    def title(self) -> str:
        return f"waiting for Argo CD on {self.cluster}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.cluster,)

    def satisfied(self, lab: Lab) -> str:
        return install.ready(lab.kube(self.cluster))

    def run(self, lab: Lab, told: Told) -> None:
        kube = lab.kube(self.cluster)
        wait_until(
            lambda: install.ready(kube),
            awaited=f"Argo CD on {self.cluster}",
            timeout=READY_TIMEOUT,
            clock=lab.clock,
            cancel=lab.cancel,
            more=f"lab shell {self.cluster}    # then: kubectl -n argocd get pods",
            seen=told,
        )


def _set_password(kube: Kube, password: str) -> None:
    """Our own password before the server starts, so that it makes none and leaves none lying around."""
    secret = manifest.admin_secret(password)
    if not manifest.password_matches(kube.get(ref_of(secret)) or {}, password):
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        kube.apply(secret)
