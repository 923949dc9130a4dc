"""Whether this machine can run a lab: found before anything is made, with a command that cures it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lab.doctor import engine, kernel, leftovers, network, resources, supplies, tools
from lab.doctor.case import Case
from lab.doctor.machine import Machine, Unanswered
from lab.doctor.need import SIMULATED, Need, estimate, need
from lab.doctor.ownership import OWNER, clusters, ours
from lab.events import Event
from lab.model import Scenario
from lab.providers import CAPABILITIES, simulated
from lab.results import Diagnosis, Finding
from lab.settings import Settings
from lab.state import Options

__all__ = ["CHECKS", "diagnose", "estimate"]

CHECKS = (
    *engine.CHECKS,
    *tools.CHECKS,
    *kernel.CHECKS,
    *resources.CHECKS,
    *network.CHECKS,
    *supplies.CHECKS,
    *leftovers.CHECKS,
)
"""Every check, in the order of the answer."""


def diagnose(
    settings: Settings,
    scenario: Scenario | None = None,
    name: str = "lab",
    machine: Machine | None = None,
    options: Options | None = None,
    provider: str = "",
) -> Diagnosis:
    """Judge this machine for a scenario; without one, for the smallest lab. Nothing is changed; at most two seconds.

    :param name: the lab's name
    :param machine: a recorded machine instead of this one
    :param options: what is chosen for the lab; left out, what its record says
    :param provider: judge for this one; left out, for that of the lab's record, else for the one `lab up` would take
    :returns: one finding for each check that matters to the provider, whatever happens; `provider` is empty when
        Docker is needed and cannot be reached
    """
    start = time.monotonic()
    if machine is None:
        machine = _look(settings, scenario, name, options or Options())
    options = options or (machine.record.options if machine.record else Options())
    reached = machine.engine is not None and not machine.engine.code
    unasked = not provider and machine.record is None
    if unasked:
        provider = "sim" if machine.engine is not None and machine.engine.code else "kind"
    elif not provider and machine.record is not None:
        provider = machine.record.provider
    able = CAPABILITIES[provider]
    case = Case(
        settings=settings,
        scenario=scenario,
        name=name,
        options=options,
        machine=machine,
        need=_rest(settings.home, scenario, name, machine, options, simulated(provider)),
        able=able,
    )
    findings = tuple(check.find(case) for check in CHECKS if able.issuperset(check.needs))
    if unasked and case.simulated:
        findings = (*_instead(case), *findings)
    usable = reached or case.simulated
    return Diagnosis(findings=findings, provider=provider if usable else "", seconds=round(time.monotonic() - start, 3))


def _instead(case: Case) -> Iterator[Finding]:
    """What keeps real clusters away, where simulated ones are taken unasked."""
    for check in engine.REACHING:
        finding = check.find(case)
        if finding.verdict == "problem":
            yield replace(finding, verdict="warning", detail=f"{finding.detail}; until then clusters are simulated")


def _look(settings: Settings, scenario: Scenario | None, name: str, options: Options) -> Machine:
    from lab.doctor.reading import read
    from lab.shell import SystemShell

    def unheard(event: Event) -> None:
        """Looking is not part of a run."""

    images = supplies.images(settings, scenario)
    return read(settings, name, SystemShell(unheard), images, supplies.releases(scenario, options))


def _rest(
    home: Path, scenario: Scenario | None, name: str, machine: Machine, options: Options, simulated: bool
) -> Need:
    """What is still needed: clusters of this lab that run have taken their share already."""
    if simulated:
        up = {purpose.removeprefix("api:") for purpose in machine.served}
        return need(scenario, options, running=up, git="git" in machine.served, costs=SIMULATED)
    try:
        rows = [row for row in ours(machine.containers(), home, name) if row.get("State") == "running"]
    except Unanswered:
        rows = []
    present = (machine.engine.images if machine.engine else None) or {}
    return need(
        scenario,
        options,
        running=clusters(rows, name).keys(),
        git=any(OWNER in (row.get("Labels") or {}) for row in rows),
        images=bool(present) and all(present.values()),
    )
