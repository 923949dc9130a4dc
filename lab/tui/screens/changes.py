"""What a person does to a lab from its screen: check, push, pause, resume, mend, take down."""

import threading

from textual import on, work
from textual.message import Message

from lab.events import RunFinished
from lab.report.states import seconds
from lab.results import LabStatus
from lab.tui.learner import Learner
from lab.tui.messages import LossNamed, PushEnded, RepositoriesRead, RunAdvanced, RunStartedHere, RunVanished
from lab.tui.screens.ask import AskScreen, LineScreen, PickScreen
from lab.tui.screens.page import Page
from lab.tui.source import RunLost

CHECKING = "checking"


class Changes(Page):
    """The changing half of the lab screen. Checks and pushes are shown in place, the rest as a run of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.status: LabStatus | None = None
        self.learner = Learner()
        self.doing = ""
        """What was started from this screen and goes on."""
        self._stop = threading.Event()

    def on_unmount(self) -> None:
        self._stop.set()

    def draw_bar(self) -> None:
        """What goes on is said at the top."""
        raise NotImplementedError

    def draw_checks(self) -> None:
        """The checks have changed."""
        raise NotImplementedError

    def look_again(self) -> None:
        """Something has changed: ask for everything once more, now."""
        raise NotImplementedError

    def _set_doing(self, doing: str) -> None:
        self.doing = doing
        if not doing:
            self.look_again()
        self.draw_bar()
        self.refresh_bindings()

    # --- check --------------------------------------------------------------------------------------------------

    def do_check(self) -> None:
        self.check_these(list(self.learner.usual))

    def check_these(self, ids: list[str]) -> None:
        """Run these checks, or with none the lab's own, and show here what they say."""
        self._set_doing(CHECKING)
        self._follow(ids)

    @work(thread=True, group="check", exit_on_error=False)
    def _follow(self, ids: list[str]) -> None:
        try:
            ticket = self.source.start("check", ids)
            for events in self.source.follow(ticket, self._stop):
                self.post_message(RunAdvanced(events))
        except RunLost as lost:
            self.post_message(RunVanished(lost.lines))
        except Exception as error:  # a run that cannot be started must not take the screens down
            self.post_message(RunVanished((repr(error),)))

    @on(RunAdvanced)
    def _advance(self, message: RunAdvanced) -> None:
        self.learner.hear(message.events)
        for event in message.events:
            if isinstance(event, RunFinished):
                self._set_doing("")
                if event.error and event.error != "checks-failed":
                    self.notify(f"{event.message}\n{event.hint}", severity="error", markup=False, timeout=12)
        self.draw_checks()

    @on(RunVanished)
    def _vanish(self, message: RunVanished) -> None:
        self._set_doing("")
        said = "\n".join(message.lines[-4:]) or "it ended without a word"
        self.notify(said, title="lab check", severity="error", markup=False, timeout=12)

    # --- push ---------------------------------------------------------------------------------------------------

    def do_push(self) -> None:
        self.in_thread(lambda: RepositoriesRead(tuple(self.source.repositories())), "repositories", self.refused)

    @on(RepositoriesRead)
    def _ask_repository(self, message: RepositoriesRead) -> None:
        names = message.names
        if not names:
            self.notify("the scenario has no repository", severity="warning")
        elif len(names) == 1:
            self._ask_message(names[0])
        else:
            self.app.push_screen(PickScreen("push", [(name, name) for name in names]), self._ask_message)

    def _ask_message(self, repository: str | None) -> None:
        if repository:
            self.app.push_screen(
                LineScreen(f"push {repository}: commit message", "change from the lab"),
                lambda message: self._push(repository, message),
            )

    def _push(self, repository: str, message: str | None) -> None:
        if not message:
            return
        self._set_doing("pushing")
        self.in_thread(
            lambda: PushEnded(self.source.push(repository, message)),
            "push",
            lambda error, hint: PushEnded(None, error, hint),
        )

    @on(PushEnded)
    def _pushed(self, message: PushEnded) -> None:
        self._set_doing("")
        pushed = message.pushed
        if pushed is None:
            self.notify(f"{message.error}\n{message.hint}", severity="error", markup=False, timeout=12)
            return
        count = len(pushed.applications)
        reached = f"{count} application{'s' if count != 1 else ''} in {seconds(pushed.seconds)}"
        title = f"pushed {pushed.repository} {pushed.revision[:7]}"
        self.notify(f"reached {reached}", title=title, markup=False, timeout=8)

    # --- runs of their own --------------------------------------------------------------------------------------

    def do_pause(self) -> None:
        self._start("pause")

    def do_resume(self) -> None:
        self._start("resume")

    def do_mend(self) -> None:
        choice = self.host.choice_of(self.status)
        if choice is not None:
            self._start("up", tuple(self.source.up_arguments(choice)))

    def do_down(self) -> None:
        self.in_thread(lambda: LossNamed(self.source.loss()), "loss", self.refused)

    @on(LossNamed)
    def _ask_down(self, message: LossNamed) -> None:
        name = "the lab" if self.source.name == "lab" else f"lab {self.source.name}"
        lines = [*message.loss.lines]
        if message.loss.unsaved:
            lines += ["", f"Only there: {message.loss.unsaved}"]
        self.app.push_screen(
            AskScreen(f"Remove {name}? This goes:", lines, yes="remove", no="keep"),
            lambda yes: self._start("down", ("--yes",)) if yes else None,
        )

    def _start(self, command: str, arguments: tuple[str, ...] = ()) -> None:
        def start() -> Message:
            return RunStartedHere(self.source.start(command, arguments))

        self.in_thread(start, "start", self.refused)

    @on(RunStartedHere)
    def _started(self, message: RunStartedHere) -> None:
        self.host.show_run(message.ticket)
