"""Look at the screens without a lab: `python -m tests.tui.demo [choose|run|lab] [--broken] [--speed N]`."""

import argparse
import time
from dataclasses import dataclass, field

from lab.tui.app import LabApp
from lab.tui.source import Standing, Ticket
from tests.tui import data
from tests.tui.fakes import PIDS, STANDING, FakeSource


@dataclass
class Moving(FakeSource):
    """Its time goes on by itself."""

    speed: float = 1.0
    began: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        self.time = data.START + (time.monotonic() - self.began) * self.speed
        return self.time

    def standing(self) -> Standing | None:
        """There is a lab once a run came to its end."""
        return STANDING if self.active() is None and (self.lab or self.running or self.started) else self.lab

    def active(self) -> Ticket | None:
        """The recorded runs take 72 s; the one with the failed check 242 s."""
        began = self._begun.get(PIDS["up"], data.START if self.running else None)
        lasts = 242 if self.logs["up"] == "up-check-failed" else 73
        going_on = began is not None and self.now() - began < lasts
        return Ticket(command="up", pid=PIDS["up"]) if going_on else None


def main() -> None:
    """Show the screen that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("at", nargs="?", choices=("choose", "run", "lab"), default="choose")
    parser.add_argument("--broken", action="store_true", help="things that went wrong")
    parser.add_argument("--speed", type=float, default=4.0)
    chosen = parser.parse_args()
    source = Moving(speed=chosen.speed)
    if chosen.broken:
        source.diagnosis, source.state = data.BLOCKED, data.DEGRADED
        source.logs["up"] = "up-check-failed"
    if chosen.at == "run":
        source.running = Ticket(command="up", pid=PIDS["up"])
    if chosen.at == "lab":
        source.lab = STANDING
        source.began -= 150 / chosen.speed
    LabApp(source).run()


if __name__ == "__main__":
    main()
