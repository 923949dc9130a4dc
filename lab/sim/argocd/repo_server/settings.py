"""What the environment of a repository server's container sets.

Source: Argo CD 3.6.1 `cmd/argocd-repo-server/commands/argocd_repo_server.go`, `reposerver/cache/cache.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.sim.argocd.durations import parse_duration
from lab.sim.quantity import NotAQuantity, parse
from lab.sim.render.directory import COMBINED_LIMIT


@dataclass(frozen=True, slots=True)
class Settings:
    """How one repository server works."""

    remember_references: float = 180.0
    """Seconds for which it does not ask git again what a branch stands for, unless it is told to."""
    failed_attempts: int = 3
    """Failures in a row after which a source is left alone."""
    failure_minutes: int = 60
    failure_requests: int = 0
    combined_limit: int = COMBINED_LIMIT
    """Bytes of a directory's manifests."""
    hidden_directories: bool = False
    """Whether git generators see folders whose name begins with a dot."""

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Settings:
        """By Argo CD's names; a value that cannot be read counts as none."""
        usual = cls()
        return cls(
            remember_references=_seconds(env.get("ARGOCD_RECONCILIATION_TIMEOUT", ""), usual.remember_references),
            failed_attempts=_number(env.get("ARGOCD_PAUSE_GEN_AFTER_FAILED_ATTEMPTS", ""), usual.failed_attempts),
            failure_minutes=_number(env.get("ARGOCD_PAUSE_GEN_MINUTES", ""), usual.failure_minutes),
            failure_requests=_number(env.get("ARGOCD_PAUSE_GEN_REQUESTS", ""), usual.failure_requests),
            combined_limit=_bytes(
                env.get("ARGOCD_REPO_SERVER_MAX_COMBINED_DIRECTORY_MANIFESTS_SIZE", ""), usual.combined_limit
            ),
            hidden_directories=env.get("ARGOCD_REPO_SERVER_INCLUDE_HIDDEN_DIRECTORIES", "") == "true",
        )


def _seconds(text: str, usual: float) -> float:
    try:
        return parse_duration(text)
    except ValueError:
        return usual


def _number(text: str, usual: int) -> int:
    try:
        return int(text)
    except ValueError:
        return usual


def _bytes(text: str, usual: int) -> int:
    try:
        return parse(text).value
    except NotAQuantity:
        return usual
