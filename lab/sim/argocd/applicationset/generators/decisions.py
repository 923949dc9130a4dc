"""The clusterDecisionResource generator. Source: Argo CD 3.6.1 `applicationset/generators/duck_type.go`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.sim.argocd.applicationset.generators.generator import Run, wrapped
from lab.sim.argocd.applicationset.params import GeneratorError, Params
from lab.sim.argocd.applicationset.sources import SourceError
from lab.sim.argocd.clusters import IN_CLUSTER_SERVER, Cluster, Clusters
from lab.sim.objects import Object
from lab.sim.templates.values import StringMap, shown


def generate(spec: Object, run: Run) -> list[Params]:
    """One set for each decision in the objects' status whose cluster is registered under that name.

    `values` are taken as they are. Raises GeneratorError.
    """
    clusters = _clusters(run)
    settings = _settings(str(spec.get("configMapRef") or ""), run)
    group, slash, version = settings.get("apiVersion", "").partition("/")
    plural = settings.get("kind", "")
    if not plural or not slash or not group:
        raise GeneratorError("there is a problem with the apiVersion, kind or resourceName provided")
    name, selector = str(spec.get("name") or ""), spec.get("labelSelector") or {}
    selects = selector.get("matchLabels") is not None or selector.get("matchExpressions") is not None
    if bool(name) == selects:
        raise GeneratorError("there is a problem with the definition of the ClusterDecisionResource generator")
    try:
        found = run.sources.decisions(group, version, plural, name, selector)
    except SourceError as error:
        raise wrapped("failed to get dynamic resources", error) from None
    if not found:
        raise GeneratorError("no clusterDecisionResources found")
    match = settings.get("matchKey", "")
    if not match:
        return []
    key = settings.get("statusListKey") or "clusters"
    decided = [one for each in found for one in (each.get("status") or {}).get(key) or ()]
    return [_params(clusters[wanted], one, spec, run) for one in decided if (wanted := _wanted(one, match)) in clusters]


def _clusters(run: Run) -> dict[str, Cluster]:
    """Clusters by name; the implicit one counts unless a Secret has its server."""
    try:
        known = Clusters(run.sources.secrets())
    except SourceError as error:
        raise wrapped("error listing clusters", error) from None
    by_name = {one.name: one for one in reversed(known.registered)}
    if all(one.server != IN_CLUSTER_SERVER for one in by_name.values()):
        implicit = known.by_server(IN_CLUSTER_SERVER)
        by_name.setdefault(implicit.name, implicit)
    return by_name


def _settings(name: str, run: Run) -> Mapping[str, str]:
    data = run.sources.config_map(name)
    if data is None:
        raise GeneratorError(f'error reading configMapRef: configmaps "{name}" not found')
    return data


def _wanted(decision: Mapping[str, Any], match: str) -> str:
    value = decision.get(match)
    return "" if value is None else shown(value)


def _params(cluster: Cluster, decision: Mapping[str, Any], spec: Object, run: Run) -> Params:
    params: Params = {"name": cluster.name, "server": cluster.server}
    params.update({key: shown(value) for key, value in decision.items()})
    values = spec.get("values") or {}
    if run.go_template and values:
        params["values"] = StringMap(values)
    elif values:
        params.update({f"values.{key}": text for key, text in values.items()})
    return params
