"""Applications that go: what goes with them, in which order, and what holds them."""

from __future__ import annotations

import json

from lab.sim.api.status import ApiError
from lab.sim.api.store import Change
from lab.sim.objects import Object
from tests.sim.argocd.application.lab import APPS, ARGOCD, Lab, config_map
from tests.sim.argocd.application.test_syncing import EVERYTHING, conditions_of, deployment, start

FINALIZER = "resources-finalizer.argocd.argoproj.io"


def held(finalizer: str = FINALIZER) -> Object:
    return {"finalizers": [finalizer]}


async def delete(argo: Lab, name: str = "web") -> None:
    await argo.client().delete(APPS, ARGOCD, name)
    await argo.settle()
    await argo.pass_time(2, 0.5)


async def is_there(argo: Lab, name: str = "web") -> bool:
    try:
        await argo.app(name)
    except ApiError as error:
        if error.code != 404:
            raise
        return False
    return True


async def test_without_finalizer_resources_stay(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING)
    await delete(argo)
    assert not await is_there(argo)
    assert await argo.find("configmaps", "a") is not None


async def test_with_finalizer_resources_go(argo: Lab) -> None:
    files = {"shop/a.yaml": config_map("a"), "shop/web.yaml": deployment("web")}
    await start(argo, automated=EVERYTHING, metadata=held(), files=files)
    assert (await argo.client("spoke").list("pods", "shop"))[0]
    await delete(argo)
    assert not await is_there(argo)
    for resource in ("configmaps", "deployments.apps", "pods"):
        left = (await argo.client("spoke").list(resource, "shop"))[0]
        assert [one["metadata"]["name"] for one in left] in ([], ["kube-root-ca.crt"]), resource


async def test_in_the_background_children_may_outlive_the_application(argo: Lab) -> None:
    await start(
        argo,
        automated=EVERYTHING,
        metadata=held(f"{FINALIZER}/background"),
        files={"shop/web.yaml": deployment("web")},
    )
    await delete(argo)
    assert not await is_there(argo)
    assert await argo.find("deployments.apps", "web") is None


async def test_what_is_to_be_kept_is_kept(argo: Lab) -> None:
    keep = config_map("kept", annotations={"argocd.argoproj.io/sync-options": "Delete=false"})
    await start(
        argo, automated=EVERYTHING, metadata=held(), files={"shop/kept.yaml": keep, "shop/a.yaml": config_map("a")}
    )
    await delete(argo)
    assert not await is_there(argo)
    assert await argo.find("configmaps", "a") is None
    assert await argo.find("configmaps", "kept") is not None


async def test_the_last_wave_goes_first(argo: Lab) -> None:
    stuck = json.loads(config_map("late", annotations={"argocd.argoproj.io/sync-wave": "5"}))
    stuck["metadata"]["finalizers"] = ["example.com/hold"]
    await start(
        argo,
        automated=EVERYTHING,
        metadata=held(),
        files={"shop/late.yaml": json.dumps(stuck), "shop/a.yaml": config_map("a")},
    )
    await delete(argo)
    assert await is_there(argo)
    late = await argo.find("configmaps", "late")
    assert late is not None
    assert late["metadata"]["deletionTimestamp"]
    assert await argo.find("configmaps", "a") is not None
    await argo.client("spoke").patch("configmaps", "shop", "late", {"metadata": {"finalizers": None}})
    await argo.settle()
    await argo.pass_time(2, 0.5)
    assert not await is_there(argo)
    assert await argo.find("configmaps", "a") is None


async def test_a_deletion_that_needs_approval_waits_for_it(argo: Lab) -> None:
    kept = config_map("a", annotations={"argocd.argoproj.io/sync-options": "Delete=confirm"})
    await start(argo, automated=EVERYTHING, metadata=held(), files={"shop/a.yaml": kept})
    await delete(argo)
    assert await is_there(argo)
    await argo.patch_app({"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": argo.now()}}})
    await argo.settle()
    assert not await is_there(argo)
    assert await argo.find("configmaps", "a") is None


async def test_an_application_whose_cluster_is_gone_is_let_go(argo: Lab) -> None:
    await start(argo, automated=EVERYTHING, metadata=held())
    await argo.client().delete("secrets", ARGOCD, "cluster-spoke")
    await argo.settle()
    await delete(argo)
    assert not await is_there(argo)
    assert await argo.find("configmaps", "a") is not None


async def test_a_missing_project_holds_an_application(argo: Lab) -> None:
    await start(argo, project="shop", metadata=held())
    await delete(argo)
    app = await argo.app()
    text = 'error getting app project "shop": appproject.argoproj.io "shop" not found'
    assert ("DeletionError", text) in conditions_of(app)
    assert ("Warning", "StatusRefreshed", f"Unable to delete application resources: {text}") in await argo.events()


def hook(name: str, kind: str) -> str:
    return json.dumps(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "annotations": {
                    "argocd.argoproj.io/hook": kind,
                    "argocd.argoproj.io/hook-delete-policy": "HookSucceeded",
                },
            },
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b"}]}}},
        }
    )


async def test_hooks_run_before_and_after(argo: Lab) -> None:
    await start(
        argo,
        automated=EVERYTHING,
        metadata=held(),
        files={
            "shop/a.yaml": config_map("a"),
            "shop/before.yaml": hook("before", "PreDelete"),
            "shop/after.yaml": hook("after", "PostDelete"),
        },
    )
    assert set((await argo.app())["metadata"]["finalizers"]) == {
        FINALIZER,
        "pre-delete-finalizer.argocd.argoproj.io",
        "pre-delete-finalizer.argocd.argoproj.io/cleanup",
        "post-delete-finalizer.argocd.argoproj.io",
        "post-delete-finalizer.argocd.argoproj.io/cleanup",
    }
    assert await argo.find("jobs.batch", "before") is None
    seen: list[tuple[str, str]] = []

    def note(change: Change) -> None:
        if change.storage in ("jobs.batch", "configmaps") and (change.old is None or change.new is None):
            obj = change.new if change.new is not None else change.old
            assert obj is not None
            seen.append((obj["metadata"]["name"], "made" if change.old is None else "gone"))

    argo.clusters["spoke"].rest.store.listen(note)
    await delete(argo)
    await argo.pass_time(5, 0.5)
    assert not await is_there(argo)
    order = [("before", "made"), ("a", "gone"), ("after", "made")]
    assert [one for one in seen if one in order] == order
    assert seen.index(("before", "gone")) > seen.index(("before", "made"))
    assert await argo.find("jobs.batch", "after") is None


async def test_a_project_waits_for_its_applications(argo: Lab) -> None:
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "shop", "namespace": ARGOCD, "finalizers": [FINALIZER]},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]},
    }
    await argo.client().create("appprojects.argoproj.io", project)
    await start(argo, project="shop", metadata=held())
    await argo.client().delete("appprojects.argoproj.io", ARGOCD, "shop")
    await argo.settle()
    assert await argo.find("appprojects.argoproj.io", "shop", ARGOCD, "hub") is not None
    await delete(argo)
    assert not await is_there(argo)
    assert await argo.find("appprojects.argoproj.io", "shop", ARGOCD, "hub") is None
