"""Applications that are synced: by policy, by hand, again and not at all."""

from __future__ import annotations

import json
from pathlib import Path

from lab.sim.argocd.world import REALISTIC
from lab.sim.objects import Object
from tests.sim.argocd.application.lab import ARGOCD, URL, Lab, application, config_map, lab
from tests.sim.controllers.cluster_running import namespace

EVERYTHING: Object = {"prune": True, "selfHeal": True}


def deployment(name: str, image: str = "nginx:1") -> str:
    labels = {"app": name}
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "web", "image": image}]},
                },
            },
        }
    )


def status_of(app: Object) -> tuple[str, str]:
    status = app.get("status") or {}
    return (status.get("sync") or {}).get("status", ""), (status.get("health") or {}).get("status", "")


def conditions_of(app: Object) -> list[tuple[str, str]]:
    return [(one["type"], one["message"]) for one in (app.get("status") or {}).get("conditions") or ()]


async def start(
    argo: Lab, *, automated: Object | None = None, files: dict[str, str] | None = None, **spec: object
) -> str:
    commit = argo.push(dict(files or {"shop/a.yaml": config_map("a"), "shop/b.yaml": config_map("b")}))
    await argo.create_app(automated=automated, **spec)
    await argo.start()
    await argo.settle()
    return commit


