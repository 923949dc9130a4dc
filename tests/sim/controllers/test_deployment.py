"""Deployments and ReplicaSets: rollouts step by step, undo, pause, deadline, scaling, adoption."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lab.sim.api.status import forbidden
from lab.sim.controllers.deployment import DeploymentController
from lab.sim.controllers.replicaset import ReplicaSetController, ReplicationControllerController
from lab.sim.objects import thaw
from tests.sim.controllers.running import (
    NAMESPACE,
    Running,
    condition_of,
    running,
    set_image,
    set_spec,
    template,
)

Object = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"


def deployment(replicas: int = 4, strategy: Object | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"team": "a"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": strategy or rolling(),
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "template": template({"app": "web"}),
            **spec,
        },
    }


def rolling(surge: int | str = "25%", unavailable: int | str = "25%") -> Object:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def deployments(**options: Any) -> Any:
    return running(DeploymentController, ReplicaSetController, **options)


async def sizes(cluster: Running) -> dict[str, int]:
    """Replicas of every ReplicaSet by its image."""
    return {
        one["spec"]["template"]["spec"]["containers"][0]["image"]: one["spec"]["replicas"]
        for one in await cluster.list("replicasets.apps")
    }


async def newest(cluster: Running) -> Object:
    sets = await cluster.list("replicasets.apps")
    return max(sets, key=lambda one: int(one["metadata"]["annotations"][REVISION]))


async def test_a_new_deployment_gets_a_replica_set_with_hash_and_annotations() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(2))
        made = await cluster.get("deployments.apps", "web")
        owned = await newest(cluster)
        pods = await cluster.pods()
    label = owned["metadata"]["labels"]["pod-template-hash"]
    assert owned["metadata"]["name"] == f"web-{label}"
    assert set(label) <= set("bcdfghjklmnpqrstvwxz2456789")
    assert owned["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": label}
    assert owned["metadata"]["annotations"] == {
        "team": "a",
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "2",
        "deployment.kubernetes.io/max-replicas": "3",
    }
    assert made["metadata"]["annotations"][REVISION] == "1"
    assert made["metadata"]["generation"] == 1
    assert len(pods) == 2
    for pod in pods:
        assert pod["metadata"]["name"].startswith(f"web-{label}-")
        assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": label}
        assert pod["metadata"]["ownerReferences"][0]["name"] == owned["metadata"]["name"]
    status = {key: value for key, value in made["status"].items() if key != "conditions"}
    assert status == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
    }
    assert condition_of(made, "Available") == ("True", "MinimumReplicasAvailable")
    assert condition_of(made, "Progressing") == ("True", "NewReplicaSetAvailable")
    progress = next(one for one in made["status"]["conditions"] if one["type"] == "Progressing")
    assert progress["message"] == f'ReplicaSet "web-{label}" has successfully progressed.'
    assert cluster.said("ScalingReplicaSet") == [f"Scaled up replica set web-{label} from 0 to 2"]
    assert len(cluster.said("SuccessfulCreate")) == 2


STRATEGIES = [(1, 0), (0, 1), (1, 1), ("25%", "25%"), ("100%", 0), (0, "50%"), (2, "30%"), (3, 0)]


@pytest.mark.parametrize(("surge", "unavailable"), STRATEGIES)
async def test_a_rollout_keeps_within_surge_and_availability(surge: int | str, unavailable: int | str) -> None:
    replicas = 6
    most = replicas + (int(surge[:-1]) * replicas + 99) // 100 if isinstance(surge, str) else replicas + surge
    missing = int(unavailable[:-1]) * replicas // 100 if isinstance(unavailable, str) else unavailable
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(replicas, rolling(surge, unavailable)))
        seen = []

        def check() -> None:
            pods = [
                one for one in cluster.cluster.rest.store.list("pods") if not one["metadata"].get("deletionTimestamp")
            ]
            ready = sum(1 for one in pods if one.get("status", {}).get("conditions"))
            seen.append((len(pods), ready))

        cluster.checks.append(check)
        await cluster.change("deployments.apps", "web", set_image("pause:2"))
        assert await sizes(cluster) == {"pause:1": 0, "pause:2": replicas}
        made = await cluster.get("deployments.apps", "web")
    assert condition_of(made, "Progressing") == ("True", "NewReplicaSetAvailable")
    assert max(total for total, _ in seen) <= most
    assert min(ready for _, ready in seen) >= replicas - missing
    assert min(total for total, _ in seen) >= replicas - missing


async def test_recreate_starts_nothing_before_the_old_pods_are_gone() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(3, {"type": "Recreate"}))

        def check() -> None:
            images = {one["spec"]["containers"][0]["image"] for one in cluster.cluster.rest.store.list("pods")}
            assert len(images) <= 1

        cluster.checks.append(check)
        await cluster.change("deployments.apps", "web", set_image("pause:2"))
        assert await sizes(cluster) == {"pause:1": 0, "pause:2": 3}
        made = await cluster.get("deployments.apps", "web")
    assert made["status"]["availableReplicas"] == 3


async def test_undo_raises_the_old_replica_set_s_revision_and_keeps_its_history() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(2))
        first = await newest(cluster)
        await cluster.change("deployments.apps", "web", set_image("pause:2"))
        assert (await newest(cluster))["metadata"]["annotations"][REVISION] == "2"

        def undo(obj: Object) -> None:
            obj["spec"]["template"] = thaw(first["spec"]["template"])
            del obj["spec"]["template"]["metadata"]["labels"]["pod-template-hash"]

        await cluster.change("deployments.apps", "web", undo)
        now = await newest(cluster)
        made = await cluster.get("deployments.apps", "web")
        assert await sizes(cluster) == {"pause:1": 2, "pause:2": 0}
        assert now["metadata"]["uid"] == first["metadata"]["uid"]
        assert now["metadata"]["annotations"][REVISION] == "3"
        assert now["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
        assert made["metadata"]["annotations"][REVISION] == "3"


async def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(2))
        await cluster.change("deployments.apps", "web", set_spec(paused=True))
        made = await cluster.get("deployments.apps", "web")
        assert condition_of(made, "Progressing") == ("Unknown", "DeploymentPaused")
        await cluster.change("deployments.apps", "web", set_image("pause:2"))
        await cluster.change("deployments.apps", "web", set_spec(replicas=4))
        assert await sizes(cluster) == {"pause:1": 4}
        made = await cluster.get("deployments.apps", "web")
        assert "updatedReplicas" not in made["status"]
        await cluster.change("deployments.apps", "web", set_spec(paused=False))
        assert await sizes(cluster) == {"pause:1": 0, "pause:2": 4}
        made = await cluster.get("deployments.apps", "web")
        assert condition_of(made, "Progressing") == ("True", "NewReplicaSetAvailable")


async def test_a_rollout_that_does_not_move_exceeds_its_deadline_and_recovers() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(4, progressDeadlineSeconds=30))
        await cluster.change("deployments.apps", "web", set_image("hold"))
        made = await cluster.get("deployments.apps", "web")
        assert condition_of(made, "Progressing") == ("True", "ReplicaSetUpdated")
        assert await sizes(cluster) == {"pause:1": 3, "hold": 2}
        await cluster.advance(28)
        made = await cluster.get("deployments.apps", "web")
        assert condition_of(made, "Progressing") == ("True", "ReplicaSetUpdated")
        await cluster.advance(5)
        made = await cluster.get("deployments.apps", "web")
        assert condition_of(made, "Progressing") == ("False", "ProgressDeadlineExceeded")
        assert condition_of(made, "Available") == ("True", "MinimumReplicasAvailable")
        assert made["status"]["unavailableReplicas"] == 2
        await cluster.change("deployments.apps", "web", set_image("pause:1"))
        made = await cluster.get("deployments.apps", "web")
        assert condition_of(made, "Progressing") == ("True", "NewReplicaSetAvailable")
        assert await sizes(cluster) == {"pause:1": 4, "hold": 0}


async def test_min_ready_seconds_hold_a_rollout_back() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(2, rolling(1, 0), minReadySeconds=10))
        made = await cluster.get("deployments.apps", "web")
        assert (made["status"]["readyReplicas"], made["status"].get("availableReplicas", 0)) == (2, 0)
        await cluster.advance(12)
        assert (await cluster.get("deployments.apps", "web"))["status"]["availableReplicas"] == 2
        await cluster.change("deployments.apps", "web", set_image("pause:2"))
        assert await sizes(cluster) == {"pause:1": 2, "pause:2": 1}
        await cluster.advance(12)
        assert await sizes(cluster) == {"pause:1": 1, "pause:2": 2}
        await cluster.advance(12)
        assert await sizes(cluster) == {"pause:1": 0, "pause:2": 2}


async def test_scaling_in_the_middle_of_a_rollout_is_spread_by_size() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(10, rolling(3, 2)))
        await cluster.change("deployments.apps", "web", set_image("hold"))
        assert await sizes(cluster) == {"pause:1": 8, "hold": 5}
        await cluster.change("deployments.apps", "web", set_spec(replicas=15))
        assert await sizes(cluster) == {"pause:1": 11, "hold": 7}


async def test_old_replica_sets_beyond_the_history_limit_go() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(1, revisionHistoryLimit=2))
        for number in range(2, 7):
            await cluster.change("deployments.apps", "web", set_image(f"pause:{number}"))
            await cluster.advance(1)
        assert sorted(await sizes(cluster)) == ["pause:4", "pause:5", "pause:6"]
        revisions = {one["metadata"]["annotations"][REVISION] for one in await cluster.list("replicasets.apps")}
        assert revisions == {"4", "5", "6"}


async def test_a_replica_set_of_another_owner_with_the_same_name_counts_as_a_collision() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(1))
        taken = await newest(cluster)
        await cluster.delete("deployments.apps", "web")
        await cluster.delete("replicasets.apps", taken["metadata"]["name"])
        squatter = thaw(taken)
        squatter["metadata"] = {"name": taken["metadata"]["name"], "labels": {"app": "other"}}
        squatter["spec"]["selector"] = {"matchLabels": {"app": "other"}}
        squatter["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
        squatter["spec"]["replicas"] = 0
        await cluster.create("replicasets.apps", squatter)
        await cluster.create("deployments.apps", deployment(1))
        made = await cluster.get("deployments.apps", "web")
        assert made["status"]["collisionCount"] == 1
        assert made["status"]["availableReplicas"] == 1
        assert len(await cluster.list("replicasets.apps")) == 2


async def test_a_deployment_adopts_and_releases_replica_sets() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(1))
        owned = await newest(cluster)
        name = owned["metadata"]["name"]
        await cluster.change("replicasets.apps", name, lambda obj: obj["metadata"].update(labels={"app": "gone"}))
        assert (
            "ownerReferences" not in (await cluster.get("replicasets.apps", name))["metadata"]
            or not (await cluster.get("replicasets.apps", name))["metadata"]["ownerReferences"]
        )
        await cluster.change(
            "replicasets.apps", name, lambda obj: obj["metadata"].update(labels=owned["metadata"]["labels"])
        )
        again = await cluster.get("replicasets.apps", name)
        assert again["metadata"]["ownerReferences"][0]["name"] == "web"


async def test_annotations_of_the_deployment_reach_the_newest_replica_set() -> None:
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(1))
        cause = {"kubernetes.io/change-cause": "because"}
        await cluster.change("deployments.apps", "web", lambda obj: obj["metadata"]["annotations"].update(cause))
        assert (await newest(cluster))["metadata"]["annotations"]["kubernetes.io/change-cause"] == "because"


async def test_terminating_replicas_are_counted_from_1_35_on() -> None:
    for minor, expected in ((34, False), (35, True)):
        async with deployments(minor=minor) as cluster:
            await cluster.create("deployments.apps", deployment(1))
            made = await cluster.get("deployments.apps", "web")
            assert ("terminatingReplicas" in made["status"]) is expected


# -- ReplicaSets


def replica_set(replicas: int, kind: str = "ReplicaSet") -> Object:
    labels = {"app": "db"}
    plain = kind == "ReplicationController"
    return {
        "apiVersion": "v1" if plain else "apps/v1",
        "kind": kind,
        "metadata": {"name": "db", "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": labels if plain else {"matchLabels": labels},
            "template": template(labels),
        },
    }


async def test_a_replication_controller_works_like_a_replica_set() -> None:
    async with running(ReplicationControllerController) as cluster:
        await cluster.create("replicationcontrollers", replica_set(3, "ReplicationController"))
        made = await cluster.get("replicationcontrollers", "db")
        pods = await cluster.pods()
        assert made["status"] == {
            "replicas": 3,
            "fullyLabeledReplicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
            "observedGeneration": 1,
        }
        assert {one["metadata"]["ownerReferences"][0]["apiVersion"] for one in pods} == {"v1"}
        await cluster.change("replicationcontrollers", "db", set_spec(replicas=1))
        assert len(await cluster.pods()) == 1


async def test_a_pod_that_is_deleted_is_replaced_once() -> None:
    async with running(ReplicaSetController) as cluster:
        await cluster.create("replicasets.apps", replica_set(3))
        gone = (await cluster.pods())[1]["metadata"]["name"]
        await cluster.delete("pods", gone)
        names = [pod["metadata"]["name"] for pod in await cluster.pods()]
        assert len(names) == 3
        assert gone not in names
        assert len(cluster.said("SuccessfulCreate")) == 4


async def test_nothing_is_done_twice_while_the_watch_is_late() -> None:
    async with running(ReplicaSetController) as cluster:
        cluster.client.lag = 0.2
        await cluster.create("replicasets.apps", replica_set(5))
        for replicas in (5, 2, 6):
            await cluster.change("replicasets.apps", "db", set_spec(replicas=replicas), False)
            for _ in range(100):
                await cluster.cluster.clock.advance(0.1)
                assert len(await cluster.list("pods")) <= 6
            assert len(await cluster.pods()) == replicas
        assert len(cluster.said("SuccessfulCreate")) == 9
        assert len(cluster.said("SuccessfulDelete")) == 3


async def test_pods_are_adopted_and_released_by_their_labels() -> None:
    orphan = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lonely", "labels": {"app": "db"}}}
    orphan["spec"] = template({})["spec"]
    async with running(ReplicaSetController) as cluster:
        await cluster.create("pods", orphan)
        await cluster.create("replicasets.apps", replica_set(2))
        pods = await cluster.pods()
        assert len(pods) == 2
        assert all(pod["metadata"]["ownerReferences"][0]["name"] == "db" for pod in pods)
        await cluster.change("pods", "lonely", lambda pod: pod["metadata"].update(labels={"app": "quarantine"}))
        pods = {pod["metadata"]["name"]: pod for pod in await cluster.pods()}
        assert len(pods) == 3
        assert not pods["lonely"]["metadata"].get("ownerReferences")


async def test_the_pods_that_are_not_ready_are_given_up_first() -> None:
    async with running(ReplicaSetController) as cluster:
        cluster.kubelet = False
        await cluster.create("replicasets.apps", replica_set(3))
        names = [pod["metadata"]["name"] for pod in await cluster.pods()]
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2027-01-15T08:00:00Z"}
        for name in names[1:]:
            await cluster.pod_status(name, phase="Running", conditions=[ready])
        await cluster.settle()
        await cluster.change("replicasets.apps", "db", set_spec(replicas=2))
        assert [pod["metadata"]["name"] for pod in await cluster.pods()] == names[1:]
        cost = {"controller.kubernetes.io/pod-deletion-cost": "-5"}
        await cluster.change("pods", names[2], lambda pod: pod["metadata"].update(annotations=cost))
        await cluster.change("replicasets.apps", "db", set_spec(replicas=1))
        assert [pod["metadata"]["name"] for pod in await cluster.pods()] == [names[1]]


async def test_refused_pods_show_as_replica_failure_until_they_are_allowed() -> None:
    async with deployments() as cluster:
        real = cluster.client.create
        allowed = False

        async def create(resource: str, obj: Object) -> Object:
            if resource == "pods" and not allowed:
                raise forbidden("", "pods", "x", "exceeded quota: compute")
            return await real(resource, obj)

        cluster.client.create = create  # type: ignore[method-assign]
        await cluster.create("deployments.apps", deployment(3))
        owned = await newest(cluster)
        made = await cluster.get("deployments.apps", "web")
        assert condition_of(owned, "ReplicaFailure") == ("True", "FailedCreate")
        assert condition_of(made, "ReplicaFailure") == ("True", "FailedCreate")
        assert cluster.said("FailedCreate")[0] == 'Error creating: pods "x" is forbidden: exceeded quota: compute'
        allowed = True
        await cluster.advance(60, step=10)
        made = await cluster.get("deployments.apps", "web")
        assert condition_of(made, "ReplicaFailure") == ("", "")
        assert made["status"]["availableReplicas"] == 3


async def test_a_refusal_that_holds_for_all_is_met_once_a_round() -> None:
    async with running(ReplicaSetController) as cluster:
        real = cluster.client.create

        async def create(resource: str, obj: Object) -> Object:
            if resource == "pods":
                raise forbidden("", "pods", "x", "no")
            return await real(resource, obj)

        cluster.client.create = create  # type: ignore[method-assign]
        await cluster.create("replicasets.apps", replica_set(100))
        assert len(cluster.said("FailedCreate")) < 10


# -- everything at once


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_done_to_a_deployment_it_arrives_where_it_was_sent(seed: int) -> None:
    chance = random.Random(seed)
    async with deployments() as cluster:
        await cluster.create("deployments.apps", deployment(4, revisionHistoryLimit=3))

        async def step() -> None:
            kind = chance.choice(["scale", "image", "image", "kill", "kill", "pause", "time", "set", "restart"])
            if kind == "scale":
                await cluster.change("deployments.apps", "web", set_spec(replicas=chance.randrange(9)), False)
            elif kind == "image":
                image = chance.choice(["pause:1", "pause:2", "pause:3", "hold"])
                await cluster.change("deployments.apps", "web", set_image(image), False)
            elif kind == "kill":
                pods = await cluster.pods()
                if pods:
                    await cluster.delete("pods", chance.choice(pods)["metadata"]["name"], False)
            elif kind == "set":
                sets = await cluster.list("replicasets.apps")
                if sets:
                    name = chance.choice(sets)["metadata"]["name"]
                    await cluster.change("replicasets.apps", name, set_spec(replicas=chance.randrange(5)), False)
            elif kind == "restart":
                await cluster.stop()
                cluster.start()
            elif kind == "pause":
                await cluster.change("deployments.apps", "web", set_spec(paused=chance.random() < 0.5), False)
            else:
                await cluster.cluster.clock.advance(chance.choice([0.001, 0.5, 30]))
            if chance.random() < 0.3:
                await cluster.settle()

        for _ in range(200):
            await step()

        def end(obj: Object) -> None:
            set_image("pause:9")(obj)
            set_spec(replicas=5, paused=False)(obj)

        await cluster.change("deployments.apps", "web", end)
        await cluster.advance(70, step=20)
        pods = await cluster.pods()
        made = await cluster.get("deployments.apps", "web")
        active = {image: size for image, size in (await sizes(cluster)).items() if size}
        sets = await cluster.list("replicasets.apps")
    assert active == {"pause:9": 5}
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {"pause:9"}
    assert len(pods) == 5
    assert len(sets) <= 4
    assert condition_of(made, "Progressing") == ("True", "NewReplicaSetAvailable")
    status = made["status"]
    assert status["replicas"] == status["updatedReplicas"] == status["availableReplicas"] == 5
    assert "unavailableReplicas" not in status
    assert all(one["metadata"]["namespace"] == NAMESPACE for one in sets)
