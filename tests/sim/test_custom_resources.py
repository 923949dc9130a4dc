"""Custom resources end to end: what a real server said to the same objects, versions, names, deletion, CEL, schemas."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.sim.api.context import Context, DeleteOptions
from lab.sim.api.resources import Object, Resource
from lab.sim.api.rest import Rest
from lab.sim.api.status import ApiError
from lab.sim.objects import condition
from tests.sim.consistency import Witness, violations
from tests.sim.record_custom import FOLDER, ask
from tests.sim.workday import Town, town

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
CASES: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "cases.yaml").read_text())
RECORDED: dict[str, dict[str, Any]] = json.loads((FOLDER / "recorded.json").read_text())
DEFINITION: Object = yaml.safe_load((FOLDER / "definition.yaml").read_text())


class Asked:
    """Answers what `record_custom` asks a server, by the API of a cluster in this process."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def ask(self, method: str, path: str, body: Any = None, kind: str = "") -> tuple[int, Object]:
        row = self._rest.registry.find("custom.example.com", "v1", "widgets")
        assert row is not None
        tail = path.partition("?")[0].partition("/widgets")[2].strip("/").split("/")
        context = Context(validation="Ignore", manager="tester")
        try:
            if method == "POST":
                return 201, self._rest.create(row, "custom", copy.deepcopy(body), context)
            if method == "PATCH":
                sub = tail[1] if len(tail) > 1 else ""
                return 200, self._rest.patch(row, "custom", tail[0], body, "merge", context, sub)
            self._rest.delete(row, "custom", tail[0], DeleteOptions(), context)
            return 200, {}
        except ApiError as error:
            return error.code, error.status()


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, workers=0) as running:
        witness = Witness(running.rest)
        for name in ("custom", "other"):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await running.client.create("namespaces", body)
        await define(running, DEFINITION)
        yield running
        await running.settle()
        assert violations(running, witness=witness) == []


async def define(running: Town, definition: Object) -> Object:
    made = await running.client.create(DEFINITIONS, definition)
    await running.settle()
    return made


def _comparable(answer: Object) -> Object:
    """Causes of one object come in no order on a real server, nor do the sentences made of them."""
    said = dict(answer)
    if "causes" in said:
        said["causes"] = sorted(json.dumps(one, sort_keys=True) for one in said["causes"])
        head, _, tail = said.pop("message").partition(" is invalid: ")
        said["head"], said["length"] = head, len(tail)
    return said


async def test_custom_objects_are_judged_as_a_real_server_judged_them(made: Town) -> None:
    server, wrong = Asked(made.rest), {}
    for name, case in CASES.items():
        found = ask(server, case)
        if _comparable(found) != _comparable(RECORDED[name]):
            wrong[name] = (found, RECORDED[name])
    for name, (found, wanted) in wrong.items():
        print(f"{name}\n  found  {found}\n  wanted {wanted}")
    assert not wrong, sorted(wrong)


def test_enough_is_recorded() -> None:
    assert set(CASES) == set(RECORDED)
    assert len([one for one in RECORDED.values() if one["code"] == 422]) >= 40


# -- definitions


def defined(plural: str, kind: str, versions: list[Object] | None = None, **names: Any) -> Object:
    spec = {
        "group": "two.example.com",
        "scope": "Namespaced",
        "names": {"plural": plural, "kind": kind, **names},
        "versions": versions or [version("v1", storage=True)],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.two.example.com"},
        "spec": spec,
    }


def version(
    name: str, *, storage: bool = False, served: bool = True, spec: Object | None = None, **more: Any
) -> Object:
    schema: Object = {"type": "object", "properties": {"spec": {"type": "object", **(spec or {})}}}
    return {"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": schema}, **more}


def row_of(running: Town, plural: str, name: str = "v1") -> Resource:
    row = running.rest.registry.find("two.example.com", name, plural)
    assert row is not None
    return row


async def create(running: Town, row: Resource, name: str = "one", **body: Any) -> Object:
    metadata = {"name": name, "namespace": "custom", **body.pop("metadata", {})}
    obj = {"apiVersion": row.api_version, "kind": row.kind, "metadata": metadata, **body}
    return running.rest.create(row, "custom", obj, Context(manager="kubectl"))


