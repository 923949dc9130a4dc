"""The operations on a whole world: what they do, what they refuse, how they fail and go on."""

import dataclasses
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import events
from lab.errors import INTERRUPTED, LabError, as_lab_error
from lab.events import ChangeMade, Event, RunFinished, RunStarted, StepFinished, StepStarted
from lab.operations.check import check
from lab.operations.down import down
from lab.operations.pause import pause, resume
from lab.operations.push import push
from lab.operations.status import status
from lab.operations.up import up
from lab.providers.kind import KIND_LABEL, MARK, OWNER_LABEL
from lab.results import Diagnosis, Finding
from lab.session import Lab
from lab.state import Options
from lab.stopping import stoppable
from tests.fakes.docker import Container
from tests.fakes.world import World, living, told
from tests.unit.test_kill_points import check_settled, check_whole, outside, take_down


@pytest.fixture
def world() -> Iterator[World]:
    with living() as world:
        yield world


@pytest.fixture
def git_world() -> Iterator[World]:
    """With the real git."""
    with living(real_git=True) as world:
        yield world


def refused(operation: Callable[[], object]) -> LabError:
    """The error a person would see."""
    with pytest.raises((LabError, OSError)) as error:
        operation()
    return as_lab_error(error.value, "lab up")


# --- up -------------------------------------------------------------------------------------------------------------


def test_up_makes_everything_once_and_a_second_up_only_reads(world: World) -> None:
    world.add_canaries()
    others = world.others()
    first = up(world.lab())
    assert (first.outcome, first.exit_code) == ("success", 0)
    assert first.changes > 20
    assert [result.outcome for result in first.checks] == ["passed", "passed"]
    check_whole(world)
    check_settled(world)
    take_down(world)
    assert world.others() == others


def test_with_the_real_git_it_is_the_same(git_world: World) -> None:
    git_world.add_canaries()
    others = git_world.others()
    up(git_world.lab())
    check_whole(git_world)
    check_settled(git_world)
    take_down(git_world)
    assert git_world.others() == others


def test_the_log_on_disk_is_what_the_listener_heard(world: World) -> None:
    heard: list[Event] = []
    result = up(world.lab(sink=heard.append))
    assert list(events.read(iter(Path(result.log).read_text().splitlines(keepends=True)))) == heard
    started, finished = heard[0], heard[-1]
    assert isinstance(started, RunStarted)
    assert isinstance(finished, RunFinished)
    assert (started.command, started.scenario, started.pid, started.log) == ("up", "duo", os.getpid(), result.log)
    assert finished.changes == result.changes == len(told(heard, ChangeMade))
    ended = [event.step for event in told(heard, StepFinished)]
    assert sorted(ended) == sorted(step.id for step in started.steps)
    assert len(set(ended)) == len(ended)


def test_clusters_are_made_side_by_side_and_the_hub_first(world: World) -> None:
    heard: list[Event] = []
    up(world.lab(sink=heard.append))
    order = [(type(event), event.step) for event in heard if isinstance(event, StepStarted | StepFinished)]
    assert order.index((StepStarted, "create:hub")) < order.index((StepStarted, "create:w1"))
    assert order.index((StepStarted, "create:w1")) < order.index((StepFinished, "create:hub"))


def test_no_secret_is_in_any_event_command_or_log(world: World) -> None:
    heard: list[Event] = []
    up(world.lab(sink=heard.append))
    home = world.settings.home / "labs" / "lab"
    secrets = [(home / "secrets" / name).read_text().strip() for name in ("git", "git-key")]
    secrets += [node.key for node in world.nodes()]
    secret = world.kube("hub").objects[("v1", "Secret", "argocd", "cluster-w1")]
    secrets += [secret["data"]["config"], "@" + world.node("w1").container.id]
    secrets += world.git_program().tokens.values()
    shown = [event.to_json() for event in heard]
    shown += [" ".join(command.argv) for command in world.commands]
    shown += [path.read_text() for path in (*home.glob("runs/*"), home / "journal.jsonl", home / "lab.json")]
    assert all(len(secret) > 10 for secret in secrets)
    assert [line for line in shown for secret in secrets if secret in line] == []


