"""What goes wrong around the lab: said clearly, and overcome by the same command once it is mended."""

import dataclasses
import socket
from collections.abc import Iterator

import pytest

from lab.errors import LabError
from lab.events import Event, RunFinished
from lab.operations.down import down
from lab.operations.pause import pause, resume
from lab.operations.up import up
from tests.fakes.world import World, living, told
from tests.unit.test_kill_points import check_settled, check_whole, take_down
from tests.unit.test_operations import refused


@pytest.fixture
def world() -> Iterator[World]:
    with living() as world:
        yield world


def full() -> OSError:
    return OSError(28, "No space left on device")


def test_an_image_that_cannot_be_had_is_named_and_nothing_is_made(world: World) -> None:
    world.docker.registry.remove(world.settings.node_image)
    error = refused(lambda: up(world.lab()))
    assert (error.code, error.exit_code) == ("image-unavailable", 3)
    assert world.settings.node_image in error.what
    assert world.docker.all == {}
    world.docker.registry.add(world.settings.node_image)
    up(world.lab())
    check_whole(world)


@pytest.mark.parametrize(
    "point",
    [
        "file open labs/lab/lab.json*",
        "file mkdir labs/lab",
        "file mkdir labs/lab/kubeconfigs",
        "file open labs/lab/journal.jsonl",
        "file open labs/lab/kind/*",
        "file open labs/lab/runs/*",
        "file open labs/lab/secrets/git *",
        "file open labs/lab/seed/*",
        "file open labs/lab/checks.json*",
        "file open locks/lab",
        "file open locks/lab.holder",
        "file rename labs/lab/images/*",
    ],
)
def test_a_full_disk_is_said_and_overcome(world: World, point: str) -> None:
    failure = world.fail(point, full)
    heard: list[Event] = []
    error = refused(lambda: up(world.lab(sink=heard.append)))
    assert (error.code, error.exit_code) == ("disk-full", 3)
    assert [event.error for event in told(heard, RunFinished)] in ([], ["disk-full"])
    failure.times = 0
    up(world.lab())
    check_whole(world)
    check_settled(world)
    take_down(world)


def test_down_makes_room_on_a_full_disk(world: World) -> None:
    up(world.lab())
    for point in ("file open labs/lab/runs/*", "file open labs/lab/lab.json*", "file mkdir *", "file rename *"):
        world.fail(point, full)
    heard: list[Event] = []
    assert down(world.lab(sink=heard.append)).outcome == "success"
    assert isinstance(heard[-1], RunFinished)
    assert world.ours() == []


@pytest.mark.parametrize(
    "point", ["docker run lab-git", "docker pull *", "kind create lab-w1", "docker save", "docker import *"]
)
def test_a_full_disk_of_docker_is_said_and_overcome(world: World, point: str) -> None:
    text = "write /var/lib/docker/x: no space left on device"
    failure = world.fail(point, lambda: LabError("disk-full", path="/var/lib/docker", details=text))
    assert refused(lambda: up(world.lab())).code == "disk-full"
    failure.times = 0
    up(world.lab())
    check_whole(world)
    take_down(world)


@pytest.mark.parametrize(
    "point", ["docker network create kind", "kind create lab-hub", "kube hub apply ConfigMap/argocd-cm", "git push"]
)
def test_a_docker_that_stops_meanwhile_is_said_and_overcome(world: World, point: str) -> None:
    def stop(name: str) -> None:
        if name == point:
            world.docker.stop_engine()

    world.listeners.append(stop)
    error = refused(lambda: up(world.lab()))
    # Which of the steps that run side by side fails first is not known.
    assert error.code in ("docker-stopped", "kube-unreachable", "git-failed", "command-failed", "wait-timeout")
    world.listeners.clear()
    world.docker.down = False
    up(world.lab())
    check_whole(world)
    check_settled(world)
    take_down(world)


@pytest.mark.parametrize(
    ("purpose", "said"), [("api:hub", "API of hub"), ("ui:hub", "Argo CD UI of hub"), ("git", "git server")]
)
def test_a_port_that_is_taken_while_the_lab_is_paused_is_named(world: World, purpose: str, said: str) -> None:
    up(world.lab())
    pause(world.lab())
    record = world.lab().folder.record()
    assert record is not None
    port = record.ports[purpose]
    world.docker.taken.add(port)
    for operation in (resume, up):
        error = refused(lambda operation=operation: operation(world.lab()))
        assert (error.code, error.exit_code) == ("port-taken", 3)
        assert str(port) in error.what
        assert said in error.why
    world.docker.taken.clear()
    resume(world.lab())
    check_whole(world)


@pytest.mark.parametrize("purpose", ["api:w1", "git"])
def test_a_port_that_is_taken_at_the_last_moment_is_named(world: World, purpose: str) -> None:
    def take(name: str) -> None:
        record = world.lab_folder().record()
        if name == "docker network create kind" and record is not None:
            world.docker.taken.add(record.ports[purpose])

    world.listeners.append(take)
    assert refused(lambda: up(world.lab())).code == "port-taken"
    world.docker.taken.clear()
    up(world.lab())
    check_whole(world)
    take_down(world)


def test_a_port_that_another_program_listens_on_is_replaced_before_it_is_bound(world: World) -> None:
    lab = world.lab()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        lab.folder.save(dataclasses.replace(lab.fresh_record(), ports={"api:w1": port}))
        up(lab)
        assert world.node("w1").container.ports[6443] != port
    check_whole(world)
