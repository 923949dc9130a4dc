"""A bare cluster with its default roles, and with everything that tells who asks and whether they may."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from lab.sim import bootstrap
from lab.sim.api import reviews
from lab.sim.api.aggregation import aggregated_rules
from lab.sim.api.authn import Authenticator
from lab.sim.api.context import Context, User
from lab.sim.api.rbac import Authorizer, check_escalation
from lab.sim.api.resources import Resource
from lab.sim.api.rest import Rest
from lab.sim.api.tokens import Tokens
from lab.sim.certificates import Authority
from lab.sim.clock import ManualClock, timestamp
from lab.sim.objects import evolve, thaw
from tests.sim.clusters import bare

Object = dict[str, Any]


@cache
def _authority() -> Authority:
    return Authority.create("kubernetes", ManualClock())


@dataclass
class Guarded:
    rest: Rest
    clock: ManualClock
    authority: Authority
    tokens: Tokens
    authorizer: Authorizer
    authenticator: Authenticator

    def row(self, plural: str, group: str = "", version: str = "v1") -> Resource:
        found = self.rest.registry.find(group, version, plural)
        assert found is not None
        return found

    def create(self, obj: Object, user: User | None = None, **metadata: Any) -> Object:
        row = self.rest.registry.kind(obj["apiVersion"], obj["kind"])
        assert row is not None
        obj = {**obj, "metadata": {**obj.get("metadata", {}), **metadata}}
        context = Context(user, "tester") if user else Context(manager="tester")
        return self.rest.create(row, obj["metadata"].get("namespace", ""), obj, context)

    def put(self, storage: str, namespace: str, name: str, **fields: Any) -> Object:
        """Hold an object as it is, without the ways of its kind."""
        metadata = {"namespace": namespace, "name": name, "uid": f"uid-of-{name}", **fields.pop("metadata", {})}
        return self.rest.store.put(storage, namespace, name, {"apiVersion": "v1", "metadata": metadata, **fields})

    def account(self, name: str, namespace: str = "default", uid: str = "") -> Object:
        return self.put(
            "serviceaccounts", namespace, name, kind="ServiceAccount", metadata={"uid": uid or f"uid-{name}"}
        )

    def aggregate(self) -> set[str]:
        """What the controller of aggregated ClusterRoles does until nothing changes; names of those that changed."""
        row, again = self.row("clusterroles", "rbac.authorization.k8s.io"), True
        changed: set[str] = set()
        while again:
            again = False
            roles = self.rest.list(row).items
            for one in roles:
                rules, name = aggregated_rules(one, roles), one["metadata"]["name"]
                if rules is not None and rules != (one.get("rules") or []):
                    self.rest.update(row, "", name, thaw(evolve(one, rules=rules)), Context(manager="tester"))
                    changed.add(name)
                    again = True
        return changed

    def review(self, kind: str, spec: Object | None = None, user: User | None = None, /, **body: Any) -> Object:
        """Ask a review of `authorization.k8s.io` or `authentication.k8s.io`."""
        row = next(row for row in self.rest.registry if row.kind == kind)
        asked = {**body, **({"spec": spec} if spec is not None else {})}
        namespace = "default" if row.namespaced else ""
        who = user or User("tester")
        return reviews.create(self.rest, self.authorizer, self.tokens, row, namespace, "", "", asked, who)


def guarded() -> Guarded:
    cluster = bare()
    rest, clock = cluster.rest, cluster.clock
    rest.store.seed(bootstrap.objects(timestamp(clock.now()), b""))
    authority = _authority()
    tokens = Tokens(rest, _key())
    authorizer = Authorizer(rest)
    rest.guard = partial(check_escalation, authorizer)
    authenticator = Authenticator(authority.pair.certificate, tokens, clock)
    return Guarded(rest, clock, authority, tokens, authorizer, authenticator)


@cache
def _key() -> bytes:
    return Tokens.create_key()
