"""Asks the real Helm for every expression of `expressions.txt` and writes `expressions.json`.

Run `python -m tests.sim.templates.record_expressions` with `helm` (version 4) on PATH.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sim.templates.expression_chart import RECORDED, expressions, files

_HEAD = "---\n# Source: exp/templates/e.yaml\n"


def record(expression: str) -> dict[str, str]:
    """What Helm makes of one expression: its `output`, or its `error`."""
    with tempfile.TemporaryDirectory() as name:
        for path, text in files(expression).items():
            target = Path(name, "exp", path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        command = ["helm", "template", "rel", str(Path(name, "exp")), "--namespace", "ns", "--debug"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.stdout.startswith(_HEAD):
        return {"expression": expression, "output": done.stdout.removeprefix(_HEAD).rstrip("\n")}
    error = done.stderr.rpartition("Error: ")[2].strip()
    return {"expression": expression, "error": error.partition("\nhelm.go:")[0].strip()}


def main() -> None:
    """Record all."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(record, expressions()))
    RECORDED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(len(found), "expressions,", sum("error" in one for one in found), "errors")


if __name__ == "__main__":
    main()
