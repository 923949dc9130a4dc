"""What the server itself does to objects of certain kinds; states and texts as a Kubernetes 1.34 server gives them."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

import pytest

from lab.sim.api.context import User
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.api.strategies.pods import quality
from lab.sim.clock import timestamp
from tests.sim.given import Given, pod


@pytest.fixture
def given() -> Given:
    return Given()


# -- first states

SELECTED = {
    "selector": {"matchLabels": {"a": "b"}},
    "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod()["spec"]},
}
FIRST = [
    ("deployments.apps", SELECTED, {}),
    ("replicasets.apps", SELECTED, {"replicas": 0}),
    ("statefulsets.apps", SELECTED, {"availableReplicas": 0, "replicas": 0}),
    (
        "daemonsets.apps",
        SELECTED,
        {"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0},
    ),
    ("services", {"ports": [{"port": 80}]}, {"loadBalancer": {}}),
    (
        "persistentvolumeclaims",
        {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        {"phase": "Pending"},
    ),
    (
        "ingresses.networking.k8s.io",
        {"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}},
        {"loadBalancer": {}},
    ),
    (
        "poddisruptionbudgets.policy",
        {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}},
        {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0},
    ),
    ("resourcequotas", {"hard": {"pods": "3"}}, {}),
    ("pods", pod()["spec"], {"phase": "Pending", "qosClass": "BestEffort"}),
]


@pytest.mark.parametrize(("resource", "spec", "status"), FIRST)
def test_a_new_objects_status(given: Given, resource: str, spec: Object, status: Object) -> None:
    made = given.create(resource, {"metadata": {"name": "n"}, "spec": spec, "status": {"phase": "Lost"}})
    assert made["status"] == status


def test_nodes_keep_the_status_they_register_with(given: Given) -> None:
    made = given.create("nodes", {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "4"}}})
    assert made["status"]["capacity"] == {"cpu": "4"}


def test_an_object_with_unknown_quality_of_service_is_told_by_validation_not_here() -> None:
    assert quality(resourced({"requests": {"cpu": "much"}})) == "BestEffort"


def resourced(*resources: Object) -> Object:
    return {"spec": {"containers": [{"name": str(index), "resources": one} for index, one in enumerate(resources)]}}


ALL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "0"}}], "BestEffort"),
        ([{"requests": {"example.com/gpu": "1"}}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": ALL}], "Burstable"),
        ([{"requests": ALL, "limits": ALL}], "Guaranteed"),
        ([{"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": ALL}], "Guaranteed"),
        ([{"requests": ALL, "limits": ALL}, {}], "Burstable"),
        ([{"requests": ALL, "limits": {"cpu": "2", "memory": "1Gi"}}], "Burstable"),
    ],
)
def test_quality_of_service(resources: list[Object], expected: str) -> None:
    assert quality(resourced(*resources)) == expected


def test_a_gated_pod_says_why_it_waits(given: Given) -> None:
    made = given.create("pods", pod(schedulingGates=[{"name": "a.b/c"}]))
    (condition,) = made["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "SchedulingGated")


# -- namespaces


def test_a_namespace_is_held_until_it_is_empty(given: Given) -> None:
    made = given.create("namespaces", {"metadata": {"name": "n"}, "status": {"phase": "Terminating"}})
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
    assert (made["spec"], made["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})
    going, gone = given.delete("namespaces", "n")
    assert (going["status"]["phase"], gone) == ("Terminating", False)
    assert "deletionGracePeriodSeconds" not in going["metadata"]
    assert given.delete("namespaces", "n") == (going, False)
    given.update("namespaces", "n", {**going, "spec": {}})
    assert given.get("namespaces", "n")["spec"] == {"finalizers": ["kubernetes"]}
    given.update("namespaces", "n", {**given.get("namespaces", "n"), "spec": {}}, "finalize")
    with pytest.raises(ApiError, match="not found"):
        given.get("namespaces", "n")


def test_a_generated_namespace_carries_its_name(given: Given) -> None:
    metadata = given.create("namespaces", {"metadata": {"generateName": "team-"}})["metadata"]
    assert metadata["labels"] == {"kubernetes.io/metadata.name": metadata["name"]}


# -- secrets


def test_plain_secret_data_is_folded(given: Given) -> None:
    secret = {"metadata": {"name": "s"}, "data": {"a": "eA==", "b": "eA=="}, "stringData": {"b": "ü"}}
    made = given.create("secrets", secret)
    encoded = base64.b64encode("ü".encode()).decode()
    assert made["data"] == {"a": "eA==", "b": encoded}
    assert "stringData" not in made
    assert given.patch("secrets", "s", {"stringData": {"a": "y"}})["data"] == {"a": "eQ==", "b": encoded}


# -- jobs and daemon sets


def test_a_job_selects_its_pods_by_its_uid(given: Given) -> None:
    template = {"spec": {**pod()["spec"], "restartPolicy": "Never"}}
    made = given.create("jobs.batch", {"metadata": {"name": "j"}, "spec": {"template": template}})
    uid = made["metadata"]["uid"]
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "j",
        "controller-uid": uid,
        "job-name": "j",
    }
    assert made["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert made["spec"]["template"]["metadata"]["labels"] == labels
    assert made["metadata"]["labels"] == labels


def test_a_job_with_labels_keeps_them_to_itself(given: Given) -> None:
    template = {"spec": {**pod()["spec"], "restartPolicy": "Never"}}
    job = {"metadata": {"name": "j", "labels": {"mine": "1"}}, "spec": {"template": template}}
    assert given.create("jobs.batch", job)["metadata"]["labels"] == {"mine": "1"}


def test_a_job_may_select_by_hand(given: Given) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {**pod()["spec"], "restartPolicy": "Never"}}
    spec = {"manualSelector": True, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    made = given.create("jobs.batch", {"metadata": {"name": "j"}, "spec": spec})
    assert made["spec"]["template"]["metadata"]["labels"] == {"a": "b"}


def test_a_daemon_sets_template_generations(given: Given) -> None:
    def told(obj: Object) -> str:
        return str(obj["metadata"]["annotations"]["deprecated.daemonset.template.generation"])

    made = given.create("daemonsets.apps", {"metadata": {"name": "d"}, "spec": SELECTED})
    assert told(made) == "1"
    assert told(given.patch("daemonsets.apps", "d", {"spec": {"minReadySeconds": 3}})) == "1"
    change = {"spec": {"template": {"metadata": {"annotations": {"x": "y"}}}}}
    assert told(given.patch("daemonsets.apps", "d", change)) == "2"


# -- certificates, volumes


def test_a_certificate_request_names_who_asks(given: Given) -> None:
    given.context.user = User("eve", ("team",), "u1", (("k", ("v",)),))
    row, _ = given.split("certificatesigningrequests.certificates.k8s.io")
    obj: Object = {"metadata": {"name": "c"}, "spec": {"username": "admin", "groups": ["system:masters"]}}
    from lab.sim.api.strategies import strategy

    strategy(row).prepare_create(given.rest, row, obj, given.context)
    assert obj["spec"] == {"username": "eve", "uid": "u1", "groups": ["team"], "extra": {"k": ["v"]}}


async def test_a_volume_tells_when_its_phase_changed(given: Given) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}
    made = given.create("persistentvolumes", {"metadata": {"name": "v"}, "spec": spec})
    first = timestamp(given.cluster.clock.now())
    assert made["status"] == {"phase": "Pending", "lastPhaseTransitionTime": first}
    await given.cluster.clock.advance(60)
    bound = given.patch("persistentvolumes", "v", {"status": {"phase": "Bound"}}, "status")
    assert bound["status"]["lastPhaseTransitionTime"] == timestamp(given.cluster.clock.now())


# -- services


def service(name: str = "s", **spec: Any) -> Object:
    return {"metadata": {"name": name}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}], **spec}}


def test_a_service_gets_an_address(given: Given) -> None:
    made = [given.create("services", service(f"s{index}"))["spec"] for index in range(20)]
    addresses = [spec["clusterIP"] for spec in made]
    assert len(set(addresses)) == 20
    assert all(ipaddress.ip_address(one) in ipaddress.ip_network("10.96.0.0/16") for one in addresses)
    assert made[0]["clusterIPs"] == [addresses[0]]
    assert (made[0]["ipFamilies"], made[0]["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


def test_an_address_may_be_asked_for_once(given: Given) -> None:
    assert given.create("services", service("a", clusterIP="10.96.3.3"))["spec"]["clusterIPs"] == ["10.96.3.3"]
    with pytest.raises(ApiError) as caught:
        given.create("services", service("b", clusterIP="10.96.3.3"))
    assert caught.value.message == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.3.3"]: failed to allocate IP 10.96.3.3: '
        "provided IP is already allocated"
    )
    given.delete("services", "a")
    assert given.create("services", service("b", clusterIP="10.96.3.3"))["spec"]["clusterIP"] == "10.96.3.3"


REFUSED = [
    (
        {"clusterIP": "192.168.1.1"},
        'spec.clusterIPs: Invalid value: ["192.168.1.1"]: failed to allocate IP 192.168.1.1: '
        "the provided network does not match the current range",
    ),
    (
        {"clusterIP": "10.96.0.0"},
        'spec.clusterIPs: Invalid value: ["10.96.0.0"]: failed to allocate IP 10.96.0.0: '
        "the provided network does not match the current range",
    ),
    (
        {"clusterIP": "fd00::1"},
        'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
    ),
    (
        {"ipFamilyPolicy": "RequireDualStack"},
        'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": '
        "this cluster is not configured for dual-stack services",
    ),
    ({"ipFamilies": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
    (
        {"type": "NodePort", "ports": [{"port": 80, "nodePort": 40000}]},
        "spec.ports[0].nodePort: Invalid value: 40000: provided port is not in the valid range. "
        "The range of valid ports is 30000-32767",
    ),
    (
        {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]},
        "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
    ),
]


@pytest.mark.parametrize(("spec", "message"), REFUSED)
def test_refused_services(given: Given, spec: Object, message: str) -> None:
    given.create("services", service("other", type="NodePort", ports=[{"port": 80, "nodePort": 30080}]))
    with pytest.raises(ApiError) as caught:
        given.create("services", service(**spec))
    assert (caught.value.code, caught.value.message) == (422, f'Service "s" is invalid: {message}')


@pytest.mark.parametrize(
    ("spec", "families", "policy"),
    [
        ({"selector": {}, "clusterIP": "None"}, ["IPv4", "IPv6"], "RequireDualStack"),
        ({"clusterIP": "None"}, ["IPv4"], "SingleStack"),
        ({"ipFamilyPolicy": "PreferDualStack"}, ["IPv4"], "PreferDualStack"),
    ],
)
def test_families(given: Given, spec: Object, families: list[str], policy: str) -> None:
    made = given.create("services", service(**spec))["spec"]
    assert (made["ipFamilies"], made["ipFamilyPolicy"]) == (families, policy)
    if spec.get("clusterIP") == "None":
        assert (made["clusterIP"], made["clusterIPs"]) == ("None", ["None"])


def test_node_ports_are_shared_between_protocols(given: Given) -> None:
    ports = [{"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP"}, {"name": "c", "port": 80}]
    made = given.create("services", service(type="LoadBalancer", externalTrafficPolicy="Local", ports=ports))["spec"]
    first, second, third = (port["nodePort"] for port in made["ports"])
    assert first == second != third
    assert made["healthCheckNodePort"] not in (first, third)
    assert all(30000 <= port <= 32767 for port in (first, third, made["healthCheckNodePort"]))


def test_what_a_client_leaves_out_of_an_update_stays(given: Given) -> None:
    made = given.create("services", service(type="NodePort"))["spec"]
    new = given.update("services", "s", service(type="NodePort", ports=[{"port": 81}]))["spec"]
    assert (new["clusterIP"], new["clusterIPs"]) == (made["clusterIP"], made["clusterIPs"])
    assert new["ports"][0]["nodePort"] == made["ports"][0]["nodePort"]
    assert new["ports"][0]["port"] == 81


def test_a_change_of_type_gives_back_and_hands_out(given: Given) -> None:
    local = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    made = given.create("services", service(**local))["spec"]
    inner = given.patch("services", "s", {"spec": {"type": "ClusterIP"}})["spec"]
    assert inner["clusterIP"] == made["clusterIP"]
    assert "nodePort" not in inner["ports"][0]
    assert not {"healthCheckNodePort", "externalTrafficPolicy", "allocateLoadBalancerNodePorts"} & set(inner)
    name = given.patch("services", "s", {"spec": {"type": "ExternalName", "externalName": "x.y"}})["spec"]
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"} & set(name)
    given.create("services", service("t", clusterIP=made["clusterIP"]))
    again = given.patch("services", "s", {"spec": {"type": "NodePort"}})["spec"]
    assert again["clusterIP"] != made["clusterIP"]
    assert again["ports"][0]["nodePort"]
