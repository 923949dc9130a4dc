"""Charts of our own, rendered as the real Helm rendered them: the same objects in the same order, the same failures."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lab.sim.render import yaml_documents
from lab.sim.render.errors import RenderError
from lab.sim.render.folder import ROOT, DiskFolder, MemoryFolder
from lab.sim.render.helm.errors import HelmError
from lab.sim.render.helm.render import render, template
from tests.sim.render.helm.helm_cases import CASES, CHARTS, ERRORS, RECORDED, options

ERROR_TEXTS = {one["name"]: one["error"] for one in json.loads((RECORDED / "errors.json").read_text())}
REPEATED = re.compile(r"(template: \S+: executing \"me\" at <include \"me\" \.>: error calling include: )+")
NOW = 1_800_000_000.0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_chart(case: dict[str, Any]) -> None:
    wanted = list(yaml_documents.objects((RECORDED / f"{case['name']}.yaml").read_bytes()))
    made = template(DiskFolder(CHARTS / case["chart"]), ".", options(case), now=lambda: NOW)
    assert made == wanted


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case["name"])
def test_failure(case: dict[str, Any]) -> None:
    folder = MemoryFolder({path: text.encode() for path, text in case["files"].items()})
    with pytest.raises(HelmError) as failure:
        template(folder, "", options(case), now=lambda: NOW)
    text = str(failure.value).replace("<temp file with values from source.helm.values/valuesObject>", "VALUES").strip()
    text = text.replace(f"{ROOT}/", "")
    assert normalised(text) == normalised(ERROR_TEXTS[case["name"]])


def normalised(text: str) -> str:
    """Without what depends on chance or on a limit: Go's order of properties, and how deep a recursion went."""
    head, mark, report = text.partition("following chart(s):\n")
    if mark:
        return head + mark + "\n".join(sorted(report.split("\n- at ")))
    return REPEATED.sub(r"\1", text)


def test_enough() -> None:
    assert len({case["chart"] for case in CASES}) >= 20
    assert len(ERRORS) >= 30


def test_failure_as_argo_cd_shows_it() -> None:
    case = next(one for one in ERRORS if one["name"] == "required")
    folder = MemoryFolder({f"apps/x/{path}": text.encode() for path, text in case["files"].items()})
    with pytest.raises(RenderError) as failure:
        render(folder, "apps/x", options({**case, "kubeVersion": "v1.31.2+k3s1", "apiVersions": ["v1"]}))
    assert str(failure.value) == (
        "failed to execute helm template command: failed running helm: `helm template . --name-template rel "
        "--namespace ns --kube-version 1.31.2 <api versions removed> --include-crds` failed exit status 1: "
        "Error: execution error at (bad/templates/t.yaml:4:13): A host is needed!"
        "\n\nUse --debug flag to render out invalid YAML"
    )
