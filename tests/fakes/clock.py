"""Time that passes only when somebody waits."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

START = 1_700_000_000.0


@dataclass
class FakeClock:
    """Implements `lab.ports.Clock`: `wait` returns at once and moves the time on.

    The world moves with it: what a test planned with `at` happens on the way, in order of time, and `each` runs at
    the end of every wait.
    """

    time: float = START
    waits: list[float] = field(default_factory=list)
    each: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._start = self.time
        self._plans: list[tuple[float, Callable[[], object]]] = []
        self._guard = threading.RLock()

    @property
    def passed(self) -> float:
        """Seconds since the clock was made."""
        return self.time - self._start

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Do this when so many seconds have passed since the clock was made."""
        self._plans.append((self._start + seconds, action))
        self._plans.sort(key=lambda plan: plan[0])

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody waiting."""
        with self._guard:
            end = self.time + seconds
            while self._plans and self._plans[0][0] <= end:
                when, action = self._plans.pop(0)
                self.time = max(self.time, when)
                action()
            self.time = end

    # --- lab.ports.Clock ----------------------------------------------------------------------------------------

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        with self._guard:
            self.waits.append(seconds)
            self.advance(max(seconds, 0.001))
            self.each()
        return cancel.is_set()
