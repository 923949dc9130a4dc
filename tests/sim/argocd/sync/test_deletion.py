"""What goes with an Application that is deleted, in which order, and the hooks around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.sync.delete_hooks import DeleteHooks, DeletionError
from lab.sim.argocd.sync.deletion import Deletion, finalizers_without_cluster, goes_with
from lab.sim.argocd.sync.discovery import Discovery
from lab.sim.argocd.sync.records import permit_all
from lab.sim.clock import timestamp
from lab.sim.objects import Object
from tests.sim.argocd.sync.destination import INSTANCE, NAMESPACE, TRACKING, Destination, Operation, manifests
from tests.sim.argocd.sync.test_hooks import config, job
from tests.sim.argocd.sync.test_options import DEFINITION, OPTION
from tests.sim.argocd.sync.test_syncs import WEB

CASCADE = "resources-finalizer.argocd.argoproj.io"
PRE, POST = "pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"
HOOK_WITH_POLICY = "argocd.argoproj.io/hook-delete-policy"


@dataclass
class Deleting:
    """An Application on its way out: `step` is one pass, with its finalizers stored as the controller does."""

    cluster: Destination
    finalizers: list[str]
    targets: list[Object] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    application: Object = field(default_factory=dict)

    def __post_init__(self) -> None:
        metadata = {
            "name": INSTANCE,
            "namespace": "argocd",
            "uid": "1",
            "deletionTimestamp": timestamp(self.cluster.clock.now()),
            "annotations": {},
        }
        self.application = {"metadata": metadata, "spec": {}, "status": {}, **self.more}

    async def live(self) -> Mapping[ResourceKey, Object]:
        return {key_of(one): one for one in self.cluster.marked()}

    async def rendered(self) -> list[Object]:
        return self.targets

    async def step(self) -> bool:
        """Whether anything was taken off the finalizers."""
        self.application["metadata"]["finalizers"] = self.finalizers
        hooks = DeleteHooks(
            self.cluster,
            Discovery(self.cluster),
            NAMESPACE,
            permit_all,
            lambda obj: TRACKING.marked(obj, INSTANCE, NAMESPACE),
        )
        left = await Deletion(self.application, self.cluster, hooks, self.live, self.rendered).step()
        await self.cluster.settle()
        changed = left is not None and left != self.finalizers
        self.finalizers = self.finalizers if left is None else left
        return changed

    async def run(self, most: int = 20) -> int:
        for number in range(most):
            if not self.finalizers:
                return number
            await self.step()
            await self.cluster.clock.advance(1)
        raise AssertionError(f"still {self.finalizers}")


@pytest.mark.parametrize("finalizer", [CASCADE, f"{CASCADE}/foreground", f"{CASCADE}/background"])
async def test_resources_go_with_their_application(cluster: Destination, finalizer: str) -> None:
    await Operation(cluster, manifests(WEB)).run()
    await Deleting(cluster, [finalizer]).run()
    assert cluster.marked() == []
    assert await cluster.client.list("replicasets.apps", NAMESPACE) == ([], str(cluster.cluster.rest.store.revision))
    assert (await cluster.client.list("pods", NAMESPACE))[0] == []


async def test_the_highest_wave_goes_first_and_is_waited_for(cluster: Destination) -> None:
    held = config("late", 2).replace("name: late", "name: late\n  finalizers: [example.com/hold]")
    await Operation(cluster, manifests(config("early", -1) + config("same", 2) + held)).run()
    deleting = Deleting(cluster, [CASCADE])
    for _ in range(3):
        assert not await deleting.step()
        assert await cluster.find("configmaps", "early")
        assert await cluster.find("configmaps", "same") is None
    await cluster.client.patch("configmaps", NAMESPACE, "late", {"metadata": {"finalizers": None}})
    await deleting.run()
    assert cluster.marked() == []


async def test_what_is_to_stay_stays(cluster: Destination) -> None:
    texts = config("kept", **{OPTION: "Delete=false"}) + config("chart", **{"helm.sh/resource-policy": "keep"})
    await Operation(cluster, manifests(texts + config("gone") + DEFINITION)).run()
    await Deleting(cluster, [CASCADE]).run()
    assert sorted(one["metadata"]["name"] for one in cluster.marked()) == ["chart", "kept", "toys.example.com"]


async def test_an_application_can_keep_everything(cluster: Destination) -> None:
    await Operation(cluster, manifests(config("a") + config("b", **{OPTION: "Delete=true"}))).run()
    policy = {"spec": {"syncPolicy": {"syncOptions": ["Delete=false"]}}}
    await Deleting(cluster, [CASCADE], more=policy).run()
    assert [one["metadata"]["name"] for one in cluster.marked()] == ["a"]


async def test_deletion_can_wait_for_confirmation(cluster: Destination) -> None:
    await Operation(cluster, manifests(config("a") + config("b"))).run()
    entry = {"version": "v1", "kind": "ConfigMap", "namespace": NAMESPACE, "name": "b"}
    status = {"status": {"resources": [{**entry, "requiresDeletionConfirmation": True}]}}
    deleting = Deleting(cluster, [CASCADE], more=status)
    assert not await deleting.step()
    assert len(cluster.marked()) == 2
    annotations = deleting.application["metadata"]["annotations"]
    annotations["argocd.argoproj.io/deletion-approved"] = timestamp(cluster.clock.now() - 60)
    assert not await deleting.step(), "given before the deletion began"
    annotations["argocd.argoproj.io/deletion-approved"] = timestamp(cluster.clock.now() + 60)
    await deleting.run()
    assert cluster.marked() == []


async def test_hooks_run_before_and_after_and_are_cleaned_up(cluster: Destination) -> None:
    await Operation(cluster, manifests(config("a"))).run()
    hooks = job("before", "PreDelete") + job("after", "PostDelete", "HookSucceeded")
    finalizers = [CASCADE, PRE, f"{PRE}/cleanup", POST, f"{POST}/cleanup"]
    deleting = Deleting(cluster, finalizers, manifests(hooks))
    assert not await deleting.step()
    assert await cluster.find("jobs.batch", "before")
    assert await cluster.find("configmaps", "a")
    await cluster.clock.advance(1)
    assert await deleting.step(), "the hook has ended, and everything else can go"
    assert await cluster.find("jobs.batch", "after") is None
    await deleting.run()
    assert await cluster.find("configmaps", "a") is None
    assert await cluster.find("jobs.batch", "before") is None, "it goes with the other resources"
    assert await cluster.find("jobs.batch", "after") is None, "HookSucceeded"


async def test_hooks_of_a_deletion_without_a_policy_stay(cluster: Destination) -> None:
    deleting = Deleting(cluster, [CASCADE, POST, f"{POST}/cleanup"], manifests(job("after", "PostDelete")))
    await deleting.run()
    assert await cluster.find("jobs.batch", "after"), "BeforeHookCreation is not for deletions"


async def test_a_failed_hook_holds_the_deletion_and_runs_again(cluster: Destination) -> None:
    await Operation(cluster, manifests(config("a"))).run()
    deleting = Deleting(cluster, [CASCADE, PRE], manifests(job("before", "PreDelete", command='"false"')))
    await deleting.step()
    first = (await cluster.get("jobs.batch", "before"))["metadata"]["uid"]
    await cluster.clock.advance(1)
    failed = r"error executing pre-delete hooks: PreDelete hook\(s\) failed: shop/before"
    with pytest.raises(DeletionError, match=failed):
        await deleting.step()
    await cluster.settle()
    deleting.targets = manifests(job("before", "PreDelete"))
    await deleting.run()
    assert first
    assert cluster.marked() == []


async def test_a_hook_the_project_forbids_is_not_run(cluster: Destination) -> None:
    hooks = DeleteHooks(
        cluster, Discovery(cluster), NAMESPACE, lambda *_: "namespace shop is not permitted", lambda x: x
    )
    text = "PreDelete hook batch/Job/shop/before is not permitted: namespace shop is not permitted"
    with pytest.raises(DeletionError, match=text):
        await hooks.execute("PreDelete", manifests(job("before", "PreDelete")), {})


def test_without_a_cluster_all_of_its_finalizers_go() -> None:
    finalizers = [CASCADE, f"{CASCADE}/background", PRE, f"{POST}/cleanup", "example.com/other"]
    assert finalizers_without_cluster({"metadata": {"finalizers": finalizers}}) == ["example.com/other"]


def test_an_application_does_not_delete_itself() -> None:
    metadata = {"name": "self", "namespace": "argocd", "uid": "7"}
    itself = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}
    assert not goes_with(itself, itself)
    assert goes_with(itself, {**itself, "metadata": {**metadata, "uid": "8"}})
