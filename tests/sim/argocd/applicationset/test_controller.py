"""What the ApplicationSet controller does when the world around its sets changes."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.sim.argocd.applicationset.controller import run
from lab.sim.argocd.applicationset.settings import SettingsError, read_settings
from lab.sim.argocd.world import INSTANT
from lab.sim.git.repositories import Person
from lab.sim.objects import Object, name_of
from tests.sim.argocd.applicationset.control import Control, controlled
from tests.sim.argocd.applicationset.play import APPLICATIONS, NAMESPACE, SETS, apply, surround

LOCAL = {"server": "https://kubernetes.default.svc", "namespace": "web"}
SOURCE = {"repoURL": "https://git.example.com/web.git", "path": "web", "targetRevision": "HEAD"}


def application_set(name: str, generator: Object, application: str, **spec: Any) -> Object:
    template = {
        "metadata": {"name": application},
        "spec": {"project": "default", "source": SOURCE, "destination": LOCAL},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": name},
        "spec": {"goTemplate": True, "generators": [generator], "template": template, **spec},
    }


def listed(*names: str) -> Object:
    return {"list": {"elements": [{"n": one} for one in names]}}


async def names(control: Control) -> set[str]:
    found, _ = await control.client.list(APPLICATIONS, NAMESPACE)
    return {name_of(one) for one in found}


async def made(control: Control, *sets: Object) -> None:
    for one in sets:
        await apply(control.client, control.around.fill(one))
    await control.quiet()


async def conditions(control: Control, name: str) -> dict[str, Object]:
    found = await control.client.get(SETS, NAMESPACE, name)
    return {one["type"]: one for one in found["status"]["conditions"]}


async def test_a_policy_of_the_controller_goes_before_that_of_a_set(tmp_path: Path) -> None:
    async with controlled(tmp_path, "--policy", "create-only") as control:
        await surround(control.client, control.around)
        wanted = {"applicationsSync": "sync"}
        await made(control, application_set("s", listed("a", "b"), "s-{{.n}}", syncPolicy=wanted))
        await made(control, application_set("s", listed("c"), "s-{{.n}}", syncPolicy=wanted))
        assert await names(control) == {"s-a", "s-b", "s-c"}


async def test_a_push_is_followed_at_once_by_what_reads_the_repository(tmp_path: Path) -> None:
    async with controlled(tmp_path) as control:
        await surround(control.client, control.around)
        git = {"git": {"repoURL": "${GIT}/lab/apps.git", "revision": "main", "directories": [{"path": "apps/*"}]}}
        await made(control, application_set("s", git, "s-{{.path.basenameNormalized}}"))
        before = await names(control)
        repositories = control.around.git.repositories
        author = Person("A", "a@example.com")
        repositories.commit("lab", "apps", {"apps/fresh/x.yaml": b"a: b"}, message="m", author=author, when=1.8e9)
        control.controller.pushed(f"{control.around.git.url}/lab/apps.git")
        await control.quiet()
        assert before == {"s-web", "s-shop", "s-old-things"}
        assert "s-fresh" in await names(control)


async def test_a_slow_plugin_keeps_no_other_set_waiting(tmp_path: Path) -> None:
    async with controlled(tmp_path) as control:
        await surround(control.client, control.around)
        answered = asyncio.Event()

        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answered.wait()
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            writer.close()

        async with await asyncio.start_server(never, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            slow = {"baseUrl": f"http://127.0.0.1:{port}", "token": "$plugin-token:token"}
            config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "slow"}, "data": slow}
            await apply(control.client, config_map)
            plugin = {"plugin": {"configMapRef": {"name": "slow"}}}
            await apply(control.client, application_set("p", plugin, "p-{{.name}}"))
            await apply(control.client, application_set("s", listed("a"), "s-{{.n}}"))
            ends = time.monotonic() + 5
            while "s-a" not in await names(control):
                assert time.monotonic() < ends
                await asyncio.sleep(0.01)
            assert not control.controller.is_idle
            answered.set()
            await control.quiet()
        assert "EOF" in (await conditions(control, "p"))["ErrorOccurred"]["message"]


async def test_its_own_bookkeeping_and_that_of_others_starts_nothing(tmp_path: Path) -> None:
    async with controlled(tmp_path) as control:
        await surround(control.client, control.around)
        await made(control, application_set("s", listed("a"), "s-{{.n}}"))
        before = (await control.client.get(SETS, NAMESPACE, "s"))["metadata"]["resourceVersion"]
        healthy = {"health": {"status": "Healthy"}, "sync": {"status": "Synced"}}
        await control.client.patch(APPLICATIONS, NAMESPACE, "s-a", {"status": healthy})
        await control.quiet()
        assert (await control.client.get(SETS, NAMESPACE, "s"))["metadata"]["resourceVersion"] == before


async def test_a_set_in_another_namespace_is_left_alone_unless_it_is_named(tmp_path: Path) -> None:
    for flags, expected in (
        ((), set()),
        (("--applicationset-namespaces=team-*", "--enable-scm-providers=false"), {"s-a"}),
    ):
        async with controlled(tmp_path / str(len(flags)), *flags, admin=True) as control:
            await surround(control.client, control.around)
            await control.client.create("namespaces", {"metadata": {"name": "team-a"}})
            one = application_set("s", listed("a"), "s-{{.n}}")
            await control.client.create(SETS, {**one, "metadata": {"name": "s", "namespace": "team-a"}})
            await control.quiet()
            found, _ = await control.client.list(APPLICATIONS, "team-a")
            assert {name_of(each) for each in found} == expected


async def test_two_sets_that_want_the_same_application_do_not_run_hot(tmp_path: Path) -> None:
    async with controlled(tmp_path) as control:
        await surround(control.client, control.around)
        await made(control, application_set("one", listed("a"), "same-{{.n}}"))
        await apply(control.client, application_set("two", listed("a"), "same-{{.n}}"))
        await asyncio.sleep(1.0)
        tried = [line for line in control.log if "Reconciler error" in line]
        assert 1 < len(tried) < 20
        await control.client.delete(SETS, NAMESPACE, "one")
        await control.client.delete(APPLICATIONS, NAMESPACE, "same-a")
        await control.client.patch(APPLICATIONS, NAMESPACE, "same-a", {"metadata": {"finalizers": None}})
        ends = time.monotonic() + 8
        while (await conditions(control, "two"))["ErrorOccurred"]["status"] == "True":
            assert time.monotonic() < ends
            await asyncio.sleep(0.02)


async def test_applications_go_one_after_the_other_when_the_order_is_reversed(tmp_path: Path) -> None:
    strategy = {
        "type": "RollingSync",
        "deletionOrder": "Reverse",
        "rollingSync": {
            "steps": [
                {"matchExpressions": [{"key": "n", "operator": "In", "values": [one]}]} for one in ("first", "second")
            ]
        },
    }
    one = application_set("s", listed("first", "second"), "s-{{.n}}", strategy=strategy)
    one["spec"]["template"]["metadata"] |= {"labels": {"n": "{{.n}}"}, "finalizers": ["example.com/held"]}
    async with controlled(tmp_path, "--enable-progressive-syncs") as control:
        await surround(control.client, control.around)
        await made(control, one)
        await control.client.delete(SETS, NAMESPACE, "s")
        await control.quiet()
        found, _ = await control.client.list(APPLICATIONS, NAMESPACE)
        assert {name_of(each): "deletionTimestamp" in each["metadata"] for each in found} == {
            "s-first": False,
            "s-second": True,
        }
        assert (await control.client.get(SETS, NAMESPACE, "s"))["metadata"]["finalizers"]


async def test_decisions_are_read_from_the_cluster(tmp_path: Path) -> None:
    async with controlled(tmp_path, admin=True) as control:
        await surround(control.client, control.around)
        definition = {
            "metadata": {"name": "placements.lab.example.com"},
            "spec": {
                "group": "lab.example.com",
                "scope": "Namespaced",
                "names": {"plural": "placements", "kind": "Placement"},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                ],
            },
        }
        await control.client.create("customresourcedefinitions.apiextensions.k8s.io", definition)
        while control.cluster.registry.plural("lab.example.com", "placements") is None:
            await asyncio.sleep(0.005)
        placement = {
            "apiVersion": "lab.example.com/v1",
            "kind": "Placement",
            "metadata": {"name": "p", "namespace": NAMESPACE},
            "status": {"decisions": [{"clusterName": "east", "why": "near"}, {"clusterName": "nowhere"}]},
        }
        await control.client.create("placements.lab.example.com", placement)
        settings = {
            "apiVersion": "lab.example.com/v1",
            "kind": "placements",
            "statusListKey": "decisions",
            "matchKey": "clusterName",
        }
        await apply(
            control.client, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "duck"}, "data": settings}
        )
        generator = {"clusterDecisionResource": {"configMapRef": "duck", "name": "p"}}
        await made(control, application_set("s", generator, "s-{{.name}}-{{.why}}"))
        assert await names(control) == {"s-east-near"}


async def test_a_refresh_leaves_the_set_as_gos_types_hold_it(tmp_path: Path) -> None:
    async with controlled(tmp_path) as control:
        await surround(control.client, control.around)
        await made(control, application_set("s", listed("a"), "s-{{.n}}", goTemplateOptions=[]))
        before = await control.client.get(SETS, NAMESPACE, "s")
        refresh = {"metadata": {"annotations": {"argocd.argoproj.io/application-set-refresh": "true"}}}
        await control.client.patch(SETS, NAMESPACE, "s", refresh)
        await control.quiet()
        after = await control.client.get(SETS, NAMESPACE, "s")
        assert "template" not in before["spec"]["generators"][0]["list"]
        nothing = {"metadata": {}, "spec": {"destination": {}, "project": ""}}
        assert after["spec"]["generators"] == [{"list": {"elements": [{"n": "a"}], "template": nothing}}]
        assert "goTemplateOptions" not in after["spec"]
        assert after["spec"]["template"] == before["spec"]["template"]
        assert "annotations" not in after["metadata"]
        writers = {
            (one["manager"], one["operation"], one.get("subresource")) for one in after["metadata"]["managedFields"]
        }
        assert ("argocd-applicationset-controller", "Update", None) in writers
        assert await names(control) == {"s-a"}


async def test_a_thousand_applications_are_made_and_then_left_alone(tmp_path: Path) -> None:
    async with controlled(tmp_path) as control:
        await surround(control.client, control.around)
        matrix = {
            "matrix": {
                "generators": [
                    listed(*map(str, range(25))),
                    {"list": {"elements": [{"m": str(one)} for one in range(40)]}},
                ]
            }
        }
        began = time.process_time()
        await made(control, application_set("s", matrix, "s-{{.n}}-{{.m}}"))
        spent = time.process_time() - began
        assert len(await names(control)) == 1000
        revision = control.cluster.store.revision
        began = time.process_time()
        refresh = {"metadata": {"annotations": {"argocd.argoproj.io/application-set-refresh": "true"}}}
        await control.client.patch(SETS, NAMESPACE, "s", refresh)
        await control.quiet()
        again = time.process_time() - began
        assert control.cluster.store.revision - revision < 5
        print(f"1000 Applications: {spent:.2f} s, once more: {again:.2f} s")
        assert spent < 12
        assert again < 4


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--policy=all",), "Policy value can be"),
        (("--applicationset-namespaces", "a,b"), "--allowed-scm-providers"),
        (("--dry-run",), "not supported by the simulator"),
    ],
)
def test_what_it_does_not_start_with(argv: tuple[str, ...], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(argv, {}, NAMESPACE)


def test_flags_go_before_the_environment() -> None:
    env = {
        "ARGOCD_APPLICATIONSET_CONTROLLER_POLICY": "create-only",
        "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS": "true",
        "ARGOCD_APPLICATIONSET_CONTROLLER_GLOBAL_PRESERVED_LABELS": "a,b",
        "ARGOCD_APPLICATIONSET_CONTROLLER_REQUEUE_AFTER": "90s",
        "ARGOCD_APPLICATIONSET_CONTROLLER_MAX_RESOURCES_STATUS_COUNT": "many",
    }
    settings = read_settings(("--policy=create-delete",), env, NAMESPACE)
    assert (settings.policy, settings.policy_override) == ("create-delete", False)
    assert settings.policy_of("sync") == "create-delete"
    assert settings.progressive_syncs
    assert settings.preserved_labels == ("a", "b")
    assert (settings.requeue_after, settings.most_resources) == (90.0, 5000)
    assert read_settings((), {}, NAMESPACE).policy_of("create-only") == "create-only"


async def test_in_the_instant_profile_a_push_makes_applications(tmp_path: Path) -> None:
    async with controlled(tmp_path, started=False) as control:
        await surround(control.client, control.around)
        world = replace(control.world, profile=INSTANT)
        running = asyncio.create_task(run(control.process, world))
        git = {"git": {"repoURL": "${GIT}/lab/apps.git", "revision": "main", "directories": [{"path": "apps/*"}]}}
        await apply(control.client, control.around.fill(application_set("s", git, "s-{{.path.basenameNormalized}}")))
        await _until(control, "s-web")
        author = Person("A", "a@example.com")
        control.around.git.repositories.commit(
            "lab", "apps", {"apps/fresh/x.yaml": b"a: b"}, message="m", author=author, when=1.8e9
        )
        await _until(control, "s-fresh")
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _until(control: Control, application: str) -> None:
    ends = time.monotonic() + 5
    while application not in await names(control):
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)
