"""The life of a healthy pod on a simulated node."""

from __future__ import annotations

import pytest

from lab.sim.controllers.timing import REALISTIC
from tests.sim.controllers.cluster_running import NODE, Running, config_map, container, pod, ready, running, state


def _conditions(found: dict) -> dict[str, str]:
    return {one["type"]: one["status"] for one in found["status"]["conditions"]}


async def test_a_pod_is_bound_and_runs_at_once_in_the_instant_profile():
    async with running() as lab:
        await lab.create("pods", pod())
        found = await lab.get("pods", "web")
        status = found["status"]
        assert found["spec"]["nodeName"] == NODE
        assert found["metadata"]["annotations"] == {"gitops-lab.io/simulated": "true"}
        assert status["phase"] == "Running"
        assert _conditions(found) == dict.fromkeys(
            ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
        )
        assert status["hostIP"] == "172.18.0.2"
        assert status["podIPs"] == [{"ip": status["podIP"]}]
        assert status["podIP"].startswith("10.244.0.")
        one = status["containerStatuses"][0]
        assert (one["ready"], one["started"], one["restartCount"]) == (True, True, 0)
        assert one["image"] == "docker.io/library/nginx:1.27"
        assert one["containerID"].startswith("simulated://")
        assert one["imageID"].startswith("simulated://sha256:")
        assert lab.events("web") == [
            ("Scheduled", f"Successfully assigned default/web to {NODE}"),
            ("Pulling", 'Pulling image "nginx:1.27"'),
            (
                "Pulled",
                'Successfully pulled image "nginx:1.27" in 0s (0s including waiting). Image size: 0 bytes.',
            ),
            ("Created", "Created container: main"),
            ("Started", "Started container main"),
        ]


async def test_a_pod_that_names_its_node_runs_and_is_marked_too():
    async with running() as lab:
        await lab.create("pods", pod(nodeName=NODE))
        found = await lab.get("pods", "web")
        assert ready(found)
        assert found["metadata"]["annotations"] == {"gitops-lab.io/simulated": "true"}
        assert "Scheduled" not in lab.reasons("web")


async def test_the_second_pod_finds_the_image_on_the_node():
    async with running() as lab:
        await lab.create("pods", pod("one"))
        await lab.create("pods", pod("two"))
        assert ("Pulled", 'Container image "nginx:1.27" already present on machine') in lab.events("two")
        addresses = {(await lab.get("pods", name))["status"]["podIP"] for name in ("one", "two")}
        assert len(addresses) == 2


async def test_the_realistic_profile_passes_through_container_creating():
    async with running(REALISTIC) as lab:
        await lab.create("pods", pod())
        found = await lab.get("pods", "web")
        assert (found["status"]["phase"], state(found)) == ("Pending", "ContainerCreating")
        assert _conditions(found)["PodReadyToStartContainers"] == "False"
        await lab.advance(0.5)
        found = await lab.get("pods", "web")
        assert _conditions(found)["PodReadyToStartContainers"] == "True"
        assert state(found) == "ContainerCreating"
        await lab.advance(1.5)
        found = await lab.get("pods", "web")
        assert (found["status"]["phase"], state(found), ready(found)) == ("Running", "running", True)


async def test_init_containers_come_one_after_the_other_and_a_sidecar_stays():
    async with running(REALISTIC) as lab:
        inits = [container("first"), {**container("side"), "restartPolicy": "Always"}, container("second")]
        await lab.create("pods", pod(initContainers=inits))
        await lab.advance(2)
        found = await lab.get("pods", "web")
        first, side, second = found["status"]["initContainerStatuses"]
        assert "running" in first["state"]
        assert side["state"]["waiting"]["reason"] == second["state"]["waiting"]["reason"] == "PodInitializing"
        condition = next(one for one in found["status"]["conditions"] if one["type"] == "Initialized")
        assert condition["reason"] == "ContainersNotInitialized"
        assert condition["message"] == "containers with incomplete status: [first side second]"
        assert found["status"]["phase"] == "Pending"
        await lab.advance(10)
        found = await lab.get("pods", "web")
        first, side, second = found["status"]["initContainerStatuses"]
        assert first["state"]["terminated"]["reason"] == second["state"]["terminated"]["reason"] == "Completed"
        assert "running" in side["state"]
        assert ready(found)
        started = [message for reason, message in lab.events("web") if reason == "Started"]
        assert started == [f"Started container {name}" for name in ("first", "side", "second", "main")]


