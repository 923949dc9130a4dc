"""The consistency checker: it finds every bad state made by hand, and none in clusters that people do anything to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.sim.api.context import Context
from lab.sim.api.resources import Object
from lab.sim.objects import thaw
from tests.sim.cases import changed
from tests.sim.clusters import bare
from tests.sim.consistency import Witness, broken, violations, world_of
from tests.sim.invariants.world import RULES, World
from tests.sim.workday import Town, Workday, template, town

ACTS = 250
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


@pytest.fixture(scope="module")
async def furnished(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A cluster at rest with something of every sort in it."""
    async with town(tmp_path_factory.mktemp("town")) as made:
        await _furnish(made)
        assert violations(made) == []
        yield world_of(made.rest)


async def _furnish(made: Town) -> None:
    def obj(api_version: str, kind: str, name: str, **body: Any) -> Object:
        metadata = {"name": name, "namespace": "default"}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}

    def spec(name: str, **more: Any) -> Object:
        return {"selector": {"matchLabels": {"app": name}}, "template": template(name, "nginx:1"), **more}

    client = made.client
    await client.create("deployments.apps", obj("apps/v1", "Deployment", "web", spec=spec("web", replicas=2)))
    body = spec("db", replicas=2, serviceName="db", volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": CLAIM}])
    body["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "d", "mountPath": "/d"}]
    await client.create("statefulsets.apps", obj("apps/v1", "StatefulSet", "db", spec=body))
    await client.create("daemonsets.apps", obj("apps/v1", "DaemonSet", "agent", spec=spec("agent")))
    ends = template("job", "busybox", restartPolicy="Never")
    ends["spec"]["containers"][0]["command"] = ["sh", "-c", "exit 0"]
    await client.create("jobs.batch", obj("batch/v1", "Job", "job", spec={"template": ends}))
    crashing = template("crash", "app:crash")
    await client.create("pods", {**obj("v1", "Pod", "crash"), "spec": crashing["spec"]})
    ports = [{"port": 80}]
    for name, more in (("web", {"type": "NodePort"}), ("other", {"type": "NodePort"})):
        body = {"selector": {"app": "web"}, "ports": ports, **more}
        await client.create("services", obj("v1", "Service", name, spec=body))
    budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    await client.create("poddisruptionbudgets.policy", obj("policy/v1", "PodDisruptionBudget", "web", spec=budget))
    hard = {"pods": "50", "configmaps": "9"}
    await client.create("resourcequotas", obj("v1", "ResourceQuota", "limit", spec={"hard": hard}))
    day = Workday(made, 1)
    while made.rest.registry.plural("town.example.com", "widgets") is None:
        await day.act_define()
        await made.settle()
    job = {"template": thaw(ends)}
    body = {"schedule": "* * * * *", "jobTemplate": {"spec": job}}
    await client.create("cronjobs.batch", obj("batch/v1", "CronJob", "tick", spec=body))
    token = obj("v1", "Secret", "token", type="kubernetes.io/service-account-token")
    token["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
    await client.create("secrets", token)
    for _ in range(20):
        await made.advance(10)


Pick = tuple[str, str]
"""A storage key and the beginning of the object's name."""
WEB: Pick = ("deployments.apps", "web")
SET: Pick = ("replicasets.apps", "web-")
POD: Pick = ("pods", "web-")
CRASH: Pick = ("pods", "crash")
JOB: Pick = ("jobs.batch", "job")
SERVICE: Pick = ("services", "web")
CONTAINER = "status.containerStatuses[0]"
LATER = "2099-01-01T00:00:00Z"
READY = "status.conditions[0]"

BAD: list[tuple[str, Pick, dict[str, Any]]] = [
    ("revisions_are_the_stores", WEB, {"metadata.resourceVersion": "99999999"}),
    ("revisions_are_the_stores", WEB, {"metadata.resourceVersion": "x"}),
    ("uids_are_unique", WEB, {"metadata.uid": "one"}),
    ("objects_are_complete", WEB, {"kind": "Deployments"}),
    ("objects_are_complete", WEB, {"metadata.creationTimestamp": None}),
    ("objects_are_complete", WEB, {"metadata.creationTimestamp": LATER}),
    ("objects_are_complete", ("nodes", "town-"), {"metadata.namespace": "default"}),
    ("namespaces_exist", WEB, {"metadata.namespace": "nowhere"}),
    ("owners_are_well_formed", SET, {"metadata.ownerReferences[0].name": "other"}),
    ("owners_are_well_formed", SET, {"metadata.ownerReferences[0].uid": ""}),
    ("owners_exist", SET, {"metadata.ownerReferences[0].uid": "00000000-0000-4000-8000-000000000000"}),
    ("deletions_have_a_reason_to_wait", WEB, {"metadata.deletionTimestamp": "2027-01-15T08:00:00Z"}),
    ("deletions_have_a_reason_to_wait", WEB, {"metadata.deletionGracePeriodSeconds": 30}),
    ("generations_are_counted", WEB, {"metadata.generation": 0}),
    ("generations_are_counted", WEB, {"status.observedGeneration": 99}),
    ("generations_are_counted", ("configmaps", "kube-root"), {"metadata.generation": 1}),
    ("generations_are_observed", WEB, {"metadata.generation": 99}),
    ("labels_are_labels", WEB, {"metadata.labels": {"a": 1}}),
    ("labels_are_labels", WEB, {"metadata.labels": {"a": "not so!"}}),
    ("conditions_are_conditions", WEB, {f"{READY}.status": "Yes"}),
    ("conditions_are_conditions", WEB, {f"{READY}.lastTransitionTime": LATER}),
    ("conditions_are_conditions", WEB, {f"{READY}.type": "Progressing", "status.conditions[1].type": "Progressing"}),
    ("managed_fields_are_well_formed", WEB, {"metadata.managedFields[0].operation": "Write"}),
    ("managed_fields_are_well_formed", WEB, {"metadata.managedFields[0].fieldsV1": {}}),
    ("managed_fields_exist", WEB, {"metadata.managedFields[0].fieldsV1": {"f:spec": {"f:nothing": {}}}}),
    ("managed_fields_exist", WEB, {"spec.template.spec.containers[0].name": "renamed"}),
    ("phases_are_known", POD, {"status.phase": "Crashed"}),
    ("phases_are_known", POD, {"status.qosClass": None}),
    ("statuses_name_the_pods_containers", POD, {f"{CONTAINER}.name": "other"}),
    ("containers_are_in_one_state", POD, {f"{CONTAINER}.state.waiting": {"reason": "x"}}),
    ("containers_are_in_one_state", POD, {f"{CONTAINER}.lastState": {"running": {}}}),
    ("ready_containers_run", POD, {f"{CONTAINER}.state": {"waiting": {"reason": "x"}}}),
    ("ready_containers_run", POD, {f"{CONTAINER}.started": False}),
    ("restarts_left_a_trace", POD, {f"{CONTAINER}.restartCount": 2}),
    ("restarts_left_a_trace", POD, {f"{CONTAINER}.lastState": {"terminated": {"exitCode": 1}}}),
    ("restarts_left_a_trace", CRASH, {f"{CONTAINER}.restartCount": -1}),
    ("containers_times_are_in_order", POD, {f"{CONTAINER}.state.running.startedAt": LATER}),
    ("containers_times_are_in_order", POD, {f"{CONTAINER}.state.running.startedAt": "2020-01-01T00:00:00Z"}),
    ("containers_times_are_in_order", CRASH, {f"{CONTAINER}.lastState.terminated.exitCode": "1"}),
    ("container_ids_are_unique", POD, {f"{CONTAINER}.containerID": None}),
    ("phases_follow_from_containers", POD, {"status.phase": "Pending"}),
    ("phases_follow_from_containers", POD, {"status.phase": "Succeeded"}),
    ("phases_follow_from_containers", POD, {"status.phase": "Failed"}),
    ("phases_follow_from_containers", POD, {"status.containerStatuses": None}),
    ("phases_follow_from_containers", ("pods", "job-"), {f"{CONTAINER}.state.terminated.exitCode": 3}),
    ("placed_pods_have_a_node", POD, {"spec.nodeName": None}),
    ("placed_pods_have_a_node", POD, {"status.podIPs": [{"ip": "10.0.0.1"}]}),
    ("placed_pods_have_a_node", POD, {"status.startTime": None}),
    ("readiness_has_an_order", POD, {f"{CONTAINER}.ready": False}),
    ("readiness_has_an_order", POD, {"status.phase": "Failed"}),
    ("readiness_has_an_order", POD, {"status.conditions": [{"type": "Ready", "status": "True"}]}),
    ("readiness_has_an_order", POD, {"status.conditions": [{"type": "ContainersReady", "status": "True"}]}),
    ("pods_tell_their_service_account", POD, {"spec.serviceAccountName": None}),
    ("pods_are_on_nodes_that_exist", POD, {"spec.nodeName": "nowhere"}),
    ("nodes_hold_what_they_can", POD, {"spec.containers[0].resources": {"requests": {"cpu": "1000"}}}),
    ("nodes_hold_what_they_can", POD, {"spec.containers[0].resources": {"requests": {"nvidia.com/gpu": "1"}}}),
    ("nodes_renew_their_lease", ("nodes", "town-"), {"status.conditions": []}),
    ("nodes_renew_their_lease", ("leases.coordination.k8s.io", "town-"), {"spec.holderIdentity": "other"}),
    (
        "nodes_renew_their_lease",
        ("nodes", "town-"),
        {"spec.taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]},
    ),
    ("selectors_choose_the_template", WEB, {"spec.template.metadata.labels": {"app": "other"}}),
    (
        "selectors_choose_the_template",
        SET,
        {"spec.selector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}},
    ),
    ("numbers_have_an_order", WEB, {"status.readyReplicas": 9}),
    ("numbers_have_an_order", SET, {"status.availableReplicas": 9}),
    ("numbers_have_an_order", ("statefulsets.apps", "db"), {"status.updatedReplicas": 9}),
    ("numbers_have_an_order", ("daemonsets.apps", "agent"), {"status.numberAvailable": 9}),
    ("numbers_have_an_order", JOB, {"status.ready": 1}),
    ("sets_count_their_pods", SET, {"status.replicas": 5}),
    ("sets_count_their_pods", SET, {"spec.replicas": 5}),
    ("deployments_number_their_revisions", WEB, {"metadata.annotations": {}}),
    ("deployments_number_their_revisions", WEB, {"metadata.annotations": {"deployment.kubernetes.io/revision": "7"}}),
    ("deployments_number_their_revisions", SET, {"metadata.labels": {"app": "web"}}),
    ("deployments_add_up", WEB, {"status.replicas": 3}),
    ("deployments_add_up", WEB, {"status.conditions": []}),
    ("deployments_add_up", SET, {"metadata.annotations": {"deployment.kubernetes.io/revision": "7"}}),
    ("deployments_add_up", WEB, {"spec.replicas": 9}),
    ("stateful_sets_are_in_order", ("statefulsets.apps", "db"), {"status.currentRevision": "db-nothing"}),
    ("stateful_sets_are_in_order", ("statefulsets.apps", "db"), {"status.replicas": 1}),
    ("stateful_sets_are_in_order", ("pods", "db-0"), {"metadata.name": "db-7"}),
    ("daemon_sets_have_one_pod_a_node", ("daemonsets.apps", "agent"), {"status.numberReady": 9}),
    ("daemon_sets_have_one_pod_a_node", ("daemonsets.apps", "agent"), {"status.desiredNumberScheduled": 9}),
    ("jobs_end_once", JOB, {"status.completionTime": None}),
    ("jobs_end_once", JOB, {"status.succeeded": 2}),
    ("jobs_end_once", JOB, {"status.succeeded": 0}),
    ("jobs_end_once", JOB, {"status.active": 1}),
    ("jobs_end_once", JOB, {"status.startTime": LATER}),
    ("jobs_count_their_pods", JOB, {"status.active": 1}),
    ("jobs_count_their_pods", JOB, {"status.uncountedTerminatedPods": {"succeeded": ["x"]}}),
    ("cron_jobs_know_their_jobs", ("cronjobs.batch", "tick"), {"status.active": [{"name": "gone", "uid": "gone"}]}),
    ("cron_jobs_know_their_jobs", ("cronjobs.batch", "tick"), {"status.lastScheduleTime": LATER}),
    ("budgets_count_their_pods", ("poddisruptionbudgets.policy", "web"), {"status.currentHealthy": 9}),
    ("budgets_count_their_pods", ("poddisruptionbudgets.policy", "web"), {"status.disruptionsAllowed": 9}),
    ("service_addresses_are_unique", SERVICE, {"spec.clusterIP": "10.96.0.1", "spec.clusterIPs": ["10.96.0.1"]}),
    ("service_addresses_are_unique", SERVICE, {"spec.clusterIP": "10.0.0.1", "spec.clusterIPs": ["10.0.0.1"]}),
    ("service_addresses_are_unique", SERVICE, {"spec.clusterIPs": []}),
    ("service_addresses_are_unique", SERVICE, {"spec.type": "ExternalName"}),
    ("node_ports_are_unique", SERVICE, {"spec.type": "ClusterIP"}),
    ("node_ports_are_unique", SERVICE, {"spec.ports[0].nodePort": 80}),
    ("node_ports_are_unique", SERVICE, {"spec.ports[0].nodePort": None}),
    ("slices_hold_the_services_pods", POD, {"status.podIP": "10.9.9.9"}),
    ("slices_hold_the_services_pods", POD, {"metadata.labels": {"app": "other"}}),
    (
        "slices_hold_the_services_pods",
        ("endpointslices.discovery.k8s.io", "web-"),
        {"endpoints[0].conditions.ready": False},
    ),
    (
        "slices_hold_the_services_pods",
        ("endpointslices.discovery.k8s.io", "web-"),
        {"endpoints[0].targetRef.uid": "gone"},
    ),
    (
        "slices_hold_the_services_pods",
        ("endpointslices.discovery.k8s.io", "web-"),
        {"metadata.labels": {"kubernetes.io/service-name": "x"}},
    ),
    ("endpoints_hold_the_services_pods", ("endpoints", "web"), {"subsets": []}),
    ("endpoints_hold_the_services_pods", ("endpoints", "web"), {"metadata.name": "lost"}),
    ("endpoints_hold_the_services_pods", ("endpoints", "web"), {"subsets[0].addresses[0].targetRef.uid": "gone"}),
    ("namespaces_are_active_or_leave", ("namespaces", "default"), {"status.phase": "Terminating"}),
    ("namespaces_are_active_or_leave", ("namespaces", "default"), {"metadata.labels": {}}),
    ("namespaces_are_furnished", ("serviceaccounts", "default"), {"metadata.name": "other"}),
    ("namespaces_are_furnished", ("configmaps", "kube-root-ca.crt"), {"metadata.name": "other"}),
    ("claims_and_volumes_agree", ("persistentvolumeclaims", "d-db-0"), {"spec.volumeName": "nothing"}),
    ("claims_and_volumes_agree", ("persistentvolumeclaims", "d-db-0"), {"status.phase": "Used"}),
    ("claims_and_volumes_agree", ("persistentvolumeclaims", "d-db-0"), {"status.capacity": None}),
    ("claims_and_volumes_agree", ("persistentvolumeclaims", "d-db-0"), {"metadata.uid": "other"}),
    ("bound_volumes_have_a_claim", ("persistentvolumes", "pvc-"), {"spec.claimRef.uid": "gone"}),
    ("bound_volumes_have_a_claim", ("persistentvolumes", "pvc-"), {"status.phase": "Released"}),
    ("quotas_tell_what_is_used", ("resourcequotas", "limit"), {"status.used.pods": "0"}),
    ("quotas_tell_what_is_used", ("resourcequotas", "limit"), {"spec.hard.pods": "99"}),
    ("events_are_about_something", ("events", ""), {"involvedObject.name": None}),
    ("events_are_about_something", ("events", ""), {"involvedObject.namespace": "other"}),
    ("events_are_about_something", ("events", ""), {"type": "Info"}),
    ("events_are_about_something", ("events", ""), {"lastTimestamp": "2020-01-01T00:00:00Z"}),
    ("events_are_about_something", ("events", ""), {"count": 0}),
    (
        "definitions_are_served",
        ("customresourcedefinitions.apiextensions.k8s.io", "w"),
        {"spec.versions[0].name": "v9"},
    ),
    ("definitions_are_served", ("customresourcedefinitions.apiextensions.k8s.io", "w"), {"metadata.name": "renamed"}),
    ("definitions_are_served", ("customresourcedefinitions.apiextensions.k8s.io", "w"), {"status.storedVersions": []}),
    ("definitions_are_decided", ("customresourcedefinitions.apiextensions.k8s.io", "w"), {"status.conditions": []}),
    ("account_tokens_have_an_account", ("secrets", "token"), {"data": {}}),
    (
        "account_tokens_have_an_account",
        ("secrets", "token"),
        {"metadata.annotations": {"kubernetes.io/service-account.name": "nobody"}},
    ),
]


def _with(world: World, storage: str, prefix: str, change: Callable[[Object], Object]) -> World:
    """The same world, but for the first object of that name, and for copies it shares with nobody."""
    objects = {key: list(found) for key, found in world.objects.items()}
    index = next(i for i, one in enumerate(objects[storage]) if one["metadata"]["name"].startswith(prefix))
    objects[storage][index] = change(thaw(objects[storage][index]))
    return World(objects, world.revision, world.now, world.registry, world.used)


@pytest.mark.parametrize(
    ("name", "pick", "changes"), BAD, ids=[f"{name}-{index}" for index, (name, *_) in enumerate(BAD)]
)
async def test_a_state_no_cluster_can_show_is_found(
    furnished: World, name: str, pick: Pick, changes: dict[str, Any]
) -> None:
    bad = _with(furnished, *pick, lambda obj: changed(obj, changes))
    assert name in {rule for rule, _ in broken(bad)}


async def test_what_two_objects_may_not_share_is_found(furnished: World) -> None:
    pods = [pod for pod in furnished.of("pods") if pod["metadata"]["name"].startswith(("web-", "db-"))]
    one, two = pods[0], pods[1]
    named = (two["kind"] and "pods", two["metadata"]["name"])
    container = one["status"]["containerStatuses"][0]["containerID"]
    address = one["status"]["podIP"]
    shared = {
        "uids_are_unique": {"metadata.uid": one["metadata"]["uid"]},
        "revisions_are_the_stores": {"metadata.resourceVersion": one["metadata"]["resourceVersion"]},
        "container_ids_are_unique": {f"{CONTAINER}.containerID": container},
        "addresses_are_unique": {"status.podIP": address, "status.podIPs": [{"ip": address}]},
    }
    for name, changes in shared.items():
        bad = _with(furnished, *named, lambda obj, changes=changes: changed(obj, changes))
        assert name in {rule for rule, _ in broken(bad)}, name


async def test_every_rule_has_a_state_it_rejects() -> None:
    tried = {name for name, *_ in BAD} | {"addresses_are_unique"}
    assert set(RULES) == tried


async def test_rules_for_a_cluster_at_rest_can_be_left_out(furnished: World) -> None:
    bad = _with(furnished, *SET, lambda obj: changed(obj, {"spec.replicas": 5}))
    assert broken(bad, at_rest=True)
    assert not broken(bad, at_rest=False)


# -- the witness


def _configmap(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop"},
        "data": {"a": "1"},
    }


async def _shop() -> tuple[Any, Witness]:
    cluster = bare()
    witness = Witness(cluster.rest)
    client = cluster.client()
    await client.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    await client.create("configmaps", _configmap("one"))
    return cluster, witness


async def test_a_witness_sees_nothing_wrong_in_ordinary_writes() -> None:
    cluster, witness = await _shop()
    row = cluster.rest.registry.plural("", "configmaps")
    cluster.rest.patch(row, "shop", "one", {"data": {"a": "2"}}, "merge", Context())
    await cluster.client().delete("configmaps", "shop", "one")
    await cluster.client().create("configmaps", _configmap("one"))
    assert witness.violations() == []


async def test_a_witness_sees_an_object_changed_in_place() -> None:
    cluster, witness = await _shop()
    cluster.rest.store.get("configmaps", "shop", "one")["data"]["a"] = "changed"
    assert any(line.startswith("objects_are_never_changed_in_place") for line in witness.violations())


async def test_a_witness_sees_it_also_when_the_object_is_written_again() -> None:
    cluster, witness = await _shop()
    held = cluster.rest.store.get("configmaps", "shop", "one")
    held["data"]["a"] = "changed"
    cluster.rest.store.put("configmaps", "shop", "one", thaw(held))
    assert any(line.startswith("objects_are_never_changed_in_place") for line in witness.violations())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("identity_stays", {"metadata.uid": "0"}),
        ("identity_stays", {"metadata.creationTimestamp": "2020-01-01T00:00:00Z"}),
        ("generations_only_rise", {"metadata.generation": -1}),
    ],
)
async def test_a_witness_sees_what_a_write_may_not_change(name: str, changes: dict[str, Any]) -> None:
    cluster, witness = await _shop()
    held = cluster.rest.store.get("configmaps", "shop", "one")
    cluster.rest.store.put("configmaps", "shop", "one", changed(held, changes))
    assert any(line.startswith(name) for line in witness.violations())


async def test_a_witness_sees_a_deletion_taken_back() -> None:
    cluster, witness = await _shop()
    held = cluster.rest.store.get("configmaps", "shop", "one")
    going = changed(held, {"metadata.deletionTimestamp": "2027-01-15T08:00:00Z", "metadata.finalizers": ["a.b/c"]})
    cluster.rest.store.put("configmaps", "shop", "one", going)
    cluster.rest.store.put("configmaps", "shop", "one", changed(held, {}))
    assert any(line.startswith("deletions_are_not_taken_back") for line in witness.violations())


async def test_a_witness_sees_revisions_that_go_back() -> None:
    cluster, witness = await _shop()
    cluster.rest.store.revision = 0
    cluster.rest.store.put("configmaps", "shop", "two", changed(_configmap("two"), {"metadata.uid": "2"}))
    assert any(line.startswith("revisions_only_rise") for line in witness.violations())


async def test_a_witness_sees_what_is_made_where_it_cannot_be() -> None:
    cluster, witness = await _shop()
    for index, (storage, obj) in enumerate(
        (
            ("configmaps", changed(_configmap("two"), {"metadata.namespace": "nowhere"})),
            ("configmaps", changed(_configmap("three"), {"metadata.uid": "7"})),
            ("configmaps", changed(_configmap("four"), {"metadata.uid": "7"})),
            ("pods", {**changed(_configmap("pod"), {"kind": "Pod"}), "spec": {"serviceAccountName": "nobody"}}),
        )
    ):
        obj["metadata"].setdefault("uid", str(index))
        cluster.rest.store.put(storage, obj["metadata"]["namespace"], obj["metadata"]["name"], obj)
    seen = {line.partition(":")[0] for line in witness.violations()}
    wanted = {"nothing_is_made_in_a_leaving_namespace", "uids_are_never_used_again", "pods_begin_with_their_account"}
    assert seen == wanted


async def test_a_witness_sees_a_change_of_something_it_was_never_told_of() -> None:
    cluster, witness = await _shop()
    made = changed(_configmap("sly"), {"metadata.uid": "sly", "metadata.resourceVersion": "1"})
    cluster.rest.store.restore(cluster.rest.store.revision, iter([("configmaps", "shop", "sly", orjson.dumps(made))]))
    cluster.rest.store.put("configmaps", "shop", "sly", thaw(made))
    assert any(line.startswith("changes_follow_each_other") for line in witness.violations())


# -- people at work


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_people_do_the_cluster_stays_one_that_could_be(tmp_path: Path, seed: int) -> None:
    async with town(tmp_path) as made:
        witness = Witness(made.rest)
        day = Workday(made, seed)
        await day.open("shop")
        await day.open("bank")
        for number in range(ACTS):
            act = await day.act()
            assert violations(made, at_rest=False) == [], (number, act)
            await made.settle()
            if number % 3 == 2:
                await made.advance(day.random.choice((1, 5, 20, 60)))
            if violations(made):
                # A controller that was refused tries again within a minute: only what stays is wrong.
                await made.advance(65)
            assert violations(made) == [], (number, act, day.done[-5:])
        assert witness.violations() == []
        assert len(set(day.done)) >= len(day.acts) - 2
        assert len(day.refused) < ACTS / 4
