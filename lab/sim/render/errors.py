"""What a renderer says when it cannot render."""

from __future__ import annotations


class RenderError(Exception):
    """The text that Argo CD's repository server, kustomize or Helm would show."""

    warnings: tuple[str, ...] = ()
    """Lines that a tool writes before its error."""
    code: str = "Unknown"
    """gRPC's name for what the repository server answers, which Argo CD shows before the text."""


class NotSupported(RenderError):
    """The source asks for something that the simulator does not do; the text names it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: not supported by the simulator; use --provider kind")
