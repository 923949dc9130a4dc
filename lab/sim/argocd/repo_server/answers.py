"""What the repository server answers when it cannot, as its clients read it over gRPC."""

from __future__ import annotations

from lab.sim.argocd.ports import RepoError
from lab.sim.render.errors import RenderError

_INNER = ("FailedPrecondition", "Internal", "PermissionDenied")


class Refusal(Exception):
    """An error inside the repository server; `code` is gRPC's name for it."""

    def __init__(self, text: str, code: str = "Unknown") -> None:
        super().__init__(text)
        self.code = code


def refusal(error: RenderError) -> Refusal:
    """A renderer's error as the server's own."""
    return Refusal(str(error), error.code)


def told(error: Refusal) -> RepoError:
    """As a client is told."""
    return RepoError(f"rpc error: code = {error.code} desc = {error}")


def nested(error: Refusal) -> str:
    """The error as text inside another one: a code that came with it comes along."""
    return str(told(error)) if error.code in _INNER else str(error)
