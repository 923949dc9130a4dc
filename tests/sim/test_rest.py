"""The verbs on one cluster's objects: creation, replacement, deletion in all its forms, lists in pages.

Texts were taken from a Kubernetes 1.34 server.
"""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.api.context import DeleteOptions
from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.clock import timestamp
from tests.sim.given import NAMESPACE, Given, deployment, pod


@pytest.fixture
def given() -> Given:
    return Given()


def config_map(name: str = "c", **metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def refusal(caught: pytest.ExceptionInfo[ApiError]) -> tuple[int, str, str]:
    return caught.value.code, caught.value.reason, caught.value.message


# -- creation


def test_a_creation_fills_in_what_the_server_owns(given: Given) -> None:
    made = given.create(
        "configmaps", config_map(uid="mine", generation=9, selfLink="/x", deletionTimestamp="2000-01-01T00:00:00Z")
    )
    metadata = made["metadata"]
    assert metadata["uid"] != "mine"
    assert metadata["creationTimestamp"] == timestamp(given.cluster.clock.now())
    assert metadata["resourceVersion"] == str(given.rest.store.revision)
    assert not {"generation", "selfLink", "deletionTimestamp"} & set(metadata)


def test_names_are_generated(given: Given) -> None:
    made = given.create("configmaps", {"metadata": {"generateName": "web-"}})
    name = made["metadata"]["name"]
    assert name.startswith("web-")
    assert len(name) == len("web-") + 5
    assert given.get("configmaps", name) == made


@pytest.mark.parametrize(
    ("obj", "code", "message"),
    [
        (config_map("there"), 409, 'configmaps "there" already exists'),
        (config_map(resourceVersion="5"), 400, "resourceVersion should not be set on objects to be created"),
        (
            config_map(namespace="other"),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ],
)
def test_refused_creations(given: Given, obj: Object, code: int, message: str) -> None:
    given.create("configmaps", config_map("there"))
    with pytest.raises(ApiError) as caught:
        given.create("configmaps", obj)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_dry_run_leaves_nothing_behind(given: Given) -> None:
    before = given.rest.store.revision
    given.context.dry_run = True
    assert given.create("configmaps", config_map())["metadata"]["uid"]
    assert given.rest.store.revision == before


# -- replacement


def test_an_update_keeps_what_the_server_owns(given: Given) -> None:
    made = given.create("configmaps", config_map())
    new = given.update("configmaps", "c", {**config_map(), "data": {"a": "1"}})
    for field in ("uid", "creationTimestamp"):
        assert new["metadata"][field] == made["metadata"][field]
    assert new["data"] == {"a": "1"}


async def test_a_write_that_changes_nothing_is_none(given: Given) -> None:
    made = given.create("configmaps", {**config_map(), "data": {"a": "1"}})
    told = given.told("configmaps")
    await given.cluster.clock.advance(60)
    assert given.update("configmaps", "c", {**config_map(), "data": {"a": "1"}}) == made
    assert given.patch("configmaps", "c", {"data": {"a": "1"}}) == made
    assert told() == []


WRITES = [
    (
        {"metadata": {"name": "c", "resourceVersion": "1"}},
        409,
        "the object has been modified; please apply your changes",
    ),
    ({"metadata": {"name": "d"}}, 400, "the name of the object (d) does not match the name on the URL (c)"),
    ({"metadata": {}}, 400, "the name of the object (c based on URL) was undeterminable: name must be provided"),
    ({"metadata": {"name": "c", "uid": "x"}}, 409, "Precondition failed: UID in precondition: x, UID in object meta: "),
]


@pytest.mark.parametrize(("obj", "code", "message"), WRITES)
def test_refused_updates(given: Given, obj: Object, code: int, message: str) -> None:
    given.create("configmaps", config_map())
    with pytest.raises(ApiError) as caught:
        given.update("configmaps", "c", obj)
    assert caught.value.code == code
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"uid": "x"}, 'ConfigMap "c" is invalid: metadata.uid: Invalid value: "x": field is immutable'),
        (
            {"deletionTimestamp": "2026-01-01T00:00:00Z"},
            'ConfigMap "c" is invalid: metadata.deletionTimestamp: Invalid value: "2026-01-01T00:00:00Z": '
            "field is immutable",
        ),
    ],
)
def test_metadata_that_no_client_changes(given: Given, patch: Object, message: str) -> None:
    given.create("configmaps", config_map())
    with pytest.raises(ApiError) as caught:
        given.patch("configmaps", "c", {"metadata": patch})
    assert refusal(caught) == (422, "Invalid", message)


def test_times_and_generations_of_a_client_are_ignored(given: Given) -> None:
    made = given.create("configmaps", config_map())
    assert given.patch("configmaps", "c", {"metadata": {"creationTimestamp": None, "generation": 7}}) == made


