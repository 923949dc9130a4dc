"""How often the lab is asked, and when an answer is too old to be believed."""

from dataclasses import dataclass

EVERY = 3.0
"""Seconds between two questions while things move."""
QUIET = 6.0
"""Seconds between two questions when nothing changed for a while; well below STALE."""
SLOWEST = 30.0
"""Seconds between two questions while the lab does not answer."""
STALE = 10.0
"""Seconds after which the last good answer is marked as old."""
CALM = 10
"""Equal answers in a row after which it is asked less often."""


@dataclass
class Cadence:
    """Decides from the answers when to ask again. Times are seconds on any one clock."""

    pause: float = EVERY
    asked: float = float("-inf")
    good: float = float("-inf")
    """Time of the last good answer."""
    waiting: bool = False
    """Whether a question is on its way."""
    equal: int = 0

    def due(self, now: float) -> bool:
        """Whether to ask now."""
        return not self.waiting and now - self.asked >= self.pause

    def ask(self, now: float) -> None:
        self.asked, self.waiting = now, True

    def answered(self, now: float, changed: bool) -> None:
        """A good answer came."""
        self.waiting, self.good = False, now
        self.equal = 0 if changed else self.equal + 1
        self.pause = QUIET if self.equal >= CALM else EVERY

    def failed(self) -> None:
        """It did not answer; the pause doubles."""
        self.waiting = False
        self.pause = min(SLOWEST, self.pause * 2)

    def hurry(self) -> None:
        """A person did something: ask at once."""
        self.pause, self.equal, self.asked = EVERY, 0, float("-inf")

    def age(self, now: float) -> float | None:
        """Seconds since the last good answer when it is old, else None. Before the first answer nothing is old."""
        if self.good == float("-inf"):
            return None
        age = now - self.good
        return age if age > STALE else None
