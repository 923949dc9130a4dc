"""The real Helm and kustomize in place of the built-in renderers, where they are installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.sim.argocd.repo_server import Tools
from tests.sim.argocd.repo_server.cases import CASES, Case
from tests.sim.argocd.repo_server.given import Lab, of_case
from tests.sim.argocd.repo_server.test_recorded import RECORDED

PROGRAMS = {"charts": "helm", "kustomize": "kustomize"}
CHOSEN = {
    "values as an object",
    "value files that match",
    "parameters as text",
    "parameters from files",
    "another cluster",
    "values of another source",
    "a kustomization",
    "images",
    "patches",
}


@pytest.mark.parametrize("case", [one for one in CASES if one.name in CHOSEN], ids=lambda case: case.name)
async def test_the_same_objects(tmp_path: Path, case: Case) -> None:
    program = shutil.which(PROGRAMS[case.repository])
    if program is None:
        pytest.skip(f"{PROGRAMS[case.repository]} is not installed")
    lab = Lab(tmp_path, tools=Tools(helm=program, kustomize=program))
    lab.seed_all()
    try:
        made = await lab.server.manifests(of_case(case))
    finally:
        lab.renderer.close()
    assert list(made.objects) == RECORDED[case.name]["objects"]
