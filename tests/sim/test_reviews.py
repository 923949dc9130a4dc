"""Reviews and token requests: what is answered and never stored. Texts are those of a real 1.34 cluster."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from lab.sim.api import reviews
from lab.sim.api.context import User
from lab.sim.api.status import ApiError
from lab.sim.api.tokens import ISSUER
from tests.sim.guarded import Guarded, guarded
from tests.sim.record_rbac import binding, role, rule

Object = dict[str, Any]
ADMIN = User("kubernetes-admin", ("kubeadm:cluster-admins", "system:authenticated"), "", (("a.io/id", ("X=1",)),))
INVALID = '.authorization.k8s.io "" is invalid: '
ONE_OF = (
    "spec.resourceAttributes: Invalid value: null: "
    "exactly one of nonResourceAttributes or resourceAttributes must be specified"
)
PATH = {"path": "/x", "verb": "get"}
PODS = {"verb": "get", "resource": "pods"}
VALUES = "Required value: must be specified when `operator` is 'In' or 'NotIn'"


def test_whoami() -> None:
    answer = guarded().review("SelfSubjectReview", None, ADMIN)
    assert answer["status"]["userInfo"] == {
        "username": "kubernetes-admin",
        "groups": ["kubeadm:cluster-admins", "system:authenticated"],
        "extra": {"a.io/id": ["X=1"]},
    }
    assert (answer["kind"], list(answer["metadata"])) == ("SelfSubjectReview", ["creationTimestamp"])


def test_can_i() -> None:
    cluster = guarded()
    answer = cluster.review("SelfSubjectAccessReview", {"nonResourceAttributes": PATH}, ADMIN)
    assert answer["kind"] == "SelfSubjectAccessReview"
    assert answer["spec"] == {"nonResourceAttributes": PATH}
    assert answer["status"] == {
        "allowed": True,
        "reason": 'RBAC: allowed by ClusterRoleBinding "kubeadm:cluster-admins" of ClusterRole "cluster-admin" '
        'to Group "kubeadm:cluster-admins"',
    }
    asked = {"resourceAttributes": PODS}
    assert cluster.review("SelfSubjectAccessReview", asked, User("bob"))["status"] == {"allowed": False}


def test_can_i_list() -> None:
    cluster = guarded()
    cluster.create(role("r", rule("core", "configmaps", "get", "one"), namespace="default"))
    cluster.create(binding("r", "Role:simauth-rec-r", "User:bob", namespace="default"))
    cluster.create(binding("gone", "Role:gone", "User:bob", namespace="default"))
    bob = User("bob", ("system:authenticated",))
    answer = cluster.review("SelfSubjectRulesReview", {"namespace": "default"}, bob)
    assert answer["status"] == {
        "resourceRules": [
            {
                "verbs": ["create"],
                "apiGroups": ["authorization.k8s.io"],
                "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            },
            {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
            {"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"]},
        ],
        "nonResourceRules": [
            {
                "verbs": ["get"],
                "nonResourceURLs": [
                    *("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*"),
                    *("/readyz", "/version", "/version/"),
                ],
            },
            {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"]},
        ],
        "incomplete": False,
        "evaluationError": 'role.rbac.authorization.k8s.io "gone" not found',
    }
    elsewhere = cluster.review("SelfSubjectRulesReview", {"namespace": "kube-system"}, bob)["status"]
    assert len(elsewhere["resourceRules"]) == 2


def test_a_local_review_asks_in_its_namespace() -> None:
    cluster = guarded()
    cluster.create(binding("v", "ClusterRole:view", "User:bob", namespace="default"))
    spec = {"user": "bob", "resourceAttributes": {**PODS, "namespace": "default"}}
    answer = cluster.review("LocalSubjectAccessReview", spec, ADMIN)
    assert answer["metadata"] == {"namespace": "default"}
    assert answer["status"]["allowed"] is True


SELECTORS = {
    "verb": "get",
    "fieldSelector": {},
    "labelSelector": {"rawSelector": "a=b", "requirements": [{"key": "a", "operator": "Exists"}]},
}
WRONG: list[tuple[str, Object, Object, str]] = [
    ("SelfSubjectAccessReview", {}, {}, INVALID + ONE_OF),
    (
        "SubjectAccessReview",
        {},
        {"name": "x"},
        f'{INVALID}[{ONE_OF}, spec.user: Invalid value: "": at least one of user or group must be specified, '
        'metadata: Invalid value: {"name":"x"}: must be empty]',
    ),
    (
        "SubjectAccessReview",
        {"user": "x", "resourceAttributes": SELECTORS, "nonResourceAttributes": PATH},
        {},
        f'{INVALID}[spec.nonResourceAttributes: Invalid value: {{"Path":"/x","Verb":"get"}}: '
        "cannot be specified in combination with resourceAttributes, "
        "spec.resourceAttributes.fieldSelector.requirements: Required value: when "
        "spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required, "
        'spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a=b": '
        "may not specified at the same time as requirements]",
    ),
    (
        "SubjectAccessReview",
        {
            "user": "x",
            "resourceAttributes": {
                **PODS,
                "fieldSelector": {"requirements": [{"key": "a", "operator": "In"}]},
                "labelSelector": {"requirements": [{"key": "a b", "operator": "In"}]},
            },
        },
        {},
        f"{INVALID}[spec.resourceAttributes.fieldSelector.requirements[0].values: {VALUES}, "
        f"spec.resourceAttributes.labelSelector.requirements[0].values: {VALUES}, "
        'spec.resourceAttributes.labelSelector.requirements[0].key: Invalid value: "a b": name part must consist of '
        "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
        "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')]",
    ),
    (
        "LocalSubjectAccessReview",
        {"user": "x", "nonResourceAttributes": {"path": "/x"}},
        {},
        f'{INVALID}spec.nonResourceAttributes: Invalid value: {{"Path":"/x","Verb":""}}: '
        "disallowed on this kind of request",
    ),
    (
        "LocalSubjectAccessReview",
        {"user": "x", "resourceAttributes": PODS},
        {},
        f'{INVALID}spec.resourceAttributes.namespace: Invalid value: "": must match metadata.namespace',
    ),
    (
        "LocalSubjectAccessReview",
        {"user": "x", "resourceAttributes": {**PODS, "namespace": "default"}},
        {"name": "x"},
        f'{INVALID}metadata: Invalid value: {{"name":"x","namespace":"default"}}: must be empty except for namespace',
    ),
    (
        "LocalSubjectAccessReview",
        {"user": "x", "resourceAttributes": PODS},
        {"namespace": "y"},
        "the namespace of the provided object does not match the namespace sent on the request",
    ),
    ("SelfSubjectRulesReview", {"namespace": ""}, {}, "no namespace on request"),
    ("TokenReview", {"token": ""}, {}, "token is required for TokenReview in authentication"),
]


@pytest.mark.parametrize(("kind", "spec", "metadata", "text"), WRONG)
def test_what_a_review_is_refused_for(kind: str, spec: Object, metadata: Object, text: str) -> None:
    with pytest.raises(ApiError) as refused:
        guarded().review(kind, spec, ADMIN, metadata=metadata)
    assert refused.value.message == text
    assert refused.value.code == (422 if text.startswith(INVALID) else 400)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (
            {
                "fieldSelector": {"rawSelector": "metadata.name=a,b!=c\\,d"},
                "labelSelector": {"rawSelector": "a in (b)"},
            },
            "",
        ),
        (
            {
                "fieldSelector": {"rawSelector": "a==="},
                "labelSelector": {"requirements": [{"key": "a", "operator": "Foo"}]},
            },
            "spec.resourceAttributes.fieldSelector ignored due to parse error; "
            "spec.resourceAttributes.labelSelector ignored due to parse error",
        ),
        (
            {"labelSelector": {"requirements": [{"key": "a", "operator": "Foo"}, {"key": "b", "operator": "Exists"}]}},
            "spec.resourceAttributes.labelSelector partially ignored due to parse error",
        ),
        (
            {"fieldSelector": {"rawSelector": "nonsense"}},
            "spec.resourceAttributes.fieldSelector ignored due to parse error",
        ),
    ],
)
def test_selectors_that_make_no_sense_are_told(asked: Object, error: str) -> None:
    spec = {"user": "a", "resourceAttributes": {**PODS, **asked}}
    assert guarded().review("SubjectAccessReview", spec)["status"].get("evaluationError", "") == error


@pytest.mark.parametrize(
    "body",
    [
        {"spec": 5},
        {"spec": {"user": 7, "resourceAttributes": PODS}},
        {"spec": {"groups": "x", "resourceAttributes": PODS}},
        {"spec": {"user": "x", "resourceAttributes": []}},
        {"spec": {"user": "x", "extra": {"a": "b"}, "resourceAttributes": PODS}},
        {"metadata": 3},
        {"kind": "Pod", "apiVersion": "v1"},
        {"kind": 3, "apiVersion": ["x"]},
    ],
)
def test_a_review_of_wrong_types_is_a_bad_request(body: Object) -> None:
    with pytest.raises(ApiError) as refused:
        guarded().review("SubjectAccessReview", **body)
    assert refused.value.code == 400


# -- tokens


def ask(cluster: Guarded, name: str = "bot", **body: Any) -> Object:
    row = cluster.row("serviceaccounts")
    args = (cluster.rest, cluster.authorizer, cluster.tokens, row, "default", name, "token", body, ADMIN)
    return reviews.create(*args)


def test_a_token_review_tells_whose_a_token_is() -> None:
    cluster = guarded()
    token = cluster.tokens.issue(cluster.account("bot"), audiences=["foo"])
    status = cluster.review("TokenReview", {"token": token, "audiences": ["foo", "bar"]})["status"]
    identifier = status["user"]["extra"].pop("authentication.kubernetes.io/credential-id")
    assert identifier[0].startswith("JTI=")
    assert status == {
        "authenticated": True,
        "audiences": ["foo"],
        "user": {
            "username": "system:serviceaccount:default:bot",
            "uid": "uid-bot",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
            "extra": {},
        },
    }
    assert cluster.review("TokenReview", {"token": token})["status"] == {
        "user": {},
        "error": f'[invalid bearer token, token audiences ["foo"] is invalid for the target audiences ["{ISSUER}"]]',
    }
    assert cluster.review("TokenReview", {"token": "abc"})["status"] == {"user": {}, "error": "invalid bearer token"}


def test_a_token_request_is_answered_with_a_token_that_works() -> None:
    cluster = guarded()
    cluster.account("bot")
    answer = ask(cluster, spec={"expirationSeconds": 7200})
    status = answer.pop("status")
    assert answer == {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": "bot",
            "namespace": "default",
            "uid": "uid-bot",
            "creationTimestamp": "2027-01-15T08:00:00Z",
        },
        "spec": {"audiences": [ISSUER], "expirationSeconds": 7200, "boundObjectRef": None},
    }
    assert status["expirationTimestamp"] == "2027-01-15T10:00:00Z"
    assert cluster.tokens.verify(status["token"]).user.uid == "uid-bot"
    assert ask(cluster)["spec"]["expirationSeconds"] == 3600


async def test_a_pods_projected_token_works_for_a_year() -> None:
    cluster = guarded()
    cluster.account("bot")
    cluster.put("pods", "default", "p", spec={"serviceAccountName": "bot", "nodeName": "n"})
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "uid-of-p"}
    answer = ask(cluster, spec={"expirationSeconds": 3607, "boundObjectRef": reference})
    claims = jwt.decode(answer["status"]["token"], options={"verify_signature": False})
    now = int(cluster.clock.now())
    assert (claims["exp"], claims["kubernetes.io"]["warnafter"]) == (now + 365 * 86_400, now + 3607)
    assert claims["kubernetes.io"]["node"] == {"name": "n"}
    assert answer["status"]["expirationTimestamp"] == "2027-01-15T09:00:07Z"
    await cluster.clock.advance(86_400)
    cluster.tokens.verify(answer["status"]["token"])


def bound(kind: str, api_version: str = "v1", **more: str) -> Object:
    return {"spec": {"boundObjectRef": {"kind": kind, "apiVersion": api_version, "name": "x", **more}}}


@pytest.mark.parametrize(
    "body",
    [
        {"spec": {"expirationSeconds": "600"}},
        {"spec": {"audiences": "x"}},
        {"spec": {"audiences": [1]}},
        {"spec": {"boundObjectRef": ["x"]}},
        {"metadata": {"name": ["bot"]}},
    ],
)
def test_a_token_request_of_wrong_types_is_a_bad_request(body: Object) -> None:
    cluster = guarded()
    cluster.account("bot")
    with pytest.raises(ApiError) as refused:
        ask(cluster, **body)
    assert refused.value.code == 400


REQUEST = 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: '
SHORT = "may not specify a duration less than 10 minutes"
CONFLICT = "Operation cannot be fulfilled on "


@pytest.mark.parametrize(
    ("name", "body", "code", "text"),
    [
        ("bot", {"spec": {"expirationSeconds": 60}}, 422, f"{REQUEST}60: {SHORT}"),
        ("bot", {"spec": {"expirationSeconds": 0}}, 422, f"{REQUEST}0: {SHORT}"),
        ("bot", {"spec": {"expirationSeconds": 6 * 10**12}}, 422,
         f"{REQUEST}6000000000000: may not specify a duration larger than 2^32 seconds"),
        ("nobody", {}, 404, 'serviceaccounts "nobody" not found'),
        ("bot", {"metadata": {"name": "q"}}, 422, 'TokenRequest.authentication.k8s.io "bot" is invalid: metadata.name: '
         'Invalid value: "q": must match the service account name if specified'),
        ("bot", {"metadata": {"namespace": "q"}}, 400,
         "the namespace of the provided object does not match the namespace sent on the request"),
        ("bot", {"metadata": {"uid": "q"}}, 409, f'{CONFLICT}TokenRequest.authentication.k8s.io "bot": '
         "the UID in the token request (q) does not match the UID of the service account (uid-bot)"),
        ("bot", bound("ConfigMap"), 400, "cannot bind token to object of type /v1, Kind=ConfigMap"),
        ("bot", bound("Deployment", "apps/v1"), 400, "cannot bind token to object of type apps/v1, Kind=Deployment"),
        ("bot", {"spec": {"boundObjectRef": {}}}, 400, "cannot bind token to object of type /, Kind="),
        ("bot", bound("Pod"), 404, 'pods "x" not found'),
        ("bot", bound("Secret"), 404, 'secrets "x" not found'),
        ("bot", bound("Node"), 404, 'nodes "x" not found'),
        ("bot", bound("Secret", name="s", uid="z"), 409, f'{CONFLICT}Secret "s": the UID in the bound object '
         "reference (z) does not match the UID in record. The object might have been deleted and then recreated"),
        ("bot", bound("Pod", name="p"), 400,
         'cannot bind token for serviceaccount "bot" to pod running with different serviceaccount name.'),
        ("bot", {"kind": "Foo", "apiVersion": "v1"}, 400, 'Foo in version "v1" cannot be handled as a TokenRequest: '
         'no kind "Foo" is registered for version "v1" in scheme "pkg/runtime/scheme.go:110"'),
    ],
)  # fmt: skip
def test_what_a_token_request_is_refused_for(name: str, body: Object, code: int, text: str) -> None:
    cluster = guarded()
    cluster.account("bot")
    cluster.put("secrets", "default", "s")
    cluster.put("pods", "default", "p", spec={"serviceAccountName": "other"})
    with pytest.raises(ApiError) as refused:
        ask(cluster, name, **body)
    assert (refused.value.code, refused.value.message) == (code, text)