async def test_probes_count_by_the_clock():
    async with running() as lab:
        probe = {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 5, "periodSeconds": 3}
        startup = {"tcpSocket": {"port": 80}, "initialDelaySeconds": 7, "periodSeconds": 2}
        one = container("main", readinessProbe={**probe, "successThreshold": 2}, startupProbe=startup)
        await lab.create("pods", pod(containers=[one]))
        seen = []
        for _ in range(16):
            found = (await lab.get("pods", "web"))["status"]["containerStatuses"][0]
            seen.append((found["started"], found["ready"]))
            await lab.advance(1)
        # Started by the first startup probe at 7 s; readiness at 8 s and, for the threshold of 2, at 11 s.
        assert seen == [(False, False)] * 7 + [(True, False)] * 4 + [(True, True)] * 5


@pytest.mark.parametrize(
    ("policy", "command", "phase", "reason"),
    [
        ("Never", ["sh", "-c", "echo hello; sleep 20; exit 3"], "Failed", "Error"),
        ("Never", ["sh", "-c", "echo hello && sleep 20"], "Succeeded", "Completed"),
        ("OnFailure", ["sleep", "20"], "Succeeded", "Completed"),
        ("Never", ["/bin/migrate"], "Succeeded", "Completed"),
    ],
)
async def test_commands_that_end(policy: str, command: list[str], phase: str, reason: str):
    async with running(REALISTIC) as lab:
        await lab.create("pods", pod(restartPolicy=policy, containers=[container("main", command=command)]))
        await lab.advance(2)
        assert (await lab.get("pods", "web"))["status"]["phase"] == "Running"
        await lab.advance(25)
        found = await lab.get("pods", "web")
        assert (found["status"]["phase"], state(found)) == (phase, reason)
        conditions = {one["type"]: one for one in found["status"]["conditions"]}
        assert conditions["Ready"]["reason"] == ("PodCompleted" if phase == "Succeeded" else "PodFailed")


async def test_a_jobs_pod_completes_and_a_server_that_is_not_restarted_runs_on():
    async with running() as lab:
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "u", "controller": True}
        job = await lab.client.create("jobs.batch", _job())
        made = pod("task", restartPolicy="Never")
        made["metadata"]["ownerReferences"] = [{**owner, "uid": job["metadata"]["uid"]}]
        await lab.create("pods", made)
        await lab.create("pods", pod("server", restartPolicy="Never"))
        assert (await lab.get("pods", "task"))["status"]["phase"] == "Succeeded"
        assert (await lab.get("pods", "server"))["status"]["phase"] == "Running"


def _job() -> dict:
    template = {"metadata": {"labels": {"job-name": "job"}}, "spec": pod()["spec"] | {"restartPolicy": "Never"}}
    spec = {"template": template, "suspend": False, "parallelism": 1, "completions": 1, "backoffLimit": 6}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job", "namespace": "default"}, "spec": spec}


async def test_deletion_is_graceful_and_leaves_a_terminal_status_behind():
    async with running(REALISTIC) as lab:
        await lab.create("pods", pod())
        await lab.advance(3)
        await lab.delete("pods", "web")
        found = await lab.get("pods", "web")
        assert found["metadata"]["deletionGracePeriodSeconds"] == 30
        assert lab.events("web")[-1] == ("Killing", "Stopping container main")
        last = {}
        subscription = lab.cluster.rest.store.subscribe("pods")
        await lab.advance(1)
        for change in subscription.take():
            last = change.object
        assert await lab.find("pods", "web") is None
        assert (last["status"]["phase"], state(last)) == ("Succeeded", "Completed")


async def test_a_container_that_ignores_sigterm_is_killed_when_the_grace_period_is_over():
    async with running(REALISTIC) as lab:
        await lab.create("pods", pod(fault="ignores-stop", terminationGracePeriodSeconds=20))
        await lab.advance(3)
        await lab.delete("pods", "web")
        await lab.advance(19)
        assert await lab.find("pods", "web") is not None
        await lab.advance(1)
        assert await lab.find("pods", "web") is None


async def test_a_pod_deleted_before_its_containers_began_is_removed():
    async with running(REALISTIC) as lab:
        await lab.create("pods", pod())
        await lab.delete("pods", "web")
        assert await lab.find("pods", "web") is None


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"envFrom": [{"configMapRef": {"name": "settings"}}]}, 'configmap "settings" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}}]},
            'secret "keys" not found',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "there", "key": "b"}}}]},
            "couldn't find key b in ConfigMap default/there",
        ),
    ],
)
async def test_what_the_environment_needs_and_is_not_there(source: dict, reason: str):
    async with running() as lab:
        await lab.create("configmaps", config_map("there", a="1"))
        await lab.create("pods", pod(containers=[container("main", **source)]))
        found = await lab.get("pods", "web")
        waiting = found["status"]["containerStatuses"][0]["state"]["waiting"]
        assert waiting == {"reason": "CreateContainerConfigError", "message": reason}
        assert ("Failed", f"Error: {reason}") in lab.events("web")


