"""What goes wrong, what is told of it, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

from lab.sim.argocd.ports import ManifestRequest, Manifests
from lab.sim.argocd.world import REALISTIC
from lab.sim.objects import Object
from tests.sim.argocd.application.lab import ARGOCD, URL, Lab, application, config_map, lab
from tests.sim.argocd.application.test_syncing import EVERYTHING, conditions_of, start, status_of

SPOKE_URL = "https://spoke-control-plane:6443"


async def refresh(argo: Lab, word: str = "normal") -> Object:
    await argo.patch_app({"metadata": {"annotations": {"argocd.argoproj.io/refresh": word}}})
    await argo.settle()
    app = await argo.app()
    assert "argocd.argoproj.io/refresh" not in (app["metadata"].get("annotations") or {})
    return app


async def test_a_missing_project(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING, project="shop")
    app = await argo.app()
    assert status_of(app) == ("Unknown", "Unknown")
    assert conditions_of(app) == [("InvalidSpecError", "Application referencing project shop which does not exist")]
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "shop", "namespace": ARGOCD},
        "spec": {"sourceRepos": ["*"], "destinations": [{"name": "spoke", "namespace": "shop"}]},
    }
    await argo.client().create("appprojects.argoproj.io", project)
    await argo.settle()
    app = await argo.app()
    assert status_of(app) == ("Synced", "Healthy")
    assert conditions_of(app) == []


async def test_an_operation_without_project_ends_in_error(argo: Lab) -> None:
    await start(argo, project="shop")
    await argo.patch_app({"operation": {"sync": {}}})
    await argo.settle()
    state = (await argo.app())["status"]["operationState"]
    assert state["phase"] == "Error"
    assert state["message"] == (
        'Failed to load application project: error getting app project "shop": appproject.argoproj.io "shop" not found'
    )


async def test_what_a_project_forbids_is_named_and_a_change_of_the_project_is_followed(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING)
    change = {"spec": {"sourceRepos": ["http://other/*"], "destinations": [{"name": "spoke", "namespace": "else"}]}}
    await argo.client().patch("appprojects.argoproj.io", ARGOCD, "default", change)
    await argo.settle()
    app = await argo.app()
    assert status_of(app) == ("Unknown", "Unknown")
    assert [message for _, message in conditions_of(app)] == [
        "application destination server 'spoke' and namespace 'shop' do not match any of the allowed destinations in "
        "project 'default'",
        f"application repo {URL} is not permitted in project 'default'",
    ]
    assert await argo.find("configmaps", "a") is not None


async def test_kinds_a_project_forbids_are_not_deployed(argo: Lab) -> None:
    change = {"spec": {"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]}}
    await argo.client().patch("appprojects.argoproj.io", ARGOCD, "default", change)
    await start(argo, syncPolicy={"automated": {}, "retry": {"limit": 0}})
    app = await argo.app()
    state = app["status"]["operationState"]
    assert state["phase"] == "Failed"
    assert {one["message"] for one in state["syncResult"]["resources"]} == {
        "resource :ConfigMap is not permitted in project default"
    }
    assert [one["status"] for one in app["status"]["resources"]] == ["Unknown", "Unknown"]


async def test_a_destination_nobody_knows(argo: Lab) -> None:
    await start(argo, cluster="moon")
    assert conditions_of(await argo.app()) == [
        ("InvalidSpecError", "there are no clusters with this name: moon"),
    ]
    await argo.add_cluster("moon", controllers=False)
    await argo.client("moon").create(
        "namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    )
    await argo.register("moon")
    await argo.settle()
    assert status_of(await argo.app()) == ("OutOfSync", "Missing")


async def test_a_cluster_that_cannot_be_reached(argo: Lab) -> None:
    argo.unreachable.add("spoke")
    await start(argo, automated=EVERYTHING)
    app = await argo.app()
    assert status_of(app)[0] == "Unknown"
    refused = f'Get "{SPOKE_URL}/version?timeout=32s": dial tcp 172.18.0.3:6443: connect: connection refused'
    why = (
        f'failed to get cluster info for "{SPOKE_URL}": error synchronizing cache state : '
        f"failed to get server version: failed to get server version: {refused}"
    )
    assert conditions_of(app) == [
        ("ComparisonError", f"Failed to load live state: {why}"),
        (
            "ComparisonError",
            f'Failed to load target state: failed to get cluster version for cluster "{SPOKE_URL}": {why}',
        ),
    ]
    argo.unreachable.clear()
    await argo.pass_time(11)
    await refresh(argo)
    assert status_of(await argo.app()) == ("Synced", "Healthy")


async def test_a_broken_source_is_told_and_what_runs_stays(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING)
    argo.push({"shop/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n"})
    await argo.settle()
    app = await argo.app()
    assert status_of(app) == ("Unknown", "Healthy")
    kind, message = conditions_of(app)[0]
    assert kind == "ComparisonError"
    assert message.startswith(
        "Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: "
        'code = FailedPrecondition desc = Failed to unmarshal "a.yaml": '
    )
    assert await argo.find("configmaps", "a") is not None
    argo.push({"shop/a.yaml": config_map("a")})
    await argo.settle()
    app = await argo.app()
    assert status_of(app) == ("Synced", "Healthy")
    assert conditions_of(app) == []


async def test_a_manual_sync_of_a_broken_source_ends_in_error(argo: Lab) -> None:
    await start(argo, path="nowhere")
    await argo.patch_app({"operation": {"sync": {}}})
    await argo.settle()
    state = (await argo.app())["status"]["operationState"]
    assert state["phase"] == "Error"
    assert state["message"] == (
        "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: "
        "code = Unknown desc = nowhere: app path does not exist"
    )


async def test_the_repository_servers_first_error_is_not_told_at_once(tmp_path: Path) -> None:
    async with lab(tmp_path, profile=REALISTIC, env={"ARGOCD_RECONCILIATION_JITTER": "0"}) as argo:
        await start(argo)
        argo.push({"shop/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n"})
        await argo.pass_time(240, 10)
        assert conditions_of(await argo.app()) == []
        await argo.pass_time(240, 10)
        assert [kind for kind, _ in conditions_of(await argo.app())] == ["ComparisonError"]


async def test_a_refresh_that_is_asked_for_tells_at_once(tmp_path: Path) -> None:
    async with lab(tmp_path, profile=REALISTIC) as argo:
        await start(argo)
        argo.push({"shop/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n"})
        assert [kind for kind, _ in conditions_of(await refresh(argo))] == ["ComparisonError"]


async def test_a_push_is_noticed_when_the_comparison_expires(tmp_path: Path) -> None:
    async with lab(tmp_path, profile=REALISTIC, env={"ARGOCD_RECONCILIATION_TIMEOUT": "300s"}) as argo:
        first = await start(argo)
        second = argo.push({"shop/a.yaml": config_map("a", {"a": "2"})})
        await argo.pass_time(290, 10)
        assert (await argo.app())["status"]["sync"]["revision"] == first
        await argo.pass_time(360 + 300, 10)
        assert (await argo.app())["status"]["sync"]["revision"] == second


async def test_a_refresh_asked_for_during_a_refresh_is_not_lost(argo: Lab) -> None:
    await start(argo)
    assert argo.repo_server is not None
    render, seen = argo.repo_server.manifests, []

    async def meanwhile(request: ManifestRequest) -> Manifests:
        seen.append((await argo.app())["metadata"]["annotations"]["argocd.argoproj.io/refresh-timestamp"])
        if len(seen) == 1:
            again = {"argocd.argoproj.io/refresh": "normal", "argocd.argoproj.io/refresh-timestamp": "2"}
            await argo.patch_app({"metadata": {"annotations": again}})
        return await render(request)

    argo.repo_server.manifests = meanwhile  # type: ignore[method-assign]
    notes = {"argocd.argoproj.io/refresh": "hard", "argocd.argoproj.io/refresh-timestamp": "1"}
    await argo.patch_app({"metadata": {"annotations": notes}})
    await argo.settle()
    assert seen == ["1", "2"]
    assert not (await argo.app())["metadata"].get("annotations")


async def test_a_skipped_application_is_left_alone(argo: Lab) -> None:
    skip = {"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}
    await start(argo, automated=EVERYTHING, metadata=skip)
    assert "status" not in await argo.app()
    await argo.patch_app({"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": None}}})
    await argo.settle()
    assert status_of(await argo.app()) == ("Synced", "Healthy")


async def test_a_skipped_cluster_is_left_alone(argo: Lab) -> None:
    skip = {"metadata": {"annotations": {"argocd.argoproj.io/skip-reconcile": "true"}}}
    await argo.client().patch("secrets", ARGOCD, "cluster-spoke", skip)
    await start(argo, automated=EVERYTHING)
    assert "status" not in await argo.app()


async def test_shared_resources_are_warned_of(argo: Lab) -> None:
    await start(argo, automated={})
    await argo.create_app("other")
    await argo.settle()
    app = await argo.app("other")
    kinds = {kind for kind, _ in conditions_of(app)}
    assert kinds == {"SharedResourceWarning"}
    assert "ConfigMap/a is part of applications argocd/other and web" in {text for _, text in conditions_of(app)}


async def test_orphans_are_counted(argo: Lab) -> None:
    await argo.client().patch(
        "appprojects.argoproj.io", ARGOCD, "default", {"spec": {"orphanedResources": {"warn": True}}}
    )
    await start(argo, automated=EVERYTHING)
    assert conditions_of(await argo.app()) == []
    stray = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stray", "namespace": "shop"}}
    await argo.client("spoke").create("configmaps", stray)
    await argo.settle()
    assert conditions_of(await argo.app()) == [("OrphanedResourceWarning", "Application has 1 orphaned resources")]
    await argo.client("spoke").delete("configmaps", "shop", "stray")
    await argo.settle()
    assert conditions_of(await argo.app()) == []


async def test_blocks_that_say_nothing_are_taken_out(argo: Lab) -> None:
    source = {"repoURL": URL, "path": "shop", "targetRevision": "main", "kustomize": {}}
    await start(argo, source=source)
    assert "kustomize" not in (await argo.app())["spec"]["source"]


async def test_the_hub_deploys_to_itself(argo: Lab) -> None:
    child = application("child", automated=EVERYTHING)
    await start(
        argo,
        automated=EVERYTHING,
        cluster="hub",
        namespace=ARGOCD,
        path="children",
        files={"children/child.yaml": json.dumps(child), "shop/a.yaml": config_map("a")},
    )
    parent = await argo.app()
    assert status_of(parent) == ("Synced", "Healthy")
    assert parent["status"]["summary"]["isAppOfApps"] is True
    assert status_of(await argo.app("child")) == ("Synced", "Healthy")
    assert await argo.find("configmaps", "a") is not None


async def test_settings_that_cannot_be_read_leave_everything_unknown(argo: Lab) -> None:
    await argo.configure({"resource.exclusions": "{{"})
    await start(argo, automated=EVERYTHING)
    assert status_of(await argo.app()) == ("Unknown", "Unknown")
    await argo.configure({"resource.exclusions": ""})
    assert status_of(await refresh(argo))[1] in ("Missing", "Healthy")


async def test_the_way_of_tracking_is_changed(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING)
    await argo.configure({"application.resourceTrackingMethod": "label"})
    await refresh(argo, "hard")
    await argo.settle()
    found = await argo.find("configmaps", "a")
    assert found is not None
    assert found["metadata"]["labels"] == {"app.kubernetes.io/instance": "web"}
    assert status_of(await argo.app()) == ("Synced", "Healthy")


async def test_impersonation_is_refused_by_name(argo: Lab) -> None:
    await argo.configure({"application.sync.impersonation.enabled": "true"})
    await start(argo, syncPolicy={"automated": {}, "retry": {"limit": 0}})
    state = (await argo.app())["status"]["operationState"]
    assert state["phase"] == "Error"
    assert state["message"] == (
        "application.sync.impersonation.enabled is not supported by the simulator; use --provider kind"
    )
