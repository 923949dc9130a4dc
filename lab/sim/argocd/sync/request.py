"""What the field `operation.sync` of an Application asks of a sync.

Source: Argo CD 3.6.1 `controller/sync.go` (SyncAppState, validateSyncPermissions),
`pkg/apis/application/v1alpha1/types.go` (SyncStrategy, SyncOperationResource, IsDeletionConfirmed).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from lab.sim.argocd.clusters import Cluster
from lab.sim.argocd.health import HealthOverride
from lab.sim.argocd.live.key import ResourceKey
from lab.sim.argocd.ports import ApiResource
from lab.sim.argocd.project import Project
from lab.sim.argocd.sync.delete_hooks import POST_DELETE, PRE_DELETE, is_delete_hook
from lab.sim.argocd.sync.options import value_of
from lab.sim.argocd.sync.records import MIGRATED_MANAGER, Pair, Permission, SyncOptions, SyncRequest
from lab.sim.argocd.tracking import Tracking, group_of
from lab.sim.clock import parse_timestamp
from lab.sim.objects import Object, name_of, namespace_of

if TYPE_CHECKING:
    from lab.sim.argocd.comparison.records import Comparison

DELETION_APPROVED = "argocd.argoproj.io/deletion-approved"
MIGRATION_MANAGER = "argocd.argoproj.io/client-side-apply-migration-manager"
_PROPAGATION = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


def sync_request(
    application: Object,
    sync: Object,
    comparison: Comparison,
    *,
    revision: str,
    started_at: float,
    project: Project,
    cluster: Cluster,
    tracking: Tracking,
    health_overrides: Mapping[str, HealthOverride] | None = None,
    wave_delay: float = 2.0,
    targets: Mapping[ResourceKey, Object] | None = None,
) -> SyncRequest:
    """The request an operation stands for.

    :param sync: `operation.sync`
    :param revision: the commit that was compared
    :param started_at: of the operation, in seconds since 1970
    :param cluster: the destination
    :param targets: with `RespectIgnoreDifferences` what takes the place of a comparison's targets
    """
    changed = targets or {}
    spec = application.get("spec") or {}
    options = sync.get("syncOptions") or ()
    creates = "CreateNamespace=true" in options
    return SyncRequest(
        pairs=[
            Pair(one.target and changed.get(one.key, one.target), one.live, one.difference.modified)
            for one in comparison.resources
        ],
        hooks=comparison.hooks,
        revision=revision,
        namespace=str((spec.get("destination") or {}).get("namespace") or ""),
        options=sync_options(application, sync, started_at),
        selected=selection(sync, tracking, name_of(application)),
        permitted=permission(project, cluster),
        create_namespace=creates,
        namespace_metadata=(spec.get("syncPolicy") or {}).get("managedNamespaceMetadata") if creates else None,
        health_overrides=health_overrides or {},
        wave_delay=wave_delay,
    )


def sync_options(application: Object, sync: Object, started_at: float) -> SyncOptions:
    """The options of an operation."""
    options: Sequence[str] = sync.get("syncOptions") or ()
    strategy = sync.get("syncStrategy") or {}
    way = strategy.get("apply") or strategy.get("hook") or {}
    annotations = application.get("metadata", {}).get("annotations") or {}
    propagation = value_of(options, "PrunePropagationPolicy") or ""
    manager = str(annotations.get(MIGRATION_MANAGER) or MIGRATED_MANAGER)
    return SyncOptions(
        dry_run=bool(sync.get("dryRun")),
        prune=bool(sync.get("prune")),
        force=bool(way.get("force")),
        skip_hooks=strategy.get("apply") is not None or bool(sync.get("resources")),
        validate="Validate=false" not in options,
        prune_last="PruneLast=true" in options,
        out_of_sync_only="ApplyOutOfSyncOnly=true" in options,
        replace="Replace=true" in options,
        server_side="ServerSideApply=true" in options,
        skip_dry_run_on_missing="SkipDryRunOnMissingResource=true" in options,
        propagation=_PROPAGATION.get(propagation, "Foreground"),
        default_prune=value_of(options, "Prune"),
        prune_confirmed=is_deletion_confirmed(application, started_at),
        migrate_manager="" if "ClientSideApplyMigration=false" in options else manager,
    )


def is_deletion_confirmed(application: Object, since: float) -> bool:
    """Whether somebody agreed to deletions at `since` (seconds since 1970) or later."""
    text = (application.get("metadata", {}).get("annotations") or {}).get(DELETION_APPROVED)
    if not text:
        return False
    try:
        return parse_timestamp(str(text)) >= since
    except ValueError:
        return False


def selection(
    sync: Object, tracking: Tracking, instance: str
) -> Callable[[ResourceKey, Object | None, Object | None], bool]:
    """Which resources an operation is about; never those whose mark was copied from another object."""
    wanted = sync.get("resources") or ()

    def selected(key: ResourceKey, target: Object | None, live: Object | None) -> bool:
        if wanted and not any(_is_meant(one, key) for one in wanted):
            hooks = target is not None and (is_delete_hook(target, PRE_DELETE) or is_delete_hook(target, POST_DELETE))
            if not hooks:
                return False
        return tracking.names_itself(live, target, instance)

    return selected


def _is_meant(wanted: Object, key: ResourceKey) -> bool:
    return (
        key.name == wanted.get("name")
        and key.kind == wanted.get("kind")
        and key.group == (wanted.get("group") or "")
        and (wanted.get("namespace") or key.namespace) == key.namespace
    )


def permission(project: Project, cluster: Cluster) -> Permission:
    """A project's word on deploying an object to a cluster."""

    def wrong(obj: Object, resource: ApiResource) -> str:
        group, kind = group_of(obj), str(obj.get("kind") or "")
        if not project.permits_kind(group, kind, name_of(obj), namespaced=resource.namespaced):
            return f"resource {group}:{kind} is not permitted in project {project.name}"
        namespace = namespace_of(obj)
        if resource.namespaced and not project.permits_destination(cluster, namespace):
            return f"namespace {namespace} is not permitted in project '{project.name}'"
        return ""

    return wrong
