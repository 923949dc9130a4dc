"""The kind provider: what it asks kind and Docker for, and what it takes for its own."""

import base64
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab.errors import LabError
from lab.events import ChangeMade, CommandFinished, Event
from lab.model import Cluster
from lab.ports import Command
from lab.providers import NAMES, make
from lab.providers.kind import COMPLETE, KIND_LABEL, MARK, OWNER_LABEL, Kind
from lab.session import Lab
from lab.state import make_private
from tests.fakes.docker import Container
from tests.fakes.world import World, living, told

HUB, W1 = Cluster(name="hub", role="management"), Cluster(name="w1", role="workload")
IMAGES = ("argocd:v1", "redis:8")


@pytest.fixture
def world() -> Iterator[World]:
    with living() as world:
        yield world


def opened(world: World, events: list[Event] | None = None, name: str = "") -> Lab:
    """A lab with its record written and its sink attached."""
    lab = world.lab(name=name)
    if lab.folder.record() is None:
        lab.folder.save(lab.fresh_record())
    if events is not None:
        lab.sink.target = events.append
    return lab


def prepared(world: World, name: str = "") -> Lab:
    lab = opened(world, name=name)
    lab.provider.prepare([world.settings.node_image, world.settings.git_image])
    return lab


def created(world: World, *clusters: Cluster) -> Lab:
    lab = prepared(world)
    for cluster in clusters or (HUB,):
        lab.provider.create(cluster)
    return lab


def config(world: World, cluster: str = "hub") -> dict[str, object]:
    text = (world.lab_folder().path / "kind" / f"lab-{cluster}.yaml").read_text()
    found: dict[str, object] = yaml.safe_load(text)
    return found


def run_by(world: World, *words: str) -> list[Command]:
    return [command for command in world.commands if command.argv[: len(words)] == words]


# --- names ----------------------------------------------------------------------------------------------------------


def test_names_are_those_that_scenarios_rely_on(world: World) -> None:
    provider = world.lab().provider
    assert isinstance(provider, Kind)
    assert provider.server("w1") == "https://lab-w1-control-plane:6443"
    assert provider.network == "kind"
    other = world.lab(name="other").provider
    assert isinstance(other, Kind)
    assert other.server("w1") == "https://other-w1-control-plane:6443"
    assert other.network == "other-net"


def test_a_provider_that_does_not_exist_is_refused(world: World) -> None:
    lab = world.lab()
    with pytest.raises(LabError, match="no provider vagrant; known: kind"):
        make("vagrant", lab.settings, lab.folder, lab.shell, lab.clock, lab.cancel, lab.sink)
    assert make(NAMES[0], lab.settings, lab.folder, lab.shell, lab.clock, lab.cancel, lab.sink).name == "kind"


def test_the_engine_is_reached_on_first_use_and_once(world: World) -> None:
    lab = opened(world)
    calls: list[int] = []

    def connect() -> object:
        calls.append(1)
        return world.docker

    provider = Kind(
        lab.settings,
        lab.folder,
        lab.shell,
        lab.clock,
        lab.cancel,
        lab.sink,
        docker=connect,  # type: ignore[arg-type]
    )
    assert calls == []
    provider.nodes()
    provider.nodes()
    assert calls == [1]


# --- shared ---------------------------------------------------------------------------------------------------------


def test_prepare_makes_the_network_and_pulls_what_is_missing_once(world: World) -> None:
    events: list[Event] = []
    lab = opened(world, events)
    images = [world.settings.node_image, world.settings.git_image]
    assert not lab.provider.prepared(images)
    lab.provider.prepare(images)
    assert lab.provider.prepared(images)
    assert world.docker.nets == {"kind": {OWNER_LABEL: "lab"}}
    changes = [event.command for event in told(events, ChangeMade)]
    assert changes == ["docker network create kind", *(f"docker pull {image}" for image in images)]
    start = len(world.effects)
    lab.provider.prepare(images)
    assert world.effects[start:] == []


# --- create ---------------------------------------------------------------------------------------------------------


