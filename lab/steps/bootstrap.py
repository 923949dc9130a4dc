"""The one thing applied by hand."""

from dataclasses import dataclass
from typing import ClassVar

from lab import manifests
from lab.argocd import teardown
from lab.errors import LabError
from lab.kube import ref_of
from lab.model import Bootstrap
from lab.ports import Object
from lab.session import Lab
from lab.steps.step import Step, Told

TEARDOWN_TIMEOUT = 60.0
"""Seconds for a cascade; after that the clusters go anyway."""


@dataclass(frozen=True, kw_only=True)
class ApplyBootstrap(Step):
    """Applied when missing; an object that is there is the learner's to change."""

    bootstrap: Bootstrap
    undoes: ClassVar[bool] = True

    @property
    def id(self) -> str:
        return f"bootstrap:{self.bootstrap.on}:{self.bootstrap.apply}"

    @property
    def title(self) -> str:
        return f"applying {self.bootstrap.apply} to {self.bootstrap.on}"

    @property
    def undo_title(self) -> str:
        return f"removing applications and registrations of {self.bootstrap.on}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.bootstrap.on,)

    def _objects(self, lab: Lab) -> list[Object]:
        values = {f"cluster.{c.name}.server": lab.provider.server(c.name) for c in lab.scenario.clusters}
        found = manifests.documents(lab.scenario.folder / self.bootstrap.apply)
        return [manifests.substitute(obj, values) for obj in found]

    def satisfied(self, lab: Lab) -> str:
        kube = lab.kube(self.bootstrap.on)
        for obj in self._objects(lab):
            ref = ref_of(obj)
            if kube.get(ref) is None:
                return f"{ref.kind} {ref.name} is not there"
        return ""

    def run(self, lab: Lab, told: Told) -> None:
        kube = lab.kube(self.bootstrap.on)
        for obj in self._objects(lab):
            if kube.get(ref_of(obj)) is None:
                kube.apply(obj)

    def undo(self, lab: Lab, told: Told) -> None:
        states = {node.cluster: node.state for node in lab.provider.nodes()}
        if states.get(self.bootstrap.on) != "running":
            return
        away = [c.name for c in lab.scenario.clusters if states.get(c.name) != "running"]
        gone = [*away, *(lab.provider.server(name) for name in away)]
        try:
            teardown.remove(lab.kube(self.bootstrap.on), lab.clock, lab.cancel, TEARDOWN_TIMEOUT, gone)
        except LabError as error:
            # Clusters that the lab made take with them whatever does not go by itself.
            if "can_create" not in lab.provider.capabilities:
                raise
            told(f"{error.what}: {error.why}")
