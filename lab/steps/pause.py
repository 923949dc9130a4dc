"""Stopping containers without losing what is in them."""

from dataclasses import dataclass

from lab.session import Lab
from lab.steps.clusters import node_state
from lab.steps.step import Step, Told


@dataclass(frozen=True, kw_only=True)
class PauseCluster(Step):
    cluster: str

    @property
    def id(self) -> str:
        return f"pause:{self.cluster}"

    @property
    def title(self) -> str:
        return f"pausing {self.cluster}"

    @property
    def clusters(self) -> tuple[str, ...]:
        return (self.cluster,)

    def satisfied(self, lab: Lab) -> str:
        return "it runs" if node_state(lab, self.cluster) in ("running", "partial") else ""

    def run(self, lab: Lab, told: Told) -> None:
        lab.provider.pause(self.cluster)


@dataclass(frozen=True, kw_only=True)
class PauseGit(Step):
    @property
    def id(self) -> str:
        return "pause:git"

    @property
    def title(self) -> str:
        return "pausing the git server"

    def satisfied(self, lab: Lab) -> str:
        return "it runs" if lab.provider.git_running() else ""

    def run(self, lab: Lab, told: Told) -> None:
        lab.provider.stop_git()