@pytest.mark.parametrize(
    ("resource", "creates"), [("configmaps", False), ("services", True), ("roles.rbac.authorization.k8s.io", True)]
)
def test_put_to_a_free_name(given: Given, resource: str, creates: bool) -> None:
    obj: Object = {"metadata": {"name": "n", "resourceVersion": "7"}}
    if resource == "services":
        obj["spec"] = {"ports": [{"port": 80}]}
    if creates:
        assert given.update(resource, "n", obj) == given.get(resource, "n")
    else:
        with pytest.raises(ApiError, match=r'configmaps "n" not found'):
            given.update(resource, "n", obj)


def test_some_kinds_want_the_resource_version(given: Given) -> None:
    given.create("leases.coordination.k8s.io", {"metadata": {"name": "l"}, "spec": {}})
    with pytest.raises(ApiError) as caught:
        given.update("leases.coordination.k8s.io", "l", {"metadata": {"name": "l"}, "spec": {}})
    assert refusal(caught) == (
        422,
        "Invalid",
        'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: '
        "must be specified for an update",
    )


# -- generations and status


def test_generations_count_changes_of_the_spec(given: Given) -> None:
    name = "deployments.apps"
    assert given.create(name, deployment())["metadata"]["generation"] == 1
    assert given.update(name, "d", deployment(labels={"x": "y"}))["metadata"]["generation"] == 1
    assert given.update(name, "d", deployment(2, labels={"x": "y"}))["metadata"]["generation"] == 2
    annotated = given.patch(name, "d", {"metadata": {"annotations": {"why": "copied to replica sets"}}})
    assert annotated["metadata"]["generation"] == 3
    assert given.patch(name, "d", {"status": {"replicas": 4}}, "status")["metadata"]["generation"] == 3


def test_the_status_is_written_through_its_own_door(given: Given) -> None:
    name = "deployments.apps"
    made = given.create(name, {**deployment(), "status": {"replicas": 9}})
    assert made["status"] == {}
    assert given.update(name, "d", {**deployment(), "status": {"replicas": 9}})["status"] == {}
    new = given.update(name, "d", {**deployment(7), "status": {"replicas": 9}}, "status")
    assert (new["status"], new["spec"]["replicas"]) == ({"replicas": 9}, 1)


def test_what_of_the_metadata_a_status_write_changes(given: Given) -> None:
    given.create("deployments.apps", deployment())
    change = {"metadata": {"labels": {"l": "1"}, "annotations": {"a": "1"}}, "status": {"replicas": 1}}
    metadata = given.patch("deployments.apps", "d", change, "status")["metadata"]
    assert "labels" not in metadata
    assert metadata["annotations"] == {"a": "1"}
    given.create("pods", pod())
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "u"}
    change = {"metadata": {"labels": {"l": "1"}, "ownerReferences": [owner]}, "status": {"phase": "Running"}}
    new = given.patch("pods", "p", change, "status")
    assert new["metadata"]["labels"] == {"l": "1"}
    assert "ownerReferences" not in new["metadata"]
    assert new["status"]["qosClass"] == "BestEffort"


# -- deletion


def test_an_object_without_finalizers_goes_at_once(given: Given) -> None:
    made = given.create("configmaps", config_map())
    told = given.told("configmaps")
    last, gone = given.delete("configmaps", "c")
    assert gone
    assert last["metadata"]["uid"] == made["metadata"]["uid"]
    assert [kind for kind, _ in told()] == ["DELETED"]
    with pytest.raises(ApiError, match=r'configmaps "c" not found'):
        given.get("configmaps", "c")


async def test_finalizers_hold_an_object_until_the_last_is_removed(given: Given) -> None:
    given.create("configmaps", config_map(finalizers=["a.b/c", "d.e/f"]))
    marked, gone = given.delete("configmaps", "c")
    assert not gone
    assert marked["metadata"]["deletionTimestamp"] == timestamp(given.cluster.clock.now())
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    await given.cluster.clock.advance(60)
    assert given.delete("configmaps", "c") == (marked, False)
    given.patch("configmaps", "c", {"metadata": {"finalizers": ["d.e/f"]}})
    told = given.told("configmaps")
    last = given.patch("configmaps", "c", {"metadata": {"finalizers": None}})
    assert "finalizers" not in last["metadata"]
    assert [kind for kind, _ in told()] == ["DELETED"]


