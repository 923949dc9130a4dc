"""What all check kinds share: how one check is looked at."""

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from lab import manifests
from lab.checks.evidence import Place, around
from lab.events import CheckOutcome
from lab.model import Check
from lab.ports import Kube
from lab.session import Lab

Value = TypeVar("Value")


def step_of(check: Check) -> str:
    """What events of a check have as their step: its commands and changes, which it takes back itself."""
    return f"check:{check.id}"


def filled(lab: Lab, value: Value) -> Value:
    """The same data with `${cluster.<name>.server}` replaced by that cluster's API address in the lab's network.

    :raises LabError: `scenario-invalid` when another name stands there
    """
    if "${" not in repr(value):
        return value
    servers = {f"cluster.{c.name}.server": lab.provider.server(c.name) for c in lab.scenario.clusters}
    return manifests.substitute(value, servers)


class Settled(Exception):
    """The outcome is certain; asking again would not change it."""

    def __init__(self, outcome: CheckOutcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Look:
    """One check under observation; made afresh every time the check runs and closed afterwards."""

    interval: ClassVar[float] = 0.5
    """Seconds between two looks."""

    def __init__(self, lab: Lab, check: Check) -> None:
        self.lab = lab
        self.check = check
        self.cluster = check.on or lab.scenario.hub.name

    def __call__(self) -> str:
        """Empty when the check holds, else the mismatch.

        :raises Settled: when waiting longer makes no sense
        """
        raise NotImplementedError

    def evidence(self) -> Sequence[str]:
        """What was there when the check failed, most telling first."""
        return around(self.lab, self.places())

    def places(self) -> Sequence[Place]:
        """Where pods and events tell more."""
        return ()

    def close(self) -> None:
        """Take back what looking has changed."""

    @property
    def kube(self) -> Kube:
        return self.lab.kube(self.cluster)
