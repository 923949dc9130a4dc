"""The built-in kustomize against what the real one answered (see `record_kustomize.py`)."""

from __future__ import annotations

import posixpath
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from lab.sim.render.errors import NotSupported, RenderError
from lab.sim.render.folder import DiskFolder, MemoryFolder
from lab.sim.render.kustomize import Options, render
from lab.sim.render.kustomize.build import build
from lab.sim.render.kustomize.files import ROOT

CASES = Path(__file__).parent / "kustomize"
NAMES = sorted(case.name for case in CASES.iterdir() if case.is_dir())


def _path(case: Path) -> str:
    path = (case / "path").read_text().strip()
    return "" if path == "." else path


def _built(case: Path) -> dict[str, Any]:
    try:
        made = build(DiskFolder(case / "files"), _path(case))
    except RenderError as error:
        return {"error": str(error).rstrip("\n"), "warnings": list(error.warnings)}
    return {"objects": made.objects, "warnings": made.warnings}


@pytest.mark.parametrize("name", [name for name in NAMES if not (CASES / name / "source.json").exists()])
def test_builds_what_kustomize_builds(name: str) -> None:
    wanted = orjson.loads((CASES / name / "expected.json").read_bytes())
    del wanted["kustomize"]
    assert _built(CASES / name) == wanted


@pytest.mark.parametrize("name", [name for name in NAMES if (CASES / name / "source.json").exists()])
def test_changes_what_an_argocd_source_changes(name: str) -> None:
    case = CASES / name
    wanted = orjson.loads((case / "expected.json").read_bytes())
    options = Options(source=orjson.loads((case / "source.json").read_bytes()))
    if "error" not in wanted:
        assert render(DiskFolder(case / "files"), _path(case), options) == wanted["objects"]
        return
    with pytest.raises(RenderError) as failed:
        render(DiskFolder(case / "files"), _path(case), options)
    text = "\n".join([*wanted["warnings"], f"Error: {wanted['error']}"])
    command = wanted.get("command", f"kustomize build {posixpath.join(ROOT, _path(case))}".removesuffix("/"))
    assert str(failed.value) == f"`{command}` failed exit status 1: {text}"


# -- what has no folder of its own

CONFIG_MAP = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def _folder(text: str, **files: bytes) -> MemoryFolder:
    return MemoryFolder({"kustomization.yaml": text.encode(), "a.yaml": CONFIG_MAP, **files})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("vars: [{name: A, objref: {kind: A, name: b}}]", "vars"),
        ("helmCharts: [{name: a}]", "helmCharts"),
        ("helmChartInflationGenerator: [{chartName: a}]", "helmChartInflationGenerator"),
        ("openapi: {path: a.json}", "openapi"),
        ("crds: [a.yaml]", "crds"),
        ("configurations: [a.yaml]", "configurations"),
        ("generators: [a.yaml]", "generators"),
        ("transformers: [a.yaml]", "transformers"),
        ("validators: [a.yaml]", "validators"),
        ("resources: [a.yaml]\nbuildMetadata: [transformerAnnotations]", "buildMetadata transformerAnnotations"),
        ("resources: ['https://example.com/a.yaml']", "the remote file https://example.com/a.yaml"),
        ("patches: [{path: 'https://example.com/p.yaml'}]", "the remote file https://example.com/p.yaml"),
        ("configMapGenerator: [{name: a, files: ['https://example.com/f']}]", "the remote file https://example.com/f"),
        ("resources: ['github.com/org/repo//base?ref=v1']", "the remote base github.com/org/repo//base"),
        ("resources: ['git@example.com:org/repo.git']", "the remote base git@example.com:org/repo.git"),
        ("components: ['https://github.com/org/repo']", "the remote base https://github.com/org/repo"),
    ],
)
def test_refuses_by_name_what_it_does_not_follow(text: str, what: str) -> None:
    with pytest.raises(NotSupported) as refused:
        build(_folder(text), "")
    assert what in str(refused.value)
    assert str(refused.value).endswith("not supported by the simulator; use --provider kind")


def test_a_base_that_is_not_followed_is_refused_from_below() -> None:
    folder = MemoryFolder(
        {"base/kustomization.yaml": b"vars: [{name: A}]", "top/kustomization.yaml": b"resources: [../base]"}
    )
    with pytest.raises(NotSupported):
        build(folder, "top")


def test_puts_variables_of_the_application_in() -> None:
    options = Options(
        source={
            "images": ["web=registry/$ARGOCD_APP_NAME:${ARGOCD_APP_REVISION_SHORT}"],
            "commonLabels": {"revision": "r$ARGOCD_APP_REVISION_SHORT", "price": "$$5", "none": "x${NOPE}y"},
            "commonAnnotations": {"kept": "$ARGOCD_APP_NAME"},
        },
        environment={"ARGOCD_APP_NAME": "shop", "ARGOCD_APP_REVISION_SHORT": "abc1234"},
    )
    pod = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: web}]}"
    (made,) = render(_folder("resources: [pod.yaml]", **{"pod.yaml": pod}), "", options)
    assert made["spec"]["containers"][0]["image"] == "registry/shop:abc1234"
    assert made["metadata"]["labels"] == {"revision": "rabc1234", "price": "$5", "none": "xy"}
    assert made["metadata"]["annotations"] == {"kept": "$ARGOCD_APP_NAME"}
    options = Options(source={**options.source, "commonAnnotationsEnvsubst": True}, environment=options.environment)
    (made,) = render(_folder("resources: [pod.yaml]", **{"pod.yaml": pod}), "", options)
    assert made["metadata"]["annotations"] == {"kept": "shop"}


