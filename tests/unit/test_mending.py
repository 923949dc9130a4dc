"""What was lost or changed by hand: `up` brings back that, and nothing else."""

import shutil
from collections.abc import Iterator

import pytest

from lab.argocd.secret_data import decode
from lab.errors import LabError
from lab.events import Event, StepFinished
from lab.operations.down import down
from lab.operations.pause import pause, resume
from lab.operations.status import status
from lab.operations.up import up
from lab.ports import Ref
from lab.session import Lab
from tests.fakes.world import World, living, told
from tests.unit.test_kill_points import check_settled, check_whole, outside, take_down

CONTAINERS = ("lab-hub-control-plane", "lab-w1-control-plane", "lab-git")
TOKEN = "kube w1 token gitops-lab-hub"


@pytest.fixture
def world() -> Iterator[World]:
    """With a lab that is up."""
    with living() as world:
        up(world.lab())
        yield world


def mended(world: World) -> list[str]:
    """Run `up`; what it changed outside the lab's folder. All is well afterwards."""
    start = len(world.effects)
    assert up(world.lab()).outcome == "success"
    changed = outside(world, start)
    check_whole(world)
    check_settled(world)
    return changed


def token(world: World) -> str:
    return decode(world.kube("hub").get(Ref(kind="Secret", namespace="argocd", name="cluster-w1")))["config"]


# --- containers -----------------------------------------------------------------------------------------------------


def test_a_cluster_that_was_deleted_comes_back_and_only_its_link_is_made_anew(world: World) -> None:
    before = token(world)
    world.docker.destroy("lab-w1-control-plane")
    changed = mended(world)
    assert changed.count("kind create lab-w1") == 1
    assert changed.count(TOKEN) == 1
    assert [name for name in changed if name.startswith("kube hub")] == ["kube hub apply Secret/cluster-w1"]
    assert not [name for name in changed if "lab-hub-control-plane" in name or name.startswith("git")]
    assert token(world) != before


def test_a_hub_that_was_deleted_comes_back_with_its_argo_cd_and_its_links(world: World) -> None:
    world.docker.destroy("lab-hub-control-plane")
    changed = mended(world)
    assert changed.count("kind create lab-hub") == 1
    assert "kind create lab-w1" not in changed
    assert changed.count(TOKEN) == 1
    # The account on w1 is still there with its rights.
    assert [name for name in changed if name.startswith("kube w1 apply")] == []
    assert changed.count("kube hub apply ApplicationSet/web") == 1


def test_a_git_server_that_was_deleted_comes_back_with_the_repository(world: World) -> None:
    head = world.git_program().head("platform")
    world.docker.destroy("lab-git")
    changed = mended(world)
    assert changed.count("docker run lab-git") == 1
    assert not [name for name in changed if name.startswith(("kind", "kube"))]
    # The same files give the same commit: the clone goes on from it.
    assert world.git_program().head("platform") == head


def test_everything_deleted_is_everything_made_again(world: World) -> None:
    for name in CONTAINERS:
        world.docker.destroy(name)
    changed = mended(world)
    kinds = sorted(name for name in changed if name.startswith("kind"))
    assert kinds == ["kind create lab-hub", "kind create lab-w1"]
    take_down(world)


@pytest.mark.parametrize("names", [CONTAINERS, CONTAINERS[:1], CONTAINERS[1:2], CONTAINERS[2:]], ids=" ".join)
@pytest.mark.parametrize("operation", [up, resume])
def test_what_was_stopped_by_hand_is_started(world: World, names: tuple[str, ...], operation: object) -> None:
    for name in names:
        world.docker.halt(world.docker.all[name])
    world.pass_time(7200)
    start = len(world.effects)
    assert (up if operation is up else resume)(world.lab()).outcome == "success"
    assert sorted(outside(world, start)) == sorted(f"docker start {name}" for name in names)
    check_whole(world)
    check_settled(world)


def test_a_docker_that_was_restarted_changes_nothing_but_the_containers_state(world: World) -> None:
    world.docker.stop_engine()
    with pytest.raises(LabError) as error:
        up(world.lab())
    assert (error.value.code, error.value.exit_code) == ("docker-stopped", 3)
    world.docker.down = False
    assert {name.split()[1] for name in mended(world)} == {"start"}


# --- the lab's folder -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_without_its_folder_the_lab_is_found_by_its_marks(world: World, paused: bool) -> None:
    before = {c.id: dict(c.ports) for c in world.docker.all.values()}
    credentials = token(world)
    if paused:
        pause(world.lab())
    shutil.rmtree(world.settings.home)
    changed = mended(world)
    assert {c.id: dict(c.ports) for c in world.docker.all.values()} == before
    assert not [name for name in changed if name.startswith("kind")]
    assert "gitea password" in changed
    assert token(world) == credentials
    take_down(world)


@pytest.mark.parametrize("what", ["kubeconfigs", "secrets", "workspace", "kind", "images", "journal.jsonl", "mark"])
def test_a_part_of_the_folder_that_was_deleted_is_made_again(world: World, what: str) -> None:
    path = world.settings.home / "labs" / "lab" / what
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    changed = mended(world)
    assert not [name for name in changed if name.startswith(("kind", "kube"))]
    take_down(world)


