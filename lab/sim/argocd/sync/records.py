"""What a sync is asked to do, and what it says of itself: the records around `SyncContext`.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/common/types.go`, `gitops-engine/pkg/sync/sync_context.go` (SyncOpt),
`pkg/apis/application/v1alpha1/types.go` (ResourceResult).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.sim.argocd.health import HealthOverride
from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.ports import ApiResource
from lab.sim.objects import Object

RUNNING, TERMINATING, FAILED, ERROR, SUCCEEDED = "Running", "Terminating", "Failed", "Error", "Succeeded"
"""Phases of an operation, of a hook and of a resource."""
COMPLETED = frozenset((FAILED, ERROR, SUCCEEDED))

PRE_SYNC, SYNC, POST_SYNC, SYNC_FAIL = "PreSync", "Sync", "PostSync", "SyncFail"
"""Phases of a sync."""

SYNCED, SYNC_FAILED, PRUNED, PRUNE_SKIPPED = "Synced", "SyncFailed", "Pruned", "PruneSkipped"
"""What became of a resource."""

MANAGER = "argocd-controller"
"""Field manager of what is applied, client-side or server-side."""
CLIENT_MANAGER = "argocd-application-controller"
"""Field manager of everything else: what a server makes of the controller's `User-Agent`."""
MIGRATED_MANAGER = "kubectl-client-side-apply"
"""Whose fields are taken over before the first server-side apply."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A resource as Git has it and as the cluster has it; one of the two may be missing."""

    target: Object | None
    """None: to be pruned."""
    live: Object | None
    modified: bool | None = None
    """Whether the comparison found a difference; None where it was not compared. For `ApplyOutOfSyncOnly`."""

    @property
    def key(self) -> ResourceKey:
        """Of the live object, else of the target."""
        obj = self.live if self.live is not None else self.target
        assert obj is not None
        return key_of(obj)


@dataclass(frozen=True, slots=True)
class ResourceResult:
    """What a sync did with one resource in one phase: an entry of `operationState.syncResult.resources`."""

    key: ResourceKey
    version: str = ""
    status: str = ""
    """`Synced`, `SyncFailed`, `Pruned`, `PruneSkipped`, or "" for a hook that was not applied."""
    message: str = ""
    hook_type: str = ""
    """The phase, for a hook; "" for a resource."""
    hook_phase: str = ""
    """How far it has come, also for resources: `Running`, `Succeeded` …"""
    sync_phase: str = SYNC
    images: tuple[str, ...] = ()

    @classmethod
    def read(cls, entry: Object) -> ResourceResult:
        """The result a stored entry tells of."""
        return cls(
            ResourceKey(*(str(entry.get(one) or "") for one in ("group", "kind", "namespace", "name"))),
            str(entry.get("version") or ""),
            str(entry.get("status") or ""),
            str(entry.get("message") or ""),
            str(entry.get("hookType") or ""),
            str(entry.get("hookPhase") or ""),
            str(entry.get("syncPhase") or ""),
            tuple(entry.get("images") or ()),
        )

    def entry(self) -> Object:
        """As it is stored: group, kind, namespace, name and version always stand, the rest when it says something."""
        made: Object = {**self.key._asdict(), "version": self.version}
        optional = {
            "status": self.status,
            "message": self.message,
            "hookType": self.hook_type,
            "hookPhase": self.hook_phase,
            "syncPhase": self.sync_phase,
            "images": list(self.images),
        }
        return made | {key: value for key, value in optional.items() if value}


@dataclass(frozen=True, slots=True)
class SyncState:
    """How far an operation has come: what is read back when the next pass goes on with it."""

    phase: str = RUNNING
    message: str = ""
    results: Sequence[ResourceResult] = ()
    """In the order they were made."""
    started_at: float = 0.0
    """Seconds since 1970."""

    @classmethod
    def read(cls, operation_state: Object, started_at: float) -> SyncState:
        """The state an Application's `status.operationState` tells of."""
        entries = (operation_state.get("syncResult") or {}).get("resources") or ()
        return cls(
            str(operation_state.get("phase") or ""),
            str(operation_state.get("message") or ""),
            tuple(ResourceResult.read(one) for one in entries),
            started_at,
        )


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What an operation's `syncOptions` and `syncStrategy` ask for."""

    dry_run: bool = False
    prune: bool = False
    force: bool = False
    skip_hooks: bool = False
    validate: bool = True
    prune_last: bool = False
    out_of_sync_only: bool = False
    replace: bool = False
    server_side: bool = False
    skip_dry_run_on_missing: bool = False
    propagation: str = "Foreground"
    """Of deletions: `Foreground`, `Background` or `Orphan`."""
    default_prune: str | None = None
    """`Prune=` of the Application: `confirm`, `false` …; None when it says nothing."""
    prune_confirmed: bool = False
    migrate_manager: str = MIGRATED_MANAGER
    """Manager whose fields are taken over before a server-side apply; "" for nobody's."""


Permission = Callable[[Object, ApiResource], str]
"""What is wrong with deploying an object, "" when the project permits it."""


def permit_all(_obj: Object, _resource: ApiResource) -> str:
    """Nothing is wrong."""
    return ""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """A sync of one Application: what is wanted, what is there, and how to go about it."""

    pairs: Sequence[Pair]
    """Everything compared; live hooks too, with no target."""
    hooks: Sequence[Object] = ()
    """Hooks as Git has them."""
    revision: str = ""
    """The commit; names of hooks with `generateName` are made from it."""
    namespace: str = ""
    """Of the destination."""
    options: SyncOptions = field(default_factory=SyncOptions)
    selected: Callable[[ResourceKey, Object | None, Object | None], bool] | None = None
    """Which resources (key, target, live) take part; None for all."""
    permitted: Permission = permit_all
    create_namespace: bool = False
    namespace_metadata: Mapping[str, Mapping[str, str]] | None = None
    """`spec.syncPolicy.managedNamespaceMetadata`, with `create_namespace` only."""
    health_overrides: Mapping[str, HealthOverride] = field(default_factory=dict)
    wave_delay: float = 2.0
    """Seconds after each wave but the last."""
