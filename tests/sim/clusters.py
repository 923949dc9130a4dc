"""A simulated cluster without sockets, processes or real time, for tests of one part at a time."""

from __future__ import annotations

from dataclasses import dataclass

from lab.sim.api.kinds import BUILT_IN
from lab.sim.api.resources import Registry
from lab.sim.api.rest import Rest
from lab.sim.api.store import Store
from lab.sim.clock import ManualClock
from lab.sim.inprocess import InProcessClient


@dataclass
class Bare:
    """A store with the API's verbs on it: no server, no controllers."""

    rest: Rest
    clock: ManualClock

    def client(self, manager: str = "tester") -> InProcessClient:
        return InProcessClient(self.rest, manager)


def bare(minor: int = 34) -> Bare:
    clock = ManualClock()
    return Bare(Rest(Store(), Registry.of(BUILT_IN), clock, minor), clock)
