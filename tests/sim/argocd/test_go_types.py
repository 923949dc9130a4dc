"""Specs as Go's types write them."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd import go_types
from lab.sim.argocd.go_types import DecodeError, normalized, written

EMPTY = {"destination": {}, "project": ""}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, EMPTY),
        ({"unknown": 1, "info": [], "syncPolicy": None}, EMPTY),
        ({"syncPolicy": {}}, {**EMPTY, "syncPolicy": {}}),
        ({"syncPolicy": {"automated": {"prune": False}}}, {**EMPTY, "syncPolicy": {"automated": {"prune": False}}}),
        ({"syncPolicy": {"retry": {"limit": 0}}}, {**EMPTY, "syncPolicy": {"retry": {}}}),
        ({"revisionHistoryLimit": 0}, {**EMPTY, "revisionHistoryLimit": 0}),
        ({"revisionHistoryLimit": 3.0}, {**EMPTY, "revisionHistoryLimit": 3}),
        ({"source": {"path": ""}}, {**EMPTY, "source": {"repoURL": ""}}),
        ({"source": {"directory": {"jsonnet": {}}}}, {**EMPTY, "source": {"repoURL": "", "directory": {}}}),
        (
            {"source": {"plugin": {"parameters": [{"name": "a", "array": []}, {"string": ""}]}}},
            {
                **EMPTY,
                "source": {
                    "repoURL": "",
                    "plugin": {"parameters": [{"name": "a", "array": []}, {"name": "", "string": ""}]},
                },
            },
        ),
        (
            {"source": {"helm": {"valuesObject": {"a": None, "b": []}}}},
            {**EMPTY, "source": {"repoURL": "", "helm": {"valuesObject": {"a": None, "b": []}}}},
        ),
    ],
)
def test_written(given: Any, expected: Any) -> None:
    assert written(given) == expected


NOTHING = {"metadata": {}, "spec": EMPTY}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"clusters": {}}, {"clusters": {"selector": {}, "template": NOTHING}}),
        ({"list": {"elements": [{"a": None}]}}, {"list": {"elements": [{"a": None}], "template": NOTHING}}),
        ({"list": {"elementsYaml": "x"}}, {"list": {"elements": None, "elementsYaml": "x", "template": NOTHING}}),
        (
            {"git": {"repoURL": "r", "files": [{"path": "a", "exclude": False}], "requeueAfterSeconds": 0}},
            {
                "git": {
                    "repoURL": "r",
                    "revision": "",
                    "files": [{"path": "a"}],
                    "requeueAfterSeconds": 0,
                    "template": NOTHING,
                }
            },
        ),
        (
            {"matrix": {"generators": [{"clusters": {}}, {"merge": {"generators": [{"clusters": {}}]}}]}},
            {
                "matrix": {
                    "generators": [
                        {"clusters": {"selector": {}, "template": NOTHING}},
                        {"merge": {"generators": [{"clusters": {}}]}},
                    ],
                    "template": NOTHING,
                }
            },
        ),
        (
            {"plugin": {"configMapRef": {"name": "p"}}, "selector": {}},
            {"plugin": {"configMapRef": {"name": "p"}, "input": {}, "template": NOTHING}, "selector": {}},
        ),
        (
            {"pullRequest": {"gitea": {"owner": "o", "repo": "r", "api": "a", "insecure": False}, "filters": []}},
            {"pullRequest": {"gitea": {"owner": "o", "repo": "r", "api": "a"}, "template": NOTHING}},
        ),
    ],
)
def test_generators_are_written_with_their_empty_blocks(given: Any, expected: Any) -> None:
    spec = {"goTemplate": False, "generators": [given], "template": {"spec": {"project": "p"}}, "syncPolicy": {}}
    assert written(spec, "ApplicationSetSpec") == {
        "generators": [expected],
        "template": {"metadata": {}, "spec": {"destination": {}, "project": "p"}},
        "syncPolicy": {},
    }


def test_every_type_that_a_field_names_is_known() -> None:
    simple = {"", "s", "i", "b"}
    named = {field.type.lstrip("*[]{}") for fields in go_types._TABLE.values() for field in fields.values()}
    assert named - simple <= go_types._TABLE.keys()
    assert set(go_types._TABLE) - named == {"Application", "ApplicationSetSpec"}


def test_blocks_that_say_nothing_go() -> None:
    source = {
        "repoURL": "r",
        "helm": {"values": ""},
        "kustomize": {"forceCommonLabels": True},
        "directory": {"recurse": False, "include": "*.yaml"},
    }
    assert normalized({"source": source, "syncPolicy": {"syncOptions": []}}) == {
        "project": "default",
        "destination": {},
        "source": {"repoURL": "r", "directory": {"include": "*.yaml"}},
    }
    assert normalized({"sources": [source, {"repoURL": "x", "kustomize": {"images": ["a"]}}]})["sources"] == [
        {"repoURL": "r", "directory": {"include": "*.yaml"}},
        {"repoURL": "x", "kustomize": {"images": ["a"]}},
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"project": 1}, "number into Go struct field ApplicationSpec.project of type string"),
        ({"source": []}, "array into Go struct field ApplicationSpec.source of type v1alpha1.ApplicationSource"),
        (
            {"sources": {"a": 1}},
            "object into Go struct field ApplicationSpec.sources of type []v1alpha1.ApplicationSource",
        ),
        (
            {"revisionHistoryLimit": 1.5},
            "number 1.5 into Go struct field ApplicationSpec.revisionHistoryLimit of type int64",
        ),
        ("text", "string into Go value of type v1alpha1.ApplicationSpec"),
    ],
)
def test_what_cannot_be_decoded(given: Any, message: str) -> None:
    with pytest.raises(DecodeError) as refused:
        written(given)
    assert str(refused.value) == f"json: cannot unmarshal {message}"
