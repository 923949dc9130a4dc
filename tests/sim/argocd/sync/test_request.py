"""What an Application's field `operation` asks of a sync, and how its state is kept between passes."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.ports import ApiResource
from lab.sim.argocd.project import Project
from lab.sim.argocd.sync import ResourceResult, SyncOptions, SyncState
from lab.sim.argocd.sync.request import is_deletion_confirmed, permission, selection, sync_options
from lab.sim.argocd.tracking import Tracking
from tests.sim.argocd.sync.destination import manifests
from tests.sim.argocd.sync.test_hooks import SETTINGS, job

SETTINGS_KEY = ResourceKey("", "ConfigMap", "shop", "settings")


def _asks(options: list[str] | None = None, annotations: dict[str, str] | None = None, **sync: Any) -> SyncOptions:
    application = {"metadata": {"name": "web", "annotations": annotations or {}}}
    return sync_options(application, {"syncOptions": options or [], **sync}, 0.0)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (_asks(), SyncOptions()),
        (_asks(prune=True, dryRun=True), SyncOptions(prune=True, dry_run=True)),
        (_asks(["Validate=false", "PruneLast=true"]), SyncOptions(validate=False, prune_last=True)),
        (_asks(["Replace=true", "ServerSideApply=true"]), SyncOptions(replace=True, server_side=True)),
        (_asks(["ApplyOutOfSyncOnly=true"]), SyncOptions(out_of_sync_only=True)),
        (_asks(["SkipDryRunOnMissingResource=true"]), SyncOptions(skip_dry_run_on_missing=True)),
        (_asks(["PrunePropagationPolicy=background"]), SyncOptions(propagation="Background")),
        (_asks(["PrunePropagationPolicy=orphan"]), SyncOptions(propagation="Orphan")),
        (_asks(["PrunePropagationPolicy=sometimes"]), SyncOptions(propagation="Foreground")),
        (_asks(["Prune=confirm"]), SyncOptions(default_prune="confirm")),
        (_asks(["ClientSideApplyMigration=false"]), SyncOptions(migrate_manager="")),
        (
            _asks(annotations={"argocd.argoproj.io/client-side-apply-migration-manager": "flux"}),
            SyncOptions(migrate_manager="flux"),
        ),
        (_asks(syncStrategy={"apply": {"force": True}}), SyncOptions(force=True, skip_hooks=True)),
        (_asks(syncStrategy={"apply": {}}), SyncOptions(skip_hooks=True)),
        (_asks(syncStrategy={"hook": {"force": True}}), SyncOptions(force=True)),
        (_asks(resources=[{"kind": "Service", "name": "web"}]), SyncOptions(skip_hooks=True)),
    ],
)
def test_options_of_an_operation(found: SyncOptions, wanted: SyncOptions) -> None:
    assert found == wanted


@pytest.mark.parametrize(
    ("resource", "meant"),
    [
        ({"kind": "ConfigMap", "name": "settings"}, True),
        ({"kind": "ConfigMap", "name": "settings", "namespace": "shop"}, True),
        ({"kind": "ConfigMap", "name": "settings", "namespace": "other"}, False),
        ({"kind": "ConfigMap", "name": "settings", "group": "apps"}, False),
        ({"kind": "Secret", "name": "settings"}, False),
    ],
)
def test_a_partial_sync_is_about_what_it_names(resource: dict[str, str], meant: bool) -> None:
    target = manifests(SETTINGS)[0]
    assert selection({"resources": [resource]}, Tracking(), "web")(SETTINGS_KEY, target, None) is meant


def test_hooks_of_a_deletion_are_no_part_of_the_choice() -> None:
    target = manifests(job("before", "PreDelete"))[0]
    key = ResourceKey("batch", "Job", "shop", "before")
    selected = selection({"resources": [{"kind": "ConfigMap", "name": "settings"}]}, Tracking(), "web")
    assert selected(key, target, None)


def test_what_bears_the_mark_of_another_object_is_left_alone() -> None:
    target = manifests(SETTINGS)[0]
    copied = {**target, "metadata": {**target["metadata"], "name": "copy", "namespace": "shop"}}
    assert not selection({}, Tracking(), "web")(SETTINGS_KEY._replace(name="copy"), None, copied)
    live = {**target, "metadata": {**target["metadata"], "namespace": "shop"}}
    assert selection({}, Tracking(), "web")(SETTINGS_KEY, live, live)


@pytest.mark.parametrize(
    ("text", "confirmed"),
    [
        ("2026-11-23T09:00:00Z", True),
        ("2026-11-23T08:59:59Z", False),
        ("2026-11-23T10:00:01+01:00", True),
        ("yes", False),
        (None, False),
    ],
)
def test_confirmation_counts_from_when_it_was_asked_for(text: str | None, confirmed: bool) -> None:
    annotations = {} if text is None else {"argocd.argoproj.io/deletion-approved": text}
    since = 1795424400.0  # 2026-11-23T09:00:00Z
    assert is_deletion_confirmed({"metadata": {"annotations": annotations}}, since) is confirmed


def test_a_project_has_its_say() -> None:
    spec = {
        "destinations": [{"server": "*", "namespace": "shop"}],
        "namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
    }
    wrong = permission(Project({"metadata": {"name": "strict"}, "spec": spec}), Cluster("https://x", "x"))

    def said(kind: str, namespace: str, *, namespaced: bool = True) -> str:
        obj = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a", "namespace": namespace}}
        return wrong(obj, ApiResource("", "v1", kind, "any", namespaced))

    assert said("ConfigMap", "shop") == ""
    assert said("ConfigMap", "default") == "namespace default is not permitted in project 'strict'"
    assert said("Secret", "shop") == "resource :Secret is not permitted in project strict"
    assert said("Node", "shop", namespaced=False) == "resource :Node is not permitted in project strict"


def test_results_are_stored_and_read_again() -> None:
    result = ResourceResult(
        SETTINGS_KEY, "v1", "Synced", "configmap/settings created", "", "Running", "Sync", images=("a", "b")
    )
    assert result.entry() == {
        "group": "",
        "version": "v1",
        "kind": "ConfigMap",
        "namespace": "shop",
        "name": "settings",
        "status": "Synced",
        "message": "configmap/settings created",
        "hookPhase": "Running",
        "syncPhase": "Sync",
        "images": ["a", "b"],
    }
    stored = {"phase": "Running", "message": "waiting", "syncResult": {"resources": [result.entry()]}}
    assert SyncState.read(stored, 5.0) == SyncState("Running", "waiting", (result,), 5.0)
    assert SyncState.read({"phase": "Running"}, 5.0) == SyncState("Running", "", (), 5.0)
