"""The cluster's certificate authority in every namespace, where pods find it.

Source: Kubernetes `pkg/controller/certificates/rootcacertpublisher/publisher.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.service_account import InEveryNamespace
from lab.sim.objects import evolve

NAME = "kube-root-ca.crt"
DESCRIPTION = "kubernetes.io/description"
_TEXT = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


ANNOTATIONS = {DESCRIPTION: _TEXT}


class RootCertificates(InEveryNamespace):
    """Keeps a ConfigMap `kube-root-ca.crt` in every namespace."""

    name = "root-ca-certificate-publisher-controller"
    resource = "configmaps"
    object_name = NAME

    def __init__(self, client: Client, clock: Clock, informers: Informers, certificate: str) -> None:
        """`certificate`: the cluster's CA, PEM."""
        super().__init__(client, clock, informers)
        self._data = {"ca.crt": certificate}

    def wanted(self, namespace: str, held: Object | None) -> Object | None:
        """The certificate and what it is for, where either is missing or differs."""
        if held is None:
            metadata = {"name": self.object_name, "namespace": namespace, "annotations": dict(ANNOTATIONS)}
            return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": self._data}
        annotations = held["metadata"].get("annotations") or {}
        if held.get("data") == self._data and annotations.get(DESCRIPTION):
            return None
        return evolve(held, data=self._data, metadata={"annotations": {**annotations, **ANNOTATIONS}})
