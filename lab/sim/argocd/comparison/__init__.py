"""Compares what an Application wants with what is live: Argo CD's `CompareAppState` without the rendering."""

from __future__ import annotations

from lab.sim.argocd.comparison.compare import compare
from lab.sim.argocd.comparison.diff import DiffError
from lab.sim.argocd.comparison.records import (
    CONDITION_TYPES,
    OUT_OF_SYNC,
    SYNCED,
    UNKNOWN,
    ComparedResource,
    Comparison,
    Condition,
    Difference,
)
from lab.sim.argocd.comparison.respected import respecting
from lab.sim.argocd.comparison.settings import ComparisonSettings, SettingsError, read_settings

__all__ = [
    "CONDITION_TYPES",
    "OUT_OF_SYNC",
    "SYNCED",
    "UNKNOWN",
    "ComparedResource",
    "Comparison",
    "ComparisonSettings",
    "Condition",
    "DiffError",
    "Difference",
    "SettingsError",
    "compare",
    "read_settings",
    "respecting",
]
