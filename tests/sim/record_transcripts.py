"""Record transcripts: `python -m tests.sim.record_transcripts KUBECONFIG FILE…` takes the answers of a real cluster,
`… --sim [FILE…]` those of the simulator where they differ, `… --docs [--check]` writes the table of differences.

The reason of a difference is written by hand, in the line that begins with `~`. `LAB_KUBECTLS` names the kubectls.
"""

from __future__ import annotations

import argparse
import difflib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lab.sim import control
from tests.equality import differences
from tests.sim import transcript
from tests.sim.transcript import LATEST, REASONS, RECORDED, Output, Step

TABLE = Path(__file__).resolve().parents[2] / "docs" / "simulator-differences.md"
_LINES = 4
_WIDTH = 110


def cluster(daemon: control.Control, name: str) -> dict[str, Any]:
    """A simulated cluster such as transcripts are compared with."""
    (facts,) = daemon.create({"name": name, "kubernetes": "1.34", "timing": "instant"})
    return facts


def record(path: Path, kubeconfig: Path) -> None:
    """Take a real cluster's answers, with every version of kubectl."""
    told = transcript.load(path)
    for version, kubectl in _chosen():
        with tempfile.TemporaryDirectory() as folder:
            try:
                for step, output in transcript.run(told, kubectl, kubeconfig, Path(folder)):
                    _keep(step.real, version, output)
            finally:
                subprocess.run(
                    [kubectl, "--kubeconfig", kubeconfig, "delete", "namespace", told.namespace], capture_output=True
                )
    path.write_text(told.render())


def record_simulated(path: Path, daemon: control.Control) -> int:
    """Take the simulator's answers where they differ; how many do."""
    told = transcript.load(path)
    for step in told.steps:
        step.simulated.clear()
    for version, kubectl in _chosen():
        name = f"{told.name}-{version.replace('.', '-')}"
        with tempfile.TemporaryDirectory() as folder:
            facts = cluster(daemon, name)
            for step, output in transcript.run(told, kubectl, Path(facts["kubeconfig"]), Path(folder)):
                if version == LATEST:
                    if output != step.expected(version, simulated=False):
                        step.simulated[""] = output
                elif output != step.expected(version, simulated=True):
                    step.simulated[version] = output
            daemon.delete(name)
    path.write_text(told.render())
    return sum(bool(step.simulated) for step in told.steps)


def _chosen() -> list[tuple[str, Path]]:
    """The kubectls to record with, the latest first."""
    found = transcript.kubectls()
    if LATEST not in found:
        sys.exit(f"kubectl {LATEST} is needed: name its path in LAB_KUBECTLS")
    return [(version, found[version]) for version in RECORDED if version in found]


def _keep(into: dict[str, Output], version: str, output: Output) -> None:
    if version == LATEST:
        into[""] = output
        return
    into.pop(version, None)
    if output != into[""]:
        into[version] = output


# -- the table


def table() -> str:
    """The page that lists every difference."""
    told = [transcript.load(path) for path in transcript.files()]
    commands = sum(step.is_kubectl for one in told for step in one.steps)
    rows = [(one, step) for one in told for step in one.steps if step.simulated]
    lines = [
        "<!-- Made by `python -m tests.sim.record_transcripts --docs` from tests/sim/transcripts. -->",
        "# Where the simulator answers otherwise",
        "",
        f"Of {commands} kubectl commands that were put to a real Kubernetes 1.34 cluster and to the simulator, "
        f"{commands - len(rows)} got the same answer",
        f"and {len(rows)} another one. Ages, addresses, identities and names drawn by lot are not compared.",
        "",
        "| why | commands | meaning |",
        "|---|---|---|",
    ]
    for key, meaning in REASONS.items():
        count = sum(step.reason.partition(":")[0] == key for _, step in rows)
        lines.append(f"| {key} | {count} | {meaning} |")
    lines += ["", "| command | real cluster | simulator | why |", "|---|---|---|---|"]
    lines += [_row(step) for _, step in rows]
    return "\n".join(lines) + "\n\n" + differences.section()


def _row(step: Step) -> str:
    real, simulated = step.real[""], step.simulated[""]
    before, after = real.lines(), simulated.lines()
    gone: list[str] = []
    come: list[str] = []
    for line in difflib.ndiff(before, after):
        if line.startswith("- "):
            gone.append(line[2:])
        elif line.startswith("+ "):
            come.append(line[2:])
    return f"| {_code([step.command])} | {_code(gone)} | {_code(come)} | {step.reason} |"


def _code(lines: list[str]) -> str:
    shown = [line.strip() for line in lines if line.strip()]
    more = len(shown) - _LINES
    cells = [f"`{_short(line)}`" for line in shown[:_LINES]]
    return "<br>".join([*cells, *([f"… {more} more lines"] if more > 0 else [])]) or "–"


def _short(line: str) -> str:
    plain = line.replace("|", "\\|").replace("`", "'")
    return plain if len(plain) <= _WIDTH else plain[: _WIDTH - 1] + "…"


def main() -> int:
    """Run the command line; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sim", action="store_true", help="record the simulator's answers")
    parser.add_argument("--docs", action="store_true", help=f"write {TABLE.name}")
    parser.add_argument("--check", action="store_true", help="with --docs: fail when the page is out of date")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    options = parser.parse_args()
    if options.docs:
        return _docs(options.check)
    if options.sim:
        return _simulate(options.paths or transcript.files())
    if len(options.paths) < 2:
        parser.error("a kubeconfig and at least one transcript are needed")
    for path in options.paths[1:]:
        record(path, options.paths[0].resolve())
        print(path.name)
    return 0


def _docs(check: bool) -> int:
    if not check:
        TABLE.write_text(table())
        return 0
    fresh = TABLE.exists() and TABLE.read_text() == table()
    print("up to date" if fresh else f"{TABLE} is out of date: run python -m tests.sim.record_transcripts --docs")
    return not fresh


def _simulate(paths: list[Path]) -> int:
    with tempfile.TemporaryDirectory() as home:
        daemon = control.start(Path(home) / "home")
        try:
            for path in paths:
                print(f"{path.name}: {record_simulated(path, daemon)} differ")
        finally:
            daemon.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
