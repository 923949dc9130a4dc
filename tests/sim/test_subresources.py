"""Scale, eviction, binding, finalize and approval; texts as a Kubernetes 1.34 server gives them."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab.sim.api import subresources
from lab.sim.api.context import User
from lab.sim.api.resources import ALL_VERBS, Custom, Object, Resource
from lab.sim.api.status import ApiError
from tests.sim.given import NAMESPACE, Given, deployment, pod

DEPLOYMENTS = "deployments.apps"


@pytest.fixture
def given() -> Given:
    return Given()


def get(given: Given, resource: str, name: str, subresource: str) -> Object:
    row, namespace = given.split(resource)
    return subresources.get(given.rest, row, namespace, name, subresource)


def post(given: Given, name: str, subresource: str, body: Object) -> Object:
    row, namespace = given.split("pods")
    return subresources.create(given.rest, row, namespace, name, subresource, body, given.context)


def put(given: Given, resource: str, name: str, subresource: str, body: Object) -> Object:
    row, namespace = given.split(resource)
    return subresources.update(given.rest, row, namespace, name, subresource, body, given.context)


def patch(given: Given, resource: str, name: str, subresource: str, body: Any, kind: str = "merge") -> Object:
    row, namespace = given.split(resource)
    return subresources.patch(given.rest, row, namespace, name, subresource, body, kind, given.context)


# -- scale


def test_a_scale_tells_of_its_object(given: Given) -> None:
    made = given.create(DEPLOYMENTS, deployment(3))
    given.patch(DEPLOYMENTS, "d", {"status": {"replicas": 2}}, "status")
    scale = get(given, DEPLOYMENTS, "d", "scale")
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["metadata"]["uid"] == made["metadata"]["uid"]
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 2, "selector": "a=b"})


def test_selectors_as_text(given: Given) -> None:
    made = deployment()
    made["spec"]["selector"]["matchExpressions"] = [
        {"key": "c", "operator": "In", "values": ["y", "x"]},
        {"key": "b", "operator": "Exists"},
        {"key": "d", "operator": "DoesNotExist"},
    ]
    made["spec"]["template"]["metadata"]["labels"] = {"a": "b", "b": "1", "c": "x"}
    given.create(DEPLOYMENTS, made)
    assert get(given, DEPLOYMENTS, "d", "scale")["status"]["selector"] == "a=b,b,c in (x,y),!d"


@pytest.mark.parametrize("kind", ["merge", "strategic", "json"])
def test_scaling_by_patch(given: Given, kind: str) -> None:
    given.create(DEPLOYMENTS, deployment(3))
    body: Any = {"spec": {"replicas": 5}}
    if kind == "json":
        body = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
    assert patch(given, DEPLOYMENTS, "d", "scale", body, kind)["spec"] == {"replicas": 5}
    now = given.get(DEPLOYMENTS, "d")
    assert (now["spec"]["replicas"], now["metadata"]["generation"]) == (5, 2)


def test_scaling_by_put(given: Given) -> None:
    given.create(DEPLOYMENTS, deployment(3))
    scale = get(given, DEPLOYMENTS, "d", "scale")
    assert put(given, DEPLOYMENTS, "d", "scale", {**scale, "spec": {"replicas": 0}})["spec"] == {}
    assert given.get(DEPLOYMENTS, "d")["spec"]["replicas"] == 0
    with pytest.raises(ApiError) as caught:
        put(given, DEPLOYMENTS, "d", "scale", {**scale, "spec": {"replicas": 2}})
    assert caught.value.code == 409


def applied(given: Given, kind: str, plural: str, **spec: Any) -> None:
    made = deployment(0)
    made["spec"] = {"selector": made["spec"]["selector"], "template": made["spec"]["template"], **spec}
    row, namespace = given.split(plural)
    whole = {"apiVersion": "apps/v1", "kind": kind, **made}
    given.rest.apply(row, namespace, "d", whole, replace(given.context, manager="applier"), False)


def scaled(given: Given, plural: str, replicas: int) -> dict[tuple[str, str], bool]:
    """Who owns what after scaling: (manager, subresource), and whether the replicas are among it."""
    patch(given, plural, "d", "scale", {"spec": {"replicas": replicas}})
    found = given.get(plural, "d")
    assert found["spec"]["replicas"] == replicas
    return {
        (one["manager"], one.get("subresource", "")): "f:replicas" in one["fieldsV1"].get("f:spec", {})
        for one in found["metadata"]["managedFields"]
    }


KINDS = pytest.mark.parametrize(
    ("kind", "plural", "more"),
    [("Deployment", DEPLOYMENTS, {}), ("StatefulSet", "statefulsets.apps", {"serviceName": "d"})],
)


@KINDS
def test_who_scales_takes_the_replicas_from_who_had_them(given: Given, kind: str, plural: str, more: Object) -> None:
    applied(given, kind, plural, replicas=2, **more)
    me = given.context.manager
    assert scaled(given, plural, 2) == {("applier", ""): True}
    assert scaled(given, plural, 3) == {("applier", ""): False, (me, "scale"): True}
    assert scaled(given, plural, 4) == {("applier", ""): False, (me, "scale"): True}


@KINDS
def test_replicas_scaled_to_nothing_are_nobody_s_ever_after(given: Given, kind: str, plural: str, more: Object) -> None:
    applied(given, kind, plural, replicas=2, **more)
    assert scaled(given, plural, 0) == {("applier", ""): False}
    assert scaled(given, plural, 1) == {("applier", ""): False}


def test_replicas_that_nobody_owns_stay_so(given: Given) -> None:
    applied(given, "Deployment", DEPLOYMENTS)
    assert scaled(given, DEPLOYMENTS, 3) == {("applier", ""): False}


async def test_the_client_scales_too(given: Given) -> None:
    given.create(DEPLOYMENTS, deployment(3))
    client = given.cluster.client()
    scaled = await client.patch(DEPLOYMENTS, NAMESPACE, "d", {"spec": {"replicas": 4}}, subresource="scale")
    assert (scaled["kind"], scaled["spec"]) == ("Scale", {"replicas": 4})


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        (
            {"replicas": -1},
            422,
            'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        ),
        (
            {"replicas": "3"},
            400,
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal string into Go struct field '
            "ScaleSpec.spec.replicas of type int32",
        ),
    ],
)
def test_refused_scales(given: Given, spec: Object, code: int, message: str) -> None:
    given.create(DEPLOYMENTS, deployment(3))
    with pytest.raises(ApiError) as caught:
        patch(given, DEPLOYMENTS, "d", "scale", {"spec": spec})
    assert (caught.value.code, caught.value.message) == (code, message)


def test_custom_resources_scale_where_their_definition_says(given: Given) -> None:
    paths = {
        "specReplicasPath": ".spec.size",
        "statusReplicasPath": ".status.ready",
        "labelSelectorPath": ".status.selector",
    }
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    row = Resource(
        "example.com",
        "v1",
        "fleets",
        "Fleet",
        "fleet",
        verbs=ALL_VERBS,
        subresources=frozenset(["scale", "status"]),
        storage="fleets.example.com",
        custom=Custom("fleets.example.com", schema, scale=paths),
    )
    given.rest.registry.add(row)
    for name, spec in (("f", {"size": 2}), ("g", {})):
        obj = {"apiVersion": "example.com/v1", "kind": "Fleet", "metadata": {"name": name}, "spec": spec}
        given.create("fleets.example.com", obj)
    given.patch("fleets.example.com", "f", {"status": {"ready": 1, "selector": "a=b"}}, "status")
    scale = patch(given, "fleets.example.com", "f", "scale", {"spec": {"replicas": 3}})
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 1, "selector": "a=b"})
    assert given.get("fleets.example.com", "f")["spec"] == {"size": 3}
    with pytest.raises(ApiError, match="should be a non-negative integer"):
        patch(given, "fleets.example.com", "f", "scale", {"spec": {"replicas": -3}})
    with pytest.raises(ApiError, match=r'the spec replicas field "\.spec\.size" does not exist'):
        get(given, "fleets.example.com", "g", "scale")


# -- eviction


def ready_pod(given: Given, ready: bool = True, phase: str = "Running") -> None:
    made = pod(nodeName="n1")
    made["metadata"]["labels"] = {"a": "b"}
    given.create("pods", made)
    conditions = [{"type": "Ready", "status": str(ready)}]
    given.patch("pods", "p", {"status": {"phase": phase, "conditions": conditions}}, "status")


def budget(given: Given, name: str = "b", policy: str = "", **status: Any) -> None:
    spec: Object = {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    if policy:
        spec["unhealthyPodEvictionPolicy"] = policy
    resource = "poddisruptionbudgets.policy"
    given.create(resource, {"metadata": {"name": name}, "spec": spec})
    counts = {"currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 1}
    given.patch(resource, name, {"status": {**counts, "observedGeneration": 1, **status}}, "status")


EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p", "namespace": NAMESPACE}}


def test_an_eviction_without_a_budget_is_a_deletion(given: Given) -> None:
    ready_pod(given)
    assert post(given, "p", "eviction", EVICTION)["status"] == "Success"
    going = given.get("pods", "p")
    assert going["metadata"]["deletionTimestamp"]
    reasons = [one.get("reason") for one in going["status"]["conditions"] if one["type"] == "DisruptionTarget"]
    assert reasons == ["EvictionByEvictionAPI"]


def test_a_budget_says_no(given: Given) -> None:
    ready_pod(given)
    budget(given)
    with pytest.raises(ApiError) as caught:
        post(given, "p", "eviction", EVICTION)
    assert (caught.value.code, caught.value.reason) == (429, "TooManyRequests")
    assert caught.value.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert caught.value.details is not None
    assert caught.value.details["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget b needs 1 healthy pods and has 1 currently",
        }
    ]
    assert "deletionTimestamp" not in given.get("pods", "p")["metadata"]


def test_a_budget_that_nobody_has_counted_yet_says_wait(given: Given) -> None:
    ready_pod(given)
    budget(given, observedGeneration=0, disruptionsAllowed=5)
    with pytest.raises(ApiError) as caught:
        post(given, "p", "eviction", EVICTION)
    assert (caught.value.code, caught.value.headers) == (429, {"Retry-After": "10"})


def test_an_eviction_uses_up_a_disruption(given: Given) -> None:
    ready_pod(given)
    budget(given, disruptionsAllowed=1)
    post(given, "p", "eviction", EVICTION)
    status = given.get("poddisruptionbudgets.policy", "b")["status"]
    assert status["disruptionsAllowed"] == 0
    assert list(status["disruptedPods"]) == ["p"]


@pytest.mark.parametrize(
    ("ready", "phase", "policy", "status"),
    [
        (True, "Pending", "", {}),
        (True, "Succeeded", "", {}),
        (False, "Running", "AlwaysAllow", {}),
        (False, "Running", "", {"currentHealthy": 2, "desiredHealthy": 2}),
    ],
)
def test_pods_no_budget_protects(given: Given, ready: bool, phase: str, policy: str, status: Object) -> None:
    ready_pod(given, ready, phase)
    budget(given, policy=policy, **status)
    assert post(given, "p", "eviction", EVICTION)["status"] == "Success"
    assert given.get("poddisruptionbudgets.policy", "b")["status"].get("disruptedPods") is None


def test_two_budgets_are_too_many(given: Given) -> None:
    ready_pod(given)
    budget(given, "a")
    budget(given, "b")
    with pytest.raises(ApiError) as caught:
        post(given, "p", "eviction", EVICTION)
    assert caught.value.code == 500
    assert caught.value.message == (
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    )


def test_an_eviction_only_tried(given: Given) -> None:
    ready_pod(given)
    budget(given, disruptionsAllowed=1)
    before = given.rest.store.revision
    post(given, "p", "eviction", {**EVICTION, "deleteOptions": {"dryRun": ["All"]}})
    assert given.rest.store.revision == before


# -- binding


def binding(node: str = "n1", **more: Any) -> Object:
    return {"metadata": {"name": "p", **more}, "target": {"kind": "Node", "name": node}}


def test_a_binding_gives_a_pod_its_node(given: Given) -> None:
    given.create("pods", pod())
    assert post(given, "p", "binding", binding())["status"] == "Success"
    bound = given.get("pods", "p")
    assert bound["spec"]["nodeName"] == "n1"
    assert [(one["type"], one["status"]) for one in bound["status"]["conditions"]] == [("PodScheduled", "True")]
    assert bound["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("spec", "body", "message"),
    [
        (
            {"nodeName": "n0"},
            binding(),
            'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n0"',
        ),
        (
            {"schedulingGates": [{"name": "a.b/c"}]},
            binding(),
            'Operation cannot be fulfilled on pods/binding "p": pod p has non-empty .spec.schedulingGates',
        ),
        ({}, binding(uid="other"), "Precondition failed: UID in precondition: other"),
        ({}, binding(""), 'Binding "p" is invalid: target.name: Required value'),
        ({}, {"metadata": {"name": "q"}}, "name in URL does not match name in Binding object"),
    ],
)
def test_refused_bindings(given: Given, spec: Object, body: Object, message: str) -> None:
    given.create("pods", pod(**spec))
    with pytest.raises(ApiError) as caught:
        post(given, "p", "binding", body)
    assert message in caught.value.message


# -- finalize and approval


def test_finalize_lets_a_namespace_go(given: Given) -> None:
    going, _ = given.delete("namespaces", NAMESPACE)
    put(given, "namespaces", NAMESPACE, "finalize", {**going, "spec": {"finalizers": []}})
    with pytest.raises(ApiError, match="not found"):
        given.get("namespaces", NAMESPACE)


CSR = "certificatesigningrequests.certificates.k8s.io"


def request(given: Given) -> Object:
    given.context.user = User("eve")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "eve")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    pem = base64.b64encode(signed.public_bytes(Encoding.PEM)).decode()
    spec = {"signerName": "example.com/c", "usages": ["client auth"], "request": pem}
    return given.create(CSR, {"metadata": {"name": "c"}, "spec": {**spec, "username": "admin"}})


def test_an_approval_changes_nothing_but_conditions(given: Given) -> None:
    held = request(given)
    condition = {"type": "Approved", "status": "True", "reason": "Fine"}
    status = {"conditions": [condition], "certificate": "eA=="}
    made = put(given, CSR, "c", "approval", {**held, "spec": {**held["spec"], "username": "adam"}, "status": status})
    assert made["spec"]["username"] == "eve"
    (decided,) = made["status"]["conditions"]
    assert decided["lastUpdateTime"] == decided["lastTransitionTime"]
    assert "certificate" not in made["status"]


def test_contradictory_decisions_are_refused(given: Given) -> None:
    held = request(given)
    conditions = [{"type": kind, "status": "True", "reason": "x"} for kind in ("Approved", "Denied")]
    with pytest.raises(ApiError, match="Approved and Denied conditions are mutually exclusive"):
        put(given, CSR, "c", "approval", {**held, "status": {"conditions": conditions}})


# -- what is not there


@pytest.mark.parametrize("subresource", ["portforward", "proxy", "attach"])
def test_what_is_not_simulated_says_so(given: Given, subresource: str) -> None:
    given.create("pods", pod())
    for call in (
        lambda: get(given, "pods", "p", subresource),
        lambda: post(given, "p", subresource, {}),
    ):
        with pytest.raises(ApiError, match=r"is not supported by the simulator: .*--provider kind") as caught:
            call()
        assert caught.value.code == 501


def test_what_may_only_be_written(given: Given) -> None:
    with pytest.raises(ApiError) as caught:
        get(given, "namespaces", NAMESPACE, "finalize")
    assert caught.value.code == 405
