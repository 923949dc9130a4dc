"""The form of a story."""

from __future__ import annotations

from dataclasses import dataclass

from tests.equality.conditions import Condition


@dataclass(frozen=True)
class Checkpoint:
    """A change, and what is true when it has worked."""

    name: str
    """Unique in the story."""
    title: str
    """What happens, as a sentence."""
    until: tuple[Condition, ...]
    do: str = ""
    """A script for bash in the clone of the repository, with the variables of `lab env`; kubectl and git only."""
    settles: bool = True
    """Whether the world comes to rest. Where it does not, nothing is recorded: the conditions are what is compared."""


@dataclass(frozen=True)
class Story:
    """A scenario and what is done to it."""

    scenario: str
    clusters: dict[str, bool]
    """By name: whether an Argo CD runs there."""
    checkpoints: tuple[Checkpoint, ...]

    @property
    def name(self) -> str:
        """The last part of the scenario's id."""
        return self.scenario.rpartition("/")[2]
