"""JSON patches and merge patches against a real cluster's answers, and what no sequence shows."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from lab.sim.api.patch import MAX_OPERATIONS, patched
from lab.sim.api.resources import Custom, Resource
from lab.sim.api.status import ApiError
from tests.sim.record_apply import DATA, REGISTRY, Case, cases, ownership, played, simulated

RECORDED = yaml.load((DATA / "patches.recorded.yaml").read_text(), yaml.CSafeLoader)
MAPS = REGISTRY.find("", "v1", "configmaps")
WIDGETS = Resource("x.y", "v1", "widgets", "Widget", "widget", custom=Custom("widgets.x.y", {"type": "object"}))


@pytest.mark.parametrize("case", [pytest.param(one, id=one.name) for one in cases(DATA / "patches.yaml")])
def test_a_patch_makes_what_a_real_cluster_makes_of_it(case: Case) -> None:
    for step, got, wanted in zip(case.steps, played(case, simulated()), RECORDED[case.name], strict=True):
        assert got == wanted, step
        assert ownership(got) == ownership(wanted), step


def test_a_json_patch_has_an_end() -> None:
    assert MAPS is not None
    one = {"op": "add", "path": "/data", "value": {}}
    assert patched(MAPS, {}, [one] * MAX_OPERATIONS, "json", 34) == {"data": {}}
    with pytest.raises(ApiError, match="operations in a JSON patch is 10000, got 10001") as refused:
        patched(MAPS, {}, [one] * (MAX_OPERATIONS + 1), "json", 34)
    assert (refused.value.code, refused.value.reason) == (413, "RequestEntityTooLarge")


def test_strategic_patches_are_not_for_custom_resources() -> None:
    with pytest.raises(ApiError) as refused:
        patched(WIDGETS, {}, {"spec": {}}, "strategic", 34)
    assert (refused.value.code, refused.value.reason) == (415, "UnsupportedMediaType")
    assert refused.value.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "foo"}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
    ],
)
def test_merge_patches_follow_rfc_7386(target: Any, patch: Any, result: Any) -> None:
    assert MAPS is not None
    before = repr((target, patch))
    assert patched(MAPS, target, patch, "merge", 34) == result
    assert repr((target, patch)) == before


@pytest.mark.parametrize("kind", ["json", "merge", "strategic"])
def test_the_object_stays_as_it_was(kind: str) -> None:
    assert MAPS is not None
    current = {"metadata": {"labels": {"a": "b"}, "finalizers": ["x.y/a"]}, "data": {"k": "v"}}
    before = repr(current)
    change: Any = {"metadata": {"labels": {"a": None}, "finalizers": ["x.y/b"]}, "data": {"k": "w"}}
    if kind == "json":
        change = [{"op": "remove", "path": "/metadata/labels/a"}, {"op": "add", "path": "/data/k", "value": "w"}]
    said = repr(change)
    made = patched(MAPS, current, change, kind, 34)
    assert made["data"] == {"k": "w"}
    assert repr(current) == before
    assert repr(change) == said
