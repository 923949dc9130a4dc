"""Jobs: success, failure with back-off, deadlines, indexes, suspension, what is left behind."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from lab.sim.controllers.completion_index import read, written
from lab.sim.controllers.job import JobController
from lab.sim.objects import evolve
from tests.sim.controllers.running import NAMESPACE, Running, condition_of, running, set_spec, template

Object = dict[str, Any]


def job(image: str = "good", pod: Object | None = None, **spec: Any) -> Object:
    labels = {"job": "once"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 6,
            "completionMode": "NonIndexed",
            "suspend": False,
            "manualSelector": True,
            "podReplacementPolicy": "TerminatingOrFailed",
            "selector": {"matchLabels": labels},
            "template": template(labels, image, **{"restartPolicy": "Never", **(pod or {})}),
            **spec,
        },
    }


async def status_of(cluster: Running) -> Object:
    return (await cluster.get("jobs.batch", "once"))["status"]


def jobs() -> Any:
    return running(JobController)


def outcomes(cluster: Running) -> Running:
    cluster.ends = {"good": 0, "bad": 1}
    return cluster


async def test_a_job_that_succeeds_says_so_and_leaves_its_pod() -> None:
    async with jobs() as cluster:
        outcomes(cluster)
        await cluster.create("jobs.batch", job())
        made = await cluster.get("jobs.batch", "once")
        pods = await cluster.pods()
    status = made["status"]
    assert {key: status[key] for key in status if key not in ("conditions", "startTime", "completionTime")} == {
        "succeeded": 1,
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }
    assert [one["type"] for one in status["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert {one["reason"] for one in status["conditions"]} == {"CompletionsReached"}
    assert {one["message"] for one in status["conditions"]} == {"Reached expected number of succeeded pods"}
    assert status["completionTime"] >= status["startTime"]
    assert len(pods) == 1
    assert not pods[0]["metadata"].get("finalizers")
    assert cluster.said("Completed") == ["Job completed"]
    assert len(cluster.said("SuccessfulCreate")) == 1


async def test_a_running_job_s_pods_carry_the_tracking_finalizer() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job("runs", parallelism=2, completions=5))
        pods = await cluster.pods()
        status = await status_of(cluster)
    assert len(pods) == 2
    assert all(pod["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"] for pod in pods)
    assert (status["active"], status["ready"], status["terminating"]) == (2, 2, 0)


async def test_completions_are_reached_with_no_more_than_parallelism_at_once() -> None:
    async with jobs() as cluster:
        outcomes(cluster)
        most = []

        def check() -> None:
            pods = cluster.cluster.rest.store.list("pods")
            most.append(sum(1 for pod in pods if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")))

        cluster.checks.append(check)
        await cluster.create("jobs.batch", job(parallelism=3, completions=7))
        assert (await status_of(cluster))["succeeded"] == 7
        assert max(most) <= 3
        assert len(await cluster.pods()) == 7


async def test_a_job_without_completions_ends_with_the_first_success() -> None:
    async with jobs() as cluster:
        spec = job("runs", parallelism=3)
        del spec["spec"]["completions"]
        await cluster.create("jobs.batch", spec)
        names = [pod["metadata"]["name"] for pod in await cluster.pods()]
        await cluster.pod_status(names[0], phase="Succeeded")
        await cluster.settle()
        assert (await status_of(cluster))["active"] == 2
        for name in names[1:]:
            await cluster.pod_status(name, phase="Succeeded")
        await cluster.settle()
        assert condition_of(await cluster.get("jobs.batch", "once"), "Complete") == ("True", "CompletionsReached")
        assert len(await cluster.pods()) == 3


async def test_failures_are_repeated_after_10_20_40_seconds_until_the_limit() -> None:
    async with jobs() as cluster:
        outcomes(cluster)
        begin = cluster.cluster.clock.now()
        await cluster.create("jobs.batch", job("bad", backoffLimit=3))
        times = []
        seen = 0
        for _ in range(200):
            now = len(await cluster.list("pods"))
            if now > seen:
                times.append(round(cluster.cluster.clock.now() - begin))
                seen = now
            await cluster.advance(1)
        made = await cluster.get("jobs.batch", "once")
    gaps = [after - before for before, after in pairwise(times)]
    assert [round(gap / 10) for gap in gaps] == [1, 2, 4]
    assert made["status"]["failed"] == 4
    assert condition_of(made, "FailureTarget") == ("True", "BackoffLimitExceeded")
    assert condition_of(made, "Failed") == ("True", "BackoffLimitExceeded")
    assert cluster.said("BackoffLimitExceeded") == ["Job has reached the specified backoff limit"]
    assert "completionTime" not in made["status"]


async def test_the_active_deadline_ends_what_still_runs() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job("runs", activeDeadlineSeconds=30, parallelism=2, completions=2))
        await cluster.advance(29)
        assert len(await cluster.pods()) == 2
        await cluster.advance(3)
        made = await cluster.get("jobs.batch", "once")
        assert condition_of(made, "Failed") == ("True", "DeadlineExceeded")
        assert made["status"]["failed"] == 2
        assert "active" not in made["status"]
        assert await cluster.list("pods") == []


async def test_a_finished_job_goes_after_its_time() -> None:
    async with jobs() as cluster:
        outcomes(cluster)
        await cluster.create("jobs.batch", job(ttlSecondsAfterFinished=60))
        await cluster.advance(58)
        assert len(await cluster.list("jobs.batch")) == 1
        await cluster.advance(5)
        left = await cluster.list("jobs.batch")
        assert not left or left[0]["metadata"]["deletionTimestamp"]


async def test_suspending_takes_the_pods_without_counting_them_as_failed() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job("runs", parallelism=2, completions=2))
        first = (await status_of(cluster))["startTime"]
        await cluster.change("jobs.batch", "once", set_spec(suspend=True))
        made = await cluster.get("jobs.batch", "once")
        assert await cluster.list("pods") == []
        assert condition_of(made, "Suspended") == ("True", "JobSuspended")
        assert "failed" not in made["status"]
        await cluster.advance(100, step=50)
        await cluster.change("jobs.batch", "once", set_spec(suspend=False))
        made = await cluster.get("jobs.batch", "once")
        assert condition_of(made, "Suspended") == ("False", "JobResumed")
        assert made["status"]["startTime"] > first
        assert len(await cluster.pods()) == 2
        assert (cluster.said("Suspended"), cluster.said("Resumed")) == (["Job suspended"], ["Job resumed"])


async def test_a_pod_that_is_deleted_counts_as_failed_and_is_replaced() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job("runs"))
        name = (await cluster.pods())[0]["metadata"]["name"]
        await cluster.delete("pods", name)
        await cluster.advance(15)
        assert (await status_of(cluster))["failed"] == 1
        assert [pod["metadata"]["name"] for pod in await cluster.pods()] != [name]
        assert len(await cluster.pods()) == 1


async def test_an_indexed_job_s_pods_know_their_index() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job("runs", completionMode="Indexed", parallelism=3, completions=5))
        pods = sorted(await cluster.pods(), key=lambda pod: pod["metadata"]["name"])
        assert [pod["spec"]["hostname"] for pod in pods] == ["once-0", "once-1", "once-2"]
        assert pods[1]["metadata"]["name"].startswith("once-1-")
        assert pods[1]["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] == "1"
        assert pods[1]["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] == "1"
        path = "metadata.labels['batch.kubernetes.io/job-completion-index']"
        variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": path}}}
        environment = pods[0]["spec"]["containers"][0]["env"]
        assert environment[0]["name"] == variable["name"]
        assert environment[0]["valueFrom"]["fieldRef"]["fieldPath"] == path
        for index in (0, 2):
            await cluster.pod_status(pods[index]["metadata"]["name"], phase="Succeeded")
        await cluster.settle()
        status = await status_of(cluster)
        assert (status["completedIndexes"], status["succeeded"]) == ("0,2", 2)
        active = {pod["spec"]["hostname"] for pod in await cluster.pods() if pod["status"]["phase"] == "Running"}
        assert active == {"once-1", "once-3", "once-4"}


async def test_limits_per_index_let_the_others_go_on() -> None:
    async with jobs() as cluster:
        outcomes(cluster)
        await cluster.create(
            "jobs.batch",
            job("runs", completionMode="Indexed", parallelism=2, completions=2, backoffLimitPerIndex=1),
        )
        for _ in range(2):
            for pod in await cluster.pods():
                if pod["spec"]["hostname"] == "once-0" and pod["status"]["phase"] == "Running":
                    await cluster.pod_status(pod["metadata"]["name"], phase="Failed")
            await cluster.advance(25)
        status = await status_of(cluster)
        assert status["failedIndexes"] == "0"
        assert status["active"] == 1
        for pod in await cluster.pods():
            if pod["spec"]["hostname"] == "once-1":
                await cluster.pod_status(pod["metadata"]["name"], phase="Succeeded")
        await cluster.settle()
        made = await cluster.get("jobs.batch", "once")
        assert made["status"]["completedIndexes"] == "1"
        assert condition_of(made, "Failed") == ("True", "FailedIndexes")


async def test_a_success_policy_ends_an_indexed_job_early() -> None:
    policy = {"rules": [{"succeededIndexes": "0"}]}
    async with jobs() as cluster:
        await cluster.create(
            "jobs.batch", job("runs", completionMode="Indexed", parallelism=2, completions=2, successPolicy=policy)
        )
        leader = next(pod for pod in await cluster.pods() if pod["spec"]["hostname"] == "once-0")
        await cluster.pod_status(leader["metadata"]["name"], phase="Succeeded")
        await cluster.settle()
        made = await cluster.get("jobs.batch", "once")
        assert condition_of(made, "Complete") == ("True", "SuccessPolicy")
        assert made["status"]["conditions"][0]["message"] == "Matched rules at index 0"
        assert len(await cluster.pods()) == 1


RULES = [
    ({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}, "PodFailurePolicy", 1),
    ({"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [1]}}, "BackoffLimitExceeded", 1),
    ({"action": "Count", "onExitCodes": {"operator": "In", "values": [1]}}, "BackoffLimitExceeded", 1),
    ({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [1]}}, "", 0),
]


@pytest.mark.parametrize(("rule", "reason", "failed"), RULES)
async def test_a_pod_failure_policy_says_what_an_exit_code_means(rule: Object, reason: str, failed: int) -> None:
    async with jobs() as cluster:
        outcomes(cluster)
        policy = {"podFailurePolicy": {"rules": [rule]}, "podReplacementPolicy": "Failed"}
        await cluster.create("jobs.batch", job("bad", backoffLimit=0, **policy))
        made = await cluster.get("jobs.batch", "once")
        assert condition_of(made, "Failed")[1] == reason
        assert made["status"].get("failed", 0) == failed
        if reason == "PodFailurePolicy":
            name = (await cluster.list("pods"))[0]["metadata"]["name"]
            message = next(one["message"] for one in made["status"]["conditions"] if one["type"] == "Failed")
            assert message == (
                f"Container main for pod {NAMESPACE}/{name} failed with exit code 1 matching FailJob rule at index 0"
            )


async def test_restarts_count_with_restart_policy_on_failure() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job("runs", {"restartPolicy": "OnFailure"}, backoffLimit=2))
        name = (await cluster.pods())[0]["metadata"]["name"]
        await cluster.pod_status(name, containerStatuses=[{"name": "main", "restartCount": 2, "state": {}}])
        await cluster.settle()
        made = await cluster.get("jobs.batch", "once")
        assert condition_of(made, "Failed") == ("True", "BackoffLimitExceeded")


async def test_parallelism_may_change_while_a_job_runs() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job("runs", parallelism=4, completions=10))
        await cluster.change("jobs.batch", "once", set_spec(parallelism=1))
        assert len(await cluster.pods()) == 1
        assert "failed" not in await status_of(cluster)
        await cluster.change("jobs.batch", "once", set_spec(parallelism=6))
        assert len(await cluster.pods()) == 6


async def test_pods_of_a_job_that_is_gone_lose_their_finalizer() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job("runs"))
        await cluster.delete("jobs.batch", "once")
        pods = await cluster.list("pods")
        assert all(not pod["metadata"].get("finalizers") for pod in pods)


async def test_a_pod_noted_but_not_yet_counted_is_counted_once() -> None:
    async with jobs() as cluster:
        cluster.kubelet = False
        await cluster.create("jobs.batch", job("runs", completions=3))
        made, pod = await cluster.get("jobs.batch", "once"), (await cluster.pods())[0]
        noted = {"succeeded": [pod["metadata"]["uid"]]}
        await cluster.client.status(
            "jobs.batch", evolve(made, status={**made["status"], "uncountedTerminatedPods": noted})
        )
        await cluster.pod_status(pod["metadata"]["name"], phase="Succeeded")
        await cluster.settle()
        status = await status_of(cluster)
        assert (status["succeeded"], status["uncountedTerminatedPods"], status["active"]) == (1, {}, 1)


async def test_jobs_of_another_controller_are_left_alone() -> None:
    async with jobs() as cluster:
        await cluster.create("jobs.batch", job(managedBy="example.com/queue"))
        assert await cluster.list("pods") == []


@pytest.mark.parametrize(
    ("indexes", "text"),
    [([], ""), ([0], "0"), ([0, 1], "0,1"), ([0, 1, 2], "0-2"), ([9, 1, 3, 4, 5, 7], "1,3-5,7,9")],
)
def test_indexes_are_written_and_read(indexes: list[int], text: str) -> None:
    assert written(indexes) == text
    assert read(text, 100) == set(indexes)
    assert read(text, 4) == {index for index in indexes if index < 4}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mode", ["NonIndexed", "Indexed"])
async def test_whatever_happens_to_its_pods_a_job_counts_each_once(mode: str, seed: int) -> None:
    chance = random.Random(seed)
    async with jobs() as cluster:
        spec = job("runs", completionMode=mode, parallelism=3, completions=12, backoffLimit=1000)
        await cluster.create("jobs.batch", spec)
        good: set[str] = set()
        bad: set[str] = set()
        for _ in range(400):
            running_pods = [pod for pod in await cluster.pods() if pod["status"]["phase"] in ("Pending", "Running")]
            kind = chance.choice(["succeed", "fail", "fail", "kill", "restart", "time", "settle"])
            pod = chance.choice(running_pods) if running_pods else None
            if kind in ("succeed", "fail") and pod is not None:
                phase = "Succeeded" if kind == "succeed" else "Failed"
                (good if kind == "succeed" else bad).add(pod["metadata"]["uid"])
                await cluster.pod_status(pod["metadata"]["name"], phase=phase, conditions=[])
            elif kind == "kill" and pod is not None:
                await cluster.delete("pods", pod["metadata"]["name"], False)
                bad.add(pod["metadata"]["uid"])
            elif kind == "restart":
                await cluster.stop()
                cluster.start()
            elif kind == "time":
                await cluster.advance(600, step=200)
            else:
                await cluster.settle()
        for _ in range(30):
            await cluster.advance(700, step=350)
            for pod in await cluster.pods():
                if pod["status"]["phase"] == "Running":
                    good.add(pod["metadata"]["uid"])
                    await cluster.pod_status(pod["metadata"]["name"], phase="Succeeded", conditions=[])
        made = await cluster.get("jobs.batch", "once")
        assert condition_of(made, "Complete") == ("True", "CompletionsReached")
        assert made["status"]["succeeded"] == 12 == len(good)
        assert made["status"].get("failed", 0) == len(bad)
        assert made["status"]["uncountedTerminatedPods"] == {}
        assert not any(pod["metadata"].get("finalizers") for pod in await cluster.list("pods"))