async def status_of(running: Town, name: str) -> Object:
    return dict((await running.client.get(DEFINITIONS, "", f"{name}.two.example.com"))["status"])


TEXT = {"type": "string"}


async def test_names_that_are_taken_are_not_accepted_until_they_are_free(made: Town) -> None:
    await define(made, defined("firsts", "Same", shortNames=["sm"]))
    await define(made, defined("seconds", "Same", shortNames=["sm"]))
    status = await status_of(made, "seconds")
    assert status["acceptedNames"] == {"plural": "seconds", "kind": ""}
    told = {one["type"]: (one["status"], one["reason"], one["message"]) for one in status["conditions"]}
    assert told == {
        "NamesAccepted": ("False", "ListKindConflict", '"SameList" is already in use'),
        "Established": ("False", "NotAccepted", "not all names are accepted"),
    }
    assert made.rest.registry.plural("two.example.com", "seconds") is None
    await made.client.delete(DEFINITIONS, "", "firsts.two.example.com")
    await made.settle()
    assert (await status_of(made, "seconds"))["acceptedNames"]["kind"] == "Same"
    assert row_of(made, "seconds").short == ("sm",)


async def test_a_definition_goes_after_its_objects(made: Town) -> None:
    await define(made, defined("firsts", "First"))
    row = row_of(made, "firsts")
    await create(made, row, "held", metadata={"finalizers": ["example.com/hold"]})
    await create(made, row, "free")
    await made.client.delete(DEFINITIONS, "", "firsts.two.example.com")
    await made.settle()
    assert [one["metadata"]["name"] for one in made.rest.store.list(row.storage)] == ["held"]
    gone = await made.client.get(DEFINITIONS, "", "firsts.two.example.com")
    assert condition(gone, "Terminating")["status"] == "True"  # type: ignore[index]
    with pytest.raises(ApiError) as late:
        await create(made, row_of(made, "firsts"), "late")
    assert (late.value.code, late.value.reason) == (405, "MethodNotAllowed")
    await made.client.patch(row.storage, "custom", "held", {"metadata": {"finalizers": None}})
    await made.advance(5)
    assert made.rest.registry.plural("two.example.com", "firsts") is None
    assert made.rest.store.count(row.storage) == 0
    assert made.rest.store.get(DEFINITIONS, "", "firsts.two.example.com") is None


async def test_an_object_is_seen_in_every_version_and_kept_in_one(made: Town) -> None:
    old = version("v1", storage=True, spec={"properties": {"a": TEXT, "n": {"type": "integer", "default": 1}}})
    new = version("v2", spec={"properties": {"a": TEXT, "b": TEXT}})
    await define(made, defined("things", "Thing", [old, new, version("v0", served=False)]))
    v1, v2 = row_of(made, "things"), row_of(made, "things", "v2")
    assert made.rest.registry.find("two.example.com", "v0", "things") is None
    await create(made, v2, spec={"a": "x", "b": "y"})
    assert made.rest.store.get(v2.storage, "custom", "one")["apiVersion"] == "two.example.com/v1"  # type: ignore[index]
    assert made.rest.get(v2, "custom", "one")["spec"] == {"a": "x"}  # v1, which is stored, has no b
    assert made.rest.get(v1, "custom", "one")["spec"] == {"a": "x"}
    changed = made.rest.patch(v1, "custom", "one", {"spec": {"a": "z"}}, "merge", Context(manager="kubectl"))
    assert changed["spec"] == {"a": "z", "n": 1}
    seen = made.rest.list(v2, "custom").items[0]
    assert (seen["apiVersion"], seen["spec"]) == ("two.example.com/v2", {"a": "z"})


async def test_a_changed_schema_holds_for_what_is_there_already(made: Town) -> None:
    await define(made, defined("things", "Thing", [version("v1", storage=True, spec={"properties": {"a": TEXT}})]))
    await create(made, row_of(made, "things"), spec={"a": "x"})
    later = version("v1", storage=True, spec={"properties": {"b": {"type": "string", "default": "new"}}})
    found = await made.client.get(DEFINITIONS, "", "things.two.example.com")
    await made.client.update(DEFINITIONS, {**found, "spec": {**found["spec"], "versions": [later]}})
    await made.settle()
    row = row_of(made, "things")
    before = made.rest.store.get(row.storage, "custom", "one")
    read = made.rest.get(row, "custom", "one")
    assert read["spec"] == {"b": "new"}
    assert made.rest.list(row, "custom").items == [read]
    assert before == made.rest.store.get(row.storage, "custom", "one")
    assert before["spec"] == {"a": "x"}  # type: ignore[index]


