"""What a pod must be like, and the node it is on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from lab.sim.api.resources import Object
from lab.sim.quantity import parse
from tests.sim.invariants.world import Found, World, conditions, holds, leaving, over, rule, rule_at_rest, seconds

_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_STATUSES = (
    ("containers", "containerStatuses"),
    ("initContainers", "initContainerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
)


def _status(pod: Object) -> Object:
    return dict(pod.get("status") or {})


def _main(pod: Object) -> list[Object]:
    return list(_status(pod).get("containerStatuses") or ())


def _each(pod: Object) -> Iterator[Object]:
    for _, field in _STATUSES:
        yield from _status(pod).get(field) or ()


@rule
def phases_are_known(world: World) -> Found:
    for pod in world.of("pods"):
        if _status(pod).get("phase") not in _PHASES:
            yield pod, f"phase is {_status(pod).get('phase')!r}"
        if _status(pod).get("qosClass") not in ("BestEffort", "Burstable", "Guaranteed"):
            yield pod, f"qosClass is {_status(pod).get('qosClass')!r}"


@rule
def statuses_name_the_pods_containers(world: World) -> Found:
    for pod in world.of("pods"):
        for spec, field in _STATUSES:
            wanted = [one["name"] for one in pod["spec"].get(spec) or ()]
            found = [one.get("name") for one in _status(pod).get(field) or ()]
            if len(set(found)) != len(found) or not set(found) <= set(wanted):
                yield pod, f"{field} are of {found}, containers are {wanted}"
            if spec == "containers" and found and len(found) != len(wanted):
                yield pod, f"only {found} of {wanted} have a status"


@rule
def containers_are_in_one_state(world: World) -> Found:
    for pod in world.of("pods"):
        for one in _each(pod):
            state, last = one.get("state") or {}, one.get("lastState") or {}
            if len(state) != 1 or not set(state) <= {"waiting", "running", "terminated"}:
                yield pod, f"{one.get('name')} is in the states {sorted(state)}"
            if set(last) - {"terminated"}:
                yield pod, f"{one.get('name')} was {sorted(last)}"


@rule
def ready_containers_run(world: World) -> Found:
    for pod in world.of("pods"):
        for one in _main(pod):
            if one.get("ready") and "running" not in one.get("state", {}):
                yield pod, f"{one['name']} is ready and does not run"
            if one.get("ready") and not one.get("started"):
                yield pod, f"{one['name']} is ready and has not started"


@rule
def restarts_left_a_trace(world: World) -> Found:
    for pod in world.of("pods"):
        for one in _each(pod):
            ended = "terminated" in (one.get("lastState") or {})
            count = one.get("restartCount")
            if type(count) is not int or count < 0:
                yield pod, f"restartCount of {one.get('name')} is {count!r}"
            elif count and not ended and "terminated" not in one.get("state", {}):
                yield pod, f"{one['name']} was restarted {count} times and never ended"
            elif ended and not count and "running" in one.get("state", {}):
                yield pod, f"{one['name']} runs again and was not restarted"


@rule
def containers_times_are_in_order(world: World) -> Found:
    for pod in world.of("pods"):
        created = seconds(pod["metadata"]["creationTimestamp"]) or 0
        for one in _each(pod):
            for state in (one.get("state") or {}, one.get("lastState") or {}):
                times = [state.get("running", {}).get("startedAt")] if "running" in state else []
                if "terminated" in state:
                    times += [state["terminated"].get("startedAt"), state["terminated"].get("finishedAt")]
                    if type(state["terminated"].get("exitCode")) is not int:
                        yield pod, f"{one['name']} ended without an exit code"
                told = [seconds(at) for at in times if at is not None]
                order = [created, *[at for at in told if at is not None], world.now + 1]
                if None in told or order != sorted(order):
                    yield pod, f"{one['name']}: {times}"


@rule
def container_ids_are_unique(world: World) -> Found:
    seen: dict[str, Object] = {}
    for pod in world.of("pods"):
        for one in _each(pod):
            said = one.get("containerID")
            if said and seen.setdefault(said, one) is not one:
                yield pod, f"{one['name']} has another container's ID {said}"
            if "running" in one.get("state", {}) and not said:
                yield pod, f"{one['name']} runs and has no ID"


@rule
def phases_follow_from_containers(world: World) -> Found:
    for pod in world.of("pods"):
        phase, states = _status(pod).get("phase"), [one.get("state", {}) for one in _main(pod)]
        codes = [state["terminated"].get("exitCode") for state in states if "terminated" in state]
        policy = pod["spec"].get("restartPolicy", "Always")
        if phase == "Pending" and states and all("running" in state for state in states):
            yield pod, "it is Pending and everything runs"
        if phase == "Running" and not states:
            yield pod, "it is Running and has no container statuses"
        if phase == "Running" and policy == "Never" and states and len(codes) == len(states) and not leaving(pod):
            yield pod, "it is Running and everything has ended"
        if phase == "Succeeded" and (len(codes) != len(states) or any(codes) or policy == "Always"):
            yield pod, f"it is Succeeded with exit codes {codes} of {len(states)} containers"
        if phase == "Failed" and any("running" in state for state in states):
            yield pod, "it has Failed and still runs"
        if phase == "Failed" and not _status(pod).get("reason") and states and not any(codes):
            yield pod, "it has Failed without a reason or an exit code"


@rule
def placed_pods_have_a_node(world: World) -> Found:
    for pod in world.of("pods"):
        node = pod["spec"].get("nodeName")
        status = _status(pod)
        if not node and (status.get("phase") != "Pending" or status.get("podIP") or status.get("startTime")):
            yield pod, "it has no node and is no longer waiting for one"
        if bool(node) != holds(pod, "PodScheduled") and (not node or "PodScheduled" in conditions(pod)):
            yield pod, f"its node is {node!r}, PodScheduled {holds(pod, 'PodScheduled')}"
        if status.get("podIP") and [one.get("ip") for one in status.get("podIPs") or ()][:1] != [status["podIP"]]:
            yield pod, f"podIP is {status['podIP']}, podIPs {status.get('podIPs')}"
        if status.get("phase") == "Running" and not (status.get("startTime") and status.get("hostIP")):
            yield pod, "it runs and has no startTime or hostIP"


@rule
def addresses_are_unique(world: World) -> Found:
    seen: dict[str, Object] = {}
    for pod in world.of("pods"):
        address = _status(pod).get("podIP")
        if address and not over(pod) and not pod["spec"].get("hostNetwork"):
            other = seen.setdefault(address, pod)
            if other is not pod:
                yield pod, f"{address} is the address of {other['metadata']['name']} too"


@rule
def readiness_has_an_order(world: World) -> Found:
    for pod in world.of("pods"):
        if holds(pod, "Ready"):
            if not holds(pod, "ContainersReady"):
                yield pod, "it is Ready, its containers are not"
            if _status(pod).get("phase") != "Running":
                yield pod, f"it is Ready and {_status(pod).get('phase')}"
        all_ready = bool(_main(pod)) and all(one.get("ready") for one in _main(pod))
        if "ContainersReady" in conditions(pod) and holds(pod, "ContainersReady") != all_ready:
            yield pod, f"ContainersReady is {holds(pod, 'ContainersReady')}, containers are ready: {all_ready}"
        if holds(pod, "ContainersReady") and not holds(pod, "Initialized"):
            yield pod, "its containers are ready before it is Initialized"


@rule
def pods_tell_their_service_account(world: World) -> Found:
    for pod in world.of("pods"):
        if not pod["spec"].get("serviceAccountName"):
            yield pod, "it has no service account"


@rule_at_rest
def pods_are_on_nodes_that_exist(world: World) -> Found:
    for pod in world.of("pods"):
        node = pod["spec"].get("nodeName")
        if node and not leaving(pod) and world.get("nodes", "", node) is None:
            yield pod, f"node {node} does not exist"


@rule
def nodes_hold_what_they_can(world: World) -> Found:
    asked: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    ports: dict[tuple[str, str, int], Object] = {}
    for pod in world.of("pods"):
        node = pod["spec"].get("nodeName")
        if not node or over(pod):
            continue
        asked[node]["pods"] += parse("1").nanos
        for container in pod["spec"]["containers"]:
            for name, amount in (container.get("resources", {}).get("requests") or {}).items():
                asked[node][name] += parse(str(amount)).nanos
            for port in container.get("ports") or ():
                if port.get("hostPort"):
                    key = (node, port.get("protocol", "TCP"), port["hostPort"])
                    if ports.setdefault(key, pod) is not pod:
                        yield pod, f"host port {port['hostPort']} is taken on {node}"
    for node in world.of("nodes"):
        can = node.get("status", {}).get("allocatable") or {}
        for name, amount in asked[node["metadata"]["name"]].items():
            if name not in can or amount > parse(str(can[name])).nanos:
                yield node, f"its pods ask for more {name} than the {can.get(name)} it has"


@rule_at_rest
def nodes_renew_their_lease(world: World) -> Found:
    for node in world.of("nodes"):
        if "Ready" not in conditions(node):
            yield node, "it has no condition Ready"
        lease = world.get("leases.coordination.k8s.io", "kube-node-lease", node["metadata"]["name"])
        if lease is None or lease["spec"].get("holderIdentity") != node["metadata"]["name"]:
            yield node, "it has no Lease of its own"
        tainted = {one["key"] for one in node["spec"].get("taints") or ()}
        unreachable = conditions(node).get("Ready", {}).get("status") == "Unknown"
        if unreachable != ("node.kubernetes.io/unreachable" in tainted):
            yield node, f"Ready is Unknown: {unreachable}, taints are {sorted(tainted)}"