def test_no_finalizer_is_added_to_what_is_going(given: Given) -> None:
    given.create("configmaps", config_map(finalizers=["a.b/c"]))
    given.delete("configmaps", "c")
    with pytest.raises(ApiError) as caught:
        given.patch("configmaps", "c", {"metadata": {"finalizers": ["a.b/c", "d.e/f"]}})
    assert refusal(caught) == (
        422,
        "Invalid",
        'ConfigMap "c" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is '
        'being deleted, found new finalizers []string{"d.e/f"}',
    )
    assert given.patch("configmaps", "c", {"data": {"a": "1"}})["data"] == {"a": "1"}


def test_the_garbage_collectors_finalizers_follow_the_last_request(given: Given) -> None:
    given.create("configmaps", config_map(finalizers=["a.b/c"]))
    asked = [
        ("", ["a.b/c"]),
        ("Foreground", ["a.b/c", "foregroundDeletion"]),
        ("", ["a.b/c", "foregroundDeletion"]),
        ("Orphan", ["a.b/c", "orphan"]),
        ("Background", ["a.b/c"]),
    ]
    for propagation, finalizers in asked:
        last, gone = given.delete("configmaps", "c", propagation=propagation)
        assert (last["metadata"]["finalizers"], gone) == (finalizers, False)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (
            {"propagation": "Sideways"},
            422,
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways": '
            'supported values: "Foreground", "Background", "Orphan", "nil"',
        ),
        (
            {"uid": "nope"},
            409,
            'Operation cannot be fulfilled on ConfigMap "c": the UID in the precondition (nope) does not match the UID '
            "in record (UID). The object might have been deleted and then recreated",
        ),
        (
            {"resource_version": "1"},
            409,
            'Operation cannot be fulfilled on ConfigMap "c": the ResourceVersion in the precondition (1) does not '
            "match the ResourceVersion in record (RV). The object might have been modified",
        ),
    ],
)
def test_refused_deletions(given: Given, options: Object, code: int, message: str) -> None:
    metadata = given.create("configmaps", config_map())["metadata"]
    with pytest.raises(ApiError) as caught:
        given.delete("configmaps", "c", **options)
    expected = message.replace("(UID)", f"({metadata['uid']})").replace("(RV)", f"({metadata['resourceVersion']})")
    assert (caught.value.code, caught.value.message) == (code, expected)


def test_a_deletion_counts_as_a_generation(given: Given) -> None:
    given.create("deployments.apps", deployment(finalizers=["a.b/c"]))
    assert given.delete("deployments.apps", "d")[0]["metadata"]["generation"] == 2
    assert given.delete("deployments.apps", "d")[0]["metadata"]["generation"] == 2


def running(given: Given, **spec: Any) -> Object:
    given.create("pods", pod(nodeName="n1", **spec))
    return given.patch("pods", "p", {"status": {"phase": "Running"}}, "status")


def test_a_running_pod_is_given_time(given: Given) -> None:
    running(given, terminationGracePeriodSeconds=40)
    now = given.cluster.clock.now()
    marked, gone = given.delete("pods", "p")
    assert not gone
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 40
    assert marked["metadata"]["deletionTimestamp"] == timestamp(now + 40)
    assert marked["metadata"]["generation"] == 2


def test_a_grace_period_only_gets_shorter(given: Given) -> None:
    running(given)
    now = given.cluster.clock.now()
    marked, _ = given.delete("pods", "p")
    assert given.delete("pods", "p", grace=60) == (marked, False)
    sooner, gone = given.delete("pods", "p", grace=10)
    assert (sooner["metadata"]["deletionTimestamp"], gone) == (timestamp(now + 10), False)
    told = given.told("pods")
    _, gone = given.delete("pods", "p", grace=0)
    assert gone
    assert [kind for kind, _ in told()] == ["MODIFIED", "DELETED"]


@pytest.mark.parametrize(
    ("spec", "phase", "options"),
    [
        ({}, "Pending", {}),
        ({"nodeName": "n1"}, "Succeeded", {}),
        ({"nodeName": "n1"}, "Failed", {}),
        ({"nodeName": "n1"}, "Running", {"grace": 0}),
        ({"nodeName": "n1", "terminationGracePeriodSeconds": 0}, "Running", {}),
    ],
)
def test_pods_that_go_at_once(given: Given, spec: Object, phase: str, options: Object) -> None:
    given.create("pods", pod(**spec))
    given.patch("pods", "p", {"status": {"phase": phase}}, "status")
    assert given.delete("pods", "p", **options)[1]


def test_a_pod_with_a_finalizer_outlives_its_grace_period(given: Given) -> None:
    running(given)
    given.patch("pods", "p", {"metadata": {"finalizers": ["a.b/c"]}})
    given.delete("pods", "p")
    last, gone = given.delete("pods", "p", grace=0)
    assert not gone
    assert last["metadata"]["deletionGracePeriodSeconds"] == 0
    given.patch("pods", "p", {"metadata": {"finalizers": None}})
    with pytest.raises(ApiError, match="not found"):
        given.get("pods", "p")


