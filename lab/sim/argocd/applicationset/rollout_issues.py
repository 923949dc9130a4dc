"""What is wrong with the steps of a rolling sync, and how much a step may update at once.

Source: Argo CD 3.6.1 `applicationset/progressivesync/validation_issues.go`; apimachinery `pkg/util/intstr`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from lab.sim.objects import Object

_percent = re.compile(r"([-+]?[0-9]+)%", re.ASCII).fullmatch


@dataclass(slots=True)
class RolloutIssues:
    """Everything found; steps are counted from 0."""

    invalid_operators: list[tuple[int, str]] = field(default_factory=list)
    duplicates: dict[str, list[int]] = field(default_factory=dict)
    empty_steps: list[int] = field(default_factory=list)
    invalid_amounts: dict[int, str] = field(default_factory=dict)

    def invalid_operator(self, step: int, operator: str) -> None:
        """An operator other than `In` and `NotIn`; noted once for a step."""
        if (step, operator) not in self.invalid_operators:
            self.invalid_operators.append((step, operator))

    def selected_twice(self, application: str, first: int, again: int) -> None:
        """An Application that more than one step selects."""
        self.duplicates.setdefault(application, [first]).append(again)

    def condition(self) -> Object:
        """The condition InvalidRolloutConfig, without time; it names only the weightiest kind of issue."""
        message = self.message()
        return {
            "type": "InvalidRolloutConfig",
            "status": "True" if message else "False",
            "message": message or "Rolling Sync Configured correctly",
            "reason": f"ApplicationSet{'Invalid' if message else 'Valid'}RolloutConfig",
        }

    def message(self) -> str:
        """The issue to report; "" for none."""
        if self.invalid_operators:
            places = [str(step + 1) for step, _ in self.invalid_operators]
            verb = "has" if len(places) == 1 else "have"
            operators = ", ".join(operator for _, operator in self.invalid_operators)
            return (
                f"Step{'' if len(places) == 1 else 's'} {', '.join(places)} {verb} invalid matchExpression operators: "
                f"{operators}. Supported Operators are 'In' and 'NotIn'"
            )
        if self.duplicates:
            return self._duplicates()
        if self.invalid_amounts:
            places = [str(step + 1) for step in self.invalid_amounts]
            amounts = ", ".join(self.invalid_amounts.values())
            if len(places) == 1:
                return f"Step {places[0]} has an invalid maxUpdate value: {amounts}"
            return f"Steps {', '.join(places)} have invalid maxUpdate values: [{amounts}]"
        if self.empty_steps:
            listed = " ".join(str(step + 1) for step in self.empty_steps)
            return f"Steps [{listed}] have no applications matching their criteria"
        return ""

    def _duplicates(self) -> str:
        names = sorted(self.duplicates)
        steps = ["-".join(str(step + 1) for step in self.duplicates[name]) for name in names]
        if len(names) == 1:
            return f"Application '{names[0]}' is selected by multiple steps: ({steps[0]})"
        listed = "', '".join(names)
        return f"Applications '{listed}' are selected by multiple steps: [({'), ('.join(steps)})]"


def max_update_of(amount: Any, total: int, step: int, issues: RolloutIssues) -> int | None:
    """How many of `total` Applications may change at once; None for no limit.

    A share is rounded down, but is at least 1 unless it is written `0%`.
    """
    if amount is None:
        return None
    if isinstance(amount, int):
        return amount
    share = _percent(amount)
    if share is None:
        issues.invalid_amounts.setdefault(step, amount)
        return 1
    return max(int(share[1]) * total // 100, 0 if amount == "0%" else 1)
