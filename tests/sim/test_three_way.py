"""The patches of `kubectl apply`: those that Kubernetes' own library makes of the same manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.sim.api import types
from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.patch.three_way import PatchError, merge_patch, same, strategic_patch
from lab.sim.api.resources import Registry

_KNOWN = Registry.of(BUILT_IN)
_CASES = [orjson.loads(line) for line in (Path(__file__).parent / "data" / "three_way.jsonl").read_bytes().splitlines()]


def _patch(case: dict[str, Any]) -> dict[str, Any]:
    row = _KNOWN.kind(case["modified"]["apiVersion"], case["modified"]["kind"])
    given = case["original"], case["modified"], case["current"]
    return merge_patch(*given) if row is None else strategic_patch(*given, types.of(row, 34))


@pytest.mark.parametrize("case", _CASES, ids=[f"{n} {one['modified']['kind']}" for n, one in enumerate(_CASES)])
def test_patches_are_those_of_kubernetes(case: dict[str, Any]) -> None:
    before = orjson.dumps(case)
    if "error" in case:
        with pytest.raises(PatchError) as refused:
            _patch(case)
        assert str(refused.value) == case["error"]
    else:
        assert same(_patch(case), case["patch"])
    assert orjson.dumps(case) == before, "nothing given is changed"


def test_the_cases_are_of_all_sorts() -> None:
    text = b"".join(orjson.dumps(one.get("patch", {})) for one in _CASES)
    for directive in (
        b"$setElementOrder/",
        b"$retainKeys",
        b"$deleteFromPrimitiveList/",
        b'"$patch":"delete"',
        b":null",
    ):
        assert directive in text
    assert any("error" in one for one in _CASES)
    assert any(one.get("patch") == {} for one in _CASES)


def test_a_field_the_kind_does_not_have_cannot_be_changed() -> None:
    def deployment(size: int) -> dict[str, Any]:
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {"odd": {"size": size}}}

    row = _KNOWN.kind("apps/v1", "Deployment")
    assert row is not None
    shape = types.of(row, 34)
    assert strategic_patch(deployment(1), deployment(1), {"spec": {}}, shape)["spec"] == {"odd": {"size": 1}}
    with pytest.raises(PatchError, match='unable to find api field in struct DeploymentSpec for the json field "odd"'):
        strategic_patch(deployment(1), deployment(2), {"spec": {}}, shape)


@pytest.mark.parametrize(("left", "right"), [(1, True), (1, 1.0), ([1], [True]), ({"a": 0}, {"a": False}), ("1", 1)])
def test_equal_values_of_other_types_differ(left: Any, right: Any) -> None:
    assert not same(left, right)
    assert same(left, left)
