"""The form of a step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from lab.events import StepInfo
from lab.model import Capability
from lab.session import Lab

Told = Callable[[str], None]
"""Told what the step does or waits for right now."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One named piece of work. Asked first whether it is needed, so running it twice changes nothing twice."""

    needs: tuple[str, ...] = ()
    """Ids of steps that must be done before."""

    slot: ClassVar[str] = ""
    """Steps of one slot are limited in how many run at once; empty: no limit."""

    requires: ClassVar[tuple[Capability, ...]] = ()
    """Without one of these there is nothing to do: where the provider lacks it, the step is left out of the plan."""

    undoes: ClassVar[bool] = False
    """Whether `undo` does something; `lab down` runs those in reverse order."""

    @property
    def id(self) -> str:
        """Stable name within a plan."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What it does, as a present participle."""
        raise NotImplementedError

    @property
    def undo_title(self) -> str:
        """What undoing does, as a present participle."""
        return f"undoing {self.id}"

    @property
    def clusters(self) -> tuple[str, ...]:
        """Clusters it works on."""
        return ()

    def satisfied(self, lab: Lab) -> str:
        """Empty when there is nothing to do, else what is missing. Changes nothing."""
        raise NotImplementedError

    def run(self, lab: Lab, told: Told) -> None:
        """Do it."""
        raise NotImplementedError

    def undo(self, lab: Lab, told: Told) -> None:
        """Take it back; nothing happens when there is nothing to take back."""

    @property
    def info(self) -> StepInfo:
        return StepInfo(id=self.id, title=self.title, clusters=self.clusters, needs=self.needs)
