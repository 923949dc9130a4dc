"""Which node a pod is put on, and what is said when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.controllers.cluster_running import NODE, Running, container, pod, running

_HEAD = "0/1 nodes are available: "
_TAIL = ". no new claims to deallocate, preemption: 0/1 nodes are available: 1 {}."
_FINAL = _TAIL.format("Preemption is not helpful for scheduling")
_CROWDED = _TAIL.format("No preemption victims found for incoming pod")


def _asking(cpu: str = "", memory: str = "") -> list[dict[str, Any]]:
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return [container("main", resources={"requests": requests})]


def _affinity(*expressions: dict[str, Any]) -> dict[str, Any]:
    terms = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"nodeSelector": {"disk": "fast"}}, "1 node(s) didn't match Pod's node affinity/selector" + _FINAL),
        (
            {"affinity": _affinity({"key": "disk", "operator": "In", "values": ["fast"]})},
            "1 node(s) didn't match Pod's node affinity/selector" + _FINAL,
        ),
        ({"affinity": _affinity({"key": "disk", "operator": "NotIn", "values": ["fast"]})}, ""),
        ({"affinity": _affinity({"key": "kubernetes.io/os", "operator": "Exists"})}, ""),
        ({"containers": _asking("500m", "1Gi")}, ""),
        ({"containers": _asking("9")}, "1 Insufficient cpu" + _FINAL),
        ({"containers": _asking("900", "900Gi")}, "1 Insufficient cpu, 1 Insufficient memory" + _FINAL),
        ({"containers": _asking("", "17Gi")}, "1 Insufficient memory" + _FINAL),
    ],
)
async def test_what_is_said(spec: dict[str, Any], message: str):
    async with running() as lab:
        await lab.create("pods", pod(**spec))
        found = await lab.get("pods", "web")
        if not message:
            assert found["spec"]["nodeName"] == NODE
            return
        (condition,) = found["status"]["conditions"]
        assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
        assert condition["message"] == _HEAD + message
        assert lab.events("web") == [("FailedScheduling", _HEAD + message)]
        assert found["status"]["phase"] == "Pending"


async def test_a_full_node_and_the_room_that_a_leaving_pod_makes():
    async with running() as lab:
        await lab.create("pods", pod("big", containers=_asking("6")))
        await lab.create("pods", pod("more", containers=_asking("3")))
        (condition,) = (await lab.get("pods", "more"))["status"]["conditions"]
        assert condition["message"] == f"{_HEAD}1 Insufficient cpu{_CROWDED}"
        await lab.delete("pods", "big")
        assert (await lab.get("pods", "more"))["spec"]["nodeName"] == NODE


async def test_a_hundred_and_ten_pods_and_no_more():
    async with running() as lab:
        for number in range(111):
            await lab.client.create("pods", pod(f"pod-{number:03}"))
        await lab.settle()
        bound = [one for one in await lab.list("pods") if one["spec"].get("nodeName")]
        assert len(bound) == 110
        (left,) = [one for one in await lab.list("pods") if not one["spec"].get("nodeName")]
        assert left["status"]["conditions"][0]["message"].startswith(f"{_HEAD}1 Too many pods.")


async def test_cordon_and_taints():
    async with running() as lab:
        await _spec(lab, unschedulable=True)
        assert (await lab.get("nodes", NODE, ""))["spec"]["taints"][0]["key"] == "node.kubernetes.io/unschedulable"
        await lab.create("pods", pod())
        (condition,) = (await lab.get("pods", "web"))["status"]["conditions"]
        assert condition["message"] == f"{_HEAD}1 node(s) were unschedulable{_FINAL}"
        await _spec(lab, unschedulable=None)
        assert (await lab.get("pods", "web"))["spec"]["nodeName"] == NODE
        assert "taints" not in (await lab.get("nodes", NODE, ""))["spec"]
        await _spec(lab, taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
        await lab.create("pods", pod("plain"))
        (condition,) = (await lab.get("pods", "plain"))["status"]["conditions"]
        assert condition["message"] == f"{_HEAD}1 node(s) had untolerated taint(s){_FINAL}"
        toleration = {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
        await lab.create("pods", pod("gpu", tolerations=[toleration]))
        assert (await lab.get("pods", "gpu"))["spec"]["nodeName"] == NODE


async def _spec(lab: Running, **fields: Any) -> None:
    node = await lab.get("nodes", NODE, "")
    spec = {key: value for key, value in {**node["spec"], **fields}.items() if value is not None}
    await lab.change("nodes", NODE, "", spec=spec)


async def test_pods_are_spread_and_kept_apart():
    async with running(workers=2) as lab:
        for number in range(6):
            await lab.create("pods", pod(f"pod-{number}"))
        counts: dict[str, int] = {}
        for one in await lab.list("pods"):
            counts[one["spec"]["nodeName"]] = counts.get(one["spec"]["nodeName"], 0) + 1
        assert counts == {NODE: 2, "lab-worker": 2, "lab-worker2": 2}
        term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
        apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        for number in range(4):
            made = pod(f"db-{number}", affinity=apart)
            made["metadata"]["labels"] = {"app": "db"}
            await lab.create("pods", made)
        nodes = [(await lab.get("pods", f"db-{number}"))["spec"].get("nodeName") for number in range(4)]
        assert sorted(nodes[:3]) == [NODE, "lab-worker", "lab-worker2"]
        assert nodes[3] is None
        (condition,) = (await lab.get("pods", "db-3"))["status"]["conditions"]
        assert condition["message"].startswith(
            "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules."
        )


async def test_pods_that_are_not_for_this_scheduler_are_left_alone():
    async with running() as lab:
        await lab.create("pods", pod("other", schedulerName="other"))
        await lab.create("pods", pod("gated", schedulingGates=[{"name": "lab/wait"}]))
        for name in ("other", "gated"):
            assert "nodeName" not in (await lab.get("pods", name))["spec"]


async def test_binding_does_not_count_as_a_new_generation():
    async with running() as lab:
        await lab.create("pods", pod())
        found = await lab.get("pods", "web")
        assert found["metadata"]["generation"] == 1
        assert found["status"]["observedGeneration"] == 1
