"""The same steps as were once taken on a real Kubernetes 1.34 cluster, and the same states at every checkpoint.

`oracle_1_34.json` holds what kubectl read there, without times and uids and with `web-#` for names with a template
hash, which only Go can compute.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lab.sim.clock import parse_timestamp
from lab.sim.controllers.cronjob import CronJobController
from lab.sim.controllers.daemonset import DaemonSetController
from lab.sim.controllers.deployment import DeploymentController
from lab.sim.controllers.job import JobController
from lab.sim.controllers.replicaset import ReplicaSetController
from lab.sim.controllers.revisions import snapshot
from lab.sim.controllers.statefulset import StatefulSetController
from lab.sim.objects import thaw
from tests.sim.controllers.running import Running, running, set_spec, template
from tests.sim.controllers.test_cronjob import cron_job
from tests.sim.controllers.test_daemonset import daemon_set, node
from tests.sim.controllers.test_deployment import deployment
from tests.sim.controllers.test_job import job
from tests.sim.controllers.test_statefulset import stateful_set

Object = dict[str, Any]
ORACLE = json.loads((Path(__file__).parent / "oracle_1_34.json").read_text())
REVISION = "deployment.kubernetes.io/revision"
_NAME = re.compile(r"\bweb-[bcdfghjklmnpqrstvwxz2456789]+\b")
_TIMES = {
    "lastTransitionTime",
    "lastUpdateTime",
    "lastProbeTime",
    "startTime",
    "completionTime",
    "resourceVersion",
    "uid",
}


def plain(value: Any) -> Any:
    """Without what differs from run to run."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in _TIMES}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return _NAME.sub("web-#", value) if isinstance(value, str) else value


def seen(obj: Object) -> Any:
    metadata = obj["metadata"]
    return plain(
        {
            "generation": metadata.get("generation"),
            "annotations": metadata.get("annotations") or {},
            "status": obj["status"],
        }
    )


async def test_a_deployment_from_creation_to_pause() -> None:
    async with running(DeploymentController, ReplicaSetController) as cluster:
        found: Object = {}

        async def checkpoint(name: str) -> None:
            found[name] = {"deployment": seen(await cluster.get("deployments.apps", "web"))}
            if name != "paused":
                sets = await cluster.list("replicasets.apps")
                found[name]["sets"] = {one["metadata"]["annotations"][REVISION]: seen(one) for one in sets}

        def apply(image: str, value: str, paused: bool = False, deadline: int = 600) -> Any:
            def change(obj: Object) -> None:
                obj["spec"].update(paused=paused, progressDeadlineSeconds=deadline)
                container = obj["spec"]["template"]["spec"]["containers"][0]
                container.update(image=image, env=[{"name": "V", "value": value}])

            return change

        first = deployment(2)
        del first["metadata"]["annotations"]
        apply("pause:1", "1")(first)
        await cluster.create("deployments.apps", first)
        await checkpoint("created")
        await cluster.change("deployments.apps", "web", apply("pause:1", "2"))
        await checkpoint("updated")
        second = next(
            one["spec"]["template"]
            for one in await cluster.list("replicasets.apps")
            if one["metadata"]["annotations"][REVISION] == "2"
        )
        await cluster.change("deployments.apps", "web", apply("hold", "2", deadline=5))
        await cluster.advance(9)
        await checkpoint("stuck")

        def undo(obj: Object) -> None:
            obj["spec"]["template"] = thaw(second)
            del obj["spec"]["template"]["metadata"]["labels"]["pod-template-hash"]

        await cluster.change("deployments.apps", "web", undo)
        await cluster.advance(4)
        await checkpoint("undone")
        await cluster.change("deployments.apps", "web", apply("pause:1", "2", paused=True))
        await checkpoint("paused")
        scaling = plain(cluster.said("ScalingReplicaSet"))
    for name, state in ORACLE["deployment"].items():
        assert found[name] == state, name
    assert scaling == ORACLE["scaling"]


async def workload(cluster: Running, resource: str, name: str) -> None:
    made = await cluster.get(resource, name)
    expected = ORACLE["workloads"][f"{made['kind']}/{name}"]
    found = seen(made)
    for state in (found, expected):
        for key in ("currentRevision", "updateRevision"):
            state["status"].pop(key, None)
    assert found == expected


