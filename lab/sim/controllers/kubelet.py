"""The kubelets of all simulated nodes: bound pods start, run, fail, are restarted and end, without anything running.

Source: Kubernetes `pkg/kubelet/kubelet.go`, `pkg/kubelet/status/status_manager.go`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import traceback
from collections.abc import Callable, Iterable

from lab.sim.api.resources import Object
from lab.sim.api.status import ApiError
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers import faults, pod_inputs
from lab.sim.controllers.behaviour import Behaviour, behaviour_of
from lab.sim.controllers.container_state import RUNNING
from lab.sim.controllers.containers import INIT, Container
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.pod_phases import TERMINAL
from lab.sim.controllers.pod_run import PodRun
from lab.sim.controllers.removal import remove
from lab.sim.controllers.simulated_node import SIMULATED, internal_address, is_simulated, is_stopped, mark_simulated
from lab.sim.controllers.timing import INSTANT, Timing
from lab.sim.logs import Logs
from lab.sim.objects import condition, evolve, name_of, namespace_of
from lab.sim.programs import ClientFor, Factory, Process, Programs

LOGS_ANNOTATION = "sim.gitops-lab.io/logs"
"""Lines a pod's containers log when they start; `CONTAINER: ` before a line limits it to one container."""
_BY_NODE = "node"


