"""Real labs on real Docker (P8), against one bare cluster made in the same run.

Makes clusters `bench-bare` and lab `bench`, and removes both.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.settings import Settings
from tests.bench import critical_path
from tests.bench.measure import Figure, median, percentile, seconds_of, skipped

NAME = "bench"
BARE = "bench-bare"
PUSHES = 10
BARE_RUNS = 3
UP_LIMIT = 4.8
"""Times one bare `kind create cluster`: what a plain script needs that waits for each part in turn, on two cores."""
SECOND_LIMIT = 5.0
PATH_LIMIT = 1.10
FIGURES = ("rig.up", "rig.second_up", "rig.second_up_changes", "rig.critical_path", "rig.commit_to_synced_p95")
LONG = 1800.0


def figures() -> dict[str, Figure]:
    """All figures, or all skipped with the reason."""
    reason = _missing()
    if reason:
        return {name: skipped(reason) for name in FIGURES}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        bare = _bare_cluster(home)
        with _lab(home):
            return _measure(home, bare)


def _missing() -> str:
    for program in ("kind", "docker"):
        if shutil.which(program) is None:
            return f"{program} is not on PATH"
    try:
        answered = subprocess.run(["docker", "version"], capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return "Docker does not answer within 20 s"
    return "" if answered.returncode == 0 else "Docker does not answer"


def _bare_cluster(home: Path) -> float:
    """Seconds of one bare `kind create cluster` with the lab's node image; median of three."""
    words = ["--name", BARE, "--kubeconfig", str(home / "bare.yaml")]
    image = Settings.from_environment().node_image
    if subprocess.run(["docker", "image", "inspect", image], check=False, capture_output=True).returncode:
        subprocess.run(["docker", "pull", "--quiet", image], check=True, timeout=LONG)
    times = []
    for _ in range(BARE_RUNS):
        try:
            times.append(seconds_of(["kind", "create", "cluster", *words, "--image", image], timeout=LONG))
        finally:
            subprocess.run(["kind", "delete", "cluster", *words], check=True, timeout=LONG, capture_output=True)
    return median(times)


@contextlib.contextmanager
def _lab(home: Path) -> Iterator[None]:
    try:
        yield
    finally:
        _run(home, "down", "--yes")


def _run(home: Path, *words: str) -> dict[str, Any]:
    """The envelope of `lab WORDS`."""
    lab = Path(sys.executable).with_name("lab")
    done = subprocess.run(
        [str(lab), *words, "--name", NAME, "--output", "json", "--quiet"],
        env={**os.environ, "LAB_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    envelope: dict[str, Any] = json.loads(done.stdout)
    return envelope


def _must(home: Path, *words: str) -> dict[str, Any]:
    envelope = _run(home, *words)
    if envelope["exit_code"]:
        raise RuntimeError(f"lab {' '.join(words)}: {envelope['errors']}")
    data: dict[str, Any] = envelope["data"]
    return data


def _measure(home: Path, bare: float) -> dict[str, Figure]:
    start = time.perf_counter()
    first = _must(home, "up", "centralized")
    up = time.perf_counter() - start
    wall, bound = critical_path.of_log(Path(first["log"]), Settings.from_environment().create_slots)
    start = time.perf_counter()
    second = _must(home, "up")
    again = time.perf_counter() - start
    times = [_push(home, number) for number in range(PUSHES)]
    values = (
        Figure(
            value=round(up / bare, 2),
            unit="x kind create cluster",
            limit=UP_LIMIT,
            note=f"{up:.1f} s to all checks, one bare cluster {bare:.1f} s",
        ),
        Figure(value=round(again, 2), unit="s", limit=SECOND_LIMIT),
        Figure(value=second["changes"], unit="changes", limit=0),
        Figure(
            value=round(wall / bound, 3),
            unit="x lower bound",
            limit=PATH_LIMIT,
            note=f"{wall:.1f} s, the graph allows {bound:.1f} s",
        ),
        Figure(
            value=round(percentile(times, 0.95), 2),
            unit="s",
            note=f"of {PUSHES} pushes, median {median(times):.2f} s",
        ),
    )
    return dict(zip(FIGURES, values, strict=True))


def _push(home: Path, number: int) -> float:
    """Seconds from a push to the last Application Synced."""
    file = home / "labs" / NAME / "workspace" / "platform" / "bench.txt"
    file.write_text(f"{number}\n", encoding="utf-8")
    return float(_must(home, "push", "--message", f"Measure {number}")["seconds"])
