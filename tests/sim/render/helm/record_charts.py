"""Runs the real Helm on every case, with the flags Argo CD gives it, and stores what it says under `recorded/`.

Run `python -m tests.sim.render.helm.record_charts` with `helm` (version 4) on PATH.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab.sim.render.helm.capabilities import normalized
from lab.sim.render.helm.parameters import HelmOptions, cleaned
from tests.sim.render.helm.helm_cases import CASES, CHARTS, ERRORS, RECORDED, options


def command(given: HelmOptions, folder: Path, values: str) -> list[str]:
    """The command line as Argo CD builds it."""
    words = ["helm", "template", ".", "--name-template", given.release_name]
    words += ["--namespace", given.namespace] if given.namespace else []
    words += ["--kube-version", normalized(given.kube_version)] if given.kube_version else []
    for forced, flag in ((False, "--set"), (True, "--set-string")):
        for one in given.parameters:
            if one.force_string == forced:
                words += [flag, f"{one.name}={cleaned(one.value)}"]
    for name, file in given.file_parameters:
        words += ["--set-file", f"{name}={cleaned(file)}"]
    for file in given.value_files:
        if not given.ignore_missing_value_files or (folder / file).exists():
            words += ["--values", file]
    words += ["--values", values] if given.values else []
    for version in given.api_versions:
        words += ["--api-versions", version]
    words += [] if given.skip_crds else ["--include-crds"]
    words += ["--skip-schema-validation"] if given.skip_schema_validation else []
    return words + (["--skip-tests"] if given.skip_tests else [])


def run(case: dict[str, Any], folder: Path) -> tuple[str, str]:
    """Output and error of Helm."""
    given = options(case)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as values:
        values.write(given.values)
        values.flush()
        words = command(given, folder, values.name)
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        error = done.stderr.rpartition("Error: ")[2] if done.returncode else ""
        return done.stdout, error.replace(values.name, "VALUES").strip()


def record_chart(case: dict[str, Any]) -> None:
    """Store the manifests of one case."""
    output, error = run(case, CHARTS / case["chart"])
    if error:
        print(case["name"], "fails:", error)
    (RECORDED / f"{case['name']}.yaml").write_text(output)


def record_error(case: dict[str, Any]) -> dict[str, str]:
    """The failure of one case."""
    with tempfile.TemporaryDirectory() as name:
        for path, text in case["files"].items():
            target = Path(name, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        output, error = run(case, Path(name))
    if not error:
        print(case["name"], "does not fail:", output)
    return {"name": case["name"], "error": error.replace(name, ".")}


def main() -> None:
    """Record all."""
    RECORDED.mkdir(exist_ok=True)
    for old in RECORDED.glob("*.yaml"):
        old.unlink()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(record_chart, CASES))
        found = list(pool.map(record_error, ERRORS))
    (RECORDED / "errors.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    print(len(CASES), "charts,", len(found), "errors")


if __name__ == "__main__":
    main()