class Kubelet(Controller):
    """Every node's kubelet in one controller."""

    name = "kubelet"

    def __init__(
        self,
        client: Client,
        clock: Clock,
        informers: Informers,
        timing: Timing = INSTANT,
        programs: Programs | None = None,
        client_for: ClientFor | None = None,
        logs: Logs | None = None,
        loaded: Callable[[str], bool] = lambda _image: False,
    ) -> None:
        """Take over the simulated nodes.

        `client_for`: gives programs a client that acts as their pod's service account; `loaded`: whether every node
        has an image without pulling it.
        """
        super().__init__(client, clock, informers)
        self.timing = timing
        self.logs = logs if logs is not None else Logs(clock)
        self._programs = programs if programs is not None else Programs()
        self._client_for = client_for
        self._loaded = loaded
        self._runs: dict[tuple[str, str], PodRun] = {}
        self._images: set[tuple[str, str]] = set()
        self._used: dict[str, set[str]] = {}
        self._last_given: dict[str, int] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._pods = self.informer("pods")
        self._pods.index(_BY_NODE, lambda pod: [pod["spec"]["nodeName"]] if pod["spec"].get("nodeName") else ())
        self._nodes = self.informer("nodes")
        self._config_maps = self.informer("configmaps")
        self._secrets = self.informer("secrets")
        self._pods.handle(self._pod_changed)
        self._nodes.handle(self._node_changed)
        self._config_maps.handle(lambda _old, new: self._input_changed("configmap", new))
        self._secrets.handle(lambda _old, new: self._input_changed("secret", new))

    # -- what wakes it

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        pod = new if new is not None else old
        assert pod is not None
        key = (namespace_of(pod), name_of(pod))
        run = self._runs.get(key)
        if run is None:
            if new is not None and new["spec"].get("nodeName"):
                self.enqueue(*key)
        elif new is None or new["metadata"]["resourceVersion"] != run.written:
            self.enqueue(*key)

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None and is_stopped(old) == is_stopped(new):
            return
        node = new if new is not None else old
        assert node is not None
        for pod in self._pods.by(_BY_NODE, name_of(node)):
            self.enqueue_object(pod)

    def _input_changed(self, kind: str, new: Object | None) -> None:
        if new is None or not self._runs:
            return
        namespace, name = namespace_of(new), name_of(new)
        for key, run in self._runs.items():
            if key[0] == namespace and run.waits and pod_inputs.refers_to(run.pod, kind, name):
                run.poked = True
                self.enqueue(*key)

    # -- one pod

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bring one pod to where its time has come."""
        key = (namespace, name)
        run = self._runs.get(key)
        pod = self._pods.get(namespace, name)
        if run is not None and (pod is None or pod["metadata"]["uid"] != run.uid):
            self._drop(key, run)
            run = None
        if pod is None or not pod["spec"].get("nodeName"):
            return
        node = self._nodes.get("", pod["spec"]["nodeName"])
        if node is None or not is_simulated(node) or is_stopped(node):
            if run is not None:
                self._drop(key, run, forget=False)
            return
        if run is None:
            run = self._begin(pod)
            if run is None:
                if pod["metadata"].get("deletionTimestamp"):
                    await remove(self.client, "pods", pod, grace=0)
                return
            self._runs[key] = run
        await self._sync(key, run, pod)

    def _begin(self, pod: Object) -> PodRun | None:
        """Take a pod on; None for one that has ended."""
        status = pod.get("status") or {}
        if status.get("podIP"):
            self._used.setdefault(pod["spec"]["nodeName"], set()).add(status["podIP"])
        if status.get("phase") in TERMINAL:
            return None
        try:
            faults.check(pod)
        except faults.BadFault as wrong:
            run = PodRun(pod, self, self.clock.now())
            run.told.append(("", "Warning", "BadFault", str(wrong)))
            return run
        return PodRun(pod, self, self.clock.now())

    async def _sync(self, key: tuple[str, str], run: PodRun, pod: Object) -> None:
        now = self.clock.now()
        if run.poked:
            run.poked = False
            run.retry(now)
        run.advance(pod, now)
        await self._record(run)
        try:
            pod = await self.client.get("pods", *key)
            if pod["metadata"]["uid"] != run.uid:
                return
            pod = await self._write(run, await self._marked(pod), now)
        except ApiError as error:
            if error.code != 404:
                raise
            return
        if run.gone:
            await remove(self.client, "pods", pod, grace=0)
            return
        self._start_programs(run, pod)
        due = run.due
        if due is not None:
            self.enqueue_after(*key, due - now)

    async def _record(self, run: PodRun) -> None:
        told, run.told = run.told, []
        for field, kind, reason, message in told:
            about = evolve(run.pod, fieldPath=field) if field else run.pod
            await self.client.event(about, kind, reason, message, f"kubelet, {run.node}")

    async def _marked(self, pod: Object) -> Object:
        """The pod with the annotation that says it is simulated; the scheduler has put it on most."""
        if SIMULATED in (pod["metadata"].get("annotations") or {}):
            return pod
        marked = evolve(pod, metadata={})
        mark_simulated(marked, self._nodes.get("", pod["spec"]["nodeName"]))
        return await self.client.update("pods", marked)

    async def _write(self, run: PodRun, pod: Object, now: float) -> Object:
        status = run.status(pod, now)
        if status != pod.get("status"):
            pod = await self.client.status("pods", evolve(pod, status=status))
        run.written = pod["metadata"]["resourceVersion"]
        return pod

    def _drop(self, key: tuple[str, str], run: PodRun, forget: bool = True) -> None:
        for one in run.containers:
            self._cancel(run, one)
        del self._runs[key]
        self._used.get(run.node, set()).discard(run.pod_ip)
        if forget:
            self.logs.forget(*key)

    # -- programs

    def _program(self, container: Object) -> tuple[str, Factory] | None:
        return self._programs.find(pod_inputs.argv(container))

    def _start_programs(self, run: PodRun, pod: Object) -> None:
        if self._client_for is None or run.pod["metadata"].get("deletionTimestamp"):
            return
        found = condition(pod, "Ready")
        ready = found is not None and found["status"] == "True"
        for one in run.containers:
            if one.state.kind != RUNNING or (run.uid, one.run_id) in self._tasks:
                continue
            if not ready and one.role != INIT:
                continue
            program = self._program(one.spec)
            if (
                program is not None
                and self._client_for is not None
                and not run.pod["metadata"].get("deletionTimestamp")
            ):
                self._start_program(run, one, program[1], self._client_for)

    def _start_program(self, run: PodRun, container: Container, factory: Factory, client_for: ClientFor) -> None:
        pod, spec = run.pod, container.spec
        namespace, name = namespace_of(pod), name_of(pod)
        env = pod_inputs.environment(pod, spec, self)
        account = pod["spec"].get("serviceAccountName") or "default"
        process = Process(
            client_for(namespace, account),
            self.clock,
            namespace,
            name,
            container.name,
            tuple(pod_inputs.argv(spec, env)),
            env,
            lambda text: self.logs.write(namespace, name, container.name, text),
            account,
        )
        task = asyncio.create_task(self._run_program(run, container, container.run_id, factory, process))
        self._tasks[run.uid, container.run_id] = task

    async def _run_program(
        self, run: PodRun, container: Container, run_id: str, factory: Factory, process: Process
    ) -> None:
        code = 0
        try:
            await factory(process)
        except asyncio.CancelledError:
            raise
        except Exception:
            code = 1
            process.log(traceback.format_exc())
        self._tasks.pop((run.uid, run_id), None)
        if container.run_id == run_id:
            container.exits(self.clock.now(), code)
            self.enqueue(process.namespace, process.pod)

    def _cancel(self, run: PodRun, container: Container) -> None:
        task = self._tasks.pop((run.uid, container.run_id), None)
        if task is not None:
            task.cancel()

    async def run(self) -> None:
        """Work until cancelled; programs end with it."""
        try:
            await super().run()
        finally:
            tasks, self._tasks = list(self._tasks.values()), {}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- what pods need of their node

    def sources(self) -> pod_inputs.Sources:
        """ConfigMaps and Secrets as this controller sees them."""
        return self

    def config_map(self, namespace: str, name: str) -> Object | None:
        """A ConfigMap."""
        return self._config_maps.get(namespace, name)

    def secret(self, namespace: str, name: str) -> Object | None:
        """A Secret."""
        return self._secrets.get(namespace, name)

    def behaviour(self, pod: Object, container: Object, init: bool) -> Behaviour:
        """What a container will do."""
        try:
            fault = faults.fault_of(pod, container)
        except faults.BadFault:
            fault = None
        argv = pod_inputs.argv(container)
        return behaviour_of(pod, argv, fault, self.timing, init, self._program(container) is not None)

    def has_image(self, node: str, image: str) -> bool:
        """Whether a node has used an image before, or was given it."""
        return (node, image) in self._images or self._loaded(image)

    def got_image(self, node: str, image: str) -> None:
        """A node has an image now."""
        self._images.add((node, image))

    def addresses(self, pod: Object) -> tuple[str, str]:
        """The node's address, and one of its pod network that no other pod has."""
        node = self._nodes.get("", pod["spec"]["nodeName"])
        host = internal_address(node) if node is not None else ""
        if node is None or pod["spec"].get("hostNetwork"):
            return host, host
        name = name_of(node)
        network = ipaddress.ip_network(node["spec"].get("podCIDR") or "10.244.0.0/24")
        used = self._used.setdefault(name, set())
        size = network.num_addresses
        last = self._last_given.get(name, 1)
        for step in range(1, size):
            place = (last + step) % size
            address = str(network[place])
            if 2 <= place < size - 1 and address not in used:
                used.add(address)
                self._last_given[name] = place
                return host, address
        return host, ""

    # -- logs

    def log(self, run: PodRun, container: Container, text: str) -> None:
        """A line for a container's log."""
        self.logs.write(namespace_of(run.pod), name_of(run.pod), container.name, text)

    def began(self, run: PodRun, container: Container) -> None:
        """A container runs: a new log, with what the pod's annotation says or an honest word."""
        namespace, name = namespace_of(run.pod), name_of(run.pod)
        self.logs.begin(namespace, name, container.name)
        scripted = list(_scripted(run.pod, container.name))
        if not scripted and not container.behaviour.output and self._program(container.spec) is None:
            scripted = [f"simulated container: image {container.spec.get('image', '')}, nothing runs here"]
        for line in scripted:
            self.logs.write(namespace, name, container.name, line)

    def ended(self, run: PodRun, container: Container) -> None:
        """A container runs no longer: its program ends and its log is complete."""
        self._cancel(run, container)
        self.logs.end(namespace_of(run.pod), name_of(run.pod), container.name)


def _scripted(pod: Object, container: str) -> Iterable[str]:
    text = (pod["metadata"].get("annotations") or {}).get(LOGS_ANNOTATION, "")
    names = {one["name"] for one in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]}
    for line in text.splitlines():
        head, colon, rest = line.partition(": ")
        if colon and head in names:
            if head == container:
                yield rest
        else:
            yield line
