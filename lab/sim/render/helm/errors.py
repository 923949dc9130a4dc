"""Failures of Helm."""

from __future__ import annotations

from lab.sim.render.errors import RenderError


class HelmError(RenderError):
    """What `helm template` prints after `Error: `."""


class InvalidRelease(HelmError):
    """A release's name that Helm refuses; `why` is what it also logs."""

    def __init__(self, why: str) -> None:
        super().__init__(f"release name check failed: {why}")
        self.why = why