async def test_an_automated_sync_and_all_that_is_told_of_it(argo: Lab) -> None:
    commit = await start(argo, automated=EVERYTHING)
    app = await argo.app()
    status = app["status"]
    assert status_of(app) == ("Synced", "Healthy")
    assert "operation" not in app
    source = {"repoURL": URL, "path": "shop", "targetRevision": "main"}
    assert status["sync"] == {
        "status": "Synced",
        "revision": commit,
        "comparedTo": {"source": source, "destination": {"name": "spoke", "namespace": "shop"}},
    }
    assert [(one["kind"], one["name"], one["status"]) for one in status["resources"]] == [
        ("ConfigMap", "a", "Synced"),
        ("ConfigMap", "b", "Synced"),
    ]
    operation = status["operationState"]
    assert (operation["phase"], operation["message"]) == ("Succeeded", "successfully synced (all tasks run)")
    assert operation["operation"]["initiatedBy"] == {"automated": True}
    assert operation["syncResult"]["revision"] == commit
    assert [one["message"] for one in operation["syncResult"]["resources"]] == [
        "configmap/a created",
        "configmap/b created",
    ]
    assert [(one["id"], one["revision"]) for one in status["history"]] == [(0, commit)]
    assert status["sourceType"] == "Directory"
    assert status["controllerNamespace"] == ARGOCD
    assert status["resourceHealthSource"] == "appTree"
    assert await argo.events() == [
        ("Normal", "OperationStarted", f"Initiated automated sync to '{commit}'"),
        ("Normal", "ResourceUpdated", "Updated sync status:  -> OutOfSync"),
        ("Normal", "ResourceUpdated", "Updated health status:  -> Missing"),
        ("Normal", "OperationCompleted", f"Sync operation to {commit} succeeded"),
        ("Normal", "ResourceUpdated", "Updated sync status: OutOfSync -> Synced"),
        ("Normal", "ResourceUpdated", "Updated health status: Missing -> Healthy"),
    ]
    found = await argo.find("configmaps", "a")
    assert found is not None
    assert found["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == "web:/ConfigMap:shop/a"


async def test_an_application_without_policy_is_only_compared(argo: Lab) -> None:
    await start(argo)
    assert status_of(await argo.app()) == ("OutOfSync", "Missing")
    assert await argo.find("configmaps", "a") is None


async def test_a_sync_by_hand(argo: Lab) -> None:
    commit = await start(argo)
    await argo.patch_app({"operation": {"sync": {"revision": "main"}, "initiatedBy": {"username": "ada"}}})
    await argo.settle()
    app = await argo.app()
    assert status_of(app) == ("Synced", "Healthy")
    assert "operation" not in app
    assert app["status"]["operationState"]["syncResult"]["revision"] == commit
    assert app["status"]["history"][0]["initiatedBy"] == {"username": "ada"}


async def test_a_dry_run_changes_nothing(argo: Lab) -> None:
    await start(argo)
    await argo.patch_app({"operation": {"sync": {"dryRun": True}}})
    await argo.settle()
    app = await argo.app()
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    assert "history" not in app["status"]
    assert await argo.find("configmaps", "a") is None


async def test_a_push_is_followed(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING)
    commit = argo.push({"shop/a.yaml": config_map("a", {"a": "2"})})
    await argo.settle()
    found = await argo.find("configmaps", "a")
    assert found is not None
    assert found["data"] == {"a": "2"}
    app = await argo.app()
    assert [one["id"] for one in app["status"]["history"]] == [0, 1]
    assert app["status"]["sync"]["revision"] == commit


async def test_history_is_cut(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING, revisionHistoryLimit=2)
    for number in range(3):
        argo.push({"shop/a.yaml": config_map("a", {"a": str(number)})})
        await argo.settle()
    assert [one["id"] for one in (await argo.app())["status"]["history"]] == [2, 3]


async def test_what_left_git_is_pruned_only_when_asked_for(argo: Lab) -> None:
    await start(argo, automated={})
    argo.push({"shop/b.yaml": None})
    await argo.settle()
    app = await argo.app()
    assert status_of(app) == ("OutOfSync", "Healthy")
    extra = next(one for one in app["status"]["resources"] if one["name"] == "b")
    assert (extra["status"], extra["requiresPruning"]) == ("OutOfSync", True)
    assert await argo.find("configmaps", "b") is not None
    await argo.patch_app({"spec": {"syncPolicy": {"automated": {"prune": True, "selfHeal": True}}}})
    await argo.settle()
    assert await argo.find("configmaps", "b") is None
    assert status_of(await argo.app()) == ("Synced", "Healthy")


async def test_everything_is_never_wiped_out_by_itself(argo: Lab) -> None:
    commit = await start(argo, automated=EVERYTHING)
    commit = argo.push({"shop/a.yaml": None, "shop/b.yaml": None, "shop/readme.txt": "empty"})
    await argo.settle()
    app = await argo.app()
    assert conditions_of(app) == [
        ("SyncError", f"Skipping sync attempt to [{commit}]: auto-sync will wipe out all resources")
    ]
    assert await argo.find("configmaps", "a") is not None


async def test_drift_is_healed(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING)
    await argo.client("spoke").patch("configmaps", "shop", "a", {"data": {"a": "drifted"}})
    await argo.settle()
    found = await argo.find("configmaps", "a")
    assert found is not None
    assert found["data"] == {"a": "1"}
    operation = (await argo.app())["status"]["operationState"]["operation"]
    assert operation["sync"]["autoHealAttemptsCount"] == 1
    assert operation["sync"]["resources"] == [{"kind": "ConfigMap", "name": "a"}]
    await argo.client("spoke").delete("configmaps", "shop", "b")
    await argo.pass_time(3)
    assert await argo.find("configmaps", "b") is not None


async def test_a_started_sync_leaves_the_application_as_gos_types_hold_it(argo: Lab) -> None:
    await start(argo, syncPolicy={"automated": {"prune": False}, "retry": {"limit": 0}, "syncOptions": []})
    app = await argo.app()
    assert app["spec"]["syncPolicy"] == {"automated": {"prune": False}, "retry": {}}
    assert app["status"]["operationState"]["operation"]["retry"] == {}


async def test_two_applications_over_one_object_do_not_keep_the_lab_busy(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING)
    argo.push({"other/a.yaml": config_map("a", {"a": "2"})})
    await argo.create_app("other", automated=EVERYTHING, path="other")
    await argo.pass_time(60)
    counts = [
        (await argo.app(name))["status"]["operationState"]["operation"]["sync"].get("autoHealAttemptsCount", 0)
        for name in ("web", "other")
    ]
    assert 2 <= max(counts) <= 9


async def test_drift_stays_without_self_heal(argo: Lab) -> None:
    await start(argo, automated={"prune": True})
    await argo.client("spoke").patch("configmaps", "shop", "a", {"data": {"a": "drifted"}})
    await argo.settle()
    assert status_of(await argo.app())[0] == "OutOfSync"
    found = await argo.find("configmaps", "a")
    assert found is not None
    assert found["data"] == {"a": "drifted"}


async def test_self_heal_backs_off_in_real_time(tmp_path: Path) -> None:
    async with lab(tmp_path, profile=REALISTIC) as argo:
        await start(argo, automated=EVERYTHING)

        async def drift() -> None:
            await argo.client("spoke").patch("configmaps", "shop", "a", {"data": {"a": "drifted"}})
            await argo.settle()

        async def value() -> str:
            found = await argo.find("configmaps", "a")
            assert found is not None
            return str(found["data"]["a"])

        await drift()
        assert await value() == "1"
        await drift()
        assert await value() == "drifted"
        await argo.pass_time(3)
        assert await value() == "1"
        await drift()
        await argo.pass_time(4)
        assert await value() == "drifted"
        await argo.pass_time(4)
        assert await value() == "1"


async def test_a_failing_sync_is_retried_and_then_given_up(argo: Lab) -> None:
    broken = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not A Name"}})
    commit = await start(argo, files={"shop/a.yaml": broken}, syncPolicy={"automated": {}, "retry": {"limit": 2}})
    await argo.pass_time(1, 0.02)
    app = await argo.app()
    operation = app["status"]["operationState"]
    assert operation["phase"] == "Failed"
    assert operation["retryCount"] == 2
    assert operation["message"].endswith("(retried 2 times).")
    assert "operation" not in app
    assert conditions_of(app) == [("SyncError", f"Failed last sync attempt to [{commit}]: {operation['message']}")]
    kind, reason, message = [one for one in await argo.events() if one[1] == "OperationCompleted"][-1]
    assert (kind, reason) == ("Warning", "OperationCompleted")
    assert message.startswith(f"Sync operation to {commit} failed: one or more objects failed to apply")


async def test_retries_wait_as_their_policy_says(tmp_path: Path) -> None:
    async with lab(tmp_path, profile=REALISTIC) as argo:
        broken = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not A Name"}})
        retry = {"limit": 3, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "1m"}}
        await start(argo, files={"shop/a.yaml": broken}, syncPolicy={"automated": {}, "retry": retry})
        state = (await argo.app())["status"]["operationState"]
        assert (state["phase"], state["retryCount"]) == ("Running", 1)
        assert ". Retrying attempt #1 at " in state["message"]
        assert "finishedAt" in state
        await argo.pass_time(18)
        assert (await argo.app())["status"]["operationState"]["retryCount"] == 1
        await argo.pass_time(4)
        assert (await argo.app())["status"]["operationState"]["retryCount"] == 2


