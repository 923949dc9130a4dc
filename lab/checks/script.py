"""`script`: a program of the scenario decides."""

import os
from collections.abc import Sequence
from typing import ClassVar

from lab.checks.evidence import LINES, known_secrets
from lab.checks.look import Look, Settled, step_of
from lab.model import Check, seconds
from lab.ports import Command, CommandResult
from lab.session import Lab

HOLDS, DOES_NOT_HOLD, CANNOT_TELL = 0, 1, 5
NOT_RUNNABLE = (126, 127)

TIDYING = 120.0
"""Seconds a drill gets to bring back what it took down."""


class ScriptLook(Look):
    """Runs the script again until it says yes; a drill disturbs the lab, so it runs once and its word counts.

    Exit code 0 holds, 1 does not, 5 cannot be told here; the first line of its output is the reason. The whole of its
    tries share the check's time limit.
    """

    interval: ClassVar[float] = 2.0

    def __init__(self, lab: Lab, check: Check) -> None:
        super().__init__(lab, check)
        assert check.script is not None
        self.script = check.script
        self.drill = check.phase == "drill"
        self.end = lab.clock.monotonic() + seconds(check.timeout)
        self.output: list[str] = []

    def __call__(self) -> str:
        path = self.lab.scenario.folder / self.script
        if not os.access(path, os.X_OK):
            raise Settled("failed", f"{self.script} is not an executable file of the scenario")
        limit = max(1.0, self.end - self.lab.clock.monotonic())
        result = self.lab.shell.run(
            Command(
                argv=(str(path),),
                timeout=limit,
                grace=TIDYING if self.drill else 5.0,
                env=tuple(self.lab.environment().items()),
                cwd=self.lab.scenario.folder,
                step=step_of(self.check),
                cluster=self.check.on,
                changes=self.drill,
                secrets=known_secrets(self.lab.folder),
            ),
            check=False,
        )
        self.output = [line for line in (result.stdout + "\n" + result.stderr).splitlines() if line.strip()]
        return self._verdict(result, limit)

    def evidence(self) -> Sequence[str]:
        return self.output[-LINES:]

    def _verdict(self, result: CommandResult, limit: float) -> str:
        said = next((line.strip() for line in result.stdout.splitlines() if line.strip()), "")
        if result.exit_code == HOLDS:
            return ""
        if result.exit_code == CANNOT_TELL:
            raise Settled("skipped", said or f"{self.script} cannot tell here")
        last = self.output[-1].strip() if self.output else "it printed nothing"
        if result.exit_code == DOES_NOT_HOLD:
            mismatch = said or f"{self.script} ended with exit code 1: {last}"
        elif result.exit_code < 0:
            mismatch = f"{self.script} was ended by signal {-result.exit_code} after {result.seconds:.0f} s: {last}"
        else:
            mismatch = f"{self.script} ended with exit code {result.exit_code}: {last}"
        if self.drill or result.exit_code in NOT_RUNNABLE or result.seconds >= limit:
            raise Settled("failed", mismatch)
        return mismatch
