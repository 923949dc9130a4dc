"""Everything doctor found, problems first, each with its figures and what mends it."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from lab.results import Diagnosis, Finding
from lab.tui.actions import bindings
from lab.tui.messages import Diagnosed
from lab.tui.screens.page import Page
from lab.tui.source import Choice
from lab.tui.states import VERDICT
from lab.tui.widgets.bar import crumbs, speaker
from lab.tui.widgets.rows import Row, RowList

TITLES = 32
"""Cells for the titles, so that figures stand in one column."""


class DoctorScreen(Page):
    """One row a finding."""

    PAGE = "doctor"
    BINDINGS: ClassVar[list[BindingType]] = bindings("doctor")

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self.choice = choice
        self.diagnosis: Diagnosis | None = None
        self.list = RowList("findings", id="findings")

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.list
        yield self.foot

    def on_mount(self) -> None:
        self.bar.right = speaker(self.choice.provider)
        self.list.focus()
        known = self.host.diagnoses.get(self.choice)
        if known is None:
            self.do_look_again()
        else:
            self._draw(known, "")

    def do_look_again(self) -> None:
        choice = self.choice
        self._draw(None, "")
        self.in_thread(
            lambda: Diagnosed(choice, self.source.diagnose(choice)),
            "doctor",
            lambda error, hint: Diagnosed(choice, None, f"{error}\n{hint}"),
        )

    @on(Diagnosed)
    def _take(self, message: Diagnosed) -> None:
        if message.diagnosis is not None:
            self.host.diagnoses[message.choice] = message.diagnosis
        self._draw(message.diagnosis, message.error)

    def _draw(self, diagnosis: Diagnosis | None, error: str) -> None:
        self.diagnosis = diagnosis
        name = self.choice.scenario.rpartition("/")[2]
        said: Content | str = "looking at this machine…"
        if diagnosis is not None:
            count = sum(f.verdict == "problem" for f in diagnosis.findings)
            mark = VERDICT["ok" if diagnosis.ready else "problem"]
            words = "this machine can run it" if not count else f"{count} problem{'s' if count > 1 else ''} to mend"
            said = mark.content(words)
        self.bar.left = crumbs(Content.styled("doctor", "bold $accent"), name, said)
        if diagnosis is None:
            text = VERDICT["unknown"].content(error) if error else Content.styled("… looking", "$text-muted")
            self.list.show([Row(left=text)])
            return
        self.list.border_title = f"{len(diagnosis.findings)} findings in {diagnosis.seconds:.1f} s"
        self.list.show([finding_row(f) for f in ordered(diagnosis)])

    @property
    def finding(self) -> Finding | None:
        """The one under the highlight."""
        found = self.diagnosis.findings if self.diagnosis else ()
        return next((f for f in found if f.id == self.list.chosen), None)

    def do_copy(self) -> None:
        finding = self.finding
        if finding is None or not finding.fix:
            self.notify("nothing to mend here", severity="warning")
            return
        self.app.copy_to_clipboard(finding.fix)
        self.notify(finding.fix, title="copied", markup=False)


def ordered(diagnosis: Diagnosis) -> list[Finding]:
    """Problems first, then warnings, then what nobody can tell, then what is well."""
    return sorted(diagnosis.findings, key=lambda f: -VERDICT[f.verdict].rank)


def finding_row(finding: Finding) -> Row:
    """One finding; figures in a column beside it when all is well, below when not."""
    mark = VERDICT[finding.verdict]
    left = mark.only() + Content(f" {finding.title}")
    if finding.verdict == "ok":
        gap = Content(" " * max(2, TITLES - left.cell_length))
        return Row(left=left + gap + Content.styled(finding.detail, "$text-muted"), limit=1, id=finding.id)
    below = []
    if finding.detail:
        below.append(Row(left=Content.styled(finding.detail, "$text-muted"), indent=2, hang=0))
    if finding.fix:
        below.append(Row(left=Content.styled(f"$ {finding.fix}", "$accent"), indent=2))
    right = Content.styled(mark.word, f"${mark.color}")
    return Row(left=left, right=right, id=finding.id, below=tuple(below))
