"""Asks a real cluster every hostile request and writes down what it said, into `data/hostile/real.json`.

`python -m tests.sim.record_hostile KUBECONFIG`. Works in the namespace `hostile`, which it deletes at the end.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import orjson

from tests.sim.hostile import REAL, families, real
from tests.sim.serving import NAMESPACE, Door, door_of_kubeconfig, furnish


async def record(kubeconfig: Path, only: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        door = door_of_kubeconfig(kubeconfig, Path(folder))
        await furnish(door)
        await asyncio.sleep(3)
        made = await door.ask("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/visitor/token", {"spec": {}})
        try:
            found = await _ask_all(door, made.json["status"]["token"], only)
        finally:
            await door.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
    REAL.write_bytes(orjson.dumps({**real(), **found}, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")


async def _ask_all(door: Door, token: str, only: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for family, cases in families().items():
        if only and family != only:
            continue
        for case in cases:
            shown = door.admin if case.user == "admin" else None
            request = case.request(token if case.user == "visitor" else "")
            try:
                answer = await door.send(request, shown, case.method, 15)
                said = {"code": answer.code, "reason": answer.reason, "message": answer.message[:400]}
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                said = {"code": 0, "reason": "", "message": f"{type(error).__name__}: {error}"}
            found[f"{family}/{case.name}"] = said
    return found


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
