"""How a namespace ends."""

from __future__ import annotations

from lab.sim.api.resources import Resource
from lab.sim.controllers.timing import REALISTIC
from tests.sim.controllers.cluster_running import Running, config_map, namespace, pod, running

_FINE = {
    "NamespaceDeletionDiscoveryFailure": ("False", "ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "False",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "False",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("False", "ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


async def _conditions(lab: Running, name: str) -> dict[str, tuple[str, str, str]]:
    found = await lab.get("namespaces", name, "")
    return {one["type"]: (one["status"], one["reason"], one["message"]) for one in found["status"]["conditions"]}


async def test_an_empty_namespace_goes_at_once():
    async with running() as lab:
        await lab.create("namespaces", namespace("shop"))
        assert await lab.find("serviceaccounts", "default", "shop") is not None
        assert await lab.find("configmaps", "kube-root-ca.crt", "shop") is not None
        await lab.delete("namespaces", "shop", "")
        assert await lab.find("namespaces", "shop", "") is None
        assert await lab.list("configmaps", "shop") == await lab.list("serviceaccounts", "shop") == []


async def test_pods_go_first_and_gracefully():
    async with running(REALISTIC) as lab:
        await lab.create("namespaces", namespace("shop"))
        await lab.create("configmaps", config_map("settings", "shop"))
        await lab.create("pods", pod(namespace="shop", fault="ignores-stop", terminationGracePeriodSeconds=12))
        await lab.advance(3)
        await lab.delete("namespaces", "shop", "")
        assert (await lab.get("namespaces", "shop", ""))["status"]["phase"] == "Terminating"
        # A real server says nothing of what remains while there are pods.
        assert await _conditions(lab, "shop") == _FINE
        await lab.advance(11)
        assert await lab.find("configmaps", "settings", "shop") is not None
        await lab.advance(1)
        assert await lab.find("namespaces", "shop", "") is None
        assert await lab.find("configmaps", "settings", "shop") is None


async def test_content_with_finalizers_is_waited_for_and_told():
    async with running() as lab:
        await lab.create("namespaces", namespace("shop"))
        for name, finalizers in (("a", ["lab/one"]), ("b", ["lab/one", "lab/two"]), ("c", [])):
            made = config_map(name, "shop")
            made["metadata"]["finalizers"] = finalizers
            await lab.create("configmaps", made)
        await lab.delete("namespaces", "shop", "")
        assert await _conditions(lab, "shop") == {
            **_FINE,
            "NamespaceContentRemaining": (
                "True",
                "SomeResourcesRemain",
                "Some resources are remaining: configmaps. has 2 resource instances",
            ),
            "NamespaceFinalizersRemaining": (
                "True",
                "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining: "
                "lab/one in 2 resource instances, lab/two in 1 resource instances",
            ),
        }
        stuck = await lab.get("namespaces", "shop", "")
        await lab.advance(600)
        assert await lab.get("namespaces", "shop", "") == stuck
        await lab.change("configmaps", "a", "shop", metadata={"finalizers": []})
        told = (await _conditions(lab, "shop"))["NamespaceFinalizersRemaining"][2]
        assert told.endswith("lab/one in 1 resource instances, lab/two in 1 resource instances")
        await lab.change("configmaps", "b", "shop", metadata={"finalizers": []})
        assert await lab.find("namespaces", "shop", "") is None


async def test_custom_resources_are_deleted_too():
    async with running() as lab:
        row = Resource("lab.example", "v1", "zebras", "Zebra", "zebra", storage="zebras.lab.example")
        lab.cluster.rest.registry.add(row)
        await lab.create("namespaces", namespace("shop"))
        zebra = {
            "apiVersion": "lab.example/v1",
            "kind": "Zebra",
            "metadata": {"name": "z", "namespace": "shop", "finalizers": ["lab/stripes"]},
        }
        store = lab.cluster.rest.store
        zebra["metadata"].update(uid="z", creationTimestamp="2026-01-01T00:00:00Z")
        store.put(row.storage, "shop", "z", zebra)
        await lab.delete("namespaces", "shop", "")
        told = (await _conditions(lab, "shop"))["NamespaceContentRemaining"][2]
        assert told == "Some resources are remaining: zebras.lab.example has 1 resource instances"
        store.remove(row.storage, "shop", "z")
        await lab.settle()
        assert await lab.find("namespaces", "shop", "") is None


async def test_a_finalizer_of_somebody_else_holds_the_namespace_itself():
    async with running() as lab:
        made = namespace("shop")
        made["spec"]["finalizers"] = ["kubernetes", "lab/hold"]
        await lab.create("namespaces", made)
        await lab.delete("namespaces", "shop", "")
        held = await lab.get("namespaces", "shop", "")
        assert held["spec"]["finalizers"] == ["lab/hold"]
        await lab.client.update("namespaces", {**held, "spec": {}}, "finalize")
        assert await lab.find("namespaces", "shop", "") is None


async def test_a_deletion_begun_before_a_restart_is_finished():
    async with running() as lab:
        await lab.create("namespaces", namespace("shop"))
        await lab.create("configmaps", config_map("settings", "shop"))
        cluster = lab.cluster
    await cluster.client().delete("namespaces", "", "shop")
    async with running(cluster=cluster) as again:
        assert await again.find("namespaces", "shop", "") is None
