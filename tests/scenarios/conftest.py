"""Simulated labs driven by the command line, in this process: a scenario takes seconds."""

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import lab
from lab.checks import run
from lab.cli import main
from lab.model import seconds
from lab.operations import push
from lab.sim import control
from lab.steps import argocd, clusters
from tests.scenarios.story import Answer

NAME = "scenarios"
LONGEST = 60.0
"""Seconds anything is waited for."""
ROOT = Path(lab.__file__).parents[1]


@dataclass
class InProcess:
    """`lab … --output json` without a process for each command; scripts of a scenario start real ones."""

    home: Path
    provider: str = "sim"

    def __call__(self, *words: str, expect: int | None = 0) -> Answer:
        stdout, stderr = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = main([*words, "--name", NAME, "--output", "json"])
        answer = Answer(code, json.loads(stdout.getvalue()), stderr.getvalue())
        if expect is not None:
            assert code == expect, f"{words}: {stdout.getvalue()[-3000:]}\n{stderr.getvalue()[-3000:]}"
        return answer


def _lab_program(folder: Path) -> None:
    """A `lab` for scripts that is this very checkout's, whichever one is installed."""
    program = folder / "lab"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m lab "$@"\n')
    program.chmod(0o755)


@pytest.fixture
def cli() -> Iterator[InProcess]:
    """A machine without Docker and a home of its own; nothing is left at the end."""
    folder = Path(tempfile.mkdtemp(prefix="lab-scenarios-"))
    (folder / "bin").mkdir()
    _lab_program(folder / "bin")
    patch = pytest.MonkeyPatch()
    patch.setenv("HOME", str(folder))
    patch.setenv("LAB_HOME", str(folder / "home"))
    patch.setenv("LAB_CACHE", str(folder / "cache"))
    patch.setenv("DOCKER_HOST", f"unix://{folder}/no-docker.sock")
    patch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    patch.setattr(sys, "argv", [str(folder / "bin" / "lab")])
    # What takes minutes on a real cluster takes seconds here, or will never come.
    for module, name in ((argocd, "READY_TIMEOUT"), (clusters, "READY_TIMEOUT"), (push, "SYNC_TIMEOUT")):
        patch.setattr(module, name, LONGEST)
    patch.setattr(run, "seconds", lambda duration: min(LONGEST, seconds(duration)))
    for name in ("LAB_NAME", "LAB_SCENARIOS_DIR", "LAB_MANIFESTS_DIR", "KUBECONFIG"):
        patch.delenv(name, raising=False)
    here = Path.cwd()
    try:
        yield InProcess(folder / "home")
    finally:
        os.chdir(here)
        running = control.connect(folder / "home" / "labs" / NAME / "sim")
        if running is not None:
            running.stop()
        patch.undo()
        shutil.rmtree(folder, ignore_errors=True)
