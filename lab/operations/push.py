"""Commit, push, and see it arrive on every cluster."""

from dataclasses import dataclass, field

from lab import git_workspace
from lab.argocd import fleet, refresh, sources
from lab.errors import LabError, as_lab_error
from lab.ports import Object, Ref
from lab.results import Pushed
from lab.session import IN_CLUSTER_GIT, Lab
from lab.waiting import wait_until

SYNC_TIMEOUT = 300.0
REFRESH_AGAIN = 5.0
"""Seconds after which an Application that has not noticed the commit is asked once more."""


@dataclass
class _Arrival:
    """When each Application was first seen Synced at the commit."""

    revision: str
    started: float
    seconds: dict[str, float] = field(default_factory=dict)
    clusters: dict[str, float] = field(default_factory=dict)
    asked: float = 0.0


def push(lab: Lab, repository: str = "", message: str = "") -> Pushed:
    """Commit what changed in the workspace, push it, wait until every Application of the repository is Synced to it.

    :param repository: name; may be left out when the scenario has one
    :raises LabError: `usage` for an unknown repository; `wait-timeout` naming the Applications that did not follow
    """
    names = [r.name for r in lab.scenario.spec.repositories]
    name = repository or (names[0] if len(names) == 1 else "")
    if name not in names:
        raise LabError("usage", problem=f"name a repository: {', '.join(names)}")
    with lab.folder.lock("push"), lab.recording("push") as recording:
        started = lab.clock.monotonic()
        try:
            revision = git_workspace.commit_and_push(lab.shell, lab.workspace / name, message or "Change by lab push")
            arrival = _Arrival(revision=revision, started=lab.clock.monotonic())
            _await(lab, name, arrival)
        except Exception as error:
            lab.finish(recording, started, as_lab_error(error, "lab push"))
            raise
        seconds = max(arrival.seconds.values(), default=0.0)
        lab.folder.note(
            "pushed", repository=name, revision=revision, seconds=seconds, per_cluster=dict(arrival.clusters)
        )
        lab.finish(recording, started)
        return Pushed(repository=name, revision=revision, applications=tuple(sorted(arrival.seconds)), seconds=seconds)


def _await(lab: Lab, repository: str, arrival: _Arrival) -> None:
    url = f"{IN_CLUSTER_GIT}/lab/{repository}.git"
    running = {node.cluster for node in lab.provider.nodes() if node.state == "running"}
    instances = [name for name in lab.instances if name in running]
    kubes = {name: lab.kube(name) for name in instances}
    names = lab.destinations

    def ask() -> None:
        arrival.asked = lab.clock.monotonic()
        if lab.options.timing == "fast":
            for kube in kubes.values():
                refresh.refresh(kube, url)

    def probe() -> str:
        behind = []
        for instance, kube in kubes.items():
            for app in kube.list(Ref(kind="Application", namespace="argocd")):
                if not sources.uses(app.get("spec"), url):
                    continue
                label = f"{instance}/{app['metadata']['name']}"
                if _synced(app, arrival.revision):
                    seconds = round(lab.clock.monotonic() - arrival.started, 3)
                    first = arrival.seconds.setdefault(label, seconds)
                    where = fleet.deploys_to(app["spec"].get("destination", {}), instance, names)
                    arrival.clusters[where] = max(first, arrival.clusters.get(where, 0.0))
                else:
                    behind.append(label)
        if behind and lab.clock.monotonic() - arrival.asked > REFRESH_AGAIN:
            ask()
        return f"not yet at {arrival.revision[:7]}: {', '.join(sorted(behind))}" if behind else ""

    ask()
    wait_until(
        probe,
        awaited=f"commit {arrival.revision[:7]} on every cluster",
        timeout=SYNC_TIMEOUT,
        clock=lab.clock,
        cancel=lab.cancel,
        interval=0.25,
    )


def _synced(app: Object, revision: str) -> bool:
    status = app.get("status") or {}
    sync = status.get("sync") or {}
    revisions = [sync.get("revision"), *(sync.get("revisions") or ())]
    return sync.get("status") == "Synced" and revision in revisions
