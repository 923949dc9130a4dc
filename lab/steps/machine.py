"""Is this machine able to run the lab?"""

from dataclasses import dataclass

from lab.doctor import diagnose
from lab.errors import LabError
from lab.session import Lab
from lab.steps.step import Step, Told


@dataclass(frozen=True, kw_only=True)
class CheckMachine(Step):
    """Doctor's problems stop the run before anything is made."""

    force: bool = False
    """Go on all the same."""

    @property
    def id(self) -> str:
        return "machine"

    @property
    def title(self) -> str:
        return "checking this machine"

    def satisfied(self, lab: Lab) -> str:
        existing = {node.cluster for node in lab.provider.nodes()}
        missing = [c.name for c in lab.scenario.clusters if c.name not in existing]
        return f"not yet there: {', '.join(missing)}" if missing else ""

    def run(self, lab: Lab, told: Told) -> None:
        judge = lab.judge or diagnose
        diagnosis = judge(lab.settings, lab.scenario, lab.name, options=lab.options, provider=lab.provider.name)
        problems = [finding for finding in diagnosis.findings if finding.verdict == "problem"]
        if problems and self.force:
            told("going on although: " + "; ".join(finding.title for finding in problems))
        elif problems:
            raise LabError(
                "not-ready",
                scenario=lab.scenario.name,
                problems="; ".join(finding.title for finding in problems),
                details="\n".join(f"{finding.title}: {finding.detail}\n  {finding.fix}" for finding in problems),
            )
