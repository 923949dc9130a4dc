"""Typed answers of the operations, which both front ends render."""

from dataclasses import dataclass, field
from typing import Literal

from lab.events import CheckOutcome, RunOutcome


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    id: str
    title: str
    outcome: CheckOutcome
    seconds: float = 0.0
    reason: str = ""
    """Last mismatch, or why it was skipped."""
    hint: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run ended."""

    outcome: RunOutcome
    exit_code: int
    seconds: float
    changes: int = 0
    """Changes made outside the lab folder."""
    checks: tuple[CheckResult, ...] = ()
    log: str = ""
    """Path of the run's event log."""
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class ClusterStatus:
    name: str
    role: str
    state: Literal["ready", "paused", "absent", "unreachable", "partial"]
    """`partial`: begun and not finished; the next `up` mends it."""
    labels: dict[str, str] = field(default_factory=dict)
    version: str = ""
    """Kubernetes version, e.g. `v1.36.1`."""
    server: str = ""
    """API address on this machine."""
    memory_bytes: int = 0
    argocd: bool = False
    """Whether an Argo CD of the scenario runs here."""


@dataclass(frozen=True, kw_only=True)
class FleetCell:
    """One Application as one Argo CD sees it."""

    application: str
    instance: str
    """Cluster whose Argo CD owns it."""
    cluster: str
    """Cluster it deploys to, by the lab's name; `?` when the destination is unknown."""
    namespace: str
    sync: str
    """`Synced`, `OutOfSync`, `Unknown`."""
    health: str
    revision: str = ""
    """Seven characters of the commit, or empty."""
    message: str = ""
    """Why it is not well: the first condition or the operation's message."""
    since: str = ""
    """RFC 3339 time of the last health or sync transition."""
    applicationset: str = ""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A hub's registration of a cluster."""

    hub: str
    cluster: str
    state: Literal["ok", "missing", "stale", "unreachable"]
    detail: str = ""
    expires: str = ""
    """RFC 3339 time the token ends."""


@dataclass(frozen=True, kw_only=True)
class LabStatus:
    lab: str
    scenario: str
    provider: str
    state: Literal["absent", "partial", "up", "paused"]
    clusters: tuple[ClusterStatus, ...] = ()
    links: tuple[Link, ...] = ()
    fleet: tuple[FleetCell, ...] = ()
    git_url: str = ""
    ui_url: str = ""
    workspace: str = ""
    running: str = ""
    """What another process does with the lab right now, e.g. `up since 12 s, process 4711`; empty: nothing."""
    problems: tuple[str, ...] = ()
    """Drift: what differs from what `up` would leave."""
    simulated: bool = False
    """Whether pods run nothing."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What doctor says about one thing."""

    id: str
    """Stable, e.g. `inotify-instances`."""
    title: str
    verdict: Literal["ok", "warning", "problem", "unknown"]
    """`problem`: the lab would fail here."""
    detail: str = ""
    """Figures: found and needed."""
    fix: str = ""
    """Command to paste."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    findings: tuple[Finding, ...]
    provider: str
    """Which provider `up` would take."""
    seconds: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether nothing stands in the way."""
        return all(f.verdict != "problem" for f in self.findings)


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A commit and what became of it."""

    repository: str
    revision: str
    applications: tuple[str, ...] = ()
    """`instance/application` that reached the revision."""
    seconds: float = 0.0
    """From push to the last of them Synced."""


@dataclass(frozen=True, kw_only=True)
class LessonStatus:
    """Where the learner is."""

    scenario: str
    step: int
    """1-based; the first step whose checks do not all hold."""
    steps: int
    title: str
    text: str
    checks: tuple[CheckResult, ...] = ()
    done: bool = False
    hint: str = ""
    commands: tuple[str, ...] = ()
    """Blocks of the text that are meant to be typed."""
    finished: tuple[int, ...] = ()
    """Numbers of the steps that are done."""


@dataclass(frozen=True, kw_only=True)
class ClusterMeasure:
    """What one cluster costs and how fast it follows a commit."""

    cluster: str
    memory_bytes: int | None = None
    """None: the provider cannot tell, or the cluster is stopped."""
    pods: int | None = None
    """None: its API does not answer."""
    argocd: bool = False
    applications: int | None = None
    """Applications its own Argo CD looks after."""
    credentials: int | None = None
    """Clusters whose credentials its own Argo CD keeps, itself not counted."""
    synced_seconds: float | None = None
    """Median time from a push to Synced here."""
    pushes: int = 0
    """How many pushes that is the median of."""


@dataclass(frozen=True, kw_only=True)
class Survival:
    """What a drill showed when it last ran."""

    check: str
    title: str
    outcome: CheckOutcome
    time: float
    """Seconds since the epoch."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured in one lab at one time."""

    scenario: str
    """Scenario id."""
    lab: str
    provider: str
    time: float
    """Seconds since the epoch."""
    clusters: tuple[ClusterMeasure, ...] = ()
    survival: tuple[Survival, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DecisionRow:
    """One criterion and what each shape does about it."""

    criterion: str
    cells: tuple[str, ...]
    """One for each column of the table."""


@dataclass(frozen=True, kw_only=True)
class DecisionTable:
    """The shapes side by side."""

    columns: tuple[str, ...]
    """Short scenario names."""
    rows: tuple[DecisionRow, ...]