def test_a_cluster_is_made_as_the_lab_needs_it(world: World) -> None:
    lab = prepared(world)
    for purpose in ("api:hub", "ui:hub"):
        lab.folder.port(purpose)
    lab.provider.create(HUB)
    record = lab.folder.record()
    assert record is not None
    made = config(world)
    assert made["networking"] == {"apiServerAddress": "127.0.0.1", "apiServerPort": record.ports["api:hub"]}
    (node,) = made["nodes"]  # type: ignore[misc]
    mapping = {"containerPort": 30443, "hostPort": record.ports["ui:hub"], "listenAddress": "127.0.0.1"}
    assert node["extraPortMappings"] == [mapping]
    assert node["extraMounts"] == [{"hostPath": str(lab.folder.path / "mark"), "containerPath": MARK, "readOnly": True}]
    (command,) = run_by(world, "kind", "create")
    assert command.argv[command.argv.index("--image") + 1] == world.settings.node_image
    kubeconfig = Path(command.argv[command.argv.index("--kubeconfig") + 1])
    assert kubeconfig.is_relative_to(lab.folder.path)
    assert not kubeconfig.exists()
    assert dict(command.env) == {"KIND_EXPERIMENTAL_PROVIDER": "docker"}
    assert lab.provider.ports() == {"api:hub": record.ports["api:hub"], "ui:hub": record.ports["ui:hub"]}
    assert lab.provider.ui_url("hub") == f"https://127.0.0.1:{record.ports['ui:hub']}"


def test_a_workload_cluster_has_no_port_for_a_ui(world: World) -> None:
    created(world, W1)
    (node,) = config(world, "w1")["nodes"]  # type: ignore[misc]
    assert node["extraPortMappings"] == []


def test_clusters_of_another_lab_are_made_in_its_own_network(world: World) -> None:
    lab = prepared(world, name="other")
    lab.provider.create(HUB)
    (command,) = run_by(world, "kind", "create")
    assert dict(command.env)["KIND_EXPERIMENTAL_DOCKER_NETWORK"] == "other-net"
    assert list(world.docker.all["other-hub-control-plane"].networks) == ["other-net"]


def test_the_kubeconfig_is_private_and_bears_the_short_name(world: World) -> None:
    lab = created(world)
    path = lab.provider.kubeconfig("hub")
    assert path == lab.folder.path / "kubeconfigs" / "hub.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    found = yaml.safe_load(path.read_text())
    names = [found[section][0]["name"] for section in ("clusters", "users", "contexts")]
    assert names == ["hub", "hub", "hub"]
    assert found["current-context"] == "hub"
    assert found["contexts"][0]["context"] == {"cluster": "hub", "user": "hub"}
    ca = found["clusters"][0]["cluster"]["certificate-authority-data"]
    assert lab.provider.ca("hub") == base64.b64decode(ca).decode() == world.node("hub").ca


def test_a_kubeconfig_that_was_lost_is_asked_for_again_without_a_change(world: World) -> None:
    lab = created(world)
    before = lab.provider.kubeconfig("hub").read_text()
    lab.provider.kubeconfig("hub").unlink()
    events: list[Event] = []
    assert opened(world, events).provider.kubeconfig("hub").read_text() == before
    assert told(events, ChangeMade) == []
    assert len(told(events, CommandFinished)) == 1


def test_creating_what_is_there_does_nothing(world: World) -> None:
    lab = created(world)
    start = len(world.effects)
    lab.provider.create(HUB)
    assert [name for name in world.effects[start:] if not name.startswith("file")] == []


def test_a_cluster_without_its_last_mark_is_made_again(world: World) -> None:
    lab = created(world)
    node = world.docker.all["lab-hub-control-plane"]
    node.files.remove(COMPLETE)
    lab = opened(world)
    assert [(n.cluster, n.state) for n in lab.provider.nodes()] == [("hub", "partial")]
    lab.provider.create(HUB)
    assert [(n.cluster, n.state) for n in lab.provider.nodes()] == [("hub", "running")]
    assert world.docker.all["lab-hub-control-plane"].id != node.id


