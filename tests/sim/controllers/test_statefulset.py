"""StatefulSets: order, identity, claims, updates with partition, revisions."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lab.sim.controllers.statefulset import StatefulSetController
from lab.sim.objects import thaw
from tests.sim.controllers.running import Running, running, set_image, set_spec, template

Object = dict[str, Any]
HASH = "controller-revision-hash"


def stateful_set(replicas: int = 3, **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db-peers",
            "podManagementPolicy": "OrderedReady",
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "db"}},
            "template": template({"app": "db"}),
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            **spec,
        },
    }


def claim_template() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


async def images(cluster: Running) -> dict[str, str]:
    return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in await cluster.pods()}


async def test_pods_have_names_labels_and_an_address_of_their_own() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(2, ordinals={"start": 5}))
        pods = await cluster.pods()
        made = await cluster.get("statefulsets.apps", "db")
        revision = (await cluster.list("controllerrevisions.apps"))[0]
    assert [pod["metadata"]["name"] for pod in pods] == ["db-5", "db-6"]
    assert pods[0]["metadata"]["labels"] == {
        "app": "db",
        HASH: revision["metadata"]["name"],
        "statefulset.kubernetes.io/pod-name": "db-5",
        "apps.kubernetes.io/pod-index": "5",
    }
    assert (pods[1]["spec"]["hostname"], pods[1]["spec"]["subdomain"]) == ("db-6", "db-peers")
    assert pods[0]["metadata"]["generateName"] == "db-"
    assert revision["metadata"]["name"] == f"db-{revision['metadata']['labels']['controller.kubernetes.io/hash']}"
    assert made["status"] == {
        "observedGeneration": 1,
        "replicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "currentReplicas": 2,
        "updatedReplicas": 2,
        "currentRevision": revision["metadata"]["name"],
        "updateRevision": revision["metadata"]["name"],
        "collisionCount": 0,
    }
    assert cluster.said("SuccessfulCreate")[0] == "create Pod db-5 in StatefulSet db successful"


async def test_pods_are_made_one_after_the_other_and_given_up_in_reverse() -> None:
    async with running(StatefulSetController) as cluster:
        cluster.hold = lambda pod: pod["metadata"]["name"] == "db-1"
        await cluster.create("statefulsets.apps", stateful_set(3))
        assert sorted(await images(cluster)) == ["db-0", "db-1"]
        cluster.hold = lambda pod: False
        await cluster.settle()
        assert sorted(await images(cluster)) == ["db-0", "db-1", "db-2"]
        await cluster.change("statefulsets.apps", "db", set_spec(replicas=1))
        assert sorted(await images(cluster)) == ["db-0"]
        assert [text.split()[2] for text in cluster.said("SuccessfulDelete")] == ["db-2", "db-1"]


async def test_a_parallel_set_does_not_wait() -> None:
    async with running(StatefulSetController) as cluster:
        cluster.hold = lambda pod: True
        await cluster.create("statefulsets.apps", stateful_set(3, podManagementPolicy="Parallel"))
        assert len(await cluster.pods()) == 3
        await cluster.change("statefulsets.apps", "db", set_spec(replicas=0))
        assert await cluster.pods() == []


async def test_an_update_goes_from_the_highest_number_down_and_waits_for_each() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(3))
        cluster.hold = lambda pod: pod["spec"]["containers"][0]["image"] == "pause:2"
        await cluster.change("statefulsets.apps", "db", set_image("pause:2"))
        assert await images(cluster) == {"db-0": "pause:1", "db-1": "pause:1", "db-2": "pause:2"}
        made = await cluster.get("statefulsets.apps", "db")
        assert (made["status"]["currentReplicas"], made["status"]["updatedReplicas"]) == (2, 1)
        assert made["status"]["currentRevision"] != made["status"]["updateRevision"]
        cluster.hold = lambda pod: False
        await cluster.settle()
        assert set((await images(cluster)).values()) == {"pause:2"}
        made = await cluster.get("statefulsets.apps", "db")
        assert made["status"]["currentRevision"] == made["status"]["updateRevision"]
        assert made["status"]["currentReplicas"] == 3
        assert [text.split()[2] for text in cluster.said("SuccessfulDelete")] == ["db-2", "db-1", "db-0"]


async def test_a_partition_keeps_the_lower_pods_as_they_were_even_when_they_are_remade() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(4))
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
        await cluster.change("statefulsets.apps", "db", set_spec(updateStrategy=strategy))
        await cluster.change("statefulsets.apps", "db", set_image("pause:2"))
        expected = {"db-0": "pause:1", "db-1": "pause:1", "db-2": "pause:2", "db-3": "pause:2"}
        assert await images(cluster) == expected
        await cluster.delete("pods", "db-0")
        await cluster.delete("pods", "db-3")
        assert await images(cluster) == expected


async def test_on_delete_updates_only_what_is_deleted() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(2, updateStrategy={"type": "OnDelete"}))
        await cluster.change("statefulsets.apps", "db", set_image("pause:2"))
        assert set((await images(cluster)).values()) == {"pause:1"}
        await cluster.delete("pods", "db-0")
        assert await images(cluster) == {"db-0": "pause:2", "db-1": "pause:1"}


@pytest.mark.parametrize(("minor", "at_once"), [(34, 1), (35, 2)])
async def test_max_unavailable_holds_from_1_35_on(minor: int, at_once: int) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 2}}
    async with running(StatefulSetController, minor=minor) as cluster:
        await cluster.create(
            "statefulsets.apps", stateful_set(4, updateStrategy=strategy, podManagementPolicy="Parallel")
        )
        cluster.hold = lambda pod: pod["spec"]["containers"][0]["image"] == "pause:2"
        await cluster.change("statefulsets.apps", "db", set_image("pause:2"))
        assert list((await images(cluster)).values()).count("pause:2") == at_once


async def test_a_template_that_comes_back_raises_its_revision_and_the_history_is_kept_short() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(1, revisionHistoryLimit=2))
        first = (await cluster.get("statefulsets.apps", "db"))["status"]["updateRevision"]
        await cluster.change("statefulsets.apps", "db", set_image("pause:2"))
        await cluster.change("statefulsets.apps", "db", set_image("pause:1"))
        made = await cluster.get("statefulsets.apps", "db")
        assert made["status"]["updateRevision"] == first
        numbers = {one["metadata"]["name"]: one["revision"] for one in await cluster.list("controllerrevisions.apps")}
        assert numbers[first] == 3
        for number in range(3, 8):
            await cluster.change("statefulsets.apps", "db", set_image(f"pause:{number}"))
        left = sorted(one["revision"] for one in await cluster.list("controllerrevisions.apps"))
        assert left == [6, 7, 8]


async def test_claims_are_made_and_stay_when_the_pods_go() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(2, volumeClaimTemplates=[claim_template()]))
        claims = await cluster.list("persistentvolumeclaims")
        assert [claim["metadata"]["name"] for claim in claims] == ["data-db-0", "data-db-1"]
        assert claims[0]["metadata"]["labels"] == {"app": "db"}
        assert not claims[0]["metadata"].get("ownerReferences")
        volumes = (await cluster.get("pods", "db-1"))["spec"]["volumes"]
        assert volumes[0] == {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}}
        await cluster.change("statefulsets.apps", "db", set_spec(replicas=0))
        assert len(await cluster.list("persistentvolumeclaims")) == 2
        assert "create Claim data-db-0 Pod db-0 in StatefulSet db success" in cluster.said("SuccessfulCreate")


async def test_the_retention_policy_decides_who_owns_the_claims() -> None:
    policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    async with running(StatefulSetController) as cluster:
        await cluster.create(
            "statefulsets.apps",
            stateful_set(2, volumeClaimTemplates=[claim_template()], persistentVolumeClaimRetentionPolicy=policy),
        )

        async def owners() -> list[str]:
            claims = await cluster.list("persistentvolumeclaims")
            return ["+".join(one["kind"] for one in claim["metadata"].get("ownerReferences", ())) for claim in claims]

        assert await owners() == ["StatefulSet", "StatefulSet"]
        await cluster.change("statefulsets.apps", "db", set_spec(replicas=1))
        assert await owners() == ["StatefulSet", "Pod"]
        keep = {"whenDeleted": "Retain", "whenScaled": "Retain"}
        await cluster.change("statefulsets.apps", "db", set_spec(persistentVolumeClaimRetentionPolicy=keep))
        assert (await owners())[0] == ""


async def test_a_pod_that_failed_is_made_anew_under_its_name() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(2))
        before = await cluster.get("pods", "db-0")
        await cluster.pod_status("db-0", phase="Failed", conditions=[])
        await cluster.settle()
        after = await cluster.get("pods", "db-0")
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        assert after["status"]["phase"] == "Running"


async def test_a_pod_whose_label_was_taken_gets_it_back() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(1))
        label = "statefulset.kubernetes.io/pod-name"
        await cluster.change("pods", "db-0", lambda pod: pod["metadata"]["labels"].pop(label))
        assert (await cluster.get("pods", "db-0"))["metadata"]["labels"][label] == "db-0"


async def test_only_pods_with_the_set_s_names_are_adopted() -> None:
    def pod(name: str) -> Object:
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "db"}}}
        return {**made, "spec": thaw(template({})["spec"])}

    async with running(StatefulSetController) as cluster:
        await cluster.create("pods", pod("db-0"))
        await cluster.create("pods", pod("other-0"))
        await cluster.create("statefulsets.apps", stateful_set(1))
        assert (await cluster.get("pods", "db-0"))["metadata"]["ownerReferences"][0]["kind"] == "StatefulSet"
        assert not (await cluster.get("pods", "other-0"))["metadata"].get("ownerReferences")


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_done_to_a_set_it_arrives_in_order(seed: int) -> None:
    chance = random.Random(seed)
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(3, revisionHistoryLimit=2))
        for _ in range(200):
            kind = chance.choice(["scale", "image", "kill", "fail", "restart", "settle", "settle"])
            pods = await cluster.pods()
            if kind == "scale":
                await cluster.change("statefulsets.apps", "db", set_spec(replicas=chance.randrange(6)), False)
            elif kind == "image":
                await cluster.change("statefulsets.apps", "db", set_image(f"pause:{chance.randrange(1, 4)}"), False)
            elif kind == "kill" and pods:
                await cluster.delete("pods", chance.choice(pods)["metadata"]["name"], False)
            elif kind == "fail" and pods:
                await cluster.pod_status(chance.choice(pods)["metadata"]["name"], phase="Failed", conditions=[])
            elif kind == "restart":
                await cluster.stop()
                cluster.start()
            elif kind == "settle":
                await cluster.settle()

        def end(obj: Object) -> None:
            set_image("pause:9")(obj)
            set_spec(replicas=4)(obj)

        await cluster.change("statefulsets.apps", "db", end)
        await cluster.advance(70, step=20)
        made = await cluster.get("statefulsets.apps", "db")
        assert await images(cluster) == {f"db-{number}": "pause:9" for number in range(4)}
        assert made["status"]["currentRevision"] == made["status"]["updateRevision"]
        assert made["status"]["availableReplicas"] == 4
        assert len(await cluster.list("controllerrevisions.apps")) <= 3