def test_what_the_lab_writes_is_open_to_nobody_else_whatever_the_umask(world: World) -> None:
    before = os.umask(0)
    try:
        up(world.lab())
    finally:
        os.umask(before)
    home = world.settings.home
    loose = []
    for path in (home, *home.rglob("*")):
        # Files of the clone are git's and the learner's; their folder lets nobody in.
        if "platform" not in path.parts and path.stat().st_mode & 0o777 != (0o700 if path.is_dir() else 0o600):
            loose.append(f"{path.relative_to(home)} {path.stat().st_mode:o}")
    assert loose == []
    assert (home / "labs" / "lab" / "workspace").is_dir()


def test_doctors_problems_end_the_run_before_anything_is_made(world: World) -> None:
    problem = Finding(id="memory", title="memory", verdict="problem", detail="2 GB", fix="buy some")
    lab = dataclasses.replace(world.lab(), judge=lambda *_, **__: Diagnosis(findings=(problem,), provider="kind"))
    error = refused(lambda: up(lab))
    assert (error.code, error.exit_code) == ("not-ready", 3)
    assert outside(world, 0) == []


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["ui", "timing", "scenario", "files"])
def test_a_lab_with_another_spec_is_left_as_it_is(world: World, change: str) -> None:
    up(world.lab())
    options, scenario = Options(), world.scenario
    if change == "ui":
        options = Options(ui=True)
    elif change == "timing":
        options = Options(timing="argocd")
    else:
        scenario = scenario.model_copy(update={"id": "trio"} if change == "scenario" else {"digest": "another"})
    start = len(world.effects)
    error = refused(lambda: up(world.lab(options=options, scenario=scenario)))
    assert (error.code, error.exit_code) == ("lab-other-spec", 2)
    assert [name for name in world.effects[start:] if "locks/" not in name] == []
    check_settled(world)


def test_two_commands_at_once_are_one_command_and_a_refusal(world: World) -> None:
    up(world.lab())
    other = world.lab()
    with other.folder.lock("up duo"):
        start = len(world.effects)
        for operation in (up, down, pause, resume, push):
            error = refused(lambda operation=operation: operation(other))
            assert (error.code, error.exit_code) == ("lab-busy", 75)
            assert "`lab up duo`" in error.what
        assert outside(world, start) == []
        assert status(other).running.startswith("`lab up duo`")
    check_settled(world)


def foreign(world: World, name: str, **more: dict[str, str]) -> None:
    container = Container(name=name, image="canary:v1", id=world.docker.new_id(), networks={"canary-net": [name]})
    container.labels = {"canary": "yes", **more.get("labels", {})}
    container.mounts = more.get("mounts", {})
    world.docker.add(container)
    world.docker.nets["canary-net"] = {"canary": "yes"}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("lab-w1-control-plane", {}),
        ("lab-w1-control-plane", {"labels": {KIND_LABEL: "lab-w1"}}),
        ("lab-w1-control-plane", {"labels": {KIND_LABEL: "lab-w1"}, "mounts": {MARK: "/other/labs/lab/mark"}}),
        ("lab-git", {}),
        ("lab-git", {"labels": {OWNER_LABEL: "other"}}),
        ("lab-git", {"labels": {OWNER_LABEL: "lab", "gitops-lab.home": "/other", "gitops-lab.role": "git"}}),
    ],
    ids=["no mark", "a kind cluster", "a lab of another home", "no label", "another lab's", "another home's"],
)
def test_what_has_the_name_but_not_the_mark_is_never_touched(
    world: World, name: str, more: dict[str, dict[str, str]]
) -> None:
    foreign(world, name, **more)
    others = world.others()
    error = refused(lambda: up(world.lab()))
    assert error.code == "foreign"
    assert name in error.what
    assert world.others() == others
    world.lab()
    if name == "lab-git":
        # `down` says so, too, and takes everything else away.
        assert refused(lambda: down(world.lab())).code == "foreign"
        assert not [c for c in world.docker.all if c != name]
    else:
        take_down(world)
    assert world.others() == others