async def test_a_sync_that_failed_is_tried_again_for_the_next_commit(argo: Lab) -> None:
    broken = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not A Name"}})
    await start(argo, files={"shop/a.yaml": broken}, syncPolicy={"automated": {}, "retry": {"limit": 0}})
    argo.push({"shop/a.yaml": config_map("a")})
    await argo.settle()
    app = await argo.app()
    assert status_of(app) == ("Synced", "Healthy")
    assert conditions_of(app) == []


async def test_a_deny_window_holds_automated_syncs_back(argo: Lab) -> None:
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}
    await argo.client().patch("appprojects.argoproj.io", ARGOCD, "default", {"spec": {"syncWindows": [window]}})
    await start(argo, automated=EVERYTHING)
    assert status_of(await argo.app()) == ("OutOfSync", "Missing")
    await argo.patch_app({"operation": {"sync": {}}})
    await argo.settle()
    app = await argo.app()
    state = app["status"]["operationState"]
    assert (state["phase"], state["message"]) == ("Running", "Sync operation blocked by sync window")
    await argo.client().patch("appprojects.argoproj.io", ARGOCD, "default", {"spec": {"syncWindows": None}})
    await argo.pass_time(31)
    assert status_of(await argo.app()) == ("Synced", "Healthy")


async def test_waves_and_hooks_in_order(argo: Lab) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
        "spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "busybox"}]}},
        },
    }
    await start(
        argo,
        automated=EVERYTHING,
        files={
            "shop/job.yaml": json.dumps(job),
            "shop/first.yaml": deployment("first"),
            "shop/second.yaml": config_map("second", annotations={"argocd.argoproj.io/sync-wave": "1"}),
        },
    )
    await argo.pass_time(8, 0.5)
    app = await argo.app()
    assert status_of(app) == ("Synced", "Healthy"), app["status"]
    state = app["status"]["operationState"]
    assert state["message"] == "successfully synced (all tasks run)"
    hook = next(one for one in state["syncResult"]["resources"] if one["name"] == "migrate")
    assert (hook["hookType"], hook["hookPhase"]) == ("PreSync", "Succeeded")
    made = [
        (await argo.find(resource, name) or {}).get("metadata", {}).get("creationTimestamp")
        for resource, name in (("jobs.batch", "migrate"), ("deployments.apps", "first"), ("configmaps", "second"))
    ]
    assert all(made)
    assert made == sorted(made)
    assert app["status"]["summary"] == {"images": ["busybox", "nginx:1"]}


async def test_a_sync_is_terminated(argo: Lab) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "forever", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}},
        },
    }
    await start(argo, automated={}, files={"shop/job.yaml": json.dumps(job), "shop/a.yaml": config_map("a")})
    state = (await argo.app())["status"]["operationState"]
    assert (state["phase"], state["message"]) == ("Running", "waiting for completion of hook batch/Job/forever")
    await argo.patch_app({"status": {"operationState": {"phase": "Terminating"}}})
    await argo.settle()
    await argo.pass_time(35)
    app = await argo.app()
    assert app["status"]["operationState"]["phase"] == "Failed"
    assert app["status"]["operationState"]["message"] == "Operation terminated"
    assert "operation" not in app
    assert await argo.find("configmaps", "a") is None


