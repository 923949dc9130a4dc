"""The engine on recorded durations: how well does it pack the steps of a real plan? Needs no Docker."""

import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from lab import engine, plan, scenario
from lab.session import Lab
from lab.steps.step import Step, Told
from lab.waiting import SystemClock
from tests.bench.critical_path import lower_bound
from tests.bench.measure import Figure
from tests.fakes.release import settings_with
from tests.fakes.stand_in import stand_in

RECORDED = Path(__file__).with_name("recorded.json")
"""Seconds by step id of one real `lab up centralized`; `make bench ARGS="--record LOG"` writes it."""
SCALE = 20
LIMIT = 1.10


@dataclass(frozen=True, kw_only=True)
class Replayed(Step):
    """Takes as long as the recorded step took, scaled down."""

    like: Step
    seconds: float

    @property
    def id(self) -> str:
        return self.like.id

    @property
    def title(self) -> str:
        return self.like.title

    @property
    def clusters(self) -> tuple[str, ...]:
        return self.like.clusters

    @property
    def slot(self) -> str:  # type: ignore[override]
        return self.like.slot

    def satisfied(self, lab: Lab) -> str:
        return "as recorded"

    def run(self, lab: Lab, told: Told) -> None:
        lab.clock.wait(self.seconds, lab.cancel)


def figures() -> dict[str, Figure]:
    """Wall time of the replay over the shortest time the graph allows."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["seconds"]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = settings_with(home)
        steps = plan.make(scenario.find(settings, "centralized"), settings)
        replayed = tuple(
            Replayed(like=step, needs=step.needs, seconds=recorded.get(step.id, 0.0) / SCALE) for step in steps
        )
        lab = replace(stand_in(home).lab, clock=SystemClock(), settings=settings)
        start = time.perf_counter()
        engine.run(replayed, lab, "make bench")
        wall = time.perf_counter() - start
    creating = [step.id for step in replayed if step.slot == "create"]
    infos = [step.info for step in replayed]
    bound = lower_bound(infos, {s.id: s.seconds for s in replayed}, [(creating, settings.create_slots)])
    note = f"{wall * SCALE:.1f} s, the graph allows {bound * SCALE:.1f} s; durations recorded, run 1:{SCALE}"
    unknown = sorted(step.id for step in replayed if step.id not in recorded)
    if unknown:
        note += f"; not recorded: {', '.join(unknown)}"
    return {"engine.critical_path": Figure(value=round(wall / bound, 3), unit="x lower bound", limit=LIMIT, note=note)}
