"""Programs that run inside the process while a simulated pod runs."""

from __future__ import annotations

import asyncio
import base64

import pytest

from lab.sim.clock import ManualClock, settle
from lab.sim.logs import LINES, Logs
from lab.sim.programs import Process, Programs
from tests.sim.controllers.cluster_running import NODE, config_map, container, pod, ready, running, state


class Recorder:
    """A program that notes when it is started and stopped."""

    def __init__(self) -> None:
        self.started: list[Process] = []
        self.stopped = 0

    async def __call__(self, process: Process) -> None:
        self.started.append(process)
        process.log("at work")
        try:
            await process.clock.sleep(1e9)
        finally:
            self.stopped += 1


def _agent(**fields: object) -> dict:
    return container("main", "agent:1", command=["/usr/local/bin/agent"], **fields)


async def test_a_program_runs_while_its_pod_does():
    async with running() as lab:
        program = Recorder()
        lab.programs.register("agent", program)
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "default"}}
        data = {"token": base64.b64encode(b"hidden").decode()}
        await lab.create("secrets", {**secret, "type": "Opaque", "data": data})
        await lab.create("configmaps", config_map("settings", LEVEL="debug"))
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "default"}}
        await lab.create("serviceaccounts", account)
        env = [
            {"name": "NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
            {"name": "WHO", "value": "$(NAME)-$$(NAME)"},
        ]
        one = _agent(args=["--name", "$(NAME)"], env=env, envFrom=[{"configMapRef": {"name": "settings"}}])
        await lab.create("pods", pod(containers=[one], serviceAccountName="robot"))
        (process,) = program.started
        assert process.argv == ("/usr/local/bin/agent", "--name", "web")
        assert process.env == {"LEVEL": "debug", "NAME": "web", "TOKEN": "hidden", "WHO": "web-$(NAME)"}
        assert (process.namespace, process.pod, process.container) == ("default", "web", "main")
        assert (await process.client.get("pods", "default", "web"))["metadata"]["name"] == "web"
        assert [text for _, text in lab.logs.lines("default", "web", "main")] == ["at work"]
        await lab.delete("pods", "web")
        assert program.stopped == 1
        assert await lab.find("pods", "web") is None


async def test_a_program_starts_only_when_its_pod_is_ready():
    async with running() as lab:
        program = Recorder()
        lab.programs.register("agent", program)
        probe = {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 10}
        await lab.create("pods", pod(containers=[_agent(readinessProbe=probe)]))
        await lab.advance(9)
        assert program.started == []
        await lab.advance(1)
        assert len(program.started) == 1


async def test_a_program_that_raises_ends_its_container_which_is_restarted_with_back_off():
    async with running() as lab:

        async def broken(process: Process) -> None:
            await process.clock.sleep(5)
            raise RuntimeError("no such luck")

        lab.programs.register("agent", broken)
        await lab.create("pods", pod(containers=[_agent()]))
        await lab.advance(5)
        found = await lab.get("pods", "web")
        assert (state(found), found["status"]["containerStatuses"][0]["restartCount"]) == ("running", 1)
        lines = [text for _, text in lab.logs.lines("default", "web", "main", previous=True)]
        assert lines[-1] == "RuntimeError: no such luck"
        await lab.advance(5)
        found = await lab.get("pods", "web")
        assert state(found) == "CrashLoopBackOff"
        ended = found["status"]["containerStatuses"][0]["lastState"]["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (1, "Error")
        await lab.advance(10)
        assert state(await lab.get("pods", "web")) == "running"


async def test_a_program_that_returns_completes_a_pod_that_is_not_restarted():
    async with running() as lab:

        async def short(process: Process) -> None:
            process.log("done")

        lab.programs.register("agent", short)
        await lab.create("pods", pod(restartPolicy="Never", containers=[_agent()]))
        found = await lab.get("pods", "web")
        assert (found["status"]["phase"], state(found)) == ("Succeeded", "Completed")


async def test_a_killed_container_takes_its_program_along():
    async with running() as lab:
        program = Recorder()
        lab.programs.register("agent", program)
        await lab.create("pods", pod(containers=[_agent()], fault="failing-liveness;after=30"))
        await lab.advance(50)
        assert (len(program.started), program.stopped) == (2, 1)


async def test_a_stopped_node_stops_programs_and_they_come_back_with_it():
    async with running() as lab:
        program = Recorder()
        lab.programs.register("agent", program)
        await lab.create("pods", pod(containers=[_agent()]))
        await lab.change("nodes", NODE, "", metadata={"annotations": {"sim.gitops-lab.io/fault": "stopped"}})
        assert (len(program.started), program.stopped) == (1, 1)
        await lab.advance(60)
        assert not ready(await lab.get("pods", "web"))
        await lab.change("nodes", NODE, "", metadata={"annotations": {}})
        assert (len(program.started), program.stopped) == (2, 1)
        assert ready(await lab.get("pods", "web"))


async def test_programs_end_with_the_controllers():
    program = Recorder()
    async with running() as lab:
        lab.programs.register("agent", program)
        await lab.create("pods", pod(containers=[_agent()]))
    assert program.stopped == 1


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["agent"], True),
        (["/usr/bin/agent", "--flag"], True),
        (["/usr/bin/tini", "--", "agent"], True),
        (["entrypoint.sh", "agent"], True),
        (["server", "agent"], False),
        (["agent2"], False),
        ([], False),
    ],
)
def test_which_command_lines_name_a_program(argv: list[str], found: bool):
    programs = Programs()
    programs.register("agent", Recorder())
    assert (programs.find(argv) is not None) is found


async def test_followers_get_every_line_once_and_end_with_the_run():
    logs = Logs(ManualClock())
    logs.begin("default", "web", "main")
    logs.write("default", "web", "main", "one\ntwo")
    seen: list[str] = []

    async def follow() -> None:
        async for _, text in logs.follow("default", "web", "main"):
            seen.append(text)

    task = asyncio.create_task(follow())
    await settle()
    assert seen == ["one", "two"]
    logs.write("default", "web", "main", "three")
    await settle()
    assert seen == ["one", "two", "three"]
    logs.begin("default", "web", "main")
    await settle()
    assert task.done()
    assert logs.lines("default", "web", "main") == []
    assert [text for _, text in logs.lines("default", "web", "main", previous=True)] == ["one", "two", "three"]


def test_logs_are_bounded():
    logs = Logs(ManualClock())
    for number in range(LINES + 10):
        logs.write("default", "web", "main", f"line {number}")
    lines = logs.lines("default", "web", "main")
    assert (len(lines), lines[0][1]) == (LINES, "line 10")
    logs.write("default", "web", "main", "x" * 40_000)
    assert [len(text) for _, text in logs.lines("default", "web", "main")[-3:]] == [16_384, 16_384, 7_232]
