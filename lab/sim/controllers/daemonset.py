"""DaemonSets: one pod on every node that fits.

Source: Kubernetes `pkg/controller/daemon/{daemon_controller,update}.go`.
"""

from __future__ import annotations

from lab.sim.api.resources import Object, Objects
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers import daemonset_pod as daemon
from lab.sim.controllers import daemonset_update as update
from lab.sim.controllers import pod_state
from lab.sim.controllers.controller import Informers
from lab.sim.controllers.pod_control import PodControl
from lab.sim.controllers.revisions import HASH, RESOURCE, Revisions, in_order
from lab.sim.controllers.workload import WorkloadController, compact, labels_of
from lab.sim.objects import name_of

_MOST_AT_ONCE = 250
_FIRST_BACKOFF_SECONDS = 1.0
_LONGEST_BACKOFF_SECONDS = 15 * 60.0


class DaemonSetController(WorkloadController):
    """Keeps a pod of every DaemonSet on every node that fits."""

    name = "daemonset-controller"
    resource = "daemonsets.apps"
    kind = "DaemonSet"

    def __init__(self, client: Client, clock: Clock, informers: Informers) -> None:
        """As `Controller`."""
        super().__init__(client, clock, informers)
        self.pods = self.children("pods")
        self.revisions = self.children(RESOURCE)
        self.nodes = self.informer("nodes")
        self.nodes.handle(self._node_changed)
        self._history = Revisions(client, self.revisions, HASH)
        self._control = PodControl(client, self.name, self.pods)
        self._backoff: dict[str, dict[str, tuple[float, float]]] = {}

    def _node_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None and new is not None:
            before, after = old.get("spec", {}), new.get("spec", {})
            if labels_of(old) == labels_of(new) and before.get("taints") == after.get("taints"):
                return
        for owner in self.objects.list():
            self.enqueue_object(owner)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Create and delete pods node by node, go on with an update, and count."""
        owner = self.objects.get(namespace, name)
        if owner is None:
            return
        if owner["spec"].get("selector") == {}:
            text = "This daemon set is selecting all pods. A non-empty selector is required."
            await self.event(owner, "Warning", "SelectingAll", text)
            return
        if owner["metadata"].get("deletionTimestamp"):
            self._backoff.pop(owner["metadata"]["uid"], None)
            return
        held = await self.claim(self.revisions, owner)
        await self.claim(self.pods, owner)
        current, collisions = await self._history.newest(owner, held)
        mark = labels_of(current).get(HASH, "")
        error = None
        delete, create = await self._misplaced(owner, mark)
        error = await self._sync(owner, delete, create, mark)
        if error is None:
            error = await self._roll(owner, mark)
        pods = self.owned(self.pods, owner)
        if error is None:
            used = {labels_of(pod).get(HASH) for pod in pods} | {mark}
            held = in_order(self.owned(self.revisions, owner))
            live = {name_of(one) for one in held if labels_of(one).get(HASH) in used}
            await self._history.truncate(owner, held, live)
        await self.write_status(owner, self._status(owner, mark, collisions))
        if error is not None:
            raise error
        wait = pod_state.next_availability(pods, self._min_ready(owner), self.clock.now())
        if wait is not None:
            self.enqueue_after(namespace, name, wait)

    def _min_ready(self, owner: Object) -> int:
        return int(owner["spec"].get("minReadySeconds", 0))

    def _is_available(self, owner: Object, pod: Object) -> bool:
        return pod_state.is_available(pod, self._min_ready(owner), self.clock.now())

    def _by_node(self, owner: Object) -> update.PodsByNode:
        found: update.PodsByNode = {}
        for pod in sorted(self.owned(self.pods, owner), key=_age):
            node = daemon.node_of(pod)
            if node:
                found.setdefault(node, []).append(pod)
        return found

    async def _misplaced(self, owner: Object, mark: str) -> tuple[Objects, list[str]]:
        """Pods that have no place any more, and nodes without a pod."""
        by_node = self._by_node(owner)
        delete: Objects = []
        create: list[str] = []
        for node in self.nodes.list():
            name = name_of(node)
            wanted, may_stay = daemon.should_run(owner, node)
            pods = by_node.get(name, [])
            staying = [pod for pod in pods if not pod_state.is_leaving(pod)]
            if wanted and not pods:
                create.append(name)
            elif not may_stay:
                delete += staying
            else:
                running = await self._without_finished(owner, name, staying, delete)
                if not daemon.update_limits(owner, 1)[0]:
                    delete += running[1:]
                elif not running and wanted:
                    create.append(name)
                else:
                    delete += self._surplus(owner, running, mark)
        known = {name_of(node) for node in self.nodes.list()}
        for name, pods in by_node.items():
            if name not in known:
                delete += [pod for pod in pods if not pod["spec"].get("nodeName")]
        return delete, create

    async def _without_finished(self, owner: Object, node: str, pods: Objects, delete: Objects) -> Objects:
        """The pods that run; those that ended are put on the list of deletions, failed ones after a back-off."""
        running = []
        for pod in pods:
            phase = pod_state.phase(pod)
            where = f"{pod['metadata']['namespace']}/{name_of(pod)} on node {node}"
            if phase == "Failed":
                wait = self._wait(owner, node)
                if wait > 0:
                    self.enqueue_after(owner["metadata"]["namespace"], name_of(owner), wait)
                    continue
                text = f"Found failed daemon pod {where}, will try to kill it"
                await self.event(owner, "Warning", "FailedDaemonPod", text)
                delete.append(pod)
            elif phase == "Succeeded":
                text = f"Found succeeded daemon pod {where}, will try to delete it"
                await self.event(owner, "Normal", "SucceededDaemonPod", text)
                delete.append(pod)
            else:
                running.append(pod)
        return running

    def _wait(self, owner: Object, node: str) -> float:
        """Seconds until a failed pod of this node may be replaced; 0 begins the next, longer back-off."""
        records = self._backoff.setdefault(owner["metadata"]["uid"], {})
        now = self.clock.now()
        delay, since = records.get(node, (0.0, 0.0))
        if delay and now - since > 2 * _LONGEST_BACKOFF_SECONDS:
            delay = 0.0
        if delay and now < since + delay:
            return since + delay - now
        records[node] = (min(delay * 2 or _FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS), now)
        return 0.0

    def _surplus(self, owner: Object, running: Objects, mark: str) -> Objects:
        """With `maxSurge` a node may have an old and a new pod: what is beyond that, and the old once the new is up."""
        new = [pod for pod in running if labels_of(pod).get(HASH) == mark]
        old = [pod for pod in running if labels_of(pod).get(HASH) != mark]
        surplus = new[1:] + old[1:]
        if new and old and (not pod_state.is_ready(old[0]) or self._is_available(owner, new[0])):
            surplus.append(old[0])
        return surplus

    async def _sync(self, owner: Object, delete: Objects, create: list[str], mark: str) -> Exception | None:
        pods = (daemon.new_pod(owner, mark, node) for node in create[:_MOST_AT_ONCE])
        error = (await self._control.create_many(owner, pods))[1]
        return await self._control.delete_many(owner, delete[:_MOST_AT_ONCE]) or error

    async def _roll(self, owner: Object, mark: str) -> Exception | None:
        if (owner["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate") != "RollingUpdate":
            return None
        wanted = {name_of(node) for node in self.nodes.list() if daemon.should_run(owner, node)[0]}
        found = update.step(owner, self._by_node(owner), wanted, mark, lambda pod: self._is_available(owner, pod))
        return await self._sync(owner, found.delete, found.create, mark)

    def _status(self, owner: Object, mark: str, collisions: int) -> Object:
        by_node = self._by_node(owner)
        desired = current = wrong = ready = updated = available = 0
        for node in self.nodes.list():
            pods = by_node.get(name_of(node), [])
            if not daemon.should_run(owner, node)[0]:
                wrong += bool(pods)
                continue
            desired += 1
            if pods:
                current += 1
                ready += pod_state.is_ready(pods[0])
                available += self._is_available(owner, pods[0])
                updated += daemon.is_updated(owner, pods[0], mark)
        status: Object = {
            "observedGeneration": owner["metadata"]["generation"],
            "desiredNumberScheduled": desired,
            "currentNumberScheduled": current,
            "numberMisscheduled": wrong,
            "numberReady": ready,
            "updatedNumberScheduled": updated,
            "numberAvailable": available,
            "numberUnavailable": desired - available,
        }
        if collisions:
            status["collisionCount"] = collisions
        return compact(status, "desiredNumberScheduled", "currentNumberScheduled", "numberMisscheduled", "numberReady")


def _age(pod: Object) -> tuple[bool, str, str]:
    """Pods that are on a node before those that wait for it, then the oldest."""
    return not pod["spec"].get("nodeName"), pod["metadata"]["creationTimestamp"], name_of(pod)
