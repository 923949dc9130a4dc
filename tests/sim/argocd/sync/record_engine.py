"""Makes `engine.jsonl`: how the real gitops-engine 3.6.1 takes the scenarios, on simulated clusters over HTTPS.

Run it with Go 1.27 or newer installed: `python -m tests.sim.argocd.sync.record_engine [PROGRAM]`; without PROGRAM the
one in `engine/` is built first. Go's modules are fetched from where GOPROXY says.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

from tests.sim.argocd.sync.engine_cases import HERE, RECORD, ending, left, scenarios
from tests.sim.serving import Served, served

USER = "engine"
"""The program's file name, which is what a server makes of its `User-Agent`."""


def _built(folder: Path) -> Path:
    program = folder / USER
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=HERE / "engine", check=True)
    return program


async def _ask(program: Path, kubeconfig: Path, step: dict[str, Any]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        str(program),
        str(kubeconfig),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said = {
        "Targets": step["targets"],
        "Namespace": step["namespace"],
        "Options": step["options"],
        "Passes": step["passes"],
        "StopAfter": step["stop"],
    }
    out, errors = await process.communicate(orjson.dumps(said))
    if process.returncode:
        raise RuntimeError(errors.decode())
    answer: dict[str, Any] = orjson.loads(out)
    return answer


def _objects(cluster: Served) -> list[Any]:
    store = cluster.cluster.store
    return [obj for storage in store.storages for obj in store.scan(storage)]


async def _record(program: Path, folder: Path, number: int, scenario: dict[str, Any]) -> dict[str, Any]:
    endings = []
    async with served(folder, f"engine-{number}") as one:
        await one.cluster.admin("bootstrap").create("namespaces", {"metadata": {"name": "shop"}})
        kubeconfig = one.folder / "kubeconfig"
        for step in scenario["steps"]:
            said = await _ask(program, kubeconfig, step)
            endings.append(ending(said["Phase"], said["Message"], said["Passes"], said["Results"] or ()))
            await asyncio.sleep(0.5)
        return {"name": scenario["name"], "endings": endings, "left": left(_objects(one), USER)}


async def main() -> None:
    """Write the record."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = Path(sys.argv[1]) if len(sys.argv) > 1 else _built(folder)
        lines = []
        for number, scenario in enumerate(scenarios()):
            lines.append(orjson.dumps(await _record(program, folder, number, scenario)))
            print(scenario["name"], flush=True)
    RECORD.write_bytes(b"\n".join(lines) + b"\n")


if __name__ == "__main__":
    asyncio.run(main())