async def test_an_operation_goes_on_after_a_restart(argo: Lab) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "slow", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
        "spec": {
            "suspend": True,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}},
        },
    }
    await start(argo, automated={}, files={"shop/job.yaml": json.dumps(job), "shop/a.yaml": config_map("a")})
    await argo.stop()
    await argo.client("spoke").patch("jobs.batch", "shop", "slow", {"spec": {"suspend": False}})
    await argo.start()
    await argo.pass_time(4, 0.5)
    assert status_of(await argo.app()) == ("Synced", "Healthy")


async def test_one_resource_is_synced_alone(argo: Lab) -> None:
    await start(argo)
    chosen = [{"kind": "ConfigMap", "name": "b"}]
    await argo.patch_app({"operation": {"sync": {"resources": chosen}}})
    await argo.settle()
    app = await argo.app()
    assert await argo.find("configmaps", "a") is None
    assert await argo.find("configmaps", "b") is not None
    assert "history" not in app["status"]
    assert any(message.startswith("Partial sync operation to ") for _, _, message in await argo.events())


async def test_the_namespace_is_made_and_marked(argo: Lab) -> None:
    policy = {
        "automated": EVERYTHING,
        "syncOptions": ["CreateNamespace=true"],
        "managedNamespaceMetadata": {"labels": {"team": "a"}},
    }
    await start(argo, namespace="fresh", syncPolicy=policy)
    made = await argo.find("namespaces", "fresh", "")
    assert made is not None
    assert made["metadata"]["labels"]["team"] == "a"
    app = await argo.app()
    assert status_of(app) == ("Synced", "Healthy")
    assert app["status"]["operationState"]["syncResult"]["managedNamespaceMetadata"] == {"labels": {"team": "a"}}
    await argo.patch_app({"spec": {"syncPolicy": {"managedNamespaceMetadata": {"labels": {"team": "b"}}}}})
    await argo.settle()
    made = await argo.find("namespaces", "fresh", "")
    assert made is not None
    assert made["metadata"]["labels"]["team"] == "b"


async def test_several_sources(argo: Lab) -> None:
    commit = argo.push({"one/a.yaml": config_map("a"), "two/b.yaml": config_map("b")})
    sources = [{"repoURL": URL, "path": path, "targetRevision": "main"} for path in ("one", "two")]
    await argo.create_app(source=None, sources=sources, automated=EVERYTHING)
    await argo.start()
    await argo.settle()
    app = await argo.app()
    assert status_of(app) == ("Synced", "Healthy")
    assert app["status"]["sync"]["revisions"] == [commit, commit]
    assert app["status"]["sync"]["comparedTo"]["sources"] == sources
    assert app["status"]["sourceTypes"] == ["Directory", "Directory"]
    assert app["status"]["history"][0]["revisions"] == [commit, commit]
    assert len(app["status"]["resources"]) == 2


async def test_ignored_differences_are_kept_when_that_is_asked_for(argo: Lab) -> None:
    ignored = [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]
    policy = {"automated": EVERYTHING, "syncOptions": ["RespectIgnoreDifferences=true"]}
    manifest = json.loads(deployment("web"))
    manifest["spec"]["replicas"] = 1
    await start(argo, files={"shop/web.yaml": json.dumps(manifest)}, ignoreDifferences=ignored, syncPolicy=policy)
    await argo.client("spoke").patch("deployments.apps", "shop", "web", {"spec": {"replicas": 3}})
    await argo.settle()
    assert status_of(await argo.app())[0] == "Synced"
    manifest["metadata"]["labels"] = {"new": "label"}
    argo.push({"shop/web.yaml": json.dumps(manifest)})
    await argo.settle()
    found = await argo.find("deployments.apps", "web")
    assert found is not None
    assert found["metadata"]["labels"] == {"new": "label"}
    assert found["spec"]["replicas"] == 3


async def test_an_application_in_another_namespace(tmp_path: Path) -> None:
    async with lab(tmp_path, env={"ARGOCD_APPLICATION_NAMESPACES": "team-*"}) as argo:
        for space in ("team-a", "other"):
            await argo.client().create("namespaces", namespace(space))
        argo.push({"shop/a.yaml": config_map("a")})
        await argo.client().create("applications.argoproj.io", application(space="team-a", automated=EVERYTHING))
        await argo.client().create("applications.argoproj.io", application(space="other", automated=EVERYTHING))
        await argo.start()
        await argo.settle()
        app = await argo.app(space="team-a")
        text = "application 'web' in namespace 'team-a' is not permitted to use project 'default'"
        assert conditions_of(app) == [("UnknownError", text)]
        assert "status" not in await argo.app(space="other")
        await argo.client().patch(
            "appprojects.argoproj.io", ARGOCD, "default", {"spec": {"sourceNamespaces": ["team-*"]}}
        )
        await argo.settle()
        app = await argo.app(space="team-a")
        assert status_of(app) == ("Synced", "Healthy")
        found = await argo.find("configmaps", "a")
        assert found is not None
        assert found["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] == "team-a_web:/ConfigMap:shop/a"
