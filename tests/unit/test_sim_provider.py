"""The sim provider: what only it can meet, such as a process that is gone."""

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.errors import LabError
from lab.model import Cluster
from lab.providers.sim import Sim
from lab.sim import control
from lab.state import Options
from tests.contract.places import Place, recorded, sim

HUB, W1 = Cluster(name="hub", role="management"), Cluster(name="w1", role="workload")


@pytest.fixture(scope="module")
def machine() -> Iterator[Place]:
    with sim() as place:
        yield place


@pytest.fixture
def place(machine: Place) -> Iterator[Place]:
    yield machine
    provider = opened(machine)
    running = control.connect(provider.home)
    if running is not None:
        running.stop()
    machine.folder().remove()
    machine.changes()


def opened(place: Place) -> Sim:
    provider = place.lab()
    assert isinstance(provider, Sim)
    return provider


def made(place: Place, *clusters: Cluster) -> Sim:
    provider = opened(place)
    for cluster in clusters:
        provider.create(cluster)
    return provider


def kill(provider: Sim) -> None:
    running = control.connect(provider.home)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    while control.connect(provider.home) is not None:
        pass


def states(provider: Sim) -> dict[str, str]:
    return {node.cluster: node.state for node in provider.nodes()}


def taken(port: int) -> socket.socket:
    """Another program that listens there."""
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.bind(("127.0.0.1", port))
    other.listen()
    return other


def test_without_its_process_a_lab_is_paused_and_comes_back_whole(place: Place) -> None:
    provider = made(place, HUB, W1)
    provider.start_git()
    provider.git().create("platform")
    provider.kube("w1").apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    ports = provider.ports()
    kill(provider)
    again = opened(place)
    assert states(again) == {"hub": "paused", "w1": "paused"}
    assert again.ports() == ports
    assert not again.git_running()
    again.pause("hub")
    again.resume("w1")
    assert states(again) == {"hub": "running", "w1": "running"}
    again.start_git()
    assert again.git().repositories() == ["platform"]
    assert again.kube("w1").raw("/api/v1/namespaces/shop")[0] == 200
    assert again.ports() == ports


def test_a_paused_cluster_stays_paused_when_the_process_comes_back(place: Place) -> None:
    provider = made(place, HUB, W1)
    provider.pause("w1")
    kill(provider)
    again = opened(place)
    again.resume("hub")
    assert states(again) == {"hub": "running", "w1": "paused"}


def test_the_git_server_is_back_before_a_cluster_is(place: Place) -> None:
    provider = made(place, HUB)
    provider.start_git()
    provider.pause("hub")
    provider.stop_git()
    place.changes()
    opened(place).resume("hub")
    assert opened(place).git_running()
    assert [command.split()[5] for command in place.changes()] == ["git", "resume"]


def test_a_taken_port_is_named_with_its_purpose_and_a_new_lab_takes_another(place: Place) -> None:
    provider = opened(place)
    record = place.folder().record()
    assert record is not None
    with taken(record.ports["api:hub"]), pytest.raises(LabError) as raised:
        provider.create(HUB)
    assert raised.value.code == "port-taken"
    assert raised.value.values["purpose"] == "API of hub"
    # Nothing holds on to the port that cannot be had.
    assert (states(provider), provider.ports()) == ({}, {})
    with taken(record.ports["git"]), pytest.raises(LabError) as raised:
        provider.start_git()
    assert (raised.value.code, raised.value.values["purpose"]) == ("port-taken", "git server")


def test_a_port_that_was_taken_meanwhile_makes_a_cluster_partial_until_it_is_free(place: Place) -> None:
    provider = made(place, HUB)
    port = provider.ports()["api:hub"]
    kill(provider)
    again = opened(place)
    with taken(port):
        again.prepare(())
        assert states(again) == {"hub": "partial"}
        with pytest.raises(LabError) as raised:
            again.create(HUB)
        assert (raised.value.code, raised.value.values["port"]) == ("port-taken", port)
    again.create(HUB)
    assert states(again) == {"hub": "running"}


def test_a_state_that_nobody_can_serve_can_still_be_taken_down(place: Place) -> None:
    provider = made(place, HUB)
    kill(provider)
    for path in provider.home.glob("state.db*"):
        path.write_bytes(b"no database" * 1000)
    again = opened(place)
    again._start = control.start  # a process of its own, whose end is seen
    assert states(again) == {"hub": "paused"}
    with pytest.raises(LabError) as raised:
        again.create(HUB)
    assert raised.value.code == "simulator-failed"
    assert "file is not a database" in raised.value.what
    again.delete("hub")
    again.remove_shared()
    assert states(again) == {}
    assert not again.home.exists()


@pytest.mark.parametrize(
    ("image", "timing", "expected"),
    [
        ("kindest/node:v1.34.0", "fast", ("1.34", "instant")),
        ("kindest/node:v1.36.1@sha256:3489c767", "argocd", ("1.36", "realistic")),
        ("kindest/node:latest", "fast", ("1.36", "instant")),
    ],
)
def test_version_and_timing_are_those_the_lab_asks_for(
    place: Place, image: str, timing: str, expected: tuple[str, str]
) -> None:
    before = place.settings
    try:
        place.settings = replace(before, node_image=image)
        recorded(before, "lab", "sim", Options(timing=timing))
        provider = opened(place)
        provider._settings = place.settings
        provider.create(HUB)
        running = control.connect(provider.home)
        assert running is not None
        (facts,) = running.clusters()
        assert (facts["settings"]["kubernetes"], facts["settings"]["timing"]) == expected
        assert provider.kube("hub").version() == f"v{expected[0]}.0+sim"
    finally:
        place.settings = before


def test_a_kubernetes_it_does_not_know_is_refused_by_name(place: Place) -> None:
    provider = opened(place)
    provider._settings = replace(place.settings, node_image="kindest/node:v1.29.4")
    with pytest.raises(LabError) as raised:
        provider.create(HUB)
    assert raised.value.code == "simulator-failed"
    assert "'1.29'" in raised.value.what
    assert states(provider) == {}


def test_what_it_does_not_have_it_does_not_claim(place: Place) -> None:
    provider = made(place, HUB)
    assert provider.ui_url("hub") == ""
    assert [node.memory_bytes for node in provider.nodes(memory=True)] == [0]
    assert not {"runs_containers", "has_network"} & provider.capabilities


def test_images_are_known_to_the_cluster_they_were_loaded_into_alone(place: Place) -> None:
    provider = made(place, HUB, W1)
    place.changes()
    assert not provider.loaded("hub", ("web:1",))
    provider.load("hub", ("web:1", "argocd:v1"))
    assert [change for change in place.changes() if " load " in change]
    assert provider.loaded("hub", ("web:1",))
    assert not provider.loaded("hub", ("web:2", "web:1"))
    assert not provider.loaded("w1", ("web:1",))
    provider.load("hub", ("web:2",))
    provider.pause("hub")
    assert provider.loaded("hub", ("web:1", "web:2", "argocd:v1"))


def test_the_password_of_the_git_server_is_in_no_command(place: Place) -> None:
    provider = opened(place)
    place.changes()
    provider.start_git()
    password = place.folder().secret("git")
    assert not any(password in command for command in place.changes())
