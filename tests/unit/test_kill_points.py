"""`kill -9` anywhere: the same command goes on from there, and `down` leaves nothing.

Every effect on the world is a point: each command, each call to Docker, to Kubernetes and to the git server, each
file the lab opens for writing, renames or removes. Set LAB_ALL_KILL_POINTS to try them all; otherwise a seeded choice.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from lab.errors import LabError
from lab.events import Event, StepFinished
from lab.operations.down import down
from lab.operations.pause import pause, resume
from lab.operations.up import up
from lab.session import Lab
from lab.state import LabFolder
from tests.fakes.world import Died, Kill, World, living, told

SEED = 3
CHOSEN = {"up": 84, "down": 20, "pause": 8, "resume": 10}
OUTSIDE = ("docker", "kind", "git ", "gitea", "kube")
WAYS = {
    "kind create lab-hub": ("half", "late"),
    "kind create lab-w1": ("half", "late"),
    "docker run lab-git": ("half",),
    "docker save": ("half",),
    "docker import lab-hub-control-plane": ("half",),
    "git clone": ("half",),
}
OFTEN = {
    "file open labs/lab/journal.jsonl": (1, 2, 4, 6),
    "file open labs/lab/lab.json (new)": (1, 2, 6),
    "file rename labs/lab/lab.json": (1, 2, 6),
}
ALWAYS = ("kind", "docker run", "docker exec", "kube w1 token", "git push", "git clone")

Operation = Callable[[Lab], object]


def points(effects: Iterable[str]) -> list[Kill]:
    """Where a run with these effects can be killed: before them, and after what changes something outside the lab's
    folder. How often a file is touched differs from run to run, so only numbers that are always reached count."""
    found: list[Kill] = []
    for name, count in sorted(Counter(effects).items()):
        numbers = (
            {1, (count + 1) // 2, count}
            if name.startswith(OUTSIDE)
            else {n for n in OFTEN.get(name, (1,)) if n <= count}
        )
        for number in sorted(numbers):
            found.append(Kill(name, number))
            if name.startswith(OUTSIDE):
                found.append(Kill(name, number, "after"))
        found += [Kill(name, 1, way) for way in WAYS.get(name, ())]
    return found


def chosen(command: str, every: list[Kill]) -> list[Kill]:
    if os.environ.get("LAB_ALL_KILL_POINTS"):
        return every
    kept = [point for point in every if point.phase in ("half", "late") or point.name.startswith(ALWAYS)]
    rest = [point for point in every if point not in kept]
    more = max(0, CHOSEN[command] - len(kept))
    return kept + random.Random(SEED).sample(rest, min(more, len(rest)))


def effects_of(*operations: Operation) -> list[str]:
    """Effects of the last of these."""
    with living() as world:
        for operation in operations:
            del world.effects[:]
            operation(world.lab())
        return list(world.effects)


POINTS = {
    "up": chosen("up", points(effects_of(up))),
    "down": chosen("down", points(effects_of(up, down))),
    "pause": chosen("pause", points(effects_of(up, pause))),
    "resume": chosen("resume", points(effects_of(up, pause, resume))),
}


def each(command: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("point", POINTS[command], ids=str)


def die(world: World, operation: Operation, point: Kill, events: list[Event] | None = None) -> None:
    """Run the operation and kill its process."""
    lab = world.lab(sink=(events if events is not None else []).append)
    world.kill = point
    with pytest.raises(Died):
        operation(lab)


def done(events: list[Event]) -> set[str]:
    """Steps that did something to their end; looking at the machine does nothing."""
    finished = told(events, StepFinished)
    return {event.step for event in finished if event.outcome == "done" and event.step != "machine"}


def outside(world: World, start: int) -> list[str]:
    """What was changed outside the lab's folder since then."""
    return [name for name in world.effects[start:] if name.startswith(OUTSIDE)]


