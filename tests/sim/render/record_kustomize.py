"""Record what the real kustomize makes of the folders in `kustomize/`.

`python tests/sim/render/record_kustomize.py [CASE …]` needs kustomize on PATH. Each case is a folder with `files/`, the
one-line file `path` (the folder below `files/` that is built), perhaps `source.json` (an Argo CD source's `kustomize`,
carried out by the commands that Argo CD runs) and `expected.json`, which this writes: the version, the warnings, and
the objects in kustomize's order or its error, with Argo CD's words for the place of `files/`. The help that
`kustomize edit` adds to its errors is left out.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

from lab.sim.render.kustomize.files import ROOT
from lab.sim.render.yaml_documents import objects, value

CASES = Path(__file__).parent / "kustomize"
SECONDS = 30


def recorded(case: Path) -> dict[str, Any]:
    """What kustomize answers for one case."""
    with tempfile.TemporaryDirectory() as made:
        files = (Path(made) / "files").resolve()
        shutil.copytree(case / "files", files)
        path = files / (case / "path").read_text().strip()
        source = case / "source.json"
        for command in _edits(orjson.loads(source.read_bytes())) if source.exists() else []:
            failed = _run(command, path, files)
            if "error" in failed:
                return {"command": " ".join(command), **failed}
        if source.exists() and (patches := orjson.loads(source.read_bytes()).get("patches")):
            _add_patches(path, patches)
        return _run(["kustomize", "build", str(path)], files, files)


def _run(command: list[str], where: Path, files: Path) -> dict[str, Any]:
    made = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, cwd=where)
    error = re.sub(r"0x[0-9a-f]{8,}", "0xc000000000", made.stderr.decode().replace(str(files), ROOT))
    warnings, _, message = error.partition("Error: ")
    answer: dict[str, Any] = {"warnings": warnings.splitlines()}
    if made.returncode:
        answer["error"] = message.partition("\nUsage:\n")[0].rstrip("\n")
    else:
        answer["objects"] = list(objects(made.stdout))
    return answer


def _edits(source: dict[str, Any]) -> list[list[str]]:
    """The commands Argo CD runs for `spec.source.kustomize`, without substitution of variables."""
    edit = ["kustomize", "edit"]
    commands = []
    for field, name in (("namePrefix", "nameprefix"), ("nameSuffix", "namesuffix")):
        if source.get(field):
            commands.append([*edit, "set", name, "--", source[field]])
    if source.get("images"):
        commands.append([*edit, "set", "image", *source["images"]])
    if source.get("replicas"):
        commands.append([*edit, "set", "replicas", *(f"{one['name']}={one['count']}" for one in source["replicas"])])
    if source.get("commonLabels"):
        flags = {
            "forceCommonLabels": "--force",
            "labelWithoutSelector": "--without-selector",
            "labelIncludeTemplates": "--include-templates",
        }
        given = [flag for field, flag in flags.items() if source.get(field)]
        labels = [f"{key}:{text}" for key, text in source["commonLabels"].items()]
        commands.append([*edit, "add", "label", *given, *labels])
    if source.get("commonAnnotations"):
        force = ["--force"] if source.get("forceCommonAnnotations") else []
        notes = [f"{key}:{text}" for key, text in source["commonAnnotations"].items()]
        commands.append([*edit, "add", "annotation", *force, *notes])
    if source.get("namespace"):
        commands.append([*edit, "set", "namespace", "--", source["namespace"]])
    if source.get("components"):
        commands.append([*edit, "add", "component", *source["components"]])
    return commands


def _add_patches(path: Path, patches: list[dict[str, Any]]) -> None:
    file = path / "kustomization.yaml"
    made = value(file.read_bytes())
    made["patches"] = [*(made.get("patches") or []), *patches]
    file.write_bytes(orjson.dumps(made))


def main(names: list[str]) -> None:
    """Record the named cases, or all."""
    version = subprocess.run(["kustomize", "version"], capture_output=True, text=True, check=True).stdout.strip()
    for case in sorted(CASES.iterdir()):
        if case.is_dir() and (not names or case.name in names):
            answer = {"kustomize": version, **recorded(case)}
            (case / "expected.json").write_bytes(orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n")
            print(case.name, "error" if "error" in answer else f"{len(answer['objects'])} objects")


if __name__ == "__main__":
    main(sys.argv[1:])
