"""A lab whose parts are all fakes, for what works on a lab."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.events import Event
from lab.model import Check, Cluster, LessonStep, Metadata, Scenario, Spec
from lab.ports import Node
from lab.recording import Switch
from lab.session import Lab
from lab.settings import Settings
from lab.state import LabFolder
from tests.fakes.clock import FakeClock
from tests.fakes.kube import FakeKube
from tests.fakes.shell import FakeShell

EVERYTHING = frozenset({"can_create", "runs_containers", "has_network", "keeps_time"})


@dataclass
class StandInGit:
    """Heads of repositories."""

    heads: dict[str, str] = field(default_factory=dict)
    url: str = "http://127.0.0.1:40123"

    def head(self, repository: str, branch: str = "main") -> str:
        return self.heads.get(repository, "")


@dataclass
class StandInProvider:
    """Clusters as far as checks look at them."""

    kubes: dict[str, FakeKube]
    git_server: StandInGit
    folder: Path
    name: str = "kind"
    capabilities: frozenset[str] = EVERYTHING
    states: dict[str, str] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)

    def nodes(self, memory: bool = False) -> Sequence[Node]:
        return [
            Node(
                cluster=name,
                state=self.states.get(name, "running"),
                memory_bytes=self.memory.get(name, 0) if memory else 0,
            )
            for name in self.kubes
        ]

    def kube(self, cluster: str) -> FakeKube:
        return self.kubes[cluster]

    def server(self, cluster: str) -> str:
        return f"https://lab-{cluster}-control-plane:6443"

    def ca(self, cluster: str) -> str:
        return f"authority of {cluster}"

    def kubeconfig(self, cluster: str) -> Path:
        return self.folder / f"{cluster}.yaml"

    def git(self) -> StandInGit:
        return self.git_server


@dataclass
class StandIn:
    """The lab and its parts, with what a test needs to look at."""

    lab: Lab
    kubes: dict[str, FakeKube]
    clock: FakeClock
    shell: FakeShell
    git: StandInGit
    provider: StandInProvider
    events: list[Event]

    @property
    def hub(self) -> FakeKube:
        return self.kubes["hub"]

    def told(self, kind: type[Event]) -> list[Any]:
        """Events of one kind, oldest first."""
        return [event for event in self.events if isinstance(event, kind)]


def check(**values: Any) -> Check:
    """A check with the fields that do not matter filled in."""
    return Check.model_validate({"id": "it", "title": "it holds", "timeout": "10s", **values})


def stand_in(
    folder: Path,
    checks: Sequence[Check] = (),
    lesson: Sequence[LessonStep] = (),
    name: str = "03-multi-cluster/centralized",
    argocd: Sequence[str] = ("hub",),
    manages: Sequence[str] = (),
) -> StandIn:
    """A lab with clusters hub, w1 and w2, each an empty API.

    :param folder: temporary folder of the test
    :param argocd: clusters that run an Argo CD
    :param manages: clusters that each of them manages besides
    """
    clusters = (
        Cluster(name="hub", role="management"),
        Cluster(name="w1", role="workload"),
        Cluster(name="w2", role="workload"),
    )
    instances = [{"on": on, "manages": manages} for on in argocd]
    spec = Spec.model_validate({"clusters": clusters, "argocd": instances, "checks": tuple(checks)})
    scenario = Scenario(
        id=name,
        folder=folder / "scenario",
        metadata=Metadata(name=name.rpartition("/")[2], title="A lab", level="beginner", minutes=5),
        spec=spec,
        lesson=tuple(lesson),
    )
    scenario.folder.mkdir(exist_ok=True)
    clock, shell, git = FakeClock(), FakeShell(), StandInGit()
    kubes = {cluster.name: FakeKube(cluster=cluster.name, now=clock.now) for cluster in clusters}
    provider = StandInProvider(kubes=kubes, git_server=git, folder=folder)
    events: list[Event] = []
    # The fakes have only those methods that checks and lessons call.
    parts: Any = {"provider": provider, "shell": shell, "clock": clock, "sink": Switch(events.append)}
    lab = Lab(
        settings=Settings.from_environment({"HOME": str(folder), "LAB_HOME": str(folder / "home")}),
        name="lab",
        scenario=scenario,
        folder=LabFolder(folder / "home", "lab"),
        cancel=threading.Event(),
        listener=events.append,
        **parts,
    )
    return StandIn(lab, kubes, clock, shell, git, provider, events)
