"""Where clusters come from. One module a provider; nothing outside asks which one it has."""

import threading
from collections.abc import Callable

from lab.errors import LabError
from lab.ports import Clock, Provider, Shell, Sink
from lab.settings import Settings
from lab.state import LabFolder

NAMES = ("kind",)


def make(
    name: str,
    settings: Settings,
    folder: LabFolder,
    shell: Shell,
    clock: Clock,
    cancel: threading.Event,
    sink: Sink,
) -> Provider:
    """The provider of that name for one lab.

    :raises LabError: `usage` for a name that is not in NAMES
    """
    makers: dict[str, Callable[..., Provider]] = {"kind": _kind}
    if name not in makers:
        raise LabError("usage", problem=f"there is no provider {name}; known: {', '.join(NAMES)}")
    return makers[name](settings, folder, shell, clock, cancel, sink)


def _kind(*arguments: object) -> Provider:
    from lab.providers.kind import Kind

    return Kind(*arguments)  # type: ignore[arg-type]


def choose(wanted: str) -> tuple[str, str]:
    """The provider to take and, in one line, why.

    :param wanted: a name, or `auto`
    """
    if wanted != "auto":
        return wanted, "as asked"
    from lab.containers import connect

    connect()
    return "kind", "Docker answers"
