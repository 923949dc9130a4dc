"""A Docker engine in memory: containers, networks and images, as much of them as the lab looks at."""

import itertools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError

if TYPE_CHECKING:
    from tests.fakes.world import World

Row = dict[str, Any]
HOST = "unix:///var/run/docker.sock"


@dataclass
class Container:
    """One container; `inside` plays the program in it."""

    name: str
    image: str
    id: str
    labels: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, str] = field(default_factory=dict)
    """Path inside -> path on the host."""
    ports: dict[int, int] = field(default_factory=dict)
    """Port inside -> port on 127.0.0.1."""
    networks: dict[str, list[str]] = field(default_factory=dict)
    """Network -> names the container has there."""
    environment: dict[str, str] = field(default_factory=dict)
    state: str = "created"
    files: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    """Images in the node's own store."""
    inside: Any = None

    @property
    def running(self) -> bool:
        return self.state == "running"

    def row(self) -> Row:
        """As the list of containers shows it: ports only while it runs."""
        ports = [
            {"IP": "127.0.0.1", "PrivatePort": inside, "PublicPort": outside, "Type": "tcp"}
            for inside, outside in self.ports.items()
        ]
        return {
            "Id": self.id,
            "Names": [f"/{self.name}"],
            "Image": self.image,
            "State": self.state,
            "Labels": dict(self.labels),
            "Mounts": self._mounts(),
            "Ports": ports if self.running else [],
            "NetworkSettings": {"Networks": {name: {} for name in self.networks}},
        }

    def inspected(self) -> Row:
        bindings = {
            f"{inside}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(outside)}]
            for inside, outside in self.ports.items()
        }
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "State": {"Status": self.state, "Running": self.running},
            "Config": {"Labels": dict(self.labels), "Image": self.image},
            "HostConfig": {"PortBindings": bindings},
            "Mounts": self._mounts(),
            "NetworkSettings": {"Networks": {name: {} for name in self.networks}},
        }

    def _mounts(self) -> list[Row]:
        return [{"Type": "bind", "Source": source, "Destination": inside} for inside, source in self.mounts.items()]


