"""Real programs instead of the built-in renderers: what they get, and that nothing of them stays."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from lab.sim.render import backends, kustomize
from lab.sim.render.errors import RenderError
from lab.sim.render.folder import MemoryFolder
from lab.sim.render.kustomize import Options
from lab.sim.render.kustomize.files import ROOT

FILES = MemoryFolder(
    {
        "app/kustomization.yaml": b"resources: [../base]",
        "base/kustomization.yaml": b"resources: [a.yaml]",
        "base/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {on: yes}",
    }
)


def _program(folder: Path, text: str) -> str:
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_runs_in_a_copy_that_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "made"))
    (tmp_path / "made").mkdir()
    tool = _program(tmp_path, 'pwd; cat "$1/base/a.yaml"; echo; echo "$HOME" "$2"')
    first, *text, last = backends.run(FILES, [tool, ROOT, "; echo no shell"], where="app").decode().splitlines()
    assert first.endswith("/source/app")
    assert text == FILES.read("base/a.yaml").decode().splitlines()
    assert last.endswith("/home ; echo no shell")
    assert list((tmp_path / "made").iterdir()) == []


def test_reads_objects_and_lists(tmp_path: Path) -> None:
    tool = _program(tmp_path, "printf 'kind: List\\nitems: [{kind: A}]\\n---\\nkind: B\\nx: yes\\n'")
    assert backends.helm(FILES, "app", [], program=tool) == [{"kind": "A"}, {"kind": "B", "x": True}]


def test_an_error_shows_the_command_and_what_it_said(tmp_path: Path) -> None:
    tool = _program(tmp_path, 'echo "Error: no $2 here" >&2; exit 3')
    with pytest.raises(RenderError) as failed:
        backends.kustomize(FILES, "app", program=tool)
    assert str(failed.value) == f"`{tool} build {ROOT}/app` failed exit status 3: Error: no {ROOT}/app here"


def test_a_program_that_never_ends_is_ended(tmp_path: Path) -> None:
    tool = _program(tmp_path, "exec sleep 60")
    with pytest.raises(RenderError, match=r"failed timeout after 0\.2s"):
        backends.run(FILES, [tool], seconds=0.2)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(RenderError, match='"no-such-tool": executable file not found'):
        backends.run(FILES, ["no-such-tool"])


@pytest.mark.skipif(shutil.which("kustomize") is None, reason="needs kustomize on PATH")
@pytest.mark.parametrize("source", [{}, {"namePrefix": "x-", "commonLabels": {"a": "b"}, "images": ["a:1"]}])
def test_kustomize_and_the_built_in_one_agree(source: dict[str, object]) -> None:
    options = Options(source=source)
    assert backends.kustomize(FILES, "app", options) == kustomize.render(FILES, "app", options)
