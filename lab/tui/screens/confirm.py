"""The plan of a scenario and what it will create, before anything happens."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content

from lab.events import StepInfo
from lab.model import Scenario
from lab.results import Diagnosis
from lab.tui.actions import Facts, bindings
from lab.tui.messages import Diagnosed, Planned, RunStartedHere
from lab.tui.screens.ask import AskScreen
from lab.tui.screens.page import Page
from lab.tui.source import Choice, Standing
from lab.tui.states import VERDICT
from lab.tui.widgets.bar import crumbs, speaker
from lab.tui.widgets.rows import Panel, Row
from lab.tui.widgets.verdict import verdict


class ConfirmScreen(Page):
    """Left what will be there, right the steps with what each waits for."""

    PAGE = "confirm"
    BINDINGS: ClassVar[list[BindingType]] = bindings("confirm")

    def __init__(self, scenario: Scenario, choice: Choice, standing: Standing | None) -> None:
        super().__init__()
        self.scenario = scenario
        self.choice = choice
        self.standing = standing
        self.steps: tuple[StepInfo, ...] = ()
        self.error = ""
        self.starting = False
        self.made = Panel("what will be there", id="made")
        self.plan = Panel("the plan", id="plan")

    def compose(self) -> ComposeResult:
        yield self.bar
        with Horizontal(id="confirm-panes"):
            yield self.made
            yield self.plan
        yield self.foot

    def on_mount(self) -> None:
        name = self.scenario.name
        self.bar.left = crumbs(Content.styled(name, "bold $accent"), "this is the plan; nothing has happened yet")
        self.bar.right = speaker(self.choice.provider)
        self.plan.show([Row(left=Content.styled("… making the plan", "$text-muted"))])
        self.plan.focus()
        self._ask()

    def _ask(self) -> None:
        choice = self.choice
        self.in_thread(
            lambda: Planned(choice, tuple(self.source.plan(choice))),
            "plan",
            lambda error, hint: Planned(choice, (), error, hint),
        )
        if self.diagnosis is None:
            self.in_thread(
                lambda: Diagnosed(choice, self.source.diagnose(choice)),
                "doctor",
                lambda error, hint: Diagnosed(choice, None, f"{error} {hint}"),
            )
        self._draw()

    @property
    def diagnosis(self) -> Diagnosis | None:
        return self.host.diagnoses.get(self.choice)

    @property
    def obstacle(self) -> str:
        """Why it cannot be started; empty when it can."""
        other = self.standing
        if other is not None and other.scenario != self.choice.scenario:
            name = other.scenario.rpartition("/")[2]
            return f"lab {other.lab} runs {name}; take it down first (esc, l, d), or use --name"
        return self.error

    @property
    def facts(self) -> Facts:
        return Facts(ready=bool(self.steps) and not self.obstacle, reason=self.obstacle or "the plan is not made yet")

    @on(Planned)
    def _take_plan(self, message: Planned) -> None:
        if message.choice != self.choice:
            return
        self.steps, self.error = message.steps, message.error
        if message.error:
            self.plan.show([Row(left=VERDICT["problem"].content(message.error)), Row(left=Content(message.hint))])
        else:
            self.plan.border_title = f"the plan, {len(message.steps)} steps"
            self.plan.border_subtitle = "← comes after"
            self.plan.show(plan_rows(message.steps))
        self._draw()

    @on(Diagnosed)
    def _take_diagnosis(self, message: Diagnosed) -> None:
        if message.diagnosis is not None:
            self.host.diagnoses[message.choice] = message.diagnosis
        self._draw()

    def _draw(self) -> None:
        rows = made_rows(self.scenario, self.choice, self.source.name)
        if self.obstacle:
            rows = [Row(left=VERDICT["problem"].content(self.obstacle)), Row(), *rows]
        elif self.diagnosis is not None:
            rows = [*rows, Row(), *verdict(self.diagnosis)]
        self.made.show(rows)
        self.refresh_bindings()

    # --- actions ------------------------------------------------------------------------------------------------

    def do_start(self) -> None:
        found = self.diagnosis.findings if self.diagnosis else ()
        problems = [f"{f.title}: {f.detail}" for f in found if f.verdict == "problem"]
        if not problems:
            self._start(force=False)
            return
        self.app.push_screen(
            AskScreen("Doctor says it would fail. Start anyway?", problems, yes="start anyway", no="not now"),
            lambda yes: self._start(force=True) if yes else None,
        )

    def _start(self, force: bool) -> None:
        if self.starting:
            return
        self.starting = True
        self.host.last_choice = self.choice
        arguments = self.source.up_arguments(self.choice, force)
        self.in_thread(lambda: RunStartedHere(self.source.start("up", arguments)), "start", self.refused)

    @on(RunStartedHere)
    def _started(self, message: RunStartedHere) -> None:
        self.host.show_run(message.ticket)

    def do_with_ui(self) -> None:
        self.choice = Choice(scenario=self.choice.scenario, provider=self.choice.provider, ui=not self.choice.ui)
        self._ask()

    def do_doctor(self) -> None:
        self.host.open_doctor(self.choice)


def plan_rows(steps: Sequence[StepInfo]) -> list[Row]:
    """The steps with their numbers, and the numbers of those each one waits for."""
    numbers = {step.id: index for index, step in enumerate(steps, 1)}
    rows = []
    for step in steps:
        needs = sorted(numbers[need] for need in step.needs if need in numbers)
        after = f"← {' '.join(map(str, needs))}" if needs else ""
        rows.append(
            Row(
                left=Content.assemble((f"{numbers[step.id]:>2} ", "$text-muted"), step.title),
                right=Content.styled(after, "$text-muted"),
                hang=3,
            )
        )
    return rows


def made_rows(scenario: Scenario, choice: Choice, lab: str) -> list[Row]:
    """What the lab will consist of."""

    def head(text: str) -> Row:
        return Row(left=Content.styled(text, "bold"))

    def item(name: str, *rest: str, width: int = 0) -> Row:
        said = " · ".join(part for part in rest if part)
        return Row(left=Content.assemble(name.ljust(width), (f"  {said}" if said else "", "$text-muted")), indent=2)

    count = len(scenario.clusters)
    wide = max(len(cluster.name) for cluster in scenario.clusters)
    rows = [head(f"{count} clusters" if count > 1 else "1 cluster")]
    for cluster in scenario.clusters:
        labels = [label for label in cluster.labels.values() if label != cluster.role]
        rows.append(item(cluster.name, cluster.role, " ".join(labels), width=wide))
    rows += [Row(), head("Argo CD")]
    for instance in scenario.spec.argocd:
        manages = f"for {', '.join(instance.manages)}" if instance.manages else ""
        how = "from git" if instance.via == "git" else ("with its UI" if choice.ui else "without UI")
        rows.append(item(instance.on, how, manages, width=wide))
    repositories = [repository.name for repository in scenario.spec.repositories]
    if repositories:
        rows += [Row(), head(f"git server {lab}-git")]
        rows += [item(name, "and your clone of it") for name in repositories]
    checks = scenario.checks("up")
    lesson = f", then a lesson of {len(scenario.lesson)} steps" if scenario.lesson else ""
    return [*rows, Row(), head(f"{len(checks)} checks{lesson}")]
