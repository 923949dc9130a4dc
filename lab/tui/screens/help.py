"""Every key of a screen, from the registry."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from lab.tui import states
from lab.tui.actions import bindings, on, shown
from lab.tui.screens.page import Page
from lab.tui.widgets.bar import crumbs
from lab.tui.widgets.rows import Panel, Row

NAMES = {
    "choose": "choosing a scenario",
    "confirm": "the plan",
    "run": "a run",
    "lab": "the lab",
    "detail": "why",
    "doctor": "doctor",
}


class HelpScreen(Page):
    """Keys and signs."""

    PAGE = "help"
    BINDINGS: ClassVar[list[BindingType]] = bindings("help")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.panel = Panel("keys and signs", id="keys")

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.panel
        yield self.foot

    def on_mount(self) -> None:
        self.bar.left = crumbs(Content.styled("help", "bold $accent"), NAMES.get(self.page, self.page))
        self.panel.show(help_rows(self.page))
        self.panel.focus()


def help_rows(page: str) -> list[Row]:
    """The keys of a screen, how to move, and the signs of the states."""
    rows = [_key(shown(action) or "·", action.help) for action in on(page)]
    rows += [
        Row(),
        _key("tab", "The next pane; shift+tab the one before. The pane with the bright border has the keys."),
        _key("↑ ↓", "Move and scroll; the mouse does both, and clicks on the footer work."),
    ]
    if page in ("lab", "detail", "choose"):
        signs = Content("   ").join([mark.content() for mark in states.APPLICATION.values()])
        rows += [Row(), Row(left=Content.styled("signs", "bold")), Row(left=signs, hang=0)]
    return rows


def _key(key: str, text: str) -> Row:
    return Row(left=Content.assemble((f"{key:>6}", "bold $accent"), "  ", text), hang=8)
