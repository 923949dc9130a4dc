"""Cluster Secrets, the cluster Argo CD runs in, and what a destination means."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from lab.sim.argocd.clusters import IN_CLUSTER_SERVER, ClusterError, Clusters, parse_cluster
from lab.sim.argocd.destinations import DestinationError, cluster_of
from lab.sim.objects import Object


def secret(secret_name: str, /, *, annotations: dict[str, str] | None = None, **data: str) -> Object:
    return {
        "metadata": {
            "name": secret_name,
            "labels": {"argocd.argoproj.io/secret-type": "cluster", "tier": "edge"},
            "annotations": annotations or {},
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def test_all_fields_are_read() -> None:
    config = {
        "bearerToken": "t",
        "tlsClientConfig": {"insecure": False, "serverName": "sn", "caData": base64.b64encode(b"CA").decode()},
        "execProviderConfig": {"command": "aws"},
        "disableCompression": True,
        "proxyUrl": "http://proxy",
    }
    made = parse_cluster(
        secret(
            "one",
            annotations={"a": "b", "managed-by": "argocd.argoproj.io", "argocd.argoproj.io/skip-reconcile": "true"},
            server="https://one:6443/",
            name="edge",
            config=json.dumps(config),
            namespaces="x, y,",
            clusterResources="true",
            project="team",
            shard="3",
        )
    )
    assert (made.server, made.name, made.namespaces) == ("https://one:6443", "edge", ("x", "y"))
    assert (made.config.bearer_token, made.config.ca_data, made.config.server_name) == ("t", b"CA", "sn")
    assert (made.config.disable_compression, made.config.proxy_url) == (True, "http://proxy")
    assert made.config.exec_provider == {"command": "aws"}
    assert (made.cluster_resources, made.project, made.shard, made.skipped) == (True, "team", 3, True)
    assert made.labels == {"tier": "edge"}
    assert made.annotations == {"a": "b", "argocd.argoproj.io/skip-reconcile": "true"}


def test_bad_shard_and_refresh_are_passed_over() -> None:
    notes: list[str] = []
    made = parse_cluster(
        secret("one", annotations={"argocd.argoproj.io/refresh": "soon"}, server="s", shard="x"), notes
    )
    assert (made.shard, made.refresh_requested_at, len(notes)) == (None, None, 2)


@pytest.mark.parametrize("config", ["{", "[]", '{"tlsClientConfig": {"caData": "&"}}', '{"username": 5}'])
def test_a_secret_that_cannot_be_read_is_ignored(config: str) -> None:
    with pytest.raises(ClusterError, match=r"^failed to unmarshal cluster config: "):
        parse_cluster(secret("bad", server="https://bad", config=config))
    known = Clusters([secret("bad", server="https://bad", config=config), secret("good", server="https://good")])
    assert [one.server for one in known.all()] == ["https://good", IN_CLUSTER_SERVER]
    assert known.notes[0].startswith("Failed to convert secret bad to cluster")


def test_a_secret_takes_the_place_of_the_implicit_cluster() -> None:
    known = Clusters([secret("hub", server=IN_CLUSTER_SERVER, name="hub")])
    assert [one.name for one in known.all()] == ["hub"]
    assert known.by_server(IN_CLUSTER_SERVER).name == "hub"
    assert known.servers_named("in-cluster") == [IN_CLUSTER_SERVER]


def test_in_cluster_disabled() -> None:
    known = Clusters([secret("hub", server=IN_CLUSTER_SERVER, name="hub")], in_cluster_enabled=False)
    assert known.all() == []
    assert known.servers_named("hub") == known.servers_named("in-cluster") == []
    with pytest.raises(ClusterError, match="is disabled"):
        known.by_server(IN_CLUSTER_SERVER)


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ({}, "Destination server missing from app spec"),
        ({"name": "a", "server": "b"}, "application destination can't have both name and server defined: a b"),
        ({"name": "none"}, "there are no clusters with this name: none"),
        ({"name": "twin"}, "there are 2 clusters with the same name: [https://t1 https://t2]"),
        (
            {"server": "https://none/"},
            'error getting cluster by server "https://none/": rpc error: code = NotFound desc = cluster "https://none" '
            "not found",
        ),
    ],
)
def test_destinations_that_mean_no_cluster(destination: dict[str, Any], said: str) -> None:
    known = Clusters([secret("t1", server="https://t1", name="twin"), secret("t2", server="https://t2", name="twin")])
    with pytest.raises(DestinationError) as failed:
        cluster_of(destination, known)
    assert str(failed.value) == said


def test_destinations_by_name_and_by_server() -> None:
    known = Clusters([secret("e", server="https://e", name="edge")])
    assert cluster_of({"name": "edge"}, known) is cluster_of({"server": "https://e/"}, known)
    assert cluster_of({"name": "in-cluster"}, known).server == IN_CLUSTER_SERVER
