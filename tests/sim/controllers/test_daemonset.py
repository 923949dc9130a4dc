"""DaemonSets: one pod a node, who may stay, updates with unavailability and with surge."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.controllers.daemonset import DaemonSetController
from tests.sim.controllers.running import Running, running, set_image, template

Object = dict[str, Any]


def node(name: str, taints: list[Object] | None = None, **labels: str) -> tuple[str, Object]:
    spec: Object = {"taints": taints} if taints else {}
    return "nodes", {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": spec,
    }


def daemon_set(unavailable: int | str = 1, surge: int | str = 0, strategy: Object | None = None, **pod: Any) -> Object:
    rolling = {"maxUnavailable": unavailable, "maxSurge": surge}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "annotations": {"deprecated.daemonset.template.generation": "1"}},
        "spec": {
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "agent"}},
            "template": template({"app": "agent"}, **pod),
            "updateStrategy": strategy or {"type": "RollingUpdate", "rollingUpdate": rolling},
        },
    }


def next_template(image: str) -> Any:
    """As the API server does it: the template's generation counts on."""

    def change(obj: Object) -> None:
        set_image(image)(obj)
        name = "deprecated.daemonset.template.generation"
        annotations = obj["metadata"]["annotations"]
        annotations[name] = str(int(annotations[name]) + 1)

    return change


NODES = [node("a"), node("b"), node("c", disk="ssd")]
UNTAINTED = [node(name) for name in "abcd"]


def place(pod: Object) -> str:
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return str(required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])


async def places(cluster: Running) -> list[str]:
    return sorted(place(pod) for pod in await cluster.pods())


async def test_every_node_gets_a_pod_with_the_tolerations_of_daemons() -> None:
    async with running(DaemonSetController, objects=NODES) as cluster:
        await cluster.create("daemonsets.apps", daemon_set())
        assert await places(cluster) == ["a", "b", "c"]
        pod = (await cluster.pods())[0]
        made = await cluster.get("daemonsets.apps", "agent")
        revision = (await cluster.list("controllerrevisions.apps"))[0]
    assert [(one["key"], one["effect"]) for one in pod["spec"]["tolerations"]] == [
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/disk-pressure", "NoSchedule"),
        ("node.kubernetes.io/memory-pressure", "NoSchedule"),
        ("node.kubernetes.io/pid-pressure", "NoSchedule"),
        ("node.kubernetes.io/unschedulable", "NoSchedule"),
    ]
    assert pod["metadata"]["labels"] == {
        "app": "agent",
        "controller-revision-hash": revision["metadata"]["labels"]["controller-revision-hash"],
        "pod-template-generation": "1",
    }
    assert made["status"] == {
        "observedGeneration": 1,
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 3,
        "numberMisscheduled": 0,
        "numberReady": 3,
        "updatedNumberScheduled": 3,
        "numberAvailable": 3,
    }


WHERE: list[tuple[Object, list[str]]] = [
    ({"nodeSelector": {"disk": "ssd"}}, ["c"]),
    ({"nodeName": "b"}, ["b"]),
    ({"tolerations": [{"key": "dedicated", "operator": "Exists"}]}, ["a", "b", "c", "tainted"]),
    ({"tolerations": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]}, ["a", "b", "c", "tainted"]),
    ({"tolerations": [{"key": "dedicated", "value": "cpu", "effect": "NoSchedule"}]}, ["a", "b", "c"]),
    ({}, ["a", "b", "c"]),
]


@pytest.mark.parametrize(("spec", "expected"), WHERE)
async def test_selectors_and_taints_decide_where(spec: Object, expected: list[str]) -> None:
    tainted = node("tainted", [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}])
    cordoned = node("cordoned", [{"key": "other", "effect": "NoExecute"}])
    async with running(DaemonSetController, objects=[*NODES, tainted, cordoned]) as cluster:
        await cluster.create("daemonsets.apps", daemon_set(**spec))
        assert await places(cluster) == expected


async def test_node_affinity_decides_where() -> None:
    expressions = [{"key": "disk", "operator": "DoesNotExist"}]
    required = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    async with running(DaemonSetController, objects=NODES) as cluster:
        await cluster.create("daemonsets.apps", daemon_set(affinity=affinity))
        assert await places(cluster) == ["a", "b"]