def test_a_damaged_record_can_be_removed_as_the_error_says(world: World) -> None:
    path = world.settings.home / "labs" / "lab" / "lab.json"
    path.write_text("{")
    with pytest.raises(LabError) as error:
        up(world.lab())
    assert error.value.code == "state-unreadable"
    assert f"rm {path}" in error.value.fix
    path.unlink()
    assert not [name for name in mended(world) if name.startswith(("kind", "docker run"))]


# --- registrations --------------------------------------------------------------------------------------------------


def test_a_token_that_ends_soon_is_renewed_alone(world: World) -> None:
    world.pass_time(25 * 86400)
    assert mended(world) == [TOKEN, "kube hub apply Secret/cluster-w1"]


def test_a_registration_that_was_deleted_is_made_again(world: World) -> None:
    world.kube("hub").delete(Ref(kind="Secret", namespace="argocd", name="cluster-w1"))
    assert mended(world) == [TOKEN, "kube hub apply Secret/cluster-w1"]


def test_a_label_the_learner_changed_stays(world: World) -> None:
    ref = Ref(kind="Secret", namespace="argocd", name="cluster-w1")
    world.kube("hub").patch(ref, {"metadata": {"labels": {"env": "production", "learnt": "yes"}}})
    assert mended(world) == []
    assert world.kube("hub").get(ref)["metadata"]["labels"]["learnt"] == "yes"


def test_argo_cd_that_was_scaled_down_comes_back(world: World) -> None:
    ref = Ref(kind="Deployment", namespace="argocd", name="argocd-repo-server")
    world.kube("hub").patch(ref, {"spec": {"replicas": 0}})
    assert "kube hub apply Deployment/argocd-repo-server" in mended(world)


def test_a_bootstrap_that_was_deleted_is_applied_again_alone(world: World) -> None:
    world.kube("hub").delete(Ref(kind="ApplicationSet", namespace="argocd", name="web"))
    world.pass_time(30)
    assert mended(world) == ["kube hub apply ApplicationSet/web"]


# --- pause and resume -----------------------------------------------------------------------------------------------


def test_pause_stops_all_and_resume_finds_nothing_to_register(world: World) -> None:
    start = len(world.effects)
    assert pause(world.lab()).changes == 3
    assert {name for name in outside(world, start)} == {f"docker stop {name}" for name in CONTAINERS}
    assert status(world.lab()).state == "paused"
    world.pass_time(7200)
    start = len(world.effects)
    assert resume(world.lab()).outcome == "success"
    assert {name for name in outside(world, start)} == {f"docker start {name}" for name in CONTAINERS}
    check_whole(world)
    check_settled(world)


def test_pausing_what_is_paused_does_nothing(world: World) -> None:
    pause(world.lab())
    assert pause(world.lab()).changes == 0


def test_one_cluster_is_paused_and_resumed_alone(world: World) -> None:
    pause(world.lab(), ["w1"])
    assert [c.name for c in world.docker.all.values() if not c.running] == ["lab-w1-control-plane"]
    assert "cluster w1 is paused" in status(world.lab()).problems
    resume(world.lab(), ["w1"])
    check_whole(world)


def test_resume_names_a_cluster_that_does_not_exist(world: World) -> None:
    for operation in (pause, resume):
        with pytest.raises(LabError, match="no cluster w7"):
            operation(world.lab(), ["w7"])


def test_a_paused_lab_goes_down_without_being_started(world: World) -> None:
    pause(world.lab())
    start = len(world.effects)
    down(world.lab())
    assert world.ours() == []
    assert not [name for name in outside(world, start) if "start" in name]


# --- clean --------------------------------------------------------------------------------------------------------


def test_down_takes_things_away_in_the_order_that_does_not_hang(world: World) -> None:
    start = len(world.effects)
    down(world.lab())
    gone = [name for name in outside(world, start)]
    order = [
        "ApplicationSet/web",
        "Application/root",
        "Secret/cluster-w1",
        "kind delete lab-w1",
        "docker network rm kind",
    ]
    positions = [next(i for i, name in enumerate(gone) if name.endswith(end)) for end in order]
    assert positions == sorted(positions)
    assert gone.index("kube hub delete Secret/cluster-w1") < gone.index("kind delete lab-hub")
    assert gone[-2:] == ["docker rm lab-git", "docker network rm kind"]
    assert world.orphans == []
    assert world.ours() == []


def test_down_ends_although_a_cluster_does_not_answer_any_more(world: World) -> None:
    world.docker.halt(world.docker.all["lab-w1-control-plane"])
    down(world.lab())
    assert world.ours() == []


def test_down_of_what_is_half_gone_removes_the_rest(world: World) -> None:
    world.docker.destroy("lab-hub-control-plane")
    down(world.lab())
    assert world.ours() == []


def test_every_step_tells_its_end(world: World) -> None:
    events: list[Event] = []
    lab: Lab = world.lab(sink=events.append)
    up(lab)
    outcomes = {event.step: event.outcome for event in told(events, StepFinished)}
    assert set(outcomes.values()) == {"already"}
    assert len(outcomes) >= 15
