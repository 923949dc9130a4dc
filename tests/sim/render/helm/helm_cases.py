"""Cases of charts, for the tests and for the recorder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from lab.sim.render.helm.parameters import HelmOptions, Parameter

HERE = Path(__file__).parent
CHARTS = HERE / "charts"
RECORDED = HERE / "recorded"
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "cases.yaml").read_text())
ERRORS: list[dict[str, Any]] = yaml.safe_load((HERE / "errors.yaml").read_text())


def options(case: dict[str, Any]) -> HelmOptions:
    """What Argo CD passes on in a case."""
    return HelmOptions(
        release_name=case.get("release", "rel"),
        namespace=case.get("namespace", "ns"),
        kube_version=case.get("kubeVersion", ""),
        api_versions=case.get("apiVersions", ()),
        value_files=case.get("valueFiles", ()),
        values=case.get("values", ""),
        parameters=[
            Parameter(one["name"], one["value"], one.get("forceString", False)) for one in case.get("parameters", ())
        ],
        file_parameters=[(one["name"], one["path"]) for one in case.get("fileParameters", ())],
        ignore_missing_value_files=case.get("ignoreMissingValueFiles", False),
        skip_crds=case.get("skipCrds", False),
        skip_tests=case.get("skipTests", False),
        skip_schema_validation=case.get("skipSchemaValidation", False),
    )