async def test_nodes_that_come_and_change_are_followed() -> None:
    async with running(DaemonSetController, objects=NODES) as cluster:
        await cluster.create("daemonsets.apps", daemon_set())
        await cluster.client.create(*node("d"))
        await cluster.settle()
        assert await places(cluster) == ["a", "b", "c", "d"]

        async def taint(effect: str) -> None:
            obj = await cluster.client.get("nodes", "", "d")
            await cluster.client.update("nodes", {**obj, "spec": {"taints": [{"key": "x", "effect": effect}]}})
            await cluster.settle()

        await taint("NoSchedule")
        assert await places(cluster) == ["a", "b", "c", "d"]
        made = await cluster.get("daemonsets.apps", "agent")
        assert (made["status"]["desiredNumberScheduled"], made["status"]["numberMisscheduled"]) == (3, 1)
        await taint("NoExecute")
        assert await places(cluster) == ["a", "b", "c"]


@pytest.mark.parametrize(("unavailable", "most"), [(1, 1), (2, 2), ("50%", 2)])
async def test_an_update_keeps_within_max_unavailable(unavailable: int | str, most: int) -> None:
    async with running(DaemonSetController, objects=UNTAINTED) as cluster:
        await cluster.create("daemonsets.apps", daemon_set(unavailable))
        least = []

        def check() -> None:
            pods = cluster.cluster.rest.store.list("pods")
            least.append(sum(1 for pod in pods if pod.get("status", {}).get("conditions")))
            assert len(pods) <= 4

        cluster.checks.append(check)
        cluster.hold = lambda pod: pod["spec"]["containers"][0]["image"] == "pause:2"
        await cluster.change("daemonsets.apps", "agent", next_template("pause:2"))
        found = [pod["spec"]["containers"][0]["image"] for pod in await cluster.pods()]
        assert found.count("pause:2") == most
        cluster.hold = lambda pod: False
        await cluster.settle()
        assert {pod["spec"]["containers"][0]["image"] for pod in await cluster.pods()} == {"pause:2"}
        assert min(least) >= 4 - most
        made = await cluster.get("daemonsets.apps", "agent")
        assert made["status"]["updatedNumberScheduled"] == 4


async def test_an_update_with_surge_never_has_a_node_without() -> None:
    async with running(DaemonSetController, objects=UNTAINTED) as cluster:
        await cluster.create("daemonsets.apps", daemon_set(0, 1))
        cluster.hold = lambda pod: pod["spec"]["containers"][0]["image"] == "pause:2"
        await cluster.change("daemonsets.apps", "agent", next_template("pause:2"))
        assert len(await cluster.pods()) == 5
        cluster.hold = lambda pod: False

        def check() -> None:
            pods = cluster.cluster.rest.store.list("pods")
            assert {place(pod) for pod in pods if pod.get("status", {}).get("conditions")} == set("abcd")

        cluster.checks.append(check)
        await cluster.settle()
        assert [pod["spec"]["containers"][0]["image"] for pod in await cluster.pods()] == ["pause:2"] * 4


async def test_on_delete_updates_only_what_is_deleted() -> None:
    async with running(DaemonSetController, objects=NODES) as cluster:
        await cluster.create("daemonsets.apps", daemon_set(strategy={"type": "OnDelete"}))
        await cluster.change("daemonsets.apps", "agent", next_template("pause:2"))
        pods = await cluster.pods()
        assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {"pause:1"}
        await cluster.delete("pods", pods[0]["metadata"]["name"])
        found = sorted(pod["spec"]["containers"][0]["image"] for pod in await cluster.pods())
        assert found == ["pause:1", "pause:1", "pause:2"]
        made = await cluster.get("daemonsets.apps", "agent")
        assert made["status"]["updatedNumberScheduled"] == 1


async def test_a_failed_pod_is_replaced_with_a_growing_wait() -> None:
    async with running(DaemonSetController, objects=[node("a")]) as cluster:
        cluster.ends["pause:1"] = 1
        await cluster.create("daemonsets.apps", daemon_set())
        await cluster.advance(60)
        kills = cluster.said("FailedDaemonPod")
        assert 5 <= len(kills) <= 7
        assert kills[0].endswith("on node a, will try to kill it")


async def test_revisions_beyond_the_limit_go() -> None:
    async with running(DaemonSetController, objects=[node("a")]) as cluster:
        await cluster.create(
            "daemonsets.apps", {**(made := daemon_set()), "spec": {**made["spec"], "revisionHistoryLimit": 1}}
        )
        for number in range(2, 6):
            await cluster.change("daemonsets.apps", "agent", next_template(f"pause:{number}"))
        assert sorted(one["revision"] for one in await cluster.list("controllerrevisions.apps")) == [4, 5]
