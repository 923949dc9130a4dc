"""The controllers every simulated cluster has beside those of the workloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lab.sim.api.resources import Object, Registry
from lab.sim.client import Client
from lab.sim.clock import Clock
from lab.sim.controllers.certificate_signing import CertificateSigning, Sign
from lab.sim.controllers.cluster_roles import ClusterRoles
from lab.sim.controllers.controller import Controller, Informers
from lab.sim.controllers.disruption import DisruptionBudgets
from lab.sim.controllers.endpoint_slices import EndpointSlices
from lab.sim.controllers.endpoints import Endpoints
from lab.sim.controllers.garbage_collector import GarbageCollector
from lab.sim.controllers.informer import Handler
from lab.sim.controllers.kubelet import Kubelet
from lab.sim.controllers.namespace import Namespaces
from lab.sim.controllers.nodes import Nodes
from lab.sim.controllers.resource_quota import ResourceQuotas, UsedBy
from lab.sim.controllers.root_ca import RootCertificates
from lab.sim.controllers.scheduler import Scheduler
from lab.sim.controllers.service_account import AccountTokens, ServiceAccounts, TokenOf
from lab.sim.controllers.timing import INSTANT, Timing
from lab.sim.controllers.volumes import Volumes
from lab.sim.logs import Logs
from lab.sim.programs import ClientFor, Programs

ClientOf = Callable[[str], Client]
"""A client with all rights whose field manager has the given name."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the cluster's controllers need beside clients and a clock."""

    registry: Registry
    logs: Logs
    nodes: Sequence[Object] = ()
    """Registered at the start: `nodes.make_node`."""
    timing: Timing = INSTANT
    certificate: str = ""
    """The cluster's CA, PEM."""
    token_of: TokenOf | None = None
    """None: Secrets for service-account tokens are not filled."""
    sign: Sign | None = None
    """None: approved certificate requests are not signed."""
    quota_used: UsedBy | None = None
    """None: quotas have no status."""
    programs: Programs = field(default_factory=Programs)
    client_for: ClientFor | None = None
    """None: no programs are started."""
    loaded: Callable[[str], bool] = lambda _image: False
    """Whether every node has an image without pulling it."""


def cluster_controllers(
    client_of: ClientOf, clock: Clock, informers: Informers, around: Surroundings
) -> tuple[list[Controller], list[Handler]]:
    """The controllers, not yet running, and the handlers that must be told of every change of every resource.

    The handlers neither write nor wait, so a store may call them within a write; they are first told of everything
    there is, as additions.
    """

    def made(kind: type[Controller], *more: object) -> Controller:
        return kind(client_of(kind.name), clock, informers, *more)

    collector = GarbageCollector(client_of(GarbageCollector.name), clock, informers, around.registry.kind)
    namespaces = Namespaces(client_of(Namespaces.name), clock, informers, around.registry)
    kubelet = Kubelet(
        client_of(Kubelet.name),
        clock,
        informers,
        around.timing,
        around.programs,
        around.client_for,
        around.logs,
        around.loaded,
    )
    controllers: list[Controller] = [
        collector,
        namespaces,
        kubelet,
        made(Nodes, around.nodes),
        made(Scheduler),
        made(Volumes),
        made(Endpoints),
        made(EndpointSlices),
        made(ServiceAccounts),
        made(RootCertificates, around.certificate),
        made(DisruptionBudgets),
        made(ClusterRoles),
    ]
    handlers: list[Handler] = [collector.observe, namespaces.observe]
    if around.token_of is not None:
        controllers.append(made(AccountTokens, around.certificate, around.token_of))
    if around.sign is not None:
        controllers.append(made(CertificateSigning, around.sign))
    if around.quota_used is not None:
        quotas = ResourceQuotas(client_of(ResourceQuotas.name), clock, informers, around.quota_used)
        controllers.append(quotas)
        handlers.append(quotas.observe)
    return controllers, handlers
