"""Argo CD's repository server: from a source of an Application to its objects.

`LabRepoServer` is the server of one Argo CD; `Renderer` and `Checkouts` are shared by all of a daemon.
"""

from __future__ import annotations

from lab.sim.argocd.repo_server.addresses import Addresses
from lab.sim.argocd.repo_server.checkouts import Checkouts
from lab.sim.argocd.repo_server.renderer import Renderer
from lab.sim.argocd.repo_server.rendering import Tools
from lab.sim.argocd.repo_server.server import LabRepoServer
from lab.sim.argocd.repo_server.settings import Settings

__all__ = ["Addresses", "Checkouts", "LabRepoServer", "Renderer", "Settings", "Tools"]
