"""The scenarios of `scenarios.yaml`, and what to compare of how they end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import yaml

from lab.sim.argocd.tracking import Tracking
from lab.sim.objects import Object, name_of, namespace_of

HERE = Path(__file__).parent
RECORD = HERE / "engine.jsonl"
PASSES = 12
_TRACKING = Tracking()
_FILE = re.compile(r"/dev/shm/\d+|/tmp/\d+")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
_PRESENT = re.compile(r"(?<=\ncurrent:\n).*?(?=\nfor: )", re.DOTALL)
_OF_CONTROLLERS = ("controller-uid", "batch.kubernetes.io/controller-uid", "deployment.kubernetes.io/revision")
_REASONS = re.compile(r"reason: (.*)", re.DOTALL)


def scenarios() -> list[dict[str, Any]]:
    """`{name, steps: [{targets, namespace, options, passes, stop}]}`."""
    read = yaml.safe_load((HERE / "scenarios.yaml").read_text())["scenarios"]
    return [{"name": one["name"], "steps": [_step(step) for step in one["steps"]]} for one in read]


def _step(said: dict[str, Any]) -> dict[str, Any]:
    namespace = said.get("namespace", "shop")
    objects = [obj for text in said["manifests"] for obj in yaml.safe_load_all(text)]
    return {
        "targets": [_TRACKING.marked(one, "web", namespace) for one in objects],
        "namespace": namespace,
        "options": {"Prune": True, **said.get("options", {})},
        "passes": said.get("passes", PASSES),
        "stop": said.get("stop", 0),
    }


def ending(phase: str, message: str, passes: Iterable[str], results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """How an operation went, without what is left to chance: names of files and the order of what is done at once."""
    said = [_plain(one) for one in passes]
    return {
        "phase": phase,
        "message": _plain(message),
        "passes": [one for place, one in enumerate(said) if place == 0 or one != said[place - 1]],
        "results": sorted(
            ({**one, "Message": _plain(one["Message"])} for one in results),
            key=lambda one: (one["Key"], one["SyncPhase"]),
        ),
    }


def _plain(text: str) -> str:
    text = _PRESENT.sub("…", _FILE.sub("FILE", text))
    found = _REASONS.search(text)
    return text if found is None else text[: found.start(1)] + ",".join(sorted(found[1].split(",")))


def left(objects: Iterable[Object], server_user: str = "") -> list[Object]:
    """What is in a cluster at the end: every marked object, with who owns its fields.

    What controllers add is left out: it is as random as they are.
    """
    made = []
    for obj in objects:
        if _TRACKING.instance(obj) != "web" or obj["metadata"].get("ownerReferences"):
            continue
        metadata = {key: value for key, value in obj["metadata"].items() if key not in _SERVER}
        applied = metadata["annotations"].get(_LAST_APPLIED)
        if applied:
            metadata["annotations"] = {**metadata["annotations"], _LAST_APPLIED: orjson.loads(applied)}
        owners = [
            [_named(one["manager"], server_user), one["operation"], one["fieldsV1"]]
            for one in obj["metadata"]["managedFields"]
            if not one.get("subresource")
        ]
        kept = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
        if obj["kind"] == "Service":
            kept["spec"] = {key: value for key, value in kept["spec"].items() if not key.startswith("clusterIP")}
        if obj["kind"] == "Job":
            kept["spec"] = {**kept["spec"], "template": kept["spec"]["template"]["spec"], "selector": {}}
        for field in ("labels", "annotations"):
            held = metadata.get(field) or {}
            metadata[field] = {key: value for key, value in held.items() if key not in _OF_CONTROLLERS}
        made.append({**kept, "metadata": metadata, "owners": sorted(owners, key=orjson.dumps)})
    return sorted(made, key=lambda one: (one["apiVersion"], one["kind"], namespace_of(one), name_of(one)))


def _named(manager: str, server_user: str) -> str:
    """The recording program has another `User-Agent` than Argo CD's controller."""
    return "argocd-application-controller" if manager == server_user else manager
