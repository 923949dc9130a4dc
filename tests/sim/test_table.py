"""Tables against those of a real cluster, recorded by `record_tables.py`, and states it was not brought into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.sim.api import table
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.printers.age import human, since
from lab.sim.api.resources import Custom, Object, Registry, Resource
from lab.sim.clock import timestamp

DATA = Path(__file__).parent / "data" / "tables"
RECORDED = {path.stem: json.loads(path.read_text()) for path in sorted(DATA.glob("*.json"))}
NOW = 1_800_000_000.0


def built_in(plural: str, group: str = "") -> Resource:
    found = Registry.of(BUILT_IN).plural(group, plural)
    assert found is not None
    return found


def _custom(path: str, definitions: list[Object]) -> Resource | None:
    _, _, group, version, plural = path.split("/")
    for one in definitions:
        if one["metadata"]["name"] == f"{plural}.{group}":
            served = one["spec"]["versions"][0]
            custom = Custom(
                f"{plural}.{group}",
                served["schema"]["openAPIV3Schema"],
                tuple(served.get("additionalPrinterColumns", ())),
            )
            kind = one["spec"]["names"]["kind"]
            return Resource(group, version, plural, kind, kind.lower(), storage=f"{plural}.{group}", custom=custom)
    return None


def _resource(path: str) -> Resource:
    parts = path.split("/")[1:]
    group, rest = ("", parts[1:]) if parts[0] == "api" else (parts[1], parts[2:])
    plural = rest[3] if rest[1] == "namespaces" and len(rest) > 3 else rest[1]
    found = Registry.of(BUILT_IN).find(group, rest[0], plural)
    if found is None:
        definitions = RECORDED["customresourcedefinitions.apiextensions.k8s.io"]["rows"]
        found = _custom(path, [row["object"] for row in definitions])
    assert found is not None, path
    return found


@pytest.mark.parametrize("name", RECORDED)
def test_table_is_what_a_real_cluster_gives(name: str) -> None:
    told = RECORDED[name]
    resource = _resource(told["path"])
    objects = [row["object"] for row in told["rows"]]
    made = table.table(resource, objects, told["metadata"], told["now"], "Object")
    columns = [{key: value for key, value in one.items() if key != "description"} for one in made["columnDefinitions"]]
    assert columns == told["columns"]
    for row, expected in zip(made["rows"], told["rows"], strict=True):
        assert row == expected
        assert [type(cell) for cell in row["cells"]] == [type(cell) for cell in expected["cells"]]
    assert sorted(table.row(resource, objects[0], told["now"])["object"]) == told["shape"]


def test_enough_kinds_are_recorded() -> None:
    assert len(RECORDED) >= 25


def test_every_column_is_described() -> None:
    for resource in BUILT_IN:
        for one in table.columns(resource):
            assert list(one) == ["name", "type", "format", "description", "priority"]
            assert one["description"].endswith(".")


def test_a_table_of_nothing_and_its_envelope() -> None:
    made = table.table(built_in("pods"), [], {"resourceVersion": "7"}, NOW)
    assert (made["kind"], made["apiVersion"], made["metadata"]) == (
        "Table",
        "meta.k8s.io/v1",
        {"resourceVersion": "7"},
    )
    assert made["rows"] == []
    assert [one["name"] for one in made["columnDefinitions"]][:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert table.table(built_in("pods"), [], {}, NOW, with_columns=False)["columnDefinitions"] is None


def test_what_a_row_carries_of_its_object() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"b": "c"}}, "data": {"d": "e"}}
    resource = built_in("configmaps")
    assert table.row(resource, obj, NOW, "None")["object"] is None
    assert table.row(resource, obj, NOW, "Object")["object"] == obj
    assert table.row(resource, obj, NOW)["object"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "a", "labels": {"b": "c"}},
    }


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-2, "<invalid>"),
        (-1.9, "0s"),
        (0.9, "0s"),
        (119.9, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (599, "9m59s"),
        (600, "10m"),
        (179 * 60 + 59, "179m"),
        (180 * 60, "3h"),
        (7 * 3600 + 60 * 5, "7h5m"),
        (8 * 3600 + 60 * 5, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (5 * 86400 + 3 * 3600, "5d3h"),
        (8 * 86400 + 3600, "8d"),
        (729 * 86400, "729d"),
        (730 * 86400, "2y"),
        (731 * 86400, "2y1d"),
        (8 * 365 * 86400 + 86400, "8y"),
    ],
)
def test_durations_in_two_figures(seconds: float, expected: str) -> None:
    assert human(seconds) == expected


def test_a_time_that_is_missing_or_none() -> None:
    assert since(None, NOW) == "<unknown>"
    assert since("yesterday", NOW) == "<invalid>"


def container(state: str, *, ready: bool = False, restarts: int = 0, last: float | None = None, **more: Any) -> Object:
    """A container status in `state`: `running`, or `waiting`/`terminated` with the fields of `more`."""
    made: Object = {"name": more.pop("name", "a"), "state": {state: more}, "ready": ready, "restartCount": restarts}
    if last is not None:
        made["lastState"] = {"terminated": {"finishedAt": timestamp(NOW - last)}}
    return made


def pod(
    *containers: Object, init: tuple[Object, ...] = (), sidecar: bool = False, deleted: bool = False, **status: Any
) -> Object:
    metadata: Object = {"name": "p", "creationTimestamp": timestamp(NOW - 60)}
    if deleted:
        metadata["deletionTimestamp"] = timestamp(NOW)
    policy = {"restartPolicy": "Always"} if sidecar else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "containers": [{"name": "a"}] * max(len(containers), 1),
            "initContainers": [{"name": one["name"], **policy} for one in init],
        },
        "status": {"phase": "Running", "containerStatuses": containers, "initContainerStatuses": list(init), **status},
    }


READY = [{"type": "Ready", "status": "True"}]
INITIALIZED = [{"type": "Initialized", "status": "True"}]


@pytest.mark.parametrize(
    ("given", "ready", "status", "restarts"),
    [
        (pod(container("running", ready=True)), "1/1", "Running", "0"),
        (pod(container("running", ready=True), container("running")), "1/2", "Running", "0"),
        (
            pod(container("waiting", reason="CrashLoopBackOff", restarts=3, last=5)),
            "0/1",
            "CrashLoopBackOff",
            "3 (5s ago)",
        ),
        (pod(container("running", ready=True, restarts=2)), "1/1", "Running", "2"),
        (pod(container("terminated", exitCode=3)), "0/1", "ExitCode:3", "0"),
        (pod(container("terminated", exitCode=3, signal=9)), "0/1", "Signal:9", "0"),
        (pod(container("terminated", reason="OOMKilled")), "0/1", "OOMKilled", "0"),
        (pod(container("terminated", reason="Completed"), container("running", ready=True)), "1/2", "NotReady", "0"),
        (
            pod(container("terminated", reason="Completed"), container("running", ready=True), conditions=READY),
            "1/2",
            "Running",
            "0",
        ),
        (pod(container("running", ready=True), deleted=True), "1/1", "Terminating", "0"),
        (pod(container("running"), deleted=True, reason="NodeLost"), "0/1", "Unknown", "0"),
        (pod(deleted=True, phase="Succeeded"), "0/1", "Succeeded", "0"),
        (pod(phase="Failed", reason="Evicted"), "0/1", "Evicted", "0"),
        (pod(phase="Pending"), "0/1", "Pending", "0"),
        (
            pod(phase="Pending", conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]),
            "0/1",
            "SchedulingGated",
            "0",
        ),
        (pod(init=(container("running", name="i"),), phase="Pending"), "0/1", "Init:0/1", "0"),
        (
            pod(init=(container("terminated", name="i", exitCode=0), container("waiting", name="j")), phase="Pending"),
            "0/1",
            "Init:1/2",
            "0",
        ),
        (
            pod(init=(container("waiting", name="i", reason="CrashLoopBackOff", restarts=4, last=90),)),
            "0/1",
            "Init:CrashLoopBackOff",
            "4 (90s ago)",
        ),
        (pod(init=(container("waiting", name="i", reason="PodInitializing"),)), "0/1", "Init:0/1", "0"),
        (pod(init=(container("terminated", name="i", exitCode=2),)), "0/1", "Init:ExitCode:2", "0"),
        (pod(init=(container("terminated", name="i", exitCode=2, signal=9),)), "0/1", "Init:Signal:9", "0"),
        (pod(init=(container("terminated", name="i", exitCode=2, reason="Error"),)), "0/1", "Init:Error", "0"),
        (
            pod(
                container("running", ready=True, restarts=1),
                init=(container("terminated", name="i", exitCode=0, restarts=5),),
            ),
            "1/1",
            "Running",
            "1",
        ),
        (
            pod(
                container("running", ready=True, restarts=1, last=30),
                init=({**container("running", name="i", ready=True, restarts=5, last=20), "started": True},),
                sidecar=True,
            ),
            "2/2",
            "Running",
            "6 (20s ago)",
        ),
        (
            pod(
                container("running", ready=True),
                init=(container("waiting", name="i", reason="CrashLoopBackOff"),),
                sidecar=True,
                conditions=INITIALIZED,
            ),
            "1/2",
            "Init:CrashLoopBackOff",
            "0",
        ),
    ],
)
def test_what_is_said_of_a_pod(given: Object, ready: str, status: str, restarts: str) -> None:
    assert table.row(built_in("pods"), given, NOW)["cells"][1:4] == [ready, status, restarts]


def test_a_pod_that_has_ended_is_marked_completed() -> None:
    row = table.row(built_in("pods"), pod(phase="Succeeded"), NOW)
    assert row["conditions"] == [
        {
            "type": "Completed",
            "status": "True",
            "reason": "Succeeded",
            "message": "The pod has completed successfully.",
        }
    ]
    assert "conditions" not in table.row(built_in("pods"), pod(), NOW)


def thing(kind: str, **fields: Any) -> Object:
    return {"kind": kind, "metadata": {"name": "x", "creationTimestamp": timestamp(NOW - 60)}, **fields}


@pytest.mark.parametrize(
    ("plural", "group", "obj", "expected"),
    [
        (
            "nodes",
            "",
            thing(
                "Node",
                spec={"unschedulable": True},
                status={"conditions": [{"type": "Ready", "status": "Unknown"}], "nodeInfo": {"kubeletVersion": "v1"}},
            ),
            ["x", "NotReady,SchedulingDisabled", "<none>", "60s", "v1"] + ["<none>"] * 2 + ["<unknown>"] * 3,
        ),
        (
            "services",
            "",
            thing(
                "Service",
                spec={
                    "type": "LoadBalancer",
                    "clusterIPs": ["10.0.0.1"],
                    "externalIPs": ["203.0.113.1"],
                    "ports": [{"port": 1, "nodePort": 30000, "protocol": "TCP"}, {"port": 2, "protocol": "UDP"}],
                },
                status={"loadBalancer": {"ingress": [{"hostname": "b.example.com"}, {"ip": "192.0.2.1"}]}},
            ),
            [
                "x",
                "LoadBalancer",
                "10.0.0.1",
                "192.0.2.1,b.example.com,203.0.113.1",
                "1:30000/TCP,2/UDP",
                "60s",
                "<none>",
            ],
        ),
        (
            "apiservices",
            "apiregistration.k8s.io",
            thing(
                "APIService",
                spec={"service": {"namespace": "n", "name": "s"}},
                status={"conditions": [{"type": "Available", "status": "False", "reason": "Missing"}]},
            ),
            ["x", "n/s", "False (Missing)", "60s"],
        ),
        (
            "certificatesigningrequests",
            "certificates.k8s.io",
            thing(
                "CertificateSigningRequest",
                spec={"username": "u", "expirationSeconds": 86400},
                status={"conditions": [{"type": "Approved"}, {"type": "Failed"}], "certificate": "eA=="},
            ),
            ["x", "60s", "<none>", "u", "24h", "Approved,Failed,Issued"],
        ),
        (
            "persistentvolumes",
            "",
            {**thing("PersistentVolume"), "metadata": {"name": "x", "deletionTimestamp": timestamp(NOW)}},
            ["x", "0", "", "", "Terminating", "", "", "<unset>", "", "<unknown>", "<unset>"],
        ),
        (
            "storageclasses",
            "storage.k8s.io",
            {
                "metadata": {
                    "name": "x",
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                },
                "provisioner": "p",
            },
            ["x (default)", "p", "Delete", "Immediate", False, "<unknown>"],
        ),
        (
            "events",
            "",
            thing(
                "Event",
                eventTime=timestamp(NOW - 300),
                series={"count": 7, "lastObservedTime": timestamp(NOW - 5)},
                type="Normal",
                reason="R",
                involvedObject={"kind": "Pod", "name": "p", "fieldPath": "spec"},
                message=" m\n",
                reportingComponent="c",
                reportingInstance="i",
            ),
            ["5s", "Normal", "R", "pod/p", "spec", "c, i", "m", "5m", 7, "x"],
        ),
        (
            "jobs",
            "batch",
            thing(
                "Job",
                spec={"parallelism": 4},
                status={
                    "startTime": timestamp(NOW - 200),
                    "succeeded": 2,
                    "conditions": [{"type": "FailureTarget", "status": "True"}],
                },
            ),
            ["x", "FailureTarget", "2/1 of 4", "3m20s", "60s", "", "", "<none>"],
        ),
        (
            "horizontalpodautoscalers",
            "autoscaling",
            thing(
                "HorizontalPodAutoscaler",
                apiVersion="autoscaling/v2",
                spec={
                    "scaleTargetRef": {"kind": "Deployment", "name": "d"},
                    "maxReplicas": 4,
                    "metrics": [
                        {
                            "type": "Resource",
                            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                        },
                        {"type": "External", "external": {"target": {"type": "Value", "value": "5"}}},
                        {"type": "Pods", "pods": {"target": {"averageValue": "1"}}},
                    ],
                },
                status={
                    "currentReplicas": 3,
                    "currentMetrics": [
                        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 40}}},
                        {"type": "External", "external": {"current": {"value": "2"}}},
                    ],
                },
            ),
            ["x", "Deployment/d", "cpu: 40%/80%, 2/5 + 1 more...", "<unset>", 4, 3, "60s"],
        ),
    ],
)
def test_states_the_recording_does_not_hold(plural: str, group: str, obj: Object, expected: list[Any]) -> None:
    resource = built_in(plural, group)
    obj.setdefault("apiVersion", resource.api_version)
    row = table.row(resource, obj, NOW)
    assert row["cells"] == expected
    assert [type(cell) for cell in row["cells"]] == [type(cell) for cell in expected]


def test_every_printer_takes_an_object_that_has_nothing() -> None:
    for resource in BUILT_IN:
        if not resource.stored or (resource.group, resource.version) in (
            ("events.k8s.io", "v1"),
            ("autoscaling", "v1"),
        ):
            continue
        obj = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": "x"}}
        row = table.row(resource, obj, NOW)
        assert "x" in row["cells"], resource
        if resource.plural != "ipaddresses":
            assert len(row["cells"]) == len(table.columns(resource)), resource
