"""Defaults, measured against what a real server (Kubernetes 1.34.4) made of the same objects."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from lab.sim.api import defaults
from tests.sim.cases import DATA, changed, registry

PAIRS = json.loads((DATA / "defaults" / "recorded.json").read_text())

GENERATED = ["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"]
OTHERS: dict[str, list[str]] = {
    # Filled in by a strategy (address allocation, generated selectors) or by admission (service account, tolerations,
    # priority), which come before and after the defaults.
    "Pod": [
        "metadata.annotations",
        "spec.serviceAccount",
        "spec.serviceAccountName",
        "spec.priority",
        "spec.preemptionPolicy",
        "spec.tolerations",
        "status",
    ],
    "Job": [
        "metadata.labels",
        "spec.selector",
        *(f'spec.template.metadata.labels["{label}"]' for label in GENERATED),
    ],
    "Service": [
        "spec.clusterIP",
        "spec.clusterIPs",
        "spec.ipFamilies",
        "spec.ipFamilyPolicy",
        "spec.ports[0].nodePort",
        "spec.ports[1].nodePort",
    ],
    "DaemonSet": ["metadata.annotations"],
    "Endpoints": ["metadata.labels"],
    "Namespace": ["metadata.labels", "spec.finalizers"],
    "Node": ["spec.taints", "metadata.annotations"],
    "PersistentVolumeClaim": ["metadata.finalizers"],
    "PersistentVolume": ["metadata.finalizers", "status.lastPhaseTransitionTime"],
    "CustomResourceDefinition": ["status.conditions", "status.acceptedNames"],
    "APIService": ["status.conditions"],
}


def normal(obj: dict[str, Any]) -> dict[str, Any]:
    """Without what is not the defaults' to fill in."""
    made = copy.deepcopy(obj)
    made["metadata"].pop("namespace", None)
    for path in OTHERS.get(made["kind"], ()):
        try:
            made = changed(made, {path: None})
        except (IndexError, KeyError):
            continue
    return prune(made)


def prune(made: dict[str, Any]) -> dict[str, Any]:
    """Without the token volume that admission mounts into a pod."""
    if made["kind"] != "Pod":
        return made
    spec = made["spec"]
    spec["volumes"] = [one for one in spec.get("volumes", []) if not one["name"].startswith("kube-api-access")]
    for one in (*spec["containers"], *spec.get("initContainers", [])):
        mounts = [mount for mount in one.get("volumeMounts", []) if "kube-api-access" not in mount["name"]]
        one["volumeMounts"] = mounts
    return made


@pytest.mark.parametrize(
    "pair", PAIRS, ids=[f"{one['sent']['kind']}-{one['sent']['metadata']['name']}" for one in PAIRS]
)
def test_as_a_real_server(pair: dict[str, Any]) -> None:
    obj = copy.deepcopy(pair["sent"])
    resource = registry().kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    defaults.apply(resource, obj)
    assert normal(obj) == normal(pair["made"])


@pytest.mark.parametrize(
    "pair", PAIRS, ids=[f"{one['sent']['kind']}-{one['sent']['metadata']['name']}" for one in PAIRS]
)
def test_what_a_server_made_stays_as_it_is(pair: dict[str, Any]) -> None:
    obj = copy.deepcopy(pair["made"])
    resource = registry().kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    defaults.apply(resource, obj)
    assert obj == pair["made"]
