"""All controllers of one cluster, put together and set running.

The controllers know clients and a clock only; what they need of the API's inside is given to them here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from lab.sim.api.admission import quota
from lab.sim.api.rest import Rest
from lab.sim.api.store import Change
from lab.sim.api.tokens import Tokens
from lab.sim.clock import Clock
from lab.sim.controllers.certificate_signing import Sign
from lab.sim.controllers.cluster_controllers import Surroundings, cluster_controllers
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.cronjob import CronJobController
from lab.sim.controllers.custom_resources import CustomResources
from lab.sim.controllers.daemonset import DaemonSetController
from lab.sim.controllers.deployment import DeploymentController
from lab.sim.controllers.informer import Handler, Informer
from lab.sim.controllers.job import JobController
from lab.sim.controllers.replicaset import ReplicaSetController, ReplicationControllerController
from lab.sim.controllers.simulated_node import make_node
from lab.sim.controllers.statefulset import StatefulSetController
from lab.sim.controllers.timing import INSTANT, REALISTIC
from lab.sim.inprocess import InProcessClient
from lab.sim.logs import Logs
from lab.sim.programs import ClientFor, Programs

_WORKLOADS: tuple[type[Controller], ...] = (
    CustomResources,
    DeploymentController,
    ReplicaSetController,
    ReplicationControllerController,
    StatefulSetController,
    DaemonSetController,
    JobController,
    CronJobController,
)
_MANAGERS = {
    "kubelet": "kubelet",
    "default-scheduler": "kube-scheduler",
    "kube-apiserver": "kube-apiserver",
    "clusterrole-aggregation-controller": "clusterrole-aggregation-controller",
}
"""Field managers; every other controller is a part of kube-controller-manager."""
_log = logging.getLogger(__name__)
_TIMINGS = {"instant": INSTANT, "realistic": REALISTIC}


@dataclass(frozen=True, slots=True)
class Needs:
    """What the controllers of one cluster stand on."""

    rest: Rest
    clock: Clock
    name: str
    """The cluster's; its nodes are named after it."""
    workers: int
    timing: str
    """`instant` or `realistic`."""
    certificate: bytes
    """The cluster's CA, PEM."""
    sign: Sign
    tokens: Tokens
    logs: Logs
    programs: Programs
    client_for: ClientFor
    loaded: Callable[[str], bool]
    """Whether every node has an image without pulling it."""


class ControlPlane:
    """The running controllers of one cluster. Started in the event loop's thread, ended with `stop`."""

    def __init__(self, needs: Needs) -> None:
        rest, clock = needs.rest, needs.clock
        informers = Informers(self._client(rest, "kube-controller-manager"), clock, rest.minor)
        nodes = [make_node(needs.name, rest.minor, clock.now())]
        nodes += [
            make_node(needs.name, rest.minor, clock.now(), number=number + 1, control_plane=False)
            for number in range(needs.workers)
        ]
        around = Surroundings(
            registry=rest.registry,
            logs=needs.logs,
            nodes=nodes,
            timing=_TIMINGS[needs.timing],
            certificate=needs.certificate.decode(),
            sign=needs.sign,
            token_of=lambda account, secret: needs.tokens.issue(account, secret=secret),
            quota_used=lambda one: quota.used(rest, one),
            programs=needs.programs,
            client_for=needs.client_for,
            loaded=needs.loaded,
        )
        controllers, handlers = cluster_controllers(
            lambda manager: self._client(rest, manager), clock, informers, around
        )
        controllers += [kind(self._client(rest, kind.name), clock, informers) for kind in _WORKLOADS]
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: dict[str, Informer] = {}
        self._forget = self._follow(rest, handlers)
        for informer in informers:
            if rest.store.count(informer.resource):
                self._begin(informer)
            else:
                informer.begin_empty(rest.store.revision)
                self._waiting[informer.resource] = informer
        for controller in controllers:
            if controller.has_work:
                self._begin(controller)
            else:
                controller.on_work = partial(self._begin, controller)

    def _begin(self, one: Controller | Informer) -> None:
        """Set running what has something to do; most of an empty cluster has not, and costs nothing."""
        if isinstance(one, Controller):
            one.on_work = None
        task = asyncio.ensure_future(one.run())
        task.add_done_callback(_ended)
        self._tasks.append(task)

    def _client(self, rest: Rest, manager: str) -> InProcessClient:
        return InProcessClient(rest, _MANAGERS.get(manager, "kube-controller-manager"))

    def _follow(self, rest: Rest, handlers: list[Handler]) -> Callable[[], None]:
        """Tell the handlers of everything there is and of every change."""
        for storage in rest.store.storages:
            for obj in rest.store.scan(storage):
                for handler in handlers:
                    handler(None, obj)

        def told(change: Change) -> None:
            informer = self._waiting.pop(change.storage, None)
            if informer is not None:
                self._begin(informer)
            for handler in handlers:
                handler(change.old, change.new)

        return rest.store.listen(told)

    async def stop(self) -> None:
        """End every controller; returns when they have ended."""
        self._forget()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _ended(task: asyncio.Task[None]) -> None:
    """A controller never ends by itself: if one does, the log says why."""
    if not task.cancelled():
        _log.error("a controller ended: %s", task.get_coro(), exc_info=task.exception())
