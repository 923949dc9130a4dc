"""A live object in another version of its kind, as the one that Git names."""

from __future__ import annotations

from functools import cache

from lab.sim.api.conversion import canonical, converted
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Resource
from lab.sim.argocd.tracking import group_of
from lab.sim.objects import Object, evolve


@cache
def _autoscalers() -> dict[str, Resource]:
    return {one.api_version: one for one in BUILT_IN if one.kind == "HorizontalPodAutoscaler"}


def in_version(obj: Object, api_version: str) -> Object:
    """`obj` as `api_version` writes it.

    Kinds served in several versions convert by name alone, horizontal pod autoscalers aside.
    Source: Argo CD 3.6.1 `gitops-engine/pkg/utils/kube/convert.go`; conversion webhooks are not simulated.
    """
    if obj.get("apiVersion") == api_version:
        return obj
    known = _autoscalers()
    if group_of(obj) == "autoscaling" and api_version in known and obj.get("apiVersion") in known:
        row = known[api_version]
        stored = canonical(obj, known[str(obj["apiVersion"])])
        return stored if row.version == "v2" else converted(stored, row)
    return evolve(obj, apiVersion=api_version)
