"""One thing a sync has to do: a resource to apply or to prune, in one phase.

Source: Argo CD 3.6.1 `gitops-engine/pkg/sync/sync_task.go`.
"""

from __future__ import annotations

from lab.sim.argocd.live.key import ResourceKey, key_of
from lab.sim.argocd.sync import hooks
from lab.sim.argocd.sync.records import COMPLETED, PRUNED, RUNNING, SUCCEEDED
from lab.sim.objects import Object


class Task:
    """A target, a live object, or both; `phase`, `wave` and what became of it so far."""

    __slots__ = (
        "_wave",
        "is_hook",
        "key",
        "live",
        "message",
        "operation_state",
        "phase",
        "skip_dry_run",
        "status",
        "target",
        "wave_override",
    )

    def __init__(self, phase: str, target: Object | None, live: Object | None = None) -> None:
        """`target` None: `live` is to be pruned."""
        self.phase = phase
        self.target = target
        self.live = live
        self.skip_dry_run = False
        self.status = ""
        self.operation_state = ""
        self.message = ""
        self.wave_override: int | None = None
        self.is_hook = hooks.is_hook(self.obj)
        self.key: ResourceKey = key_of(self.obj)
        self._wave = hooks.wave(self.obj)

    @property
    def obj(self) -> Object:
        """The target, else the live object."""
        found = self.target if self.target is not None else self.live
        assert found is not None
        return found

    def place_in(self, namespace: str) -> None:
        """Give a target that names no namespace the destination's, whatever its scope is."""
        if self.target is not None and not self.key.namespace and namespace:
            self.target = {**self.target, "metadata": {**self.target.get("metadata", {}), "namespace": namespace}}
            self.key = self.key._replace(namespace=namespace)

    @property
    def api_version(self) -> str:
        """`apiVersion` of the object."""
        return str(self.obj.get("apiVersion") or "")

    @property
    def version(self) -> str:
        """The version within its group."""
        return self.api_version.rpartition("/")[2]

    @property
    def title(self) -> str:
        """`GROUP/KIND/NAME`, as messages name it."""
        return f"{self.key.group}/{self.key.kind}/{self.key.name}"

    @property
    def wave(self) -> int:
        """The wave it runs in."""
        return self._wave if self.wave_override is None else self.wave_override

    @property
    def result_key(self) -> tuple[ResourceKey, str]:
        """What its result is found by."""
        return self.key, self.phase

    @property
    def compared_key(self) -> ResourceKey:
        """The key under which it was compared: a cluster-wide live object has no namespace."""
        return self.key if self.live is None else self.key._replace(namespace=key_of(self.live).namespace)

    @property
    def is_prune(self) -> bool:
        """Whether it takes something away."""
        return self.target is None

    @property
    def pending(self) -> bool:
        """Whether nothing was done yet."""
        return not self.operation_state

    @property
    def running(self) -> bool:
        """Whether it was done and has not come to an end."""
        return self.operation_state == RUNNING

    @property
    def completed(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.operation_state in COMPLETED

    @property
    def successful(self) -> bool:
        """Whether it has come to a good end."""
        return self.operation_state == SUCCEEDED

    @property
    def pruned(self) -> bool:
        """Whether it was told to go."""
        return self.status == PRUNED

    @property
    def delete_before_creation(self) -> bool:
        """Whether an earlier run of this hook has to go first."""
        return self.live is not None and self.pending and self._has_policy(hooks.BEFORE_POLICY)

    @property
    def delete_on_success(self) -> bool:
        """Whether the hook goes once its phase has succeeded."""
        return self.live is not None and self._has_policy(hooks.SUCCEEDED_POLICY)

    @property
    def delete_on_failure(self) -> bool:
        """Whether the hook goes once its phase has failed."""
        return self.live is not None and self._has_policy(hooks.FAILED_POLICY)

    def _has_policy(self, policy: str) -> bool:
        return self.is_hook and policy in hooks.delete_policies(self.obj)
