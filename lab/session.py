"""One lab, opened: everything an operation needs."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab import scenario as scenarios
from lab.errors import LabError
from lab.events import RunFinished, RunStarted, StepInfo
from lab.model import ArgoCD, Check, Cluster, Metadata, Scenario, Spec, is_name
from lab.ports import Clock, GitServer, Kube, Provider, Shell, Sink
from lab.providers import make
from lab.recording import Recording, Switch, silent
from lab.results import CheckResult, Diagnosis, RunResult
from lab.settings import Settings
from lab.shell import SystemShell
from lab.state import LabFolder, Options, Record, labs
from lab.waiting import SystemClock

IN_CLUSTER_GIT = "http://lab-git:3000"


@dataclass(frozen=True)
class Lab:
    """A lab's parts. Made by `open`, `prepare`, or a test with its own parts."""

    settings: Settings
    name: str
    scenario: Scenario
    folder: LabFolder
    provider: Provider
    shell: Shell
    clock: Clock
    sink: Switch
    cancel: threading.Event
    options: Options = field(default_factory=Options)
    listener: Sink = silent
    judge: Callable[..., Diagnosis] | None = None
    """Who judges the machine before anything is made; by default `lab.doctor.diagnose`, called alike."""

    @classmethod
    def open(cls, settings: Settings, name: str = "lab", sink: Sink = silent, remains: bool = False) -> "Lab":
        """A lab that exists.

        :param remains: when its scenario cannot be read any more, know at least its clusters, so that it can be
            taken down
        :raises LabError: `lab-unknown`; `name-invalid`; `scenario-unknown` when its scenario folder has gone
        """
        folder = LabFolder(settings.home, checked_name(name))
        record = folder.record()
        if record is None:
            others = labs(settings.home)
            known = f"; there is {', '.join(others)}" if others else ""
            raise LabError("lab-unknown", name=f"{name}{known}")
        try:
            path = Path(record.folder)
            there = path.is_dir()
            found = scenarios.load(path, settings.scenarios_dir) if there else scenarios.find(settings, record.scenario)
        except LabError:
            if not remains:
                raise
            found = _remains_of(record)
        return cls.prepare(settings, found, record.provider, name, record.options, sink)

    @classmethod
    def prepare(
        cls,
        settings: Settings,
        scenario: Scenario,
        provider: str,
        name: str = "lab",
        options: Options | None = None,
        sink: Sink = silent,
    ) -> "Lab":
        """A lab that may exist or not; nothing is written."""
        folder = LabFolder(settings.home, checked_name(name))
        switch, cancel, clock = Switch(), threading.Event(), SystemClock()
        shell = SystemShell(switch)
        return cls(
            settings=settings,
            name=name,
            scenario=scenario,
            folder=folder,
            provider=make(provider, settings, folder, shell, clock, cancel, switch),
            shell=shell,
            clock=clock,
            sink=switch,
            cancel=cancel,
            options=options or Options(),
            listener=sink,
        )

    # --- parts --------------------------------------------------------------------------------------------------

    def kube(self, cluster: str) -> Kube:
        """The API of one cluster; a name outside the scenario raises `cluster-unknown`."""
        names = [c.name for c in self.scenario.clusters]
        if cluster not in names:
            raise LabError("cluster-unknown", name=cluster, known=", ".join(names))
        return self.provider.kube(cluster)

    def git(self) -> GitServer:
        return self.provider.git()

    @property
    def instances(self) -> tuple[str, ...]:
        """Clusters that run an Argo CD."""
        return tuple(instance.on for instance in self.scenario.spec.argocd)

    @property
    def destinations(self) -> dict[str, str]:
        """Destination names and servers of Applications -> the lab's cluster names."""
        names = [cluster.name for cluster in self.scenario.clusters]
        return {name: name for name in names} | {self.provider.server(name): name for name in names}

    @property
    def workspace(self) -> Path:
        """Folder that holds the learner's clones."""
        return self.folder.path / "workspace"

    def environment(self) -> dict[str, str]:
        """What scripts, `lab shell` and `lab env` set. Kubeconfigs come hub first; contexts are cluster names."""
        hub = self.scenario.hub.name
        order = [hub, *(c.name for c in self.scenario.clusters if c.name != hub)]
        here = str(
            Path(sys.argv[0]).absolute().parent if Path(sys.argv[0]).name == "lab" else Path(sys.executable).parent
        )
        existing = {node.cluster for node in self.provider.nodes()}
        paths = [str(self.provider.kubeconfig(cluster)) for cluster in order if cluster in existing]
        return {
            **self.settings.environment(),
            "KUBECONFIG": ":".join(paths),
            # kubectl keeps its discovery cache beside the user's own kubeconfig unless told.
            "KUBECACHEDIR": str(self.folder.path / "kubecache"),
            "LAB_NAME": self.name,
            "LAB_SCENARIO": self.scenario.id,
            "LAB_PROVIDER": self.provider.name,
            "LAB_WORKSPACE": str(self.workspace),
            "LAB_GIT_URL": self.git().url,
            "LAB_DIR": str(self.folder.path),
            "PATH": f"{here}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }

    # --- runs ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def recording(
        self, command: str, steps: tuple[StepInfo, ...] = (), checks: tuple[Check, ...] = ()
    ) -> Iterator[Recording]:
        """Record a run: its log, its RunStarted. Whoever runs it ends it with `finish`."""
        # `down` goes on without a log: it is what makes room on a full disk.
        recording = Recording(self.folder, command, self.clock, self.listener, strict=command != "down")
        previous, self.sink.target = self.sink.target, recording
        try:
            recording(
                RunStarted(
                    command=command,
                    lab=self.name,
                    scenario=self.scenario.id,
                    provider=self.provider.name,
                    steps=steps,
                    checks=tuple(check.id for check in checks),
                    pid=os.getpid(),
                    log=str(recording.path),
                )
            )
            yield recording
        finally:
            self.sink.target = previous
            recording.close()

    def finish(
        self,
        recording: Recording,
        started: float,
        error: LabError | None = None,
        checks: tuple[CheckResult, ...] = (),
        exit_code: int = 0,
    ) -> RunResult:
        """Emit RunFinished and make the result. With an error its exit code counts."""
        code = error.exit_code if error else exit_code
        seconds = round(self.clock.monotonic() - started, 3)
        cancelled = error is not None and error.code == "interrupted"
        outcome = "cancelled" if cancelled else "error" if error else "success" if code == 0 else "partial"
        recording(
            RunFinished(
                outcome=outcome,  # type: ignore[arg-type]
                exit_code=code,
                seconds=seconds,
                changes=recording.changes,
                error=error.code if error else "",
                message=error.what if error else "",
                hint=error.fix if error else "",
            )
        )
        return RunResult(
            outcome=outcome,  # type: ignore[arg-type]
            exit_code=code,
            seconds=seconds,
            changes=recording.changes,
            checks=checks,
            log=str(recording.path),
            provider=self.provider.name,
        )

    # --- record -------------------------------------------------------------------------------------------------

    def fresh_record(self) -> Record:
        """What the record of this lab would be now."""
        return Record(
            name=self.name,
            scenario=self.scenario.id,
            folder=str(self.scenario.folder),
            provider=self.provider.name,
            digest=self.scenario.digest,
            options=self.options,
            created=self.clock.now(),
        )

    def mark_complete(self, complete: bool) -> None:
        record = self.folder.record()
        if record is not None and record.complete != complete:
            self.folder.save(replace(record, complete=complete))


def _remains_of(record: Record) -> Scenario:
    """A scenario with nothing but the clusters for which the lab keeps a port."""
    names = [purpose.removeprefix("api:") for purpose in record.ports if purpose.startswith("api:")]
    title = record.scenario.rpartition("/")[2]
    return Scenario(
        id=record.scenario,
        folder=Path(record.folder),
        metadata=Metadata(name=title, title=title, level="beginner", minutes=1),
        spec=Spec(
            clusters=tuple(Cluster(name=name, role="workload") for name in names),
            argocd=tuple(ArgoCD(on=name) for name in names[:1]),
        ),
        digest=record.digest,
    )


def checked_name(name: str) -> str:
    """The name, when it may name a lab.

    :raises LabError: `name-invalid`
    """
    if not is_name(name):
        raise LabError("name-invalid", name=name, thing="lab")
    return name
