"""Real labs on real Docker, driven as a person drives them: through the `lab` command."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e import leftovers
from tests.scenarios.story import Answer

NAME, _CLAIM = leftovers.claim()
"""Name of the lab these tests make; a lab of the person who runs them is left alone."""


@dataclass
class Cli:
    """`lab --name NAME … --output json` in a home of its own."""

    home: Path
    provider: str = "kind"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "LAB_HOME": str(self.home), "NO_COLOR": "1"}

    def __call__(self, *words: str, expect: int | None = 0, timeout: float = 900) -> Answer:
        argv = [sys.executable, "-m", "lab", "--name", NAME, "--output", "json", *words]
        ended = subprocess.run(
            argv, env=self.environment, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
        )
        answer = Answer(ended.returncode, json.loads(ended.stdout), ended.stderr)
        if expect is not None:
            assert ended.returncode == expect, f"{words}: {ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
        return answer

    def sh(self, script: str, timeout: float = 120) -> str:
        """A shell script in the lab's environment, as a learner would type it."""
        shown = self("env").data
        values = shown.get("environment", shown)
        ended = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            env={**self.environment, **values},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout


@dataclass(frozen=True)
class Inventory:
    """Everything on this machine that a lab could leave behind."""

    containers: frozenset[str]
    networks: frozenset[str]
    volumes: frozenset[str]

    @classmethod
    def take(cls) -> "Inventory":
        def lines(*words: str) -> frozenset[str]:
            ended = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
            return frozenset(ended.stdout.split())

        return cls(
            containers=lines("ps", "-aq", "--no-trunc"),
            networks=lines("network", "ls", "-q", "--no-trunc"),
            volumes=lines("volume", "ls", "-q"),
        )


def docker_answers() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.fixture(scope="session")
def before() -> Inventory:
    if not docker_answers():
        pytest.skip("Docker does not answer on this machine")
    leftovers.sweep()
    return Inventory.take()


@pytest.fixture(scope="session")
def lab(before: Inventory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A fresh home; whatever the tests leave in it is taken down at the end."""
    cli = Cli(tmp_path_factory.mktemp("home"))
    yield cli
    cli("down", "--yes", expect=None)
