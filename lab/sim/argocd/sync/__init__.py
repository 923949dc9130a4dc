"""Syncs: Argo CD's gitops-engine, as the application controller drives it."""

from __future__ import annotations

from lab.sim.argocd.sync.context import SyncContext
from lab.sim.argocd.sync.discovery import KubectlCache
from lab.sim.argocd.sync.records import Pair, ResourceResult, SyncOptions, SyncRequest, SyncState

__all__ = ["KubectlCache", "Pair", "ResourceResult", "SyncContext", "SyncOptions", "SyncRequest", "SyncState"]