def test_a_network_that_was_there_or_is_used_by_others_stays(world: World) -> None:
    world.docker.nets["kind"] = {"canary": "yes"}
    up(world.lab())
    take_down(world)
    assert "kind" in world.docker.nets

    del world.docker.nets["kind"]
    up(world.lab())
    foreign(world, "somebody")
    world.docker.all["somebody"].networks = {"kind": ["somebody"]}
    world.docker.halt(world.docker.all["somebody"])
    down(world.lab())
    assert world.ours() == ["network kind"]


def test_two_labs_share_a_machine_and_nothing_else(world: World) -> None:
    up(world.lab())
    assert up(world.lab(name="other")).outcome == "success"
    assert world.docker.nets.keys() == {"kind", "other-net"}
    assert len(world.docker.all) == 6
    assert up(world.lab(name="other")).changes == 0
    down(world.lab(name="other"))
    check_whole(world)
    check_settled(world)
    take_down(world)


# --- cancel ---------------------------------------------------------------------------------------------------------


def cancel_at(lab_of: list[Lab], step: str) -> Callable[[Event], None]:
    def listen(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == step:
            lab_of[0].cancel.set()

    return listen


@pytest.mark.parametrize("step", ["prepare", "create:hub", "git", "argocd:hub", "register:hub/w1"])
def test_after_a_cancel_the_running_steps_end_and_the_same_command_goes_on(world: World, step: str) -> None:
    lab_of: list[Lab] = []
    heard: list[Event] = []
    stop = cancel_at(lab_of, step)

    def listen(event: Event) -> None:
        heard.append(event)
        stop(event)

    lab_of.append(world.lab(sink=listen))
    error = refused(lambda: up(lab_of[0]))
    assert (error.code, error.exit_code, error.fix) == ("interrupted", INTERRUPTED, "lab up duo")
    finished = heard[-1]
    assert isinstance(finished, RunFinished)
    assert (finished.outcome, finished.exit_code) == ("cancelled", INTERRUPTED)
    outcomes = {event.step: event.outcome for event in told(heard, StepFinished)}
    assert set(outcomes.values()) <= {"done", "already", "cancelled", "skipped"}
    assert "skipped" in outcomes.values()
    assert len(told(heard, StepStarted)) == len([o for o in outcomes.values() if o in ("done", "cancelled")])
    second: list[Event] = []
    up(world.lab(sink=second.append))
    redone = {event.step for event in told(second, StepFinished) if event.outcome == "done"}
    assert not redone & {step for step, outcome in outcomes.items() if outcome == "done" and step != "machine"}
    check_whole(world)
    check_settled(world)


def test_the_first_ctrl_c_asks_the_run_to_stop(world: World) -> None:
    notes: list[str] = []

    def press(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "create:hub":
            os.kill(os.getpid(), signal.SIGINT)

    lab = world.lab(sink=press)
    before = signal.getsignal(signal.SIGINT)
    with stoppable(lab, notes.append):
        assert refused(lambda: up(lab)).exit_code == INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is before
    assert len(notes) == 1
    assert "goes on from there" in notes[0]
    up(world.lab())
    check_whole(world)


# --- down -----------------------------------------------------------------------------------------------------------


def test_down_keeps_work_that_is_nowhere_else(git_world: World) -> None:
    up(git_world.lab())
    clone = git_world.lab().workspace / "platform"
    (clone / "web" / "new.yaml").write_text("mine: true\n")
    start = len(git_world.effects)
    error = refused(lambda: down(git_world.lab()))
    assert (error.code, error.exit_code) == ("unpushed-work", 4)
    assert "web/new.yaml" in error.what
    assert outside(git_world, start) == []
    down(git_world.lab(), discard=True)
    assert git_world.ours() == []


def test_down_twice_and_down_of_nothing(world: World) -> None:
    up(world.lab())
    down(world.lab())
    start = len(world.effects)
    down(world.lab())
    assert outside(world, start) == []
    assert world.ours() == []


# --- push, check, status --------------------------------------------------------------------------------------------


def test_a_push_arrives_at_every_application_within_seconds(git_world: World) -> None:
    up(git_world.lab())
    clone = git_world.lab().workspace / "platform"
    config = clone / "web" / "config.yaml"
    config.write_text(config.read_text().replace("blue", "green"))
    pushed = push(git_world.lab(), message="green")
    assert pushed.applications == ("hub/root", "hub/web-w1")
    assert pushed.revision == git_world.git_program().head("platform")
    assert pushed.seconds < 5
    noted = [fact for fact in git_world.lab().folder.journal() if fact["what"] == "pushed"]
    assert noted[0]["revision"] == pushed.revision
    take_down(git_world)


def test_what_was_pushed_survives_the_loss_of_the_git_server(git_world: World) -> None:
    up(git_world.lab())
    clone = git_world.lab().workspace / "platform"
    (clone / "web" / "new.yaml").write_text("mine: true\n")
    pushed = push(git_world.lab())
    git_world.docker.destroy("lab-git")
    up(git_world.lab())
    assert git_world.git_program().head("platform") == pushed.revision
    check_settled(git_world)
    take_down(git_world)


def test_a_push_that_reaches_nobody_names_who_is_behind(git_world: World) -> None:
    up(git_world.lab())
    git_world.node("hub").tick = lambda: None  # type: ignore[method-assign]
    (git_world.lab().workspace / "platform" / "web" / "new.yaml").write_text("mine: true\n")
    error = refused(lambda: push(git_world.lab()))
    assert error.code == "wait-timeout"
    assert "hub/root, hub/web-w1" in error.why


def test_push_wants_to_know_which_repository(world: World) -> None:
    up(world.lab())
    assert "name a repository: platform" in refused(lambda: push(world.lab(), "nonsense")).what


def test_check_says_what_holds(world: World) -> None:
    up(world.lab())
    assert check(world.lab()).exit_code == 0
    assert [result.id for result in check(world.lab(), ids=["web"]).checks] == ["web"]
    world.docker.destroy("lab-git")
    result = check(world.lab())
    assert (result.exit_code, result.outcome) == (1, "partial")
    assert [(r.id, r.outcome) for r in result.checks] == [("web", "failed"), ("registered", "passed")]


def test_check_of_a_paused_lab_says_that_it_is_paused(world: World) -> None:
    up(world.lab())
    pause(world.lab())
    assert refused(lambda: check(world.lab())).code == "lab-paused"


def test_status_tells_what_differs_from_what_up_would_leave(world: World) -> None:
    world.lab().folder.save(world.lab().fresh_record())
    assert status(world.lab()).state == "absent"
    up(world.lab())
    found = status(world.lab())
    assert (found.state, found.problems) == ("up", ())
    assert [(link.hub, link.cluster, link.state) for link in found.links] == [("hub", "hub", "ok"), ("hub", "w1", "ok")]
    assert {cell.application: cell.cluster for cell in found.fleet} == {"root": "hub", "web-w1": "w1"}
    assert all(cluster.memory_bytes for cluster in found.clusters)
    world.docker.destroy("lab-w1-control-plane")
    found = status(world.lab())
    assert found.state == "partial"
    assert "cluster w1 is absent" in found.problems
    up(world.lab())
    start = len(world.effects)
    assert status(world.lab()).state == "up"
    assert world.effects[start:] == []


def test_the_environment_of_scripts_names_every_cluster_hub_first(world: World) -> None:
    up(world.lab())
    environment = world.lab().environment()
    names = [Path(path).stem for path in environment["KUBECONFIG"].split(":")]
    assert names == ["hub", "w1"]
    for path in environment["KUBECONFIG"].split(":"):
        assert Path(path).stat().st_mode & 0o777 == 0o600
    assert environment["LAB_GIT_URL"] == world.git_program().url
    assert json.dumps(environment)
