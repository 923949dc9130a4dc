"""Whether this machine can run a lab: found before anything is made, with a command that cures it."""

import time
from pathlib import Path

from lab.doctor import engine, kernel, leftovers, network, resources, supplies, tools
from lab.doctor.case import Case
from lab.doctor.machine import Machine, Unanswered
from lab.doctor.need import Need, estimate, need
from lab.doctor.ownership import OWNER, clusters, ours
from lab.events import Event
from lab.model import Scenario
from lab.results import Diagnosis
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
) -> Diagnosis:
    """Judge this machine for a scenario; without one, for the smallest lab. Nothing is changed; at most two seconds.

    :param name: the lab's name
    :param machine: a recorded machine instead of this one
    :param options: what is chosen for the lab; left out, what its record says
    :returns: one finding a check, whatever happens; `provider` is empty when none can be taken
    """
    start = time.monotonic()
    if machine is None:
        machine = _look(settings, scenario, name, options or Options())
    options = options or (machine.record.options if machine.record else Options())
    case = Case(
        settings=settings,
        scenario=scenario,
        name=name,
        options=options,
        machine=machine,
        need=_rest(settings.home, scenario, name, machine, options),
    )
    findings = tuple(check.find(case) for check in CHECKS)
    reached = machine.engine is not None and not machine.engine.code
    return Diagnosis(findings=findings, provider="kind" if reached else "", seconds=round(time.monotonic() - start, 3))


def _look(settings: Settings, scenario: Scenario | None, name: str, options: Options) -> Machine:
    from lab.doctor.reading import read
    from lab.shell import SystemShell

    def unheard(event: Event) -> None:
        """Looking is not part of a run."""

    images = supplies.images(settings, scenario)
    return read(settings, name, SystemShell(unheard), images, supplies.releases(scenario, options))


def _rest(home: Path, scenario: Scenario | None, name: str, machine: Machine, options: Options) -> Need:
    """What is still needed: clusters of this lab that run have taken their share already."""
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
