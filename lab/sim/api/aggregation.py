"""ClusterRoles that are made of others: which rules they gather by label. A controller writes them into the role.

Source: Kubernetes `pkg/controller/clusterroleaggregation`.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.sim.api import selectors
from lab.sim.api.resources import Object, Objects


def aggregated_rules(role: Object, roles: Iterable[Object]) -> Objects | None:
    """The rules `role` should have by its `aggregationRule`; None when it has none. `roles`: every ClusterRole."""
    aggregation = role.get("aggregationRule")
    if aggregation is None:
        return None
    ordered = sorted(roles, key=lambda one: str(one["metadata"]["name"]))
    found: Objects = []
    for selector in aggregation.get("clusterRoleSelectors") or ():
        for one in ordered:
            metadata = one["metadata"]
            if metadata["name"] == role["metadata"]["name"]:
                continue
            if selectors.matches(selector, metadata.get("labels") or {}):
                found.extend(rule for rule in one.get("rules") or () if rule not in found)
    return found