class FakeDocker:
    """The methods of `lab.containers.Docker`; what changes something goes through the world's effects."""

    host = HOST

    def __init__(self, world: "World", volumes: Path) -> None:
        self.world = world
        self.folder = volumes
        self.all: dict[str, Container] = {}
        self.nets: dict[str, dict[str, str]] = {}
        """Network -> labels."""
        self.images: set[str] = set()
        self.registry: set[str] = set()
        """What can be pulled."""
        self.taken: set[int] = set()
        """Ports of this machine that other programs listen on."""
        self.down = False
        self._ids = itertools.count(1)

    # --- what a test uses ----------------------------------------------------------------------------------------

    def add(self, container: Container) -> Container:
        """Put a container there, running, as somebody else would."""
        container.state = "running"
        self.all[container.name] = container
        for name in container.networks:
            self.nets.setdefault(name, {})
        return container

    def new_id(self) -> str:
        return f"{next(self._ids):064x}"

    def volume(self, container: Container) -> Path:
        """What the container keeps; it goes with the container."""
        path = self.folder / container.id[-8:]
        path.mkdir(parents=True, exist_ok=True)
        return path

    def stop_engine(self) -> None:
        """The daemon ends and its containers with it."""
        self.down = True
        for container in self.all.values():
            if container.running:
                self.halt(container)

    # --- what programs of this machine do (kind uses them as well) -------------------------------------------------

    def boot(self, container: Container) -> None:
        """Start a container that exists.

        :raises LabError: `docker-failed` when one of its ports is taken
        """
        busy = self.taken | {
            port
            for other in self.all.values()
            if other.running and other is not container
            for port in other.ports.values()
        }
        for port in container.ports.values():
            if port in busy:
                text = (
                    f"driver failed programming external connectivity on endpoint {container.name}: "
                    f"Bind for 127.0.0.1:{port} failed: port is already allocated"
                )
                raise LabError("docker-failed", problem=text, details=text)
        container.state = "running"
        self.volume(container)
        if container.inside is not None:
            container.inside.start()

    def halt(self, container: Container) -> None:
        container.state = "exited"
        if container.inside is not None:
            container.inside.stop()

    def destroy(self, name: str) -> None:
        container = self.all.pop(name)
        if container.inside is not None:
            container.inside.stop()
        shutil.rmtree(self.volume(container))

    def made(self, container: Container) -> Container:
        """A new container that does not run yet."""
        if container.name in self.all:
            text = f'Conflict. The container name "/{container.name}" is already in use'
            raise LabError("docker-failed", problem=text, details=text)
        if container.image not in self.images:
            text = f"No such image: {container.image}"
            raise LabError("docker-failed", problem=text, details=text)
        for network in container.networks:
            if network not in self.nets:
                text = f"network {network} not found"
                raise LabError("docker-failed", problem=text, details=text)
        self.all[container.name] = container
        return container

    # --- lab.containers.Docker: reading ----------------------------------------------------------------------------

    def info(self) -> Row:
        self._look("info")
        return {"ServerVersion": "29.0.0", "DockerRootDir": "/var/lib/docker"}

    def version(self) -> Row:
        self._look("version")
        return {"ApiVersion": "1.50", "Os": "linux", "Arch": "amd64"}

    def containers(self, all: bool = True, filters: dict[str, Any] | None = None) -> list[Row]:
        self._look("containers")
        rows = [container.row() for container in list(self.all.values()) if all or container.running]
        for name, value in (filters or {}).items():
            if name == "label":
                rows = [row for row in rows if value in (*row["Labels"], *map("=".join, row["Labels"].items()))]
            elif name == "network":
                rows = [row for row in rows if value in row["NetworkSettings"]["Networks"]]
            else:
                raise AssertionError(f"the fake knows no filter {name}")
        return rows

    def inspect(self, name: str) -> Row | None:
        self._look("inspect")
        found = self._find(name)
        return found.inspected() if found else None

    def networks(self) -> list[Row]:
        self._look("networks")
        return [{"Name": name, "Labels": dict(labels)} for name, labels in self.nets.items()]

    def network(self, name: str) -> Row | None:
        return next((row for row in self.networks() if row["Name"] == name), None)

    def image_id(self, reference: str) -> str:
        self._look("image")
        return f"sha256:{reference}" if reference in self.images else ""

    def has_image(self, reference: str) -> bool:
        return bool(self.image_id(reference))

    def memory(self, name: str) -> int:
        self._look("stats")
        found = self._find(name)
        return 500_000_000 if found and found.running else 0

    def volumes(self) -> list[Row]:
        self._look("volumes")
        return [{"Name": container.id[-8:]} for container in self.all.values()]

    # --- lab.containers.Docker: changing ---------------------------------------------------------------------------

    def pull(self, reference: str, progress: Callable[[str], None]) -> None:
        def do() -> None:
            if reference not in self.registry:
                raise LabError("image-unavailable", image=reference, reason="manifest unknown")
            self.images.add(reference)

        self._change(f"pull {reference}", do)
        progress(f"{reference}: Pull complete")

    def create_network(self, name: str, labels: dict[str, str], subnet: str = "") -> None:
        self._change(f"network create {name}", lambda: self.nets.__setitem__(name, dict(labels)))

    def remove_network(self, name: str) -> None:
        if name not in self.nets:
            return
        if any(c.running and name in c.networks for c in self.all.values()):
            text = f"error while removing network: network {name} has active endpoints"
            raise LabError("docker-failed", problem=text, details=text)
        self._change(f"network rm {name}", lambda: self.nets.pop(name))

    def run(
        self,
        *,
        name: str,
        image: str,
        labels: dict[str, str],
        environment: dict[str, str],
        ports: dict[int, int],
        network: str,
        aliases: list[str],
    ) -> None:
        def make() -> Container:
            container = Container(
                name=name,
                image=image,
                id=self.new_id(),
                labels=dict(labels),
                environment=dict(environment),
                ports=dict(ports),
                networks={network: [name, *aliases]},
            )
            container.inside = self.world.program(container)
            return self.made(container)

        self._change(f"run {name}", lambda: self.boot(make()), half=make)

    def start(self, name: str) -> None:
        self._change(f"start {name}", lambda: self.boot(self._known(name)))

    def stop(self, name: str, timeout: int) -> None:
        found = self._find(name)
        if found is not None and found.running:
            self._change(f"stop {name}", lambda: self.halt(found))

    def remove(self, name: str) -> None:
        found = self._find(name)
        if found is not None:
            self._change(f"rm {name}", lambda: self.destroy(found.name))

    def exec(self, name: str, argv: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
        self._look("exec")
        container = self._known(name)
        if not container.running:
            text = f"container {container.id} is not running"
            raise LabError("docker-failed", problem=text, details=text)
        match argv:
            case ["test", "-e", path]:
                return (0 if path in container.files else 1), ""
            case ["touch", path]:
                self._change(f"exec {container.name} touch", lambda: container.files.add(path))
                return 0, ""
            case ["ctr", "-n", "k8s.io", "images", "ls", "-q"]:
                return 0, "\n".join(sorted(container.images))
            case _ if container.inside is not None:
                return self._change(f"exec {container.name} {argv[0]}", lambda: container.inside.execute(argv))
        raise AssertionError(f"the fake cannot run {argv}")

    # --- inside --------------------------------------------------------------------------------------------------

    def _look(self, what: str) -> None:
        self.world.look()
        if self.down:
            raise LabError("docker-stopped", host=HOST)

    def _change(self, what: str, do: Callable[[], Any], **on_the_way: Callable[[], Any]) -> Any:
        self._look(what)
        return self.world.effect(f"docker {what}", do, **on_the_way)

    def _find(self, name: str) -> Container | None:
        return next((c for c in list(self.all.values()) if name in (c.name, c.id)), None)

    def _known(self, name: str) -> Container:
        found = self._find(name)
        if found is None:
            raise LabError("docker-failed", problem=f"No such container: {name}", details=f"No such container: {name}")
        return found


def names(containers: Sequence[Container]) -> list[str]:
    return sorted(container.name for container in containers)
