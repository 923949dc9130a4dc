"""Marks on objects, with the cases of Argo CD's `resource_tracking_test.go` and `state_test.go` among them."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd import tracking
from lab.sim.argocd.tracking import INSTALLATION_ID, LEGACY_LABEL, TRACKING_ID, Mark, Tracking, TrackingError
from lab.sim.objects import Object

LABEL = "app.kubernetes.io/instance"
ANNOTATION = Tracking()
BOTH = Tracking("annotation+label")
LABELS = Tracking("label")


def service(**metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "my-service", **metadata}}


def annotations(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("annotations", {})


def labels(obj: Object) -> dict[str, str]:
    return obj["metadata"].get("labels", {})


@pytest.mark.parametrize("way", [ANNOTATION, BOTH, LABELS, Tracking("no such method")])
def test_who_is_marked_is_read_again(way: Tracking) -> None:
    assert way.instance(way.marked(service(), "my-app", "shop")) == "my-app"


def test_the_annotation_holds_the_whole_mark() -> None:
    made = ANNOTATION.marked(service(namespace="default"), "my-app", "shop")
    assert annotations(made) == {TRACKING_ID: "my-app:/Service:default/my-service"}
    assert labels(made) == {}
    assert ANNOTATION.mark(made) == Mark("my-app", "", "Service", "default", "my-service")


def test_without_a_namespace_the_destination_s_stands_in() -> None:
    assert annotations(ANNOTATION.marked(service(), "a", "shop"))[TRACKING_ID] == "a:/Service:shop/my-service"


def test_the_original_stays_as_it_was() -> None:
    given = service(annotations={"a": "b"}, labels={"c": "d"})
    BOTH.marked(given, "my-app", "shop")
    BOTH.unmarked(BOTH.marked(given, "my-app", "shop"))
    assert given == service(annotations={"a": "b"}, labels={"c": "d"})


def test_labels_and_annotation() -> None:
    made = BOTH.marked(service(), "my-app", "shop")
    assert labels(made) == {LABEL: "my-app"}
    assert annotations(made) == {TRACKING_ID: "my-app:/Service:shop/my-service"}


LONG = "my-app-with-an-extremely-long-name-that-is-over-sixty-three-characters"


def test_a_label_beside_the_annotation_is_cut() -> None:
    assert labels(BOTH.marked(service(), LONG, ""))[LABEL] == LONG[:63].rstrip("-")
    assert BOTH.instance(BOTH.marked(service(), LONG, "")) == LONG


def test_a_label_alone_is_not_cut() -> None:
    assert labels(LABELS.marked(service(), LONG, ""))[LABEL] == LONG


@pytest.mark.parametrize(
    ("given", "cut"),
    [("a" * 63, "a" * 63), ("a" * 62 + "-b", "a" * 62), ("a" * 60 + "_._x", "a" * 60), ("short-", "short-")],
)
def test_cutting_ends_with_a_letter_or_digit(given: str, cut: str) -> None:
    assert tracking.truncated(given) == cut


def test_what_has_no_letter_cannot_be_cut() -> None:
    with pytest.raises(TrackingError) as caught:
        BOTH.marked(service(), "-" * 70, "")
    text = "failed to set app instance label: unable to truncate label to not end with a special character"
    assert str(caught.value) == text


def test_an_installation_is_set_and_asked_for() -> None:
    ours, theirs = Tracking(installation="ours"), Tracking(installation="theirs")
    made = ours.marked(service(), "my-app", "shop")
    assert annotations(made)[INSTALLATION_ID] == "ours"
    assert (ours.instance(made), theirs.instance(made), ANNOTATION.instance(made)) == ("my-app", "", "my-app")
    assert INSTALLATION_ID not in annotations(ANNOTATION.marked(made, "my-app", "shop"))


@pytest.mark.parametrize(
    "text", ["", "app", "app:group/Kind", "app:Kind:ns/name", "app:g/K:name", "app:g/K/x:ns/name", "app:g/K:ns/name/x"]
)
def test_what_is_no_mark(text: str) -> None:
    assert tracking.parse(text) is None
    assert ANNOTATION.instance(service(annotations={TRACKING_ID: text})) == ""


def test_a_mark_is_written_as_it_was_read() -> None:
    text = "team_app:networking.k8s.io/Ingress:ns/name"
    found = tracking.parse(text)
    assert found == Mark("team_app", "networking.k8s.io", "Ingress", "ns", "name")
    assert found.text() == text


@pytest.mark.parametrize("way", [ANNOTATION, BOTH, LABELS])
def test_unmarked_is_as_before(way: Tracking) -> None:
    given = service(annotations={"a": "b"}, labels={"c": "d"})
    assert way.unmarked(way.marked(given, "my-app", "shop")) == given
    assert way.unmarked(way.marked(service(), "my-app", "shop")) == service()


def test_the_old_label_marks_the_pods_too() -> None:
    old = Tracking("label", LEGACY_LABEL)
    pods = {"metadata": {"labels": {"app": "x"}}}
    given = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": pods}}
    made = old.marked(given, "my-app", "")
    assert made["spec"]["template"]["metadata"]["labels"] == {"app": "x", LEGACY_LABEL: "my-app"}
    assert "selector" not in made["spec"]
    assert pods == {"metadata": {"labels": {"app": "x"}}}


def test_the_old_label_stays_out_of_a_selector_that_would_be_made_of_it() -> None:
    pods = {"metadata": {"labels": {"app": "x"}}}
    given = {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": pods}}
    made = Tracking("label", LEGACY_LABEL).marked(given, "my-app", "")
    assert made["spec"]["selector"] == {"matchLabels": {"app": "x"}}


@pytest.mark.parametrize(
    ("metadata", "way", "text"),
    [
        (
            {"name": "a", "namespace": "n", "annotations": {"count": 1}},
            ANNOTATION,
            "failed to get annotations for /v1, Kind=Service n/a: .metadata.annotations accessor error: "
            'contains non-string value in the map under key "count": 1 is of the type int64, expected string',
        ),
        (
            {"name": "a", "labels": {"ready": True}},
            LABELS,
            "failed to set app instance label: failed to get labels from target object /v1, Kind=Service /a: "
            '.metadata.labels accessor error: contains non-string value in the map under key "ready": true is of the '
            "type bool, expected string",
        ),
        (
            {"name": "a", "annotations": "none"},
            ANNOTATION,
            "failed to get annotations for /v1, Kind=Service /a: .metadata.annotations accessor error: "
            "none is of the type string, expected map[string]interface {}",
        ),
    ],
)
def test_what_cannot_be_marked(metadata: Object, way: Tracking, text: str) -> None:
    with pytest.raises(TrackingError) as caught:
        way.marked({"apiVersion": "v1", "kind": "Service", "metadata": metadata}, "my-app", "")
    assert str(caught.value) == text


@pytest.mark.parametrize("metadata", [None, {}, {"annotations": None}])
def test_nothing_is_no_obstacle(metadata: Object | None) -> None:
    made = ANNOTATION.marked({"apiVersion": "v1", "kind": "Service", "metadata": metadata}, "a", "ns")
    assert annotations(made) == {TRACKING_ID: "a:/Service:ns/"}


MARKED = "my-app:/Service:default/my-service"


@pytest.mark.parametrize(
    ("target", "live", "normal"),
    [
        pytest.param(
            service(annotations={TRACKING_ID: MARKED}),
            service(labels={LABEL: "my-app"}),
            service(annotations={TRACKING_ID: MARKED}, labels={}),
            id="moved from labels to annotations",
        ),
        pytest.param(
            service(annotations={TRACKING_ID: MARKED}, labels={LABEL: "chart"}),
            service(labels={LABEL: "chart"}),
            service(annotations={TRACKING_ID: MARKED}, labels={LABEL: "chart"}),
            id="a chart's own label stays",
        ),
        pytest.param(
            service(annotations={TRACKING_ID: MARKED}, labels={LABEL: "x"}),
            service(annotations={TRACKING_ID: "other:/Service:default/my-service"}, labels={LABEL: "x"}),
            service(annotations={TRACKING_ID: "other:/Service:default/my-service"}, labels={LABEL: "x"}),
            id="somebody else's mark stays",
        ),
        pytest.param(service(annotations={TRACKING_ID: MARKED}), service(), service(), id="no label"),
    ],
)
def test_a_change_of_method_makes_no_difference(target: Object, live: Object, normal: Object) -> None:
    found = ANNOTATION.normalized(target, live)
    assert found is not None
    assert annotations(found) == annotations(normal)
    assert labels(found) == labels(normal)
    assert LABELS.normalized(target, live) is live


def test_definitions_are_left_alone() -> None:
    live = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "a.b", "labels": {LABEL: "x"}},
    }
    assert ANNOTATION.normalized(service(), live) is live


@pytest.mark.parametrize(
    ("live", "target", "mine"),
    [
        (service(namespace="default"), service(namespace="default"), True),
        (service(namespace="default"), service(namespace="other"), False),
        (service(), service(namespace="other"), True),
        (service(namespace="default", annotations={TRACKING_ID: MARKED}), None, True),
        (service(namespace="default", annotations={TRACKING_ID: "my-app:/Service:default/other"}), None, False),
        (
            service(namespace="default", annotations={TRACKING_ID: "my-app:apps/Service:default/my-service"}),
            None,
            False,
        ),
        (service(namespace="default", annotations={TRACKING_ID: "my-app:/Pod:default/my-service"}), None, False),
        (service(namespace="default", annotations={TRACKING_ID: "my-app:/Service:x/my-service"}), None, False),
        (service(annotations={TRACKING_ID: "my-app:/Service:x/my-service"}), None, True),
        (service(namespace="default"), None, True),
        (None, service(), True),
    ],
)
def test_whether_an_object_is_the_one_it_is_marked_as(live: Object | None, target: Object | None, mine: bool) -> None:
    assert ANNOTATION.names_itself(live, target, "my-app") is mine
    assert LABELS.names_itself(live, target, "my-app") is True
