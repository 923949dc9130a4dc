"""What a check is: a question with a stable id, judged from recorded facts alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from lab.doctor.machine import Machine, Unanswered
from lab.doctor.need import Need
from lab.model import CAPABILITIES, Capability, Scenario
from lab.results import Finding
from lab.settings import Settings
from lab.state import Options


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything a check may look at."""

    settings: Settings
    scenario: Scenario | None
    name: str
    """The lab's name."""
    options: Options
    machine: Machine
    need: Need
    able: frozenset[Capability] = CAPABILITIES
    """What the provider can do that the lab is judged for."""

    @property
    def simulated(self) -> bool:
        """Whether nothing of the lab runs in containers."""
        return "runs_containers" not in self.able


@dataclass(frozen=True)
class Answer:
    verdict: Literal["ok", "warning", "problem", "unknown"]
    detail: str
    """Found and needed, one line."""
    fix: str = ""
    """Pasted in a shell, it cures; words stand behind `#`."""


def ok(detail: str) -> Answer:
    return Answer("ok", detail)


def warning(detail: str, fix: str = "") -> Answer:
    """It works, but slower, later or only by luck."""
    return Answer("warning", detail, fix)


def problem(detail: str, fix: str) -> Answer:
    """The lab would fail here."""
    return Answer("problem", detail, fix)


@dataclass(frozen=True)
class Check:
    id: str
    title: str
    """What holds when the verdict is ok."""
    judge: Callable[[Case], Answer]
    needs: tuple[Capability, ...] = ()
    """Asked only where the provider can do this; without it the answer would not matter."""

    def find(self, case: Case) -> Finding:
        """Judge; a fact that is missing or has a shape nobody expected makes the verdict `unknown`."""
        try:
            answer = self.judge(case)
        except Unanswered as why:
            answer = Answer("unknown", str(why))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            answer = Answer("unknown", f"could not be told: {type(error).__name__}")
        return Finding(id=self.id, title=self.title, verdict=answer.verdict, detail=answer.detail, fix=answer.fix)


def of_containers(*checks: Check) -> tuple[Check, ...]:
    """Checks of what only containers need."""
    return tuple(replace(check, needs=("runs_containers",)) for check in checks)


def size(count: float) -> str:
    """Bytes for people: `2.4 GiB`, `350 MiB`."""
    mib = count / (1 << 20)
    return f"{mib / 1024:.1f} GiB" if mib >= 1000 else f"{mib:.0f} MiB"