async def test_a_stateful_set_and_the_name_of_its_revision() -> None:
    async with running(StatefulSetController) as cluster:
        await cluster.create("statefulsets.apps", stateful_set(2))
        await workload(cluster, "statefulsets.apps", "db")
        expected = ORACLE["revision"]
        again = stateful_set(2)
        again["spec"]["template"] = {
            key: value for key, value in expected["data"]["spec"]["template"].items() if key != "$patch"
        }
        assert snapshot(again) == expected["data"]
        await cluster.delete("statefulsets.apps", "db")
        again["metadata"]["name"] = "db"
        await cluster.create("statefulsets.apps", again)
        made = await cluster.get("controllerrevisions.apps", expected["name"])
    assert made["metadata"]["labels"] == expected["labels"]
    assert (made["data"], made["revision"]) == (expected["data"], expected["revision"])


async def test_a_daemon_set() -> None:
    async with running(DaemonSetController, objects=[node("only")]) as cluster:
        await cluster.create("daemonsets.apps", daemon_set())
        await workload(cluster, "daemonsets.apps", "agent")


def named(name: str, **spec: Any) -> Object:
    made = job("waits", **spec)
    made["metadata"]["name"] = name
    labels = {"job": name}
    made["spec"]["selector"] = {"matchLabels": labels}
    made["spec"]["template"]["metadata"]["labels"] = labels
    return made


async def test_jobs_that_complete_fail_wait_and_are_suspended() -> None:
    async with running(JobController) as cluster:
        cluster.kubelet = False

        async def end(name: str, phase: str, indexes: str = "") -> None:
            for pod in await cluster.pods():
                index = (pod["metadata"].get("annotations") or {}).get("batch.kubernetes.io/job-completion-index", "")
                ours = pod["metadata"]["labels"]["job"] == name and index in indexes
                if ours and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                    await cluster.pod_status(pod["metadata"]["name"], phase=phase)
            await cluster.settle()

        await cluster.create("jobs.batch", named("completed", completions=2))
        await cluster.create("jobs.batch", named("indexed", completionMode="Indexed", completions=3, parallelism=3))
        await cluster.create("jobs.batch", named("suspended", suspend=True))
        await cluster.create("jobs.batch", named("exceeded", backoffLimit=0))
        await end("completed", "Succeeded")
        await end("completed", "Succeeded")
        await end("indexed", "Succeeded", "02")
        await end("exceeded", "Failed")
        await cluster.change("jobs.batch", "suspended", set_spec(suspend=False))
        cluster.kubelet = True
        cluster.hold = lambda pod: True
        await cluster.change("jobs.batch", "suspended", set_spec(suspend=True))
        for name in ("completed", "indexed", "suspended", "exceeded"):
            await workload(cluster, "jobs.batch", name)
        await cluster.create("jobs.batch", named("late", activeDeadlineSeconds=3, backoffLimit=6))
        await cluster.advance(6)
        await workload(cluster, "jobs.batch", "late")


async def test_a_replica_set_whose_pods_are_refused() -> None:
    labels = {"app": "refused"}
    refused = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "refused"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": template(labels, serviceAccountName="nobody"),
        },
    }
    async with running(ReplicaSetController) as cluster:
        await cluster.create("replicasets.apps", refused)
        made = seen(await cluster.get("replicasets.apps", "refused"))
    expected = ORACLE["workloads"]["ReplicaSet/refused"]
    message = expected["status"]["conditions"][0]["message"].replace("workloads2/", "shop/")
    expected["status"]["conditions"][0]["message"] = message
    assert made == expected


async def test_a_cron_job_names_its_job_after_the_minute() -> None:
    expected = ORACLE["cron"]
    async with running(CronJobController, JobController) as cluster:
        at = parse_timestamp(expected["scheduled"])
        await cluster.cluster.clock.advance(0)
        cluster.cluster.clock._now = at - 45
        tick = cron_job("* * * * *", "runs")
        tick["metadata"]["name"] = "tick"
        await cluster.create("cronjobs.batch", tick)
        await cluster.advance(50)
        status = (await cluster.get("cronjobs.batch", "tick"))["status"]
        made = await cluster.get("jobs.batch", expected["name"])
    active = plain(status["active"])
    assert active == [{**expected["active"][0], "namespace": "shop"}]
    assert made["metadata"]["annotations"] == expected["annotations"]
    assert status["lastScheduleTime"] == expected["scheduled"]
