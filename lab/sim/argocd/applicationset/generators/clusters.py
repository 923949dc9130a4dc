"""The clusters generator. Source: Argo CD 3.6.1 `applicationset/generators/cluster.go`."""

from __future__ import annotations

from collections.abc import Mapping

from lab.sim.api.selectors import matches as selector_matches
from lab.sim.argocd.applicationset.generators.generator import Run, wrapped
from lab.sim.argocd.applicationset.params import GeneratorError, Params, ParamSets, add_values, sanitize_name
from lab.sim.argocd.applicationset.sources import SourceError
from lab.sim.argocd.clusters import IN_CLUSTER_NAME, IN_CLUSTER_SERVER, is_cluster_secret, secret_data
from lab.sim.objects import Object, name_of
from lab.sim.templates.values import StringMap

_HIDDEN_ANNOTATIONS = frozenset(
    (
        "argocd.argoproj.io/refresh",
        "argocd.argoproj.io/refresh-timestamp",
        "argocd.argoproj.io/hydrate",
        "argocd.argoproj.io/hydrate-timestamp",
        "argocd.argoproj.io/tracking-id",
        "argocd.argoproj.io/installation-id",
        "kubectl.kubernetes.io/last-applied-configuration",
    )
)
_OPERATORS = frozenset(("In", "NotIn", "Exists", "DoesNotExist"))


def generate(spec: Object, run: Run) -> list[Params]:
    """One set for each cluster Secret the selector matches, in order of the Secrets' names; the implicit cluster last.

    The implicit one is left out when there is a selector or when a matched Secret has its server. Secrets with the
    same cluster name count once, the last one wins; Argo CD's order is random. `flatList` puts all into one set.
    """
    selector = spec.get("selector") or {}
    try:
        secrets = _matched(selector, run)
    except SourceError as error:
        raise wrapped("error getting cluster secrets", error) from None
    sets: list[Params] = []
    for secret in secrets.values():
        params = _params(secret, go_template=run.go_template)
        sets.append(_with_values(params, spec, run, "cluster"))
    chosen = bool(selector.get("matchLabels") or selector.get("matchExpressions"))
    if not chosen and all(params["server"] != IN_CLUSTER_SERVER for params in sets):
        local: Params = {
            "name": IN_CLUSTER_NAME,
            "nameNormalized": IN_CLUSTER_NAME,
            "server": IN_CLUSTER_SERVER,
            "project": "",
        }
        sets.append(_with_values(local, spec, run, "local cluster"))
    return [{"clusters": ParamSets(sets)}] if spec.get("flatList") else sets


def _matched(selector: Object, run: Run) -> dict[str, Object]:
    """The Secrets a selector matches, by the name of their cluster."""
    for one in selector.get("matchExpressions") or ():
        if one.get("operator") not in _OPERATORS:
            raise SourceError(
                f'error converting label selector: "{one.get("operator", "")}" is not a valid label selector operator'
            )
    found: dict[str, Object] = {}
    for secret in sorted(run.sources.secrets(), key=name_of):
        labels = secret.get("metadata", {}).get("labels") or {}
        if is_cluster_secret(secret) and selector_matches(selector, labels):
            found[secret_data(secret, "name").get("name", "")] = secret
    return found


def _params(secret: Object, *, go_template: bool) -> Params:
    data = secret_data(secret, "name", "server", "project")
    name = data.get("name", "")
    labels: Mapping[str, str] = secret.get("metadata", {}).get("labels") or {}
    given: Mapping[str, str] = secret.get("metadata", {}).get("annotations") or {}
    annotations = {key: value for key, value in given.items() if key not in _HIDDEN_ANNOTATIONS}
    params: Params = {
        "name": name,
        "nameNormalized": sanitize_name(name),
        "server": data.get("server", ""),
        "project": data.get("project", ""),
    }
    if go_template:
        metadata: Params = {"annotations": StringMap(annotations)} if given else {}
        params["metadata"] = {**metadata, **({"labels": StringMap(labels)} if labels else {})}
        return params
    params.update({f"metadata.annotations.{key}": value for key, value in annotations.items()})
    params.update({f"metadata.labels.{key}": value for key, value in labels.items()})
    return params


def _with_values(params: Params, spec: Object, run: Run, what: str) -> Params:
    try:
        add_values(spec.get("values"), params, run.renderer)
    except GeneratorError as error:
        raise wrapped(f"error appending templated values for {what}", error) from None
    return params
