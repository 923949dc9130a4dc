"""Which tool renders a source."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.render.detect import app_path, source_type
from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import MemoryFolder


def _folder(*names: str, **texts: str) -> MemoryFolder:
    return MemoryFolder(
        {**{f"app/{name}": b"" for name in names}, **{f"app/{name}": text.encode() for name, text in texts.items()}}
    )


@pytest.mark.parametrize(
    ("names", "source", "wanted"),
    [
        (["a.yaml"], {}, "Directory"),
        (["Chart.yaml", "values.yaml"], {}, "Helm"),
        (["my-Chart.yaml"], {}, "Helm"),
        (["chart.yaml"], {}, "Directory"),
        (["kustomization.yaml"], {}, "Kustomize"),
        (["kustomization.yml"], {}, "Kustomize"),
        (["Kustomization"], {}, "Kustomize"),
        (["Chart.yaml", "kustomization.yaml"], {}, "Kustomize"),
        (["kustomization.yaml", "xChart.yaml"], {}, "Helm"),
        (["sub/kustomization.yaml", "sub/Chart.yaml"], {}, "Directory"),
        (["kustomization.yaml"], {"directory": {}}, "Directory"),
        (["a.yaml"], {"kustomize": {"namePrefix": "x"}}, "Kustomize"),
        (["kustomization.yaml"], {"helm": {}}, "Helm"),
        (["Chart.yaml"], {"helm": None}, "Helm"),
    ],
)
def test_finds_the_tool(names: list[str], source: dict[str, Any], wanted: str) -> None:
    assert source_type(_folder(*names), "app", source)[0] == wanted


def test_two_tools_are_one_too_many() -> None:
    with pytest.raises(RenderError) as failed:
        source_type(_folder("a.yaml"), "app", {"helm": {}, "kustomize": {}})
    assert str(failed.value) == "error getting app source type: multiple application sources defined: Kustomize,Helm"


def test_a_plugin_is_refused_by_name() -> None:
    with pytest.raises(NotSupported, match="config management plugin: not supported by the simulator"):
        source_type(_folder("a.yaml"), "app", {"plugin": {"name": "x"}})


def test_files_of_the_folder_change_the_source() -> None:
    folder = _folder(
        "kustomization.yaml",
        **{
            ".argocd-source.yaml": "kustomize: {namePrefix: all-, images: [a:1]}\npath: elsewhere\nrepoURL: other",
            ".argocd-source-shop.yaml": "kustomize: {namePrefix: shop-, nameSuffix: null}",
        },
    )
    source = {"repoURL": "git", "path": "app", "kustomize": {"nameSuffix": "-x"}}
    assert source_type(folder, "app", source, "shop") == (
        "Kustomize",
        {"repoURL": "git", "path": "app", "kustomize": {"namePrefix": "shop-", "images": ["a:1"]}},
    )
    assert source_type(folder, "app", source, "other")[1]["kustomize"]["nameSuffix"] == "-x"
    assert source == {"repoURL": "git", "path": "app", "kustomize": {"nameSuffix": "-x"}}


def test_a_broken_override_is_named() -> None:
    folder = _folder("a.yaml", **{".argocd-source.yaml": "a: b: c"})
    with pytest.raises(
        RenderError, match=r"source parameters: <path to cached source>/app/\.argocd-source\.yaml: yaml: mapping values"
    ):
        source_type(folder, "app", {})


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/app", "/app: app path is absolute"),
        ("../app", "../app: app path outside root"),
        ("nope", "nope: app path does not exist"),
        ("app/a.yaml", "app/a.yaml: app path is not a directory"),
    ],
)
def test_paths_that_lead_nowhere(path: str, wanted: str) -> None:
    with pytest.raises(RenderError) as failed:
        app_path(_folder("a.yaml"), path)
    assert str(failed.value) == wanted


def test_paths_are_cleaned() -> None:
    assert app_path(_folder("a.yaml"), "./app/../app/") == "app"
    assert app_path(_folder("a.yaml"), ".") == ""
