"""The git server's container: made, started, entered, removed; never somebody else's."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from lab.errors import LabError
from lab.events import ChangeMade, Event
from lab.providers.gitcontainer import HOME_LABEL, OWNER_LABEL, ROLE_LABEL, GitContainer
from lab.session import Lab
from tests.fakes.docker import Container
from tests.fakes.world import World, living, told
from tests.fakes.world_git import WorldGitea


@pytest.fixture
def world() -> Iterator[World]:
    with living() as world:
        world.docker.nets["kind"] = {}
        world.docker.images.add(world.settings.git_image)
        yield world


def container(world: World, events: list[Event] | None = None) -> GitContainer:
    lab: Lab = world.lab()
    if lab.folder.record() is None:
        lab.folder.save(lab.fresh_record())
    return GitContainer(
        lab.settings,
        lab.folder,
        lambda: world.docker,  # type: ignore[arg-type, return-value]
        lab.clock,
        threading.Event(),
        (events if events is not None else []).append,
        "kind",
        partial(WorldGitea, world),  # type: ignore[arg-type]
    )


def test_it_is_made_with_marks_on_loopback_and_known_by_its_alias(world: World) -> None:
    git = container(world)
    assert not git.running()
    assert git.ports() == {}
    git.start()
    found = world.docker.all["lab-git"]
    assert found.labels == {OWNER_LABEL: "lab", HOME_LABEL: str(world.settings.home), ROLE_LABEL: "git"}
    assert found.networks == {"kind": ["lab-git", "lab-git"]}
    assert found.image == world.settings.git_image
    assert git.ports() == {"git": found.ports[3000]}
    assert git.server().url == f"http://127.0.0.1:{found.ports[3000]}"
    assert git.running()


def test_the_account_has_a_password_that_stands_in_no_command(world: World) -> None:
    events: list[Event] = []
    git = container(world, events)
    git.start()
    secret = world.lab_folder().secret("git")
    assert world.git_program().password == secret
    assert git.server().signed_in()
    assert world.git_program().tokens == {}
    said = [event.to_json() for event in events]
    assert len(told(events, ChangeMade)) == 2
    assert not [line for line in said if secret in line]
    assert secret not in str(world.docker.all["lab-git"].environment)


def test_starting_what_runs_changes_nothing(world: World) -> None:
    container(world).start()
    events: list[Event] = []
    start = len(world.effects)
    container(world, events).start()
    assert world.effects[start:] == []
    assert events == []


def test_what_was_stopped_is_started_with_its_data(world: World) -> None:
    git = container(world)
    git.start()
    git.server().create("platform")
    git.stop()
    assert not git.running()
    assert git.server().ready() != ""
    git.start()
    assert git.server().repositories() == ["platform"]
    start = len(world.effects)
    git.stop()
    git.stop()
    assert world.effects[start:] == ["docker stop lab-git"]


def test_it_is_started_again_after_it_was_made_and_never_ran(world: World) -> None:
    git = container(world)
    git.start()
    world.docker.all["lab-git"].state = "created"
    git.start()
    assert git.running()


def test_an_account_whose_password_was_lost_gets_a_new_one(world: World) -> None:
    git = container(world)
    git.start()
    git.server().create("platform")
    (world.lab_folder().path / "secrets" / "git").unlink()
    git = container(world)
    git.start()
    assert world.git_program().password == world.lab_folder().secret("git")
    assert git.server().repositories() == ["platform"]


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {OWNER_LABEL: "other"},
        {OWNER_LABEL: "lab", HOME_LABEL: "/elsewhere", ROLE_LABEL: "git"},
    ],
)
def test_somebody_elses_container_is_refused_and_left_alone(world: World, labels: dict[str, str]) -> None:
    other = Container(name="lab-git", image="x", id=world.docker.new_id(), labels=labels)
    world.docker.add(other)
    git = container(world)
    for operation in (git.running, git.ports, git.start, git.stop, git.remove):
        with pytest.raises(LabError) as error:
            operation()
        assert error.value.code == "foreign"
        assert "container lab-git" in error.value.what
    assert world.docker.all["lab-git"] is other
    assert other.running


def test_a_taken_port_is_named_and_the_next_run_may_choose_another(world: World) -> None:
    git = container(world)
    port = world.lab_folder().port("git")
    world.docker.taken.add(port)
    with pytest.raises(LabError) as error:
        git.start()
    assert error.value.code == "port-taken"
    assert str(port) in error.value.what
    # A container that was made and never started would hold on to the port.
    assert world.docker.all == {}
    assert git.ports() == {}


def test_a_taken_port_of_one_that_was_paused_is_named_and_it_is_kept(world: World) -> None:
    git = container(world)
    git.start()
    git.stop()
    world.docker.taken |= set(git.ports().values())
    with pytest.raises(LabError) as error:
        git.start()
    assert error.value.code == "port-taken"
    assert "git server" in error.value.why
    assert "lab-git" in world.docker.all


def test_a_server_that_never_answers_ends_the_wait_with_where_to_look(world: World) -> None:
    git = container(world)
    git.start()
    world.git_program().started = world.clock.now() + 10_000
    with pytest.raises(LabError) as error:
        git.start()
    assert error.value.code == "wait-timeout"
    assert error.value.fix == "docker logs lab-git"


def test_removing_takes_container_and_data_and_can_be_said_twice(world: World) -> None:
    git = container(world)
    git.start()
    git.server().create("platform")
    git.remove()
    git.remove()
    assert world.docker.all == {}
    assert not list(world.docker.folder.iterdir())
    assert world.effects.count("docker rm lab-git") == 1
