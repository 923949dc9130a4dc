"""From a scenario to the ordered list of steps that bring it up. Pure: asks nothing, changes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from lab.model import CAPABILITIES, Capability, Scenario
from lab.settings import Settings
from lab.steps.argocd import InstallArgoCD, LoadArgoCDImages, StageArgoCDImages, WaitArgoCD
from lab.steps.bootstrap import ApplyBootstrap
from lab.steps.clusters import CreateCluster, LoadImages, PrepareNetwork, StageImages, WaitCluster
from lab.steps.git import CloneRepository, SeedRepository, StartGit
from lab.steps.machine import CheckMachine
from lab.steps.registration import ProbeLink, Register
from lab.steps.step import Step

Plan = tuple[Step, ...]


def make(
    scenario: Scenario, settings: Settings, force: bool = False, able: frozenset[Capability] = CAPABILITIES
) -> Plan:
    """Every step of `lab up`, each after what it needs; among equals, the longest way to the end goes first.

    The hub comes first, so that its Argo CD installs while the workload clusters still boot. Applying the
    bootstrap waits for Argo CD: a first comparison that fails is tried again only after the polling interval.

    :param force: go on although doctor finds problems
    :param able: what the provider can do; steps that have nothing to do without the rest are left out
    """
    spec = scenario.spec
    order = [scenario.hub, *(c for c in spec.clusters if c.name != scenario.hub.name)]
    base = (settings.node_image, settings.git_image)
    steps: list[Step] = [CheckMachine(force=force), PrepareNetwork(images=base, needs=("machine",))]
    steps += [CreateCluster(cluster=cluster, needs=("prepare",)) for cluster in order]
    steps += [StartGit(needs=("prepare",))]
    steps += [SeedRepository(repository=r, needs=("git",)) for r in spec.repositories]

    stage = StageArgoCDImages(targets=tuple(instance.on for instance in spec.argocd), needs=("prepare",))
    steps.append(stage)
    workloads = {c.name: spec.images if c.images is None else c.images for c in order}
    staged = {
        images: StageImages(
            what="workload" if images == spec.images else f"{next(iter(names))} workload",
            targets=tuple(names),
            images=images,
            needs=("prepare",),
        )
        for images, names in _by_images(workloads).items()
    }
    steps += staged.values()

    written: list[str] = []
    probes: list[Step] = []
    for instance in spec.argocd:
        create = f"create:{instance.on}"
        load = LoadArgoCDImages(cluster=instance.on, needs=(create, stage.id))
        steps.append(load)
        if instance.via != "lab":
            continue
        # A pod that starts before its image is there would pull it.
        steps.append(InstallArgoCD(cluster=instance.on, needs=(load.id,)))
        ready = WaitArgoCD(cluster=instance.on, needs=(f"argocd:{instance.on}",))
        steps.append(ready)
        for name in (instance.on, *instance.manages):
            needs = tuple(dict.fromkeys((f"argocd:{instance.on}", f"create:{name}")))
            register = Register(
                hub=instance.on, cluster=scenario.cluster(name), rights=instance.rights.get(name), needs=needs
            )
            steps.append(register)
            written.append(register.id)
            if name != instance.on:
                probes.append(ProbeLink(hub=instance.on, cluster=name, needs=(register.id, ready.id, f"ready:{name}")))

    for cluster in order:
        steps.append(WaitCluster(cluster=cluster.name, needs=(f"create:{cluster.name}",)))
        images = workloads[cluster.name]
        if images:
            needs = (f"create:{cluster.name}", staged[images].id)
            steps.append(LoadImages(cluster=cluster.name, images=images, what="workload", needs=needs))
    pushed = tuple(f"push:{r.name}" for r in spec.repositories)
    installed = {instance.on for instance in spec.argocd if instance.via == "lab"}
    bootstraps = [
        ApplyBootstrap(
            bootstrap=b,
            needs=(*written, *pushed, f"argocd-ready:{b.on}" if b.on in installed else f"create:{b.on}"),
        )
        for b in dict.fromkeys(spec.bootstrap)
    ]
    steps += bootstraps
    steps += probes
    steps += [
        WaitArgoCD(cluster=instance.on, needs=(f"ready:{instance.on}", *(b.id for b in bootstraps)))
        for instance in spec.argocd
        if instance.via == "git"
    ]
    # The clone's hook holds every instance's kubeconfig path; nothing else of the run needs the clone.
    steps += [CloneRepository(repository=r, needs=(f"push:{r.name}",)) for r in spec.repositories]
    return ordered(_without(steps, able))


def _without(steps: list[Step], able: frozenset[Capability]) -> list[Step]:
    """The steps that these capabilities are enough for; who needed one of the others needs what that one needed."""
    needs = {step.id: step.needs for step in steps}
    left_out = {step.id for step in steps if not able.issuperset(step.requires)}

    def kept(step: str) -> Iterator[str]:
        for need in needs[step]:
            if need in left_out:
                yield from kept(need)
            else:
                yield need

    return [replace(step, needs=tuple(dict.fromkeys(kept(step.id)))) for step in steps if step.id not in left_out]


def _by_images(workloads: dict[str, tuple[str, ...]]) -> dict[tuple[str, ...], list[str]]:
    found: dict[tuple[str, ...], list[str]] = {}
    for cluster, images in workloads.items():
        if images:
            found.setdefault(images, []).append(cluster)
    return found


def ordered(steps: list[Step]) -> Plan:
    """The same steps so that each comes after its needs, otherwise in the given order.

    :raises ValueError: for a need that no step has, or a circle
    """
    by_id = {step.id: step for step in steps}
    if len(by_id) != len(steps):
        raise ValueError("two steps have one id")
    for step in steps:
        for need in step.needs:
            if need not in by_id:
                raise ValueError(f"{step.id} needs {need}, which is not in the plan")
    sorter = TopologicalSorter({step.id: step.needs for step in steps})
    try:
        sorter.prepare()
    except CycleError as error:
        raise ValueError(f"steps need each other: {error.args[1]}") from error
    position = {step.id: index for index, step in enumerate(steps)}
    result: list[Step] = []
    waiting = set(sorter.get_ready())
    while waiting:
        first = min(waiting, key=position.__getitem__)
        waiting.remove(first)
        result.append(by_id[first])
        sorter.done(first)
        waiting |= set(sorter.get_ready())
    return tuple(result)


def reverse(plan: Plan) -> Plan:
    """The steps that undo something, in the order in which `down` undoes them."""
    kept = [step for step in plan if step.undoes]
    ids = {step.id for step in kept}
    every = {step.id: step for step in plan}

    def ancestors(step: Step) -> set[str]:
        found: set[str] = set()
        todo = list(step.needs)
        while todo:
            need = todo.pop()
            if need not in found:
                found.add(need)
                todo += every[need].needs
        return found

    needed_by: dict[str, list[str]] = {step.id: [] for step in kept}
    for step in kept:
        for need in ancestors(step) & ids:
            needed_by[need].append(step.id)
    return ordered([replace(step, needs=tuple(sorted(needed_by[step.id]))) for step in reversed(kept)])


def only(plan: Plan, clusters: set[str]) -> Plan:
    """The steps that touch no other cluster than these, with their needs among themselves."""
    kept = [step for step in plan if set(step.clusters) <= clusters]
    ids = {step.id for step in kept}
    return tuple(replace(step, needs=tuple(need for need in step.needs if need in ids)) for step in kept)
