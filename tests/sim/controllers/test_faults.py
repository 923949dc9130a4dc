"""Faults: what `kubectl get pods` shows at each point of time."""

from __future__ import annotations

import pytest

from lab.sim.controllers import faults
from lab.sim.controllers.timing import REALISTIC
from tests.sim.controllers.cluster_running import container, pod, ready, running, state


async def _restarts(lab, name: str = "web") -> int:
    return int((await lab.get("pods", name))["status"]["containerStatuses"][0]["restartCount"])


@pytest.mark.parametrize(
    ("image", "fault", "shown", "is_ready"),
    [
        ("nginx:crash", "", "CrashLoopBackOff", False),
        ("nginx:1", "crash", "CrashLoopBackOff", False),
        ("nginx:1", "crash;code=3", "CrashLoopBackOff", False),
        ("nginx:1", "crash;container=other", "running", True),
        ("nginx:oom", "", "CrashLoopBackOff", False),
        ("nginx:1", "oom", "CrashLoopBackOff", False),
        ("nginx:notfound", "", "ImagePullBackOff", False),
        ("nginx:1", "image-not-found", "ImagePullBackOff", False),
        ("registry.example:5000/team/app:notfound", "", "ImagePullBackOff", False),
        ("nginx:slow", "", "running", False),
        ("nginx:1", "slow-start;seconds=5", "running", False),
        ("nginx:slowpull", "", "ContainerCreating", False),
        ("nginx:unready", "", "running", False),
        ("nginx:1", "failing-readiness", "running", False),
        ("nginx:unhealthy", "", "running", True),
        ("nginx:badcommand", "", "CrashLoopBackOff", False),
        ("nginx:stubborn", "", "running", True),
        ("nginx:fail", "", "running", True),
        ("Nginx:1", "", "InvalidImageName", False),
        ("nginx::1", "", "InvalidImageName", False),
        ("nginx:1", "no-such-fault", "running", True),
    ],
)
async def test_what_a_pod_with_a_fault_shows(image: str, fault: str, shown: str, is_ready: bool):
    async with running() as lab:
        await lab.create("pods", pod(image=image, fault=fault))
        found = await lab.get("pods", "web")
        assert (state(found), ready(found)) == (shown, is_ready)


async def test_a_crash_loop_over_ten_minutes():
    async with running() as lab:
        await lab.create("pods", pod(fault="crash"))
        # Restarts: at once, then 10, 20, 40, 80, 160 and 300 s after the exit before.
        expected = {0: 1, 9: 1, 10: 2, 29: 2, 30: 3, 69: 3, 70: 4, 149: 4, 150: 5, 309: 5, 310: 6, 609: 6, 610: 7}
        now, seen = 0, {}
        for at in expected:
            await lab.advance(at - now)
            now = at
            seen[at] = await _restarts(lab)
        assert seen == expected
        found = await lab.get("pods", "web")
        uid = found["metadata"]["uid"]
        one = found["status"]["containerStatuses"][0]
        assert one["state"]["waiting"] == {
            "reason": "CrashLoopBackOff",
            "message": f"back-off 5m0s restarting failed container=main pod=web_default({uid})",
        }
        assert one["lastState"]["terminated"]["exitCode"] == 1
        assert one["lastState"]["terminated"]["reason"] == "Error"
        assert found["status"]["phase"] == "Running"
        said = [message for reason, message in lab.events("web") if reason == "BackOff"]
        assert set(said) == {f"Back-off restarting failed container main in pod web_default({uid})"}
        assert len(said) == 7


async def test_a_crash_shows_error_first_where_time_passes():
    async with running(REALISTIC) as lab:
        await lab.create("pods", pod(fault="crash;after=5"))
        seen = []
        for _ in range(20):
            await lab.advance(1)
            found = await lab.get("pods", "web")
            shown = (state(found), found["status"]["containerStatuses"][0]["restartCount"])
            if not seen or seen[-1] != shown:
                seen.append(shown)
        assert seen == [
            ("ContainerCreating", 0),
            ("running", 0),
            ("Error", 0),
            ("running", 1),
            ("Error", 1),
            ("CrashLoopBackOff", 1),
        ]


async def test_a_container_that_lived_long_is_forgiven():
    async with running() as lab:
        await lab.create("pods", pod(fault="crash;after=700"))
        await lab.advance(700)
        assert (await _restarts(lab), state(await lab.get("pods", "web"))) == (1, "running")
        await lab.advance(700)
        assert (await _restarts(lab), state(await lab.get("pods", "web"))) == (2, "running")


async def test_out_of_memory():
    async with running() as lab:
        await lab.create("pods", pod(fault="oom;after=3"))
        await lab.advance(3)
        ended = (await lab.get("pods", "web"))["status"]["containerStatuses"][0]["lastState"]["terminated"]
        assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


async def test_an_image_that_is_not_there_is_pulled_again_and_again():
    async with running(REALISTIC) as lab:
        await lab.create("pods", pod(image="shop/web:notfound"))
        shown = []
        for _ in range(36):
            await lab.advance(1)
            now = state(await lab.get("pods", "web"))
            if not shown or shown[-1] != now:
                shown.append(now)
        assert shown == [
            "ContainerCreating",
            "ErrImagePull",
            "ImagePullBackOff",
            "ErrImagePull",
            "ImagePullBackOff",
            "ErrImagePull",
            "ImagePullBackOff",
        ]
        waiting = (await lab.get("pods", "web"))["status"]["containerStatuses"][0]
        assert waiting["imageID"] == ""
        name = "docker.io/shop/web:notfound"
        error = (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{name}": '
            f'failed to resolve reference "{name}": {name}: not found'
        )
        events = lab.events("web")
        assert ("Failed", f'Failed to pull image "shop/web:notfound": {error}') in events
        assert ("Failed", "Error: ErrImagePull") in events
        assert ("BackOff", 'Back-off pulling image "shop/web:notfound"') in events
        assert ("Failed", "Error: ImagePullBackOff") in events


