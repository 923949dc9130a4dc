"""Events are recorded once and counted up, and are read in both of their versions."""

from __future__ import annotations

import pytest

from lab.sim.api.resources import Object, Registry
from lab.sim.events import record
from lab.sim.inprocess import InProcessClient
from tests.sim.given import NAMESPACE, Given, pod


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def client(given: Given) -> InProcessClient:
    return given.cluster.client("replicaset-controller")


async def tell(
    given: Given,
    client: InProcessClient,
    about: Object,
    message: str = "Created pod: p",
    reason: str = "SuccessfulCreate",
    source: str = "replicaset-controller",
) -> None:
    await record(client, given.cluster.clock, about, "Normal", reason, message, source)


def events(given: Given) -> list[Object]:
    return given.rest.store.list("events")


async def test_an_event_tells_of_its_object(given: Given, client: InProcessClient) -> None:
    about = given.create("pods", pod())
    about = {**about, "fieldPath": "spec.containers{c}"}
    await tell(given, client, about, source="kubelet, n1")
    (event,) = events(given)
    metadata = about["metadata"]
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": NAMESPACE,
        "name": "p",
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
        "fieldPath": "spec.containers{c}",
    }
    name, _, stamp = event["metadata"]["name"].rpartition(".")
    assert (name, int(stamp, 16)) == ("p", int(given.cluster.clock.now() * 1e9))
    assert event["source"] == {"component": "kubelet", "host": "n1"}
    assert (event["reportingComponent"], event["reportingInstance"]) == ("kubelet", "n1")
    assert (event["count"], event["firstTimestamp"]) == (1, event["lastTimestamp"])
    assert event["eventTime"] is None


async def test_the_same_again_is_counted(given: Given, client: InProcessClient) -> None:
    about = given.create("pods", pod())
    await tell(given, client, about)
    first = events(given)[0]["firstTimestamp"]
    await given.cluster.clock.advance(599)
    await tell(given, client, about)
    (event,) = events(given)
    assert event["count"] == 2
    assert event["firstTimestamp"] == first < event["lastTimestamp"]
    await given.cluster.clock.advance(601)
    await tell(given, client, about)
    assert [one["count"] for one in events(given)] == [2, 1]


@pytest.mark.parametrize("change", [{"message": "other"}, {"reason": "Other"}, {"source": "other"}])
async def test_what_differs_is_another_event(given: Given, client: InProcessClient, change: dict[str, str]) -> None:
    about = given.create("pods", pod())
    await tell(given, client, about)
    await tell(given, client, about, **change)
    assert [one["count"] for one in events(given)] == [1, 1]


async def test_many_alike_become_one(given: Given, client: InProcessClient) -> None:
    about = given.create("pods", pod())
    for index in range(30):
        await tell(given, client, about, f"Created pod: p-{index}")
    last = max(events(given), key=lambda one: int(one["count"]))
    assert last["message"] == "(combined from similar events): Created pod: p-29"
    assert len(events(given)) == 10
    assert sum(int(one["count"]) for one in events(given)) == 30


async def test_an_event_that_expired_is_written_anew(given: Given, client: InProcessClient) -> None:
    about = given.create("pods", pod())
    await tell(given, client, about)
    given.delete("events", events(given)[0]["metadata"]["name"])
    await tell(given, client, about)
    assert [one["count"] for one in events(given)] == [1]


async def test_events_about_nodes_stand_in_default(given: Given, client: InProcessClient) -> None:
    given.create("namespaces", {"metadata": {"name": "default"}})
    node = given.create("nodes", {"metadata": {"name": "n1"}})
    await tell(given, client, node)
    (event,) = events(given)
    assert event["metadata"]["namespace"] == "default"
    assert "namespace" not in event["involvedObject"]


async def test_a_namespace_on_its_way_out_takes_no_events_and_no_offence(given: Given, client: InProcessClient) -> None:
    about = given.create("pods", pod())
    given.delete("namespaces", NAMESPACE)
    await tell(given, client, about)
    assert events(given) == []


