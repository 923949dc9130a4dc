"""Cases of Argo CD's own tables (`applicationset/utils`, `applicationset/generators`), as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.sim.templates.render_tree import FastRenderer, GoRenderer, MissingKey, TemplateFailure, render_application

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "argocd_cases.yaml").read_text())


def made(case: dict[str, Any]) -> Any:
    renderer: Any = FastRenderer() if case.get("fast") else GoRenderer(case.get("options", ()))
    if case.get("strict"):
        renderer = renderer.strict()
    if "application" in case:
        return render_application(
            case["application"], case["params"], renderer, keeps_resources=case.get("keeps", False)
        )
    if "tree" in case:
        return renderer.render_tree(case["tree"], case["params"])
    return renderer.render_string(case["text"], case["params"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["source"])
def test_as_argocd(case: dict[str, Any]) -> None:
    if "missing" in case:
        with pytest.raises(MissingKey) as missing:
            made(case)
        assert str(missing.value) == case["missing"]
    elif "error" in case:
        with pytest.raises(TemplateFailure) as failure:
            made(case)
        assert str(failure.value) == case["error"]
    else:
        assert made(case) == case["want"]


def test_enough_cases() -> None:
    assert len(CASES) >= 60
    assert len({case["source"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("option", ["missingkey", "missingkey=no", "other=error", "other"])
def test_unknown_options_are_refused_with_gos_text(option: str) -> None:
    with pytest.raises(TemplateFailure, match=f"^unrecognized option: {option}$"):
        GoRenderer([option])


def test_failures_in_free_values_say_so() -> None:
    tree = {"helm": {"valuesObject": {"a": "{{ .x.y }}"}}}
    with pytest.raises(TemplateFailure) as failure:
        GoRenderer(["missingkey=error"]).render_tree(tree, {"z": 1})
    assert str(failure.value).startswith(
        "failed to deeply replace JSON field contents: failed to execute go template {{ .x.y }}: "
    )
