"""Which files give values, in which order, and what may not be read."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from lab.sim.render.errors import RenderError
from lab.sim.render.folder import Folder, MemoryFolder
from lab.sim.render.helm.archive import files
from lab.sim.render.helm.errors import HelmError
from lab.sim.render.helm.parameters import HelmOptions, values
from lab.sim.render.helm.render import render

CHART = {
    "apps/x/Chart.yaml": b"apiVersion: v2\nname: x\nversion: 1.0.0\n",
    "apps/x/templates/t.yaml": b"kind: ConfigMap\napiVersion: v1\nmetadata: {name: t}\n"
    b"data: {v: {{ toJson .Values | quote }}}\n",
    "apps/x/envs/a.yaml": b"a: 1\nlast: a\n",
    "apps/x/envs/b.yaml": b"b: 1\nlast: b\n",
    "apps/x/envs/deep/c.yaml": b"c: 1\nlast: c\n",
    "shared.yaml": b"shared: 1\nlast: shared\n",
}
OTHER = MemoryFolder({"envs/prod.yaml": b"prod: 1\nlast: prod\n"})


def reference(name: str) -> tuple[Folder, str] | None:
    return (OTHER, "https://example.com/other.git") if name == "$other" else None


def given(*value_files: str, **more: Any) -> dict[str, Any]:
    return values(MemoryFolder(CHART), "apps/x", HelmOptions("r", value_files=value_files, reference=reference, **more))


@pytest.mark.parametrize(
    ("written", "last", "keys"),
    [
        (["envs/a.yaml", "envs/b.yaml"], "b", "a b"),
        (["envs/b.yaml", "envs/a.yaml"], "a", "a b"),
        (["../../shared.yaml"], "shared", "shared"),
        (["/shared.yaml"], "shared", "shared"),
        (["$other/envs/prod.yaml"], "prod", "prod"),
        (["$other/envs/prod.yaml", "envs/a.yaml"], "a", "a prod"),
        (["envs/*.yaml"], "b", "a b"),
        (["envs/**/*.yaml"], "c", "a b c"),
        (["envs/*.yaml", "envs/a.yaml"], "a", "a b"),
        (["envs/a.yaml", "envs/*.yaml"], "b", "a b"),
        (["envs/a.yaml", "envs/b.yaml", "envs/a.yaml"], "b", "a b"),
    ],
)
def test_order(written: list[str], last: str, keys: str) -> None:
    found = given(*written)
    assert (found.pop("last"), " ".join(sorted(found))) == (last, keys)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("../../../etc/passwd", "file '../../../etc/passwd' resolved to outside repository root"),
        ("/../x", "file '/../x' resolved to outside repository root"),
        ("$other/../../x", "resolved to outside repository root"),
        ("../..", "internal error: failed to resolve path"),
        ("ftp://example.com/v.yaml", "the URL scheme 'ftp' is not allowed"),
        ("https://example.com/v.yaml", "not supported by the simulator; use --provider kind"),
        ("envs/*.json", 'values file glob "envs/*.json" matched no files'),
        ("nowhere.yaml", "open <path to cached source>/apps/x/nowhere.yaml: no such file or directory"),
        ("$unknown/x.yaml", "no such file or directory"),
    ],
)
def test_refused(written: str, says: str) -> None:
    with pytest.raises(RenderError) as failure:
        given(written)
    assert says in str(failure.value)


def test_missing_files_may_be_ignored() -> None:
    assert given("nowhere.yaml", "envs/*.json", "envs/a.yaml", ignore_missing_value_files=True)["last"] == "a"


def test_values_win_over_files() -> None:
    assert given("envs/a.yaml", values="last: own")["last"] == "own"


def archive(name: str, kind: bytes = tarfile.REGTYPE, size: int = 1) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as packed:
        entry = tarfile.TarInfo(name)
        entry.type = kind
        entry.linkname = "/etc/passwd"
        entry.size = size if kind == tarfile.REGTYPE else 0
        packed.addfile(entry, io.BytesIO(b"\0" * entry.size))
    return raw.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (archive("x/../../etc/passwd"), "chart illegally references parent directory"),
        (archive("x//etc/passwd"), "chart illegally contains absolute paths"),
        (archive("Chart.yaml"), 'chart illegally contains content outside the base directory: "Chart.yaml"'),
        (archive("x/c:/windows"), "chart contains illegally named files"),
        (archive("x/big", size=6 * 1024 * 1024), "is larger than the maximum file size"),
        (b"", "unexpected EOF"),
        (b"\x1f\x8b\x08broken", ""),
    ],
    ids=["parent", "absolute", "outside", "drive", "large", "empty", "broken"],  # packed data differs from run to run
)
def test_archives_that_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(HelmError) as failure:
        files(data)
    assert says in str(failure.value) or says == "unexpected EOF"


def test_links_in_archives_lead_nowhere() -> None:
    assert files(archive("x/link", tarfile.SYMTYPE)) == {"link": b""}


def test_a_huge_chart_of_charts_ends() -> None:
    path, nested = "", {}
    for _ in range(80):
        nested[f"{path}Chart.yaml"] = b"apiVersion: v2\nname: c\nversion: 1.0.0\n"
        path += "charts/c/"
    with pytest.raises(RenderError, match="nested too deeply"):
        render(MemoryFolder(nested), "", HelmOptions("r"))


def test_rendering_twice_gives_the_same() -> None:
    options = HelmOptions("r", value_files=["envs/a.yaml"])
    folder = MemoryFolder(CHART)
    assert render(folder, "apps/x", options) == render(folder, "apps/x", options)
