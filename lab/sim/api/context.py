"""Who asks, and how: what every request carries beside its object."""

from __future__ import annotations

from dataclasses import dataclass, field

STRICT, WARN, IGNORE = "Strict", "Warn", "Ignore"


@dataclass(frozen=True, slots=True)
class User:
    """Someone the cluster knows, as `kubectl auth whoami` tells it."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


ADMIN = User("kubernetes-admin", ("kubeadm:cluster-admins", "system:masters", "system:authenticated"))
"""The user of the kubeconfig a cluster is handed out with."""


@dataclass(slots=True)
class Context:
    """One request's circumstances."""

    user: User = ADMIN
    manager: str = "unknown"
    """The field manager that is written into `metadata.managedFields`."""
    dry_run: bool = False
    validation: str = WARN
    """What to do about unknown and duplicate fields: `Strict`, `Warn` or `Ignore`."""
    duplicates: tuple[str, ...] = ()
    """Paths of keys that stood twice in the body."""
    warnings: list[str] = field(default_factory=list)
    """Sent as `Warning` headers."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """`metav1.DeleteOptions`."""

    propagation: str = ""
    """`Background`, `Foreground`, `Orphan` or "" for the resource's default."""
    grace: int | None = None
    """Seconds; None for the object's own."""
    uid: str = ""
    """Delete only the object with this uid; "" for any."""
    resource_version: str = ""
    """Delete only at this resourceVersion; "" for any."""
