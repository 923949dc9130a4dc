"""A shell that starts nothing and one that starts real programs in a home of its own."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from lab.errors import LabError
from lab.ports import Command, CommandResult

Answer = Callable[[Command], CommandResult | str | None]


def _checked(command: Command, result: CommandResult, check: bool) -> CommandResult:
    if check and result.exit_code:
        raise LabError(
            "command-failed",
            program=command.argv[0],
            exit_code=result.exit_code,
            last_lines=(result.stderr or result.stdout).strip(),
            command=" ".join(command.argv),
        )
    return result


@dataclass
class FakeShell:
    """Implements `lab.ports.Shell`: records commands; the first answer that is not None counts, else success."""

    answers: list[Answer] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)

    def run(self, command: Command, check: bool = True) -> CommandResult:
        self.commands.append(command)
        if command.argv[0] in self.missing:
            raise LabError("tool-missing", tool=command.argv[0], install=f"install {command.argv[0]}")
        for answer in self.answers:
            given = answer(command)
            if isinstance(given, str):
                given = CommandResult(exit_code=0, stdout=given, stderr="")
            if given is not None:
                return _checked(command, given, check)
        return CommandResult(exit_code=0, stdout="", stderr="")

    def which(self, program: str) -> Path | None:
        return None if program in self.missing else Path("/usr/bin") / program

    @property
    def lines(self) -> list[str]:
        """The commands as text."""
        return [" ".join(command.argv) for command in self.commands]


@dataclass
class HomeShell:
    """Implements `lab.ports.Shell` with real programs and HOME in a folder of the test."""

    home: Path
    path: str
    """PATH of the children."""
    commands: list[Command] = field(default_factory=list)

    def run(self, command: Command, check: bool = True) -> CommandResult:
        self.commands.append(command)
        ran = subprocess.run(
            command.argv,
            cwd=command.cwd,
            env={"HOME": str(self.home), "PATH": self.path, **dict(command.env)},
            input=command.stdin if isinstance(command.stdin, str) else None,
            capture_output=True,
            text=True,
            timeout=command.timeout,
        )
        result = CommandResult(exit_code=ran.returncode, stdout=ran.stdout, stderr=ran.stderr)
        return _checked(command, result, check)

    def which(self, program: str) -> Path | None:
        found = which(program, path=self.path)
        return Path(found) if found else None