async def test_what_was_wrong_already_may_stay_while_other_things_change(made: Town) -> None:
    await define(
        made, defined("things", "Thing", [version("v1", storage=True, spec={"properties": {"a": TEXT, "b": TEXT}})])
    )
    await create(made, row_of(made, "things"), spec={"a": "long", "b": "x"})
    rule = {"rule": "size(self) < 3", "message": "b is long"}
    properties = {"a": {**TEXT, "maxLength": 2}, "b": {**TEXT, "x-kubernetes-validations": [rule]}}
    found = await made.client.get(DEFINITIONS, "", "things.two.example.com")
    spec = {**found["spec"], "versions": [version("v1", storage=True, spec={"properties": properties})]}
    await made.client.update(DEFINITIONS, {**found, "spec": spec})
    await made.settle()
    row = row_of(made, "things")
    made.rest.patch(row, "custom", "one", {"spec": {"b": "y"}}, "merge", Context(manager="kubectl"))
    for patch, said in (({"a": "longer"}, "Too long"), ({"b": "longer"}, "b is long")):
        with pytest.raises(ApiError, match=said):
            made.rest.patch(row, "custom", "one", {"spec": patch}, "merge", Context(manager="kubectl"))


@pytest.mark.parametrize(
    "rule", ["cel.bind(x, self.a, x == x)", "self.?a.hasValue()", "sets.contains([self.a], ['a'])"]
)
async def test_a_rule_that_cannot_be_evaluated_here_is_refused_by_name(made: Town, rule: str) -> None:
    rules = {"x-kubernetes-validations": [{"rule": rule}], "properties": {"a": TEXT}}
    with pytest.raises(ApiError) as refused:
        await define(made, defined("things", "Thing", [version("v1", storage=True, spec=rules)]))
    assert refused.value.code == 501
    assert "--provider kind" in refused.value.message


async def test_a_rule_that_is_no_cel_is_refused(made: Town) -> None:
    rules = {"x-kubernetes-validations": [{"rule": "self.a =="}], "properties": {"a": TEXT}}
    with pytest.raises(ApiError, match="compilation failed"):
        await define(made, defined("things", "Thing", [version("v1", storage=True, spec=rules)]))


async def test_the_scale_of_a_custom_object(made: Town) -> None:
    row = made.rest.registry.find("custom.example.com", "v1", "widgets")
    assert row is not None
    await create(made, row, spec={"size": "small"})
    await made.client.patch(row.storage, "custom", "one", {"spec": {"replicas": 3}}, "merge", "scale")
    assert made.rest.get(row, "custom", "one")["spec"]["replicas"] == 3
    with pytest.raises(ApiError, match="less than or equal to 5"):
        await made.client.patch(row.storage, "custom", "one", {"spec": {"replicas": 9}}, "merge", "scale")


async def test_appliers_share_a_custom_object_by_its_schemas_keys(made: Town) -> None:
    row = made.rest.registry.find("custom.example.com", "v1", "widgets")
    assert row is not None

    def applied(manager: str, *names: str) -> Object:
        items = [{"name": name, "v": 1} for name in names]
        body = {"apiVersion": row.api_version, "kind": "Widget", "metadata": {"name": "one", "namespace": "custom"}}
        spec = {"size": "small", "lm": items}
        return made.rest.apply(row, "custom", "one", {**body, "spec": spec}, Context(manager=manager))[0]

    applied("one", "a", "b")
    applied("two", "c")
    assert [one["name"] for one in made.rest.get(row, "custom", "one")["spec"]["lm"]] == ["a", "b", "c"]
    applied("one", "a")
    assert [one["name"] for one in made.rest.get(row, "custom", "one")["spec"]["lm"]] == ["a", "c"]


async def test_discovery_tells_short_names_and_categories(made: Town) -> None:
    row = made.rest.registry.find("custom.example.com", "v1", "widgets")
    assert row is not None
    assert (row.short, row.categories, row.singular) == (("wd",), ("all", "lab"), "widget")
    assert row.subresources == {"status", "scale"}
