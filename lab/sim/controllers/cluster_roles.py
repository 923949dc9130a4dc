"""Aggregated cluster roles: a role with an aggregation rule has the rules of the roles it selects.

Source: Kubernetes `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.
"""

from __future__ import annotations

from lab.sim.api.aggregation import aggregated_rules
from lab.sim.api.resources import Object
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.objects import evolve, name_of

_RESOURCE = "clusterroles.rbac.authorization.k8s.io"


class ClusterRoles(Controller):
    """Keeps the rules of aggregated roles."""

    name = "clusterrole-aggregation-controller"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        super().__init__(client, clock, informers)
        self._roles = self.informer(_RESOURCE)
        self._aggregated: set[str] = set()
        self._roles.handle(self._role_changed)

    def _role_changed(self, old: Object | None, new: Object | None) -> None:
        role = new if new is not None else old
        assert role is not None
        if new is not None and new.get("aggregationRule"):
            self._aggregated.add(name_of(role))
        else:
            self._aggregated.discard(name_of(role))
        for name in self._aggregated:
            self.enqueue("", name)

    async def reconcile(self, namespace: str, name: str) -> None:  # noqa: ARG002 - cluster-wide
        """Put one role's rules together."""
        role = self._roles.get("", name)
        rules = aggregated_rules(role, self._roles.list()) if role is not None else None
        if role is not None and rules is not None and (role.get("rules") or []) != rules:
            await self.client.update(_RESOURCE, evolve(role, rules=rules))
