"""Selectors select what a real API server selects, and refuse what it refuses, in its words.

The refusals' texts were taken from a Kubernetes 1.34 server.
"""

from __future__ import annotations

import pytest

from lab.sim.api import selectors
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Custom, Registry, Resource
from lab.sim.api.status import ApiError

REGISTRY = Registry.of(BUILT_IN)


def row(group: str, plural: str) -> Resource:
    found = REGISTRY.plural(group, plural)
    assert found is not None
    return found


def labelled(**labels: str) -> dict[str, object]:
    return {"metadata": {"name": "x", "labels": labels}}


SELECTED = [
    ("a", {"a": ""}, True),
    ("a", {}, False),
    ("!a", {}, True),
    ("!a", {"a": "1"}, False),
    ("! a", {"b": "1"}, True),
    ("a=1", {"a": "1"}, True),
    ("a==1", {"a": "2"}, False),
    ("a=", {"a": ""}, True),
    ("a=", {}, False),
    ("a!=1", {}, True),
    ("a!=1", {"a": "1"}, False),
    ("a in (1,2)", {"a": "2"}, True),
    ("a in (1,2)", {"a": "3"}, False),
    ("a in (1)", {"a": "1"}, True),
    ("a in ()", {"a": ""}, True),
    ("a in (,1)", {"a": ""}, True),
    ("a in (in)", {"a": "in"}, True),
    ("in=notin", {"in": "notin"}, True),
    ("a notin (1,2)", {"a": "2"}, False),
    ("a notin (1,2)", {}, True),
    ("a>5", {"a": "6"}, True),
    ("a>5", {"a": "5"}, False),
    ("a>5", {"a": "x"}, False),
    ("a<5", {"a": "-4"}, True),
    ("a<5", {}, False),
    ("a=1,b=2", {"a": "1", "b": "2"}, True),
    ("a=1,b=2", {"a": "1"}, False),
    (" a = 1 , !b", {"a": "1"}, True),
    ("example.com/a_b.c=x", {"example.com/a_b.c": "x"}, True),
]


@pytest.mark.parametrize(("text", "labels", "selected"), SELECTED)
def test_labels(text: str, labels: dict[str, str], selected: bool) -> None:
    matcher = selectors.labels(text)
    assert matcher is not None
    assert matcher(labelled(**labels)) is selected


def test_an_object_without_labels_is_no_trouble() -> None:
    matcher = selectors.labels("a!=1")
    assert matcher is not None
    assert matcher({"metadata": {"name": "x"}})
    assert matcher({"metadata": {"name": "x", "labels": None}})


@pytest.mark.parametrize("text", ["", "  "])
def test_no_requirement_selects_everything(text: str) -> None:
    assert selectors.labels(text) is None


REFUSED = [
    ("a=b,,c", "found ',', expected: identifier after ','"),
    ("a,", "found '', expected: identifier after ','"),
    (",", "found ',', expected: !, identifier, or 'end of string'"),
    ("=b", "found '=', expected: !, identifier, or 'end of string'"),
    ("()", "found '(', expected: !, identifier, or 'end of string'"),
    ("a=b c", "found 'c', expected: ',' or 'end of string'"),
    ("!a=b", "found '=', expected: ',' or 'end of string'"),
    ("a in (b,c))", "found ')', expected: ',' or 'end of string'"),
    ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
    ("a in b", "unable to parse requirement: found 'b' expected: '('"),
    ("a notin", "unable to parse requirement: found '' expected: '('"),
    ("a in (b,,)", "unable to parse requirement: found ')', expected: ',', or identifier"),
    ("a in (=", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
    ("!", "unable to parse requirement: found '', expected: identifier"),
    ("a=!x", "unable to parse requirement: found '!', expected: identifier"),
    ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
    (
        "a>x",
        'unable to parse requirement: values[0]: Invalid value: "x": '
        "for 'Gt', 'Lt' operators, the value must be an integer",
    ),
    (
        "a=" + "toolong" * 11,
        'unable to parse requirement: values[0][a]: Invalid value: "'
        + "toolong" * 11
        + '": must be no more than 63 characters',
    ),
    (
        "-a=b",
        'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric characters, '
        "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
        "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ),
    (
        "a in (b,-c)",
        'unable to parse requirement: values[0][a]: Invalid value: "-c": a valid label must be an empty string or '
        "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
        "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_bad_label_selectors(text: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.labels(text)
    assert (caught.value.code, caught.value.message) == (400, message)


LABEL_SELECTORS = [
    (None, {}, False),
    ({}, {"a": "1"}, True),
    ({"matchLabels": {"a": "1"}}, {"a": "1", "b": "2"}, True),
    ({"matchLabels": {"a": "1"}}, {"b": "2"}, False),
    ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, {"a": "1"}, True),
    ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}, {}, False),
    ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {}, True),
    ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
    ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
    ({"matchExpressions": [{"key": "a", "operator": "Near", "values": ["1"]}]}, {"a": "1"}, False),
    ({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "Exists"}]}, {"a": "1"}, False),
]