@pytest.mark.parametrize("complete", [True, False])
def test_a_paused_cluster_is_started_and_kept_when_it_was_complete(world: World, complete: bool) -> None:
    lab = created(world)
    node = world.docker.all["lab-hub-control-plane"]
    if not complete:
        node.files.clear()
    world.docker.halt(node)
    lab = opened(world)
    lab.provider.create(HUB)
    assert (world.docker.all["lab-hub-control-plane"].id == node.id) is complete
    assert [n.state for n in lab.provider.nodes()] == ["running"]


def test_what_a_killed_kind_left_does_not_stop_the_next(world: World) -> None:
    lab = prepared(world)
    left = lab.folder.path / "kind" / "lab-hub.kubeconfig"
    left.parent.mkdir()
    left.write_text("half")
    left.with_name("lab-hub.kubeconfig.lock").touch()
    lab.provider.create(HUB)
    assert sorted(path.name for path in left.parent.iterdir()) == ["lab-hub.lock", "lab-hub.yaml"]


def test_a_kind_that_outlived_its_lab_is_awaited(world: World) -> None:
    """It would take back by name what the next one makes."""
    lab = prepared(world)
    path = lab.folder.path / "kind" / "lab-hub.lock"
    make_private(path.parent)
    orphan = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(orphan, fcntl.LOCK_EX)
    world.clock.at(world.clock.passed + 30, lambda: os.close(orphan))
    start = world.clock.now()
    lab.provider.create(HUB)
    assert 30 <= world.clock.now() - start <= 31
    (command,) = run_by(world, "kind", "create")
    assert len(command.inherits) == 1


@pytest.mark.parametrize("operation", ["create", "delete"])
def test_a_kind_that_never_ends_is_named(world: World, operation: str) -> None:
    lab = created(world)
    orphan = os.open(lab.folder.path / "kind" / "lab-hub.lock", os.O_RDWR)
    fcntl.flock(orphan, fcntl.LOCK_EX)
    try:
        with pytest.raises(LabError, match="the end of an earlier kind for lab-hub did not come"):
            getattr(lab.provider, operation)(HUB if operation == "create" else "hub")
    finally:
        os.close(orphan)
    assert "lab-hub-control-plane" in world.docker.all


def test_kinds_own_words_come_with_the_error(world: World) -> None:
    lab = prepared(world)
    world.fail("kind create *", lambda: LabError("docker-failed", problem="x", details="ERROR: no cgroup today"))
    with pytest.raises(LabError) as error:
        lab.provider.create(HUB)
    assert error.value.code == "command-failed"
    assert "no cgroup today" in error.value.why
    assert error.value.fix.startswith("kind create cluster --name lab-hub")


# --- ownership ------------------------------------------------------------------------------------------------------


def node(world: World, cluster: str, source: str) -> Container:
    name = f"lab-{cluster}-control-plane"
    mounts = {MARK: source} if source else {}
    labels = {KIND_LABEL: f"lab-{cluster}"}
    return world.docker.add(
        Container(name=name, image="x", id=world.docker.new_id(), labels=labels, mounts=mounts, files={COMPLETE})
    )


def test_only_nodes_with_this_homes_mark_are_the_labs(world: World) -> None:
    lab = opened(world)
    mark = str(lab.folder.path / "mark")
    node(world, "a", "")
    node(world, "b", "/elsewhere/labs/lab/mark")
    node(world, "c", mark)
    # Docker Desktop shows the path as its virtual machine sees it.
    node(world, "d", f"/host_mnt{mark}")
    assert [n.cluster for n in lab.provider.nodes()] == ["c", "d"]


@pytest.mark.parametrize("operation", ["delete", "pause", "resume"])
def test_others_nodes_are_not_deleted_paused_or_resumed(world: World, operation: str) -> None:
    lab = opened(world)
    other = node(world, "w1", "/elsewhere/labs/lab/mark")
    if operation == "resume":
        other.state = "exited"
    before = other.inspected()
    getattr(lab.provider, operation)("w1")
    assert world.docker.all[other.name].inspected() == before


