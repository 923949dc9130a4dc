"""Specs as Go's types write them."""

from __future__ import annotations

from typing import Any

import pytest

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
