"""Asks Argo CD's own repository server about the cases: `python -m tests.sim.argocd.repo_server.record`.

The server is built from `oracle/main.go` with the Go modules of Argo CD 3.6.1 on this machine. On the path must be `go`
of the version they ask for, `git`, Helm 4.2, kustomize 5.8 and `git-verify-wrapper.sh` of Argo CD's image.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import orjson

from tests.sim.argocd.repo_server.cases import BASE, CASES, QUESTIONS
from tests.sim.argocd.repo_server.given import Lab, asked_by_a_generator, asked_of_argo_cd, url

_MODULE = "github.com/argoproj/argo-cd"
_VERSION = "v3.6.1"


def build(folder: Path) -> str:
    """The program, built in `folder`. Raises CalledProcessError."""
    kept = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    argo_cd = Path(kept) / _MODULE / f"v3@{_VERSION}"
    engine = Path(kept) / _MODULE / "gitops-engine" / f"v3@{_VERSION}"
    module = (argo_cd / "go.mod").read_text()
    module = module.replace(f"module {_MODULE}/v3", "module oracle").replace("=> ./gitops-engine", f"=> {engine}")
    module += f"\nrequire {_MODULE}/v3 {_VERSION}\nreplace {_MODULE}/v3 => {argo_cd}\n"
    (folder / "go.mod").write_text(module)
    (folder / "go.sum").write_bytes((argo_cd / "go.sum").read_bytes())
    shutil.copy(Path(__file__).with_name("oracle") / "main.go", folder)
    settings = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    subprocess.run(["go", "build", "-o", "oracle", "."], cwd=folder, env=settings, check=True)
    return str(folder / "oracle")


async def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "go").mkdir()
        program = build(Path(made) / "go")
        lab = Lab(Path(made))
        lab.seed_all()
        await lab.git.start()
        try:
            found = await asyncio.to_thread(_asked, program, Path(made) / "cache", lab.git.url)
        finally:
            await lab.git.stop()
    Path(__file__).with_name("recorded.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


def _asked(program: str, cache: Path, base: str) -> dict[str, Any]:
    cache.mkdir()
    lines = [
        orjson.dumps({"verb": "manifests", "query": asked_of_argo_cd(case, lambda name: url(name, base))})
        for case in CASES
    ]
    lines += [
        orjson.dumps({"verb": verb, "query": asked_by_a_generator(question, lambda name: url(name, base))})
        for verb, question in QUESTIONS.values()
    ]
    done = subprocess.run([program, str(cache)], input=b"\n".join(lines), capture_output=True, check=True)
    answers = [orjson.loads(one) for one in done.stdout.splitlines() if one.startswith((b'{"result', b'{"error'))]
    names = [*(case.name for case in CASES), *QUESTIONS]
    return {name: _plain(answer, base) for name, answer in zip(names, answers, strict=True)}


def _plain(answer: dict[str, Any], base: str) -> dict[str, Any]:
    if "error" in answer:
        # Argo CD does not hide everywhere where it keeps a repository.
        answered = re.sub(r"/\S+/cache/[0-9a-f-]{36}", "<path to cached source>", answer["error"])
        text, usage, _ = answered.replace(base, BASE).partition("\nUsage:\n")
        # What follows is kustomize's help.
        return {"error": text.rstrip("\n") if usage else text}
    result = answer["result"] or {}
    if "paths" in result or "map" in result or not result:
        return {"found": sorted(result.get("paths") or result.get("map") or ())}
    objects = [orjson.loads(one) for one in result.get("manifests") or ()]
    return {"revision": result["revision"], "type": result.get("sourceType", ""), "objects": objects}


if __name__ == "__main__":
    asyncio.run(main())