def test_ports_of_stopped_containers_are_known(world: World) -> None:
    lab = prepared(world)
    lab.folder.port("ui:hub")
    lab.provider.create(HUB)
    lab.provider.start_git()
    found = lab.provider.ports()
    assert set(found) == {"api:hub", "ui:hub", "git"}
    for container in world.docker.all.values():
        world.docker.halt(container)
    assert lab.provider.ports() == found


def test_memory_is_asked_for_only_when_wanted(world: World) -> None:
    lab = created(world, HUB, W1)
    assert [n.memory_bytes for n in lab.provider.nodes()] == [0, 0]
    world.docker.halt(world.docker.all["lab-w1-control-plane"])
    assert [n.memory_bytes for n in lab.provider.nodes(memory=True)] == [500_000_000, 0]


# --- images ---------------------------------------------------------------------------------------------------------


def test_images_reach_all_clusters_through_one_archive(world: World) -> None:
    lab = created(world, HUB, W1)
    for cluster in ("hub", "w1"):
        assert not lab.provider.loaded(cluster, IMAGES)
        lab.provider.load(cluster, IMAGES)
        assert lab.provider.loaded(cluster, IMAGES)
    (save,) = run_by(world, "docker", "save")
    assert save.argv[2:4] == ("--platform", "linux/amd64")
    assert save.argv[-3:] == ("--", *IMAGES)
    assert len(run_by(world, "docker", "exec")) == 2
    (archive,) = (lab.folder.path / "images").iterdir()
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert archive.suffix == ".tar"


def test_only_missing_images_are_loaded(world: World) -> None:
    lab = created(world)
    lab.provider.load("hub", IMAGES[:1])
    start = len(world.effects)
    lab.provider.load("hub", IMAGES[:1])
    assert world.effects[start:] == []
    lab.provider.load("hub", IMAGES)
    assert run_by(world, "docker", "save")[-1].argv[-2:] == ("--", IMAGES[1])


@pytest.mark.parametrize(("version", "given"), [("1.47", False), ("1.48", True), ("1.50", True)])
def test_the_platform_is_named_where_docker_knows_it(
    world: World, monkeypatch: pytest.MonkeyPatch, version: str, given: bool
) -> None:
    lab = created(world)
    monkeypatch.setattr(world.docker, "version", lambda: {"ApiVersion": version, "Os": "linux", "Arch": "arm64"})
    lab.provider.load("hub", IMAGES)
    assert ("--platform" in run_by(world, "docker", "save")[0].argv) is given


def test_an_archive_that_does_not_bring_its_image_is_an_error(world: World) -> None:
    lab = created(world)
    world.docker.all["lab-hub-control-plane"].images = Never()
    with pytest.raises(LabError) as error:
        lab.provider.load("hub", IMAGES)
    assert error.value.code == "image-unavailable"
    assert "argocd:v1" in error.value.what


class Never(set[str]):
    """A store that keeps nothing."""

    def update(self, *others: object) -> None:
        pass


# --- the end --------------------------------------------------------------------------------------------------------


def test_deleting_leaves_nothing_and_can_be_said_twice(world: World) -> None:
    lab = created(world, HUB)
    for _ in range(2):
        lab.provider.delete("hub")
        assert world.docker.all == {}
        assert list((lab.folder.path / "kubeconfigs").iterdir()) == []
        assert [path.suffix for path in (lab.folder.path / "kind").iterdir()] == [".lock"]
    assert len(run_by(world, "kind", "delete")) == 1


def test_the_network_stays_as_long_as_anybody_is_in_it(world: World) -> None:
    lab = created(world, HUB)
    lab.provider.remove_shared()
    assert "kind" in world.docker.nets
    world.docker.halt(world.docker.all["lab-hub-control-plane"])
    lab.provider.remove_shared()
    assert "kind" in world.docker.nets
    lab.provider.delete("hub")
    lab.provider.remove_shared()
    assert world.docker.nets == {}
    lab.provider.remove_shared()


@pytest.mark.parametrize("labels", [{}, {OWNER_LABEL: "other"}])
def test_a_network_that_is_not_the_labs_stays(world: World, labels: dict[str, str]) -> None:
    world.docker.nets["kind"] = labels
    opened(world).provider.remove_shared()
    assert world.docker.nets == {"kind": labels}
