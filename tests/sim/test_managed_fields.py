"""Ownership: times, what is honoured of a client's own managedFields, and the algebra of field sets."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from lab.sim.api import managed_fields, types
from lab.sim.api.context import Context
from lab.sim.api.managed_fields import fieldset
from lab.sim.api.managed_fields.ownership import compared, owned
from lab.sim.api.managed_fields.shape import BadItem
from lab.sim.api.managed_fields.shape import of as shape_of
from lab.sim.api.resources import Object, Resource
from lab.sim.api.status import ApiError
from lab.sim.clock import timestamp
from tests.sim.clusters import Bare, bare
from tests.sim.record_apply import REGISTRY


def _row(group: str, plural: str) -> Resource:
    found = REGISTRY.plural(group, plural)
    assert found is not None
    return found


MAPS, DEPLOYMENTS, PODS = _row("", "configmaps"), _row("apps", "deployments"), _row("", "pods")


@pytest.fixture
def cluster() -> Bare:
    made = bare()
    made.rest.create(_row("", "namespaces"), "", {"metadata": {"name": "n"}}, Context())
    return made


def _map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m", "namespace": "n"}, "data": data}


def _times(obj: Object) -> dict[str, str | None]:
    return {one["manager"]: one.get("time") for one in obj["metadata"]["managedFields"]}


async def test_an_entry_bears_the_time_of_its_last_change(cluster: Bare) -> None:
    rest = cluster.rest
    made = rest.create(MAPS, "n", _map(k="v"), Context(manager="alice"))
    first = timestamp(cluster.clock.now())
    assert _times(made) == {"alice": first}
    await cluster.clock.advance(60)
    same = rest.update(MAPS, "n", "m", _map(k="v"), Context(manager="bob"))
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert _times(same) == {"alice": first}
    later = rest.update(MAPS, "n", "m", _map(k="v", l="w"), Context(manager="bob"))
    assert _times(later) == {"alice": first, "bob": timestamp(cluster.clock.now())}


async def test_applying_what_is_there_gives_an_entry_without_a_time(cluster: Bare) -> None:
    rest = cluster.rest
    rest.create(MAPS, "n", _map(k="v"), Context(manager="alice"))
    one, created = rest.apply(MAPS, "n", "m", _map(k="v"), Context(manager="bob"))
    assert not created
    assert _times(one) == {"alice": timestamp(cluster.clock.now()), "bob": None}
    await cluster.clock.advance(5)
    two, _ = rest.apply(MAPS, "n", "m", _map(k="v"), Context(manager="bob"))
    assert two["metadata"] == one["metadata"]
    three, _ = rest.apply(MAPS, "n", "m", _map(k="v", l="w"), Context(manager="bob"))
    assert _times(three)["bob"] == timestamp(cluster.clock.now())


async def test_appliers_stand_first_then_the_oldest(cluster: Bare) -> None:
    rest = cluster.rest
    rest.create(MAPS, "n", _map(k="v"), Context(manager="zoe"))
    for manager, key in (("bob", "b"), ("alice", "a")):
        await cluster.clock.advance(1)
        rest.patch(MAPS, "n", "m", {"data": {key: "1"}}, "merge", Context(manager=manager))
    await cluster.clock.advance(1)
    obj, _ = rest.apply(MAPS, "n", "m", _map(z="1"), Context(manager="eve"))
    assert list(_times(obj)) == ["eve", "zoe", "bob", "alice"]


def test_a_stored_object_is_not_changed(cluster: Bare) -> None:
    rest = cluster.rest
    stored = rest.create(MAPS, "n", _map(k="v"), Context(manager="alice"))
    before = orjson.dumps(stored)
    rest.apply(MAPS, "n", "m", _map(k="w"), Context(manager="bob"), force=True)
    rest.patch(MAPS, "n", "m", {"data": {"k": None}}, "merge", Context(manager="carol"))
    assert orjson.dumps(stored) == before


def test_an_object_nobody_is_noted_for_is_first_given_to_before_first_apply(cluster: Bare) -> None:
    rest = cluster.rest
    rest.create(MAPS, "n", _map(k="v"), Context(manager="alice"))
    rest.patch(MAPS, "n", "m", {"metadata": {"managedFields": []}}, "merge", Context(manager="alice"))
    assert "managedFields" not in rest.get(MAPS, "n", "m")["metadata"]
    with pytest.raises(ApiError, match=r'conflict with "before-first-apply" using v1: \.data\.k'):
        rest.apply(MAPS, "n", "m", _map(k="w"), Context(manager="bob"))
    obj, _ = rest.apply(MAPS, "n", "m", _map(l="w"), Context(manager="bob"))
    assert set(_times(obj)) == {"before-first-apply", "bob"}


def test_a_conflict_names_subresource_and_version() -> None:
    entry = {
        "manager": "ctrl",
        "operation": "Update",
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
        "subresource": "scale",
    }
    live = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "managedFields": [entry]},
        "spec": {"replicas": 3},
    }
    wish = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 1}}
    with pytest.raises(ApiError) as refused:
        managed_fields.apply(DEPLOYMENTS, live, wish, "me", False, "t", minor=34)
    assert refused.value.message == (
        'Apply failed with 1 conflict: conflict with "ctrl" with subresource "scale" using apps/v1: .spec.replicas'
    )
    assert refused.value.details == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "ctrl" with subresource "scale" using apps/v1',
                "field": ".spec.replicas",
            }
        ]
    }


@pytest.mark.parametrize("minor", [34, 35, 36])
def test_every_minor_knows_its_lists(minor: int) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 9}, {"containerPort": 80}]}]},
    }
    managed_fields.track(PODS, pod, None, "me", "t", minor=minor)
    container = pod["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:containers"]['k:{"name":"c"}']  # type: ignore[index]
    assert list(container["f:ports"]) == [
        ".",
        'k:{"containerPort":9,"protocol":"TCP"}',
        'k:{"containerPort":80,"protocol":"TCP"}',
    ]


def test_items_without_any_key_are_refused() -> None:
    shape = shape_of(types.of(_row("", "serviceaccounts"), 34))
    with pytest.raises(BadItem, match="omits all key fields"):
        owned({"secrets": [{"namespace": "x"}]}, shape)


# -- the algebra, against sets of paths

_KEYS = ["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"']


def _random_paths(rng: random.Random) -> set[tuple[str, ...]]:
    return {tuple(rng.choices(_KEYS, k=rng.randint(1, 3))) for _ in range(rng.randint(0, 8))}


def _built(paths: set[tuple[str, ...]]) -> fieldset.Fields:
    made: fieldset.Fields = {}
    for path in sorted(paths):
        node: fieldset.Fields = {}
        for key in reversed(path):
            node = {key: node}
        made = fieldset.union(made, node)
    return made


def _members(fields: fieldset.Fields) -> set[tuple[str, ...]]:
    return {keys for _, keys in fieldset.paths(fields)}


def test_field_sets_are_sets_of_paths() -> None:
    rng = random.Random(4)
    for _ in range(500):
        left, right = _random_paths(rng), _random_paths(rng)
        ours, theirs = _built(left), _built(right)
        before = orjson.dumps([ours, theirs])
        assert _members(ours) == left
        assert _members(fieldset.union(ours, theirs)) == left | right
        assert _members(fieldset.intersection(ours, theirs)) == left & right
        assert _members(fieldset.difference(ours, theirs)) == left - right
        below = {path for path in left if any(path[: len(other)] == other for other in right)}
        assert _members(fieldset.excluded(ours, theirs)) == left - below
        assert all(fieldset.contains(ours, path) == (path in left) for path in left | right)
        assert orjson.dumps([ours, theirs]) == before


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"f:a": {".": {}}}, {"f:a": {}}),
        ({"f:b": {}, "f:a": {}}, {"f:a": {}, "f:b": {}}),
        ({'k:{ "b": 1, "a": "x" }': {}}, {'k:{"a":"x","b":1}': {}}),
        ({"x:later": {}, "f:a": {}}, {"f:a": {}}),
        ({'v: "a"': {}}, {'v:"a"': {}}),
    ],
)
def test_foreign_field_sets_are_brought_into_form(given: Any, read: Any) -> None:
    assert orjson.dumps(fieldset.checked(given)) == orjson.dumps(read)


@pytest.mark.parametrize("given", [[], {"a": {}}, {"fa": {}}, {"k:[]": {}}, {"v:": {}}, {"i:x": {}}, {"f:a": {"": {}}}])
def test_what_is_no_field_set_is_refused(given: Any) -> None:
    with pytest.raises(fieldset.BadFields):
        fieldset.checked(given)


def test_paths_for_people() -> None:
    fields = {
        "f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}}}, "f:set": {'v:"a"': {}}}
    }
    assert [path for path, _ in fieldset.paths(fields)] == [
        '.spec.ports[port=80,protocol="TCP"]',
        '.spec.ports[port=80,protocol="TCP"].name',
        '.spec.set[="a"]',
    ]


def test_duplicates_in_a_keyed_list_are_one_marker() -> None:
    """A client-side write may hold an item twice; server-side apply then owns the item as a whole."""
    shape = shape_of(types.of(PODS, 34))
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    once = [{"name": "A", "value": "1"}]

    def pod(env: list[Object]) -> Object:
        return {"spec": {"containers": [{"name": "c", "env": env}]}}

    path = ("f:spec", "f:containers", 'k:{"name":"c"}', "f:env", 'k:{"name":"A"}')
    changed, removed = compared(pod(once), pod(twice), shape)
    assert _members(changed) == {path}
    assert _members(removed) == {path, (*path, "f:name"), (*path, "f:value")}
    changed, removed = compared(pod(twice), pod(once), shape)
    assert _members(changed) == {path, (*path, "f:name"), (*path, "f:value")}
    assert _members(removed) == {path}
    assert compared(pod(twice), pod([*twice]), shape) == ({}, {})
