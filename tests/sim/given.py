"""A simulated cluster with one namespace, and the verbs on it in as few words as a test wants to use."""

from __future__ import annotations

from typing import Any

from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.objects import thaw
from tests.sim.clusters import bare

NAMESPACE = "shop"


class Given:
    """A cluster with one namespace and its default service account."""

    def __init__(self) -> None:
        self.cluster = bare()
        self.rest: Rest = self.cluster.rest
        self.context = Context(manager="tester")
        self.create("namespaces", {"metadata": {"name": NAMESPACE}})
        self.create("serviceaccounts", {"metadata": {"name": "default"}})

    def row(self, plural: str, group: str = "") -> Resource:
        found = self.rest.registry.plural(group, plural)
        assert found is not None
        return found

    def split(self, resource: str) -> tuple[Resource, str]:
        plural, _, group = resource.partition(".")
        row = self.row(plural, group)
        return row, NAMESPACE if row.namespaced else ""

    def create(self, resource: str, obj: Object) -> Object:
        row, namespace = self.split(resource)
        return self.rest.create(row, namespace, thaw(obj), self.context)

    def get(self, resource: str, name: str) -> Object:
        row, namespace = self.split(resource)
        return self.rest.get(row, namespace, name)

    def update(self, resource: str, name: str, obj: Object, subresource: str = "") -> Object:
        row, namespace = self.split(resource)
        return self.rest.update(row, namespace, name, thaw(obj), self.context, subresource)

    def patch(self, resource: str, name: str, patch: Any, subresource: str = "") -> Object:
        row, namespace = self.split(resource)
        return self.rest.patch(row, namespace, name, patch, "merge", self.context, subresource)

    def delete(self, resource: str, name: str, **options: Any) -> tuple[Object, bool]:
        row, namespace = self.split(resource)
        return self.rest.delete(row, namespace, name, DeleteOptions(**options), self.context)

    def told(self, resource: str) -> Any:
        row, namespace = self.split(resource)
        subscription = self.rest.watch(row, namespace)
        return lambda: [(one.type, one.object) for one in subscription.changes]


def pod(name: str = "p", **spec: Any) -> Object:
    containers = [{"name": "c", "image": "pause:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def deployment(replicas: int = 1, **metadata: Any) -> Object:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod()["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {"metadata": {"name": "d", **metadata}, "spec": spec}