def test_leaves_out_missing_components_when_told() -> None:
    component = b"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: c-\n"
    folder = MemoryFolder(
        {"app/kustomization.yaml": b"resources: [a.yaml]", "app/a.yaml": CONFIG_MAP, "c/kustomization.yaml": component}
    )
    source = {"components": ["../nope", "../c"], "ignoreMissingComponents": True}
    assert render(folder, "app", Options(source=source))[0]["metadata"]["name"] == "c-a"
    source["components"] = ["../nope"]
    assert render(folder, "app", Options(source=source))[0]["metadata"]["name"] == "a"


def test_a_wanted_version_is_refused() -> None:
    with pytest.raises(NotSupported, match=r"kustomize version v4\.0\.0"):
        render(_folder("resources: [a.yaml]"), "", Options(source={"version": "v4.0.0"}))


def test_a_replica_count_has_to_be_a_number() -> None:
    source = {"replicas": [{"name": "a", "count": "many"}]}
    with pytest.raises(RenderError, match=r"expected integer value for count\. Received: many"):
        render(_folder("resources: [a.yaml]"), "", Options(source=source))


def test_does_not_change_what_it_is_given() -> None:
    source = {"patches": [{"patch": CONFIG_MAP.decode() + "data: {b: c}", "target": {"kind": "ConfigMap"}}]}
    before = orjson.dumps(source)
    folder = _folder("resources: [a.yaml]")
    first = render(folder, "", Options(source=source))
    assert render(folder, "", Options(source=source)) == first
    assert orjson.dumps(source) == before


@pytest.mark.parametrize(
    "text",
    [
        "resources: [a.yaml]\npatches: [{target: {name: '(a+)+$'}, patch: '- {op: remove, path: /x}'}]",
        "resources: [a.yaml]\nimages: [{name: '(a|a)*b', newTag: x}]",
        "resources: [a.yaml]\npatches: [{target: {name: '.*.*.*.*.*x'}, patch: '- {op: remove, path: /x}'}]",
        "resources: [" + "../app, " * 3 + "a.yaml]",
        "resources: [a.yaml]\npatches: [{target: {name: '('}, patch: '- {op: remove, path: /x}'}]",
    ],
    ids=["nested repeat", "repeated choice", "many repeats", "itself", "broken expression"],
)
def test_hostile_kustomizations_end_quickly(text: str) -> None:
    name = "a" * 60
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{image: {name}}}]}}"
    folder = MemoryFolder({"app/kustomization.yaml": text.encode(), "app/a.yaml": pod.encode()})
    before = time.process_time()
    with pytest.raises(RenderError):
        render(folder, "app")
    assert time.process_time() - before < 1


def test_bases_that_multiply_are_refused_quickly() -> None:
    wide = {f"{level}/kustomization.yaml": f"resources: [../{level + 1}, ../x{level}]".encode() for level in range(20)}
    for level in range(20):
        wide[f"x{level}/kustomization.yaml"] = f"resources: [../{level + 1}]\nnamePrefix: x".encode()
    deep = {f"{level}/kustomization.yaml": f"resources: [../{level + 1}]".encode() for level in range(300)}
    for files, last in ((wide, 20), (deep, 300)):
        end = {f"{last}/kustomization.yaml": b"resources: [a.yaml]", f"{last}/a.yaml": CONFIG_MAP}
        folder = MemoryFolder({**files, **end})
        before = time.process_time()
        with pytest.raises(RenderError):
            build(folder, "0")
        assert time.process_time() - before < 2


def test_copies_that_multiply_are_refused_quickly() -> None:
    doubling = "\n".join(f"    - {{op: copy, from: /data, path: /data/x{number}}}" for number in range(60))
    text = f"resources: [a.yaml]\npatches:\n- target: {{kind: ConfigMap}}\n  patch: |-\n{doubling}\n"
    folder = _folder(text, **{"a.yaml": CONFIG_MAP + b"data: {a: b}\n"})
    before = time.process_time()
    with pytest.raises(NotSupported, match="copies more than"):
        build(folder, "")
    assert time.process_time() - before < 2


def test_an_overlay_of_a_hundred_objects_is_quick() -> None:
    one = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-%d\nspec:\n  template:\n    spec:\n"
        "      containers:\n      - name: web\n        image: nginx:1.25\n        env:\n        - name: A\n"
        '          value: "1"\n'
    )
    base = "---\n".join(one % number for number in range(100)).encode()
    overlay = (
        b"resources: [../base]\nnamePrefix: p-\nnamespace: shop\n"
        b"labels: [{pairs: {env: prod}, includeSelectors: true}]\n"
        b"images: [{name: nginx, newTag: '2'}]\n"
        b"patches: [{target: {kind: Deployment}, patch: '- {op: add, path: /spec/paused, value: true}'}]\n"
    )
    folder = MemoryFolder(
        {"base/kustomization.yaml": b"resources: [all.yaml]", "base/all.yaml": base, "top/kustomization.yaml": overlay}
    )
    spent = []
    for _ in range(5):
        before = time.process_time()
        assert len(build(folder, "top").objects) == 100
        spent.append(time.process_time() - before)
    assert min(spent) < 0.12  # 0.03 s on the machine this was written on