@pytest.mark.parametrize(("selector", "labels", "selected"), LABEL_SELECTORS)
def test_matches(selector: dict[str, object] | None, labels: dict[str, str], selected: bool) -> None:
    assert selectors.matches(selector, labels) is selected


POD = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"nodeName": "n1", "restartPolicy": "Always", "serviceAccountName": "default"},
    "status": {"phase": "Running", "podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}]},
}
EVENT = {
    "metadata": {"name": "web.1", "namespace": "shop"},
    "involvedObject": {"kind": "Pod", "name": "web", "uid": "u1"},
    "reason": "Started",
    "type": "Normal",
    "source": {"component": "kubelet"},
    "reportingComponent": "kubelet",
}
FIELDS = [
    (("", "pods"), POD, "metadata.name=web", True),
    (("", "pods"), POD, "metadata.name==web,metadata.namespace=shop,", True),
    (("", "pods"), POD, "metadata.name!=web", False),
    (("", "pods"), POD, "spec.nodeName=", False),
    (("", "pods"), POD, "status.phase!=Running,metadata.name=web", False),
    (("", "pods"), POD, "spec.hostNetwork=false", True),
    (("", "pods"), {**POD, "spec": {"hostNetwork": True}}, "spec.hostNetwork=true", True),
    (("", "pods"), POD, "status.podIP=10.0.0.9", True),
    (("", "pods"), POD, "status.nominatedNodeName=", True),
    (("", "events"), EVENT, "involvedObject.kind=Pod,involvedObject.name=web,involvedObject.uid=u1", True),
    (("", "events"), EVENT, "reason=Stopped", False),
    (("", "events"), EVENT, "source=kubelet,type=Normal", True),
    (("events.k8s.io", "events"), EVENT, "regarding.name=web,reportingController=kubelet", True),
    (("", "nodes"), {"metadata": {"name": "n"}, "spec": {}}, "spec.unschedulable=false", True),
    (("", "nodes"), {"metadata": {"name": "n"}, "spec": {"unschedulable": True}}, "spec.unschedulable!=true", False),
    (("", "namespaces"), {"metadata": {"name": "n"}, "status": {"phase": "Active"}}, "status.phase=Active", True),
    (("", "secrets"), {"metadata": {"name": "n"}, "type": "Opaque"}, "type=Opaque", True),
    (("", "services"), {"metadata": {"name": "n"}, "spec": {"clusterIP": "None"}}, "spec.clusterIP=None", True),
    (("batch", "jobs"), {"metadata": {"name": "n"}, "status": {"succeeded": 1}}, "status.successful=1", True),
    (("batch", "jobs"), {"metadata": {"name": "n"}}, "status.successful=0", True),
    (("apps", "deployments"), {"metadata": {"name": "a,b"}}, "metadata.name=a\\,b", True),
]


@pytest.mark.parametrize(("kind", "obj", "text", "selected"), FIELDS)
def test_fields(kind: tuple[str, str], obj: dict[str, object], text: str, selected: bool) -> None:
    matcher = selectors.fields(text, row(*kind))
    assert matcher is not None
    assert matcher(obj) is selected


FIELDS_REFUSED = [
    (("", "pods"), "foo=bar", "field label not supported: foo"),
    (("", "pods"), "=b", "field label not supported: "),
    (("", "nodes"), "metadata.namespace=x", "field label not supported: metadata.namespace"),
    (("events.k8s.io", "events"), "involvedObject.name=x", "field label not supported: involvedObject.name"),
    (("batch", "jobs"), "a=b", 'field label "a" not supported for Job'),
    (
        ("apps", "replicasets"),
        "status.replicas=1",
        '"status.replicas" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
    (("", "pods"), "metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    (("", "pods"), "a=b,,c", "invalid selector: 'a=b,,c'; can't understand 'c'"),
    (("", "pods"), "metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
    (("", "pods"), "metadata.name=a\\b", "invalid field selector: invalid escape sequence: \\b"),
    (("", "pods"), "metadata.name=a\\", "invalid field selector: invalid escape sequence: \\"),
]


@pytest.mark.parametrize(("kind", "text", "message"), FIELDS_REFUSED)
def test_bad_field_selectors(kind: tuple[str, str], text: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.fields(text, row(*kind))
    assert (caught.value.code, caught.value.message) == (400, message)


def test_custom_resources_offer_their_selectable_fields() -> None:
    shirts = Resource(
        "example.com",
        "v1",
        "shirts",
        "Shirt",
        "shirt",
        custom=Custom("shirts.example.com", {}, selectable=(".spec.color",)),
    )
    matcher = selectors.fields("spec.color=blue,metadata.namespace=a", shirts)
    assert matcher is not None
    assert matcher({"metadata": {"name": "s", "namespace": "a"}, "spec": {"color": "blue"}})
    assert not matcher({"metadata": {"name": "s", "namespace": "a"}, "spec": {}})
    with pytest.raises(ApiError, match=r"field label not supported: spec\.size"):
        selectors.fields("spec.size=XL", shirts)
