"""Where clusters come from. One module a provider; nothing outside asks which one it has.

What is told here of providers is data, so that a command line can show it without loading any of them.
"""

from typing import TYPE_CHECKING

from lab.errors import LabError

if TYPE_CHECKING:
    import threading

    from lab.model import Capability
    from lab.ports import Clock, Provider, Shell, Sink
    from lab.settings import Settings
    from lab.state import LabFolder

NAMES = ("kind", "sim")
CAPABILITIES: "dict[str, frozenset[Capability]]" = {
    "kind": frozenset({"can_create", "runs_containers", "has_network", "keeps_time"}),
    "sim": frozenset({"can_create", "keeps_time"}),
}
"""By name, what each can do. A simulated network is none: pods do not run, so none of them reaches another."""
SIMULATED = frozenset({"sim"})
"""Providers whose clusters answer like real ones and run nothing."""


def make(
    name: str,
    settings: "Settings",
    folder: "LabFolder",
    shell: "Shell",
    clock: "Clock",
    cancel: "threading.Event",
    sink: "Sink",
) -> "Provider":
    """The provider of that name for one lab.

    :raises LabError: `usage` for a name that is not in NAMES
    """
    arguments = settings, folder, shell, clock, cancel, sink
    if name == "kind":
        from lab.providers.kind import Kind

        return Kind(*arguments)
    if name == "sim":
        from lab.providers.sim import Sim

        return Sim(*arguments)
    raise LabError("usage", problem=f"there is no provider {name}; known: {', '.join(NAMES)}")


def simulated(name: str) -> bool:
    """Whether the clusters of that provider are simulated, which everything that shows them says."""
    return name in SIMULATED


def spoken(name: str) -> str:
    """The provider as it is shown to people: a simulated one says that it is."""
    return f"{name} (simulated)" if simulated(name) else name


def choose(wanted: str) -> tuple[str, str]:
    """The provider to take and, in one line, why: kind where Docker answers, else the simulator.

    :param wanted: a name, or `auto`
    """
    if wanted != "auto":
        return wanted, "as asked"
    from lab.containers import connect

    try:
        connect()
    except LabError as error:
        return "sim", f"{error.what}; pods run nothing"
    return "kind", "Docker answers"


def anticipate(name: str, lab: str) -> None:
    """Begin what takes the provider long when this lab is made, and leaves nothing behind if it is not.

    Nothing happens for a lab that exists, or a provider that has nothing to begin with.
    """
    from lab.settings import Settings
    from lab.state import LabFolder

    if name == "sim" and not LabFolder(Settings.from_environment().home, lab).path.exists():
        from lab.sim import control

        control.anticipate()
