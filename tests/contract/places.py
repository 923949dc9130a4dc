"""Every provider on a machine of its own, and simulated labs for whoever wants a fast and whole one."""

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.events import ChangeMade, Event
from lab.ports import Clock, Kube, Provider
from lab.providers.sim import Sim
from lab.recording import Switch
from lab.settings import Settings
from lab.shell import SystemShell
from lab.sim import control
from lab.state import LabFolder, Options, Record
from lab.waiting import SystemClock, wait_until
from tests.fakes.world import living
from tests.sim.killing import Zygote, answering

PURPOSES = ("api:hub", "api:w1", "ui:hub", "git")


@dataclass
class Place:
    """A machine with one provider."""

    name: str
    home: Path
    settings: Settings
    open: Callable[[str, Switch], Provider]
    """The provider of a lab in a process without memory."""
    clock: Clock
    images: tuple[str, ...] = ()
    """What every cluster is made of."""
    events: list[Event] = field(default_factory=list)

    def lab(self, name: str = "lab") -> Provider:
        """A new process."""
        switch = Switch()
        switch.target = self.events.append
        return self.open(name, switch)

    def folder(self, name: str = "lab") -> LabFolder:
        return LabFolder(self.home, name)

    def comes_up(self, kube: Kube) -> bool:
        """Whether the API answers, now or after the time a cluster may take."""

        def silent() -> str:
            try:
                return "" if kube.raw("/readyz")[0] == 200 else "not ready"
            except LabError as error:
                return error.what

        cancel = threading.Event()
        wait_until(silent, awaited="the API", timeout=240, clock=self.clock, cancel=cancel, interval=0.05)
        return True

    def changes(self) -> list[str]:
        """What was changed since the last call, as commands."""
        found = [event.command for event in self.events if isinstance(event, ChangeMade)]
        self.events.clear()
        return found


def recorded(settings: Settings, name: str, provider: str, options: Options | None = None) -> LabFolder:
    """A lab's folder with its record."""
    folder = LabFolder(settings.home, name)
    if folder.record() is None:
        record = Record(
            name=name, scenario="s", folder="/s", provider=provider, digest="", options=options or Options()
        )
        folder.save(record)
        for purpose in PURPOSES:
            folder.port(purpose)
    return folder


@contextlib.contextmanager
def kind() -> Iterator[Place]:
    """kind on a Docker in memory."""
    with living() as world:

        def opened(name: str, switch: Switch) -> Provider:
            recorded(world.settings, name, "kind")
            lab = world.lab(name=name)
            lab.sink.target = switch
            return lab.provider

        images = (world.settings.node_image, world.settings.git_image)
        yield Place(
            name="kind",
            home=world.settings.home,
            settings=world.settings,
            open=opened,
            clock=world.clock,
            images=images,
        )


@contextlib.contextmanager
def sim() -> Iterator[Place]:
    """The simulator itself, its processes forked from one that has imported everything."""
    zygote, folder = Zygote(), Path(tempfile.mkdtemp(prefix="lab-sim-"))
    settings = Settings.from_environment({"HOME": str(folder), "LAB_HOME": str(folder / "home")})

    def start(home: Path) -> control.Control:
        return control.connect(home) or answering(home, zygote.start(home))

    def opened(name: str, switch: Switch) -> Provider:
        parts = SystemShell(switch), SystemClock(), threading.Event(), switch
        return Sim(settings, recorded(settings, name, "sim"), *parts, start=start)

    try:
        yield Place(name="sim", home=settings.home, settings=settings, open=opened, clock=SystemClock())
    finally:
        for address in settings.home.glob("labs/*/sim/daemon.json"):
            running = control.connect(address.parent)
            if running is not None:
                running.stop()
        zygote.close()
        shutil.rmtree(folder, ignore_errors=True)


PLACES: dict[str, Callable[[], contextlib.AbstractContextManager[Place]]] = {"kind": kind, "sim": sim}
