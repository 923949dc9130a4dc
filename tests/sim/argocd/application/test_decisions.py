"""Decisions of the application controller that need nothing but what they are given."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sim.argocd.application import autosync, retry, spec
from lab.sim.argocd.application.refresh import Level, Refresh, needed
from lab.sim.argocd.application.settings import Environment, Unsupported, read_environment, with_flags
from lab.sim.argocd.application.sharding import Sharding, ShardingError, fnv32a
from lab.sim.argocd.application.status import as_go_writes, merge_patch, with_conditions
from lab.sim.argocd.clusters import Cluster, Clusters
from lab.sim.argocd.comparison.records import Condition
from lab.sim.argocd.world import INSTANT, REALISTIC
from lab.sim.clock import timestamp
from lab.sim.objects import Object

NOW = 1_800_000_000.0
SOURCE = {"repoURL": "http://git/a/b", "path": "x", "targetRevision": "main"}
OUT = {"status": "OutOfSync", "revision": "new"}
CHANGED = {"kind": "ConfigMap", "name": "a", "namespace": "n", "status": "OutOfSync"}
EXTRA = {**CHANGED, "name": "b", "requiresPruning": True}


def app(automated: Object | None = None, *, state: Object | None = None, **more: Any) -> Object:
    made: Object = {
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {"source": SOURCE, "syncPolicy": {"automated": {} if automated is None else automated}},
        "status": {"operationState": state} if state else {},
    }
    return made | more


def ended(phase: str = "Succeeded", revision: str = "new", attempts: int = 0, ago: float = 0.0, **more: Any) -> Object:
    return {
        "phase": phase,
        "message": "it said so",
        "finishedAt": timestamp(NOW - ago),
        "operation": {"sync": {"autoHealAttemptsCount": attempts}},
        "syncResult": {"revision": revision, "source": SOURCE},
    } | more


def decide(
    application: Object, resources: list[Object] | None = None, sync: Object = OUT, env: Environment | None = None
) -> autosync.Decision:
    found = [CHANGED] if resources is None else resources
    return autosync.decide(application, sync, found, True, env or Environment(), NOW)


def test_out_of_sync_starts_a_sync_to_what_was_compared() -> None:
    application = app({"prune": True})
    application["spec"]["syncPolicy"]["syncOptions"] = ["CreateNamespace=true"]
    decision = decide(application)
    assert decision.operation == {
        "sync": {"source": SOURCE, "revision": "new", "prune": True, "syncOptions": ["CreateNamespace=true"]},
        "initiatedBy": {"automated": True},
        "retry": {"limit": 5},
    }
    assert decision.revisions == ["new"]


def test_several_sources_are_named_with_their_revisions() -> None:
    application = app()
    application["spec"] |= {"sources": [SOURCE], "source": None}
    sync = {"status": "OutOfSync", "revisions": ["one"]}
    assert decide(application, sync=sync).operation == {
        "sync": {"sources": [SOURCE], "revisions": ["one"]},
        "initiatedBy": {"automated": True},
        "retry": {"limit": 5},
    }


def test_the_policys_retry_takes_the_place_of_the_default() -> None:
    application = app()
    application["spec"]["syncPolicy"]["retry"] = {"limit": 2}
    operation = decide(application).operation
    assert operation is not None
    assert operation["retry"] == {"limit": 2}


@pytest.mark.parametrize(
    ("application", "sync", "resources", "note"),
    [
        (app({"enabled": False}), OUT, [CHANGED], ""),
        (app(operation={}), OUT, [CHANGED], "another operation is in progress"),
        (app(metadata={"name": "web", "deletionTimestamp": "x"}), OUT, [CHANGED], "deletion in progress"),
        (app(), {"status": "Synced"}, [CHANGED], "application status is Synced"),
        (app(), {"status": "Unknown"}, [CHANGED], "application status is Unknown"),
        (app(), OUT, [EXTRA], "need to prune extra resources only but automated prune is disabled"),
        (app(state=ended()), OUT, [CHANGED], "most recent sync already to [new]"),
    ],
)
def test_what_is_not_synced(application: Object, sync: Object, resources: list[Object], note: str) -> None:
    decision = decide(application, resources, sync)
    assert decision.operation is None
    assert decision.condition is None
    assert note in decision.note


def test_a_failed_sync_is_not_tried_again_for_the_same_commit() -> None:
    decision = decide(app({"selfHeal": True}, state=ended("Failed")))
    assert decision.operation is None
    assert decision.condition == Condition("SyncError", "Failed last sync attempt to [new]: it said so")


def test_a_failed_sync_is_tried_again_for_another_commit_or_another_source() -> None:
    assert decide(app(state=ended("Failed", "old"))).operation is not None
    other = ended("Failed")
    other["syncResult"]["source"] = {**SOURCE, "path": "y"}
    assert decide(app(state=other)).operation is not None


def test_an_operation_without_result_counts_as_an_attempt() -> None:
    decision = decide(app(state={"phase": "Error", "message": "no project"}))
    assert decision.condition == Condition("SyncError", "Failed last sync attempt to []: no project")


def test_self_heal_syncs_what_is_out_of_sync_and_counts() -> None:
    synced = {**CHANGED, "name": "c", "status": "Synced"}
    operation = decide(app({"selfHeal": True}, state=ended(attempts=0)), [CHANGED, synced]).operation
    assert operation is not None
    assert operation["sync"]["autoHealAttemptsCount"] == 1
    assert operation["sync"]["resources"] == [{"kind": "ConfigMap", "name": "a"}]


@pytest.mark.parametrize(("attempts", "delay"), [(1, 2), (2, 6), (3, 18), (4, 54), (5, 162), (6, 300), (60, 300)])
def test_self_heal_waits_longer_each_time(attempts: int, delay: int) -> None:
    decision = decide(app({"selfHeal": True}, state=ended(attempts=attempts, ago=1)))
    assert decision.operation is None
    assert decision.wait == delay - 1
    assert decide(app({"selfHeal": True}, state=ended(attempts=attempts, ago=delay))).operation is not None


@pytest.mark.parametrize(("attempts", "delay"), [(0, 0), (1, 2), (2, 6), (3, 10), (60, 10)])
def test_an_instant_lab_heals_at_once_but_not_without_end(attempts: int, delay: int) -> None:
    env = read_environment({}, INSTANT)
    decision = decide(app({"selfHeal": True}, state=ended(attempts=attempts)), env=env)
    assert decision.wait == delay
    assert (decision.operation is None) is (delay > 0)


def test_nothing_is_wiped_out_unless_that_is_allowed() -> None:
    refused = decide(app({"prune": True}), [EXTRA])
    assert refused.condition == Condition(
        "SyncError", "Skipping sync attempt to [new]: auto-sync will wipe out all resources"
    )
    assert decide(app({"prune": True, "allowEmpty": True}), [EXTRA]).operation is not None


@pytest.mark.parametrize(
    ("given", "retries", "seconds"),
    [
        ({}, 0, 5),
        ({}, 3, 40),
        ({}, 30, 180),
        ({}, 5000, 180),
        ({"backoff": {"duration": "10", "factor": 3, "maxDuration": "1m"}}, 1, 30),
        ({"backoff": {"duration": "10", "factor": 3, "maxDuration": "1m"}}, 2, 60),
        ({"backoff": {"duration": "1m30s", "factor": 1}}, 9, 90),
        ({"backoff": {"factor": 0}}, 1, 0),
    ],
)
def test_retries_back_off(given: Object, retries: int, seconds: float) -> None:
    assert retry.delay({"retry": given}, retries) == seconds


def test_a_backoff_that_cannot_be_read_is_named() -> None:
    with pytest.raises(retry.RetryError, match="unable to parse soon as a duration"):
        retry.delay({"retry": {"backoff": {"duration": "soon"}}}, 0)


def compared(**more: Any) -> Object:
    spec: Object = {"source": SOURCE, "destination": {"name": "a", "namespace": "n"}}
    sync = {"comparedTo": {"source": SOURCE, "destination": spec["destination"]}, "revision": "r"}
    status = {"sync": sync, "reconciledAt": timestamp(NOW - 60)}
    return {"metadata": {"name": "web", "namespace": "argocd"}, "spec": spec, "status": status} | more


def due(application: Object, request: Level | None = None, resync: float = 120.0, hard: float = 0.0) -> Refresh | None:
    return needed(application, NOW, resync, hard, lambda: request)


def test_an_application_that_was_just_compared_needs_nothing() -> None:
    assert due(compared()) is None


def test_a_request_is_answered_at_its_level() -> None:
    refresh = due(compared(), Level.RECENT)
    assert refresh is not None
    assert (refresh.level, refresh.hard) == (Level.RECENT, False)


def test_an_annotation_forces_git_to_be_asked() -> None:
    for word, hard in (("normal", False), ("hard", True), ("nonsense", False)):
        metadata = {"name": "web", "annotations": {spec.REFRESH: word}}
        refresh = due(compared(metadata=metadata))
        assert refresh is not None
        assert (refresh.level, refresh.hard) == (Level.FORCED, hard)


def test_what_differs_from_the_last_comparison_is_compared_anew() -> None:
    application = compared()
    application["spec"] = {**application["spec"], "source": {**SOURCE, "path": "y"}}
    assert due(application) == Refresh("spec.source differs", Level.FORCED)
    application = compared()
    application["spec"] = {**application["spec"], "destination": {"name": "b", "namespace": "n"}}
    assert due(application) == Refresh("spec.destination differs", Level.LATEST)
    application = compared()
    application["spec"] = {**application["spec"], "ignoreDifferences": [{"kind": "Deployment"}]}
    assert due(application) == Refresh("spec.ignoreDifferences differs", Level.LATEST)
    application = compared()
    application["spec"] = {**application["spec"], "syncPolicy": {"managedNamespaceMetadata": {"labels": {"a": "b"}}}}
    application["status"] = {**application["status"], "operationState": ended()}
    assert due(application) == Refresh("spec.syncPolicy.managedNamespaceMetadata differs", Level.LATEST)


def test_fields_that_say_nothing_make_no_difference() -> None:
    application = compared()
    application["spec"] = {
        **application["spec"],
        "source": {**SOURCE, "helm": {}, "chart": ""},
        "ignoreDifferences": [],
    }
    assert due(application) is None


def test_a_comparison_expires() -> None:
    assert due(compared(), resync=61) is None
    expired = due(compared(), resync=59)
    assert expired is not None
    assert (expired.level, expired.hard) == (Level.LATEST, False)
    assert due(compared(), resync=0) is None
    hard = due(compared(), hard=30)
    assert hard is not None
    assert hard.hard
    never = compared()
    del never["status"]["reconciledAt"]
    assert due(never, resync=0) is not None


def test_conditions_keep_their_time_while_they_say_the_same() -> None:
    status = {
        "conditions": [
            {"type": "SyncError", "message": "a", "lastTransitionTime": "1"},
            {"type": "OrphanedResourceWarning", "message": "b", "lastTransitionTime": "1"},
        ]
    }
    same = with_conditions(status, [Condition("SyncError", "a")], {"SyncError"}, "2")
    assert [one["lastTransitionTime"] for one in same["conditions"]] == ["1", "1"]
    other = with_conditions(status, [Condition("SyncError", "c")], {"SyncError"}, "2")
    assert [(one["type"], one["lastTransitionTime"]) for one in other["conditions"]] == [
        ("OrphanedResourceWarning", "1"),
        ("SyncError", "2"),
    ]
    gone = with_conditions(status, [], {"SyncError", "OrphanedResourceWarning"}, "2")
    assert "conditions" not in gone


def test_a_patch_holds_only_what_changed() -> None:
    old = as_go_writes({"sync": {"status": "Synced", "revision": "a"}, "resources": [1], "sourceType": "Helm"})
    new = as_go_writes({"sync": {"status": "Synced", "revision": "b"}, "resources": [1, 2]})
    assert merge_patch(old, new) == {"sync": {"revision": "b"}, "resources": [1, 2], "sourceType": None}
    assert merge_patch(old, as_go_writes({**old, "summary": {}})) == {}


def test_blocks_that_say_nothing_are_taken_out_of_a_spec() -> None:
    given = {
        "source": {**SOURCE, "kustomize": {}, "helm": {"values": ""}, "directory": {"recurse": False, "include": "*"}},
        "syncPolicy": {"syncOptions": []},
    }
    assert spec.normalization(given) == {
        "project": "default",
        "syncPolicy": None,
        "source": {"kustomize": None, "helm": None, "directory": {"recurse": None}},
    }
    assert spec.normalized(given) == {"project": "default", "source": {**SOURCE, "directory": {"include": "*"}}}
    kept = {"project": "p", "source": {**SOURCE, "directory": {"recurse": True}}, "syncPolicy": {"automated": {}}}
    assert spec.normalization(kept) == {}


def test_a_hydrated_application_reads_what_was_hydrated() -> None:
    hydrator = {"drySource": {"repoURL": "http://git/dry"}, "syncSource": {"targetBranch": "env/dev", "path": "x"}}
    given = {"sourceHydrator": hydrator, "sources": [SOURCE]}
    assert spec.sources(given) == [{"repoURL": "http://git/dry", "path": "x", "targetRevision": "env/dev"}]


def test_the_environment_is_read_by_argo_cds_names() -> None:
    env = {
        "ARGOCD_RECONCILIATION_TIMEOUT": "300s",
        "ARGOCD_RECONCILIATION_JITTER": "0",
        "ARGOCD_SYNC_WAVE_DELAY": "7",
        "ARGOCD_APPLICATION_NAMESPACES": "team-*, /^x$/",
        "ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT": "90",
        "ARGOCD_APPLICATION_CONTROLLER_STATUS_PROCESSORS": "many",
        "ARGOCD_CONTROLLER_REPLICAS": "3",
    }
    read = read_environment(env, REALISTIC, "argocd-application-controller-2")
    assert (read.resync, read.jitter, read.wave_delay, read.sync_timeout) == (300, 0, 7, 90)
    assert read.application_namespaces == ("team-*", "/^x$/")
    assert (read.status_processors, read.shard) == (20, 2)
    quick = read_environment(env, INSTANT)
    assert (quick.resync, quick.wave_delay, quick.repository_grace) == (300, 0, 0)
    assert quick.bounded(300) < 0.1


def test_the_command_line_beats_the_environment() -> None:
    argv = ("argocd-application-controller", "--app-resync", "30", "--status-processors=7", "--metrics-port", "1")
    said = with_flags({"ARGOCD_RECONCILIATION_TIMEOUT": "300s"}, (*argv, "--persist-resource-health"))
    read = read_environment(said, REALISTIC)
    assert (read.resync, read.status_processors, read.persist_health) == (30, 7, True)
    with pytest.raises(Unsupported, match="source hydrator is not supported by the simulator"):
        with_flags({}, ("argocd-application-controller", "--hydrator-enabled"))


@pytest.mark.parametrize(("text", "seconds"), [("2m30s", 150), ("1d", 86400), ("300", 120), ("0", 0), ("-1s", 120)])
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert read_environment({"ARGOCD_RECONCILIATION_TIMEOUT": text}, REALISTIC).resync == seconds


def test_clusters_are_divided_among_controllers() -> None:
    clusters = Clusters([])
    named = [Cluster(f"https://{one}", one, secret=one) for one in "abcdef"]
    uids = {one.name: f"uid-{one.name}" for one in named}
    for method in ("legacy", "round-robin"):
        shards = [Sharding(3, number, method) for number in range(3)]
        for cluster in named:
            assert sum(one.looks_after(cluster, clusters, uids) for one in shards) == 1
    fixed = Cluster("https://f", "f", shard=1, secret="f")
    assert Sharding(3, 1).looks_after(fixed, clusters, uids)
    assert not Sharding(3, 2).looks_after(fixed, clusters, uids)
    assert Sharding(3, 0).looks_after(None, clusters, uids)
    skipped = Cluster("https://g", "g", annotations={"argocd.argoproj.io/skip-reconcile": "true"})
    assert not Sharding(1, 0).looks_after(skipped, clusters, uids)
    assert fnv32a("a") == 0xE40C292C
    with pytest.raises(ShardingError, match="consistent-hashing"):
        Sharding(2, 0, "consistent-hashing")
