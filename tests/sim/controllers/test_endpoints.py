"""Endpoints and EndpointSlices: which pods are behind a Service, at which ports."""

from __future__ import annotations

from typing import Any

from lab.sim.controllers.timing import REALISTIC
from tests.sim.controllers.cluster_running import NODE, Running, container, pod, running

_WEB = {"name": "web", "port": 80, "targetPort": "web", "protocol": "TCP"}
_ADMIN = {"name": "admin", "port": 81, "targetPort": 8081, "protocol": "TCP"}


def _service(name: str = "web", **spec: Any) -> dict[str, Any]:
    made = {
        "clusterIP": "10.96.0.10",
        "clusterIPs": ["10.96.0.10"],
        "type": "ClusterIP",
        "ports": [_WEB, _ADMIN],
        "selector": {"app": "web"},
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        **spec,
    }
    metadata = {"name": name, "namespace": "default", "labels": {"team": "shop"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": made}


def _web(name: str, fault: str = "", named: bool = True, **spec: Any) -> dict[str, Any]:
    ports = [{"name": "web", "containerPort": 8080, "protocol": "TCP"}] if named else []
    made = pod(name, fault=fault, containers=[container("main", ports=ports)], **spec)
    made["metadata"]["labels"] = {"app": "web"}
    return made


async def _slices(lab: Running, name: str = "web") -> list[dict[str, Any]]:
    found = await lab.list("endpointslices.discovery.k8s.io", "default")
    return [one for one in found if one["metadata"]["labels"]["kubernetes.io/service-name"] == name]


async def test_ready_and_unready_pods_by_port():
    async with running() as lab:
        service = await lab.create("services", _service())
        await lab.create("pods", _web("one"))
        await lab.create("pods", _web("two", "failing-readiness", named=False))
        one, two = await lab.get("pods", "one"), await lab.get("pods", "two")
        found = await lab.get("endpoints", "web")
        addresses = [
            {
                "ip": each["status"]["podIP"],
                "nodeName": NODE,
                "targetRef": {
                    "kind": "Pod",
                    "namespace": "default",
                    "name": each["metadata"]["name"],
                    "uid": each["metadata"]["uid"],
                },
            }
            for each in (one, two)
        ]
        assert found["metadata"]["labels"] == {
            "team": "shop",
            "endpoints.kubernetes.io/managed-by": "endpoint-controller",
        }
        assert found["subsets"] == [
            {"addresses": addresses[:1], "ports": [{"name": "web", "port": 8080, "protocol": "TCP"}]},
            {
                "addresses": addresses[:1],
                "notReadyAddresses": addresses[1:],
                "ports": [{"name": "admin", "port": 8081, "protocol": "TCP"}],
            },
        ]
        slices = sorted(await _slices(lab), key=lambda one: -len(one["ports"]))
        assert [[(port["name"], port["port"]) for port in one["ports"]] for one in slices] == [
            [("web", 8080), ("admin", 8081)],
            [("admin", 8081)],
        ]
        assert [one["endpoints"][0]["conditions"] for one in slices] == [
            {"ready": True, "serving": True, "terminating": False},
            {"ready": False, "serving": False, "terminating": False},
        ]
        for made in slices:
            assert made["metadata"]["labels"] == {
                "team": "shop",
                "kubernetes.io/service-name": "web",
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            }
            assert made["metadata"]["ownerReferences"][0]["uid"] == service["metadata"]["uid"]
            assert made["metadata"]["name"].startswith("web-")


async def test_a_service_without_pods_has_an_empty_slice_that_is_used_later():
    async with running() as lab:
        await lab.create("services", _service())
        (empty,) = await _slices(lab)
        assert not empty.get("endpoints")
        assert not (await lab.get("endpoints", "web")).get("subsets")
        await lab.create("pods", _web("one"))
        (filled,) = await _slices(lab)
        assert filled["metadata"]["name"] == empty["metadata"]["name"]
        assert len(filled["endpoints"]) == 1
        await lab.delete("pods", "one")
        (again,) = await _slices(lab)
        assert not again["endpoints"]


async def test_headless_services_and_pods_that_count_as_ready_whatever_they_say():
    async with running() as lab:
        headless = _service(clusterIP="None", clusterIPs=["None"], ports=[], publishNotReadyAddresses=True)
        await lab.create("services", headless)
        await lab.create("pods", _web("one", "failing-readiness", hostname="one", subdomain="web"))
        found = await lab.get("endpoints", "web")
        assert found["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
        (subset,) = found["subsets"]
        assert [one["hostname"] for one in subset["addresses"]] == ["one"]
        assert "ports" not in subset
        (made,) = await _slices(lab)
        assert made["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
        assert made["endpoints"][0]["conditions"]["ready"] is True
        assert made["endpoints"][0]["conditions"]["serving"] is False
        assert made["endpoints"][0]["hostname"] == "one"


async def test_a_pod_that_leaves_is_terminating_in_the_slice_and_gone_from_the_endpoints():
    async with running(REALISTIC) as lab:
        await lab.create("services", _service())
        await lab.create("pods", _web("one", "ignores-stop"))
        await lab.advance(3)
        await lab.delete("pods", "one")
        assert not (await lab.get("endpoints", "web")).get("subsets")
        (made,) = await _slices(lab)
        assert made["endpoints"][0]["conditions"] == {"ready": False, "serving": True, "terminating": True}


async def test_services_that_have_no_endpoints_of_ours():
    async with running() as lab:
        await lab.create("services", _service("bare", selector=None))
        external = _service("outside", type="ExternalName", externalName="example.org")
        for field in ("clusterIP", "clusterIPs", "internalTrafficPolicy", "ipFamilies", "ipFamilyPolicy"):
            del external["spec"][field]
        await lab.create("services", external)
        own = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "bare", "namespace": "default"}}
        await lab.create("endpoints", {**own, "subsets": [{"addresses": [{"ip": "192.0.2.1"}]}]})
        assert [one["metadata"]["name"] for one in await lab.list("endpoints", "default")] == ["bare"]
        assert await _slices(lab, "bare") == await _slices(lab, "outside") == []


async def test_labels_follow_the_service_and_everything_goes_with_it():
    async with running() as lab:
        await lab.create("services", _service())
        await lab.create("pods", _web("one"))
        await lab.change("services", "web", metadata={"labels": {"team": "other"}})
        assert (await lab.get("endpoints", "web"))["metadata"]["labels"]["team"] == "other"
        assert (await _slices(lab))[0]["metadata"]["labels"]["team"] == "other"
        await lab.change("services", "web", spec=_service(selector={"app": "none"})["spec"])
        assert not (await _slices(lab))[0]["endpoints"]
        await lab.delete("services", "web")
        assert await lab.find("endpoints", "web") is None
        assert await _slices(lab) == []


async def test_more_than_a_hundred_pods_need_two_slices():
    async with running(workers=1) as lab:
        await lab.create("services", _service())
        for number in range(105):
            await lab.client.create("pods", _web(f"web-{number:03}"))
        await lab.settle()
        sizes = sorted(len(one["endpoints"]) for one in await _slices(lab))
        assert sizes == [5, 100]
        addresses = (await lab.get("endpoints", "web"))["subsets"][0]["addresses"]
        assert len({one["ip"] for one in addresses}) == 105
