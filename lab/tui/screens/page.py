"""What all full screens share: the registry's actions, the bar, the footer, and work off the app's thread."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on as textual_on
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer
from textual.worker import get_current_worker

from lab.errors import LabError
from lab.tui.actions import Action, Facts, find, on
from lab.tui.messages import Refused
from lab.tui.source import LabSource
from lab.tui.widgets.bar import Bar

if TYPE_CHECKING:
    from lab.tui.app import LabApp

BUG = "run `lab tui -v` from a terminal and report what it prints"


class Page(Screen[None]):
    """A full screen. `PAGE` names it in the registry; `do_<id>` methods carry the actions out."""

    PAGE: ClassVar[str] = ""
    TOOLTIPS: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.bar = Bar()
        self.foot = Footer(show_command_palette=False)

    @property
    def host(self) -> "LabApp":
        """The app, with its own type."""
        return cast("LabApp", self.app)

    @property
    def source(self) -> LabSource:
        return self.host.source

    # --- actions ------------------------------------------------------------------------------------------------

    @property
    def actions(self) -> tuple[Action, ...]:
        return on(self.PAGE)

    @property
    def facts(self) -> Facts:
        """What decides which actions are possible; screens add what they know."""
        return Facts()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide actions that make no sense now; those that a person would expect stay and explain themselves."""
        if action == "act" and parameters:
            chosen = find(str(parameters[0]))
            return not (chosen.hidden and chosen.possible(self.facts))
        return True

    def action_act(self, id: str) -> None:
        """Carry out an action of the registry, or say why not."""
        action = find(id)
        if reason := action.possible(self.facts):
            self.notify(reason, title=f"not now: {action.label}", severity="warning", markup=False)
            return
        getattr(self, action.handler)()

    def do_palette(self) -> None:
        self.app.action_command_palette()

    def do_help(self) -> None:
        self.host.open_help(self.PAGE)

    def do_theme(self) -> None:
        self.host.other_theme()

    def do_quit(self) -> None:
        self.app.exit()

    def do_full(self) -> None:
        pane = next((p for p in self.query(".pane") if p.has_pseudo_class("focus-within") or p.has_focus), None)
        if self.maximized is not None:
            self.minimize()
        elif pane is not None:
            self.maximize(pane, container=False)

    def do_back(self) -> None:
        self.app.pop_screen()

    # --- work ---------------------------------------------------------------------------------------------------

    def in_thread(self, work: Callable[[], Message | None], group: str, failed: Callable[[str, str], Message]) -> None:
        """Do blocking work in a thread and post what comes of it to this screen.

        :param group: a later call of the same group makes this one's answer unwanted
        :param failed: makes the message from an error and its fix
        """

        def run() -> None:
            try:
                message = work()
            except LabError as error:
                message = failed(error.what, error.fix)
            except Exception as error:  # one failed answer must not take the screens down
                message = failed(f"unexpected error: {error!r}", BUG)
            if message is not None and not get_current_worker().is_cancelled:
                self.post_message(message)

        self.run_worker(run, group=group, exclusive=True, thread=True, exit_on_error=False)

    def refused(self, error: str, hint: str) -> Refused:
        return Refused(error, hint)

    @textual_on(Refused)
    def _say_refused(self, message: Refused) -> None:
        text = f"{message.error}\n{message.hint}" if message.hint else message.error
        self.notify(text, severity="error", timeout=12, markup=False)
