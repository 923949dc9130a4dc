"""Questions that are asked once."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from lab.tui.widgets.rows import Row, Rows


class AskScreen(ModalScreen[bool]):
    """Yes or no, with what it means. The cautious answer has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "no"),
        Binding("y", "answer(True)", "yes"),
        Binding("left,right", "app.focus_next", "other", show=False),
    ]

    def __init__(self, question: str, lines: Sequence[str], *, yes: str, no: str) -> None:
        super().__init__()
        self.question = question
        self.lines = tuple(lines)
        self.yes, self.no = yes, no

    def compose(self) -> ComposeResult:
        body = Rows(id="ask-lines")
        body.show([Row(left=Content(line), hang=2) for line in self.lines])
        with Vertical(id="ask", classes="box") as box:
            box.border_title = Content(self.question)
            yield body
            with Horizontal(id="ask-answers"):
                yield Button(Content(f"{self.no} (n)"), id="no", compact=True)
                yield Button(Content(f"{self.yes} (y)"), id="yes", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class LineScreen(ModalScreen[str]):
    """Asks for one line of text. Escape gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "cancel")]

    def __init__(self, question: str, value: str) -> None:
        super().__init__()
        self.question, self.value = question, value

    def compose(self) -> ComposeResult:
        with Vertical(id="ask", classes="box") as box:
            box.border_title = Content(self.question)
            yield Input(self.value, compact=True)
            yield Static("enter goes on   esc cancels", classes="quiet")

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.dismiss(event.value.strip())

    def action_give_up(self) -> None:
        self.dismiss(None)


class PickScreen(ModalScreen[str]):
    """One of a few. Escape gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "cancel")]

    def __init__(self, question: str, options: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.question = question
        self.options = tuple(options)
        """Value and what is shown."""

    def compose(self) -> ComposeResult:
        with Vertical(id="ask", classes="box") as box:
            box.border_title = Content(self.question)
            yield OptionList(*(Option(Content(text), id=str(i)) for i, (_, text) in enumerate(self.options)))

    @on(OptionList.OptionSelected)
    def _pick(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.options[event.option_index][0])

    def action_give_up(self) -> None:
        self.dismiss(None)
