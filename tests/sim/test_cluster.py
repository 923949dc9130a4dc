"""One cluster put together: what it begins with, what it is like for whom, what it keeps, how it stops."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lab.sim.api.status import ApiError
from lab.sim.clock import ManualClock, settle
from lab.sim.cluster import Cluster, Settings, SettingsError
from lab.sim.journal import Database
from tests.sim.consistency import Witness, violations
from tests.sim.workday import template, town


@pytest.mark.parametrize("minor", [34, 35, 36])
async def test_an_empty_cluster_is_one_that_could_be(tmp_path: Path, minor: int) -> None:
    async with town(tmp_path, workers=1, minor=minor) as made:
        witness = Witness(made.rest)
        assert violations(made) == []
        await made.advance(120)
        assert violations(made, witness=witness) == []
        for storage, name in (
            ("namespaces", "kube-system"),
            ("nodes", "town-worker"),
            ("priorityclasses.scheduling.k8s.io", "system-node-critical"),
            ("storageclasses.storage.k8s.io", "standard"),
            ("clusterroles.rbac.authorization.k8s.io", "cluster-admin"),
        ):
            assert made.rest.store.get(storage, "", name) is not None, name
        node = (await made.client.list("nodes"))[0][0]
        assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v1.{minor}.0+sim"


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"name": "Hub"}, "DNS label"),
        ({"name": "hub", "kubernetes": "1.12"}, "1.34, 1.35, 1.36"),
        ({"name": "hub", "timing": "slow"}, "realistic or instant"),
        ({"name": "hub", "port": 70000}, "from 0 to 65535"),
        ({"name": "hub", "workers": True}, "from 0 to 50"),
        ({"name": "hub", "names": "x"}, "list of names"),
        ({"name": "hub", "color": "red"}, "unknown setting 'color'"),
    ],
)
def test_settings_that_cannot_be_are_refused(said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(SettingsError, match=wrong):
        Settings.read(said)


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    settings = Settings("kept", kubernetes="1.34", timing="instant")
    first = Cluster(settings, tmp_path / "kept", database, ManualClock())
    await first.start()
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template("web", "nginx:1")}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}}
    await _rest(first)
    await first.admin("test").create("deployments.apps", {**body, "spec": spec})
    await _rest(first)
    before = {storage: first.store.list(storage) for storage in first.store.storages}
    revision, port = first.store.revision, first.settings.port
    await first.stop()
    again = Cluster(first.settings, tmp_path / "kept", database, ManualClock(first.clock.now()))
    await again.start(revision)
    try:
        assert {storage: again.store.list(storage) for storage in before} == before
        assert (again.store.revision, again.settings.port) == (revision, port)
        await _rest(again)
        assert violations(again) == []
    finally:
        await again.stop()
        database.close()


async def _rest(cluster: Cluster) -> None:
    clock = cluster.clock
    assert isinstance(clock, ManualClock)
    for _ in range(20):
        await clock.advance(0.01)
        await settle()


async def test_a_service_account_may_do_what_its_roles_say(tmp_path: Path) -> None:
    async with town(tmp_path, workers=0) as made:
        robot = made.cluster.client_for("default", "robot")
        with pytest.raises(ApiError) as refused:
            await robot.list("configmaps", "default")
        assert refused.value.code == 403
        group = "rbac.authorization.k8s.io"
        rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]
        metadata = {"name": "read", "namespace": "default"}
        role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
        await made.client.create(f"roles.{group}", role)
        subject = {"kind": "ServiceAccount", "name": "robot", "namespace": "default"}
        reference = {"apiGroup": group, "kind": "Role", "name": "read"}
        binding = {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata}
        await made.client.create(f"rolebindings.{group}", {**binding, "roleRef": reference, "subjects": [subject]})
        assert (await robot.list("configmaps", "default"))[0]
        with pytest.raises(ApiError):
            await robot.list("secrets", "default")


async def test_a_taken_port_leaves_the_cluster_unserved_and_says_so(tmp_path: Path) -> None:
    async with town(tmp_path / "one", workers=0) as made:
        second = Cluster(Settings("two", port=made.cluster.settings.port), tmp_path / "two", None, ManualClock())
        await second.start()
        facts = second.facts()
        assert (facts["state"], str(made.cluster.settings.port) in facts["why"]) == ("failed", True)


async def test_a_paused_cluster_keeps_its_port_and_objects(tmp_path: Path) -> None:
    async with town(tmp_path, workers=0) as made:
        port = made.cluster.settings.port
        await made.cluster.pause()
        assert made.cluster.facts()["state"] == "paused"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await made.cluster.resume()
        await made.settle()
        assert (made.cluster.facts()["state"], made.cluster.settings.port) == ("running", port)
        assert violations(made) == []


async def test_nothing_is_left_running_when_a_cluster_stops(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with town(tmp_path, workers=1) as made:
        assert asyncio.all_tasks() - before
        await made.settle()
    await settle()
    assert not {task for task in asyncio.all_tasks() - before if not task.done()}
