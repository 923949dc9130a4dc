"""Time that passes only when somebody waits."""

import threading
from collections.abc import Callable


class FakeClock:
    """Implements `lab.ports.Clock`: `wait` returns at once and moves the time on.

    What a test planned with `at` happens on the way, in order of time.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self.start = start
        self.passed = 0.0
        self.waits: list[float] = []
        self._plans: list[tuple[float, Callable[[], object]]] = []
        self._guard = threading.RLock()

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Do this when so many seconds have passed since the start."""
        self._plans.append((seconds, action))
        self._plans.sort(key=lambda plan: plan[0])

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody waiting."""
        with self._guard:
            end = self.passed + seconds
            while self._plans and self._plans[0][0] <= end:
                when, action = self._plans.pop(0)
                self.passed = max(self.passed, when)
                action()
            self.passed = end

    # --- lab.ports.Clock ----------------------------------------------------------------------------------------

    def now(self) -> float:
        return self.start + self.passed

    def monotonic(self) -> float:
        return self.passed

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        with self._guard:
            self.waits.append(seconds)
            self.advance(seconds)
        return cancel.is_set()