async def test_both_versions_show_the_same_event(given: Given, client: InProcessClient) -> None:
    about = given.create("pods", pod())
    await tell(given, client, about)
    (event,) = events(given)
    registry: Registry = given.rest.registry
    row = registry.plural("events.k8s.io", "events")
    assert row is not None
    name = event["metadata"]["name"]
    shown = given.rest.get(row, NAMESPACE, name)
    assert shown["apiVersion"] == "events.k8s.io/v1"
    assert shown["regarding"] == event["involvedObject"]
    assert (shown["note"], shown["deprecatedCount"]) == ("Created pod: p", 1)
    assert shown["reportingController"] == "replicaset-controller"
    assert not {"involvedObject", "message", "count", "source"} & set(shown)
    given.rest.patch(row, NAMESPACE, name, {"metadata": {"labels": {"a": "b"}}}, "merge", given.context)
    (kept,) = events(given)
    assert (kept["apiVersion"], kept["message"]) == ("v1", "Created pod: p")
    assert kept["metadata"]["labels"] == {"a": "b"}


SPEC = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "maxReplicas": 3}
MEMORY = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "55Mi"}},
}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 55}}}
OBJECT = {
    "type": "Object",
    "object": {
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "s"},
        "metric": {"name": "hits", "selector": {"matchLabels": {"a": "b"}}},
        "target": {"type": "Value", "value": "5"},
    },
}
EXTERNAL = {
    "type": "External",
    "external": {
        "metric": {"name": "queue", "selector": {"matchLabels": {"a": "b"}}},
        "target": {"type": "AverageValue", "averageValue": "30"},
    },
}


def autoscaler(given: Given, version: str, spec: Object) -> Object:
    row = given.rest.registry.find("autoscaling", version, "horizontalpodautoscalers")
    assert row is not None
    obj = {"metadata": {"name": "h"}, "spec": {**SPEC, **spec}}
    return given.rest.create(row, NAMESPACE, obj, given.context)


def shown(given: Given, version: str) -> Object:
    row = given.rest.registry.find("autoscaling", version, "horizontalpodautoscalers")
    assert row is not None
    return given.rest.get(row, NAMESPACE, "h")


@pytest.mark.parametrize(("percent", "kept"), [(55, 55), (None, 80)])
def test_the_first_autoscaling_version_is_kept_as_the_second(given: Given, percent: int | None, kept: int) -> None:
    spec = {} if percent is None else {"targetCPUUtilizationPercentage": percent}
    autoscaler(given, "v1", spec)
    new = shown(given, "v2")
    assert new["apiVersion"] == "autoscaling/v2"
    target = {"type": "Utilization", "averageUtilization": kept}
    assert new["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert shown(given, "v1")["spec"]["targetCPUUtilizationPercentage"] == kept


def test_what_the_first_version_cannot_say_stands_in_annotations(given: Given) -> None:
    scale_down = {
        "stabilizationWindowSeconds": 5,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }
    autoscaler(given, "v2", {"metrics": [CPU, MEMORY], "behavior": {"scaleDown": scale_down}})
    old = shown(given, "v1")
    assert old["spec"]["targetCPUUtilizationPercentage"] == 55
    annotations = old["metadata"]["annotations"]
    assert annotations["autoscaling.alpha.kubernetes.io/metrics"] == (
        '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"55Mi"}}]'
    )
    assert '"StabilizationWindowSeconds":5' in annotations["autoscaling.alpha.kubernetes.io/behavior"]
    assert "annotations" not in shown(given, "v2")["metadata"]


@pytest.mark.parametrize("metric", [MEMORY, OBJECT, EXTERNAL])
def test_a_write_through_the_first_version_loses_nothing(given: Given, metric: Object) -> None:
    before = autoscaler(given, "v2", {"metrics": [metric, CPU]})
    row = given.rest.registry.find("autoscaling", "v1", "horizontalpodautoscalers")
    assert row is not None
    given.rest.patch(row, NAMESPACE, "h", {"spec": {"maxReplicas": 4}}, "merge", given.context)
    after = shown(given, "v2")
    assert after["spec"] == {**before["spec"], "maxReplicas": 4}
