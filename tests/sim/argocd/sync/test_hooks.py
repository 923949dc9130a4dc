"""Phases, waves and hooks."""

from __future__ import annotations

import pytest

from lab.sim.argocd.sync import SyncContext, SyncOptions
from lab.sim.argocd.sync import hooks as hook_rules
from tests.sim.argocd.sync.destination import Destination, Operation, manifests, told

JOB = """
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  annotations: {{argocd.argoproj.io/hook: {hook}, argocd.argoproj.io/hook-delete-policy: "{policy}"}}
spec:
  backoffLimit: 0
  template:
    spec: {{restartPolicy: Never, containers: [{{name: main, image: busybox, command: [{command}]}}]}}
---
"""
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: red}
---
"""
FINALIZER = "argocd.argoproj.io/hook-finalizer"


def job(name: str, hook: str, policy: str = "", command: str = '"true"') -> str:
    return JOB.format(name=name, hook=hook, policy=policy, command=command)


def config(name: str, wave: int | None = None, **annotations: str) -> str:
    if wave is not None:
        annotations["argocd.argoproj.io/sync-wave"] = str(wave)
    lines = "".join(
        f'\n    {key.replace("__", "/").replace("_", "-")}: "{value}"' for key, value in annotations.items()
    )
    noted = f"\n  annotations:{lines}" if lines else ""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}{noted}\n---\n"


async def test_waves_are_applied_one_after_the_other_with_a_pause(cluster: Destination) -> None:
    before = cluster.clock.now()
    operation = Operation(cluster, manifests(config("c", 2) + config("a", -1) + config("b")))
    context = await operation.run()
    assert context.phase == "Succeeded"
    assert [one.key.name for one in context.results] == ["a", "b", "c"]
    assert operation.messages[:2] == [
        "waiting for healthy state of /ConfigMap/a",
        "waiting for healthy state of /ConfigMap/b",
    ]
    assert cluster.clock.now() - before >= 4.0, "two seconds after each wave but the last"
    made = [(await cluster.get("configmaps", name))["metadata"]["creationTimestamp"] for name in "abc"]
    assert made == sorted(made)
    assert made[0] < made[1] < made[2]


async def test_a_wave_waits_until_what_came_before_is_healthy(cluster: Destination) -> None:
    text = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: slow}
spec:
  selector: {matchLabels: {app: slow}}
  template:
    metadata: {labels: {app: slow}, annotations: {sim.gitops-lab.io/fault: image-not-found}}
    spec: {containers: [{name: main, image: nginx}]}
---
"""
    operation = Operation(cluster, manifests(text + config("later", 1)))
    context = await operation.run(until=lambda _: operation.passes == 4)
    assert (context.phase, context.message) == ("Running", "waiting for healthy state of apps/Deployment/slow")
    assert await cluster.find("configmaps", "later") is None
    await cluster.client.patch(
        "deployments.apps",
        "shop",
        "slow",
        {"spec": {"template": {"metadata": {"annotations": {"sim.gitops-lab.io/fault": None}}}}},
    )
    await cluster.settle()
    context = await operation.run()
    assert context.phase == "Succeeded"
    assert told(context)["Deployment/slow"][:2] == ("Synced", "Succeeded")
    assert await cluster.find("configmaps", "later")


async def test_hooks_run_around_the_sync_in_their_phases(cluster: Destination) -> None:
    text = job("migrate", "PreSync") + SETTINGS + job("notify", "PostSync", "HookSucceeded") + job("never", "SyncFail")
    operation = Operation(cluster, manifests(text))
    context = await operation.step()
    assert context.message == "waiting for completion of hook batch/Job/migrate"
    assert await cluster.find("configmaps", "settings") is None
    migrate = await cluster.get("jobs.batch", "migrate")
    assert FINALIZER in migrate["metadata"]["finalizers"]
    context = await operation.run()
    assert (context.phase, context.message) == ("Succeeded", "successfully synced (no more tasks)")
    shown = [(one.key.name, one.sync_phase, one.hook_type, one.hook_phase) for one in context.results]
    assert shown == [
        ("migrate", "PreSync", "PreSync", "Succeeded"),
        ("settings", "Sync", "", "Succeeded"),
        ("notify", "PostSync", "PostSync", "Succeeded"),
    ]
    assert FINALIZER not in (await cluster.get("jobs.batch", "migrate"))["metadata"].get("finalizers", [])
    assert await cluster.find("jobs.batch", "notify") is None, "HookSucceeded"
    assert await cluster.find("jobs.batch", "never") is None


async def test_a_hook_of_an_earlier_sync_is_deleted_before_it_runs_again(cluster: Destination) -> None:
    targets = manifests(job("migrate", "PreSync") + SETTINGS)
    await Operation(cluster, targets).run()
    first = (await cluster.get("jobs.batch", "migrate"))["metadata"]["uid"]
    operation = Operation(cluster, targets)
    context = await operation.step()
    assert context.message == "waiting for deletion of hook batch/Job/migrate"
    assert context.results == []
    context = await operation.run()
    assert context.phase == "Succeeded"
    assert (await cluster.get("jobs.batch", "migrate"))["metadata"]["uid"] != first


async def test_a_failed_hook_fails_the_sync_and_runs_what_is_for_failures(cluster: Destination) -> None:
    text = job("migrate", "PreSync", "HookFailed", '"false"') + SETTINGS + job("mourn", "SyncFail")
    operation = Operation(cluster, manifests(text))
    context = await operation.run()
    assert context.phase == "Failed"
    assert context.message == "one or more synchronization tasks completed unsuccessfully"
    assert "waiting for completion of hook batch/Job/mourn" in operation.messages
    assert told(context)["Job/migrate"][:2] == ("Synced", "Failed")
    assert told(context)["Job/mourn"][:2] == ("Synced", "Succeeded")
    assert await cluster.find("configmaps", "settings") is None
    assert await cluster.find("jobs.batch", "migrate") is None, "HookFailed"