async def test_a_missing_config_map_that_comes_lets_the_pod_start():
    async with running() as lab:
        one = container("main", envFrom=[{"configMapRef": {"name": "settings"}}])
        await lab.create("pods", pod(containers=[one]))
        assert state(await lab.get("pods", "web")) == "CreateContainerConfigError"
        await lab.create("configmaps", config_map("settings", a="1"))
        assert ready(await lab.get("pods", "web"))


async def test_a_volume_that_cannot_be_mounted_keeps_the_pod_creating():
    async with running() as lab:
        volumes = [{"name": "files", "configMap": {"name": "files", "defaultMode": 420}}]
        await lab.create("pods", pod(volumes=volumes))
        found = await lab.get("pods", "web")
        assert state(found) == "ContainerCreating"
        text = 'MountVolume.SetUp failed for volume "files" : configmap "files" not found'
        assert ("FailedMount", text) in lab.events("web")
        await lab.create("configmaps", config_map("files", a="1"))
        assert ready(await lab.get("pods", "web"))


async def test_a_deadline_ends_the_pod():
    async with running() as lab:
        await lab.create("pods", pod(activeDeadlineSeconds=60))
        await lab.advance(59)
        assert (await lab.get("pods", "web"))["status"]["phase"] == "Running"
        await lab.advance(1)
        status = (await lab.get("pods", "web"))["status"]
        assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


async def test_readiness_gates_of_others_are_waited_for_and_kept():
    async with running() as lab:
        gate = {"conditionType": "lab/ok"}
        await lab.create("pods", pod(readinessGates=[gate]))
        found = await lab.get("pods", "web")
        condition = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
        assert condition["reason"] == "ReadinessGatesNotReady"
        status = {**found["status"]}
        status["conditions"] = [*status["conditions"], {"type": "lab/ok", "status": "True"}]
        await lab.client.status("pods", {**found, "status": status})
        await lab.settle()
        assert ready(await lab.get("pods", "web"))


async def test_an_idle_cluster_sets_no_timers_and_writes_nothing():
    async with running() as lab:
        for number in range(5):
            await lab.create("pods", pod(f"web-{number}"))
        before = lab.cluster.rest.store.revision
        pending = [timer for timer in lab.clock._timers if timer[2].call is not None]
        assert pending == []
        await lab.advance(3600)
        assert lab.cluster.rest.store.revision == before


async def test_a_restarted_simulator_carries_on_where_it_was():
    async with running() as lab:
        await lab.create("pods", pod("fine"))
        await lab.create("pods", pod("bad", fault="crash"))
        await lab.advance(35)
        before = {name: await lab.get("pods", name) for name in ("fine", "bad")}
        cluster = lab.cluster
    async with running(cluster=cluster) as again:
        assert await again.get("pods", "fine") == before["fine"]
        bad = await again.get("pods", "bad")
        assert state(bad) == "CrashLoopBackOff"
        restarts = bad["status"]["containerStatuses"][0]["restartCount"]
        assert restarts == before["bad"]["status"]["containerStatuses"][0]["restartCount"]
        await again.advance(40)
        assert (await again.get("pods", "bad"))["status"]["containerStatuses"][0]["restartCount"] == restarts + 1


async def _crowd(lab: Running, count: int) -> set[str]:
    for number in range(count):
        await lab.client.create("pods", pod(f"pod-{number}"))
    await lab.settle()
    return {one["status"]["podIP"] for one in await lab.list("pods") if one["status"].get("podIP")}


async def test_addresses_are_unique_and_used_again_only_when_free():
    async with running() as lab:
        addresses = await _crowd(lab, 20)
        assert len(addresses) == 20
        for number in range(10):
            await lab.delete("pods", f"pod-{number}")
        again = {one["status"]["podIP"] for one in await lab.list("pods")}
        await lab.create("pods", pod("late"))
        assert (await lab.get("pods", "late"))["status"]["podIP"] not in again


async def test_logs_of_a_simulated_container_say_so():
    async with running() as lab:
        made = pod()
        await lab.create("pods", made)
        lines = [text for _, text in lab.logs.lines("default", "web", "main")]
        assert lines == ["simulated container: image nginx:1.27, nothing runs here"]
        told = pod("told")
        told["metadata"]["annotations"] = {"sim.gitops-lab.io/logs": "one\nmain: two\n"}
        await lab.create("pods", told)
        assert [text for _, text in lab.logs.lines("default", "told", "main")] == ["one", "two"]
        await lab.delete("pods", "web")
        with pytest.raises(KeyError):
            lab.logs.lines("default", "web", "main")
