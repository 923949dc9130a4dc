"""Which objects go, stay or are released when their owners go, as a table of small worlds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.sim.controllers.cluster_running import Running, config_map, namespace, running

_KINDS = {"c": ("configmaps", "v1", "ConfigMap"), "s": ("secrets", "v1", "Secret"), "n": ("nodes", "v1", "Node")}
_ids = itertools.count()


@dataclass
class Case:
    """Objects are named by kind and letter (`cA`: ConfigMap A, `sA`: Secret, `nA`: Node; `other/cA`: elsewhere)."""

    what: str
    owned: dict[str, str]
    """Object: its owners, separated by spaces; `!` behind one blocks its foreground deletion."""
    delete: str
    """`NAME` or `NAME POLICY`, separated by `, `."""
    left: str
    """What is there at the end, with the owners it names."""
    finalizers: dict[str, str] = field(default_factory=dict)
    release: str = ""
    """Objects whose finalizers go in the end; `left` then tells what is there before, `finally_left` after."""
    finally_left: str = ""


CASES = (
    Case("nothing is owned", {"cA": "", "cB": ""}, "cA", "cB"),
    Case("background: a dependent goes", {"cA": "", "cB": "cA"}, "cA", ""),
    Case("background: so do its dependents", {"cA": "", "cB": "cA", "cC": "cB", "cD": "cC"}, "cA", ""),
    Case("background: many dependents", {"cA": "", **{f"cB{n}": "cA" for n in range(20)}}, "cA", ""),
    Case("deleting a dependent leaves the owner", {"cA": "", "cB": "cA"}, "cB", "cA"),
    Case("siblings stay when one goes", {"cA": "", "cB": "cA", "cC": "cA"}, "cB", "cA cC(cA)"),
    Case("a second owner keeps it", {"cA": "", "cB": "", "cC": "cA cB"}, "cA", "cB cC(cB)"),
    Case("both owners gone", {"cA": "", "cB": "", "cC": "cA cB"}, "cA, cB", ""),
    Case("owners of several kinds", {"cA": "", "sB": "", "cC": "cA sB"}, "sB", "cA cC(cA)"),
    Case("a cluster-wide owner", {"nA": "", "cB": "nA"}, "nA", ""),
    Case("a cluster-wide owner, two namespaces", {"nA": "", "cB": "nA", "other/cB": "nA"}, "nA", ""),
    Case("a cluster-wide dependent", {"nA": "", "nB": "nA"}, "nA", ""),
    Case("a namespaced owner of a cluster-wide object never counts", {"cA": "", "nB": "cA"}, "cA", "nB(cA)"),
    Case("an owner in another namespace is no owner", {"other/cA": "", "cB": "other/cA"}, "", "other/cA"),
    Case("an absent owner", {"cB": "cX"}, "", ""),
    Case("an absent owner and a present one", {"cA": "", "cB": "cA cX"}, "", "cA cB(cA)"),
    Case("an absent owner of absent kind: nobody knows", {"cB": "zX"}, "", "cB(zX)"),
    Case("an owner of absent kind keeps it from going", {"cA": "", "cB": "cA zX"}, "cA", "cB(cA zX)"),
    Case("orphan: references are taken away", {"cA": "", "cB": "cA", "cC": "cB"}, "cA Orphan", "cB cC(cB)"),
    Case("orphan: other references stay", {"cA": "", "cB": "", "cC": "cA cB"}, "cA Orphan", "cB cC(cB)"),
    Case("orphan: nothing is owned", {"cA": ""}, "cA Orphan", ""),
    Case("orphan one, then delete the other", {"cA": "", "cB": "", "cC": "cA cB"}, "cA Orphan, cB", ""),
    Case("foreground: nothing is owned", {"cA": ""}, "cA Foreground", ""),
    Case("foreground: dependents that do not block", {"cA": "", "cB": "cA"}, "cA Foreground", ""),
    Case("foreground: dependents that block", {"cA": "", "cB": "cA!", "cC": "cA!"}, "cA Foreground", ""),
    Case("foreground: three generations", {"cA": "", "cB": "cA!", "cC": "cB!"}, "cA Foreground", ""),
    Case(
        "foreground waits for a dependent that cannot go",
        {"cA": "", "cB": "cA!"},
        "cA Foreground",
        "cA cB(cA)",
        {"cB": "lab/keep"},
        "cB",
        "",
    ),
    Case(
        "foreground does not wait for one that does not block",
        {"cA": "", "cB": "cA"},
        "cA Foreground",
        "cB(cA)",
        {"cB": "lab/keep"},
        "cB",
        "",
    ),
    Case(
        "foreground waits through the generations",
        {"cA": "", "cB": "cA!", "cC": "cB!"},
        "cA Foreground",
        "cA cB(cA) cC(cB)",
        {"cC": "lab/keep"},
        "cC",
        "",
    ),
    Case(
        "foreground: an owner that stays keeps it", {"cA": "", "cB": "", "cC": "cA! cB"}, "cA Foreground", "cB cC(cB)"
    ),
    Case(
        "background: an owner with a finalizer is not gone yet",
        {"cA": "", "cB": "cA"},
        "cA",
        "cA cB(cA)",
        {"cA": "lab/keep"},
        "cA",
        "",
    ),
    Case(
        "background: a dependent with a finalizer waits",
        {"cA": "", "cB": "cA"},
        "cA",
        "cB(cA)",
        {"cB": "lab/keep"},
        "cB",
        "",
    ),
    Case("a circle, background", {"cA": "cB", "cB": "cA"}, "cA", ""),
    Case("a circle, foreground", {"cA": "cB!", "cB": "cA!"}, "cA Foreground", ""),
)


class World:
    """The objects of a case."""

    def __init__(self, lab: Running) -> None:
        self.lab = lab
        self.uids: dict[str, str] = {}

    def where(self, name: str) -> tuple[str, str, str]:
        within, _, local = name.rpartition("/")
        resource = _KINDS[local[0]][0]
        return resource, "" if local[0] == "n" else within or "default", local.lower()

    def reference(self, owner: str) -> dict[str, Any]:
        name = owner.rstrip("!")
        local = name.rpartition("/")[2]
        _, api_version, kind = _KINDS.get(local[0], ("", "lab.example/v1", "Zebra"))
        uid = self.uids.get(name, f"absent-{local}")
        made = {"apiVersion": api_version, "kind": kind, "name": local.lower(), "uid": uid}
        return {**made, "blockOwnerDeletion": True} if owner.endswith("!") else made

    async def build(self, case: Case) -> None:
        for name in case.owned:
            resource, within, local = self.where(name)
            _, api_version, kind = _KINDS[name.rpartition("/")[2][0]]
            metadata: dict[str, Any] = {"name": local, **({"namespace": within} if within else {})}
            if name in case.finalizers:
                metadata["finalizers"] = [case.finalizers[name]]
            made = await self.lab.client.create(
                resource,
                {
                    "apiVersion": api_version,
                    "kind": kind,
                    "metadata": metadata,
                    **({"spec": {}} if kind == "Node" else {}),
                },
            )
            self.uids[name] = made["metadata"]["uid"]
        for name, owners in case.owned.items():
            if owners:
                resource, within, local = self.where(name)
                obj = await self.lab.client.get(resource, within, local)
                metadata = {**obj["metadata"], "ownerReferences": [self.reference(one) for one in owners.split()]}
                await self.lab.client.update(resource, {**obj, "metadata": metadata})
        await self.lab.settle()

    async def left(self) -> str:
        names = {uid: name for name, uid in self.uids.items()}
        found = []
        for name in self.uids:
            resource, within, local = self.where(name)
            obj = await self.lab.find(resource, local, within)
            if obj is None:
                continue
            owners = [names.get(one["uid"], one["uid"][7:]) for one in obj["metadata"].get("ownerReferences") or ()]
            found.append(f"{name}({' '.join(owners)})" if owners else name)
        return " ".join(found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_collection(case: Case):
    async with running() as lab:
        await lab.create("namespaces", namespace("other"))
        world = World(lab)
        await world.build(case)
        for one in filter(None, case.delete.split(", ")):
            name, _, policy = one.partition(" ")
            resource, within, local = world.where(name)
            await lab.client.delete(resource, within, local, policy)
            await lab.settle()
        assert await world.left() == case.left
        for name in case.release.split():
            resource, within, local = world.where(name)
            obj = await lab.client.get(resource, within, local)
            await lab.client.update(resource, {**obj, "metadata": {**obj["metadata"], "finalizers": []}})
            await lab.settle()
        assert await world.left() == (case.finally_left if case.release else case.left)


async def test_an_owner_in_another_namespace_is_told():
    async with running() as lab:
        await lab.create("namespaces", namespace("other"))
        owner = await lab.create("configmaps", config_map("owner", "other"))
        uid = owner["metadata"]["uid"]
        made = config_map("lost")
        made["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]
        await lab.create("configmaps", made)
        told = f"[v1/ConfigMap, namespace: default, name: owner, uid: {uid}]"
        text = f'ownerRef {told} does not exist in namespace "default"'
        assert lab.events("lost") == [("OwnerRefInvalidNamespace", text)]
        assert await lab.find("configmaps", "lost") is None


async def test_what_was_left_half_done_is_finished_after_a_restart():
    async with running() as lab:
        owner = await lab.create("configmaps", config_map("owner"))
        cluster = lab.cluster
    made = config_map("owned")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    made["metadata"]["ownerReferences"] = [reference]
    client = cluster.client()
    await client.create("configmaps", made)
    await client.delete("configmaps", "default", "owner")
    async with running(cluster=cluster) as again:
        assert await again.find("configmaps", "owned") is None


async def test_dependents_of_a_kind_that_appears_later_are_looked_at_again():
    async with running() as lab:
        reference = {"apiVersion": "lab.example/v1", "kind": "Zebra", "name": "z", "uid": "gone"}
        made = config_map("owned")
        made["metadata"]["ownerReferences"] = [reference]
        await lab.create("configmaps", made)
        assert await lab.find("configmaps", "owned") is not None
        lab.cluster.rest.registry.add(_zebra())
        await lab.create("customresourcedefinitions.apiextensions.k8s.io", _definition())
        assert await lab.find("configmaps", "owned") is None


def _zebra() -> Any:
    from lab.sim.api.resources import Resource

    return Resource("lab.example", "v1", "zebras", "Zebra", "zebra", storage="zebras.lab.example")


def _definition() -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "zebras.lab.example"},
        "spec": {
            "group": "lab.example",
            "names": {"kind": "Zebra", "plural": "zebras", "singular": "zebra", "listKind": "ZebraList"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
