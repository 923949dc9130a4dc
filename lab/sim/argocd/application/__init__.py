"""Argo CD's application controller: compares every Application with its cluster, and syncs it."""

from __future__ import annotations

from lab.sim.argocd.application.controller import ApplicationController, run

__all__ = ["ApplicationController", "run"]
