"""Why something is as it is: an Application on a cluster, or a check."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from lab.results import FleetCell
from lab.tui.actions import Facts, bindings
from lab.tui.screens.page import Page
from lab.tui.source import CheckRow
from lab.tui.states import CHECK, Mark, application
from lab.tui.widgets.bar import crumbs, speaker
from lab.tui.widgets.rows import Panel, Row

NAME_WIDTH = 14


@dataclass(frozen=True, kw_only=True)
class Detail:
    """What the screen says."""

    title: str
    mark: Mark
    rows: tuple[Row, ...]
    commands: tuple[str, ...]
    """What shows more, to paste."""
    check: str = ""
    """Id of the check that can be run from here."""
    drill: bool = False
    """Whether running it disturbs the lab."""


class DetailScreen(Page):
    """One subject, in full."""

    PAGE = "detail"
    BINDINGS: ClassVar[list[BindingType]] = bindings("detail")

    def __init__(self, detail: Detail, provider: str, busy: str) -> None:
        super().__init__()
        self.detail, self.provider, self.busy = detail, provider, busy
        self.panel = Panel(detail.title, id="why")

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.panel
        yield self.foot

    def on_mount(self) -> None:
        self.bar.left = crumbs(Content.styled(self.detail.title, "bold $accent"), self.detail.mark.content())
        self.bar.right = speaker(self.provider)
        rows = list(self.detail.rows)
        if self.detail.commands:
            rows += [Row(), Row(left=Content.styled("what shows more", "bold"))]
            rows += [Row(left=Content.styled(command, "$accent"), indent=2) for command in self.detail.commands]
        self.panel.show(rows)
        self.panel.focus()

    @property
    def facts(self) -> Facts:
        return Facts(ready=bool(self.detail.check), busy=self.busy)

    def do_copy(self) -> None:
        if self.detail.commands:
            self.app.copy_to_clipboard(self.detail.commands[0])
            self.notify(self.detail.commands[0], title="copied", markup=False)

    def do_recheck(self) -> None:
        self.app.pop_screen()
        self.host.run_check(self.detail.check, self.detail.drill)


def _fact(name: str, value: str | Content) -> Row:
    return Row(left=Content.assemble((f"{name:<{NAME_WIDTH}}", "$text-muted"), value), hang=NAME_WIDTH)


def of_application(cells: Sequence[FleetCell], age: str) -> Detail:
    """Why an Application is in its state; when several share a place, the one that most needs a person comes first.

    :param age: how long ago the first of them changed, in words
    """
    if not cells[0].application:
        return _of_silence(cells[0])
    ordered = sorted(cells, key=lambda c: -application(c.sync, c.health).rank)
    first = ordered[0]
    rows: list[Row] = []
    for cell in ordered:
        if rows:
            rows.append(Row())
        mark = application(cell.sync, cell.health)
        rows += [
            _fact("application", Content.styled(cell.application, "bold")),
            _fact("state", mark.content()),
            _fact("sync", cell.sync),
            _fact("health", cell.health),
            _fact("revision", cell.revision or "none yet"),
        ]
        if cell is first and age:
            rows.append(_fact("since", f"{age}, {cell.since}"))
        elif cell.since:
            rows.append(_fact("since", cell.since))
        rows += [
            _fact("Argo CD on", cell.instance),
            _fact("deploys to", f"{cell.cluster}, namespace {cell.namespace}"),
        ]
        if cell.applicationset:
            rows.append(_fact("made by", f"ApplicationSet {cell.applicationset}"))
        if cell.message:
            rows.append(_fact("message", cell.message))
        elif mark.rank == 0:
            rows.append(_fact("message", "none: it is what git says, and it is well"))
    commands = [
        f"kubectl --context {first.instance} -n argocd describe application {first.application}",
    ]
    if first.cluster not in ("?", ""):
        commands.append(f"kubectl --context {first.cluster} -n {first.namespace} get all,events")
    return Detail(
        title=first.application,
        mark=application(first.sync, first.health),
        rows=tuple(rows),
        commands=tuple(commands),
    )


def _of_silence(cell: FleetCell) -> Detail:
    """An Argo CD that could not be asked stands in the grid as a cell without an application."""
    rows = (
        _fact("state", application(cell.sync, cell.health).content()),
        _fact("Argo CD on", cell.instance),
        _fact("message", cell.message or "its API does not answer"),
    )
    return Detail(
        title=f"Argo CD on {cell.instance}",
        mark=application(cell.sync, cell.health),
        rows=rows,
        commands=(f"kubectl --context {cell.instance} -n argocd get pods", "lab status"),
    )


def of_check(check: CheckRow) -> Detail:
    """Why a check holds or not."""
    mark = CHECK[check.state]
    rows = [
        _fact("check", Content.styled(check.title, "bold")),
        _fact("id", check.id),
        _fact("outcome", mark.content()),
    ]
    if check.cluster:
        rows.append(_fact("looks at", check.cluster))
    if check.seconds:
        rows.append(_fact("took", f"{check.seconds:.1f} s"))
    if check.reason:
        rows.append(_fact("reason", check.reason))
    if check.hint:
        rows.append(_fact("hint", check.hint))
    if check.phase == "drill":
        rows.append(_fact("drill", "it takes a part of the lab down, looks, and brings it back"))
    if check.evidence:
        rows += [Row(), Row(left=Content.styled("what was found", "bold"))]
        rows += [Row(left=Content(line), indent=2) for line in check.evidence]
    return Detail(
        title=check.id,
        mark=mark,
        rows=tuple(rows),
        commands=(f"lab check {check.id}",),
        check=check.id,
        drill=check.phase == "drill",
    )