async def test_a_hook_without_a_name_gets_one_that_lasts(cluster: Destination) -> None:
    text = job("x", "PreSync").replace("name: x", "generateName: migrate-") + SETTINGS
    operation = Operation(cluster, manifests(text))
    started = int(cluster.clock.now())
    context = await operation.run()
    name = f"migrate-0123456-presync-{started}"
    assert context.phase == "Succeeded"
    assert [one.key.name for one in context.results] == [name, "settings"]
    assert await cluster.find("jobs.batch", name)


async def test_partial_syncs_run_no_hooks(cluster: Destination) -> None:
    targets = manifests(job("migrate", "PreSync") + SETTINGS)
    context = await Operation(cluster, targets, SyncOptions(skip_hooks=True)).run()
    assert [one.key.name for one in context.results] == ["settings"]


async def test_a_terminated_operation_lets_its_hooks_go(cluster: Destination) -> None:
    text = job("migrate", "PreSync", command='"sleep", "3600"') + SETTINGS
    operation = Operation(cluster, manifests(text))

    def waits(context: SyncContext) -> bool:
        return "completion of hook" in context.message

    await operation.run(until=waits)
    context = await operation.terminate()
    assert (context.phase, context.message) == ("Failed", "Operation terminated")
    assert told(context)["Job/migrate"] == ("Synced", "Failed", "Terminated")
    assert await cluster.find("jobs.batch", "migrate") is None
    assert await cluster.find("configmaps", "settings") is None


async def test_what_vanishes_while_it_is_waited_for_is_an_error(cluster: Destination) -> None:
    text = job("migrate", "PreSync", command='"sleep", "3600"') + SETTINGS
    operation = Operation(cluster, manifests(text))
    await operation.step()
    await cluster.client.patch("jobs.batch", "shop", "migrate", {"metadata": {"finalizers": None}})
    await cluster.client.delete("jobs.batch", "shop", "migrate", "Background")
    await cluster.settle()
    context = await operation.step()
    text = "Resource batch/Job/migrate is missing, it might have been deleted"
    assert told(context)["Job/migrate"] == ("SyncFailed", "Error", text)
    context = await operation.run()
    assert (context.phase, context.message) == (
        "Failed",
        f"one or more synchronization tasks completed unsuccessfully, reason: {text}",
    )


@pytest.mark.parametrize(
    ("annotations", "hook", "phases", "policies"),
    [
        ({}, False, ["Sync"], ["BeforeHookCreation"]),
        ({"argocd.argoproj.io/hook": "PreSync"}, True, ["PreSync"], ["BeforeHookCreation"]),
        (
            {"argocd.argoproj.io/hook": "PostSync, PreSync,PreSync"},
            True,
            ["PreSync", "PostSync"],
            ["BeforeHookCreation"],
        ),
        ({"argocd.argoproj.io/hook": "Skip"}, False, [], ["BeforeHookCreation"]),
        ({"argocd.argoproj.io/hook": "Skip,Sync"}, True, ["Sync"], ["BeforeHookCreation"]),
        ({"argocd.argoproj.io/hook": "Nonsense"}, True, [], ["BeforeHookCreation"]),
        ({"argocd.argoproj.io/hook": "PostDelete"}, True, [], ["BeforeHookCreation"]),
        ({"helm.sh/hook": "pre-install,pre-upgrade"}, True, ["PreSync"], ["BeforeHookCreation"]),
        ({"helm.sh/hook": "post-install"}, True, ["PostSync"], ["BeforeHookCreation"]),
        ({"helm.sh/hook": "test"}, True, [], ["BeforeHookCreation"]),
        ({"helm.sh/hook": "crd-install"}, False, ["Sync"], ["BeforeHookCreation"]),
        ({"helm.sh/hook": "pre-install", "argocd.argoproj.io/hook": "Sync"}, True, ["Sync"], ["BeforeHookCreation"]),
        (
            {
                "argocd.argoproj.io/hook": "Sync",
                "argocd.argoproj.io/hook-delete-policy": "HookSucceeded,Nonsense",
                "helm.sh/hook-delete-policy": "hook-failed",
            },
            True,
            ["Sync"],
            ["HookSucceeded", "HookFailed"],
        ),
    ],
)
def test_what_annotations_make_of_a_resource(
    annotations: dict[str, str], hook: bool, phases: list[str], policies: list[str]
) -> None:
    obj = {"metadata": {"annotations": annotations}}
    assert (hook_rules.is_hook(obj), hook_rules.phases(obj), hook_rules.delete_policies(obj)) == (
        hook,
        phases,
        policies,
    )


@pytest.mark.parametrize(
    ("annotations", "wave"),
    [
        ({}, 0),
        ({"argocd.argoproj.io/sync-wave": "3"}, 3),
        ({"argocd.argoproj.io/sync-wave": "-4", "helm.sh/hook-weight": "2"}, -4),
        ({"helm.sh/hook-weight": "2"}, 2),
        ({"argocd.argoproj.io/sync-wave": "soon", "helm.sh/hook-weight": "+2"}, 2),
        ({"argocd.argoproj.io/sync-wave": "1.5"}, 0),
    ],
)
def test_waves(annotations: dict[str, str], wave: int) -> None:
    assert hook_rules.wave({"metadata": {"annotations": annotations}}) == wave
