"""Who may do what, compared with the answers a real cluster gave (`record_rbac.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.sim.api import bootstrap_policy
from lab.sim.api.context import Context, User
from lab.sim.api.status import ApiError
from tests.sim.guarded import Guarded, guarded
from tests.sim.record_rbac import GROUP, binding, digest, role, rule

RECORDED = orjson.loads((Path(__file__).parent / "data" / "rbac_cases.json").read_bytes())
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "simauth-rec"}}
ADMIN = User("kubernetes-admin", ("kubeadm:cluster-admins", "system:authenticated"))


@pytest.fixture(scope="module")
def recorded() -> Guarded:
    cluster = guarded()
    cluster.create(NAMESPACE)
    for obj in RECORDED["setup"]:
        cluster.create(orjson.loads(orjson.dumps(obj)))
    cluster.aggregate()
    return cluster


def _title(case: dict[str, Any]) -> str:
    spec = case["spec"]
    asked = spec.get("resourceAttributes") or spec["nonResourceAttributes"]
    return " ".join([spec["user"], *asked.values()])


@pytest.mark.parametrize("case", RECORDED["cases"], ids=_title)
def test_a_decision_and_its_reason_are_those_of_a_real_cluster(recorded: Guarded, case: dict[str, Any]) -> None:
    answer = recorded.review("SubjectAccessReview", case["spec"])
    assert answer["status"] == case["status"]


def test_the_roles_a_cluster_is_born_with_are_those_of_a_real_cluster() -> None:
    ours = dict(digest(obj) for _, obj in bootstrap_policy.objects())
    assert ours == RECORDED["policy"]


def test_clusters_share_the_rules_they_are_born_with() -> None:
    first, second = guarded(), guarded()
    row = first.row("clusterroles", GROUP)
    assert first.rest.get(row, "", "edit")["rules"] is second.rest.get(row, "", "edit")["rules"]


REFUSALS = [
    (
        ("list", "pods", "", "default", "", ""),
        'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"',
        {"kind": "pods"},
    ),
    (
        ("create", "pods", "", "x", "y", "exec"),
        'pods "y" is forbidden: User "x" cannot create resource "pods/exec" in API group "" in the namespace "x"',
        {"name": "y", "kind": "pods"},
    ),
    (
        ("list", "nodes", "", "", "", ""),
        'nodes is forbidden: User "x" cannot list resource "nodes" in API group "" at the cluster scope',
        {"kind": "nodes"},
    ),
    (
        ("get", "deployments", "apps", "a", "x", "scale"),
        'deployments.apps "x" is forbidden: User "x" cannot get resource "deployments/scale" in API group "apps" '
        'in the namespace "a"',
        {"name": "x", "group": "apps", "kind": "deployments"},
    ),
    (
        ("get", "namespaces", "", "", "a", ""),
        'namespaces "a" is forbidden: User "x" cannot get resource "namespaces" in API group "" in the namespace "a"',
        {"name": "a", "kind": "namespaces"},
    ),
]


@pytest.mark.parametrize(("asked", "text", "details"), REFUSALS, ids=[text[:40] for _, text, _ in REFUSALS])
def test_a_refusal_is_worded_as_the_server_words_it(asked: tuple[str, ...], text: str, details: dict[str, str]) -> None:
    cluster = guarded()
    verb, plural, group, namespace, name, subresource = asked
    with pytest.raises(ApiError) as refused:
        cluster.authorizer.check(User("x"), verb, cluster.row(plural, group), namespace, name, subresource)
    status = refused.value.status()
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert status["message"] == text
    assert status["details"] == details


def test_a_refused_path_has_empty_details() -> None:
    with pytest.raises(ApiError) as refused:
        guarded().authorizer.check_path(User("system:anonymous"), "get", "/foo/bar")
    status = refused.value.status()
    assert status["message"] == 'forbidden: User "system:anonymous" cannot get path "/foo/bar"'
    assert status["details"] == {}


def test_a_refusal_escapes_markup_and_names_roles_that_are_not_there() -> None:
    cluster = guarded()
    cluster.create(binding("a", "ClusterRole:gone", "User:<eva>"))
    cluster.create(binding("b", "Role:gone", "User:<eva>", namespace="default"))
    cluster.create(binding("c", "Role:gone", "User:<eva>", namespace="default"))
    with pytest.raises(ApiError) as refused:
        cluster.authorizer.check(User("<eva>"), "list", cluster.row("pods"), "default")
    assert refused.value.message == (
        'pods is forbidden: User "&lt;eva&gt;" cannot list resource "pods" in API group "" in the namespace "default": '
        f'RBAC: [clusterrole.{GROUP} "gone" not found, role.{GROUP} "gone" not found]'
    )


def test_decisions_follow_every_change_of_roles_and_bindings() -> None:
    cluster = guarded()
    user = User("ann")

    def may() -> bool:
        return cluster.authorizer.allowed(user, "get", "", "pods", "", "default", "x")[0]

    assert not may()
    cluster.create(role("r", rule("core", "pods", "get"), namespace="default"))
    assert not may()
    bound = cluster.create(binding("b", "Role:simauth-rec-r", "User:ann", "Group:all", namespace="default"))
    assert may()
    cluster.rest.store.put(
        f"roles.{GROUP}",
        "default",
        "simauth-rec-r",
        role("r", rule("core", "pods", "list"), namespace="default"),
    )
    assert not may()
    cluster.rest.store.remove(f"roles.{GROUP}", "default", "simauth-rec-r")
    assert cluster.authorizer.allowed(user, "get", "", "pods", "", "default", "x")[1].endswith("not found")
    cluster.create(role("r", rule("core", "pods", "get"), namespace="default"))
    assert may()
    cluster.rest.store.put(
        f"rolebindings.{GROUP}", "default", "simauth-rec-b", {**bound, "subjects": bound["subjects"][1:]}
    )
    assert not may()
    assert cluster.authorizer.allowed(User("x", ("all",)), "get", "", "pods", "", "default", "x")[0]
    cluster.rest.store.remove(f"rolebindings.{GROUP}", "default", "simauth-rec-b")
    assert not cluster.authorizer.allowed(User("x", ("all",)), "get", "", "pods", "", "default", "x")[0]


def test_bindings_that_were_there_before_count() -> None:
    cluster = guarded()
    cluster.create(binding("b", "ClusterRole:view", "User:ann", namespace="default"))
    again = type(cluster.authorizer)(cluster.rest)
    assert again.allowed(User("ann"), "list", "", "pods", "", "default", "")[0]


# -- aggregation


def test_an_aggregate_gathers_by_label_in_order_of_names_and_follows_what_it_is_made_of() -> None:
    cluster = guarded()
    assert cluster.aggregate() == set()
    feed = {f"{GROUP}/aggregate-to-view": "true"}
    cluster.create(role("things", rule("things.io", "things", "get list watch"), labels=feed))
    cluster.create(role("again", rule("things.io", "things", "get list watch"), labels=feed))
    assert cluster.aggregate() == {"view", "edit", "admin"}
    view = cluster.rest.get(cluster.row("clusterroles", GROUP), "", "view")
    assert [one for one in view["rules"] if "things.io" in one["apiGroups"]] == [view["rules"][0]]
    cluster.create(binding("b", "ClusterRole:edit", "User:ann", namespace="default"))
    assert cluster.authorizer.allowed(User("ann"), "get", "things.io", "things", "", "default", "x")[0]
    for name in ("simauth-rec-things", "simauth-rec-again"):
        cluster.rest.store.remove(f"clusterroles.{GROUP}", "", name)
    cluster.aggregate()
    assert not cluster.authorizer.allowed(User("ann"), "get", "things.io", "things", "", "default", "x")[0]


# -- escalation

EVA = User("eva", ("system:authenticated",))
HELD = 'user "eva" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'


@pytest.fixture
def escalating() -> Guarded:
    """`eva` is admin of `default` and may write ClusterRoles; one of her roles is not there."""
    cluster = guarded()
    cluster.create(binding("admin", "ClusterRole:admin", "User:eva", namespace="default"))
    cluster.create(role("writer", rule(GROUP, "clusterroles clusterrolebindings", "create update")))
    cluster.create(binding("writer", "ClusterRole:simauth-rec-writer", "User:eva"))
    return cluster


ESCALATIONS: list[tuple[dict[str, Any], str]] = [
    (
        role(
            "q",
            rule("core", "pods nodes", "get delete escalate"),
            rule("x", "a", "get delete", "n1 n2"),
            namespace="default",
        ),
        f'roles.{GROUP} "simauth-rec-q" is forbidden: {HELD}'
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "delete" "escalate"]}\n'
        '{APIGroups:[""], Resources:["pods"], Verbs:["escalate"]}\n'
        '{APIGroups:["x"], Resources:["a"], ResourceNames:["n1"], Verbs:["get" "delete"]}\n'
        '{APIGroups:["x"], Resources:["a"], ResourceNames:["n2"], Verbs:["get" "delete"]}',
    ),
    (role("q", rule("core", "pods", "get"), rule("apps", "deployments/scale", "update"), namespace="default"), ""),
    (
        binding("q", "ClusterRole:cluster-admin", "User:x", namespace="default"),
        f'rolebindings.{GROUP} "simauth-rec-q" is forbidden: {HELD}'
        '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
    ),
    (binding("q", "ClusterRole:view", "User:x", namespace="default"), ""),
    (binding("q", "ClusterRole:none", "User:x", namespace="default"), f'rolebindings.{GROUP} "none" not found'),
    (
        binding("q", "ClusterRole:view", "User:x"),
        f'clusterrolebindings.{GROUP} "simauth-rec-q" is forbidden: {HELD}{{APIGroups:[""], Resources:["bindings"], ',
    ),
    (role("q", {"nonResourceURLs": ["/healthz"], "verbs": ["get"]}), ""),
    (
        role("q", {"nonResourceURLs": ["/x", "/y*"], "verbs": ["get", "post"]}),
        f'clusterroles.{GROUP} "simauth-rec-q" is forbidden: {HELD}'
        '{NonResourceURLs:["/x"], Verbs:["get"]}\n{NonResourceURLs:["/x"], Verbs:["post"]}\n'
        '{NonResourceURLs:["/y*"], Verbs:["get"]}\n{NonResourceURLs:["/y*"], Verbs:["post"]}',
    ),
    (
        role("q", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}),
        f'clusterroles.{GROUP} "simauth-rec-q" is forbidden: '
        "must have cluster-admin privileges to use the aggregationRule",
    ),
]


@pytest.mark.parametrize(("obj", "text"), ESCALATIONS)
def test_nobody_grants_what_they_do_not_have(escalating: Guarded, obj: dict[str, Any], text: str) -> None:
    escalating.create(orjson.loads(orjson.dumps(obj)), ADMIN, name="by-admin")
    if not text:
        escalating.create(orjson.loads(orjson.dumps(obj)), EVA)
        return
    with pytest.raises(ApiError) as refused:
        escalating.create(orjson.loads(orjson.dumps(obj)), EVA)
    assert refused.value.message.startswith(text)


@pytest.mark.parametrize(
    ("verb", "plural", "obj"),
    [
        ("escalate", "roles", role("q", rule("core", "nodes", "get"), namespace="default")),
        ("bind", "clusterroles", binding("q", "ClusterRole:cluster-admin", "User:x", namespace="default")),
        ("bind", "clusterroles", binding("q", "ClusterRole:none", "User:x", namespace="default")),
    ],
)
def test_escalate_and_bind_lift_the_check(escalating: Guarded, verb: str, plural: str, obj: dict[str, Any]) -> None:
    escalating.create(role("lift", rule(GROUP, plural, verb)))
    escalating.create(binding("lift", "ClusterRole:simauth-rec-lift", "User:eva"))
    assert escalating.create(orjson.loads(orjson.dumps(obj)), EVA)["metadata"]["name"] == "simauth-rec-q"


def test_roles_that_are_not_there_are_told_with_an_escalation(escalating: Guarded) -> None:
    escalating.create(binding("gone", "Role:gone", "User:eva", namespace="default"))
    with pytest.raises(ApiError) as refused:
        escalating.create(role("q", rule("core", "nodes", "get"), namespace="default"), EVA)
    assert refused.value.message.endswith(f'; resolution errors: [roles.{GROUP} "gone" not found]')


def test_a_role_beyond_ones_own_may_lose_its_finalizers(escalating: Guarded) -> None:
    row = escalating.row("roles", GROUP)
    strong = role("strong", rule("*", "*", "*"), namespace="default")
    made = escalating.create(strong, ADMIN, finalizers=["lab.io/held"])
    context = Context(EVA, "tester")
    freed = orjson.loads(orjson.dumps(made))
    freed["metadata"]["finalizers"] = []
    after = escalating.rest.update(row, "default", "simauth-rec-strong", freed, context)
    assert not after["metadata"].get("finalizers")
    more = orjson.loads(orjson.dumps(after))
    more["rules"].append({"apiGroups": ["y"], "resources": ["z"], "verbs": ["get"]})
    with pytest.raises(ApiError) as refused:
        escalating.rest.update(row, "default", "simauth-rec-strong", more, context)
    assert refused.value.code == 403