def test_deleting_a_job_leaves_its_pods_and_says_so(given: Given) -> None:
    template = {"spec": {**pod()["spec"], "restartPolicy": "Never"}}
    given.create("jobs.batch", {"metadata": {"name": "j"}, "spec": {"template": template}})
    marked, gone = given.delete("jobs.batch", "j")
    assert (marked["metadata"]["finalizers"], gone) == (["orphan"], False)
    assert any("child pods are preserved by default" in one for one in given.context.warnings)


def test_events_have_no_dependents(given: Given) -> None:
    event = {
        "metadata": {"name": "e", "namespace": NAMESPACE},
        "involvedObject": {"kind": "Pod", "namespace": NAMESPACE, "name": "p"},
    }
    given.create("events", event)
    assert given.delete("events", "e", propagation="Foreground")[1]


def test_a_collection_goes_as_its_selector_says(given: Given) -> None:
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "1"}), ("c", {"x": "2"})):
        given.create("configmaps", config_map(name, labels=labels))
    row, namespace = given.split("configmaps")
    listed = given.rest.delete_collection(row, namespace, "x=1", "", DeleteOptions(), given.context)
    assert [one["metadata"]["name"] for one in listed.items] == ["a", "b"]
    left = given.rest.list(row, namespace).items
    assert [one["metadata"]["name"] for one in left] == ["c"]


# -- lists


def test_pages_lead_through_everything(given: Given) -> None:
    row, namespace = given.split("configmaps")
    for index in range(5):
        given.create("configmaps", config_map(f"c{index}"))
    first = given.rest.list(row, namespace, limit=2)
    assert first.remaining == 3
    given.create("configmaps", config_map("c9"))
    given.delete("configmaps", "c0")
    second = given.rest.list(row, namespace, limit=2, carry_on=first.carry_on)
    third = given.rest.list(row, namespace, limit=5, carry_on=second.carry_on)
    names = [one["metadata"]["name"] for page in (first, second, third) for one in page.items]
    assert names == ["c0", "c1", "c2", "c3", "c4", "c9"]
    assert {first.revision, second.revision, third.revision} == {first.revision}
    assert (third.carry_on, third.remaining) == ("", None)


def test_a_selector_hides_how_much_is_left(given: Given) -> None:
    row, namespace = given.split("configmaps")
    for index in range(3):
        given.create("configmaps", config_map(f"c{index}", labels={"x": "1"}))
    listed = given.rest.list(row, namespace, labels="x=1", limit=1)
    assert (len(listed.items), listed.remaining) == (1, None)
    assert listed.carry_on


LIST_OPTIONS = 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: '
REFUSED_LISTS = [
    (
        {"match": "Exact"},
        422,
        LIST_OPTIONS + "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
    ),
    (
        {"match": "Foo", "revision": "1"},
        422,
        LIST_OPTIONS + 'Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""',
    ),
    (
        {"match": "Exact", "revision": "0"},
        422,
        LIST_OPTIONS + 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ),
    (
        {"match": "Exact", "revision": "3", "carry_on": "abc"},
        422,
        LIST_OPTIONS + "Forbidden: resourceVersionMatch is forbidden when continue is provided",
    ),
    ({"match": "Exact", "revision": "1"}, 410, "The resourceVersion for the provided list is too old."),
    ({"revision": "99999"}, 504, "Timeout: Too large resource version: 99999, current: 2"),
    (
        {"revision": "abc"},
        400,
        'invalid resource version: resourceVersion: Invalid value: "abc": '
        'strconv.ParseUint: parsing "abc": invalid syntax',
    ),
    ({"carry_on": "abc"}, 400, "invalid continue token: continue key is not valid"),
    (
        {"carry_on": "abc", "revision": "3"},
        400,
        "specifying resource version is not allowed when using continue",
    ),
]


@pytest.mark.parametrize(("options", "code", "message"), REFUSED_LISTS)
def test_refused_lists(given: Given, options: Any, code: int, message: str) -> None:
    row, namespace = given.split("configmaps")
    with pytest.raises(ApiError) as caught:
        given.rest.list(row, namespace, **options)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize("options", [{}, {"revision": "0"}, {"revision": "1", "match": "NotOlderThan"}])
def test_lists_show_the_newest(given: Given, options: Any) -> None:
    row, namespace = given.split("configmaps")
    made = given.create("configmaps", config_map())
    listed = given.rest.list(row, namespace, **options)
    assert (listed.items, listed.revision) == ([made], made["metadata"]["resourceVersion"])
