"""Equal parts of definitions' schemas are one object, and nothing that is not equal is."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.api import shared_schemas
from lab.sim.api.crd import STORAGE, Definitions
from lab.sim.api.shared_schemas import note, noted, share, shared
from lab.sim.api.status import ApiError
from tests.sim.clusters import bare


def schema(**field: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": field}}}}


def test_equal_parts_are_one_wherever_they_stand() -> None:
    first = shared({"a": {"type": "string"}, "b": [{"type": "string"}]})
    assert first["a"] is first["b"][0]
    assert shared({"c": {"type": "string"}})["c"] is first["a"]
    assert shared(first) is first
    assert first == {"a": {"type": "string"}, "b": [{"type": "string"}]}


def test_what_json_tells_apart_is_apart() -> None:
    values = [{"default": one} for one in (1, 1.0, True, "1", None, [1], {"1": 1})]
    found = [shared(value) for value in values]
    assert [repr(one) for one in found] == [repr(value) for value in values]
    assert list(shared({"b": 1, "a": 2})) == ["b", "a"]
    assert list(shared({"a": 2, "b": 1})) == ["a", "b"]


def test_notes_hold_for_shared_parts_only() -> None:
    mine, copy = shared({"type": "string", "format": "noted"}), {"type": "string", "format": "noted"}
    note("about", mine, 7)
    note("about", copy, 8)
    assert (noted("about", mine), noted("about", shared(copy)), noted("about", copy)) == (7, 7, None)
    assert noted("other", mine) is None


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_schemas, "MOST", 10)
    kept = shared({"type": "string", "format": "kept"})
    for number in range(50):
        shared({"maxLength": number})
    assert len(shared_schemas._parts) <= 11
    assert noted("about", kept) is None
    assert shared({"type": "string", "format": "kept"}) == kept


def test_what_is_no_schema_is_left_alone() -> None:
    for definition in ({}, {"spec": None}, {"spec": {"versions": [{"name": "v1"}, {"schema": None}]}}):
        before = repr(definition)
        share(definition)
        assert repr(definition) == before


async def test_clusters_share_a_definition_and_keep_their_own_word() -> None:
    """A definition that is wrong, or other, is not taken for one that was good before."""
    stored = []
    for _ in range(2):
        cluster = bare()
        Definitions(cluster.rest.store, cluster.rest.registry)
        await cluster.client().create(STORAGE, definition(schema(type="string")))
        found = cluster.rest.store.get(STORAGE, "", "things.lab.io")
        assert found is not None
        stored.append(found["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    assert stored[0] is stored[1]
    for field, why in (({"type": "strin"}, "Unsupported value"), ({}, "must not be empty for specified object fields")):
        with pytest.raises(ApiError, match=why):
            await bare().client().create(STORAGE, definition(schema(**field)))
    rule = {"rule": "self.size() <", "message": "never"}
    with pytest.raises(ApiError, match="compilation failed"):
        await bare().client().create(STORAGE, definition(schema(type="string", **{"x-kubernetes-validations": [rule]})))


def definition(held: dict[str, Any]) -> dict[str, Any]:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": held}}
    names = {"kind": "Thing", "plural": "things"}
    spec = {"group": "lab.io", "scope": "Namespaced", "names": names, "versions": [version]}
    return {"metadata": {"name": "things.lab.io"}, "spec": spec}
