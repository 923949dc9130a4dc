"""`.Capabilities`: what templates may ask about the cluster. Source: Helm `pkg/chart/common/capabilities.go`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lab.sim.templates.calls import Function
from lab.sim.templates.values import MethodList, Struct

from .errors import HelmError

DEFAULT_VERSION = "v1.36.0"
"""What Helm takes when it is told nothing: the version of its own client library."""
_HELM = {"Version": "v4.2", "GitCommit": "", "GitTreeState": "", "GoVersion": "go1.27.3", "KubeClientVersion": "v1.36"}
_GENERIC = re.compile(r"\s*v?([0-9]+(?:\.[0-9]+)*)(.*)", re.DOTALL)
_KNOWN = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha2",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
]
"""API versions that Helm's client library knows, whatever the cluster has."""


class Versions(MethodList):
    """`.Capabilities.APIVersions`, a list that can be asked with `Has`."""

    type_name = "common.VersionSet"

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(names)
        known = frozenset(names)
        self.methods = {"Has": Function("(string) bool", lambda name: name in known)}


def normalized(version: str) -> str:
    """`1.31.2` of `v1.31.2-gke.1` and `1.31` of `v1.31`, as Argo CD passes it on; "" for "". Raises HelmError."""
    if not version:
        return ""
    match = _GENERIC.fullmatch(version)
    if match is None or "." not in match[1]:
        if match is not None:
            raise HelmError(f'illegal version string "{version}"')
        raise HelmError(f'could not parse "{version}" as version')
    return ".".join(str(int(one)) for one in match[1].split("."))


def capabilities(version: str, api_versions: Iterable[str]) -> Struct:
    """For a cluster's version ("" for Helm's own) and its API versions beside those Helm knows. Raises HelmError."""
    number = normalized(version)
    shown = f"v{number}" if number else DEFAULT_VERSION
    major, minor = shown.removeprefix("v").split(".")[:2]
    text = Function("() string", lambda: shown)
    kube = Struct(
        "common.KubeVersion",
        {"Version": shown, "Major": major, "Minor": minor},
        {"String": text, "GitVersion": text},
    )
    known = Versions([*_KNOWN, *api_versions])
    helm = Struct("version.BuildInfo", _HELM)
    return Struct("*common.Capabilities", {"KubeVersion": kube, "APIVersions": known, "HelmVersion": helm})
