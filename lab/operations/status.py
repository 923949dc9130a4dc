"""What there is, right now."""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from lab.argocd import fleet
from lab.errors import LabError
from lab.model import Cluster
from lab.ports import Node
from lab.providers import simulated
from lab.results import ClusterStatus, FleetCell, LabStatus, Link
from lab.session import Lab
from lab.steps.registration import Register, registrations


def status(lab: Lab) -> LabStatus:
    """Clusters, links, Applications and what differs from what `up` would leave. Changes nothing, takes no lock."""
    nodes = {node.cluster: node for node in lab.provider.nodes(memory=True)}
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="status") as pool:
        clusters = tuple(pool.map(lambda c: _cluster(lab, c, nodes.get(c.name)), lab.scenario.clusters))
        ready = {cluster.name for cluster in clusters if cluster.state == "ready"}
        links = pool.submit(_links, lab, ready)
        cells = pool.submit(_fleet, lab, ready)
        git = lab.provider.git_running()
        record = lab.folder.record()
        ui = [c for c in lab.instances if lab.options.ui]
        return LabStatus(
            lab=lab.name,
            scenario=lab.scenario.id,
            provider=lab.provider.name,
            state=_state(clusters, record is not None and record.complete),
            clusters=clusters,
            links=links.result(),
            fleet=cells.result(),
            git_url=lab.git().url if git else "",
            ui_url=lab.provider.ui_url(ui[0]) if ui else "",
            workspace=str(lab.workspace),
            running=lab.folder.holder(),
            problems=_problems(clusters, links.result(), git),
            simulated=simulated(lab.provider.name),
        )


def _state(clusters: tuple[ClusterStatus, ...], complete: bool) -> Literal["absent", "partial", "up", "paused"]:
    states = {cluster.state for cluster in clusters}
    if states == {"absent"}:
        return "absent"
    if states == {"paused"}:
        return "paused"
    return "up" if complete and states <= {"ready", "paused"} else "partial"


def _cluster(lab: Lab, cluster: Cluster, node: Node | None) -> ClusterStatus:
    state: Literal["ready", "paused", "absent", "unreachable", "partial"] = "absent"
    version = ""
    if node is not None:
        state = "paused" if node.state == "paused" else "partial" if node.state == "partial" else "ready"
    if state == "ready":
        try:
            version = lab.kube(cluster.name).version()
        except LabError:
            state = "unreachable"
    return ClusterStatus(
        name=cluster.name,
        role=cluster.role,
        state=state,
        labels=dict(cluster.labels),
        version=version,
        server=lab.provider.server(cluster.name),
        memory_bytes=node.memory_bytes if node else 0,
        argocd=cluster.name in lab.instances,
    )


def _links(lab: Lab, ready: set[str]) -> tuple[Link, ...]:
    links = []
    for step in registrations(lab.scenario):
        hub, name = step.hub, step.cluster.name
        if hub not in ready:
            continue
        if name in ready:
            links.append(_quietly(lab, step))
        else:
            links.append(Link(hub=hub, cluster=name, state="unreachable", detail=f"{name} is not ready"))
    return tuple(links)


def _quietly(lab: Lab, step: Register) -> Link:
    try:
        return step.link(lab)
    except LabError as error:
        detail = f"{error.what}: {error.why}"
        return Link(hub=step.hub, cluster=step.cluster.name, state="unreachable", detail=detail)


def _fleet(lab: Lab, ready: set[str]) -> tuple[FleetCell, ...]:
    kubes = {name: lab.kube(name) for name in lab.instances if name in ready}
    return fleet.read(kubes, lab.destinations)


def _problems(clusters: tuple[ClusterStatus, ...], links: tuple[Link, ...], git: bool) -> tuple[str, ...]:
    found = [f"cluster {c.name} is {c.state}" for c in clusters if c.state != "ready"]
    found += [f"{link.hub} → {link.cluster}: {link.state}, {link.detail}" for link in links if link.state != "ok"]
    if not git:
        found.append("the git server does not run")
    return tuple(found)
