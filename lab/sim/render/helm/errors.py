"""Failures of Helm."""

from __future__ import annotations

from lab.sim.render.errors import RenderError


class HelmError(RenderError):
    """What `helm template` prints after `Error: `."""
