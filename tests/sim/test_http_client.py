"""The client over HTTPS keeps the same promises as the one in the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.http_client import Endpoint
from tests.sim.serving import NAMESPACE, Served


@pytest_asyncio.fixture(params=["https", "in process"])
async def client(request: pytest.FixtureRequest, one: Served) -> AsyncIterator[Client]:
    if request.param == "https":
        async with one.client() as made:
            yield made
    else:
        yield one.cluster.admin("tester")


def configmap(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": NAMESPACE, "labels": labels}, "data": {"x": "1"}}


async def test_an_object_lives_and_dies(client: Client) -> None:
    made = await client.create("configmaps", configmap("c"))
    assert (made["kind"], made["metadata"]["managedFields"][0]["manager"]) == ("ConfigMap", "tester")
    assert await client.get("configmaps", NAMESPACE, "c") == made
    changed = await client.update("configmaps", {**made, "data": {"x": "2"}})
    assert changed["data"] == {"x": "2"}
    with pytest.raises(ApiError) as stale:
        await client.update("configmaps", {**made, "data": {"x": "3"}})
    assert (stale.value.code, stale.value.reason) == (409, "Conflict")
    assert (await client.patch("configmaps", NAMESPACE, "c", {"data": {"y": "1"}}))["data"] == {"x": "2", "y": "1"}
    ops = [{"op": "remove", "path": "/data/x"}]
    assert (await client.patch("configmaps", NAMESPACE, "c", ops, "json"))["data"] == {"y": "1"}
    await client.delete("configmaps", NAMESPACE, "c")
    with pytest.raises(ApiError) as gone:
        await client.get("configmaps", NAMESPACE, "c")
    assert (gone.value.code, gone.value.reason) == (404, "NotFound")


async def test_apply_takes_over_what_it_names(client: Client) -> None:
    await client.create("configmaps", configmap("c"))
    applied = await client.apply("configmaps", {"metadata": {"name": "c", "namespace": NAMESPACE}, "data": {"x": "9"}})
    assert applied["data"] == {"x": "9"}


async def test_status_and_scale_go_their_own_ways(client: Client) -> None:
    web = await client.get("deployments.apps", NAMESPACE, "web")
    said = await client.status(
        "deployments.apps", {**web, "spec": {**web["spec"], "replicas": 7}, "status": {"replicas": 3}}
    )
    assert (said["spec"]["replicas"], said["status"]["replicas"]) == (0, 3)
    scaled = await client.patch("deployments.apps", NAMESPACE, "web", {"spec": {"replicas": 2}}, "merge", "scale")
    assert scaled["spec"]["replicas"] == 2


async def test_lists_select_and_have_kinds(client: Client) -> None:
    for number in range(3):
        await client.create("configmaps", configmap(f"c{number}", n=str(number % 2)))
    items, revision = await client.list("configmaps", NAMESPACE, "n=0")
    assert [(one["kind"], one["metadata"]["name"]) for one in items] == [("ConfigMap", "c0"), ("ConfigMap", "c2")]
    assert int(revision) > 0
    items, _ = await client.list("configmaps", "", "", "metadata.name=c1")
    assert [one["metadata"]["name"] for one in items] == ["c1"]


async def test_lists_of_many_pages_are_whole(client: Client) -> None:
    for number in range(1100):
        await client.create("configmaps", configmap(f"c{number:04}", many="yes"))
    items, _ = await client.list("configmaps", NAMESPACE, "many=yes")
    assert [one["metadata"]["name"] for one in items] == [f"c{number:04}" for number in range(1100)]


async def test_a_watch_goes_on_from_a_list(client: Client) -> None:
    _, since = await client.list("configmaps", NAMESPACE)
    found: list[tuple[str, str]] = []

    async def watch() -> None:
        async for kind, obj in client.watch("configmaps", NAMESPACE, since=since):
            found.append((kind, obj["metadata"]["name"]))
            if kind == "DELETED":
                return

    watching = asyncio.create_task(watch())
    await client.create("configmaps", configmap("c"))
    await client.patch("configmaps", NAMESPACE, "c", {"data": {"x": "2"}})
    await client.delete("configmaps", NAMESPACE, "c")
    await asyncio.wait_for(watching, 10)
    assert found == [("ADDED", "c"), ("MODIFIED", "c"), ("DELETED", "c")]


async def test_objects_larger_than_a_buffer_can_be_watched(client: Client) -> None:
    _, since = await client.list("configmaps", NAMESPACE)
    watching = aiter(client.watch("configmaps", NAMESPACE, since=since))
    waiting = asyncio.ensure_future(anext(watching))
    await client.create("configmaps", {**configmap("big"), "data": {"x": "x" * 1_000_000}})
    _, obj = await asyncio.wait_for(waiting, 10)
    assert len(obj["data"]["x"]) == 1_000_000


async def test_what_the_server_does_not_have_is_not_found(client: Client) -> None:
    for resource in ("nopes", "nopes.example.com", "deployments"):
        with pytest.raises(ApiError) as refused:
            await client.get(resource, NAMESPACE, "x")
        assert refused.value.code == 404


async def test_events_are_counted(client: Client) -> None:
    about = await client.get("configmaps", NAMESPACE, "present")
    for _ in range(2):
        await client.event(about, "Warning", "Odd", "something is odd", "tester")
    items, _ = await client.list("events", NAMESPACE, "", "reason=Odd")
    assert [(one["count"], one["type"]) for one in items] == [(2, "Warning")]


async def test_a_server_that_is_gone_is_unavailable(one: Served) -> None:
    async with one.client() as client:
        await client.get("configmaps", NAMESPACE, "present")
        await one.cluster.stop()
        with pytest.raises(ApiError) as refused:
            await client.get("configmaps", NAMESPACE, "present")
    assert refused.value.code == 503


def test_a_kubeconfig_without_credentials_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text("contexts: []\ncurrent-context: x\n")
    with pytest.raises(ValueError, match="is not a kubeconfig"):
        Endpoint.of_kubeconfig(path)


async def test_a_dry_run_leaves_nothing_behind(client: Client) -> None:
    made = await client.create("configmaps", configmap("tried"), dry_run=True)
    assert made["metadata"]["uid"]
    with pytest.raises(ApiError) as gone:
        await client.get("configmaps", NAMESPACE, "tried")
    assert gone.value.code == 404
    kept = await client.create("configmaps", configmap("kept"))
    changed = {**kept, "data": {"x": "2"}}
    assert (await client.update("configmaps", changed, dry_run=True))["data"] == {"x": "2"}
    assert (await client.patch("configmaps", NAMESPACE, "kept", {"data": {"x": "3"}}, dry_run=True))["data"]["x"] == "3"
    wanted = {"metadata": {"name": "kept", "namespace": NAMESPACE}, "data": {"x": "4"}}
    assert (await client.apply("configmaps", wanted, dry_run=True))["data"] == {"x": "4"}
    assert await client.get("configmaps", NAMESPACE, "kept") == kept


async def test_a_write_can_have_a_manager_of_its_own(client: Client) -> None:
    await client.create("configmaps", configmap("owned"), manager="maker")
    wanted = {"metadata": {"name": "owned", "namespace": NAMESPACE}, "data": {"y": "1"}}
    await client.apply("configmaps", wanted, manager="applier")
    found = await client.patch("configmaps", NAMESPACE, "owned", {"data": {"z": "1"}}, manager="patcher")
    entries = found["metadata"]["managedFields"]
    assert {(one["manager"], one["operation"]) for one in entries} == {
        ("maker", "Update"),
        ("applier", "Apply"),
        ("patcher", "Update"),
    }
    updated = await client.update("configmaps", {**found, "data": {"q": "1"}}, manager="updater")
    assert "updater" in {one["manager"] for one in updated["metadata"]["managedFields"]}


async def test_unknown_fields_are_dropped_unless_strict(client: Client) -> None:
    wrong = {**configmap("odd"), "colour": "red"}
    with pytest.raises(ApiError) as refused:
        await client.create("configmaps", wrong, strict=True)
    assert 'strict decoding error: unknown field "colour"' in refused.value.message
    assert "colour" not in await client.create("configmaps", wrong)


async def test_a_resource_can_be_asked_for_in_a_version(client: Client) -> None:
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 3,
        "targetCPUUtilizationPercentage": 50,
    }
    old = "horizontalpodautoscalers.v1.autoscaling"
    await client.create(old, {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": spec})
    found = await client.get(old, NAMESPACE, "web")
    assert (found["apiVersion"], found["spec"]["targetCPUUtilizationPercentage"]) == ("autoscaling/v1", 50)
    newer = await client.get("horizontalpodautoscalers.v2.autoscaling", NAMESPACE, "web")
    assert newer["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50
    with pytest.raises(ApiError) as none:
        await client.get("horizontalpodautoscalers.v7.autoscaling", NAMESPACE, "web")
    assert none.value.code == 404
