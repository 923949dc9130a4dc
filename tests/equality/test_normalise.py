"""Only what no two labs can have in common is taken out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.equality.normalise import Normaliser
from tests.equality.world import World

FIRST, SECOND = "1f" * 20, "2e" * 20
STARTS = [("up", "2026-01-01T10:00:00Z"), ("commit", "2026-01-01T10:05:00Z")]


def normaliser() -> Normaliser:
    made = Normaliser("eq-lab")
    for name, at in STARTS:
        made.begin(name, datetime.fromisoformat(at).timestamp())
    return made


def world(*objects: dict[str, Any]) -> World:
    return World({"w1": objects}, [FIRST, SECOND])


def thing(kind: str, name: str, meta: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    own = {"name": name, "namespace": "shop", "creationTimestamp": "2026-01-01T10:01:00Z", "uid": "u", **(meta or {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": own, **fields}


def replicaset(value: str, made: str, revision: str) -> dict[str, Any]:
    meta = {
        "labels": {"pod-template-hash": value},
        "annotations": {"deployment.kubernetes.io/revision": revision},
        "creationTimestamp": made,
        "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d", "apiVersion": "apps/v1"}],
    }
    return thing("ReplicaSet", f"web-{value}", meta)


def event(uid: str, message: str, count: int = 1, **about: str) -> dict[str, Any]:
    involved = {"kind": "Deployment", "namespace": "shop", "name": "web", **about}
    told = {"type": "Normal", "reason": "Said", "message": message, "count": count}
    return thing("Event", uid, {"uid": uid}, involvedObject=involved, **told)


TEXTS = [
    (f"synced to {FIRST}", "synced to <commit 0>"),
    (f"now {SECOND[:7]}", "now <short commit 1>"),
    (f"unknown {'3d' * 20}", "unknown <other commit>"),
    ("at 2026-01-01T10:02:00Z", "at <during up>"),
    ("at 2026-01-01T10:04:59Z", "at <during commit>"),
    ("at 2025-01-01T10:04:59Z", "at <during before>"),
    ("https://eq-lab-w1-control-plane:6443", "https://<lab>-w1-control-plane:6443"),
    ("dial tcp 172.20.0.3:6443: connection refused", "dial tcp <node-ip>:6443: connection refused"),
    ("pod 10.244.0.7, service 10.104.3.2", "pod <pod-ip>, service <service-ip>"),
    ("read tcp 10.244.0.1:52536->10.244.0.7:8080", "read tcp <pod-ip>:<port>-><pod-ip>:8080"),
    ("https://10.1.2.3:6443", "https://10.1.2.3:6443"),
    ("10.96.0.0/16", "10.96.0.0/16"),
    ("Retrying attempt #2 at 9:05PM.", "Retrying attempt #2 at <clock>."),
    ("digest " + "ab" * 32, "digest <digest>"),
    ("front-end, second-level 1234567", "front-end, second-level 1234567"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_texts(text: str, expected: str) -> None:
    found = normaliser().snapshot(world(thing("ConfigMap", "said", data={"text": text})))
    assert found["w1 ConfigMap shop/said"]["data"]["text"] == expected


def test_what_is_equal_stays_equal_and_what_differs_stays_different() -> None:
    data = {"a": FIRST, "b": SECOND, "c": FIRST}
    found = normaliser().snapshot(world(thing("ConfigMap", "said", data=data)))["w1 ConfigMap shop/said"]["data"]
    assert found["a"] == found["c"] != found["b"]


def test_replicasets_are_known_by_their_order_also_when_the_first_has_gone() -> None:
    told = normaliser()
    old = replicaset("bcdfghjk47", "2026-01-01T10:01:00Z", "1")
    new = replicaset("zxwvtsrq92", "2026-01-01T10:01:00Z", "2")
    owner = {"kind": "ReplicaSet", "name": "web-zxwvtsrq92", "apiVersion": "apps/v1"}
    pod = thing("Pod", "web-zxwvtsrq92-abcde", {"ownerReferences": [owner]}, status={"phase": "Running"})
    found = told.snapshot(world(new, old, pod))
    assert {"w1 ReplicaSet shop/web-<hash 1>", "w1 ReplicaSet shop/web-<hash 2>"} <= found.keys()
    assert found["w1 Pods"] == {"shop: ReplicaSet web-<hash 2>: Running; ": 1}
    assert "w1 ReplicaSet shop/web-<hash 2>" in told.snapshot(world(new))


def test_secrets_show_their_keys_only() -> None:
    found = normaliser().snapshot(world(thing("Secret", "hidden", data={"b": "c2VjcmV0", "a": "c2VjcmV0"})))
    assert found["w1 Secret shop/hidden"]["data"] == ["a", "b"]


def test_uids_and_counters_of_writes_are_left_out_but_not_who_wrote() -> None:
    fields = [{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "time": "x", "fieldsV1": {}}]
    meta = {"managedFields": fields, "resourceVersion": "7", "generation": 3}
    found = normaliser().snapshot(world(thing("ConfigMap", "said", meta)))["w1 ConfigMap shop/said"]["metadata"]
    assert found == {
        "name": "said",
        "namespace": "shop",
        "creationTimestamp": "<during up>",
        "generation": 3,
        "managers": ["kubectl Update v1"],
    }


def test_what_belongs_to_the_cluster_itself_is_left_out() -> None:
    own = thing("ConfigMap", "coredns", {"namespace": "kube-system"})
    root = thing("ConfigMap", "kube-root-ca.crt")
    assert normaliser().snapshot(world(own, root)) == {"w1 Pods": {}}


def test_a_cluster_that_cannot_be_read_is_said_to_be_so() -> None:
    found = normaliser().snapshot(World({}, [], {"w1": "trying\nconnection refused"}))
    assert found == {"w1 unread": "connection refused"}


def test_events_are_told_once_and_again_when_they_happen_again() -> None:
    told = normaliser()
    scaled = f"w1 to {SECOND}"
    name, line = "w1 Events Deployment shop/web", "Normal Said w1 to <commit 1> ()"
    assert told.events(world(event("one", scaled))) == {name: [line]}
    assert told.events(world(event("one", scaled))) == {}
    assert told.events(world(event("one", scaled, count=2))) == {name: [line]}
    assert told.events(world(event("one", scaled, count=2), event("two", scaled))) == {name: [line]}


def test_events_of_argo_cd_s_own_pods_are_left_out() -> None:
    mine = event("one", "scheduled", kind="Pod", namespace="argocd", name="argocd-redis-1")
    other = event("two", "synced", kind="Application", namespace="argocd", name="web")
    assert list(normaliser().events(world(mine, other))) == ["w1 Events Application argocd/web"]