async def test_the_back_off_of_pulls_doubles_up_to_five_minutes():
    async with running() as lab:
        start = lab.clock.now()
        times = []
        await lab.create("pods", pod(image="web:notfound"))
        for _ in range(130):
            pulls = lab.reasons("web").count("Pulling")
            while len(times) < pulls:
                times.append(lab.clock.now() - start)
            await lab.advance(10)
        assert times == [0, 10, 30, 70, 150, 310, 610, 910, 1210]


async def test_a_reference_that_cannot_be_parsed():
    async with running() as lab:
        await lab.create("pods", pod(image="Foo::bar"))
        waiting = (await lab.get("pods", "web"))["status"]["containerStatuses"][0]["state"]["waiting"]
        text = (
            'Failed to apply default image tag "Foo::bar": couldn\'t parse image name "Foo::bar": invalid reference '
            "format: repository name (library/Foo) must be lowercase"
        )
        assert waiting == {"reason": "InvalidImageName", "message": text}
        assert lab.events("web")[1:] == [("InspectFailed", text), ("Failed", "Error: InvalidImageName")]


async def test_slow_start_becomes_ready_when_the_probe_first_passes():
    async with running() as lab:
        probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 4}
        one = container("main", readinessProbe=probe)
        await lab.create("pods", pod(fault="slow-start;seconds=10", containers=[one]))
        await lab.advance(11)
        assert not ready(await lab.get("pods", "web"))
        await lab.advance(1)
        assert ready(await lab.get("pods", "web"))
        told = [message for reason, message in lab.events("web") if reason == "Unhealthy"]
        assert told == ["Readiness probe failed: HTTP probe failed with statuscode: 503"] * 3


async def test_a_slow_start_is_killed_by_an_impatient_liveness_probe():
    async with running() as lab:
        probe = {"tcpSocket": {"port": 80}, "periodSeconds": 2, "failureThreshold": 3}
        one = container("main", livenessProbe=probe)
        await lab.create("pods", pod(fault="slow-start;seconds=60", containers=[one]))
        await lab.advance(4)
        assert ("Killing", "Container main failed liveness probe, will be restarted") in lab.events("web")
        # The first kill does not count towards the back-off, the second restarts at once, the third waits 10 s.
        assert (await _restarts(lab), state(await lab.get("pods", "web"))) == (1, "running")
        await lab.advance(8)
        assert await _restarts(lab) == 2
        assert state(await lab.get("pods", "web")) == "CrashLoopBackOff"


async def test_readiness_can_fail_for_a_while():
    async with running() as lab:
        await lab.create("pods", pod(fault="failing-readiness;after=20;for=30"))
        seen = []
        for _ in range(8):
            seen.append(ready(await lab.get("pods", "web")))
            await lab.advance(10)
        # Three failures in a row, at 20, 30 and 40 s, make it unready; one success, at 50 s, ready again.
        assert seen == [True, True, True, True, False, True, True, True]
        assert lab.reasons("web").count("Unhealthy") == 3


async def test_failures_that_go_on_are_told_25_times_and_then_seldom():
    async with running() as lab:
        await lab.create("pods", pod(fault="failing-readiness"))
        await lab.advance(240)
        assert lab.reasons("web").count("Unhealthy") == 25
        await lab.advance(3600)
        assert 34 <= lab.reasons("web").count("Unhealthy") <= 38


async def test_a_bad_command():
    async with running(REALISTIC) as lab:
        await lab.create("pods", pod(fault="bad-command", containers=[container("main", command=["/serve"])]))
        await lab.advance(1.7)
        found = await lab.get("pods", "web")
        one = found["status"]["containerStatuses"][0]
        assert one["state"]["waiting"]["reason"] == "RunContainerError"
        assert one["lastState"]["terminated"]["reason"] == "StartError"
        assert one["lastState"]["terminated"]["exitCode"] == 128


async def test_a_fault_that_cannot_be_read_is_told():
    async with running() as lab:
        await lab.create("pods", pod(fault="crash;when=never"))
        told = [message for reason, message in lab.events("web") if reason == "BadFault"]
        assert told == ['fault "crash" does not take "when=never"; it takes after, code, container']


async def test_never_restarted_pods_fail_for_good():
    async with running() as lab:
        await lab.create("pods", pod(fault="crash;code=7", restartPolicy="Never"))
        found = await lab.get("pods", "web")
        assert found["status"]["phase"] == "Failed"
        assert found["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7


async def test_an_init_container_that_fails_keeps_the_pod_pending():
    async with running() as lab:
        await lab.create("pods", pod(initContainers=[container("prepare", "tool:crash")]))
        found = await lab.get("pods", "web")
        waiting = found["status"]["initContainerStatuses"][0]["state"]["waiting"]
        assert (found["status"]["phase"], waiting["reason"]) == ("Pending", "CrashLoopBackOff")
        assert state(found) == "PodInitializing"
        await lab.create(
            "pods", pod("once", restartPolicy="Never", initContainers=[container("prepare", "tool:crash")])
        )
        assert (await lab.get("pods", "once"))["status"]["phase"] == "Failed"


def test_the_table_is_complete():
    names = [kind.name for kind in faults.TABLE]
    tags = [tag for kind in faults.TABLE for tag in kind.tags]
    assert len(names) == len(set(names))
    assert len(tags) == len(set(tags))
    for kind in faults.TABLE:
        assert kind.shows
        assert kind.does.endswith(".")
        assert faults.parse(";".join([kind.name, *(f"{key}=1" for key in kind.parameters)])).name == kind.name
