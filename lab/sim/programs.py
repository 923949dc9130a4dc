"""Programs that run inside this process when a simulated pod's command names them.

The kubelet of a simulated cluster starts a program when its pod becomes Ready and cancels it when the container stops,
so scaling a Deployment to zero really stops what it does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lab.sim.client import Client
from lab.sim.clock import Clock


@dataclass(frozen=True, slots=True)
class Process:
    """What a program is given: the circumstances of the one container it runs in."""

    client: Client
    """Acts as the pod's service account."""
    clock: Clock
    namespace: str
    pod: str
    container: str
    argv: tuple[str, ...]
    """The container's command and args, with `$(NAME)` replaced."""
    env: Mapping[str, str]
    """The container's environment, resolved from ConfigMaps, Secrets and the pod's fields."""
    log: Callable[[str], None]
    """Write one line to the container's log."""
    account: str = "default"
    """The pod's service account, whom `client` acts as."""


Factory = Callable[[Process], Awaitable[None]]
"""Runs until its work is done or it is cancelled. Returning ends the container with exit code 0, raising with 1."""
ClientFor = Callable[[str, str], Client]
"""A client that acts as the service account (namespace, name)."""

_WRAPPERS = frozenset(["tini", "dumb-init", "entrypoint.sh", "docker-entrypoint.sh", "env", "exec"])


class Programs:
    """The programs a cluster knows, by the name of their executable."""

    def __init__(self) -> None:
        self._factories: dict[str, Factory] = {}

    def register(self, name: str, factory: Factory) -> None:
        """Run `factory` for containers whose executable is called `name`, whatever directory it stands in."""
        self._factories[name] = factory

    def find(self, argv: Sequence[str]) -> tuple[str, Factory] | None:
        """The program a command line starts, behind wrappers such as `tini --`; None for an ordinary container."""
        if not self._factories:
            return None
        for word in argv:
            name = PurePosixPath(word).name
            factory = self._factories.get(name)
            if factory is not None:
                return name, factory
            if name not in _WRAPPERS and not word.startswith("-"):
                return None
        return None
