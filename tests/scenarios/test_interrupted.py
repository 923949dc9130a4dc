"""A simulated lab whose `lab up` is killed again and again goes on where it was."""

import json
import signal
import subprocess
import sys
import time

from lab import scenario as scenarios
from lab.settings import Settings
from lab.state import LabFolder
from tests.scenarios import story
from tests.scenarios.conftest import LONGEST, NAME, ROOT, InProcess
from tests.scenarios.test_simulated import down_leaves_nothing, everything_is_well

CENTRALIZED = "03-multi-cluster/centralized"
STEPS = ("create:hub", "argocd:hub", "push:platform", "register:hub/w1")


def begun(cli: InProcess) -> list[str]:
    folder = LabFolder(cli.home, NAME)
    return [str(entry["step"]) for entry in folder.journal() if entry.get("what") == "step-begun"]


def killed_at(cli: InProcess, step: str) -> bool:
    """Start `lab up` and kill it as soon as it has begun the step; False when it ended before."""
    before = begun(cli).count(step)
    argv = [sys.executable, "-m", "lab", "up", CENTRALIZED, "--name", NAME, "--provider", "sim", "--skip-checks"]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends = time.monotonic() + LONGEST
    try:
        while begun(cli).count(step) == before:
            if process.poll() is not None:
                return False
            assert time.monotonic() < ends, f"{step} was not begun"
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    return process.returncode == -signal.SIGKILL


def test_a_lab_survives_every_death_of_its_command_and_of_its_process(cli: InProcess) -> None:
    died = [step for step in STEPS if killed_at(cli, step)]
    assert len(died) >= 2, f"it was killed at {died} only"  # a step beside the killed one may have ended in time
    story.comes_up(cli, scenarios.find(Settings.from_environment(), CENTRALIZED))
    everything_is_well(cli)
    assert cli("up", CENTRALIZED).data["changes"] == 0
    process = json.loads((cli.home / "labs" / NAME / "sim" / "daemon.json").read_text())["pid"]
    subprocess.run(["kill", "-KILL", str(process)], check=True)
    assert cli("status").data["state"] == "paused"
    cli("resume")
    everything_is_well(cli)
    down_leaves_nothing(cli)