def check_whole(world: World) -> None:
    """Everything is there, once, and works together, when Argo CD has had time to ask git once more."""
    world.pass_time(30)
    docker = world.docker
    found = sorted(c.name for c in docker.all.values() if "canary" not in c.labels)
    assert found == ["lab-git", "lab-hub-control-plane", "lab-w1-control-plane"]
    assert all(container.running for container in docker.all.values())
    assert [name for name, labels in docker.nets.items() if "canary" not in labels] == ["kind"]
    hub, w1 = world.kube("hub"), world.kube("w1")
    assert hub.names("Application", "argocd") == ["root", "web-w1"]
    assert hub.names("ApplicationSet") == ["web"]
    assert hub.names("Secret", "argocd") == ["argocd-secret", "cluster-hub", "cluster-w1"]
    assert w1.names("ServiceAccount", "kube-system") == ["gitops-lab-hub"]
    head = world.git_program().head("platform")
    for key, app in hub.objects.items():
        if key[1] == "Application":
            assert app["status"]["sync"] == {"status": "Synced", "revision": head}
    clone = world.settings.home / "labs" / "lab" / "workspace" / "platform"
    assert (clone / "web" / "config.yaml").read_text().endswith("colour: blue\n")
    assert (clone / ".git" / "hooks" / "reference-transaction").exists()
    record = LabFolder(world.settings.home, "lab").record()
    assert record is not None
    assert record.complete
    for cluster in ("hub", "w1"):
        assert world.node(cluster).container.ports[6443] == record.ports[f"api:{cluster}"]


def check_settled(world: World) -> None:
    """`up` has nothing to do any more."""
    start = len(world.effects)
    result = up(world.lab())
    assert result.changes == 0
    assert outside(world, start) == []


def take_down(world: World) -> None:
    down(world.lab())
    assert world.ours() == []
    assert world.orphans == []


@each("up")
def test_up_goes_on_where_it_was_killed(point: Kill) -> None:
    with living() as world:
        world.add_canaries()
        others = world.others()
        first: list[Event] = []
        second: list[Event] = []
        die(world, up, point, first)
        assert up(world.lab(sink=second.append)).outcome == "success"
        check_whole(world)
        assert done(first) & done(second) == set()
        check_settled(world)
        take_down(world)
        assert world.others() == others


@pytest.mark.parametrize(
    "point",
    [
        Kill("git init"),
        Kill("git commit"),
        Kill("git push"),
        Kill("git push", phase="after"),
        Kill("git clone", phase="half"),
        Kill("git clone", phase="after"),
        Kill("git config", 4),
    ],
    ids=str,
)
def test_the_real_git_goes_on_as_well(point: Kill) -> None:
    with living(real_git=True) as world:
        die(world, up, point)
        up(world.lab())
        check_whole(world)
        check_settled(world)
        take_down(world)


@each("down")
def test_down_ends_clean_after_it_was_killed(point: Kill) -> None:
    with living() as world:
        world.add_canaries()
        others = world.others()
        up(world.lab())
        die(world, down, point)
        lab = world.lab()
        if lab.folder.record() is not None:
            down(lab)
            assert world.ours() == []
        # Without its record there is no lab: all that may be left are its empty folder and its lock.
        shell = {"file labs", "file labs/lab", "file locks", "file locks/lab", "file locks/lab.holder"}
        assert set(world.ours()) <= shell
        up(world.lab())
        check_whole(world)
        take_down(world)
        assert world.others() == others


@each("pause")
def test_pause_goes_on_where_it_was_killed(point: Kill) -> None:
    with living() as world:
        up(world.lab())
        die(world, pause, point)
        pause(world.lab())
        assert not any(container.running for container in world.docker.all.values())
        world.pass_time(3600)
        assert resume(world.lab()).outcome == "success"
        check_whole(world)
        check_settled(world)
        take_down(world)


@each("resume")
def test_resume_goes_on_where_it_was_killed(point: Kill) -> None:
    with living() as world:
        up(world.lab())
        pause(world.lab())
        world.pass_time(3600)
        die(world, resume, point)
        resume(world.lab())
        check_whole(world)
        check_settled(world)
        take_down(world)


@pytest.mark.parametrize("seed", range(8))
def test_many_deaths_in_a_row(seed: int) -> None:
    """Also while something else is done about the last one."""
    chance = random.Random(seed)
    with living() as world:
        world.add_canaries()
        others = world.others()
        for _ in range(5):
            command, operation = chance.choice([("up", up), ("up", up), ("down", down)])
            lab = world.lab()
            if command == "down" and lab.folder.record() is None:
                continue
            world.kill = chance.choice(POINTS[command])
            try:
                operation(lab)
            except Died:
                continue
            except LabError as error:
                # A lab that was taken down half way has a workspace but perhaps no git any more.
                raise AssertionError(f"after {world.effects[-5:]}: {error.what}: {error.why}") from error
        up(world.lab())
        check_whole(world)
        check_settled(world)
        take_down(world)
        assert world.others() == others


def test_there_are_enough_points() -> None:
    assert sum(map(len, POINTS.values())) >= 60
