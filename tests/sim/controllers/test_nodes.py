"""Simulated nodes: what they look like, and what happens when one stops or goes."""

from __future__ import annotations

from lab.sim.controllers.simulated_node import SIMULATED
from tests.sim.controllers.cluster_running import NODE, Running, pod, ready, running

_TOLERATIONS = [
    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
]


def _conditions(node: dict) -> dict[str, str]:
    return {one["type"]: one["status"] for one in node["status"]["conditions"]}


async def _stop(lab: Running, name: str) -> None:
    node = await lab.get("nodes", name, "")
    annotations = {**node["metadata"]["annotations"], "sim.gitops-lab.io/fault": "stopped"}
    await lab.change("nodes", name, "", metadata={"annotations": annotations})


async def _start(lab: Running, name: str) -> None:
    node = await lab.get("nodes", name, "")
    annotations = {key: value for key, value in node["metadata"]["annotations"].items() if "fault" not in key}
    await lab.change("nodes", name, "", metadata={"annotations": annotations})


async def test_nodes_are_registered_and_say_what_they_are():
    async with running(workers=2) as lab:
        names = [one["metadata"]["name"] for one in await lab.list("nodes")]
        assert names == [NODE, "lab-worker", "lab-worker2"]
        node = await lab.get("nodes", NODE, "")
        assert node["metadata"]["labels"][SIMULATED] == "true"
        assert node["metadata"]["annotations"][SIMULATED].startswith("This node exists in the simulator only")
        assert node["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.0+sim"
        assert node["status"]["nodeInfo"]["containerRuntimeVersion"] == "simulated://1"
        assert _conditions(node)["Ready"] == "True"
        networks = {one["spec"]["podCIDR"] for one in await lab.list("nodes")}
        addresses = {one["status"]["addresses"][0]["address"] for one in await lab.list("nodes")}
        assert len(networks) == len(addresses) == 3
        lease = await lab.get("leases.coordination.k8s.io", NODE, "kube-node-lease")
        assert lease["metadata"]["ownerReferences"][0]["uid"] == node["metadata"]["uid"]
        await lab.advance(86_400)
        assert await lab.get("nodes", NODE, "") == node
        assert await lab.get("leases.coordination.k8s.io", NODE, "kube-node-lease") == lease


async def test_a_stopped_node_is_unknown_after_50_s_and_its_pods_go_after_300_s_more():
    async with running(workers=1) as lab:
        await lab.create("pods", pod("a", tolerations=_TOLERATIONS))
        await lab.create("pods", pod("b", tolerations=_TOLERATIONS))
        a, b = await lab.get("pods", "a"), await lab.get("pods", "b")
        assert {a["spec"]["nodeName"], b["spec"]["nodeName"]} == {NODE, "lab-worker"}
        lost = "a" if a["spec"]["nodeName"] == "lab-worker" else "b"
        await _stop(lab, "lab-worker")
        await lab.advance(49)
        assert _conditions(await lab.get("nodes", "lab-worker", ""))["Ready"] == "True"
        await lab.advance(1)
        node = await lab.get("nodes", "lab-worker", "")
        assert set(_conditions(node).values()) == {"Unknown"}
        assert {one["effect"] for one in node["spec"]["taints"]} == {"NoSchedule", "NoExecute"}
        assert not ready(await lab.get("pods", lost))
        assert ("NodeNotReady", "Node is not ready") in lab.events(lost)
        await lab.advance(299)
        assert "deletionTimestamp" not in (await lab.get("pods", lost))["metadata"]
        await lab.advance(1)
        # Its kubelet has stopped, so the pod stays Terminating until the node is back.
        assert "deletionTimestamp" in (await lab.get("pods", lost))["metadata"]
        await _start(lab, "lab-worker")
        assert await lab.find("pods", lost) is None
        node = await lab.get("nodes", "lab-worker", "")
        assert _conditions(node)["Ready"] == "True"
        assert "taints" not in node["spec"]
        assert "NodeReady" in lab.reasons("lab-worker")


async def test_the_pods_of_a_node_that_is_gone_are_collected():
    async with running(workers=1) as lab:
        await lab.create("pods", pod("a", nodeSelector={"kubernetes.io/hostname": "lab-worker"}))
        await lab.delete("nodes", "lab-worker", "")
        await lab.advance(39)
        assert await lab.find("pods", "a") is not None
        await lab.advance(1)
        assert await lab.find("pods", "a") is None


async def test_a_taint_that_executes_evicts_at_once_what_does_not_tolerate_it():
    async with running(workers=1) as lab:
        where = {"kubernetes.io/hostname": "lab-worker"}
        await lab.create("pods", pod("plain", nodeSelector=where))
        toleration = {"key": "repair", "operator": "Exists", "effect": "NoExecute"}
        await lab.create("pods", pod("brave", nodeSelector=where, tolerations=[toleration]))
        node = await lab.get("nodes", "lab-worker", "")
        taint = {"key": "repair", "effect": "NoExecute"}
        await lab.change("nodes", "lab-worker", "", spec={**node["spec"], "taints": [taint]})
        assert await lab.find("pods", "plain") is None
        assert await lab.find("pods", "brave") is not None
        assert "TaintManagerEviction" in lab.reasons("plain")
