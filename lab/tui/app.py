"""The app: which screen is shown, and what all of them share."""

import os
import sys
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from lab.model import Scenario
from lab.results import Diagnosis, LabStatus
from lab.tui.palette import ActionCommands
from lab.tui.runview import RunView
from lab.tui.screens.ask import AskScreen
from lab.tui.screens.choose import ChooseScreen
from lab.tui.screens.confirm import ConfirmScreen
from lab.tui.screens.detail import Detail, DetailScreen
from lab.tui.screens.doctor import DoctorScreen
from lab.tui.screens.help import HelpScreen
from lab.tui.screens.lab import LabScreen
from lab.tui.screens.page import Page
from lab.tui.screens.run import RunScreen
from lab.tui.source import Choice, LabSource, Standing, Ticket
from lab.tui.theme import DARK, LIGHT, THEMES

if TYPE_CHECKING:
    from lab.settings import Settings


class LabApp(App[None]):
    """Choose, confirm, watch, look. It starts where the lab is: at a run that goes on, at the lab, or at home."""

    TITLE = "GitOps Lab"
    CSS_PATH = "lab.tcss"
    ALLOW_IN_MAXIMIZED_VIEW = "Bar, Footer"
    COMMANDS = {ActionCommands}  # noqa: RUF012 - as Textual declares it
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "quit", show=False, priority=True),
    ]

    def __init__(self, source: LabSource) -> None:
        super().__init__()
        self.source = source
        self.diagnoses: dict[Choice, Diagnosis] = {}
        """Doctor's verdicts of this session."""
        self.last_scenario = ""
        self.last_choice: Choice | None = None
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def on_mount(self) -> None:
        active, standing = self.source.active(), self.source.standing()
        if active is not None:
            self.push_screen(RunScreen(active))
        elif standing is not None and standing.complete:
            self.push_screen(LabScreen())
        else:
            self.push_screen(ChooseScreen())

    def on_unmount(self) -> None:
        self.source.close()

    # --- where to go --------------------------------------------------------------------------------------------

    def _go(self, page: Page) -> None:
        """Show a page instead of everything that is open."""
        while len(self.screen_stack) > 2:
            self.pop_screen()
        self.switch_screen(page)

    def show_choose(self) -> None:
        self._go(ChooseScreen())

    def show_lab(self) -> None:
        self._go(LabScreen())

    def show_run(self, ticket: Ticket) -> None:
        self._go(RunScreen(ticket))

    def leave_run(self, ended: bool) -> None:
        """From a run to the lab when there is one to look at, else home."""
        standing = self.source.standing()
        if standing is not None and (ended or standing.complete):
            self.show_lab()
        else:
            self.show_choose()

    def open_confirm(self, scenario: Scenario, choice: Choice, standing: Standing | None) -> None:
        self.push_screen(ConfirmScreen(scenario, choice, standing))

    def open_doctor(self, choice: Choice) -> None:
        self.push_screen(DoctorScreen(choice))

    def open_detail(self, detail: Detail, provider: str, busy: str) -> None:
        self.push_screen(DetailScreen(detail, provider, busy))

    def open_help(self, page: str) -> None:
        self.push_screen(HelpScreen(page))

    # --- what screens share -------------------------------------------------------------------------------------

    def run_check(self, check: str, drill: bool) -> None:
        """Run one check on the lab screen; a drill asks first, because it disturbs the lab."""
        page = self.screen
        if not isinstance(page, LabScreen):
            return
        if not drill:
            page.check_these([check])
            return
        lines = ["It takes a part of the lab down, looks, and brings it back.", "That can take some minutes."]
        self.push_screen(
            AskScreen(f"Run the drill {check}?", lines, yes="run", no="not now"),
            lambda yes: page.check_these([check]) if yes else None,
        )

    def choice_again(self, view: RunView) -> Choice | None:
        """What a run brought up, to bring it up again."""
        if view.scenario and view.provider:
            return Choice(scenario=view.scenario, provider=view.provider)
        return self.last_choice

    def choice_of(self, status: LabStatus | None) -> Choice | None:
        """What a lab was brought up from."""
        return Choice(scenario=status.scenario, provider=status.provider) if status else None

    def open_address(self, url: str) -> None:
        """Open it in the browser; where there is none to be seen, say and copy it."""
        self.copy_to_clipboard(url)
        if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            self.open_url(url)
        self.notify(url, title="address, copied", markup=False, timeout=10)

    def other_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name


def run(settings: "Settings", name: str) -> int:
    """Show the screens for the lab of that name until a person leaves them; the exit code.

    :raises LabError: when the lab folder cannot be read
    """
    from lab.tui.local import LocalSource

    source = LocalSource(settings, name)
    # A folder that cannot be read is said on the terminal, where it can be mended.
    source.standing()
    app = LabApp(source)
    app.run()
    return app.return_code or 0
