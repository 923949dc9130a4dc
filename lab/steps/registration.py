"""Registration: what lets an Argo CD work on a cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lab.argocd import registration
from lab.errors import LabError
from lab.model import Capability, Cluster, Rights, Scenario
from lab.results import Link
from lab.session import Lab
from lab.steps.step import Step, Told
from lab.waiting import wait_until

PROBE_TIMEOUT = 120.0


@dataclass(frozen=True, kw_only=True)
class Register(Step):
    """A service account on the cluster, its credential as a Secret on the hub."""

    hub: str
    cluster: Cluster
    rights: Rights | None = None

    @property
    def id(self) -> str:
        return f"register:{self.hub}/{self.cluster.name}"

    @property
    def title(self) -> str:
        hub = "itself" if self.hub == self.cluster.name else self.hub
        return f"registering {self.cluster.name} with {hub}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.hub, self.cluster.name) if self.hub != self.cluster.name else (self.hub,)

    def link(self, lab: Lab, ask: bool = False) -> Link:
        """What the registration is worth now.

        :param ask: also try its credential from inside the hub
        """
        name = self.cluster.name
        return registration.link(
            lab.kube(self.hub),
            self.hub,
            self.cluster,
            lab.provider.server(name),
            lab.provider.ca(name),
            self.rights,
            lab.clock,
            renew_before=registration.RENEW_BEFORE,
            ask=ask,
        )

    def satisfied(self, lab: Lab) -> str:
        link = self.link(lab)
        return "" if link.state == "ok" else f"{link.state}: {link.detail}"

    def run(self, lab: Lab, told: Told) -> None:
        name = self.cluster.name
        registration.register(
            lab.name,
            lab.kube(self.hub),
            self.hub,
            lab.kube(name),
            self.cluster,
            lab.provider.server(name),
            lab.provider.ca(name),
            self.rights,
            registration.RENEW_BEFORE,
            lab.clock,
            keep_labels=True,
        )
        lab.folder.note("registered", hub=self.hub, cluster=name)


def registrations(scenario: Scenario) -> Iterator[Register]:
    """Every registration the lab makes: for each Argo CD it installs, that one's own cluster and those it manages."""
    for instance in scenario.spec.argocd:
        if instance.via == "lab":
            for name in (instance.on, *instance.manages):
                yield Register(hub=instance.on, cluster=scenario.cluster(name), rights=instance.rights.get(name))


@dataclass(frozen=True, kw_only=True)
class ProbeLink(Step):
    """The hub's Argo CD reaches the cluster with the very credential it was given, asked from inside its pod."""

    hub: str
    cluster: str
    requires: ClassVar[tuple[Capability, ...]] = ("runs_containers",)

    @property
    def id(self) -> str:
        return f"probe:{self.hub}/{self.cluster}"

    @property
    def title(self) -> str:
        return f"probing {self.cluster} from inside {self.hub}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.hub, self.cluster)

    def satisfied(self, lab: Lab) -> str:
        return registration.probe(lab.kube(self.hub), self.cluster)

    def run(self, lab: Lab, told: Told) -> None:
        hub = lab.kube(self.hub)
        last = ""

        def probe() -> str:
            nonlocal last
            last = registration.probe(hub, self.cluster)
            return last

        try:
            wait_until(
                probe,
                awaited=f"{self.cluster} as seen from {self.hub}",
                timeout=PROBE_TIMEOUT,
                clock=lab.clock,
                cancel=lab.cancel,
                interval=2.0,
                seen=told,
            )
        except LabError as error:
            if error.code != "wait-timeout":
                raise
            raise LabError("registration-failed", hub=self.hub, cluster=self.cluster, reason=last) from error
